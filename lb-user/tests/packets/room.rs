//! What the daemon does where the maps of the kernel have little room.

use lb_common::tables::MemberState;
use lb_user::{
    bpf::Datapath,
    bpf::Maps,
    health::{Finding, Health},
    model::{Config, DatapathSettings, Member},
    reconcile,
    sweep::Sweep,
};

use crate::accounts;

/// The one pool with members of these weights; the first is named `first` and has that number in its address.
fn with_members(first: u8, weights: &[u16]) -> Config {
    let mut config = accounts::config();
    let members = weights.iter().zip(first..);
    let members = members.map(|(&weight, number)| Member {
        name: number.to_string(),
        address: [127, 0, 0, number].into(),
        port: Some(8080),
        weight,
        admin_state_up: true,
    });
    config.pools[0].members = members.collect();
    config
}

#[test]
fn a_member_is_down_also_where_there_is_no_room_for_another_schedule() {
    let mut datapath = accounts::load(&DatapathSettings {
        max_flows: 1024,
        schedule_slots: 1024,
        ..DatapathSettings::default()
    });
    let maps = &mut datapath.maps;
    // 768 turns of 1,024; without the last member they would be 767 others.
    let config = with_members(1, &[256, 256, 255, 1]);
    let mut health = Health::default();
    let ids = reconcile::apply(maps, &config, &health).expect("there is room");
    let reason = "it does not answer".to_owned();
    health.set("pool", "4", Finding::Down { reason });
    let refused = reconcile::apply_health(maps, &config, &health).expect_err("there is no room");
    assert!(refused.to_string().contains("schedule_slots"), "{refused}");
    let id = ids.members[&("pool".to_owned(), "4".to_owned())];
    assert_eq!(maps.members[id as usize].state.get(), MemberState::Down as u32);
}

/// Sweeps all flows and all sessions once.
fn sweep_all(sweep: &mut Sweep, maps: &mut Maps) {
    sweep.begin_flows(maps);
    sweep.begin_sessions(maps);
    while sweep.is_under_way() {
        sweep.step(maps);
    }
}

fn with_two_members() -> Datapath {
    accounts::load(&DatapathSettings {
        max_flows: 1024,
        max_members: 2,
        ..DatapathSettings::default()
    })
}

#[test]
fn members_are_replaced_over_and_over_beyond_the_room_for_members() {
    let mut datapath = with_two_members();
    let mut sweep = Sweep::default();
    for round in 1..=20 {
        let maps = &mut datapath.maps;
        let ids = reconcile::apply(maps, &with_members(round, &[1]), &Health::default());
        let ids = ids.unwrap_or_else(|error| panic!("member {round}: {error}"));
        sweep.keep(ids.members.values().copied());
        for client in 1..=10 {
            datapath
                .test_run(accounts::LOOPBACK, &accounts::datagram(client))
                .expect("the kernel runs it");
        }
        let maps = &mut datapath.maps;
        let id = ids.members[&("pool".to_owned(), round.to_string())];
        let held = maps.sessions().filter(|session| session.member == id);
        assert_eq!(held.count(), 10, "member {round}");
        // The flows of the member before end in the first; two more see nobody of it.
        for _ in 0..3 {
            sweep_all(&mut sweep, maps);
        }
    }
}

#[test]
fn an_id_is_not_free_before_two_sweeps_met_nobody_of_its_member() {
    let mut datapath = with_two_members();
    let mut sweep = Sweep::default();
    let none = Health::default();
    let maps = &mut datapath.maps;
    reconcile::apply(maps, &with_members(1, &[1, 1]), &none).expect("there is room");
    reconcile::apply(maps, &with_members(1, &[1]), &none).expect("it is less");
    let other = with_members(1, &[1, 0]);
    let third = {
        let mut config = with_members(1, &[1]);
        config.pools[0]
            .members
            .extend(with_members(3, &[1]).pools.remove(0).members);
        config
    };
    sweep_all(&mut sweep, maps);
    reconcile::apply(maps, &third, &none).expect_err("one sweep is not enough");
    // It comes back and goes again: what was swept before does not count.
    let ids = reconcile::apply(maps, &other, &none).expect("its id is still there");
    sweep.keep(ids.members.values().copied());
    sweep_all(&mut sweep, maps);
    reconcile::apply(maps, &with_members(1, &[1]), &none).expect("it is less");
    sweep_all(&mut sweep, maps);
    reconcile::apply(maps, &third, &none).expect_err("one sweep is not enough");
    sweep_all(&mut sweep, maps);
    reconcile::apply(maps, &third, &none).expect("its id is free");
}

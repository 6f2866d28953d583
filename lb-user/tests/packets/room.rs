//! What the daemon does where the maps of the kernel have little room.

use std::sync::Arc;

use lb_common::tables::MemberState;
use lb_user::{
    bpf::Maps,
    health::{Finding, Health},
    model::{Config, DatapathSettings, Member},
    reconcile::{self, Ids},
};

use crate::accounts;

/// The one pool with members of these weights; the first is named `first` and has that number in its address.
pub(crate) fn with_members(first: u8, weights: &[u16]) -> Config {
    let mut config = accounts::config();
    let members = weights.iter().zip(first..);
    let members = members.map(|(&weight, number)| Member {
        name: number.to_string(),
        display_name: None,
        address: [127, 0, 0, number].into(),
        port: Some(8080),
        weight,
        admin_state_up: true,
        probe_address: None,
        probe_port: None,
    });
    Arc::make_mut(&mut config.pools[0]).members = members.collect();
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
    // 1,280 turns of 2,048, more than is allowed; without the last member they would be 1,279 others.
    let config = with_members(1, &[256, 256, 256, 256, 255, 1]);
    let mut health = Health::default();
    let mut ids = reconcile::apply(maps, &config, &health).expect("there is room");
    let reason = "it does not answer".to_owned();
    health.set("pool", "6", Finding::Down { reason });
    let refused = reconcile::apply_health(maps, &config, &health, &["pool".to_owned()].into(), &mut ids)
        .expect_err("there is no room");
    assert!(refused.to_string().contains("schedule_slots"), "{refused}");
    let id = ids.member("pool", "6").expect("it is there");
    assert_eq!(maps.members[id as usize].state(), MemberState::Down);
}

#[test]
fn a_change_of_health_is_written_for_its_pool_alone() {
    let mut datapath = accounts::load(&DatapathSettings {
        max_flows: 1024,
        ..DatapathSettings::default()
    });
    let maps = &mut datapath.maps;
    let mut config = with_members(1, &[1, 1]);
    let mut other = config.pools[0].clone();
    Arc::make_mut(&mut other).name = "other".into();
    config.pools.push(other);
    let mut health = Health::default();
    let mut ids = reconcile::apply(maps, &config, &health).expect("there is room");
    let schedule = |maps: &Maps, ids: &Ids, pool: &str| {
        let id = ids.pool(pool).expect("it is there");
        maps.pools[id as usize].schedule.get()
    };
    let before = ["pool", "other"].map(|pool| schedule(maps, &ids, pool));
    for pool in ["pool", "other"] {
        let reason = "it does not answer".to_owned();
        health.set(pool, "2", Finding::Down { reason });
    }
    reconcile::apply_health(maps, &config, &health, &["pool".to_owned()].into(), &mut ids)
        .expect("there is room");
    let state = |maps: &Maps, pool: &str| {
        let id = ids.member(pool, "2").expect("it is there");
        maps.members[id as usize].state()
    };
    assert_eq!(state(maps, "pool"), MemberState::Down);
    assert_eq!(state(maps, "other"), MemberState::Up);
    assert_ne!(schedule(maps, &ids, "pool"), before[0]);
    assert_eq!(schedule(maps, &ids, "other"), before[1]);
}

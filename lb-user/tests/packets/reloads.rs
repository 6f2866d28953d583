//! Reload after reload: what goes leaves its id to what comes, once nothing refers to it.

use std::sync::Arc;

use lb_common::{address::Address, filter};
use lb_user::{
    bpf::{Datapath, Error, Maps},
    health::{Finding, Health},
    model::{Config, DatapathSettings, Forwarding, HealthMonitor, PortRange, Probe, SourceNat},
    reconcile::{self, Ids},
    sweep::Sweep,
};

use crate::{accounts, room::with_members};

/// More than there are ids for.
const ROUNDS: u8 = 20;
/// Source addresses that a configuration may use.
const SOURCES: u32 = 4096;

/// A datapath that is reloaded and swept as the daemon does it.
struct Reloaded {
    datapath: Datapath,
    sweep: Sweep,
}

impl Reloaded {
    /// With room for one listener, one pool and so many members.
    fn new(max_members: u32) -> Self {
        let datapath = accounts::load(&DatapathSettings {
            max_flows: 1024,
            max_listeners: 1,
            max_pools: 1,
            max_members,
            schedule_slots: 1024,
            ..DatapathSettings::default()
        });
        let sweep = Sweep::new(&datapath.maps);
        Self { datapath, sweep }
    }

    fn take(&mut self, config: &Config) -> Result<Ids, Error> {
        let ids = reconcile::apply(&mut self.datapath.maps, config, &Health::default())?;
        self.sweep.note_change(&self.datapath.maps);
        Ok(ids)
    }

    /// Sweeps all flows and all sessions so many times.
    fn sweep(&mut self, times: u32) {
        for _ in 0..times {
            self.sweep.begin_flows();
            self.sweep.begin_sessions(&self.datapath.maps);
            while self.sweep.is_under_way() {
                self.sweep.step(&mut self.datapath.maps);
            }
        }
    }

    /// A datagram of a client to a port of the VIP.
    fn ask(&self, client: u8, port: u8) {
        let mut datagram = accounts::datagram(client);
        datagram[37] = port;
        let answer = self.datapath.test_run(accounts::LOOPBACK, &datagram);
        answer.expect("the kernel runs it");
    }

    /// The ports of the listeners of all flows.
    fn ports_of_flows(&self) -> Vec<u32> {
        let maps = &self.datapath.maps;
        let listeners = maps.flow_records().map(|record| record.listener.get());
        listeners
            .map(|id| maps.listeners[id as usize].port.get())
            .collect()
    }
}

/// The one listener at this port.
fn at_port(port: u8, mut config: Config) -> Config {
    Arc::make_mut(&mut config.load_balancers[0]).listeners[0].port = port.into();
    config
}

#[test]
fn members_are_replaced_over_and_over_beyond_the_room_for_members() {
    let mut reloaded = Reloaded::new(1);
    for round in 1..=ROUNDS {
        let ids = reloaded.take(&with_members(round, &[1]));
        let ids = ids.unwrap_or_else(|error| panic!("member {round}: {error}"));
        for client in 1..=10 {
            reloaded.ask(client, 53);
        }
        let id = ids.member("pool", &round.to_string()).expect("it is there");
        let held = reloaded.datapath.maps.sessions();
        assert_eq!(
            held.filter(|session| session.member == id).count(),
            10,
            "member {round}"
        );
        // The flows of the member before end in the first; two more see nobody of it.
        reloaded.sweep(3);
    }
}

#[test]
fn an_id_is_not_free_before_two_sweeps_met_nobody_of_its_member() {
    let mut reloaded = Reloaded::new(1);
    let [both, first] = [&[1, 1][..], &[1]].map(|weights| with_members(1, weights));
    reloaded.take(&both).expect("there is room for two");
    reloaded.take(&first).expect("it is less");
    let third = {
        let mut config = with_members(1, &[1]);
        let mut other = with_members(3, &[1]);
        Arc::make_mut(&mut config.pools[0])
            .members
            .append(&mut Arc::make_mut(&mut other.pools[0]).members);
        config
    };
    reloaded.sweep(1);
    reloaded.take(&third).expect_err("one sweep is not enough");
    // It comes back and goes again: what was swept before does not count.
    reloaded
        .take(&with_members(1, &[1, 0]))
        .expect("its id is still there");
    reloaded.sweep(1);
    reloaded.take(&first).expect("it is less");
    reloaded.sweep(1);
    reloaded.take(&third).expect_err("one sweep is not enough");
    reloaded.sweep(1);
    reloaded.take(&third).expect("its id is free");
}

#[test]
fn listeners_pools_and_source_addresses_are_replaced_over_and_over_beyond_the_room_for_them() {
    let mut reloaded = Reloaded::new(1);
    for round in 1..=ROUNDS {
        let mut config = at_port(round, with_members(round, &[1]));
        let name = format!("pool {round}");
        Arc::make_mut(&mut config.load_balancers[0]).listeners[0].pool = Some(name.clone());
        Arc::make_mut(&mut config.pools[0]).name.clone_from(&name);
        // As many as there may be: their places are used up in the third round.
        let sources =
            (0..SOURCES).map(|low| (u32::from_be_bytes([10, round, 0, 0]) + low).to_be_bytes().into());
        Arc::make_mut(&mut config.pools[0]).forwarding = Forwarding::FullNat(SourceNat {
            snat_addresses: sources.collect(),
            snat_ports: PortRange::default(),
        });
        let ids = reloaded.take(&config);
        let ids = ids.unwrap_or_else(|error| panic!("round {round}: {error}"));
        for client in 1..=10 {
            reloaded.ask(client, round);
        }
        let maps = &reloaded.datapath.maps;
        let listener = ids.listener("listener").expect("it is there");
        let pool = ids.pool(&name).expect("it is there");
        assert_eq!(maps.counters.listener(listener).new_flows, 10, "round {round}");
        assert_eq!(maps.counters.sessions(pool).created, 10, "round {round}");
        let held = maps.sessions().filter(|session| session.key.pool == pool);
        assert_eq!(held.count(), 10, "round {round}");
        let flows = maps.flow_records();
        let flows = flows.filter(|record| record.listener.get() == listener);
        for flow in flows {
            let source = &maps.snat_addresses[flow.snat_address.get() as usize];
            let [.., of_round, _, _] = source.load().0[3].to_ne_bytes();
            assert_eq!(of_round, round);
        }
        reloaded.sweep(3);
    }
}

#[test]
fn a_flow_of_a_listener_that_is_gone_is_never_that_of_another() {
    let mut reloaded = Reloaded::new(1);
    let at = |port| at_port(port, with_members(1, &[1]));
    reloaded.take(&at(1)).expect("there is room");
    reloaded.ask(1, 1);
    for port in 2..=ROUNDS {
        // The VIP has one of the four ids, the flow's listener another.
        for port in [port, port + 1] {
            reloaded.take(&at(port)).expect("there is room for another");
        }
        let refused = reloaded
            .take(&at(port + 2))
            .expect_err("no one looked yet whether ids are free");
        let said = refused.to_string();
        assert!(
            said.contains("half a minute after") && said.contains("max_listeners"),
            "{said}"
        );
        reloaded.sweep(3);
        reloaded.take(&at(port + 2)).expect("one is free");
        assert_eq!(reloaded.ports_of_flows(), [1]);
        // The flow goes on, and is no new one.
        reloaded.ask(1, 1);
        reloaded.take(&at(1)).expect("it has its id still");
        let maps = &reloaded.datapath.maps;
        assert_eq!(reloaded.ports_of_flows(), [1]);
        assert_eq!(maps.counters.listener(2).new_flows, 1);
        reloaded.sweep(2);
    }
    reloaded.take(&at(2)).expect("there is room for another");
    reloaded.datapath.maps.settings[0].clock_offset_s.set(86_400);
    reloaded.sweep(3);
    for port in [3, 4] {
        reloaded.take(&at(port)).expect("the flow is over");
    }
}

#[test]
fn flows_of_a_load_balancer_that_is_gone_go_on_until_they_end() {
    let mut reloaded = Reloaded::new(1);
    let config = with_members(1, &[1]);
    let vip = Address::from(config.load_balancers[0].vip);
    let without = Config {
        load_balancers: Vec::new(),
        ..config.clone()
    };
    reloaded.take(&config).expect("there is room");
    reloaded.ask(1, 53);
    reloaded.take(&without).expect("it is less");
    let is_looked_for = |maps: &Maps| filter::may_be(maps, filter::Kind::Vip, &vip);
    assert!(is_looked_for(&reloaded.datapath.maps));
    reloaded.datapath.maps.settings[0].clock_offset_s.set(86_400);
    reloaded.sweep(3);
    reloaded.take(&without).expect("it is the same");
    assert!(!is_looked_for(&reloaded.datapath.maps));
}

#[test]
fn the_members_of_a_pool_that_keeps_the_port_stay_the_same_under_another_listener() {
    let mut reloaded = Reloaded::new(1);
    let at = |port| {
        let mut config = at_port(port, with_members(1, &[1]));
        Arc::make_mut(&mut config.pools[0]).forwarding = Forwarding::Dsr;
        Arc::make_mut(&mut config.pools[0]).members[0].port = Some(port.into());
        config
    };
    let before = reloaded.take(&at(1)).expect("there is room");
    let after = reloaded.take(&at(2)).expect("there is room for another");
    assert_eq!(before.member("pool", "1"), after.member("pool", "1"));
}

#[test]
fn a_start_takes_members_to_be_down_that_were_when_the_daemon_before_ended() {
    let mut reloaded = Reloaded::new(2);
    let mut config = with_members(1, &[1, 1]);
    let mut health = Health::default();
    let reason = "it does not answer".to_owned();
    health.set("pool", "2", Finding::Down { reason });
    let found = |maps: &Maps, config: &Config| {
        let health = reconcile::health_found(maps, config);
        ["1", "2"].map(|member| health.is_up("pool", member))
    };
    let maps = &mut reloaded.datapath.maps;
    reconcile::apply(maps, &config, &health).expect("there is room");
    // Without a monitor nobody would ever find it up.
    assert_eq!(found(maps, &config), [true, true]);
    Arc::make_mut(&mut config.pools[0]).health_monitor = Some(HealthMonitor {
        probe: Probe::Tcp,
        delay_s: 5,
        timeout_s: 3,
        rise: 3,
        fall: 3,
        address: None,
        port: None,
    });
    assert_eq!(found(maps, &config), [true, false]);
}

#[test]
fn a_pool_that_comes_back_soon_has_its_sessions_still() {
    let mut reloaded = Reloaded::new(1);
    let config = with_members(1, &[1]);
    let ids = reloaded.take(&config).expect("there is room");
    for client in 1..=10 {
        reloaded.ask(client, 53);
    }
    let mut nothing = config.clone();
    Arc::make_mut(&mut nothing.load_balancers[0]).listeners.clear();
    nothing.pools.clear();
    reloaded.take(&nothing).expect("it is less");
    let again = reloaded.take(&config).expect("there is room");
    assert_eq!(again.pool("pool"), ids.pool("pool"));
    assert_eq!(reloaded.datapath.maps.sessions().count(), 10);
    reloaded.sweep(3);
    assert_eq!(reloaded.datapath.maps.sessions().count(), 10);
}

#[test]
fn all_that_there_is_room_for_can_be_replaced_at_once() {
    // 1,024 turns.
    const WEIGHTS: [u16; 5] = [256, 256, 256, 255, 1];
    let mut reloaded = Reloaded::new(WEIGHTS.len() as u32);
    let round = |round: u8| {
        let mut config = at_port(round, with_members(round * 10, &WEIGHTS));
        let name = format!("pool {round}");
        Arc::make_mut(&mut config.load_balancers[0]).vip = [192, 0, 2, round].into();
        Arc::make_mut(&mut config.load_balancers[0]).listeners[0].pool = Some(name.clone());
        Arc::make_mut(&mut config.pools[0]).name = name;
        config
    };
    for number in 1..=ROUNDS {
        reloaded.take(&round(number)).expect("it fits");
        if number > 1 {
            reloaded.take(&round(number + 1)).expect_err("that was too soon");
        }
        reloaded.sweep(2);
    }
}

#[test]
fn a_listener_without_a_pool_takes_nobody_and_is_told_to_whom_it_leads_later() {
    let mut reloaded = Reloaded::new(1);
    let with_pool = with_members(1, &[1]);
    let mut without = with_pool.clone();
    Arc::make_mut(&mut without.load_balancers[0]).listeners[0].pool = None;
    reloaded.take(&without).expect("there is room");
    reloaded.ask(1, 53);
    assert_eq!(reloaded.ports_of_flows().len(), 0);
    reloaded.take(&with_pool).expect("there is room");
    reloaded.ask(1, 53);
    assert_eq!(reloaded.ports_of_flows().len(), 1);
}

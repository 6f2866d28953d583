//! The views over maps in ordinary memory.

mod policies;
mod requests;
mod sessions;
mod titles;
mod world;

use OperatingStatus::{Degraded, Error, NoMonitor, Offline, Online};
use lb_common::{
    address::Address, flow::State, platform::Platform as _, tables::MemberState, verdict::Reason,
};
use world::{CLIENT, NOON, World};

use super::*;
use crate::health::Finding;

#[test]
fn a_held_client_is_told_by_what_and_until_when() {
    let world = World::new();
    world.hold();
    world.pass_time(35);
    // 20 minutes, a 64th of them, and the second that has begun; 35 seconds of them have passed.
    let explanation = world.explain(None, NOON + 200 - (1200 + 18 + 1 - 35));
    assert_eq!(explanation.by, By::Session);
    assert_eq!(
        explanation.reasons,
        [
            "held by its session with pool web until 12:03:07 UTC (idle 20 min, last seen 35 s ago): \
             new connections go to one",
            "one counts as up, since nothing monitors it; if it went down, the session would move to the member that ROUND_ROBIN then \
             chooses, and stay there",
        ]
    );
}

#[test]
fn a_session_holds_to_its_last_second_and_not_beyond() {
    let world = World::new();
    world.hold();
    world.pass_time(1205);
    let last = world.explain(None, NOON).session.unwrap();
    assert_eq!((last.ends_in_s, last.ends_at_unix_s), (1, NOON + 1));
    assert_eq!(world.explain(None, NOON).by, By::Session);
    world.pass_time(1);
    world.assert_said(
        Some("one"),
        By::Algorithm,
        &["its session with pool web is over: the next connection begins another"],
    );
    assert_eq!(world.explain(None, NOON).session, None);
}

#[test]
fn an_absolute_end_is_said_too() {
    let world = World::new();
    world.pool().session_absolute_s.set(7200);
    world.hold();
    world.pass_time(60);
    world.assert_said(
        Some("one"),
        By::Session,
        &["not beyond 13:59:00 UTC: the session began 1 min ago"],
    );
}

#[test]
fn a_session_of_a_draining_member_holds_and_of_a_dead_one_moves() {
    let world = World::new();
    world.hold();
    world.set_state(0, MemberState::Draining);
    world.assert_said(
        Some("one"),
        By::Session,
        &["one is draining: it keeps its sessions and gets no new ones"],
    );
    world.set_state(0, MemberState::Down);
    world.assert_said(
        Some("two"),
        By::Algorithm,
        &["names one, which takes no packets: the next packet moves it to two, chosen by ROUND_ROBIN, where it stays"],
    );
    world.set_state(1, MemberState::Down);
    world.assert_said(
        None,
        By::Nothing,
        &["no other member takes new clients: it is refused"],
    );
}

#[test]
fn a_client_without_session_is_told_what_its_next_connection_does() {
    let world = World::new();
    world.assert_said(
        Some("one"),
        By::Algorithm,
        &[
            "pool web holds no session of 203.0.113.7; its next connection begins one, of 20 min",
            "ROUND_ROBIN gives a new connection to one: whose turn it is",
        ],
    );
    world.pool().session_idle_s.set(0);
    world.assert_said(
        Some("one"),
        By::Algorithm,
        &["pool web has no session persistence"],
    );
}

#[test]
fn clients_that_share_a_session_are_told_of_the_network() {
    let world = World::new();
    world.pool().client_mask_v4.store(&Address::mask(96 + 24));
    world.hold();
    world.assert_said(
        Some("one"),
        By::Session,
        &["the session is that of all clients in its network, 203.0.113.0"],
    );
}

#[test]
fn a_listener_that_is_off_sends_nobody_anywhere() {
    let mut world = World::new();
    Arc::make_mut(&mut world.config.load_balancers[0]).listeners[0].admin_state_up = false;
    world.hold();
    world.assert_said(
        None,
        By::Nothing,
        &["listener web is switched off: its port is a closed one"],
    );
}

#[test]
fn who_cannot_be_a_client_is_not_explained() {
    let world = World::new();
    for (client, port, refusal) in [
        (
            "2001:db8::7",
            None,
            "2001:db8::7 cannot reach TCP://192.0.2.1:80: of the two, one is IPv4 and the other IPv6",
        ),
        (
            "192.0.2.1",
            None,
            "no client is 192.0.2.1: packets that say so are dropped as `bad_source`",
        ),
        (
            "0.0.0.0",
            None,
            "no client is 0.0.0.0: packets that say so are dropped as `bad_source`",
        ),
        (
            "198.51.100.7",
            Some(0),
            "no client has the port 0: packets that say so are dropped as `port_zero`",
        ),
    ] {
        let question = Question {
            client: client.parse().unwrap(),
            port,
            listener: "web".into(),
            request: AskedRequest::default(),
        };
        assert_eq!(
            Explainer::new(&world.scene(), question).unwrap_err().to_string(),
            refusal
        );
    }
}

#[test]
fn a_reload_during_the_look_at_the_flows_is_taken_into_account() {
    let mut world = World::new();
    let question = || Question {
        client: CLIENT.parse().unwrap(),
        port: None,
        listener: "web".into(),
        request: AskedRequest::default(),
    };
    let begin = |world: &World| Explainer::new(&world.scene(), question()).unwrap();
    let explainer = begin(&world);
    Arc::make_mut(&mut world.config.load_balancers[0]).listeners[0].admin_state_up = false;
    let explanation = explainer.finish(&world.scene(), NOON).unwrap();
    assert_eq!(explanation.by, By::Nothing);

    let explainer = begin(&world);
    world.config.load_balancers.clear();
    let complaint = explainer.finish(&world.scene(), NOON).unwrap_err().to_string();
    assert!(complaint.contains("there is no listener \"web\""), "{complaint}");
}

#[test]
fn of_many_flows_the_open_ones_are_listed_first() {
    let world = World::new();
    (1..=40).for_each(|port| world.open(port, State::TcpFin));
    (101..=102).for_each(|port| world.open(port, State::TcpEstablished));
    let explanation = world.explain(None, NOON);
    assert_eq!((explanation.flows.len(), explanation.more_flows), (32, 10));
    let states: Vec<&str> = explanation.flows.iter().map(|flow| flow.state.as_str()).collect();
    assert_eq!(states[..3], ["established", "established", "closing"]);
}

#[test]
fn a_flow_is_explained_by_its_port_until_it_expires() {
    let world = World::new();
    world.open(4000, State::TcpEstablished);
    world.pass_time(100);
    let explanation = world.explain(Some(4000), NOON);
    assert_eq!(
        (explanation.by, explanation.member.as_deref()),
        (By::Flow, Some("one"))
    );
    let flow = &explanation.flows[0];
    assert_eq!((flow.idle_s, flow.expires_in_s), (100, 800));
    assert_eq!(world.explain(Some(4001), NOON).by, By::Algorithm);
    // Its member does not take its packets any more: it is not the flow that decides.
    world.set_state(0, MemberState::Down);
    let moved = world.explain(Some(4000), NOON);
    assert_eq!((moved.by, moved.member.as_deref()), (By::Algorithm, Some("two")));
    assert!(moved.reasons[0].ends_with("with one, which takes no packets: the next packet moves it"));
    world.set_state(0, MemberState::Up);
    world.pass_time(801);
    assert_eq!(world.explain(Some(4000), NOON).flows, []);
}

#[test]
fn a_status_says_why_a_member_is_down() {
    let mut world = World::new();
    world.set_state(0, MemberState::Down);
    let why = |world: &World| {
        let members = world.status().pools.remove(0).members.into_iter();
        members.map(|member| member.why_down).collect::<Vec<_>>()
    };
    assert_eq!(why(&world), [Some("there is no route to it".into()), None]);
    let name = world.config.pools[0].members[0].name.clone();
    let reason = "connection refused".to_owned();
    world.health.set(
        "web",
        &name,
        Finding::Down {
            reason: reason.clone(),
        },
    );
    assert_eq!(why(&world), [Some(reason), None]);
}

#[test]
fn a_status_counts_what_passed_and_what_is_held() {
    let world = World::new();
    world.open(4000, State::TcpEstablished);
    world.open(4001, State::TcpFin);
    world.hold();
    for (id, packets) in [(world.members[0], 3), (world.members[1], 4)] {
        world.platform.count_member(id, |traffic| {
            traffic.packets_in += packets;
            traffic.bytes_out += 100 * packets;
        });
    }
    world
        .platform
        .count_sessions(world.ids.pool("web").unwrap(), |counts| counts.expired += 2);
    world.pool().swept_sessions.set(5);
    world.platform.count_reason(Reason::FlowEvicted);
    world.platform.count_reason(Reason::PortZero);
    world.platform.count_reason(Reason::Forwarded);

    let status = world.status();
    let pool = &status.pools[0];
    assert_eq!((pool.traffic.packets_in, pool.traffic.bytes_out), (7, 700));
    assert_eq!(
        (
            pool.active_flows,
            status.load_balancers[0].listeners[0].active_flows
        ),
        (1, 1)
    );
    let sessions = pool.sessions.unwrap();
    assert_eq!((sessions.now, sessions.events.expired), (1, 7));
    let of_members = pool
        .members
        .iter()
        .map(|member| member.sessions.map(|sessions| sessions.now));
    assert_eq!(of_members.collect::<Vec<_>>(), [Some(1), Some(0)]);
    let packets: Vec<_> = status
        .packets
        .iter()
        .map(|packets| (packets.fate.as_str(), packets.reason.as_str(), packets.count))
        .collect();
    assert_eq!(
        packets,
        [
            ("forwarded", "forwarded", 1),
            ("dropped", "port_zero", 1),
            ("beside", "flow_evicted", 1)
        ]
    );
    world.pass_time(1206);
    assert_eq!(world.status().pools[0].sessions.unwrap().now, 0);
}

#[test]
fn a_dead_member_shows_in_all_that_depends_on_it() {
    let world = World::new();
    let states = |world: &World| {
        let status = world.status();
        let balancer = &status.load_balancers[0];
        [
            status.pools[0].members[0].status,
            status.pools[0].status,
            balancer.listeners[0].status,
            balancer.status,
        ]
    };
    assert_eq!(states(&world), [NoMonitor, Online, Online, Online]);
    world.set_state(0, MemberState::Down);
    assert_eq!(states(&world), [Error, Degraded, Degraded, Degraded]);
    world.set_state(1, MemberState::Down);
    assert_eq!(states(&world), [Error, Error, Error, Error]);
}

#[test]
fn a_listener_without_a_pool_refuses_its_clients_and_does_all_that_it_is_to_do() {
    let mut world = World::new();
    Arc::make_mut(&mut world.config.load_balancers[0]).listeners[0].pool = None;
    world.assert_said(
        None,
        By::Nothing,
        &[
            "listener web has no pool",
            "nobody takes new clients: it is refused",
        ],
    );
    let listener = &world.status().load_balancers[0].listeners[0];
    assert_eq!((listener.status, listener.pool.as_deref()), (Online, None));
}

/// What `status` says of a configuration without maps.
fn status_without_maps(world: &World, plane: DataPlane) -> Status {
    let sight = MaybeMaps(None);
    let scene = Scene {
        config: &world.config,
        plane,
        health: &world.health,
        ids: &Ids::default(),
        proxied: world.look.report(),
        look: world.look.clone(),
        sight: &sight,
    };
    status(&scene, &Census::of(&scene), &[], Doings::default())
}

#[test]
fn without_a_layer_4_only_what_the_proxy_serves_is_online() {
    let mut world = World::proxied();
    let spare = model::Pool {
        name: "spare".into(),
        ..model::Pool::clone(&world.config.pools[0])
    };
    world.config.pools.push(spare.into());
    let status = status_without_maps(&world, DataPlane::Kernel);
    let pools: Vec<_> = status
        .pools
        .iter()
        .map(|pool| (pool.name.as_str(), pool.status))
        .collect();
    assert_eq!(
        pools,
        [
            ("shop", Online),
            ("own", Online),
            ("plain", Online),
            ("spare", Offline)
        ]
    );
    assert_eq!(status.load_balancers[0].status, Online);
    assert_eq!((status.packets, status.interfaces), (Vec::new(), Vec::new()));
}

#[test]
fn where_nobody_is_served_everything_is_offline() {
    for mut world in [World::new(), World::proxied()] {
        world.look = Look::default();
        let status = status_without_maps(&world, DataPlane::Noop);
        assert_eq!(status.daemon.dataplane, DataPlane::Noop);
        let balancers = status.load_balancers.iter();
        let balancers = balancers.flat_map(|balancer| {
            let listeners = balancer.listeners.iter().map(|listener| listener.status);
            listeners.chain([balancer.status])
        });
        let pools = status.pools.iter().flat_map(|pool| {
            let members = pool.members.iter().map(|member| member.status);
            members.chain([pool.status])
        });
        let mut all = balancers.chain(pools);
        assert!(all.all(|status| status == Offline));
        assert_eq!(status.pools[0].members[0].why_down, None);
    }
}

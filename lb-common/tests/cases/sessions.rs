//! What persistence holds, and whom the schedulers choose.

use std::{collections::HashSet, sync::Barrier, thread};

use lb_common::{
    tables::{Algorithm, MemberState},
    verdict::Verdict,
};

use super::{
    build::{Builder, FIN, RST, SYN, TCP, UDP},
    core::{CLIENTS, Core as _},
    world::{Family, Plan},
};

pub(crate) fn held() -> Plan {
    Plan {
        session_idle_s: 64,
        ..Plan::default()
    }
}

#[test]
fn a_session_holds_the_later_flows_of_a_client_on_its_member() {
    for family in [Family::V4, Family::V6] {
        let world = Plan {
            family,
            member_family: family,
            ..held()
        }
        .build();
        let member = world.chosen(&world.first(1, 4000));
        for port in 4001..4010 {
            assert_eq!(world.chosen(&world.first(1, port)), member);
        }
        assert_eq!(
            world.chosen(&world.first(2, 4000)),
            2,
            "another client has its own"
        );
        let counts = world.core.session_counts(world.pool);
        assert_eq!((counts.created, counts.held), (2, 9));
        assert_eq!(world.core.session_count(), 2);
    }
}

#[test]
fn without_persistence_flows_of_one_client_are_dealt_in_turn() {
    let world = Plan::default().build();
    let chosen: Vec<u32> = (0..4)
        .map(|port| world.chosen(&world.first(1, 4000 + port)))
        .collect();
    assert_eq!(chosen, [1, 2, 1, 2]);
}

#[test]
fn a_session_ends_when_its_duration_has_passed_without_packets() {
    let world = held().build();
    assert_eq!(world.chosen(&world.first(1, 4000)), 1);
    world.pass_time(64);
    assert_eq!(world.chosen(&world.first(1, 4001)), 1, "not before its time");
    world.pass_time(66);
    assert_eq!(world.chosen(&world.first(1, 4002)), 2, "dealt anew");
    assert_eq!(world.core.session_counts(world.pool).expired, 1);
}

#[test]
fn packets_of_a_live_flow_keep_its_session() {
    let world = held().build();
    assert_eq!(world.chosen(&world.first(1, 4000)), 1);
    for _ in 0..10 {
        world.pass_time(40);
        assert_eq!(world.chosen(&world.later(1, 4000, 0)), 1);
    }
    assert_eq!(world.chosen(&world.first(1, 4001)), 1);
    assert_eq!(world.core.session_counts(world.pool).expired, 0);
}

#[test]
fn an_absolute_limit_ends_a_session_that_is_in_use() {
    let world = held().build();
    world.pool().session_absolute_s.set(100);
    assert_eq!(world.chosen(&world.first(1, 4000)), 1);
    for port in 1..=4 {
        world.pass_time(24);
        assert_eq!(world.chosen(&world.first(1, 4000 + port)), 1);
    }
    world.pass_time(4);
    assert_eq!(world.chosen(&world.first(1, 4010)), 2);
}

#[test]
fn a_session_moves_once_when_its_member_goes_down_and_stays_moved() {
    let world = held().build();
    assert_eq!(world.chosen(&world.first(1, 4000)), 1);
    world.member(0).set_state(MemberState::Down);
    world.core.lay_out(world.pool);
    assert_eq!(world.chosen(&world.first(1, 4001)), 2);
    world.member(0).set_state(MemberState::Up);
    world.core.lay_out(world.pool);
    for port in 4002..4006 {
        assert_eq!(world.chosen(&world.first(1, port)), 2);
    }
    assert_eq!(world.core.session_counts(world.pool).moved, 1);
}

#[test]
fn a_client_that_moved_stays_moved_also_where_it_begins_anew_from_a_port_that_it_had() {
    for protocol in [TCP, UDP] {
        let world = Plan { protocol, ..held() }.build();
        assert_eq!(world.chosen(&world.first(1, 4000)), 1);
        world.member(0).set_state(MemberState::Down);
        world.core.lay_out(world.pool);
        assert_eq!(world.chosen(&world.first(1, 4001)), 2);
        world.member(0).set_state(MemberState::Up);
        world.core.lay_out(world.pool);
        assert_eq!(world.chosen(&world.first(1, 4000)), 2, "{protocol}");
        assert_eq!((world.flows(), world.returns()), (2, 2));
    }
}

#[test]
fn what_was_silent_while_its_member_was_down_goes_on_where_it_was() {
    let world = held().build();
    for port in [4000, 4001] {
        world.establish(1, port);
    }
    let before = world.forward(&world.later(1, 4000, 0));
    world.member(0).set_state(MemberState::Down);
    world.member(0).set_state(MemberState::Up);
    let after = world.forward(&world.later(1, 4000, 0));
    assert_eq!((after.from(), after.to()), (before.from(), before.to()));
    // Its client moves meanwhile.
    world.member(0).set_state(MemberState::Down);
    world.core.lay_out(world.pool);
    assert_eq!(world.chosen(&world.first(1, 4002)), 2);
    world.member(0).set_state(MemberState::Up);
    world.core.lay_out(world.pool);
    assert_eq!(world.chosen(&world.later(1, 4001, 0)), 1);
}

#[test]
fn a_live_flow_moves_with_its_session_when_its_member_goes_down() {
    let world = held().build();
    assert_eq!(world.chosen(&world.first(1, 4000)), 1);
    world.member(0).set_state(MemberState::Down);
    world.core.lay_out(world.pool);
    assert_eq!(world.chosen(&world.later(1, 4000, 0)), 2);
    world.member(0).set_state(MemberState::Up);
    world.core.lay_out(world.pool);
    assert_eq!(world.chosen(&world.later(1, 4000, 0)), 2);
    assert_eq!(world.chosen(&world.first(1, 4001)), 2);
    assert_eq!((world.flows(), world.returns()), (2, 2));
    assert_eq!(world.member(0).active_flows.get(), 0);
    assert_eq!(world.member(1).active_flows.get(), 2);
}

#[test]
fn a_draining_member_keeps_its_sessions_and_gets_no_new_ones() {
    let world = held().build();
    assert_eq!(world.chosen(&world.first(1, 4000)), 1);
    world.member(0).set_state(MemberState::Draining);
    assert_eq!(world.chosen(&world.first(1, 4001)), 1);
    assert_eq!(world.chosen(&world.later(1, 4000, 0)), 1);
    for client in 2..8 {
        assert_eq!(world.chosen(&world.first(client, 4000)), 2);
    }
}

#[test]
fn clients_of_one_network_share_a_session_under_a_mask() {
    let world = held().build();
    world
        .pool()
        .client_mask_v4
        .store(&lb_common::address::Address::mask(96 + 24));
    assert_eq!(world.chosen(&world.first(1, 4000)), 1);
    assert_eq!(world.chosen(&world.first(200, 4000)), 1);
    assert_eq!(world.chosen(&world.first(0x101, 4000)), 2);
}

#[test]
fn round_robin_deals_new_flows_in_exact_proportion() {
    let world = Plan {
        weights: &[3, 1, 2],
        ..Plan::default()
    }
    .build();
    let mut turns = [0; 4];
    for port in 0..60 {
        turns[world.chosen(&world.first(1, 4000 + port)) as usize] += 1;
    }
    assert_eq!(turns, [0, 30, 10, 20]);
}

#[test]
fn least_connections_chooses_who_has_the_fewest_open_flows_for_its_weight() {
    let plan = Plan {
        algorithm: Algorithm::LeastConnections,
        weights: &[1, 3],
        ..Plan::default()
    };
    let world = plan.build();
    for port in 0..40 {
        world.chosen(&world.first(1, 4000 + port));
    }
    assert_eq!(world.member(0).active_flows.get(), 10);
    assert_eq!(world.member(1).active_flows.get(), 30);
}

#[test]
fn least_connections_deals_an_idle_pool_by_weight() {
    let plan = Plan {
        algorithm: Algorithm::LeastConnections,
        weights: &[1, 1, 2],
        ..Plan::default()
    };
    let world = plan.build();
    let mut turns = [0; 4];
    for port in 0..40 {
        turns[world.chosen(&world.first(1, 4000 + port)) as usize] += 1;
        world.forward(&world.later(1, 4000 + port, RST));
    }
    assert_eq!(turns, [0, 10, 10, 20]);
}

#[test]
fn an_open_flow_stops_counting_when_either_side_finishes_or_resets_it() {
    for flags in [FIN, RST] {
        for by_client in [true, false] {
            let world = Plan::default().build();
            let seen = world.forward(&world.first(1, 4000));
            world.back(&seen.answer(SYN));
            world.forward(&world.later(1, 4000, 0));
            assert_eq!(world.member(0).active_flows.get(), 1);
            for _ in 0..2 {
                if by_client {
                    world.forward(&world.later(1, 4000, flags));
                } else {
                    world.back(&seen.answer(flags));
                }
                assert_eq!(world.member(0).active_flows.get(), 0);
            }
        }
    }
}

#[test]
fn source_ip_sends_a_client_to_the_same_member_of_every_balancer() {
    let plan = Plan {
        algorithm: Algorithm::SourceIp,
        weights: &[1, 1, 1],
        ..Plan::default()
    };
    let (one, other) = (plan.build(), Plan { seed: 1, ..plan }.build());
    let mut turns = [0; 4];
    for client in 1..=300 {
        let member = one.chosen(&one.first(client, 4000));
        assert_eq!(one.chosen(&one.first(client, 4001)), member);
        assert_eq!(other.chosen(&other.first(client, 999)), member);
        assert_eq!(
            other.chosen(&other.later(client, 1000, 0)),
            member,
            "even in mid-connection"
        );
        turns[member as usize] += 1;
    }
    assert!(turns[1..].iter().all(|&count| count > 60), "{turns:?}");
}

#[test]
fn flows_that_a_client_opens_on_several_cores_at_once_go_to_one_member() {
    let plan = Plan {
        flow_buckets: 1024,
        ..held()
    };
    let world = plan.build();
    for client in 1..=300 {
        if client % 3 == 0 {
            // One third of the rounds is about sessions that have to move.
            world.chosen(&world.first(client, 1));
            world.member(0).set_state(MemberState::Down);
            world.core.lay_out(world.pool);
        }
        let barrier = Barrier::new(3);
        let (address, vip) = (world.client(client, 0).0, world.vip());
        let chosen: HashSet<u8> = thread::scope(|scope| {
            let cores: Vec<_> = (10..13)
                .map(|port| {
                    let (barrier, core) = (&barrier, world.core.another());
                    scope.spawn(move || {
                        let frame = Builder::tcp((address, port), vip, SYN).frame();
                        barrier.wait();
                        let (verdict, bytes) = core.run(CLIENTS, &frame);
                        assert_eq!(verdict, Verdict::Redirect);
                        bytes[5]
                    })
                })
                .collect();
            cores.into_iter().map(|core| core.join().unwrap()).collect()
        });
        assert_eq!(chosen.len(), 1, "client {client}");
        world.member(0).set_state(MemberState::Up);
        world.core.lay_out(world.pool);
    }
}

//! The flow table: what it keeps, what makes room, and several cores at once.

use std::{collections::HashSet, thread};

use lb_common::{
    address::Address,
    filter,
    flow::State,
    tables::{Forwarding, SlotRange},
    verdict::{Reason, Verdict},
};

use super::{
    build::{ACK, Builder, FIN, RST, SYN, UDP},
    consistency::{active, assert_consistent, count_states},
    core::{CLIENTS, Core as _, ELSEWHERE, MEMBERS},
    world::{ALL, Family, Plan, World},
};

/// The smallest table: 28 flows at most.
fn tiny() -> World {
    let plan = Plan {
        flow_buckets: 4,
        ..Plan::default()
    };
    plan.build()
}

#[test]
fn a_full_table_makes_room_for_every_new_flow() {
    let world = tiny();
    for port in 1..=200 {
        world.forward(&world.first(1, port));
        assert_consistent(&world);
    }
    assert_eq!(world.flows(), 28);
    // Each is counted, beside the packets, all of which were forwarded.
    assert_eq!(world.reasons(), [("forwarded", 200), ("flow_evicted", 172)]);
}

#[test]
fn a_flow_that_makes_room_when_its_time_is_over_is_not_counted() {
    let world = tiny();
    for port in 1..=28 {
        world.forward(&world.first(1, port));
    }
    world.pass_time(1000);
    world.forward(&world.first(1, 100));
    assert_eq!(world.flows(), 28);
    assert_eq!(world.reasons(), [("forwarded", 29)]);
}

#[test]
fn established_flows_outlive_half_open_ones_and_those_outlive_closed_ones() {
    let world = tiny();
    for port in 1..=10 {
        world.establish(1, port);
    }
    for port in 1..=2 {
        world.forward(&world.later(1, port, FIN));
    }
    for port in 1000..1200 {
        world.forward(&world.first(1, port));
        assert_consistent(&world);
    }
    assert_eq!(count_states(&world, State::TcpEstablished), 8);
    assert_eq!(count_states(&world, State::TcpFin), 0);
}

#[test]
fn established_connections_outlive_any_number_of_datagrams_and_of_syns() {
    let world = Plan {
        second_protocol: Some(UDP),
        flow_buckets: 4,
        ..Plan::default()
    }
    .build();
    // One way is left at first, then none.
    for established in [27, 28] {
        for port in 1..=established {
            world.establish(1, port);
        }
        world.pass_time(100);
        for port in 1000..1200 {
            world.run(CLIENTS, &Builder::udp(world.client(2, port), world.vip()).frame());
            world.run(CLIENTS, &world.first(3, port).frame());
            assert_consistent(&world);
        }
        for port in 1..=established {
            world.forward(&world.later(1, port, 0));
        }
    }
    assert_eq!(world.core.reason(Reason::FlowTableFull), 400);
}

#[test]
fn where_members_answer_by_themselves_established_connections_make_room_after_all_others() {
    let world = Plan {
        forwarding: Forwarding::DSR,
        flow_buckets: 4,
        second_protocol: Some(UDP),
        ..Plan::default()
    }
    .build();
    for port in 1..=28 {
        world.forward(&world.first(1, port));
        world.forward(&world.later(1, port, 0));
    }
    for port in 1000..1100 {
        world.forward(&Builder::udp(world.client(2, port), world.vip()));
        assert_consistent(&world);
    }
    assert_eq!(count_states(&world, State::TcpEstablished), 27);
}

#[test]
fn among_equals_the_one_that_was_silent_longest_makes_room() {
    let world = tiny();
    for port in 1..=28 {
        world.forward(&world.first(1, port));
        world.pass_time(1);
    }
    assert_eq!(world.flows(), 28);
    world.forward(&world.first(1, 100));
    assert_eq!(world.flows(), 28);
    let alive = (1..=28).filter(|&port| {
        let (verdict, _) = world.run(CLIENTS, &world.later(1, port, 0).frame());
        verdict == Verdict::Redirect
    });
    assert!(alive.eq(2..=28));
}

#[test]
fn an_expired_flow_is_begun_anew() {
    for (family, protocol) in ALL {
        let world = Plan::of(family, protocol).build();
        world.forward(&world.first(1, 4000));
        world.pass_time(1000);
        world.forward(&world.first(1, 4000));
        assert_eq!(world.core.listener_traffic(world.listener).new_flows, 2);
        assert_eq!(world.flows(), 1);
        assert_consistent(&world);
    }
}

#[test]
fn a_closed_connection_is_opened_again_from_the_same_port() {
    for flags in [FIN, RST] {
        let world = Plan::default().build();
        world.forward(&world.first(1, 4000));
        world.forward(&world.later(1, 4000, 0));
        world.forward(&world.later(1, 4000, flags));
        assert_eq!(world.chosen(&world.first(1, 4000)), 2);
        assert_eq!(world.flows(), 1);
        assert_consistent(&world);
    }
}

#[test]
fn a_repeated_syn_stays_with_its_flow() {
    let world = Plan::default().build();
    let first = world.forward(&world.first(1, 4000));
    assert_eq!(world.forward(&world.first(1, 4000)), first);
}

#[test]
fn no_two_flows_of_a_member_have_the_same_source() {
    let world = Plan {
        flow_buckets: 8192,
        ..Plan::default()
    }
    .build();
    let mut sources = HashSet::new();
    for flow in 0..10_000_u16 {
        let seen = world.forward(&world.first(flow / 100, 1 + flow % 100));
        assert!(
            sources.insert((seen.from(), seen.to())),
            "{:?} twice",
            seen.from()
        );
    }
    assert_consistent(&world);
}

/// One member, towards which there are four ports of two addresses.
fn with_eight_sources() -> World {
    let world = Plan {
        weights: &[1],
        ..Plan::default()
    }
    .build();
    let ports = SlotRange {
        start: 1024,
        count: 4,
    };
    world.pool().snat_ports.set(ports.into());
    world
}

#[test]
fn when_no_source_port_is_left_the_flow_is_refused_and_leaves_nothing() {
    let world = with_eight_sources();
    for port in 1..=8 {
        world.establish(1, port);
    }
    for port in 9..=50 {
        world.dropped(&world.first(1, port).frame(), Reason::PortsExhausted);
    }
    assert_eq!(world.flows(), 8, "four ports of two addresses");
    assert_consistent(&world);
}

#[test]
fn what_is_not_established_gives_its_source_port_to_a_new_flow_where_no_other_is_free() {
    for (end, evicted) in [(Some(FIN), 0), (Some(RST), 0), (None, 92)] {
        let world = with_eight_sources();
        for port in 1..=100 {
            match end {
                Some(end) => {
                    world.establish(1, port);
                    world.forward(&world.later(1, port, end));
                }
                // Half open.
                None => drop(world.forward(&world.first(1, port))),
            }
            assert_consistent(&world);
        }
        assert_eq!(world.flows(), 8);
        assert_eq!(world.core.reason(Reason::PortReused), evicted);
        // The last one has its port alone.
        let last = world.establish(1, 101);
        assert_eq!(world.back(&last.answer(ACK)).to(), world.client(1, 101));
    }
}

#[test]
fn a_reset_that_both_sides_take_no_notice_of_changes_nothing() {
    for family in [Family::V4, Family::V6] {
        let world = Plan::of(family, 6).build();
        let seen = world.establish(1, 4000);
        let before = active(&world);
        for from_client in [true, false] {
            if from_client {
                world.forward(&world.later(1, 4000, RST));
            } else {
                world.back(&seen.answer(RST));
            }
            assert_eq!(active(&world), before - 1);
            world.back(&seen.answer(ACK));
            world.forward(&world.later(1, 4000, 0));
            assert_eq!(active(&world), before);
            world.pass_time(500);
            world.forward(&world.later(1, 4000, 0));
        }
        assert_consistent(&world);
    }
}

#[test]
fn what_is_on_its_way_after_a_reset_does_not_revive_its_connection() {
    let world = Plan::default().build();
    let seen = world.establish(1, 4000);
    world.back(&seen.answer(RST));
    world.forward(&world.later(1, 4000, 0));
    world.forward(&world.later(1, 4000, FIN));
    assert_eq!(active(&world), 0);
    let seen = world.establish(1, 4001);
    world.forward(&world.later(1, 4001, RST));
    world.back(&seen.answer(ACK));
    world.forward(&world.later(1, 4001, RST));
    assert_eq!(active(&world), 0);
    assert_eq!(count_states(&world, State::TcpReset), 2);
    let seen = world.establish(1, 4002);
    world.forward(&world.later(1, 4002, RST));
    world.back(&seen.answer(FIN | ACK));
    world.forward(&world.later(1, 4002, FIN));
    assert_eq!((active(&world), count_states(&world, State::TcpFin)), (0, 1));
}

#[test]
fn a_connection_counts_as_established_only_once_its_member_took_part() {
    let plan = Plan {
        session_idle_s: 64,
        ..Plan::default()
    };
    let world = plan.build();
    // In the middle of a connection, of a client that is held.
    world.forward(&world.first(1, 4000));
    let seen = world.forward(&world.later(1, 4001, 0));
    world.forward(&world.later(1, 4001, 0));
    world.forward(&world.later(1, 4000, 0));
    assert_eq!(count_states(&world, State::TcpEstablished), 0);
    world.back(&seen.answer(ACK));
    world.forward(&world.later(1, 4001, 0));
    assert_eq!(count_states(&world, State::TcpEstablished), 1);
}

#[test]
fn the_answer_to_an_address_that_looks_like_a_vip_to_the_filter_is_returned() {
    for forwarding in [Forwarding::FULL_NAT, Forwarding::NAT] {
        let world = Plan {
            forwarding,
            ..Plan::of(Family::V4, UDP)
        }
        .build();
        let seen = world.forward(&world.first(1, 4000));
        world
            .core
            .set_filter(filter::Kind::Vip, &Address::from(seen.source));
        let back = world.back(&seen.answer(SYN));
        assert_eq!((back.from(), back.to()), (world.vip(), world.client(1, 4000)));
    }
}

#[test]
fn cores_that_open_and_close_the_same_flows_at_once_leave_the_counts_right() {
    let world = Plan {
        flow_buckets: 16,
        ..Plan::default()
    }
    .build();
    let (client, vip) = (world.client(1, 0).0, world.vip());
    thread::scope(|scope| {
        for number in 0..4_u32 {
            let core = world.core.another();
            scope.spawn(move || {
                for round in 0..20_000_u32 {
                    let random = (round * 4 + number).wrapping_mul(0x9e37_79b9) >> 16;
                    let flags = match random % 5 {
                        0 => FIN | 16,
                        1 => RST,
                        2 => 16,
                        _ => SYN,
                    };
                    let port = 1 + (random / 5 % 150) as u16;
                    let packet = Builder::tcp((client, port), vip, flags);
                    core.run(CLIENTS, &packet.frame());
                }
                assert_eq!(core.reason(Reason::Inconsistent), 0);
                assert!(core.reason(Reason::Forwarded) > 1000);
            });
        }
    });
    assert_consistent(&world);
}

#[test]
fn a_flow_that_another_core_made_a_moment_ago_is_not_made_again() {
    // The first stage does not look for the flow of a SYN: opening finds it.
    let world = Plan::default().build();
    let seen = world.forward(&world.first(1, 4000));
    let again = world.core.run(CLIENTS, &world.first(1, 4000).frame());
    assert_eq!(world.sent_by(MEMBERS, again), seen);
    assert_eq!(world.flows(), 1);
}

#[test]
fn answers_follow_when_the_packets_of_the_client_come_by_another_way() {
    let world = Plan::default().build();
    let seen = world.forward(&world.first(1, 4000));
    world.pass_time(1);
    let moved = world
        .later(1, 4000, 0)
        .with(|packet| packet.macs = [4, 0, 0, 0, 0, 1, 4, 0, 0, 0, 0, 2]);
    world.sent_by(MEMBERS, world.run(ELSEWHERE, &moved.frame()));
    let back = world.sent_by(ELSEWHERE, world.run(MEMBERS, &seen.answer(0).frame()));
    assert_eq!(back.macs, [4, 0, 0, 0, 0, 2, 4, 0, 0, 0, 0, 1]);
}

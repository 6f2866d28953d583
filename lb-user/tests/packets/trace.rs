//! The trace of chosen clients, packet by packet.

use std::net::IpAddr;

use lb_common::{
    address::Address,
    tables::{Forwarding, MemberState},
    trace::{Way, Why},
    verdict::Reason,
};
use lb_user::bpf::Chosen;

use crate::cases::{
    build::{ACK, Builder, SYN, TCP, UDP},
    core::Core as _,
    world::{ALL, Family, Plan, World},
};

/// The client that is traced.
const HOST: u16 = 1;
const OTHER: u16 = 2;
const SESSION_IDLE_S: u32 = 1200;

fn network(family: Family, prefix: u32) -> Chosen {
    let prefix = prefix + if family == Family::V4 { 96 } else { 0 };
    let address: Address = family.address(9, HOST).into();
    Chosen {
        address: address.masked(&Address::mask(prefix)),
        prefix,
    }
}

fn trace(world: &mut World, clients: &[Chosen]) {
    let started = world.core.datapath_mut().start_trace(clients);
    started.expect("the kernel takes its stages");
}

/// Traces the one client.
fn start(world: &mut World) {
    let prefix = if world.family == Family::V4 { 32 } else { 128 };
    let chosen = network(world.family, prefix);
    trace(world, &[chosen]);
}

/// What a line says but for its number and time: way, protocol, source, destination, flags, reason, member, why.
#[derive(PartialEq, Eq, Debug)]
struct Line {
    way: Way,
    protocol: u8,
    source: (IpAddr, u16),
    destination: (IpAddr, u16),
    flags: u8,
    reason: &'static str,
    member: u32,
    why: Option<Why>,
}

impl Line {
    /// That of a packet of the world's.
    fn of(packet: &Builder, way: Way, flags: u8, reason: Reason, member: u32, why: Option<Why>) -> Self {
        Self {
            way,
            protocol: packet.payload().0,
            source: packet.source,
            destination: packet.destination,
            flags,
            reason: reason.label(),
            member,
            why,
        }
    }

    fn read(text: &str) -> Self {
        let words: Vec<&str> = text.split(' ').collect();
        let number = |at: usize| words[at].parse::<u32>().expect("a number");
        let endpoint = |at: usize| {
            let address: IpAddr = words[at].parse().expect("an address");
            (address.to_canonical(), number(at + 1) as u16)
        };
        assert_eq!(words.len(), 12, "{text}");
        Self {
            way: Way::from_word(number(2)).expect("a way"),
            protocol: number(3) as u8,
            source: endpoint(4),
            destination: endpoint(6),
            flags: number(8) as u8,
            reason: Reason::ALL[number(9) as usize].label(),
            member: number(10),
            why: Why::from_word(number(11)),
        }
    }
}

fn texts(world: &mut World) -> Vec<String> {
    world.core.datapath_mut().trace.lines()
}

fn lines(world: &mut World) -> Vec<Line> {
    texts(world).iter().map(|text| Line::read(text)).collect()
}

fn first_flags(protocol: u8) -> u8 {
    if protocol == TCP { SYN } else { 0 }
}

#[test]
fn the_packets_of_a_traced_client_are_told_both_ways_and_those_of_others_are_not() {
    for (family, protocol) in ALL {
        for forwarding in [Forwarding::FULL_NAT, Forwarding::NAT] {
            let mut world = Plan {
                forwarding,
                ..Plan::of(family, protocol)
            }
            .build();
            start(&mut world);
            let flags = first_flags(protocol);
            let first = world.first(HOST, 4000);
            let seen = world.forward(&first);
            let member = u32::from(seen.macs[5]);
            let other = world.forward(&world.first(OTHER, 4000));
            world.back(&Builder::of(protocol, other.to(), other.from()));
            let answer = Builder::of(protocol, seen.to(), seen.from());
            world.back(&answer);
            world.forward(&first);
            assert_eq!(
                lines(&mut world),
                [
                    Line::of(
                        &first,
                        Way::FromClient,
                        flags,
                        Reason::Forwarded,
                        member,
                        Some(Why::Algorithm)
                    ),
                    Line::of(&answer, Way::ToClient, flags, Reason::Returned, member, None),
                    Line::of(
                        &first,
                        Way::FromClient,
                        flags,
                        Reason::Forwarded,
                        member,
                        Some(Why::Flow)
                    ),
                ]
            );
        }
    }
}

#[test]
fn nothing_is_told_before_a_trace_begins_and_after_it_ended() {
    let mut world = Plan::of(Family::V4, UDP).build();
    world.forward(&world.first(HOST, 4000));
    start(&mut world);
    assert_eq!(lines(&mut world), []);
    world.core.datapath_mut().stop_trace();
    world.forward(&world.first(HOST, 4000));
    assert_eq!(lines(&mut world), []);
    // Another trace is of others.
    trace(&mut world, &[network(Family::V6, 64)]);
    world.forward(&world.first(HOST, 4000));
    assert_eq!(lines(&mut world), []);
}

#[test]
fn a_whole_network_is_traced_also_where_the_members_lie_in_it() {
    for (family, protocol) in ALL {
        let mut world = Plan::of(family, protocol).build();
        trace(&mut world, &[network(family, 0)]);
        let seen = world.forward(&world.first(OTHER, 4000));
        world.back(&Builder::of(protocol, seen.to(), seen.from()));
        let ways: Vec<Way> = lines(&mut world).iter().map(|line| line.way).collect();
        assert_eq!(ways, [Way::FromClient, Way::ToClient]);
    }
}

#[test]
fn it_says_why_a_flow_goes_to_its_member() {
    for (family, protocol) in ALL {
        let mut world = Plan {
            session_idle_s: SESSION_IDLE_S,
            ..Plan::of(family, protocol)
        }
        .build();
        start(&mut world);
        let why = |world: &mut World, port| {
            let packet = world.first(HOST, port);
            let member = world.chosen(&packet);
            let told = lines(world);
            assert_eq!((told.len(), told[0].member), (1, member));
            (member, told[0].why)
        };
        let (held_by, first) = why(&mut world, 4000);
        assert_eq!(first, Some(Why::Algorithm));
        assert_eq!(why(&mut world, 4001), (held_by, Some(Why::Session)));
        world.core.member(held_by).set_state(MemberState::Down);
        let (moved_to, moved) = why(&mut world, 4002);
        assert_ne!(moved_to, held_by);
        assert_eq!(moved, Some(Why::SessionMoved));
        // The session was moved already, by the flow before.
        assert_eq!(why(&mut world, 4001), (moved_to, Some(Why::Session)));
        world.pass_time(2 * SESSION_IDLE_S);
        assert_eq!(why(&mut world, 4003).1, Some(Why::SessionOver));
    }
}

#[test]
fn without_persistence_a_flow_whose_member_went_down_is_said_to_have_moved() {
    let mut world = Plan::of(Family::V6, UDP).build();
    start(&mut world);
    let packet = world.first(HOST, 4000);
    let before = world.chosen(&packet);
    world.core.member(before).set_state(MemberState::Down);
    let after = world.chosen(&packet);
    let told = lines(&mut world);
    assert_eq!((told[1].member, told[1].why), (after, Some(Why::FlowMoved)));
}

#[test]
fn what_is_refused_is_told_with_its_reason_and_without_a_member() {
    for (family, protocol) in ALL {
        let mut world = Plan::of(family, protocol).build();
        start(&mut world);
        let closed = world.first(HOST, 4000).with(|packet| packet.destination.1 = 81);
        world.answered(&closed.frame(), Reason::ClosedPort);
        let foreign = world
            .first(HOST, 4000)
            .with(|packet| packet.destination.0 = family.address(77, 1));
        world.untouched(&foreign.frame());
        let flags = first_flags(protocol);
        assert_eq!(
            lines(&mut world),
            [
                Line::of(&closed, Way::FromClient, flags, Reason::ClosedPort, 0, None),
                Line::of(&foreign, Way::FromClient, flags, Reason::NotOurs, 0, None),
            ]
        );
    }
}

#[test]
fn a_packet_in_the_middle_of_an_unknown_connection_is_told_with_its_flags() {
    let mut world = Plan::of(Family::V4, TCP).build();
    start(&mut world);
    let packet = world.later(HOST, 4000, 0);
    world.answered(&packet.frame(), Reason::UnknownConnection);
    let expected = Line::of(&packet, Way::FromClient, ACK, Reason::UnknownConnection, 0, None);
    assert_eq!(lines(&mut world), [expected]);
}

#[test]
fn all_fragments_of_a_datagram_are_told_both_ways() {
    for (family, protocol) in ALL {
        let mut world = Plan::of(family, protocol).build();
        start(&mut world);
        let packet = world.first(HOST, 4000).data(&[0x5a; 256]);
        let [seen, _] = packet.fragments(64).map(|frame| world.forward_frame(&frame));
        let answer = Builder::of(protocol, seen.to(), seen.from()).data(&[0x5a; 256]);
        for frame in answer.fragments(64) {
            world.back_frame(&frame);
        }
        let member = u32::from(seen.macs[5]);
        let told: Vec<_> = lines(&mut world)
            .iter()
            .map(|line| (line.way, line.reason, line.member))
            .collect();
        let expected = [
            (Way::FromClient, "forwarded", member),
            (Way::ToClient, "returned", member),
        ];
        assert_eq!(told, [expected[0], expected[0], expected[1], expected[1]]);
    }
}

#[test]
fn lines_beyond_the_rate_are_counted_as_due_and_the_packets_go_on() {
    let mut world = Plan::of(Family::V4, UDP).build();
    start(&mut world);
    let packet = world.first(HOST, 4000);
    let sent = 1100;
    let mut told = 0;
    for _ in 0..sent {
        world.forward(&packet);
        told += texts(&mut world).len();
    }
    assert_eq!((told, world.core.datapath_mut().trace.due()), (1000, sent));
    // In the next second there are lines again.
    world.pass_time(1);
    world.forward(&packet);
    assert_eq!(texts(&mut world).len(), 1);
}

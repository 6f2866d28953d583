//! What the balancer answers itself, what it refuses, and what it leaves alone.

use lb_common::{
    tables::{ClosedPort, Forwarding, MemberState},
    verdict::{Reason, Verdict},
};

use super::{
    build::{ACK, Builder, FIN, Layer, RST, SYN, TCP, UDP},
    core::Core as _,
    read::Seen,
    world::{ALL, Family, Plan, World},
};
use crate::Here;

fn to_closed_port(world: &World) -> Builder {
    world.first(1, 4000).with(|packet| packet.destination.1 = 81)
}

fn numbers(seen: &Seen) -> (u32, u32) {
    let word = |at: usize| u32::from_be_bytes(seen.payload[at..at + 4].try_into().unwrap());
    (word(4), word(8))
}

/// An ICMP error to the client from the VIP, about what it sent.
fn assert_error_about(world: &World, seen: &Seen, packet: &Builder, kind: [u8; 2]) {
    assert_eq!((seen.source, seen.destination), (world.vip().0, packet.source.0));
    assert_eq!(seen.payload[..2], kind);
    let quote = &seen.payload[8..];
    assert!(
        quote.len() >= 28 && packet.packet().starts_with(quote),
        "quotes what was sent"
    );
}

#[test]
fn a_syn_to_a_closed_port_is_reset() {
    for family in [Family::V4, Family::V6] {
        let world = Plan::of(family, TCP).build();
        let seen = world.answered(&to_closed_port(&world).data(b"data").frame(), Reason::ClosedPort);
        assert_eq!(
            (seen.from(), seen.to()),
            ((world.vip().0, 81), world.client(1, 4000))
        );
        assert_eq!(seen.tcp_flags(), RST | ACK);
        assert_eq!(numbers(&seen), (0, 1000 + 4 + 1));
        assert_eq!(seen.payload.len(), 20);
    }
}

#[test]
fn a_tagged_syn_to_a_closed_port_is_reset_in_its_vlan() {
    let world = Plan::default().build();
    let tags = vec![(0x8100, 3), (0x8100, 4)];
    let packet = to_closed_port(&world).with(|packet| packet.tags = tags.clone());
    assert_eq!(world.answered(&packet.frame(), Reason::ClosedPort).tags, tags);
    let last = world
        .first(1, 4000)
        .with(|packet| (packet.tags, packet.hops) = (tags.clone(), 1));
    assert_eq!(world.answered(&last.frame(), Reason::HopLimit).tags, tags);
}

#[test]
fn a_udp_datagram_to_a_closed_port_is_answered_port_unreachable() {
    for (family, kind) in [(Family::V4, [3, 3]), (Family::V6, [1, 4])] {
        let world = Plan::of(family, UDP).build();
        for data in [&b""[..], b"abc", &[1; 1000]] {
            let packet = to_closed_port(&world).data(data);
            let seen = world.answered(&packet.frame(), Reason::ClosedPort);
            assert_error_about(&world, &seen, &packet, kind);
        }
    }
}

#[test]
fn closed_ports_are_silent_where_the_settings_say_so_and_never_answer_a_reset() {
    for (family, protocol) in ALL {
        let world = Plan::of(family, protocol).build();
        if protocol == TCP {
            let reset = Builder::tcp(world.client(1, 1), (world.vip().0, 81), RST);
            world.dropped(&reset.frame(), Reason::ClosedPort);
        }
        world.core.settings().closed_port.set(ClosedPort::Drop as u32);
        world.dropped(&to_closed_port(&world).frame(), Reason::ClosedPort);
    }
}

#[test]
fn answers_are_given_only_so_often_a_second() {
    let world = Plan::default().build();
    world.core.settings().answers_per_second.set(2);
    let frame = to_closed_port(&world).frame();
    for _ in 0..2 {
        world.answered(&frame, Reason::ClosedPort);
    }
    world.dropped(&frame, Reason::AnswerLimited);
    world.pass_time(1);
    world.answered(&frame, Reason::ClosedPort);
}

#[test]
fn a_packet_in_the_middle_of_an_unknown_connection_is_reset() {
    let world = Plan::default().build();
    let seen = world.answered(&world.later(1, 4000, 0).frame(), Reason::UnknownConnection);
    assert_eq!((seen.tcp_flags(), numbers(&seen).0), (RST, 5000));
    world.answered(&world.later(1, 4000, SYN).frame(), Reason::UnknownConnection);
    world.answered(&world.later(1, 4000, FIN).frame(), Reason::UnknownConnection);
    world.dropped(&world.later(1, 4000, RST).frame(), Reason::UnknownConnection);
    assert_eq!((world.flows(), world.returns()), (0, 0));
}

#[test]
fn without_a_member_new_flows_are_refused() {
    let world = Plan {
        weights: &[1],
        ..Plan::default()
    }
    .build();
    world.member(0).set_state(MemberState::Down);
    world.answered(&world.first(1, 4000).frame(), Reason::NoMember);
    world.member(0).weight.set(0);
    world.core.lay_out(world.pool);
    world.answered(&world.first(1, 4000).frame(), Reason::NoMember);
}

#[test]
fn a_packet_at_its_last_hop_is_answered_time_exceeded() {
    for (family, kind) in [(Family::V4, [11, 0]), (Family::V6, [3, 0])] {
        for hops in [0, 1] {
            let world = Plan::of(family, TCP).build();
            let packet = world.first(1, 4000).with(|packet| packet.hops = hops);
            let seen = world.answered(&packet.frame(), Reason::HopLimit);
            assert_error_about(&world, &seen, &packet, kind);
        }
    }
}

#[test]
fn a_packet_that_the_link_to_the_member_does_not_carry_is_answered_with_its_mtu() {
    for (family, kind) in [(Family::V4, [3, 4]), (Family::V6, [2, 0])] {
        for (forwarding, room) in [(Forwarding::FULL_NAT, 1400), (Forwarding::IPIP, 1400)] {
            let world = Plan {
                forwarding,
                ..Plan::of(family, UDP)
            }
            .build();
            world.member(0).next_hop.mtu.set(1400);
            let header = if family == Family::V4 { 20 } else { 40 };
            let room = room - if forwarding == Forwarding::IPIP { header } else { 0 };
            let fits = world.first(1, 4000).data(&vec![0; room - header - 8]);
            world.forward(&fits);
            let packet = fits
                .data(&vec![0; room - header - 7])
                .with(|packet| packet.dont_fragment = true);
            let seen = world.answered(&packet.frame(), Reason::TooBig);
            assert_error_about(&world, &seen, &packet, kind);
            assert_eq!(seen.payload[4..8], (room as u32).to_be_bytes());
        }
    }
}

#[test]
fn an_echo_request_to_a_vip_is_answered() {
    for (family, kinds) in [(Family::V4, [8, 0]), (Family::V6, [128, 129])] {
        let world = Plan::of(family, TCP).build();
        let (client, vip) = (world.client(1, 0).0, world.vip().0);
        for body in [&b""[..], b"odd", &[7; 1400]] {
            let request = Builder::icmp(client, vip, kinds[0], 0, body).with(|packet| {
                if let Layer::Icmp { rest, .. } = &mut packet.layer {
                    *rest = 0x1234_0001;
                }
            });
            let seen = world.answered(&request.frame(), Reason::EchoAnswered);
            assert_eq!((seen.source, seen.destination, seen.hops), (vip, client, 64));
            assert_eq!((seen.payload[0], &seen.payload[8..]), (kinds[1], body));
        }
        let foreign = Builder::icmp(client, family.address(77, 1), kinds[0], 0, b"ping");
        world.untouched(&foreign.frame());
    }
}

#[test]
fn an_echo_request_in_fragments_is_left_to_the_host() {
    for (family, kind) in [(Family::V4, 8), (Family::V6, 128)] {
        let world = Plan::of(family, TCP).build();
        let request = Builder::icmp(world.client(1, 0).0, world.vip().0, kind, 0, &[7; 64]);
        for frame in request.fragments(32) {
            world.untouched(&frame);
        }
        assert_eq!(world.reasons(), [("icmp_fragment", 2)]);
    }
}

#[test]
fn what_is_for_no_vip_is_left_alone() {
    for (family, protocol) in ALL {
        let world = Plan::of(family, protocol).build();
        let packet = world
            .first(1, 4000)
            .with(|packet| packet.destination.0 = family.address(77, 1));
        world.untouched(&packet.frame());
        world.untouched(&packet.clone().with(|packet| packet.destination.1 = 0).frame());
        world.untouched(
            &packet
                .clone()
                .with(|packet| packet.layer = Layer::Raw(47, vec![0; 20]))
                .frame(),
        );
        let from_member = Builder::of(protocol, (family.address(1, 1), 8080), world.client(1, 1));
        world.untouched(&from_member.frame());
    }
    let world = Plan::default().build();
    world.untouched(&[&[0; 12][..], &[8, 6], &[0; 28]].concat());
    world.untouched(&vec![0; Here::shortest_frame().max(13)]);
    world.untouched(
        &world
            .first(1, 1)
            .with(|packet| packet.tags = vec![(0x8100, 1); 3])
            .frame(),
    );
}

#[test]
fn neighbour_discovery_of_a_vip_is_the_kernels() {
    let world = Plan::of(Family::V6, TCP).build();
    let packet = Builder::icmp(world.client(1, 0).0, world.vip().0, 135, 0, &[0; 24]);
    world.untouched(&packet.frame());
}

#[test]
fn ports_of_zero_and_foreign_protocols_to_a_vip_are_dropped() {
    for (family, protocol) in ALL {
        let world = Plan::of(family, protocol).build();
        world.dropped(&world.first(1, 0).frame(), Reason::PortZero);
        world.dropped(
            &world.first(1, 1).with(|packet| packet.destination.1 = 0).frame(),
            Reason::PortZero,
        );
        let foreign = world
            .first(1, 1)
            .with(|packet| packet.layer = Layer::Raw(47, vec![0; 20]));
        world.dropped(&foreign.frame(), Reason::UnsupportedProtocol);
    }
}

#[test]
fn truncated_packets_and_lying_lengths_are_never_forwarded() {
    for (family, protocol) in ALL {
        let world = Plan::of(family, protocol).build();
        let frame = world.first(1, 4000).frame();
        for length in Here::shortest_frame()..frame.len() {
            let (verdict, bytes) = world.refused(&frame[..length]);
            assert!(matches!(verdict, Verdict::Drop | Verdict::Pass), "{length} bytes");
            assert_eq!(bytes, frame[..length]);
        }
        let (at, header) = if family == Family::V4 { (16, 20) } else { (18, 40) };
        for lie in [0, 7, header - 1, 0xffff] {
            let mut frame = frame.clone();
            frame[at..at + 2].copy_from_slice(&u16::to_be_bytes(lie));
            world.dropped(&frame, Reason::BadLength);
        }
        // Padding of a short frame, which Ethernet adds, is no lie.
        world.forward_frame(&[frame, vec![0; 12]].concat());
    }
}

#[test]
fn lying_headers_are_dropped() {
    let world = Plan::default().build();
    let changed = |at: usize, value: u8| {
        let mut frame = world.first(1, 4000).frame();
        frame[at] = value;
        frame
    };
    world.dropped(&changed(14, 0x44), Reason::BadHeader);
    world.dropped(&changed(14, 0x55), Reason::BadHeader);
    world.dropped(&changed(14 + 20 + 12, 0x40), Reason::BadHeader);
    world.dropped(&changed(14 + 20 + 12, 0x60), Reason::BadLength);
    let world = Plan::of(Family::V4, UDP).build();
    for lie in [0, 7, 255] {
        let mut frame = world.first(1, 4000).frame();
        frame[14 + 20 + 5] = lie;
        world.dropped(&frame, Reason::BadLength);
    }
}

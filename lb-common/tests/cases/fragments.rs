//! Datagrams in several parts.

use lb_common::{
    tables::{ClosedPort, Forwarding, MemberState},
    verdict::Reason,
};

use super::{
    build::{Builder, UDP},
    core::Core as _,
    read::Seen,
    world::{ALL, Family, MEMBER_PORT, Plan},
};

const LONG: [u8; 256] = [0x5a; 256];

/// Puts two fragments together again, and checks the whole.
fn joined([first, second]: [Seen; 2]) -> Seen {
    assert_eq!(first.part, Some((0, true)));
    assert_eq!(second.part, Some((first.payload.len(), false)));
    assert_eq!(
        (first.source, first.destination, first.id),
        (second.source, second.destination, second.id)
    );
    assert_eq!((first.hops, &first.macs), (second.hops, &second.macs));
    let whole = Seen {
        part: None,
        payload: [first.payload.clone(), second.payload].concat(),
        ..first
    };
    whole.check();
    whole
}

#[test]
fn both_fragments_of_a_datagram_go_to_the_member_and_back() {
    for (family, protocol) in ALL {
        for forwarding in [Forwarding::FULL_NAT, Forwarding::NAT, Forwarding::DSR] {
            let world = Plan {
                forwarding,
                ..Plan::of(family, protocol)
            }
            .build();
            let packet = world.first(1, 4000).data(&LONG);
            let whole = joined(packet.fragments(64).map(|frame| world.forward_frame(&frame)));
            if forwarding == Forwarding::DSR {
                assert_eq!((whole.to(), whole.id), (world.vip(), packet.id));
                continue;
            }
            assert_eq!(whole.to(), (family.address(1, 1), MEMBER_PORT));
            let answer = Builder::of(protocol, whole.to(), whole.from()).data(&LONG);
            let back = joined(answer.fragments(64).map(|frame| world.back_frame(&frame)));
            assert_eq!((back.from(), back.to()), (world.vip(), world.client(1, 4000)));
        }
    }
}

#[test]
fn fragments_of_ipip_keep_their_id_inside() {
    let world = Plan {
        forwarding: Forwarding::IPIP,
        ..Plan::of(Family::V4, UDP)
    }
    .build();
    let frames = world.first(1, 4000).data(&LONG).fragments(64);
    let inner = frames.map(|frame| world.forward_frame(&frame).inner());
    assert_eq!(joined(inner).id, 7);
}

#[test]
fn datagrams_of_two_clients_with_one_id_get_ids_of_their_own() {
    let world = Plan::of(Family::V4, UDP).build();
    let of = |host| {
        let frames = world.first(host, 4000).data(&LONG).fragments(64);
        joined(frames.map(|frame| world.forward_frame(&frame))).id
    };
    assert_ne!(of(1), of(2));
}

#[test]
fn a_later_fragment_whose_first_was_not_seen_is_dropped_at_a_vip_and_left_alone_elsewhere() {
    for family in [Family::V4, Family::V6] {
        let world = Plan::of(family, UDP).build();
        let packet = world.first(1, 4000).data(&LONG);
        world.dropped(&packet.fragments(64)[1], Reason::FragmentUnknown);
        let foreign = packet.with(|packet| packet.destination.0 = family.address(77, 1));
        for frame in foreign.fragments(64) {
            world.untouched(&frame);
        }
    }
}

#[test]
fn a_later_fragment_is_not_awaited_for_ever() {
    let world = Plan::of(Family::V4, UDP).build();
    let [first, second] = world.first(1, 4000).data(&LONG).fragments(64);
    world.forward_frame(&first);
    world.pass_time(31);
    world.dropped(&second, Reason::FragmentUnknown);
}

#[test]
fn later_fragments_of_ipv6_are_found_whatever_their_next_header_says() {
    // RFC 8200 section 4.5: only that of the first fragment counts.
    let world = Plan::of(Family::V6, UDP).build();
    let [first, mut second] = world.first(1, 4000).data(&LONG).fragments(64);
    world.forward_frame(&first);
    second[14 + 40] = 60;
    assert_eq!(world.forward_frame(&second).destination, Family::V6.address(1, 1));
}

#[test]
fn a_first_fragment_to_a_closed_port_is_not_answered() {
    let world = Plan::of(Family::V4, UDP).build();
    world.core.settings().closed_port.set(ClosedPort::Reject as u32);
    let packet = world
        .first(1, 4000)
        .data(&LONG)
        .with(|packet| packet.destination.1 = 81);
    world.dropped(&packet.fragments(64)[0], Reason::ClosedPort);
}

#[test]
fn a_later_fragment_at_its_last_hop_is_not_answered() {
    // RFC 1122 section 3.2.2.
    let world = Plan::of(Family::V4, UDP).build();
    let packet = world.first(1, 4000).data(&LONG);
    world.forward_frame(&packet.fragments(64)[0]);
    let last = packet.with(|packet| packet.hops = 1);
    world.dropped(&last.fragments(64)[1], Reason::HopLimit);
}

#[test]
fn a_later_fragment_whose_member_is_gone_is_dropped() {
    for family in [Family::V4, Family::V6] {
        let world = Plan::of(family, UDP).build();
        let [first, second] = world.first(1, 4000).data(&LONG).fragments(64);
        world.forward_frame(&first);
        world.member(0).set_state(MemberState::Down);
        world.dropped(&second, Reason::FragmentUnknown);
    }
}

#[test]
fn a_datagram_in_fragments_moves_to_another_member_as_a_whole() {
    let world = Plan::of(Family::V4, UDP).build();
    let packet = world.first(1, 4000).data(&LONG);
    assert_eq!(world.chosen(&packet), 1);
    world.member(0).set_state(MemberState::Down);
    let whole = joined(packet.fragments(64).map(|frame| world.forward_frame(&frame)));
    assert_eq!(whole.destination, Family::V4.address(1, 2));
}

#[test]
fn a_first_fragment_without_its_whole_transport_header_is_dropped() {
    // RFC 1858 section 3: what is left out would be overlooked.
    for (family, protocol) in ALL {
        let world = Plan::of(family, protocol).build();
        let packet = world.first(1, 4000).data(&LONG);
        world.dropped(&packet.fragments(0)[0], Reason::Truncated);
        if protocol != UDP {
            for at in [8, 16] {
                world.dropped(&packet.fragments(at)[0], Reason::Truncated);
            }
        }
        assert_eq!(world.flows(), 0);
    }
}

//! How packets reach members, and how answers come back.

use lb_common::{tables::Forwarding, verdict::Reason};

use super::{
    build::{ACK, Builder, CLIENT_MACS, Layer, SYN},
    core::Core as _,
    read::Seen,
    world::{ALL, BALANCER_MAC, Family, MEMBER_PORT, Plan, World},
};

fn assert_sent_by_balancer(seen: &Seen, member: u32) {
    assert_eq!(
        seen.macs,
        [&[2, 0x4d, 0, 0, 0, member as u8], &BALANCER_MAC[..]].concat()
    );
    assert_eq!(seen.hops, 59);
}

/// The hardware addresses that go back to where the client's frames came from.
fn client_macs_reversed() -> Vec<u8> {
    [&CLIENT_MACS[6..], &CLIENT_MACS[..6]].concat()
}

fn world(plan: Plan, forwarding: Forwarding) -> World {
    Plan { forwarding, ..plan }.build()
}

#[test]
fn full_nat_sends_a_new_flow_from_an_address_of_the_balancer_to_a_member() {
    for (family, protocol) in ALL {
        let world = Plan::of(family, protocol).build();
        let seen = world.forward(&world.first(1, 4000));
        assert_sent_by_balancer(&seen, 1);
        assert_eq!(seen.to(), (family.address(1, 1), MEMBER_PORT));
        assert!([2, 3].map(|host| family.address(2, host)).contains(&seen.source));
        assert!(seen.from().1 >= 1024);
        assert_eq!(seen.payload[8..16], world.first(1, 4000).payload().1[8..16]);
        assert_eq!(world.core.reason(Reason::Forwarded), 1);
        assert_eq!(world.core.listener_traffic(world.listener).new_flows, 1);
        assert_eq!(world.core.member_traffic(1).packets_in, 1);
    }
}

#[test]
fn full_nat_returns_the_answer_of_a_member_to_the_client_from_the_vip() {
    for (family, protocol) in ALL {
        let world = Plan::of(family, protocol).build();
        let seen = world.forward(&world.first(1, 4000));
        let back = world.back(&seen.answer(SYN));
        assert_eq!(back.from(), world.vip());
        assert_eq!(back.to(), world.client(1, 4000));
        assert_eq!(back.macs, client_macs_reversed());
        assert_eq!(back.hops, 59);
        assert_eq!(world.core.listener_traffic(world.listener).packets_out, 1);
    }
}

#[test]
fn nat_keeps_the_client_and_rewrites_the_receiver() {
    for (family, protocol) in ALL {
        let world = world(Plan::of(family, protocol), Forwarding::NAT);
        let seen = world.forward(&world.first(1, 4000));
        assert_sent_by_balancer(&seen, 1);
        assert_eq!(seen.from(), world.client(1, 4000));
        assert_eq!(seen.to(), (family.address(1, 1), MEMBER_PORT));
        let back = world.back(&seen.answer(SYN));
        assert_eq!(back.from(), world.vip());
        assert_eq!(back.to(), world.client(1, 4000));
    }
}

#[test]
fn dsr_changes_nothing_above_the_link_but_the_hop_limit() {
    for (family, protocol) in ALL {
        let world = world(Plan::of(family, protocol), Forwarding::DSR);
        let packet = world.first(1, 4000);
        let seen = world.forward(&packet);
        assert_sent_by_balancer(&seen, 1);
        assert_eq!((seen.from(), seen.to()), (world.client(1, 4000), world.vip()));
        assert_eq!(seen.payload, packet.payload().1);
    }
}

#[test]
fn ipip_wraps_the_packet_into_one_from_the_balancer_to_the_member() {
    use Family::{V4, V6};
    for (family, member_family, number) in [(V4, V4, 4), (V6, V6, 41), (V4, V6, 4), (V6, V4, 41)] {
        let plan = Plan {
            member_family,
            ..Plan::of(family, 6)
        };
        let world = world(plan, Forwarding::IPIP);
        let packet = world.first(1, 4000);
        let outer = world.forward(&packet);
        assert_eq!(outer.macs[5], 1);
        assert_eq!((outer.protocol, outer.hops), (number, 64));
        assert_eq!(outer.source, member_family.address(2, 2));
        assert_eq!(outer.destination, member_family.address(1, 1));
        let inner = outer.inner();
        assert_eq!((inner.from(), inner.to()), (world.client(1, 4000), world.vip()));
        assert_eq!((inner.hops, &inner.payload), (59, &packet.payload().1));
    }
}

#[test]
fn later_packets_of_a_flow_stay_although_the_weights_changed() {
    let world = Plan::default().build();
    assert_eq!(world.chosen(&world.first(1, 4000)), 1);
    let first = world.forward(&world.later(1, 4000, 0));
    world.member(0).weight.set(0);
    world.core.lay_out(world.pool);
    let second = world.forward(&world.later(1, 4000, 0));
    assert_eq!((first.from(), first.to()), (second.from(), second.to()));
    assert_eq!(
        world.chosen(&world.first(1, 4001)),
        2,
        "a new flow goes by the new weights"
    );
}

#[test]
fn a_udp_checksum_of_zero_stays_zero() {
    let world = Plan::of(Family::V4, 17).build();
    let packet = world.first(1, 4000).with(|packet| {
        packet.layer = Layer::Udp {
            data: b"abc".to_vec(),
            with_checksum: false,
        };
    });
    let seen = world.forward(&packet);
    assert_eq!(seen.payload[6..8], [0, 0]);
    let answer = Builder {
        source: seen.to(),
        destination: seen.from(),
        ..packet
    };
    assert_eq!(world.back(&answer).payload[6..8], [0, 0]);
}

#[test]
fn a_syn_with_data_and_packets_with_ipv4_options_are_forwarded() {
    let world = Plan::default().build();
    let seen = world.forward(&world.first(1, 4000).data(b"fast open").with(|packet| {
        packet.options = vec![7, 11, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    }));
    assert_eq!(seen.payload[20..], *b"fast open");
    assert_eq!(seen.to().1, MEMBER_PORT);
    world.forward(
        &world
            .later(1, 4000, 0)
            .with(|packet| packet.options = vec![1; 40]),
    );
}

#[test]
fn extension_headers_of_ipv6_are_walked_over() {
    let world = Plan::of(Family::V6, 6).build();
    let options = vec![0, 0, 1, 4, 0, 0, 0, 0];
    let long = [vec![0, 1], vec![0; 14]].concat();
    let routing = vec![0, 0, 4, 0, 0, 0, 0, 0];
    let atomic = vec![0, 0, 0, 0, 0, 0, 0, 9];
    for (port, extensions) in [
        (1, vec![(0, options.clone())]),
        (2, vec![(60, long.clone())]),
        (3, vec![(43, routing.clone())]),
        (4, vec![(44, atomic)]),
        (
            5,
            vec![
                (0, options),
                (60, long),
                (43, routing),
                (
                    51,
                    vec![0, 4, 0, 0, 0, 0, 0, 0].into_iter().chain([0; 16]).collect(),
                ),
            ],
        ),
    ] {
        let packet = world
            .first(1, port)
            .with(|packet| packet.extensions = extensions.clone());
        let seen = world.forward(&packet);
        assert_eq!(
            seen.to(),
            (
                Family::V6.address(1, if port % 2 == 1 { 1 } else { 2 }),
                MEMBER_PORT
            )
        );
        let later = world
            .later(1, port, 0)
            .with(|packet| packet.extensions = extensions);
        assert_eq!(world.forward(&later).from(), seen.from());
    }
}

#[test]
fn a_routing_header_with_hops_to_visit_is_dropped() {
    let world = Plan::of(Family::V6, 6).build();
    let packet = world
        .first(1, 1)
        .with(|packet| packet.extensions = vec![(43, vec![0, 0, 4, 1, 0, 0, 0, 0])]);
    world.dropped(&packet.frame(), Reason::ExtensionHeader);
}

#[test]
fn more_extension_headers_than_are_walked_over_are_dropped() {
    let world = Plan::of(Family::V6, 6).build();
    let header = (60, vec![0, 0, 1, 4, 0, 0, 0, 0]);
    let packet = world
        .first(1, 1)
        .with(|packet| packet.extensions = vec![header; 20]);
    world.dropped(&packet.frame(), Reason::ExtensionHeader);
}

#[test]
fn tags_are_taken_off_towards_a_member_and_put_back_towards_the_client() {
    for family in [Family::V4, Family::V6] {
        for tags in [
            vec![(0x8100, 5)],
            vec![(0x88a8, 0x2007), (0x8100, 9)],
            vec![(0x8100, 0x2007), (0x8100, 9)],
        ] {
            let world = Plan::of(family, 6).build();
            let seen = world.forward(&world.first(1, 4000).with(|packet| packet.tags = tags.clone()));
            assert_eq!(seen.tags, []);
            assert_sent_by_balancer(&seen, 1);
            let back = world.back(&seen.answer(SYN));
            assert_eq!(back.tags, tags);
            assert_eq!(back.macs, client_macs_reversed());
            assert_eq!(back.to(), world.client(1, 4000));
        }
    }
}

#[test]
fn a_member_behind_a_vlan_gets_tagged_frames() {
    let world = Plan::default().build();
    world.member(0).next_hop.tag.set(0x1_0000 + 33);
    let seen = world.forward(&world.first(1, 4000));
    assert_eq!(seen.tags, [(0x8100, 33)]);
    let answer = seen.answer(ACK).with(|packet| packet.tags = vec![(0x8100, 33)]);
    assert_eq!(world.back(&answer).tags, []);
}

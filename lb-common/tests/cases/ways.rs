//! Ways to members, and members that are clients themselves.

use lb_common::{
    tables::Forwarding,
    verdict::{Reason, Verdict},
};

use super::{
    build::{Builder, SYN},
    core::{CLIENTS, Core as _},
    read::Seen,
    world::{ALL, Family, Plan},
};

#[test]
fn a_member_whose_neighbour_is_not_known_is_reached_by_the_platforms_routing() {
    for family in [Family::V4, Family::V6] {
        let world = Plan::of(family, 6).build();
        world.member(0).next_hop.ifindex.set(0);
        let [from, to] = [[2, 3, 4, 5, 6, 7], [8, 9, 10, 11, 12, 13]];
        world.core.add_route(&family.address(1, 1).into(), from, to);
        let seen = world.forward(&world.first(1, 4000));
        assert_eq!(seen.macs, [to, from].concat());
    }
}

#[test]
fn without_any_way_to_the_member_packets_are_dropped_until_there_is_one() {
    let world = Plan::default().build();
    world.member(0).next_hop.ifindex.set(0);
    world.dropped(&world.first(1, 4000).frame(), Reason::NextHopUnresolved);
    world.member(0).next_hop.ifindex.set(2);
    assert_eq!(world.chosen(&world.first(1, 4000)), 1);
}

#[test]
fn a_member_on_the_interface_of_the_client_is_sent_back_out_of_it() {
    let world = Plan::default().build();
    world.member(0).next_hop.ifindex.set(1);
    let (verdict, bytes) = world.run(CLIENTS, &world.first(1, 4000).frame());
    assert_eq!(verdict, Verdict::Transmit);
    let (verdict, bytes) = world.run(CLIENTS, &Seen::frame(&bytes).answer(SYN).frame());
    assert_eq!(verdict, Verdict::Transmit);
    assert_eq!(Seen::frame(&bytes).from(), world.vip());
}

#[test]
fn into_a_veth_pair_frames_are_redirected_also_where_they_came_in_by_it() {
    let world = Plan::default().build();
    world.member(0).next_hop.ifindex.set(CLIENTS);
    world.core.settings().set_redirecting([CLIENTS].into_iter());
    let (verdict, _) = world.run(CLIENTS, &world.first(1, 4000).frame());
    assert_eq!(verdict, Verdict::Redirect);
    let closed = Builder::of(6, world.client(1, 4000), (world.vip().0, 81));
    let (verdict, bytes) = world.run(CLIENTS, &closed.frame());
    assert_eq!(verdict, Verdict::Redirect);
    assert_eq!(Seen::frame(&bytes).to(), world.client(1, 4000));
    assert!(
        world
            .core
            .redirected()
            .is_none_or(|interface| interface == CLIENTS)
    );
}

#[test]
fn a_member_is_itself_a_client_of_the_vip() {
    for (family, protocol) in ALL {
        let world = Plan::of(family, protocol).build();
        let client = (family.address(1, 2), 4000);
        let packet = Builder::of(protocol, client, world.vip());
        let seen = world.forward(&packet);
        let back = world.back(&seen.answer(SYN));
        assert_eq!((back.from(), back.to()), (world.vip(), client));
    }
}

#[test]
fn only_forwarding_that_sees_replies_has_entries_for_them() {
    for (forwarding, entries) in [
        (Forwarding::FULL_NAT, 20),
        (Forwarding::NAT, 20),
        (Forwarding::DSR, 0),
        (Forwarding::IPIP, 0),
    ] {
        let world = Plan {
            forwarding,
            ..Plan::default()
        }
        .build();
        for port in 1..=20 {
            world.forward(&world.first(1, port));
        }
        assert_eq!((world.flows(), world.returns()), (20, entries));
    }
}

#[test]
fn the_class_and_flow_label_of_a_packet_are_kept_and_copied_to_a_tunnel() {
    for (family, at, class) in [(Family::V4, 15, 0xb9), (Family::V6, 14, 0x6b)] {
        let world = Plan {
            forwarding: Forwarding::IPIP,
            ..Plan::of(family, 17)
        }
        .build();
        let mut frame = world.first(1, 4000).frame();
        frame[at] = class;
        if family == Family::V4 {
            frame[24..26].fill(0);
            let sum = !super::read::internet_sum(0, &frame[14..34]);
            frame[24..26].copy_from_slice(&sum.to_be_bytes());
        }
        let (_, bytes) = world.run(CLIENTS, &frame);
        let inner = if family == Family::V4 { 20 } else { 40 };
        assert_eq!((bytes[at], bytes[at + inner]), (class, class));
    }
}

#[test]
fn bytes_are_counted_from_the_ip_header_on() {
    for (family, header) in [(Family::V4, 20), (Family::V6, 40)] {
        let world = Plan::of(family, 17).build();
        let packet = world
            .first(1, 4000)
            .data(&[0; 100])
            .with(|packet| packet.tags = vec![(0x8100, 1)]);
        let seen = world.forward(&packet);
        world.back(&seen.answer(0).data(&[0; 300]));
        for traffic in [
            world.core.listener_traffic(world.listener),
            world.core.member_traffic(1),
        ] {
            assert_eq!((traffic.packets_in, traffic.bytes_in), (1, header + 8 + 100));
            assert_eq!((traffic.packets_out, traffic.bytes_out), (1, header + 8 + 300));
        }
    }
}

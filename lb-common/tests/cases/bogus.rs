//! Packets that no honest sender makes, or that are not for a router: they are never forwarded, and never answered.

use std::net::IpAddr;

use lb_common::verdict::Reason;

use super::{
    build::{ACK, Builder, FIN, RST, SYN, TCP},
    world::{ALL, Family, Plan},
};

const IP: usize = 14;

#[test]
fn a_wrong_header_checksum_is_not_passed_on() {
    for (_, protocol) in ALL.into_iter().filter(|(family, _)| *family == Family::V4) {
        let world = Plan::of(Family::V4, protocol).build();
        let plain = world.first(1, 4000);
        let with_options = plain.clone().with(|packet| packet.options = vec![1, 1, 1, 0]);
        let [first, later] = plain.clone().data(&[7; 64]).fragments(32);
        world.forward_frame(&first);
        for good in [plain.frame(), with_options.frame(), first, later] {
            let mut bad = good.clone();
            bad[IP + 10] ^= 0x11;
            world.dropped(&bad, Reason::BadChecksum);
            world.forward_frame(&good);
        }
    }
}

#[test]
fn an_ipv4_address_in_ipv6_form_is_not_taken_for_the_ipv4_address() {
    let world = Plan::of(Family::V4, TCP).build();
    let (IpAddr::V4(client), IpAddr::V4(vip)) = (world.client(1, 0).0, world.vip().0) else {
        panic!("the family is IPv4");
    };
    let packet = Builder::tcp(
        (client.to_ipv6_mapped().into(), 4000),
        (vip.to_ipv6_mapped().into(), world.vip().1),
        SYN,
    );
    world.dropped(&packet.frame(), Reason::BadHeader);
    assert_eq!(world.flows(), 0);

    // Of the closed port of an IPv6 address: no answer either.
    let world = Plan::of(Family::V6, TCP).build();
    let packet = Builder::tcp((client.to_ipv6_mapped().into(), 4000), (world.vip().0, 81), SYN);
    world.dropped(&packet.frame(), Reason::BadHeader);
}

#[test]
fn a_sender_that_no_host_has_gets_neither_flow_nor_answer() {
    let senders = [
        (
            Family::V4,
            vec!["0.0.0.0", "127.0.0.1", "224.1.2.3", "255.255.255.255"],
        ),
        (Family::V6, vec!["::", "::1", "ff02::1"]),
    ];
    for (family, addresses) in senders {
        for (_, protocol) in ALL.into_iter().filter(|(of, _)| *of == family) {
            let world = Plan::of(family, protocol).build();
            let vip = world.vip();
            let addresses = addresses.iter().map(|text| text.parse().unwrap());
            for address in addresses.chain([vip.0]) {
                for port in [vip.1, 81] {
                    let packet = Builder::of(protocol, (address, 4000), (vip.0, port));
                    world.dropped(&packet.frame(), Reason::BadSource);
                }
            }
            assert_eq!(world.flows(), 0);
        }
        let world = Plan::of(family, TCP).build();
        let echo = if family == Family::V4 { 8 } else { 128 };
        for address in addresses.iter().map(|text| text.parse().unwrap()) {
            let packet = Builder::icmp(address, world.vip().0, echo, 0, b"hello");
            world.dropped(&packet.frame(), Reason::BadSource);
        }
    }
}

#[test]
fn a_frame_for_many_is_left_to_the_host() {
    for (family, protocol) in ALL {
        let world = Plan::of(family, protocol).build();
        for destination in [[0xff; 6], [1, 0, 0x5e, 0, 0, 1]] {
            for port in [world.vip().1, 81] {
                let mut packet = world.first(1, 4000);
                packet.macs[..6].copy_from_slice(&destination);
                packet.destination.1 = port;
                world.untouched(&packet.frame());
            }
        }
        assert_eq!(world.flows(), 0);
    }
}

#[test]
fn flags_that_begin_no_connection_and_belong_to_none_open_no_flow_even_where_a_session_holds() {
    for family in [Family::V4, Family::V6] {
        let plan = Plan {
            session_idle_s: 60,
            ..Plan::of(family, TCP)
        };
        let world = plan.build();
        world.forward(&world.first(1, 4000));
        for flags in [0, FIN, SYN | FIN, SYN | RST, RST | ACK] {
            let packet = Builder::tcp(world.client(1, 4001), world.vip(), flags);
            if flags & RST == 0 {
                world.answered(&packet.frame(), Reason::UnknownConnection);
            } else {
                world.dropped(&packet.frame(), Reason::UnknownConnection);
            }
        }
        assert_eq!(world.flows(), 1);
        world.forward(&world.later(1, 4001, 0));
    }
}

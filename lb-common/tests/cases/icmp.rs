//! ICMP errors about flows.

use std::net::IpAddr;

use lb_common::tables::Forwarding;

use super::{
    build::{Builder, TCP},
    read::Seen,
    world::{ALL, Family, Plan, World},
};

/// "Time exceeded" of the family from a router, about `quoted`.
fn error(quoted: &[u8], to: IpAddr) -> Builder {
    let family = if to.is_ipv4() { Family::V4 } else { Family::V6 };
    let kind = if family == Family::V4 { 11 } else { 3 };
    Builder::icmp(family.address(50, 1), to, kind, 0, quoted)
}

fn header(family: Family) -> usize {
    if family == Family::V4 { 20 } else { 40 }
}

/// Addresses and ports that a message quotes.
fn quoted(seen: &Seen) -> [(IpAddr, u16); 2] {
    let quote = &seen.payload[8..];
    let (addresses, ports) = if quote[0] >> 4 == 4 {
        assert_eq!(
            super::read::internet_sum(0, &quote[..20]),
            0xffff,
            "the quoted header's checksum"
        );
        (
            [12, 16].map(|at| IpAddr::from(<[u8; 4]>::try_from(&quote[at..at + 4]).unwrap())),
            20,
        )
    } else {
        (
            [8, 24].map(|at| IpAddr::from(<[u8; 16]>::try_from(&quote[at..at + 16]).unwrap())),
            40,
        )
    };
    let port = |at: usize| u16::from_be_bytes([quote[at], quote[at + 1]]);
    [(addresses[0], port(ports)), (addresses[1], port(ports + 2))]
}

/// What a member would see and answer, as bytes of a packet.
fn as_sent(seen: &Seen) -> Vec<u8> {
    Builder::of(seen.protocol, seen.from(), seen.to()).packet()
}

/// A world of every kind in which addresses are rewritten.
fn translating() -> impl Iterator<Item = (Family, Forwarding, World)> {
    let both = |kind| [Forwarding::FULL_NAT, Forwarding::NAT].map(|forwarding| (kind, forwarding));
    ALL.into_iter()
        .flat_map(both)
        .map(|((family, protocol), forwarding)| {
            let plan = Plan {
                forwarding,
                ..Plan::of(family, protocol)
            };
            (family, forwarding, plan.build())
        })
}

#[test]
fn an_error_about_what_a_member_was_sent_goes_to_the_client() {
    for (family, _, world) in translating() {
        let sent = world.forward(&world.first(1, 4000));
        let whole = as_sent(&sent);
        for length in [header(family) + 8, whole.len()] {
            let seen = world.back(&error(&whole[..length], sent.source));
            assert_eq!(
                (seen.source, seen.destination),
                (world.vip().0, world.client(1, 0).0)
            );
            assert_eq!(quoted(&seen), [world.client(1, 4000), world.vip()]);
            assert_eq!(seen.hops, 59);
        }
    }
}

#[test]
fn an_error_that_quotes_extension_headers_is_about_the_flow_behind_them() {
    for (family, _, world) in translating().filter(|(family, ..)| *family == Family::V6) {
        let sent = world.forward(&world.first(1, 4000));
        // Hop-by-hop options (padding), and the header of an atomic fragment.
        let headers = [(0, vec![0, 0, 1, 4, 0, 0, 0, 0]), (44, vec![0; 8])];
        for extension in headers {
            let whole = Builder::of(sent.protocol, sent.from(), sent.to())
                .with(|packet| packet.extensions = vec![extension])
                .packet();
            let seen = world.back(&error(&whole, sent.source));
            assert_eq!(seen.destination, world.client(1, 0).0);
            let quote = &seen.payload[8..];
            assert_eq!(quote[8..24], octets(world.client(1, 0).0));
            assert_eq!(quote[24..40], octets(world.vip().0));
            let port = |at: usize| u16::from_be_bytes([quote[at], quote[at + 1]]);
            assert_eq!((port(48), port(50)), (4000, world.vip().1), "{family:?}");
        }
    }
}

fn octets(address: IpAddr) -> [u8; 16] {
    match address {
        IpAddr::V4(v4) => v4.to_ipv6_mapped().octets(),
        IpAddr::V6(v6) => v6.octets(),
    }
}

fn after_answer(world: &World) -> Seen {
    let sent = world.forward(&world.first(1, 4000));
    if world.protocol == TCP {
        world.forward(&world.later(1, 4000, 0));
    }
    sent
}

#[test]
fn an_error_about_what_the_client_was_sent_goes_to_the_member() {
    for (family, forwarding, world) in translating() {
        let sent = after_answer(&world);
        let back = world.back(&sent.answer(0));
        let whole = as_sent(&back);
        for length in [header(family) + 8, whole.len()] {
            let seen = world.forward(&error(&whole[..length], world.vip().0));
            assert_eq!(seen.destination, sent.destination);
            let source = if forwarding == Forwarding::FULL_NAT {
                sent.source
            } else {
                family.address(50, 1)
            };
            assert_eq!(seen.source, source);
            assert_eq!(quoted(&seen), [sent.to(), sent.from()]);
        }
    }
}

#[test]
fn an_error_to_a_vip_reaches_members_that_hold_it_unchanged() {
    for family in [Family::V4, Family::V6] {
        for forwarding in [Forwarding::DSR, Forwarding::IPIP] {
            let world = Plan {
                forwarding,
                ..Plan::of(family, TCP)
            }
            .build();
            world.forward(&world.first(1, 4000));
            let answer = Builder::tcp(world.vip(), world.client(1, 4000), 16).packet();
            let message = error(&answer, world.vip().0);
            let seen = world.forward(&message);
            let seen = if forwarding == Forwarding::IPIP {
                seen.inner()
            } else {
                seen
            };
            assert_eq!(
                (seen.source, seen.destination),
                (message.source.0, message.destination.0)
            );
            assert_eq!(quoted(&seen), [world.vip(), world.client(1, 4000)]);
        }
    }
}

#[test]
fn an_error_that_quotes_no_flow_is_left_to_the_host() {
    for (family, protocol) in ALL {
        let world = Plan::of(family, protocol).build();
        let quote = Builder::of(protocol, world.vip(), world.client(1, 4000)).packet();
        world.untouched(&error(&quote, world.vip().0).frame());
        for length in [0, 7, header(family), header(family) + 3] {
            world.untouched(&error(&quote[..length], world.vip().0).frame());
        }
        world.untouched(&error(&quote, family.address(77, 7)).frame());
    }
}

#[test]
fn an_error_about_someone_elses_packet_is_not_believed() {
    let world = Plan::default().build();
    let sent = world.forward(&world.first(1, 4000));
    world.untouched(&error(&as_sent(&sent), world.client(5, 0).0).frame());
}

#[test]
fn packet_too_big_keeps_its_mtu() {
    let world = Plan::of(Family::V6, TCP).build();
    let sent = after_answer(&world);
    let back = world.back(&sent.answer(0));
    let message =
        Builder::icmp(Family::V6.address(50, 1), world.vip().0, 2, 0, &as_sent(&back)).with(|packet| {
            if let super::build::Layer::Icmp { rest, .. } = &mut packet.layer {
                *rest = 1300;
            }
        });
    assert_eq!(world.forward(&message).payload[4..8], 1300_u32.to_be_bytes());
}

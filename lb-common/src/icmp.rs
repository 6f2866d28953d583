//! ICMP errors about flows: they go to who sent the quoted packet, and quote what that one sent.
//!
//! A quote may be as short as the IP header and eight bytes (RFC 792), which are just the ports. Of TCP the quoted
//! checksum is then not there, and where it is, it is left: no receiver can check it against a part of the segment.

use crate::{
    address::{Address, Endpoint},
    buckets::Key,
    checksum::Sum,
    flow::{
        returns,
        table::{self, Found},
    },
    forward::{Outcome, leave},
    frame::Cursor,
    hash,
    headers::{Icmp, Ipv4, Ipv6, Ports, icmp, icmpv6, protocol},
    link::{Departure, Outer},
    packet::{Fragment, Ip, Packet, Payload, Sums},
    parse::{Walk, walk_extensions},
    platform::Platform,
    tables::Forwarding,
    verdict::Reason,
};

/// What an ICMP message is to the balancer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Meaning {
    /// Asks for an echo.
    EchoRequest,
    /// Is about a packet that it quotes.
    Error,
    /// Anything else.
    Other,
}

/// The meaning of a message.
#[inline(always)]
#[must_use]
pub const fn meaning(header: &Icmp, protocol: u8) -> Meaning {
    match (protocol, header.kind) {
        (protocol::ICMP, icmp::ECHO_REQUEST) | (protocol::ICMPV6, icmpv6::ECHO_REQUEST) => {
            Meaning::EchoRequest
        }
        (protocol::ICMP, icmp::UNREACHABLE | icmp::TIME_EXCEEDED | icmp::PARAMETER_PROBLEM)
        | (
            protocol::ICMPV6,
            icmpv6::UNREACHABLE | icmpv6::PACKET_TOO_BIG | icmpv6::TIME_EXCEEDED | icmpv6::PARAMETER_PROBLEM,
        ) => Meaning::Error,
        _ => Meaning::Other,
    }
}

/// The quoted packet.
struct Quote<'a> {
    ip: Ip<'a>,
    ports: &'a mut Ports,
    protocol: u8,
}

#[inline(always)]
fn read_quote<'a, C: Cursor<'a>>(cursor: &mut C, is_v4: bool) -> Option<Quote<'a>> {
    if is_v4 {
        let ip: &mut Ipv4 = cursor.take()?;
        if ip.version_and_length >> 4 != 4 || ip.flags_and_offset.get() & Ipv4::OFFSET != 0 {
            return None;
        }
        cursor.skip(ip.header_length().checked_sub(size_of::<Ipv4>())?)?;
        let protocol = ip.protocol;
        Some(Quote {
            ip: Ip::V4(ip),
            ports: cursor.take()?,
            protocol,
        })
    } else {
        let ip: &mut Ipv6 = cursor.take()?;
        if ip.has_mapped_address() {
            return None;
        }
        let mut protocol = ip.next_header;
        // What it says of lengths is of the packet, not of the quote.
        let mut left = usize::from(ip.payload_length.get());
        let mut fragment = Fragment::Whole;
        let Walk::Payload = walk_extensions(cursor, &mut protocol, &mut left, &mut fragment).ok()? else {
            return None;
        };
        Some(Quote {
            ip: Ip::V6(ip),
            ports: cursor.take()?,
            protocol,
        })
    }
}

/// Sends an ICMP error to the one whose packet it quotes; none where that is of no flow.
#[inline(always)]
pub fn translate<'a, P: Platform, C: Cursor<'a>>(
    platform: &P,
    packet: Packet<'a, C>,
    departure: &mut Departure,
) -> Option<Outcome> {
    let Packet {
        ethernet,
        tags,
        ip,
        protocol,
        fragment,
        payload,
        rest,
    } = packet;
    let Payload::Icmp(header) = payload else {
        return None;
    };
    let mut cursor = rest;
    let quote = read_quote(&mut cursor, matches!(ip, Ip::V4(_)))?;
    let sender = Endpoint {
        address: quote.ip.source(),
        port: quote.ports.source.get(),
    };
    let receiver = Endpoint {
        address: quote.ip.destination(),
        port: quote.ports.destination.get(),
    };
    if ip.destination() != sender.address || ip.hops() <= 1 {
        return None;
    }
    let settings = platform.settings()?;
    let hash = hash::of_tuple(settings.seed.get(), &receiver, &sender, quote.protocol);
    let key = Key::new(hash, settings.flow_buckets.get());
    let packet: Packet<'a, C> = Packet {
        ethernet,
        tags,
        ip,
        protocol,
        fragment,
        payload: Payload::Other,
        rest: cursor,
    };
    if let Some(found) = table::find(platform, &key, &receiver, &sender, quote.protocol) {
        about_answer(platform, packet, header, quote, found, departure)
    } else {
        let found = returns::find(platform, &receiver, &sender, quote.protocol)?;
        about_request(platform, packet, header, quote, found, departure)
    }
}

/// An error about what a member answered goes to the member.
#[inline(always)]
fn about_answer<P: Platform, C>(
    platform: &P,
    mut packet: Packet<'_, C>,
    header: &mut Icmp,
    quote: Quote<'_>,
    found: Found<'_>,
    departure: &mut Departure,
) -> Option<Outcome> {
    let record = found.record;
    let member = platform.member(record.member.get())?;
    let forwarding = record.state_word().forwarding();
    let receiver = returns::source_endpoint(platform, record)?;
    let source = if forwarding == Forwarding::IPIP {
        platform.snat_address(record.snat_address.get())?
    } else {
        receiver.address
    };
    if let Err(reason) = departure.exit.find_member(platform, member, &source) {
        return Some(Outcome::drop(reason));
    }
    if forwarding.sees_replies() {
        let destination = returns::endpoint(member);
        let source = if forwarding == Forwarding::FULL_NAT {
            source
        } else {
            packet.ip.source()
        };
        rewrite(
            &mut packet,
            header,
            quote,
            (&source, &destination.address),
            (&destination, &receiver),
        );
    } else {
        let mut sums = Sums::default();
        packet.ip.take_hop(&mut sums);
        packet.ip.finish(&sums);
        if forwarding == Forwarding::IPIP {
            departure.outer = Outer::new(&packet.ip, &source, &member.address.load(), found.tag);
        }
    }
    Some(leave(&mut packet, departure, Reason::Forwarded))
}

/// An error about what was sent to a member goes to the client.
#[inline(always)]
fn about_request<P: Platform, C>(
    platform: &P,
    mut packet: Packet<'_, C>,
    header: &mut Icmp,
    quote: Quote<'_>,
    found: Found<'_>,
    departure: &mut Departure,
) -> Option<Outcome> {
    let record = found.record;
    let listener = platform.listener(record.listener.get())?;
    let vip = listener.endpoint();
    let client = record.client_endpoint();
    departure.exit.find_client(record);
    rewrite(
        &mut packet,
        header,
        quote,
        (&vip.address, &client.address),
        (&client, &vip),
    );
    Some(leave(&mut packet, departure, Reason::Returned))
}

/// Gives the packet other addresses, and its quote other endpoints.
#[inline(always)]
fn rewrite<C>(
    packet: &mut Packet<'_, C>,
    header: &mut Icmp,
    mut quote: Quote<'_>,
    (source, destination): (&Address, &Address),
    (quoted_source, quoted_destination): (&Endpoint, &Endpoint),
) {
    let mut sums = Sums::default();
    packet.ip.set_source(source, &mut sums);
    packet.ip.set_destination(destination, &mut sums);
    // ICMPv6 covers the addresses of its own packet; ICMP does not.
    let mut covered = if packet.protocol == protocol::ICMPV6 {
        sums.above
    } else {
        Sum::zero()
    };
    packet.ip.take_hop(&mut sums);
    packet.ip.finish(&sums);

    let mut inner = Sums {
        header: Sum::zero(),
        above: covered,
    };
    quote.ip.set_source(&quoted_source.address, &mut inner);
    quote.ip.set_destination(&quoted_destination.address, &mut inner);
    inner
        .above
        .replace_u16(quote.ports.source.get(), quoted_source.port);
    inner
        .above
        .replace_u16(quote.ports.destination.get(), quoted_destination.port);
    quote.ports.source.set(quoted_source.port);
    quote.ports.destination.set(quoted_destination.port);
    covered = inner.above;
    if let Ip::V4(ip) = &mut quote.ip {
        let old = ip.checksum.get();
        ip.checksum.set(inner.header.applied_to(old));
        covered.replace_u16(old, ip.checksum.get());
    }
    header.checksum.set(covered.applied_to(header.checksum.get()));
}

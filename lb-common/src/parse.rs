//! From a frame to what the datapath decides on: one walk, each header checked once.

use zerocopy::byteorder::big_endian::U16;

use crate::{
    frame::{Cursor, Frame},
    headers::{
        Ethernet, Icmp, Ipv4, Ipv6, Ipv6Extension, Ipv6Fragment, Ports, Tcp, Udp, VlanTag, ethertype,
        protocol,
    },
    packet::{Fragment, Ip, Packet, Payload, Tags, TcpFacts, Transport},
    verdict::Reason,
    word::{forget, pinned},
};

/// Steps of the walk over IPv6 extension headers: seven headers, and what follows them. RFC 8200 section 4.1 knows six,
/// of which destination options may stand twice.
const EXTENSION_STEPS: usize = 8;

/// The mark of hardware addresses that many listen to, in the first byte (IEEE 802 section 8.2.2).
const GROUP: u8 = 1;

/// How far a packet is taken apart.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Depth {
    /// Where IPv6 extension headers begin, its payload is [`Payload::Other`].
    Plain,
    /// To the end.
    Full,
}

/// Takes the packet of `frame` apart; an error says why it is none for the datapath to look at.
#[inline(always)]
pub fn parse<F: Frame>(frame: &mut F) -> Result<Packet<'_, F::Cursor<'_>>, Reason> {
    parse_to(frame, Depth::Full)
}

/// The same, but for IPv6 extension headers: what is behind them is [`Payload::Other`].
#[inline(always)]
pub fn parse_plain<F: Frame>(frame: &mut F) -> Result<Packet<'_, F::Cursor<'_>>, Reason> {
    parse_to(frame, Depth::Plain)
}

#[inline(always)]
fn parse_to<F: Frame>(frame: &mut F, depth: Depth) -> Result<Packet<'_, F::Cursor<'_>>, Reason> {
    let length = frame.length();
    let mut cursor = frame.cursor();
    let ethernet: &mut Ethernet = cursor.take().ok_or(Reason::NotIp)?;
    // What is sent to many is not for a router to forward (RFC 1122 section 3.3.6): each would.
    if ethernet.macs.destination[0] & GROUP != 0 {
        return Err(Reason::NotOurs);
    }
    let mut tags = Tags::default();
    let mut kind = ethernet.ethertype.get();
    if kind == ethertype::VLAN || kind == ethertype::SERVICE_VLAN {
        let tag: &mut VlanTag = cursor.take().ok_or(Reason::NotIp)?;
        let of_two = if kind == ethertype::VLAN {
            Tags::STACKED
        } else {
            Tags::QINQ
        };
        tags = Tags {
            shape: 1,
            controls: [tag.control.get(), 0],
        };
        kind = tag.ethertype.get();
        if kind == ethertype::VLAN {
            let tag: &mut VlanTag = cursor.take().ok_or(Reason::NotIp)?;
            tags.shape = of_two;
            tags.controls[1] = tag.control.get();
            kind = tag.ethertype.get();
        }
    }
    cursor.settle().ok_or(Reason::NotIp)?;
    tags.shape = forget(tags.shape, u32::from(tags.controls[0]));
    let available = length - tags.link_length().min(length);
    match kind {
        ethertype::IPV4 => parse_v4(ethernet, tags, cursor, available),
        ethertype::IPV6 => parse_v6(ethernet, tags, cursor, available, depth),
        _ => Err(Reason::NotIp),
    }
}

#[inline(always)]
fn parse_v4<'a, C: Cursor<'a>>(
    ethernet: &'a mut Ethernet,
    tags: Tags,
    mut cursor: C,
    available: usize,
) -> Result<Packet<'a, C>, Reason> {
    let ip: &mut Ipv4 = cursor.take().ok_or(Reason::NotIp)?;
    let (header, total) = (ip.header_length(), usize::from(ip.total_length.get()));
    let part = ip.flags_and_offset.get() & (Ipv4::OFFSET | Ipv4::MORE_FRAGMENTS);
    let protocol = ip.protocol;
    let payload = if ip.version_and_length >> 4 != 4 || header < size_of::<Ipv4>() {
        Payload::Malformed(Reason::BadHeader)
    } else if total < header || total > available {
        Payload::Malformed(Reason::BadLength)
    } else if let Err(reason) = check_header(ip, &mut cursor, header - size_of::<Ipv4>()) {
        Payload::Malformed(reason)
    } else if part & Ipv4::OFFSET != 0 {
        Payload::LaterFragment
    } else {
        payload(&mut cursor, protocol, total - header, part != 0)
    };
    // Pinned: the compiler would make the variant's number out of the field's bits, which the verifier cannot follow.
    let fragment = if pinned(usize::from(part)) == 0 {
        Fragment::Whole
    } else {
        Fragment::V4
    };
    Ok(Packet {
        ethernet,
        tags,
        ip: Ip::V4(ip),
        protocol,
        fragment,
        payload,
        rest: cursor,
    })
}

/// Words of options that an IPv4 header has at most (RFC 791 section 3.1).
const OPTION_WORDS: usize = 10;

/// Walks over the options of a header and adds it up: a router forwards none whose checksum is wrong (RFC 1812 section
/// 5.2.2).
#[inline(always)]
fn check_header<'a, C: Cursor<'a>>(ip: &Ipv4, cursor: &mut C, options: usize) -> Result<(), Reason> {
    let mut sum = ip.sum();
    if options != 0 {
        for word in 0..OPTION_WORDS {
            if word * 4 >= options {
                break;
            }
            let word: &mut [u8; 4] = cursor.take().ok_or(Reason::Truncated)?;
            sum.add_word(u32::from_ne_bytes(*word));
        }
    }
    if sum.checksum() == 0 {
        Ok(())
    } else {
        Err(Reason::BadChecksum)
    }
}

#[inline(always)]
fn parse_v6<'a, C: Cursor<'a>>(
    ethernet: &'a mut Ethernet,
    tags: Tags,
    mut cursor: C,
    available: usize,
    depth: Depth,
) -> Result<Packet<'a, C>, Reason> {
    let ip: &mut Ipv6 = cursor.take().ok_or(Reason::NotIp)?;
    let mut left = usize::from(ip.payload_length.get());
    let mut protocol = ip.next_header;
    let mut fragment = Fragment::Whole;
    let payload = if ip.version_class_flow.get() >> 28 != 6 || ip.has_mapped_address() {
        Payload::Malformed(Reason::BadHeader)
    } else if left + size_of::<Ipv6>() > available {
        Payload::Malformed(Reason::BadLength)
    } else if matches!(protocol, protocol::TCP | protocol::UDP | protocol::ICMPV6) {
        payload(&mut cursor, protocol, left, false)
    } else if depth == Depth::Plain {
        Payload::Other
    } else {
        match walk_extensions(&mut cursor, &mut protocol, &mut left, &mut fragment) {
            Ok(Walk::Payload) => payload(&mut cursor, protocol, left, matches!(fragment, Fragment::V6(_))),
            Ok(Walk::LaterFragment) => Payload::LaterFragment,
            Err(reason) => Payload::Malformed(reason),
        }
    };
    Ok(Packet {
        ethernet,
        tags,
        ip: Ip::V6(ip),
        protocol,
        fragment,
        payload,
        rest: cursor,
    })
}

/// Where the walk over the extension headers ended.
pub(crate) enum Walk {
    /// At what they lead to.
    Payload,
    /// At the fragment header of a later fragment.
    LaterFragment,
}

/// Walks over the extension headers of IPv6 (RFC 8200 section 4).
#[inline(always)]
pub(crate) fn walk_extensions<'a, C: Cursor<'a>>(
    cursor: &mut C,
    protocol: &mut u8,
    left: &mut usize,
    fragment: &mut Fragment<'a>,
) -> Result<Walk, Reason> {
    for _ in 0..EXTENSION_STEPS {
        let (next, length) = match *protocol {
            protocol::HOP_BY_HOP | protocol::DESTINATION_OPTIONS => {
                let header: &mut Ipv6Extension = cursor.take().ok_or(Reason::Truncated)?;
                (header.next_header, usize::from(header.length) * 8)
            }
            protocol::ROUTING => {
                let header: &mut Ipv6Extension = cursor.take().ok_or(Reason::Truncated)?;
                if header.segments_left != 0 {
                    return Err(Reason::ExtensionHeader);
                }
                (header.next_header, usize::from(header.length) * 8)
            }
            protocol::AUTHENTICATION => {
                let header: &mut Ipv6Extension = cursor.take().ok_or(Reason::Truncated)?;
                // In units of four bytes, the first two not counted (RFC 4302 section 2.2).
                (header.next_header, usize::from(header.length) * 4)
            }
            protocol::FRAGMENT => {
                let header: &mut Ipv6Fragment = cursor.take().ok_or(Reason::Truncated)?;
                let part = header.offset_and_more.get();
                let next = header.next_header;
                cursor.settle().ok_or(Reason::ExtensionHeader)?;
                *left = forget(
                    left.checked_sub(8).ok_or(Reason::BadLength)? as u32,
                    u32::from(next),
                ) as usize;
                *protocol = next;
                // Offset zero and none to follow: an atomic fragment, which is whole (RFC 6946).
                if part & 0xfff9 != 0 {
                    *fragment = Fragment::V6(header);
                }
                if part & 0xfff8 != 0 {
                    return Ok(Walk::LaterFragment);
                }
                continue;
            }
            _ => return Ok(Walk::Payload),
        };
        cursor.skip(length).ok_or(Reason::Truncated)?;
        cursor.settle().ok_or(Reason::ExtensionHeader)?;
        *left = forget(
            left.checked_sub(8 + length).ok_or(Reason::BadLength)? as u32,
            u32::from(next),
        ) as usize;
        *protocol = next;
    }
    Err(Reason::ExtensionHeader)
}

/// The payload of `length` bytes at the cursor. Of a first fragment the rest is elsewhere, so that lengths
/// inside cannot be held against it.
#[inline(always)]
fn payload<'a, C: Cursor<'a>>(
    cursor: &mut C,
    protocol: u8,
    length: usize,
    first_of_several: bool,
) -> Payload<'a> {
    if cursor.settle().is_none() {
        return Payload::Malformed(Reason::ExtensionHeader);
    }
    match protocol {
        protocol::TCP => {
            let Some(tcp) = cursor.take::<Tcp>() else {
                return Payload::Malformed(Reason::Truncated);
            };
            let header = usize::from(tcp.data_offset >> 4) * 4;
            if header < size_of::<Tcp>() {
                return Payload::Malformed(Reason::BadHeader);
            }
            if length < size_of::<Tcp>() || header > length && !first_of_several {
                return Payload::Malformed(Reason::BadLength);
            }
            let facts = TcpFacts {
                flags: tcp.flags,
                sequence: tcp.sequence.get(),
                acknowledgement: tcp.acknowledgement.get(),
                data_length: length.saturating_sub(header) as u32,
            };
            transport(&mut tcp.ports, &mut tcp.checksum, facts)
        }
        protocol::UDP => {
            let Some(udp) = cursor.take::<Udp>() else {
                return Payload::Malformed(Reason::Truncated);
            };
            let said = usize::from(udp.length.get());
            if length < size_of::<Udp>() || said < size_of::<Udp>() || said > length && !first_of_several {
                return Payload::Malformed(Reason::BadLength);
            }
            transport(&mut udp.ports, &mut udp.checksum, TcpFacts::default())
        }
        protocol::ICMP | protocol::ICMPV6 => match cursor.take::<Icmp>() {
            Some(icmp) if length >= size_of::<Icmp>() => Payload::Icmp(icmp),
            Some(_) => Payload::Malformed(Reason::BadLength),
            None => Payload::Malformed(Reason::Truncated),
        },
        _ => Payload::Other,
    }
}

#[inline(always)]
fn transport<'a>(ports: &'a mut Ports, checksum: &'a mut U16, tcp: TcpFacts) -> Payload<'a> {
    if ports.source.get() == 0 || ports.destination.get() == 0 {
        return Payload::Malformed(Reason::PortZero);
    }
    Payload::Transport(Transport { ports, checksum, tcp })
}

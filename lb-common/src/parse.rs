//! From a frame to what the datapath decides on: one walk, each header checked once.

use crate::{
    address::{Address, Endpoint},
    checksum::Sum,
    frame::{Cursor, Frame},
    headers::{
        Ethernet, Icmp, Ipv4, Ipv6, Ipv6Extension, Ipv6Fragment, Ports, Tcp, Udp, VlanTag, ethertype,
        protocol,
    },
    verdict::Reason,
    word::{forget, pinned},
};

/// How many IPv6 extension headers are walked. RFC 8200 section 4.1 knows six that may precede a payload;
/// destination options may stand twice.
const MAX_EXTENSION_HEADERS: usize = 8;

/// The VLAN tags of a frame, outermost first.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[repr(C, align(8))]
pub struct Tags {
    /// Which there are: 0 none, 1 one, [`Tags::QINQ`] or [`Tags::STACKED`] two.
    pub shape: u32,
    /// The control fields; those of tags that are not there are zero.
    pub controls: [u16; 2],
}

impl Tags {
    /// An 802.1ad service tag and an 802.1Q one.
    pub const QINQ: u32 = 2;
    /// Two 802.1Q tags.
    pub const STACKED: u32 = 3;

    /// The length of the Ethernet header with these tags, in bytes.
    #[inline(always)]
    #[must_use]
    pub const fn link_length(&self) -> usize {
        // Two tags are two, whichever they are.
        let count = self.shape - (self.shape & self.shape >> 1);
        size_of::<Ethernet>() + count as usize * size_of::<VlanTag>()
    }
}

/// An IP header of either version.
pub enum Ip<'a> {
    /// IPv4, without its options.
    V4(&'a mut Ipv4),
    /// IPv6, without its extension headers.
    V6(&'a mut Ipv6),
}

impl Ip<'_> {
    /// The sender.
    #[inline(always)]
    #[must_use]
    pub fn source(&self) -> Address {
        match self {
            Self::V4(ip) => Address::v4(ip.source),
            Self::V6(ip) => Address::v6(ip.source),
        }
    }

    /// The receiver.
    #[inline(always)]
    #[must_use]
    pub fn destination(&self) -> Address {
        match self {
            Self::V4(ip) => Address::v4(ip.destination),
            Self::V6(ip) => Address::v6(ip.destination),
        }
    }

    /// Hops left.
    #[inline(always)]
    #[must_use]
    pub fn hops(&self) -> u8 {
        match self {
            Self::V4(ip) => ip.ttl,
            Self::V6(ip) => ip.hop_limit,
        }
    }

    /// Takes one hop off; the caller has seen that one is left.
    #[inline(always)]
    pub fn take_hop(&mut self, sums: &mut Sums) {
        match self {
            Self::V4(ip) => {
                let (old, below) = (ip.ttl, u16::from(ip.protocol));
                ip.ttl = old.wrapping_sub(1);
                sums.header
                    .replace_u16(u16::from(old) << 8 | below, u16::from(ip.ttl) << 8 | below);
            }
            Self::V6(ip) => ip.hop_limit = ip.hop_limit.wrapping_sub(1),
        }
    }

    /// The length of header and payload in bytes, as the header says it.
    #[inline(always)]
    #[must_use]
    pub fn total_length(&self) -> usize {
        match self {
            Self::V4(ip) => usize::from(ip.total_length.get()),
            Self::V6(ip) => size_of::<Ipv6>() + usize::from(ip.payload_length.get()),
        }
    }

    /// Whether the sender forbids to fragment it on the way, as IPv6 always does.
    #[inline(always)]
    #[must_use]
    pub fn forbids_fragmentation(&self) -> bool {
        match self {
            Self::V4(ip) => ip.flags_and_offset.get() & Ipv4::DONT_FRAGMENT != 0,
            Self::V6(_) => true,
        }
    }

    /// Writes another sender.
    #[inline(always)]
    pub fn set_source(&mut self, new: &Address, sums: &mut Sums) {
        match self {
            Self::V4(ip) => replace_v4(&mut ip.source, new, sums),
            Self::V6(ip) => replace_v6(&mut ip.source, new, sums),
        }
    }

    /// Writes another receiver.
    #[inline(always)]
    pub fn set_destination(&mut self, new: &Address, sums: &mut Sums) {
        match self {
            Self::V4(ip) => replace_v4(&mut ip.destination, new, sums),
            Self::V6(ip) => replace_v6(&mut ip.destination, new, sums),
        }
    }

    /// Brings the header's own checksum up to date; IPv6 has none.
    #[inline(always)]
    pub fn finish(&mut self, sums: &Sums) {
        if let Self::V4(ip) = self {
            ip.checksum.set(sums.header.applied_to(ip.checksum.get()));
        }
    }
}

/// What changed in a packet, for the checksum of the IP header and for those above, which cover its addresses.
#[derive(Clone, Copy, Default)]
pub struct Sums {
    /// In the IP header.
    pub header: Sum,
    /// In the addresses, and above.
    pub above: Sum,
}

#[inline(always)]
fn replace_v4(field: &mut [u8; 4], new: &Address, sums: &mut Sums) {
    let (old, new) = (u32::from_ne_bytes(*field), new.0[3]);
    sums.header.replace_word(old, new);
    sums.above.replace_word(old, new);
    *field = new.to_ne_bytes();
}

#[inline(always)]
fn replace_v6(field: &mut [u8; 16], new: &Address, sums: &mut Sums) {
    let old = Address::v6(*field);
    sums.above.replace_word(old.0[0], new.0[0]);
    sums.above.replace_word(old.0[1], new.0[1]);
    sums.above.replace_word(old.0[2], new.0[2]);
    sums.above.replace_word(old.0[3], new.0[3]);
    *field = new.octets();
}

/// What a TCP or UDP header has for a balancer.
pub struct Transport<'a> {
    /// Both ports.
    pub ports: &'a mut Ports,
    /// The checksum.
    pub checksum: &'a mut zerocopy::byteorder::big_endian::U16,
    /// The TCP header, where it is one.
    pub tcp: TcpFacts,
}

impl Transport<'_> {
    /// Writes another source port.
    #[inline(always)]
    pub fn set_source(&mut self, new: u16, sums: &mut Sums) {
        sums.above.replace_u16(self.ports.source.get(), new);
        self.ports.source.set(new);
    }

    /// Writes another destination port.
    #[inline(always)]
    pub fn set_destination(&mut self, new: u16, sums: &mut Sums) {
        sums.above.replace_u16(self.ports.destination.get(), new);
        self.ports.destination.set(new);
    }

    /// Brings the checksum up to date. Of UDP, zero means that there is none (RFC 768): it stays, and is never made.
    #[inline(always)]
    pub fn finish(&mut self, protocol: u8, sums: &Sums) {
        let old = self.checksum.get();
        if protocol == protocol::UDP {
            if old != 0 {
                let new = sums.above.applied_to(old);
                self.checksum.set(if new == 0 { 0xffff } else { new });
            }
        } else {
            self.checksum.set(sums.above.applied_to(old));
        }
    }
}

/// What the datapath follows of TCP; all zero for UDP.
#[derive(Clone, Copy, Default)]
#[repr(C, align(8))]
pub struct TcpFacts {
    /// The flags.
    pub flags: u8,
    /// The sequence number.
    pub sequence: u32,
    /// The acknowledgement number.
    pub acknowledgement: u32,
    /// Bytes of data in the segment.
    pub data_length: u32,
}

/// What a packet carries.
pub enum Payload<'a> {
    /// TCP or UDP, at its beginning.
    Transport(Transport<'a>),
    /// ICMP or ICMPv6.
    Icmp(&'a mut Icmp),
    /// The later part of a datagram.
    LaterFragment,
    /// A protocol that is not balanced.
    Other,
    /// Not what it claims to be.
    Malformed(Reason),
}

/// The part of a datagram that a packet is.
pub enum Fragment<'a> {
    /// The whole.
    Whole,
    /// One of several, of IPv4: its id stands in the IP header.
    V4,
    /// One of several, of IPv6.
    V6(&'a mut Ipv6Fragment),
}

/// A packet, taken apart.
pub struct Packet<'a, C> {
    /// The Ethernet header.
    pub ethernet: &'a mut Ethernet,
    /// The VLAN tags.
    pub tags: Tags,
    /// The IP header.
    pub ip: Ip<'a>,
    /// The protocol of the payload.
    pub protocol: u8,
    /// Whether the packet is one of several fragments.
    pub fragment: Fragment<'a>,
    /// What it carries.
    pub payload: Payload<'a>,
    /// Stands behind what was looked at of the payload.
    pub rest: C,
}

impl<C> Packet<'_, C> {
    /// Sender and receiver of a packet with ports.
    #[inline(always)]
    pub fn endpoints(&self, ports: &Ports) -> (Endpoint, Endpoint) {
        (
            Endpoint {
                address: self.ip.source(),
                port: ports.source.get(),
            },
            Endpoint {
                address: self.ip.destination(),
                port: ports.destination.get(),
            },
        )
    }

    /// Writes another id into a fragment; an IPv4 one keeps the lower half.
    #[inline(always)]
    pub fn set_fragment_id(&mut self, id: u32, sums: &mut Sums) {
        match (&mut self.fragment, &mut self.ip) {
            (Fragment::V4, Ip::V4(ip)) => {
                sums.header.replace_u16(ip.identification.get(), id as u16);
                ip.identification.set(id as u16);
            }
            (Fragment::V6(header), _) => header.identification.set(id),
            _ => {}
        }
    }

    /// The id that the fragments of one datagram share; zero for a whole one.
    #[inline(always)]
    pub fn fragment_id(&self) -> u32 {
        match (&self.fragment, &self.ip) {
            (Fragment::V4, Ip::V4(ip)) => u32::from(ip.identification.get()),
            (Fragment::V6(header), _) => header.identification.get(),
            _ => 0,
        }
    }
}

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
    let ip: &mut Ipv4 = cursor.take().ok_or(Reason::Truncated)?;
    let (header, total) = (ip.header_length(), usize::from(ip.total_length.get()));
    let part = ip.flags_and_offset.get() & (Ipv4::OFFSET | Ipv4::MORE_FRAGMENTS);
    let protocol = ip.protocol;
    let payload = if ip.version_and_length >> 4 != 4 || header < size_of::<Ipv4>() {
        Payload::Malformed(Reason::BadHeader)
    } else if total < header || total > available {
        Payload::Malformed(Reason::BadLength)
    } else if part & Ipv4::OFFSET != 0 {
        Payload::LaterFragment
    } else if cursor.skip(header - size_of::<Ipv4>()).is_none() {
        Payload::Malformed(Reason::Truncated)
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

#[inline(always)]
fn parse_v6<'a, C: Cursor<'a>>(
    ethernet: &'a mut Ethernet,
    tags: Tags,
    mut cursor: C,
    available: usize,
    depth: Depth,
) -> Result<Packet<'a, C>, Reason> {
    let ip: &mut Ipv6 = cursor.take().ok_or(Reason::Truncated)?;
    let mut left = usize::from(ip.payload_length.get());
    let mut protocol = ip.next_header;
    let mut fragment = Fragment::Whole;
    let payload = if ip.version_class_flow.get() >> 28 != 6 {
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
enum Walk {
    Payload,
    LaterFragment,
}

/// Walks over the extension headers of IPv6 (RFC 8200 section 4).
#[inline(always)]
fn walk_extensions<'a, C: Cursor<'a>>(
    cursor: &mut C,
    protocol: &mut u8,
    left: &mut usize,
    fragment: &mut Fragment<'a>,
) -> Result<Walk, Reason> {
    for _ in 0..MAX_EXTENSION_HEADERS {
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
fn transport<'a>(
    ports: &'a mut Ports,
    checksum: &'a mut zerocopy::byteorder::big_endian::U16,
    tcp: TcpFacts,
) -> Payload<'a> {
    if ports.source.get() == 0 || ports.destination.get() == 0 {
        return Payload::Malformed(Reason::PortZero);
    }
    Payload::Transport(Transport { ports, checksum, tcp })
}

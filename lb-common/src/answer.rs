//! Answers that the balancer gives itself: echo replies, resets, ICMP errors. Each is made in the frame that asked.

use zerocopy::transmute;

use crate::{
    address::Address,
    checksum::Sum,
    frame::{Cursor, Frame},
    headers::{Ethernet, Icmp, Ipv4, Ipv6, Ports, Tcp, VlanTag, icmp, icmpv6, protocol, tcp_flags},
    link::reversed,
    packet::{Ip, Packet, Payload, Tags, TcpFacts},
    verdict::Reason,
};

/// Hops that an answer is given.
const HOPS: u8 = 64;
/// Bytes of an IPv6 packet that an error quotes at most: room for extension headers before the ports.
const QUOTE_V6: usize = 128;
/// Words of a quote at most: of IPv4 the longest header and eight bytes (RFC 792).
const QUOTE_WORDS: usize = QUOTE_V6 / 4;

/// What is answered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// A reset (RFC 9293 section 3.10.7.1).
    Reset,
    /// "Port unreachable".
    PortUnreachable,
    /// "Time exceeded".
    TimeExceeded,
    /// "Fragmentation needed", "packet too big": with the MTU.
    TooBig(u32),
}

impl Kind {
    /// The kind as two words, to be handed from stage to stage.
    #[inline(always)]
    #[must_use]
    pub const fn to_words(self) -> [u32; 2] {
        match self {
            Self::Reset => [0, 0],
            Self::PortUnreachable => [1, 0],
            Self::TimeExceeded => [2, 0],
            Self::TooBig(mtu) => [3, mtu],
        }
    }

    /// The kind of two words.
    #[inline(always)]
    #[must_use]
    pub const fn from_words([number, mtu]: [u32; 2]) -> Self {
        match number {
            0 => Self::Reset,
            1 => Self::PortUnreachable,
            2 => Self::TimeExceeded,
            _ => Self::TooBig(mtu),
        }
    }
}

/// What an answer needs to know of the packet that it answers.
#[derive(Clone, Copy)]
pub struct Asked {
    tags: Tags,
    source: Address,
    destination: Address,
    ports: (u16, u16),
    tcp: TcpFacts,
    /// Bytes of the packet that an error quotes.
    quote: usize,
}

impl Asked {
    /// The facts of `packet`.
    #[inline(always)]
    #[must_use]
    pub fn of<C>(packet: &Packet<'_, C>) -> Self {
        let (ports, tcp) = match &packet.payload {
            Payload::Transport(transport) => (
                (transport.ports.source.get(), transport.ports.destination.get()),
                transport.tcp,
            ),
            _ => ((0, 0), TcpFacts::default()),
        };
        let total = packet.ip.total_length();
        let quote = match &packet.ip {
            Ip::V4(ip) => total.min(ip.header_length() + 8),
            Ip::V6(_) => total.min(QUOTE_V6),
        };
        Self {
            tags: packet.tags,
            source: packet.ip.source(),
            destination: packet.ip.destination(),
            ports,
            tcp,
            quote: quote & !3,
        }
    }
}

/// Turns an echo request in place into its reply.
#[inline(always)]
pub fn echo<C>(packet: &mut Packet<'_, C>) {
    packet.ethernet.macs = transmute!(reversed(&packet.ethernet.macs));
    let reply = match &mut packet.ip {
        Ip::V4(ip) => {
            core::mem::swap(&mut ip.source, &mut ip.destination);
            let mut sum = Sum::zero();
            sum.replace_u16(u16::from(ip.ttl) << 8, u16::from(HOPS) << 8);
            ip.ttl = HOPS;
            ip.checksum.set(sum.applied_to(ip.checksum.get()));
            icmp::ECHO_REPLY
        }
        Ip::V6(ip) => {
            core::mem::swap(&mut ip.source, &mut ip.destination);
            ip.hop_limit = HOPS;
            icmpv6::ECHO_REPLY
        }
    };
    if let Payload::Icmp(header) = &mut packet.payload {
        let mut sum = Sum::zero();
        sum.replace_u16(u16::from(header.kind) << 8, u16::from(reply) << 8);
        header.kind = reply;
        header.checksum.set(sum.applied_to(header.checksum.get()));
    }
}

/// Turns the frame into the answer.
#[inline(always)]
pub fn write<F: Frame>(frame: &mut F, asked: &Asked, kind: Kind) -> Result<(), Reason> {
    let written = if kind == Kind::Reset {
        write_reset(frame, asked)
    } else {
        write_error(frame, asked, kind)
    };
    written.ok_or(Reason::NoRoom)
}

/// Walks over the link header and turns it round.
#[inline(always)]
fn turn_round<'a, C: Cursor<'a>>(cursor: &mut C, tags: &Tags) -> Option<()> {
    let ethernet: &mut Ethernet = cursor.take()?;
    ethernet.macs = transmute!(reversed(&ethernet.macs));
    if tags.shape > 0 {
        cursor.take::<VlanTag>()?;
    }
    if tags.shape > 1 {
        cursor.take::<VlanTag>()?;
    }
    Some(())
}

/// Writes the IP header of an answer with `length` bytes of payload.
#[inline(always)]
fn write_ip<'a, C: Cursor<'a>>(cursor: &mut C, asked: &Asked, protocol: u8, length: usize) -> Option<()> {
    if asked.source.is_v4() {
        let total = (size_of::<Ipv4>() + length) as u16;
        let mut sum = Sum::zero();
        sum.add_u16(0x4500);
        sum.add_u16(total);
        sum.add_u16(Ipv4::DONT_FRAGMENT);
        sum.add_u16(u16::from(HOPS) << 8 | u16::from(protocol));
        sum.add_word(asked.source.0[3]);
        sum.add_word(asked.destination.0[3]);
        *cursor.take::<Ipv4>()? = Ipv4 {
            version_and_length: 0x45,
            tos: 0,
            total_length: total.into(),
            identification: 0.into(),
            flags_and_offset: Ipv4::DONT_FRAGMENT.into(),
            ttl: HOPS,
            protocol,
            checksum: sum.checksum().into(),
            source: asked.destination.v4_octets(),
            destination: asked.source.v4_octets(),
        };
    } else {
        *cursor.take::<Ipv6>()? = Ipv6 {
            version_class_flow: (6 << 28).into(),
            payload_length: (length as u16).into(),
            next_header: protocol,
            hop_limit: HOPS,
            source: asked.destination.octets(),
            destination: asked.source.octets(),
        };
    }
    Some(())
}

/// The pseudo header of a checksum (RFC 9293 section 3.1, RFC 8200 section 8.1); the addresses' order does not matter.
#[inline(always)]
fn pseudo_header(asked: &Asked, protocol: u8, length: usize) -> Sum {
    let mut sum = Sum::zero();
    let first = if asked.source.is_v4() { 3 } else { 0 };
    for word in 0..4 {
        if word >= first {
            sum.add_word(asked.source.0[word]);
            sum.add_word(asked.destination.0[word]);
        }
    }
    sum.add_u16(u16::from(protocol));
    sum.add_u16(length as u16);
    sum
}

#[inline(always)]
const fn ip_length(asked: &Asked) -> usize {
    if asked.source.is_v4() {
        size_of::<Ipv4>()
    } else {
        size_of::<Ipv6>()
    }
}

#[inline(always)]
fn write_reset<F: Frame>(frame: &mut F, asked: &Asked) -> Option<()> {
    let length = asked.tags.link_length() + ip_length(asked) + size_of::<Tcp>();
    frame.adjust_tail(length as i32 - frame.length() as i32).ok()?;
    let mut cursor = frame.cursor();
    turn_round(&mut cursor, &asked.tags)?;
    write_ip(&mut cursor, asked, protocol::TCP, size_of::<Tcp>())?;
    let tcp = &asked.tcp;
    let (sequence, acknowledgement, flags) = if tcp.flags & tcp_flags::ACK != 0 {
        (tcp.acknowledgement, 0, tcp_flags::RST)
    } else {
        let counted = u32::from(tcp.flags & tcp_flags::SYN != 0) + u32::from(tcp.flags & tcp_flags::FIN != 0);
        (
            0,
            tcp.sequence.wrapping_add(tcp.data_length).wrapping_add(counted),
            tcp_flags::RST | tcp_flags::ACK,
        )
    };
    let mut sum = pseudo_header(asked, protocol::TCP, size_of::<Tcp>());
    sum.add_u16(asked.ports.0);
    sum.add_u16(asked.ports.1);
    sum.add_word(sequence.to_be());
    sum.add_word(acknowledgement.to_be());
    sum.add_u16(5 << 12 | u16::from(flags));
    *cursor.take::<Tcp>()? = Tcp {
        ports: Ports {
            source: asked.ports.1.into(),
            destination: asked.ports.0.into(),
        },
        sequence: sequence.into(),
        acknowledgement: acknowledgement.into(),
        data_offset: 5 << 4,
        flags,
        window: 0.into(),
        checksum: sum.checksum().into(),
        urgent: 0.into(),
    };
    Some(())
}

#[inline(always)]
fn write_error<F: Frame>(frame: &mut F, asked: &Asked, kind: Kind) -> Option<()> {
    let link = asked.tags.link_length();
    let inserted = ip_length(asked) + size_of::<Icmp>();
    let surplus = (link + asked.quote) as i32 - frame.length() as i32;
    if surplus != 0 {
        frame.adjust_tail(surplus).ok()?;
    }
    // The link header moves to the new front.
    let (ethernet, tags) = read_link(frame, &asked.tags)?;
    frame.adjust_head(-(inserted as i32)).ok()?;
    let mut cursor = frame.cursor();
    *cursor.take::<Ethernet>()? = ethernet;
    if asked.tags.shape > 0 {
        *cursor.take::<VlanTag>()? = tags[0];
    }
    if asked.tags.shape > 1 {
        *cursor.take::<VlanTag>()? = tags[1];
    }
    let is_v4 = asked.source.is_v4();
    let length = size_of::<Icmp>() + asked.quote;
    let protocol = if is_v4 { protocol::ICMP } else { protocol::ICMPV6 };
    write_ip(&mut cursor, asked, protocol, length)?;
    let (number, code, rest) = match (kind, is_v4) {
        (Kind::PortUnreachable | Kind::Reset, true) => (icmp::UNREACHABLE, icmp::PORT_UNREACHABLE, 0),
        (Kind::PortUnreachable | Kind::Reset, false) => (icmpv6::UNREACHABLE, icmpv6::PORT_UNREACHABLE, 0),
        (Kind::TimeExceeded, true) => (icmp::TIME_EXCEEDED, 0, 0),
        (Kind::TimeExceeded, false) => (icmpv6::TIME_EXCEEDED, 0, 0),
        (Kind::TooBig(mtu), true) => (icmp::UNREACHABLE, icmp::FRAGMENTATION_NEEDED, mtu.min(0xffff)),
        (Kind::TooBig(mtu), false) => (icmpv6::PACKET_TOO_BIG, 0, mtu),
    };
    let header: &mut Icmp = cursor.take()?;
    let mut sum = if is_v4 {
        Sum::zero()
    } else {
        pseudo_header(asked, protocol, length)
    };
    sum.add_u16(u16::from(number) << 8 | u16::from(code));
    sum.add_word(rest.to_be());
    for word in 0..QUOTE_WORDS {
        if word * 4 >= asked.quote {
            break;
        }
        sum.add_word(u32::from_ne_bytes(*cursor.take::<[u8; 4]>()?));
    }
    *header = Icmp {
        kind: number,
        code,
        checksum: sum.checksum().into(),
        rest: rest.into(),
    };
    Some(())
}

/// The link header, turned round.
#[inline(always)]
fn read_link<F: Frame>(frame: &mut F, tags: &Tags) -> Option<(Ethernet, [VlanTag; 2])> {
    let mut cursor = frame.cursor();
    let mut ethernet = *cursor.take::<Ethernet>()?;
    ethernet.macs = transmute!(reversed(&ethernet.macs));
    let none = VlanTag {
        control: 0.into(),
        ethertype: 0.into(),
    };
    let outer = if tags.shape > 0 {
        *cursor.take::<VlanTag>()?
    } else {
        none
    };
    let inner = if tags.shape > 1 {
        *cursor.take::<VlanTag>()?
    } else {
        none
    };
    Some((ethernet, [outer, inner]))
}

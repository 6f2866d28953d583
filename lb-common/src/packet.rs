//! A packet taken apart: its headers side by side, and what may be changed in them.

use zerocopy::byteorder::big_endian::U16;

use crate::{
    address::{Address, Endpoint},
    checksum::Sum,
    headers::{Ethernet, Icmp, Ipv4, Ipv6, Ipv6Fragment, Ports, VlanTag, protocol},
    verdict::Reason,
};

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
    pub checksum: &'a mut U16,
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

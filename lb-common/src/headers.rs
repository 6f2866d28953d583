//! The headers on the wire, as views without alignment.

use zerocopy::{
    FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned,
    byteorder::big_endian::{U16, U32},
    transmute,
};

use crate::{address::Address, checksum::Sum};

/// Gives a header its views; all are `repr(C)`, without padding and of alignment one.
macro_rules! header {
    ($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident: $type:ty,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
        #[repr(C)]
        pub struct $name { $($(#[$field_doc])* pub $field: $type,)* }
    };
}

header! {
    /// Two hardware addresses, in the order of the Ethernet header.
    MacPair {
        /// Where the frame goes.
        destination: [u8; 6],
        /// Where it comes from.
        source: [u8; 6],
    }
}

header! {
    /// The Ethernet header.
    Ethernet {
        /// Both hardware addresses.
        macs: MacPair,
        /// What follows: an [`ethertype`].
        ethertype: U16,
    }
}

header! {
    /// An 802.1Q or 802.1ad tag, after the ethertype that announces it.
    VlanTag {
        /// Priority, drop eligibility and VLAN id.
        control: U16,
        /// What follows: an [`ethertype`].
        ethertype: U16,
    }
}

/// Ethertypes.
pub mod ethertype {
    /// IPv4.
    pub const IPV4: u16 = 0x0800;
    /// IPv6.
    pub const IPV6: u16 = 0x86dd;
    /// An 802.1Q tag.
    pub const VLAN: u16 = 0x8100;
    /// An 802.1ad service tag (the outer one of QinQ).
    pub const SERVICE_VLAN: u16 = 0x88a8;
}

header! {
    /// The IPv4 header without options (RFC 791).
    Ipv4 {
        /// Version and header length in words.
        version_and_length: u8,
        /// Type of service.
        tos: u8,
        /// Length of header and payload, in bytes.
        total_length: U16,
        /// The datagram's id, for reassembly.
        identification: U16,
        /// Flags and the fragment's offset in units of eight bytes.
        flags_and_offset: U16,
        /// Hops left.
        ttl: u8,
        /// What follows: a [`protocol`].
        protocol: u8,
        /// The header's checksum.
        checksum: U16,
        /// The sender.
        source: [u8; 4],
        /// The receiver.
        destination: [u8; 4],
    }
}

impl Ipv4 {
    /// The flag "don't fragment" in `flags_and_offset`.
    pub const DONT_FRAGMENT: u16 = 0x4000;
    /// The flag "more fragments" in `flags_and_offset`.
    pub const MORE_FRAGMENTS: u16 = 0x2000;
    /// The mask of the offset in `flags_and_offset`.
    pub const OFFSET: u16 = 0x1fff;

    /// The header's length in bytes, options included.
    #[inline(always)]
    #[must_use]
    pub const fn header_length(&self) -> usize {
        (self.version_and_length & 0x0f) as usize * 4
    }

    /// The sum over the header without options, its checksum included.
    #[inline(always)]
    #[must_use]
    pub fn sum(&self) -> Sum {
        let words: [[u8; 4]; 5] = transmute!(*self);
        let mut sum = Sum::zero();
        for word in words {
            sum.add_word(u32::from_ne_bytes(word));
        }
        sum
    }
}

header! {
    /// The IPv6 header (RFC 8200).
    Ipv6 {
        /// Version, traffic class and flow label.
        version_class_flow: U32,
        /// Length of what follows, in bytes.
        payload_length: U16,
        /// What follows: a [`protocol`].
        next_header: u8,
        /// Hops left.
        hop_limit: u8,
        /// The sender.
        source: [u8; 16],
        /// The receiver.
        destination: [u8; 16],
    }
}

impl Ipv6 {
    /// Whether one of its addresses is an IPv4 address in IPv6 form, which none has on the wire: it would be taken for the
    /// IPv4 address.
    #[inline(always)]
    #[must_use]
    pub const fn has_mapped_address(&self) -> bool {
        Address::v6(self.source).is_v4() || Address::v6(self.destination).is_v4()
    }
}

header! {
    /// The first bytes of an IPv6 extension header (RFC 8200 section 4).
    Ipv6Extension {
        /// What follows: a [`protocol`].
        next_header: u8,
        /// Length in units of eight bytes, the first not counted.
        length: u8,
        /// Of a routing header, its type.
        routing_type: u8,
        /// Of a routing header, the hops still to visit.
        segments_left: u8,
        /// The rest of the first eight bytes.
        rest: [u8; 4],
    }
}

header! {
    /// The IPv6 fragment header (RFC 8200 section 4.5), as the view of its eight bytes.
    Ipv6Fragment {
        /// What follows: a [`protocol`].
        next_header: u8,
        /// Zero.
        reserved: u8,
        /// The offset in units of eight bytes in the upper thirteen bits; the lowest bit says that more follow.
        offset_and_more: U16,
        /// The datagram's id, for reassembly.
        identification: U32,
    }
}

/// Protocol numbers of IPv4 and next-header values of IPv6.
pub mod protocol {
    /// Hop-by-hop options.
    pub const HOP_BY_HOP: u8 = 0;
    /// ICMP for IPv4.
    pub const ICMP: u8 = 1;
    /// An IPv4 packet inside (RFC 2003).
    pub const IPV4: u8 = 4;
    /// TCP.
    pub const TCP: u8 = 6;
    /// UDP.
    pub const UDP: u8 = 17;
    /// An IPv6 packet inside (RFC 2473).
    pub const IPV6: u8 = 41;
    /// Routing header.
    pub const ROUTING: u8 = 43;
    /// Fragment header.
    pub const FRAGMENT: u8 = 44;
    /// Authentication header.
    pub const AUTHENTICATION: u8 = 51;
    /// ICMP for IPv6.
    pub const ICMPV6: u8 = 58;
    /// Destination options.
    pub const DESTINATION_OPTIONS: u8 = 60;
}

header! {
    /// The ports, which TCP and UDP have in the same place.
    Ports {
        /// The sender's.
        source: U16,
        /// The receiver's.
        destination: U16,
    }
}

header! {
    /// The TCP header without options (RFC 9293).
    Tcp {
        /// Both ports.
        ports: Ports,
        /// Sequence number.
        sequence: U32,
        /// Acknowledgement number.
        acknowledgement: U32,
        /// Header length in words, in the upper four bits.
        data_offset: u8,
        /// Flags: [`tcp_flags`].
        flags: u8,
        /// Receive window.
        window: U16,
        /// Checksum over pseudo header, header and data.
        checksum: U16,
        /// Urgent pointer.
        urgent: U16,
    }
}

/// TCP flags.
pub mod tcp_flags {
    /// No more data from the sender.
    pub const FIN: u8 = 0x01;
    /// Synchronise sequence numbers.
    pub const SYN: u8 = 0x02;
    /// Reset the connection.
    pub const RST: u8 = 0x04;
    /// The acknowledgement number counts.
    pub const ACK: u8 = 0x10;

    /// Whether a segment with these flags asks for a connection (RFC 9293 section 3.5).
    #[inline(always)]
    #[must_use]
    pub const fn opens(flags: u8) -> bool {
        flags & (SYN | ACK) == SYN
    }
}

header! {
    /// The UDP header (RFC 768).
    Udp {
        /// Both ports.
        ports: Ports,
        /// Length of header and data, in bytes.
        length: U16,
        /// Checksum over pseudo header, header and data; zero on IPv4: none.
        checksum: U16,
    }
}

header! {
    /// The first eight bytes of ICMP (RFC 792) and ICMPv6 (RFC 4443).
    Icmp {
        /// Type.
        kind: u8,
        /// Code.
        code: u8,
        /// Checksum; of ICMPv6 over a pseudo header too.
        checksum: U16,
        /// Depends on the type: of "packet too big" the MTU, of an echo id and sequence number.
        rest: U32,
    }
}

/// ICMP types and codes of IPv4.
pub mod icmp {
    /// Echo reply.
    pub const ECHO_REPLY: u8 = 0;
    /// Destination unreachable.
    pub const UNREACHABLE: u8 = 3;
    /// Code of [`UNREACHABLE`]: the port has no one.
    pub const PORT_UNREACHABLE: u8 = 3;
    /// Code of [`UNREACHABLE`]: larger than the next link and not to be fragmented.
    pub const FRAGMENTATION_NEEDED: u8 = 4;
    /// Echo request.
    pub const ECHO_REQUEST: u8 = 8;
    /// Time exceeded.
    pub const TIME_EXCEEDED: u8 = 11;
    /// Parameter problem.
    pub const PARAMETER_PROBLEM: u8 = 12;
}

/// ICMP types and codes of IPv6.
pub mod icmpv6 {
    /// Destination unreachable.
    pub const UNREACHABLE: u8 = 1;
    /// Code of [`UNREACHABLE`]: the port has no one.
    pub const PORT_UNREACHABLE: u8 = 4;
    /// Larger than the next link.
    pub const PACKET_TOO_BIG: u8 = 2;
    /// Hop limit exceeded.
    pub const TIME_EXCEEDED: u8 = 3;
    /// Parameter problem.
    pub const PARAMETER_PROBLEM: u8 = 4;
    /// Echo request.
    pub const ECHO_REQUEST: u8 = 128;
    /// Echo reply.
    pub const ECHO_REPLY: u8 = 129;
}

//! Reads frames again, by other means than the datapath's, and adds up every checksum in full.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::build::{ACK, Builder, TCP, UDP};

/// The ones' complement sum of big-endian pairs.
pub(crate) fn internet_sum(start: u32, bytes: &[u8]) -> u16 {
    let mut sum = u64::from(start);
    for pair in bytes.chunks(2) {
        sum += u64::from(u16::from_be_bytes([pair[0], *pair.get(1).unwrap_or(&0)]));
    }
    while sum > 0xffff {
        sum = (sum >> 16) + (sum & 0xffff);
    }
    sum as u16
}

pub(crate) fn pseudo_sum(source: IpAddr, destination: IpAddr, protocol: u8, length: usize) -> u32 {
    let octets = |address| match address {
        IpAddr::V4(v4) => Ipv4Addr::octets(&v4).to_vec(),
        IpAddr::V6(v6) => Ipv6Addr::octets(&v6).to_vec(),
    };
    let addresses = [octets(source), octets(destination)].concat();
    u32::from(internet_sum(u32::from(protocol) + length as u32, &addresses))
}

/// What stands in a packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) macs: Vec<u8>,
    /// Ethertype and control field.
    pub(crate) tags: Vec<(u16, u16)>,
    pub(crate) source: IpAddr,
    pub(crate) destination: IpAddr,
    pub(crate) hops: u8,
    pub(crate) protocol: u8,
    pub(crate) id: u32,
    /// Offset in bytes, and whether more follow.
    pub(crate) part: Option<(usize, bool)>,
    pub(crate) payload: Vec<u8>,
}

fn be16(bytes: &[u8], at: usize) -> u16 {
    u16::from_be_bytes([bytes[at], bytes[at + 1]])
}

impl Seen {
    /// Reads a frame; panics where a checksum or length is wrong.
    pub(crate) fn frame(bytes: &[u8]) -> Self {
        let mut at = 12;
        let mut tags = Vec::new();
        while matches!(be16(bytes, at), 0x8100 | 0x88a8) {
            tags.push((be16(bytes, at), be16(bytes, at + 2)));
            at += 4;
        }
        let version = if be16(bytes, at) == 0x0800 { 4 } else { 6 };
        let mut seen = Self::packet(version, &bytes[at + 2..]);
        seen.macs = bytes[..12].to_vec();
        seen.tags = tags;
        seen
    }

    /// Reads an IP packet.
    pub(crate) fn packet(version: u8, bytes: &[u8]) -> Self {
        assert_eq!(bytes[0] >> 4, version, "ethertype and version agree");
        let seen = if version == 4 {
            Self::v4(bytes)
        } else {
            Self::v6(bytes)
        };
        if seen.part.is_none() {
            seen.check();
        }
        seen
    }

    fn v4(bytes: &[u8]) -> Self {
        let header = usize::from(bytes[0] & 15) * 4;
        assert_eq!(
            internet_sum(0, &bytes[..header]),
            0xffff,
            "the IP header's checksum"
        );
        let address = |at: usize| IpAddr::from(<[u8; 4]>::try_from(&bytes[at..at + 4]).unwrap());
        let flags = be16(bytes, 6);
        let part = (usize::from(flags & 0x1fff) * 8, flags & 0x2000 != 0);
        Self {
            macs: Vec::new(),
            tags: Vec::new(),
            source: address(12),
            destination: address(16),
            hops: bytes[8],
            protocol: bytes[9],
            id: be16(bytes, 4).into(),
            part: (part != (0, false)).then_some(part),
            payload: bytes[header..usize::from(be16(bytes, 2))].to_vec(),
        }
    }

    fn v6(bytes: &[u8]) -> Self {
        let address = |at: usize| IpAddr::from(<[u8; 16]>::try_from(&bytes[at..at + 16]).unwrap());
        let end = 40 + usize::from(be16(bytes, 4));
        let (mut at, mut protocol, mut part, mut id) = (40, bytes[6], None, 0);
        while matches!(protocol, 0 | 43 | 44 | 51 | 60) {
            if protocol == 44 {
                let field = be16(bytes, at + 2);
                part = Some((usize::from(field & 0xfff8), field & 1 != 0));
                id = u32::from(be16(bytes, at + 4)) << 16 | u32::from(be16(bytes, at + 6));
            }
            let length = match protocol {
                44 => 8,
                51 => 8 + usize::from(bytes[at + 1]) * 4,
                _ => 8 + usize::from(bytes[at + 1]) * 8,
            };
            protocol = bytes[at];
            at += length;
            if part.is_some_and(|(offset, _)| offset != 0) {
                break;
            }
        }
        Self {
            macs: Vec::new(),
            tags: Vec::new(),
            source: address(8),
            destination: address(24),
            hops: bytes[7],
            protocol,
            id,
            part: part.filter(|part| *part != (0, false)),
            payload: bytes[at..end].to_vec(),
        }
    }

    /// Adds the payload's checksum up.
    pub(crate) fn check(&self) {
        let pseudo = pseudo_sum(self.source, self.destination, self.protocol, self.payload.len());
        match self.protocol {
            TCP | 58 => assert_eq!(
                internet_sum(pseudo, &self.payload),
                0xffff,
                "checksum of {self:?}"
            ),
            UDP if be16(&self.payload, 6) != 0 => {
                assert_eq!(
                    internet_sum(pseudo, &self.payload),
                    0xffff,
                    "checksum of {self:?}"
                );
            }
            1 => assert_eq!(internet_sum(0, &self.payload), 0xffff, "checksum of {self:?}"),
            _ => {}
        }
    }

    pub(crate) fn ports(&self) -> (u16, u16) {
        (be16(&self.payload, 0), be16(&self.payload, 2))
    }

    pub(crate) fn from(&self) -> (IpAddr, u16) {
        (self.source, self.ports().0)
    }

    pub(crate) fn to(&self) -> (IpAddr, u16) {
        (self.destination, self.ports().1)
    }

    pub(crate) fn tcp_flags(&self) -> u8 {
        assert_eq!(self.protocol, TCP);
        self.payload[13]
    }

    /// What its receiver answers, with these flags where it is TCP.
    pub(crate) fn answer(&self, flags: u8) -> Builder {
        if self.protocol == TCP {
            Builder::tcp(self.to(), self.from(), flags | ACK)
        } else {
            Builder::udp(self.to(), self.from())
        }
    }

    /// The packet inside, of a tunnel.
    pub(crate) fn inner(&self) -> Self {
        Self::packet(if self.protocol == 4 { 4 } else { 6 }, &self.payload)
    }
}

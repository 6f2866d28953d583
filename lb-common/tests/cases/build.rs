//! Packets as a client or a member sends them.

use std::net::IpAddr;

use super::read::{internet_sum, pseudo_sum};

pub(crate) const TCP: u8 = 6;
pub(crate) const UDP: u8 = 17;
pub(crate) const FIN: u8 = 1;
pub(crate) const SYN: u8 = 2;
pub(crate) const RST: u8 = 4;
pub(crate) const ACK: u8 = 16;

/// The hardware addresses of the client's frames: to the balancer, from the router.
pub(crate) const CLIENT_MACS: [u8; 12] = [2, 0x42, 0, 0, 0, 9, 2, 0x43, 0, 0, 0, 1];

#[derive(Clone, Debug)]
pub(crate) enum Layer {
    Tcp {
        flags: u8,
        sequence: u32,
        acknowledgement: u32,
        data: Vec<u8>,
    },
    Udp {
        data: Vec<u8>,
        with_checksum: bool,
    },
    Icmp {
        kind: u8,
        code: u8,
        rest: u32,
        body: Vec<u8>,
    },
    Raw(u8, Vec<u8>),
}

#[derive(Clone, Debug)]
pub(crate) struct Builder {
    pub(crate) macs: [u8; 12],
    /// Ethertype and control field.
    pub(crate) tags: Vec<(u16, u16)>,
    pub(crate) source: (IpAddr, u16),
    pub(crate) destination: (IpAddr, u16),
    pub(crate) hops: u8,
    /// Of IPv4, in whole words.
    pub(crate) options: Vec<u8>,
    /// Of IPv6: next-header value and bytes, of which the first is replaced.
    pub(crate) extensions: Vec<(u8, Vec<u8>)>,
    pub(crate) id: u32,
    pub(crate) dont_fragment: bool,
    pub(crate) layer: Layer,
}

impl Builder {
    pub(crate) fn new(source: (IpAddr, u16), destination: (IpAddr, u16), layer: Layer) -> Self {
        Self {
            macs: CLIENT_MACS,
            tags: Vec::new(),
            source,
            destination,
            hops: 60,
            options: Vec::new(),
            extensions: Vec::new(),
            id: 7,
            dont_fragment: false,
            layer,
        }
    }

    pub(crate) fn tcp(source: (IpAddr, u16), destination: (IpAddr, u16), flags: u8) -> Self {
        let layer = Layer::Tcp {
            flags,
            sequence: 1000,
            acknowledgement: 5000,
            data: Vec::new(),
        };
        Self::new(source, destination, layer)
    }

    pub(crate) fn udp(source: (IpAddr, u16), destination: (IpAddr, u16)) -> Self {
        let layer = Layer::Udp {
            data: b"question".to_vec(),
            with_checksum: true,
        };
        Self::new(source, destination, layer)
    }

    pub(crate) fn of(protocol: u8, source: (IpAddr, u16), destination: (IpAddr, u16)) -> Self {
        if protocol == TCP {
            Self::tcp(source, destination, SYN)
        } else {
            Self::udp(source, destination)
        }
    }

    pub(crate) fn icmp(source: IpAddr, destination: IpAddr, kind: u8, code: u8, body: &[u8]) -> Self {
        let layer = Layer::Icmp {
            kind,
            code,
            rest: 0,
            body: body.to_vec(),
        };
        Self::new((source, 0), (destination, 0), layer)
    }

    pub(crate) fn data(mut self, new: &[u8]) -> Self {
        match &mut self.layer {
            Layer::Tcp { data, .. } | Layer::Udp { data, .. } => *data = new.to_vec(),
            _ => {}
        }
        self
    }

    pub(crate) fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    fn is_v4(&self) -> bool {
        self.source.0.is_ipv4()
    }

    /// Protocol number and bytes above the IP header.
    pub(crate) fn payload(&self) -> (u8, Vec<u8>) {
        let mut bytes = Vec::new();
        let ports = [self.source.1.to_be_bytes(), self.destination.1.to_be_bytes()].concat();
        let (protocol, place) = match &self.layer {
            Layer::Tcp {
                flags,
                sequence,
                acknowledgement,
                data,
            } => {
                bytes.extend(ports);
                bytes.extend(sequence.to_be_bytes());
                bytes.extend(acknowledgement.to_be_bytes());
                bytes.extend([0x50, *flags, 0x20, 0, 0, 0, 0, 0]);
                bytes.extend(data);
                (TCP, Some(16))
            }
            Layer::Udp { data, with_checksum } => {
                bytes.extend(ports);
                bytes.extend((data.len() as u16 + 8).to_be_bytes());
                bytes.extend([0, 0]);
                bytes.extend(data);
                (UDP, with_checksum.then_some(6))
            }
            Layer::Icmp {
                kind,
                code,
                rest,
                body,
            } => {
                bytes.extend([*kind, *code, 0, 0]);
                bytes.extend(rest.to_be_bytes());
                bytes.extend(body);
                (if self.is_v4() { 1 } else { 58 }, Some(2))
            }
            Layer::Raw(protocol, data) => {
                bytes.extend(data);
                (*protocol, None)
            }
        };
        if let Some(place) = place {
            let pseudo = if protocol == 1 {
                0
            } else {
                pseudo_sum(self.source.0, self.destination.0, protocol, bytes.len())
            };
            let sum = !internet_sum(pseudo, &bytes);
            let sum = if protocol == UDP && sum == 0 { 0xffff } else { sum };
            bytes[place..place + 2].copy_from_slice(&sum.to_be_bytes());
        }
        (protocol, bytes)
    }

    fn link(&self) -> Vec<u8> {
        let mut bytes = self.macs.to_vec();
        for (kind, control) in &self.tags {
            bytes.extend(kind.to_be_bytes());
            bytes.extend(control.to_be_bytes());
        }
        bytes.extend(if self.is_v4() { [8, 0] } else { [0x86, 0xdd] });
        bytes
    }

    /// The IP packet with this part of the payload; `part` is the offset in bytes and whether more follow.
    fn ip(&self, protocol: u8, payload: &[u8], part: Option<(usize, bool)>) -> Vec<u8> {
        let mut bytes = Vec::new();
        match (self.source.0, self.destination.0) {
            (IpAddr::V4(source), IpAddr::V4(destination)) => {
                let header = 20 + self.options.len();
                bytes.extend([0x40 | (header / 4) as u8, 0]);
                bytes.extend(((header + payload.len()) as u16).to_be_bytes());
                bytes.extend((self.id as u16).to_be_bytes());
                let (offset, more) = part.unwrap_or((0, false));
                let flags = (offset / 8) as u16 | u16::from(more) << 13 | u16::from(self.dont_fragment) << 14;
                bytes.extend(flags.to_be_bytes());
                bytes.extend([self.hops, protocol, 0, 0]);
                bytes.extend(source.octets());
                bytes.extend(destination.octets());
                bytes.extend(&self.options);
                let sum = !internet_sum(0, &bytes);
                bytes[10..12].copy_from_slice(&sum.to_be_bytes());
            }
            (IpAddr::V6(source), IpAddr::V6(destination)) => {
                let mut extensions = self.extensions.clone();
                if let Some((offset, more)) = part {
                    let mut header = vec![0, 0];
                    header.extend((offset as u16 | u16::from(more)).to_be_bytes());
                    header.extend(self.id.to_be_bytes());
                    extensions.push((44, header));
                }
                let length: usize = extensions.iter().map(|(_, bytes)| bytes.len()).sum();
                bytes.extend([0x60, 0x12, 0x34, 0x56]);
                bytes.extend(((length + payload.len()) as u16).to_be_bytes());
                bytes.extend([extensions.first().map_or(protocol, |first| first.0), self.hops]);
                bytes.extend(source.octets());
                bytes.extend(destination.octets());
                for (index, (_, header)) in extensions.iter().enumerate() {
                    bytes.push(extensions.get(index + 1).map_or(protocol, |next| next.0));
                    bytes.extend(&header[1..]);
                }
            }
            _ => panic!("one family"),
        }
        bytes.extend(payload);
        bytes
    }

    /// The IP packet.
    pub(crate) fn packet(&self) -> Vec<u8> {
        let (protocol, payload) = self.payload();
        self.ip(protocol, &payload, None)
    }

    /// The frame.
    pub(crate) fn frame(&self) -> Vec<u8> {
        [self.link(), self.packet()].concat()
    }

    /// The frames of two fragments, cut at this byte of the payload.
    pub(crate) fn fragments(&self, at: usize) -> [Vec<u8>; 2] {
        let (protocol, payload) = self.payload();
        [
            [self.link(), self.ip(protocol, &payload[..at], Some((0, true)))].concat(),
            [self.link(), self.ip(protocol, &payload[at..], Some((at, false)))].concat(),
        ]
    }
}

//! Version 2: binary (section 2.2).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::{Header, Pair, Read, Reason, Stop, crc32c, proxied};

const SIGNATURE: [u8; 12] = *b"\r\n\r\n\0\r\nQUIT\n";

/// The signature, version and command, family, and the announced length.
pub(super) const HEAD: usize = 16;
/// The type of a field and the length of its value.
const FIELD_HEAD: usize = 3;
/// Addresses are at most 216 bytes, and fields such as names of certificates some hundred: what is longer has been made
/// up to keep us reading.
pub(super) const MOST_ANNOUNCED: usize = 4096;

const LOCAL: u8 = 0x20;
const PROXY: u8 = 0x21;
const TCP_OVER_IPV4: u8 = 0x11;
const TCP_OVER_IPV6: u8 = 0x21;

/// The type of a field behind the addresses (section 2.2.3).
const CRC32C: u8 = 0x03;

pub(super) fn parse(buf: &[u8]) -> Read {
    let (block, announced) = read_head(&so_far(buf)).map_err(Stop::Wrong)?;
    if buf.len() < HEAD {
        return Err(Stop::More { at_least: HEAD });
    }
    block.check_room(announced).map_err(Stop::Wrong)?;
    let len = HEAD + announced;
    let Some(whole) = buf.get(..len) else {
        return Err(Stop::More { at_least: len });
    };
    let header = block.read(whole).map_err(Stop::Wrong)?;
    Ok((len, header))
}

/// The head; what has not arrived of it is taken for right, so that what is wrong is found at its first byte.
fn so_far(buf: &[u8]) -> [u8; HEAD] {
    let mut head = head(PROXY, TCP_OVER_IPV4, 0);
    let known = buf.len().min(HEAD);
    head[..known].copy_from_slice(&buf[..known]);
    head
}

/// What the head announces, and how many bytes of it.
fn read_head(head: &[u8; HEAD]) -> Result<(Block, usize), Reason> {
    if head[..12] != SIGNATURE {
        return Err(Reason::Signature);
    }
    let block = Block::of(head[12], head[13])?;
    let announced = usize::from(u16::from_be_bytes([head[14], head[15]]));
    if announced > MOST_ANNOUNCED {
        return Err(Reason::TooLong);
    }
    Ok((block, announced))
}

fn head(command: u8, family: u8, announced: u16) -> [u8; HEAD] {
    let mut head = [0; HEAD];
    head[..12].copy_from_slice(&SIGNATURE);
    head[12] = command;
    head[13] = family;
    head[14..].copy_from_slice(&announced.to_be_bytes());
    head
}

/// What stands behind the head.
#[derive(Clone, Copy)]
enum Block {
    /// Whatever: of LOCAL and UNSPEC all of it is to be skipped, so that it is not known what would be fields.
    Skipped(Header),
    Ipv4,
    Ipv6,
    Unix,
}

impl Block {
    fn of(command: u8, family: u8) -> Result<Self, Reason> {
        match command {
            PROXY => {}
            LOCAL => return Ok(Self::Skipped(Header::Local)),
            0x22..=0x2f => return Err(Reason::Command),
            _ => return Err(Reason::Version),
        }
        // The transport protocol may be UDP: a proxy may speak for a client of HTTP/3.
        match (family >> 4, family & 0xf) {
            (0, 0..=2) | (1..=3, 0) => Ok(Self::Skipped(Header::Unknown)),
            (1, 1..=2) => Ok(Self::Ipv4),
            (2, 1..=2) => Ok(Self::Ipv6),
            (3, 1..=2) => Ok(Self::Unix),
            _ => Err(Reason::Family),
        }
    }

    const fn length_of_addresses(self) -> usize {
        match self {
            Self::Skipped(_) => 0,
            Self::Ipv4 => 12,
            Self::Ipv6 => 36,
            Self::Unix => 216,
        }
    }

    /// Whether so many bytes can be right.
    fn check_room(self, announced: usize) -> Result<(), Reason> {
        match (self, announced.checked_sub(self.length_of_addresses())) {
            (_, None) => Err(Reason::TooShort),
            (Self::Ipv4 | Self::Ipv6 | Self::Unix, Some(1..FIELD_HEAD)) => Err(Reason::Field),
            _ => Ok(()),
        }
    }

    /// What the header says, whose room has been checked.
    fn read(self, whole: &[u8]) -> Result<Header, Reason> {
        let header = match self {
            Self::Skipped(header) => return Ok(header),
            Self::Ipv4 => read::<4, Ipv4Addr>(&whole[HEAD..]).ok_or(Reason::TooShort)?,
            Self::Ipv6 => read::<16, Ipv6Addr>(&whole[HEAD..]).ok_or(Reason::TooShort)?,
            Self::Unix => Header::Unknown,
        };
        check_fields(whole, HEAD + self.length_of_addresses())?;
        Ok(header)
    }
}

/// Two addresses of `N` bytes, then two ports.
fn read<const N: usize, A>(block: &[u8]) -> Option<Header>
where
    A: From<[u8; N]>,
    IpAddr: From<A>,
{
    let (source, rest) = block.split_first_chunk::<N>()?;
    let (destination, rest) = rest.split_first_chunk::<N>()?;
    let &[a, b, c, d] = rest.first_chunk()?;
    let address = |bytes: [u8; N], port| SocketAddr::new(A::from(bytes).into(), u16::from_be_bytes(port));
    Some(proxied(address(*source, [a, b]), address(*destination, [c, d])))
}

/// Walks over the fields of a header from `at` on. None of them is used, but a header with a wrong one is not believed.
fn check_fields(whole: &[u8], mut at: usize) -> Result<(), Reason> {
    while at < whole.len() {
        let &[kind, high, low] = whole[at..].first_chunk::<FIELD_HEAD>().ok_or(Reason::Field)?;
        let value = at + FIELD_HEAD;
        let end = value + usize::from(u16::from_be_bytes([high, low]));
        let field = whole.get(value..end).ok_or(Reason::Field)?;
        if kind == CRC32C {
            let is = crc32c::checksum(&[&whole[..value], &[0; 4], &whole[end..]]);
            if field != is.to_be_bytes() {
                return Err(Reason::Checksum);
            }
        }
        at = end;
    }
    Ok(())
}

/// Appends a header. An IPv4 address beside an IPv6 one is written as a mapped one.
pub fn write(source: SocketAddr, destination: SocketAddr, out: &mut Vec<u8>) {
    let mut append = |family, announced, parts: [&[u8]; 4]| {
        out.extend_from_slice(&head(PROXY, family, announced));
        out.extend(parts.into_iter().flatten());
    };
    match Pair::of(source, destination) {
        Pair::V4(source, destination) => {
            let (from, to) = (source.ip().octets(), destination.ip().octets());
            let (from_port, to_port) = (source.port().to_be_bytes(), destination.port().to_be_bytes());
            append(TCP_OVER_IPV4, 12, [&from, &to, &from_port, &to_port]);
        }
        Pair::V6(source, destination) => {
            let (from, to) = (source.ip().octets(), destination.ip().octets());
            let (from_port, to_port) = (source.port().to_be_bytes(), destination.port().to_be_bytes());
            append(TCP_OVER_IPV6, 36, [&from, &to, &from_port, &to_port]);
        }
    }
}

//! The header of the PROXY protocol, as clients write it and members read it
//! (<https://www.haproxy.org/download/3.2/doc/proxy-protocol.txt>). Written once more, so that both sides of the balancer are
//! measured by something that is not its own.

use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use anyhow::{Context as _, Result, ensure};
use serde::{Deserialize, Serialize};

const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";
/// Signature, version and command, family, length.
const HEAD: usize = 16;

/// The version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Version {
    /// A line.
    V1,
    /// Bytes.
    V2,
}

impl Version {
    /// Both, for tests that hold for either.
    pub const BOTH: [Self; 2] = [Self::V1, Self::V2];
}

/// What a header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Greeting {
    /// The version.
    pub version: Version,
    /// Who has connected.
    pub client: SocketAddr,
    /// To what.
    pub reached: SocketAddr,
}

/// What a connection begins with.
#[derive(Debug)]
pub(crate) enum Begin {
    /// That cannot be said yet.
    Unclear,
    /// Something else.
    NoGreeting,
    /// A header of so many bytes.
    Greeting(Greeting, usize),
}

impl Greeting {
    /// The header.
    #[must_use]
    pub fn header(&self) -> Vec<u8> {
        let (client, reached) = (self.client, self.reached);
        let number = if client.is_ipv4() { 4 } else { 6 };
        if self.version == Version::V1 {
            let (from, to) = (client.ip(), reached.ip());
            let ports = format!("{} {}", client.port(), reached.port());
            return format!("PROXY TCP{number} {from} {to} {ports}\r\n").into_bytes();
        }
        let mut said = Vec::new();
        for address in [client.ip(), reached.ip()] {
            match address {
                IpAddr::V4(address) => said.extend(address.octets()),
                IpAddr::V6(address) => said.extend(address.octets()),
            }
        }
        for port in [client.port(), reached.port()] {
            said.extend(port.to_be_bytes());
        }
        let family = if client.is_ipv4() { 0x11 } else { 0x21 };
        let length = (said.len() as u16).to_be_bytes();
        [SIGNATURE, &[0x21, family], &length, &said].concat()
    }
}

impl Begin {
    /// What these bytes begin with.
    pub(crate) fn of(bytes: &[u8]) -> io::Result<Self> {
        let found = if bytes.starts_with(b"PROXY ") {
            line(bytes)
        } else if bytes.starts_with(SIGNATURE) {
            binary(bytes)
        } else if b"PROXY ".starts_with(bytes) || SIGNATURE.starts_with(bytes) {
            Ok(Self::Unclear)
        } else {
            Ok(Self::NoGreeting)
        };
        found.map_err(|error| io::Error::new(ErrorKind::InvalidData, error))
    }
}

fn line(bytes: &[u8]) -> Result<Begin> {
    let Some(length) = bytes.windows(2).position(|pair| pair == b"\r\n") else {
        return Ok(Begin::Unclear);
    };
    let words: Vec<_> = std::str::from_utf8(&bytes[..length])?.split(' ').collect();
    let &[_, "TCP4" | "TCP6", client, reached, from, to] = words.as_slice() else {
        anyhow::bail!("not a line of version 1: {words:?}");
    };
    let greeting = Greeting {
        version: Version::V1,
        client: SocketAddr::new(client.parse()?, from.parse()?),
        reached: SocketAddr::new(reached.parse()?, to.parse()?),
    };
    Ok(Begin::Greeting(greeting, length + 2))
}

fn binary(bytes: &[u8]) -> Result<Begin> {
    let Some((head, rest)) = bytes.split_at_checked(HEAD) else {
        return Ok(Begin::Unclear);
    };
    let length = usize::from(u16::from_be_bytes([head[14], head[15]]));
    let Some(said) = rest.get(..length) else {
        return Ok(Begin::Unclear);
    };
    ensure!(head[12] == 0x21, "not for a client, by version 2: {head:?}");
    let (client, reached, ports) = match head[13] {
        0x11 => addresses(said, |octets: [u8; 4]| Ipv4Addr::from(octets).into()),
        0x21 => addresses(said, |octets: [u8; 16]| Ipv6Addr::from(octets).into()),
        family => anyhow::bail!("not TCP over IP: {family:#x}"),
    }
    .context("it ends within the addresses")?;
    let greeting = Greeting {
        version: Version::V2,
        client: SocketAddr::new(client, u16::from_be_bytes([ports[0], ports[1]])),
        reached: SocketAddr::new(reached, u16::from_be_bytes([ports[2], ports[3]])),
    };
    Ok(Begin::Greeting(greeting, HEAD + length))
}

fn addresses<const N: usize>(
    said: &[u8],
    address: impl Fn([u8; N]) -> IpAddr,
) -> Option<(IpAddr, IpAddr, [u8; 4])> {
    let (client, rest) = said.split_first_chunk()?;
    let (reached, rest) = rest.split_first_chunk()?;
    Some((address(*client), address(*reached), *rest.first_chunk()?))
}

//! The PROXY protocol, versions 1 and 2: who the client is, said before its first byte by a proxy in front of us, or by
//! us to a member (<https://www.haproxy.org/download/3.2/doc/proxy-protocol.txt>; sections are of that).
//!
//! Whether a connection begins with a header is for the configuration to say, never for its bytes (section 5): anyone
//! can send one.

mod crc32c;
#[cfg(test)]
mod tests;
mod v1;
mod v2;

use std::net::{SocketAddr, SocketAddrV4, SocketAddrV6};

use thiserror::Error;

pub use v1::write as write_v1;
pub use v2::write as write_v2;

/// The longest header that is read, in bytes: the head of version 2 and what it may announce.
pub const LONGEST_HEADER: usize = v2::HEAD + v2::MOST_ANNOUNCED;

/// What the first bytes of a connection are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parsed {
    /// The begin of a header.
    Incomplete {
        /// How long what has arrived must be before it can be complete; more than it is, never more than a header.
        at_least: usize,
    },
    /// A header, and behind it the client's own bytes.
    Complete {
        /// How many bytes the header has.
        len: usize,
        /// What it says.
        header: Header,
    },
    /// No header, whatever else arrives.
    Invalid(Reason),
}

/// What a header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Header {
    /// The proxy speaks for itself, as for a health check: the connection's own addresses are the right ones.
    Local,
    /// There is a client, of which the proxy says nothing that we know: the connection's own addresses have to do.
    Unknown,
    /// The proxy speaks for a client. An IPv4 address that was mapped to IPv6 is IPv4 again.
    Proxied {
        /// The client's.
        source: SocketAddr,
        /// The one that the client has connected to.
        destination: SocketAddr,
    },
}

/// Why something is no header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Reason {
    /// It begins like neither version.
    #[error("a PROXY protocol header begins with `PROXY ` or with the 12 bytes of version 2")]
    Signature,
    /// The line of version 1 says another protocol.
    #[error("after `PROXY ` comes `TCP4`, `TCP6` or `UNKNOWN`")]
    Protocol,
    /// The line of version 1 has something else for an address.
    #[error("after the protocol come two addresses of its family, each behind one space")]
    Address,
    /// The line of version 1 has something else for a port.
    #[error(
        "after the addresses come two ports from 0 to 65535 without leading zeros, each behind one space"
    )]
    Port,
    /// The line of version 1 does not end where it has to.
    #[error("a line of version 1 ends with CR LF right behind its last word, and has neither before")]
    LineEnd,
    /// The line of version 1 does not end at all.
    #[error("a line of version 1 has at most {} bytes, CR LF included", v1::LONGEST)]
    LineTooLong,
    /// The 13th byte has another version.
    #[error("behind the signature stands version 2")]
    Version,
    /// The 13th byte has another command.
    #[error("the command of version 2 is LOCAL (0) or PROXY (1)")]
    Command,
    /// The 14th byte has another address family or transport protocol.
    #[error("the family of version 2 is 0 to 3, and its transport protocol 0 to 2")]
    Family,
    /// More bytes are announced than we take.
    #[error("version 2 may announce at most {} bytes", v2::MOST_ANNOUNCED)]
    TooLong,
    /// Fewer bytes are announced than the addresses have.
    #[error("version 2 has to announce the 12 bytes of IPv4 addresses, 36 of IPv6, or 216 of UNIX")]
    TooShort,
    /// A field behind the addresses ends behind the header.
    #[error(
        "each field behind the addresses has three bytes and as many as these announce, within the header"
    )]
    Field,
    /// The checksum is another one.
    #[error("the checksum field has the four bytes of the CRC32c of the header with zeros in their place")]
    Checksum,
}

impl Reason {
    /// All reasons.
    pub const ALL: [Self; 13] = [
        Self::Signature,
        Self::Protocol,
        Self::Address,
        Self::Port,
        Self::LineEnd,
        Self::LineTooLong,
        Self::Version,
        Self::Command,
        Self::Family,
        Self::TooLong,
        Self::TooShort,
        Self::Field,
        Self::Checksum,
    ];

    /// Its word in metrics.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Signature => "signature",
            Self::Protocol => "protocol",
            Self::Address => "address",
            Self::Port => "port",
            Self::LineEnd => "line_end",
            Self::LineTooLong => "line_too_long",
            Self::Version => "version",
            Self::Command => "command",
            Self::Family => "family",
            Self::TooLong => "too_long",
            Self::TooShort => "too_short",
            Self::Field => "field",
            Self::Checksum => "checksum",
        }
    }
}

/// Reads the header that `buf` begins with. What is wrong is said as soon as it is known.
pub fn parse(buf: &[u8]) -> Parsed {
    let read = match buf.first() {
        None => Err(Stop::More {
            at_least: v1::SHORTEST,
        }),
        Some(b'P') => v1::parse(buf),
        Some(b'\r') => v2::parse(buf),
        Some(_) => Err(Stop::Wrong(Reason::Signature)),
    };
    match read {
        Ok((len, header)) => Parsed::Complete { len, header },
        Err(Stop::More { at_least }) => Parsed::Incomplete { at_least },
        Err(Stop::Wrong(reason)) => Parsed::Invalid(reason),
    }
}

/// Why reading has not come to the end of a header.
#[derive(Clone, Copy, Debug)]
enum Stop {
    More { at_least: usize },
    Wrong(Reason),
}

/// The length of a header, and what it says.
type Read = Result<(usize, Header), Stop>;

/// Both addresses as of one family, which is all that a header has room for.
enum Pair {
    V4(SocketAddrV4, SocketAddrV4),
    V6(SocketAddrV6, SocketAddrV6),
}

impl Pair {
    /// IPv4 only where both are, mapped ones among them; otherwise the other one is mapped, so that nothing is lost.
    fn of(source: SocketAddr, destination: SocketAddr) -> Self {
        match (canonical(source), canonical(destination)) {
            (SocketAddr::V4(source), SocketAddr::V4(destination)) => Self::V4(source, destination),
            (source, destination) => Self::V6(mapped(source), mapped(destination)),
        }
    }
}

fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

fn mapped(address: SocketAddr) -> SocketAddrV6 {
    match address {
        SocketAddr::V4(address) => SocketAddrV6::new(address.ip().to_ipv6_mapped(), address.port(), 0, 0),
        SocketAddr::V6(address) => address,
    }
}

fn proxied(source: SocketAddr, destination: SocketAddr) -> Header {
    Header::Proxied {
        source: canonical(source),
        destination: canonical(destination),
    }
}

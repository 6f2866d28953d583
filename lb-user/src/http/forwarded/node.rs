//! One party of a chain of proxies, as `X-Forwarded-For` and `Forwarded` write it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use memchr::{memchr, memrchr};

/// A client, or a proxy on the way to us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientAddress {
    /// An IPv4 address that was mapped to IPv6 is IPv4 again.
    pub address: IpAddr,
    /// Where it is known.
    pub port: Option<u16>,
}

impl From<SocketAddr> for ClientAddress {
    fn from(address: SocketAddr) -> Self {
        Self::new(address.ip(), Some(address.port()))
    }
}

impl ClientAddress {
    fn new(address: IpAddr, port: Option<u16>) -> Self {
        Self {
            address: address.to_canonical(),
            port,
        }
    }

    /// Reads a node (RFC 7239 section 6) without quotes; an IPv6 address also without brackets, as `X-Forwarded-For`
    /// has it. Nothing where it hides who it is.
    pub(super) fn read(text: &[u8]) -> Option<Self> {
        if let [b'[', rest @ ..] = text {
            let end = memchr(b']', rest)?;
            return Self::with_port(ipv6(&rest[..end])?, &rest[end + 1..]);
        }
        match (memchr(b':', text), memrchr(b':', text)) {
            (Some(first), Some(last)) if first < last => Some(Self::new(ipv6(text)?, None)),
            (Some(colon), _) => Self::with_port(ipv4(&text[..colon])?, &text[colon..]),
            (None, _) => Some(Self::new(ipv4(text)?, None)),
        }
    }

    /// With what stands behind the address: nothing, or a colon and a port, which may be hidden as well (section 6.3).
    fn with_port(address: IpAddr, behind: &[u8]) -> Option<Self> {
        match behind {
            [] | [b':', b'_', ..] => Some(Self::new(address, None)),
            [b':', digits @ ..] => Some(Self::new(address, Some(port(digits)?))),
            _ => None,
        }
    }
}

fn ipv4(text: &[u8]) -> Option<IpAddr> {
    let address: Ipv4Addr = str::from_utf8(text).ok()?.parse().ok()?;
    Some(address.into())
}

fn ipv6(text: &[u8]) -> Option<IpAddr> {
    let address: Ipv6Addr = str::from_utf8(text).ok()?.parse().ok()?;
    Some(address.into())
}

fn port(digits: &[u8]) -> Option<u16> {
    let is_number = (1..=5).contains(&digits.len()) && digits.iter().all(u8::is_ascii_digit);
    is_number.then_some(())?;
    str::from_utf8(digits).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<(String, Option<u16>)> {
        let node = ClientAddress::read(text.as_bytes())?;
        Some((node.address.to_string(), node.port))
    }

    #[test]
    fn addresses_may_have_a_port() {
        for (text, address, port) in [
            ("192.0.2.1", "192.0.2.1", None),
            ("192.0.2.1:4711", "192.0.2.1", Some(4711)),
            ("2001:DB8::1", "2001:db8::1", None),
            ("[2001:db8::1]", "2001:db8::1", None),
            ("[2001:db8::1]:4711", "2001:db8::1", Some(4711)),
            ("::ffff:192.0.2.1", "192.0.2.1", None),
            ("[::ffff:192.0.2.1]:4711", "192.0.2.1", Some(4711)),
            ("192.0.2.1:_hidden", "192.0.2.1", None),
        ] {
            assert_eq!(read(text), Some((address.to_owned(), port)), "{text}");
        }
    }

    #[test]
    fn what_is_no_address_names_nobody() {
        for text in [
            "",
            "unknown",
            "_hidden",
            "example.com",
            "192.0.2",
            "192.0.2.1:",
            "192.0.2.1:65536",
            "192.0.2.1:+1",
            "192.0.2.1:x",
            "192.0.2.1 ",
            "[2001:db8::1",
            "[2001:db8::1]x",
            "[192.0.2.1]",
            "[]",
            "fe80::1%eth0",
            "\"::1\"",
        ] {
            assert_eq!(read(text), None, "{text:?}");
        }
    }
}

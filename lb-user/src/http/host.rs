//! Whom a request is for: the `Host` of HTTP/1 or the `:authority` of HTTP/2, normalised so that equal hosts are equal
//! bytes (RFC 9110 section 7.2, RFC 3986 section 3.2).
//!
//! Stricter than RFC 3986, which has hosts of percent-encoded and nearly any other characters: what two programs might
//! read as different hosts is refused.

use std::{
    io::Write as _,
    net::{Ipv4Addr, Ipv6Addr},
};

use memchr::{memchr, memrchr};
use thiserror::Error;

/// The longest host name (RFC 1035 section 2.3.4, as text), and longer than any IPv6 address in brackets.
pub const LONGEST_HOST: usize = 253;

/// Where a normalised host is written to.
pub type Buffer = [u8; LONGEST_HOST];

/// A host, and the port that was said with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Authority<'a> {
    /// In lower case, without a dot at its end; an IPv6 address in brackets, in its shortest form.
    pub host: &'a [u8],
    /// Nothing where none is said: the scheme's own.
    pub port: Option<u16>,
}

/// Why something is no host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Mistake {
    /// There is nothing, or only a port.
    #[error("a host is a name or an address: it is not empty")]
    Empty,
    /// There are more than 253 characters.
    #[error("a host has at most {LONGEST_HOST} characters")]
    TooLong,
    /// There is a character that hosts do not have; `@` among them, and with it users and passwords.
    #[error("a host has letters, digits, `-`, `_` and `.` only, without a user before it")]
    Character,
    /// There is a dot at the start, or two in a row.
    #[error("a host has something before each dot")]
    EmptyLabel,
    /// What stands in brackets is no IPv6 address.
    #[error("in brackets stands an IPv6 address without a zone, as in `[2001:db8::1]`, and then only a port")]
    Ipv6,
    /// The port is none.
    #[error("a port is a number from 0 to 65535")]
    Port,
}

impl<'a> Authority<'a> {
    /// Reads `value`, and writes the normalised host into `buffer`.
    pub fn parse(value: &[u8], buffer: &'a mut Buffer) -> Result<Self, Mistake> {
        let (host, port) = split(value)?;
        let port = port.map_or(Ok(None), read_port)?;
        let host = match host {
            [b'[', address @ .., b']'] => write_address(address, buffer)?,
            name => write_name(name, buffer)?,
        };
        Ok(Self { host, port })
    }
}

/// Host and port, the brackets of an IPv6 address included. Its colons are none before a port.
fn split(value: &[u8]) -> Result<(&[u8], Option<&[u8]>), Mistake> {
    if !value.starts_with(b"[") {
        return Ok(match memrchr(b':', value) {
            Some(colon) => (&value[..colon], Some(&value[colon + 1..])),
            None => (value, None),
        });
    }
    let end = memchr(b']', value).ok_or(Mistake::Ipv6)? + 1;
    match &value[end..] {
        [] => Ok((&value[..end], None)),
        [b':', port @ ..] => Ok((&value[..end], Some(port))),
        _ => Err(Mistake::Ipv6),
    }
}

/// RFC 3986 section 3.2.3: a colon may have nothing behind it.
fn read_port(digits: &[u8]) -> Result<Option<u16>, Mistake> {
    if digits.is_empty() {
        return Ok(None);
    }
    let port = digits.iter().try_fold(0_u16, |port, digit| {
        let digit = digit.is_ascii_digit().then(|| u16::from(digit - b'0'))?;
        port.checked_mul(10)?.checked_add(digit)
    });
    // A limit to leading zeros, which no one sends.
    let is_short = digits.len() <= 5;
    port.filter(|_| is_short).map(Some).ok_or(Mistake::Port)
}

fn write_address<'a>(address: &[u8], buffer: &'a mut Buffer) -> Result<&'a [u8], Mistake> {
    let address = str::from_utf8(address)
        .ok()
        .and_then(|address| address.parse::<Ipv6Addr>().ok());
    let address = address.ok_or(Mistake::Ipv6)?;
    let mut rest = &mut buffer[..];
    write!(rest, "[{address}]").map_err(|_| Mistake::TooLong)?;
    let length = LONGEST_HOST - rest.len();
    Ok(&buffer[..length])
}

fn write_name<'a>(name: &[u8], buffer: &'a mut Buffer) -> Result<&'a [u8], Mistake> {
    if name.is_empty() {
        return Err(Mistake::Empty);
    }
    // `example.com.` is the same host for who asks the DNS.
    let name = name.strip_suffix(b".").unwrap_or(name);
    let written = buffer.get_mut(..name.len()).ok_or(Mistake::TooLong)?;
    let mut before = b'.';
    for (written, &byte) in written.iter_mut().zip(name) {
        match byte {
            b'.' if before == b'.' => return Err(Mistake::EmptyLabel),
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' => {}
            _ => return Err(Mistake::Character),
        }
        *written = byte.to_ascii_lowercase();
        before = byte;
    }
    if before == b'.' {
        Err(Mistake::EmptyLabel)
    } else {
        Ok(written)
    }
}

/// Whether `host` is what `pattern` says: the same, or, where that begins with `*.`, with exactly one label in the
/// star's place (RFC 9525 section 6.3). Case does not matter, and an address is no name with a label.
pub fn matches_wildcard(pattern: &[u8], host: &[u8]) -> bool {
    let Some(domain) = pattern.strip_prefix(b"*") else {
        return pattern.eq_ignore_ascii_case(host);
    };
    let Some(dot) = memchr(b'.', host) else {
        return false;
    };
    dot > 0 && host.len() > dot + 1 && host[dot..].eq_ignore_ascii_case(domain) && !is_address(host)
}

fn is_address(host: &[u8]) -> bool {
    host.starts_with(b"[") || str::from_utf8(host).is_ok_and(|host| host.parse::<Ipv4Addr>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(value: &str) -> Result<(String, Option<u16>), Mistake> {
        let mut buffer = [0; LONGEST_HOST];
        let authority = Authority::parse(value.as_bytes(), &mut buffer)?;
        Ok((
            String::from_utf8(authority.host.to_vec()).unwrap(),
            authority.port,
        ))
    }

    #[track_caller]
    fn is_normally(value: &str, host: &str, port: Option<u16>) {
        assert_eq!(parsed(value), Ok((host.to_owned(), port)), "{value:?}");
    }

    #[test]
    fn a_host_may_have_a_port() {
        is_normally("example.com", "example.com", None);
        is_normally("example.com:8080", "example.com", Some(8080));
        is_normally("192.0.2.1:80", "192.0.2.1", Some(80));
        is_normally("[2001:db8::1]:443", "[2001:db8::1]", Some(443));
    }

    #[test]
    fn a_colon_without_a_port_is_as_good_as_none() {
        is_normally("example.com:", "example.com", None);
        is_normally("[::1]:", "[::1]", None);
    }

    #[test]
    fn equal_hosts_become_equal_bytes() {
        is_normally("EXAMPLE.Com.", "example.com", None);
        is_normally("[2001:DB8:0:0::0:1]", "[2001:db8::1]", None);
        is_normally("my_service-1", "my_service-1", None);
    }

    #[test]
    fn an_empty_host_is_refused() {
        assert_eq!(parsed(""), Err(Mistake::Empty));
        assert_eq!(parsed(":80"), Err(Mistake::Empty));
    }

    #[test]
    fn characters_that_hosts_do_not_have_are_refused() {
        for value in [
            "user@example.com",
            "user:password@example.com:80",
            "exa mple.com",
            " example.com",
            "example.com ",
            "example.com\t",
            "example.com\0",
            "a/b",
            "a,b",
            "a%2eb",
            "a*b",
            "b\u{fc}cher.example",
            "2001:db8::1",
        ] {
            assert_eq!(parsed(value), Err(Mistake::Character), "{value:?}");
        }
    }

    #[test]
    fn labels_are_not_empty() {
        for value in [".", "..", ".example.com", "a..b", "example.com.."] {
            assert_eq!(parsed(value), Err(Mistake::EmptyLabel), "{value:?}");
        }
    }

    #[test]
    fn brackets_hold_an_ipv6_address_and_nothing_else() {
        for value in [
            "[",
            "[]",
            "[::1",
            "[::g]",
            "[192.0.2.1]",
            "[fe80::1%25eth0]",
            "[v1.a]",
            "[::1]a",
            "[::1]]",
            "[[::1]]",
        ] {
            assert_eq!(parsed(value), Err(Mistake::Ipv6), "{value:?}");
        }
    }

    #[test]
    fn a_port_is_a_number_of_16_bits() {
        is_normally("a:65535", "a", Some(65535));
        is_normally("a:00080", "a", Some(80));
        for value in [
            "a:65536", "a:99999", "a:000080", "a:-1", "a:+1", "a:8o", "a: 80", "[::1]:x",
        ] {
            assert_eq!(parsed(value), Err(Mistake::Port), "{value:?}");
        }
    }

    #[test]
    fn a_host_is_as_long_as_the_dns_allows() {
        let longest = "a".repeat(LONGEST_HOST);
        is_normally(&longest, &longest, None);
        is_normally(&format!("{longest}.:80"), &longest, Some(80));
        assert_eq!(parsed(&format!("{longest}a")), Err(Mistake::TooLong));
    }

    #[test]
    fn a_star_stands_for_exactly_one_label() {
        for (pattern, host, expected) in [
            ("*.example.com", "www.example.com", true),
            ("*.EXAMPLE.com", "WWW.example.COM", true),
            ("*.example.com", "example.com", false),
            ("*.example.com", ".example.com", false),
            ("*.example.com", "a.b.example.com", false),
            ("*.example.com", "www.example.org", false),
            ("*.example.com", "wwwexample.com", false),
            ("example.com", "Example.com", true),
            ("example.com", "www.example.com", false),
            ("w*.example.com", "www.example.com", false),
            ("*", "example", false),
            ("*.", "example.", false),
            ("*.0.2.1", "192.0.2.1", false),
            ("*.0.2.1]", "[::ffff:192.0.2.1]", false),
        ] {
            assert_eq!(
                matches_wildcard(pattern.as_bytes(), host.as_bytes()),
                expected,
                "{pattern} {host}"
            );
        }
    }
}

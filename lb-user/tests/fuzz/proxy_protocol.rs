//! Headers of the PROXY protocol.

use std::net::SocketAddr;

use bolero::TypeGenerator;
use lb_user::http::proxy_protocol::{Header, LONGEST_HEADER, Parsed, parse, write_v1, write_v2};

use crate::spelling::for_each_text;

const WORDS: &[&[u8]] = &[
    b"PROXY ",
    b"PROXY TCP4 ",
    b"PROXY TCP6 ",
    b"PROXY UNKNOWN",
    b"192.0.2.1 ",
    b"2001:db8::1 ",
    b"::1 ",
    b"443 ",
    b"0",
    b" ",
    b"\r\n",
    b"\r",
    b"a",
    b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0",
    b"\r\n\r\n\0\r\nQUIT\n\x21",
    b"\r\n\r\n\0\r\nQUIT\n",
    b"\x11\0\x0c",
    b"\x21\0\x27",
    b"\x04\0\x01a",
    b"\x03\0\x04",
    b"\0\0\0\0",
    b"\x0f",
];

/// Addresses of both families, mapped ones among them.
#[derive(Clone, Copy, Debug, TypeGenerator)]
struct Address {
    kind: Kind,
    bytes: [u8; 16],
    port: u16,
}

#[derive(Clone, Copy, Debug, TypeGenerator)]
enum Kind {
    V4,
    Mapped,
    V6,
}

impl Address {
    fn of(self) -> SocketAddr {
        let v6 = std::net::Ipv6Addr::from(self.bytes);
        let [a, b, c, d, ..] = self.bytes;
        let v4 = std::net::Ipv4Addr::new(a, b, c, d);
        match self.kind {
            Kind::V4 => (v4, self.port).into(),
            Kind::Mapped => (v4.to_ipv6_mapped(), self.port).into(),
            Kind::V6 => (v6, self.port).into(),
        }
    }
}

fn canonical(address: SocketAddr) -> SocketAddr {
    (address.ip().to_canonical(), address.port()).into()
}

#[test]
fn what_is_written_is_read_again_and_nothing_less_is_complete() {
    let check = bolero::check!()
        .with_iterations(500)
        .with_type::<(Address, Address, Vec<u8>)>();
    check.cloned().for_each(|(source, destination, behind)| {
        let (source, destination) = (source.of(), destination.of());
        for write in [write_v1, write_v2] {
            let mut bytes = Vec::new();
            write(source, destination, &mut bytes);
            let len = bytes.len();
            for before in 0..len {
                let parsed = parse(&bytes[..before]);
                assert!(
                    matches!(parsed, Parsed::Incomplete { at_least } if before < at_least && at_least <= len)
                );
            }
            bytes.extend(&behind);
            let (source, destination) = (canonical(source), canonical(destination));
            let header = Header::Proxied { source, destination };
            assert_eq!(parse(&bytes), Parsed::Complete { len, header });
        }
    });
}

#[test]
fn what_follows_changes_nothing_once_a_header_is_complete_or_none() {
    for_each_text!(WORDS, |bytes: &[u8]| {
        let parsed = parse(bytes);
        if let Parsed::Incomplete { at_least } = parsed {
            assert!(bytes.len() < at_least && at_least <= LONGEST_HEADER);
            // Nor can it be complete any earlier.
            let earlier = [bytes, &vec![b'\n'; at_least - 1 - bytes.len()]].concat();
            assert!(!matches!(parse(&earlier), Parsed::Complete { .. }));
            return;
        }
        for more in [&b"\r\n"[..], b"\0", b" 0\r\n"] {
            assert_eq!(parse(&[bytes, more].concat()), parsed);
        }
        if let Parsed::Complete { len, .. } = parsed {
            assert_eq!(parse(&bytes[..len]), parsed);
        }
    });
}

#[test]
fn a_header_is_incomplete_only_while_it_can_be_completed() {
    for_each_text!(WORDS, |bytes: &[u8]| {
        if matches!(parse(bytes), Parsed::Incomplete { .. }) {
            let completed = completed(bytes);
            let parsed = parse(&completed);
            assert!(
                matches!(parsed, Parsed::Complete { .. }),
                "{parsed:?} of {completed:?}"
            );
        }
    });
}

/// A way to complete a header, with the word that its line ends in made anew, or all that is behind its head.
fn completed(bytes: &[u8]) -> Vec<u8> {
    if bytes.starts_with(b"\r") {
        return completed_binary(bytes);
    }
    if bytes.starts_with(b"PROXY UNKNOWN") {
        return [bytes.strip_suffix(b"\r").unwrap_or(bytes), b"\r\n"].concat();
    }
    let finished = bytes
        .iter()
        .rposition(|&byte| byte == b' ')
        .map_or(0, |space| space + 1);
    let words = bytes.split(|&byte| byte == b' ').count() - 1;
    let address = if bytes.starts_with(b"PROXY TCP6 ") {
        "::"
    } else {
        "0.0.0.0"
    };
    let line = ["PROXY", "TCP4", address, address, "0", "0\r\n"].map(str::as_bytes);
    [&bytes[..finished], &line[words..].join(&b' ')].concat()
}

fn completed_binary(bytes: &[u8]) -> Vec<u8> {
    let unknown = b"\r\n\r\n\0\r\nQUIT\n\x21\0\0\0";
    let mut head = *unknown;
    let known = bytes.len().min(head.len());
    head[..known].copy_from_slice(&bytes[..known]);
    if known == 14 || (known == 15 && head[14] == 0) {
        // The largest addresses have room in it, and a field.
        head[14..].copy_from_slice(&[0, 250]);
    }
    let addresses = match (head[12], head[13] >> 4, head[13] & 0xf) {
        (0x20, ..) | (_, 0, _) | (_, _, 0) => 0,
        (_, 1, _) => 12,
        (_, 2, _) => 36,
        _ => 216,
    };
    let announced = usize::from(u16::from_be_bytes([head[14], head[15]]));
    let mut block = vec![0; announced];
    if let Some(field @ [_, _, _, ..]) = block.get_mut(addresses..) {
        let length = (field.len() - 3) as u16;
        field[1..3].copy_from_slice(&length.to_be_bytes());
    }
    [&head[..], &block].concat()
}

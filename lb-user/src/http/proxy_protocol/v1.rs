//! Version 1: a line of text (section 2.1).

use std::{
    fmt,
    io::Write as _,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    str::FromStr,
};

use memchr::memchr2;

use super::{Header, Pair, Read, Reason, Stop, proxied};

/// `PROXY UNKNOWN` and the end of the line.
pub(super) const SHORTEST: usize = 15;
pub(super) const LONGEST: usize = 107;

const END: &[u8] = b"\r\n";
/// IPv6 with an IPv4 address at its end, as `inet_ntop` writes mapped ones.
const LONGEST_ADDRESS: usize = 45;
const LONGEST_PORT: usize = 5;

pub(super) fn parse(buf: &[u8]) -> Read {
    let line = &buf[..buf.len().min(LONGEST)];
    let mut rest = line;
    match header(&mut rest) {
        Ok(header) => Ok((line.len() - rest.len(), header)),
        Err(Halt::Wrong(reason)) => Err(Stop::Wrong(reason)),
        Err(Halt::RanOut) => Err(more(line)),
    }
}

/// What there is to say of a line that ends too early, and has nothing wrong so far.
fn more(line: &[u8]) -> Stop {
    let missing = if line.ends_with(b"\r") { 1 } else { 2 };
    let at_least = SHORTEST.max(line.len() + missing);
    if at_least > LONGEST {
        return Stop::Wrong(Reason::LineTooLong);
    }
    Stop::More { at_least }
}

/// Why reading does not go on.
enum Halt {
    RanOut,
    Wrong(Reason),
}

fn header(rest: &mut &[u8]) -> Result<Header, Halt> {
    take(rest, &[b"PROXY "], Reason::Signature)?;
    let header = match take(rest, &[b"TCP4", b"TCP6", b"UNKNOWN"], Reason::Protocol)? {
        b"TCP4" => addresses::<Ipv4Addr>(rest)?,
        b"TCP6" => addresses::<Ipv6Addr>(rest)?,
        _ => unknown(rest)?,
    };
    take(rest, &[END], Reason::LineEnd)?;
    Ok(header)
}

/// Takes the one of `words` that `rest` begins with.
fn take<'a>(rest: &mut &'a [u8], words: &[&[u8]], wrong: Reason) -> Result<&'a [u8], Halt> {
    for word in words {
        if rest.starts_with(word) {
            let (taken, behind) = rest.split_at(word.len());
            *rest = behind;
            return Ok(taken);
        }
    }
    let may_become_one = words.iter().any(|word| word.starts_with(rest));
    Err(if may_become_one {
        Halt::RanOut
    } else {
        Halt::Wrong(wrong)
    })
}

/// Whatever else stands on the line of an unknown client is to be ignored.
fn unknown(rest: &mut &[u8]) -> Result<Header, Halt> {
    match rest.first() {
        None => return Err(Halt::RanOut),
        Some(b' ' | b'\r') => {}
        Some(_) => return Err(Halt::Wrong(Reason::Protocol)),
    }
    let end = memchr2(b'\r', b'\n', rest).ok_or(Halt::RanOut)?;
    *rest = &rest[end..];
    Ok(Header::Unknown)
}

fn addresses<A: FromStr + Into<IpAddr>>(rest: &mut &[u8]) -> Result<Header, Halt> {
    let source: A = address(rest)?;
    let destination: A = address(rest)?;
    let source = SocketAddr::new(source.into(), port(rest)?);
    let destination = SocketAddr::new(destination.into(), port(rest)?);
    Ok(proxied(source, destination))
}

fn address<A: FromStr>(rest: &mut &[u8]) -> Result<A, Halt> {
    let is_allowed = |byte: u8| byte.is_ascii_hexdigit() || matches!(byte, b'.' | b':');
    let word = word(rest, is_allowed, LONGEST_ADDRESS, Reason::Address)?;
    word.parse().map_err(|_| Halt::Wrong(Reason::Address))
}

fn port(rest: &mut &[u8]) -> Result<u16, Halt> {
    let word = word(rest, |byte| byte.is_ascii_digit(), LONGEST_PORT, Reason::Port)?;
    if word.len() > 1 && word.starts_with('0') {
        return Err(Halt::Wrong(Reason::Port));
    }
    word.parse().map_err(|_| Halt::Wrong(Reason::Port))
}

/// Takes a space, and the word behind it. It is whole only when something else follows.
fn word<'a>(
    rest: &mut &'a [u8],
    is_allowed: fn(u8) -> bool,
    longest: usize,
    wrong: Reason,
) -> Result<&'a str, Halt> {
    take(rest, &[b" "], wrong)?;
    let length = rest.iter().take_while(|&&byte| is_allowed(byte)).count();
    if length > longest {
        return Err(Halt::Wrong(wrong));
    }
    if length == rest.len() {
        return Err(Halt::RanOut);
    }
    let (word, behind) = rest.split_at(length);
    *rest = behind;
    str::from_utf8(word).map_err(|_| Halt::Wrong(wrong))
}

/// Appends a line. An IPv4 address beside an IPv6 one is written as a mapped one.
pub fn write(source: SocketAddr, destination: SocketAddr, out: &mut Vec<u8>) {
    match Pair::of(source, destination) {
        Pair::V4(source, destination) => {
            let (from, to) = (source.ip(), destination.ip());
            write_line(
                format_args!("TCP4 {from} {to} {} {}", source.port(), destination.port()),
                out,
            );
        }
        Pair::V6(source, destination) => {
            let (from, to) = (Hexadecimal(*source.ip()), Hexadecimal(*destination.ip()));
            write_line(
                format_args!("TCP6 {from} {to} {} {}", source.port(), destination.port()),
                out,
            );
        }
    }
}

fn write_line(words: fmt::Arguments<'_>, out: &mut Vec<u8>) {
    // Writing into memory does not fail.
    let _ = write!(out, "PROXY {words}\r\n");
}

/// An IPv6 address without an IPv4 address at its end, which section 2.1 does not have.
struct Hexadecimal(Ipv6Addr);

impl fmt::Display for Hexadecimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.to_ipv4_mapped() {
            Some(mapped) => {
                let [a, b, c, d] = mapped.octets();
                write!(
                    f,
                    "::ffff:{:x}:{:x}",
                    u16::from_be_bytes([a, b]),
                    u16::from_be_bytes([c, d])
                )
            }
            None => self.0.fmt(f),
        }
    }
}

//! `Forwarded` (RFC 7239 section 4): what others say there of who has sent to them, and one element of our own.

use std::{io::Write as _, net::IpAddr};

use super::Hop;
use crate::http::octets::{is_space, is_token, trim_start};

/// What the elements of one value call who has sent, from the farthest to the nearest; nothing of each that does not
/// say.
///
/// A value that breaks the grammar ends there, with a party that is not said. So nothing of it is believed, since
/// whoever leaves a quote open turns for all that follows what is quoted into what is not: such as a host, which anyone
/// can choose.
#[derive(Clone)]
pub(super) struct Nodes<'a> {
    rest: &'a [u8],
}

/// The value is none of this header.
struct Malformed;

/// A parameter's name, and its value without quotes.
type Pair<'a> = (&'a [u8], &'a [u8]);

impl<'a> Nodes<'a> {
    pub(super) fn of(value: &'a [u8]) -> Self {
        Self { rest: value }
    }

    /// Reads up to the next comma, and over it: `[ forwarded-pair ] *( ";" [ forwarded-pair ] )`.
    fn element(&mut self) -> Result<Option<&'a [u8]>, Malformed> {
        let mut node = None;
        loop {
            self.skip_spaces();
            if let Some((name, value)) = self.pair()?
                && name.eq_ignore_ascii_case(b"for")
                && node.replace(value).is_some()
            {
                // Each parameter occurs once.
                return Err(Malformed);
            }
            self.skip_spaces();
            match self.rest {
                [] => return Ok(node),
                [b',', rest @ ..] => {
                    self.rest = rest;
                    return Ok(node);
                }
                [b';', rest @ ..] => self.rest = rest,
                _ => return Err(Malformed),
            }
        }
    }

    fn skip_spaces(&mut self) {
        self.rest = trim_start(self.rest);
    }

    /// `[ token "=" ( token / quoted-string ) ]`
    fn pair(&mut self) -> Result<Option<Pair<'a>>, Malformed> {
        let Some(name) = self.token() else {
            return Ok(None);
        };
        self.rest = self.rest.strip_prefix(b"=").ok_or(Malformed)?;
        let value = match self.rest {
            [b'"', rest @ ..] => {
                let (quoted, rest) = split_quoted(rest).ok_or(Malformed)?;
                self.rest = rest;
                quoted
            }
            _ => self.token().ok_or(Malformed)?,
        };
        Ok(Some((name, value)))
    }

    fn token(&mut self) -> Option<&'a [u8]> {
        let length = self.rest.iter().take_while(|&&byte| is_token(byte)).count();
        let (token, rest) = self.rest.split_at(length);
        self.rest = rest;
        (!token.is_empty()).then_some(token)
    }
}

impl<'a> Iterator for Nodes<'a> {
    /// Without quotes, and escaped as it came.
    type Item = Option<&'a [u8]>;

    fn next(&mut self) -> Option<Self::Item> {
        // RFC 9110 section 5.6.1: empty elements of a list do not count.
        let skipped = self
            .rest
            .iter()
            .take_while(|&&byte| is_space(byte) || byte == b',')
            .count();
        self.rest = &self.rest[skipped..];
        if self.rest.is_empty() {
            return None;
        }
        Some(self.element().unwrap_or_else(|Malformed| {
            self.rest = &[];
            None
        }))
    }
}

/// What is quoted, still escaped, and what follows the closing quote (RFC 9110 section 5.6.4).
fn split_quoted(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut at = 0;
    loop {
        match text[at..] {
            [b'"', ..] => return Some((&text[..at], &text[at + 1..])),
            [b'\\', escaped, ..] if is_text(escaped) => at += 2,
            [byte, ..] if is_text(byte) => at += 1,
            _ => return None,
        }
    }
}

/// Whether a quoted string may have `byte`, escaped or not.
const fn is_text(byte: u8) -> bool {
    byte == b'\t' || (byte >= b' ' && byte != 0x7f)
}

/// Appends an element that says what we know of a request. A host that no quoted string can have is left out.
pub fn write_element(hop: &Hop<'_>, out: &mut Vec<u8>) {
    write_node("for", hop.peer, out);
    if let Some(by) = hop.by {
        write_node(";by", by, out);
    }
    if let Some(host) = hop.host.filter(|host| host.iter().all(|&byte| is_text(byte))) {
        out.extend_from_slice(b";host=");
        write_value(host, out);
    }
    out.extend_from_slice(b";proto=");
    out.extend_from_slice(hop.scheme.name().as_bytes());
}

/// Section 6: an IPv6 address stands in brackets, and these in quotes.
fn write_node(name: &str, address: IpAddr, out: &mut Vec<u8>) {
    // Writing into memory does not fail.
    let _ = match address.to_canonical() {
        IpAddr::V4(address) => write!(out, "{name}={address}"),
        IpAddr::V6(address) => write!(out, "{name}=\"[{address}]\""),
    };
}

/// As a token where it is one, else quoted.
fn write_value(value: &[u8], out: &mut Vec<u8>) {
    if !value.is_empty() && value.iter().copied().all(is_token) {
        out.extend_from_slice(value);
        return;
    }
    out.push(b'"');
    for &byte in value {
        if matches!(byte, b'"' | b'\\') {
            out.push(b'\\');
        }
        out.push(byte);
    }
    out.push(b'"');
}

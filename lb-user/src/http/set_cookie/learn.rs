//! What a response says of a session, as a browser would understand it (RFC 6265 section 5.2).

use memchr::memchr;

use super::date;
use crate::http::octets::{trim, unquoted};

/// What a `Set-Cookie` says of the session that its cookie stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Learned<'a> {
    /// The session is called so from now on. Without quotes, as [`cookies`](crate::http::cookies) has it.
    Value(&'a [u8]),
    /// The application has the client forget the cookie.
    Ends {
        /// The one that belongs to this path; none: to where the request was.
        path: Option<&'a [u8]>,
    },
}

/// What the value of a `Set-Cookie` header says of the cookie called `name`; nothing if it sets another one.
///
/// A cookie ends by an empty value, by a `Max-Age` of zero or less, or, without a valid `Max-Age`, by an `Expires` that
/// is not after `now_s`, in seconds since 1970.
pub fn learn<'a>(header: &'a [u8], name: &[u8], now_s: u64) -> Option<Learned<'a>> {
    let (pair, attributes) = split(header, b';');
    let equals = memchr(b'=', pair)?;
    // A cookie without a name is not stored (section 5.2, step 5).
    if name.is_empty() || trim(&pair[..equals]) != name {
        return None;
    }
    let value = unquoted(trim(&pair[equals + 1..]));
    let marks = Marks::read(attributes);
    if value.is_empty() || marks.is_over(now_s) {
        return Some(Learned::Ends { path: marks.path });
    }
    Some(Learned::Value(value))
}

/// Whether a client shows a cookie of that path when it asks for this one (RFC 6265 section 5.1.4).
pub fn is_within(asked: &[u8], path: Option<&[u8]>) -> bool {
    let Some(path) = path else { return true };
    match asked.strip_prefix(path) {
        Some(rest) => rest.is_empty() || path.ends_with(b"/") || rest.starts_with(b"/"),
        None => false,
    }
}

/// What the attributes say; of several valid ones of a name, the last (section 5.3).
#[derive(Default)]
struct Marks<'a> {
    /// Where it begins with `/`: otherwise it says nothing (section 5.2.4).
    path: Option<&'a [u8]>,
    max_age: Option<MaxAge>,
    expires_s: Option<i64>,
}

#[derive(Clone, Copy)]
enum MaxAge {
    Over,
    Lasts,
}

impl<'a> Marks<'a> {
    fn read(mut attributes: &'a [u8]) -> Self {
        let mut read = Self::default();
        while !attributes.is_empty() {
            let (attribute, rest) = split(attributes, b';');
            let (name, value) = split(attribute, b'=');
            let (name, value) = (trim(name), trim(value));
            if name.eq_ignore_ascii_case(b"Max-Age") {
                read.max_age = MaxAge::read(value).or(read.max_age);
            } else if name.eq_ignore_ascii_case(b"Expires") {
                read.expires_s = date::unix_seconds(value).or(read.expires_s);
            } else if name.eq_ignore_ascii_case(b"Path") {
                read.path = value.starts_with(b"/").then_some(value);
            }
            attributes = rest;
        }
        read
    }

    fn is_over(&self, now_s: u64) -> bool {
        match (self.max_age, self.expires_s) {
            (Some(max_age), _) => matches!(max_age, MaxAge::Over),
            (None, Some(expires_s)) => u64::try_from(expires_s).unwrap_or(0) <= now_s,
            (None, None) => false,
        }
    }
}

impl MaxAge {
    /// Section 5.2.2: digits with or without a minus sign, as many as there are; anything else does not count.
    fn read(value: &[u8]) -> Option<Self> {
        let digits = value.strip_prefix(b"-").unwrap_or(value);
        if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
            return None;
        }
        let is_positive = digits.len() == value.len() && digits.iter().any(|&digit| digit != b'0');
        Some(if is_positive { Self::Lasts } else { Self::Over })
    }
}

/// What stands before the first `separator`, and what stands behind it.
fn split(text: &[u8], separator: u8) -> (&[u8], &[u8]) {
    match memchr(separator, text) {
        Some(at) => (&text[..at], &text[at + 1..]),
        None => (text, &[]),
    }
}

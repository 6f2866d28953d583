//! The head of a message: its first line and header fields, as the bytes that came, and where in them what stands.
//!
//! Requests and responses of all versions take this form: a message that is passed on is copied line by line, without a
//! map of its fields being made and written out again.

use std::mem::MaybeUninit;

use thiserror::Error;

use super::fields::{Field, Name, Span, elements};

/// The most header fields that a head may have, whatever the limits say.
pub const MOST_FIELDS: usize = 256;

/// What is kept of a word of a request that is none, in bytes.
const LONGEST_SALVAGED: usize = 512;

/// A version of HTTP/1.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub enum Version {
    /// RFC 1945.
    Http10,
    /// RFC 9112. Messages of HTTP/2 count as such.
    #[default]
    Http11,
}

/// How large a head may be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// All of it, in bytes.
    pub bytes: usize,
    /// Its fields.
    pub fields: usize,
    /// The target of a request, in bytes.
    pub target: usize,
}

/// What is wrong with a head.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
pub enum Malformed {
    /// RFC 9112, section 2.2.
    #[error("a line ends without a carriage return")]
    BareLineFeed,
    /// RFC 9112, sections 2 to 5: a carriage return alone, a space before a colon, a folded line, a character that no
    /// name or value has.
    #[error("the header is not HTTP")]
    Syntax,
    /// Neither 1.0 nor 1.1.
    #[error("the version is not HTTP/1.0 or HTTP/1.1")]
    Version,
    /// Longer than the limit.
    #[error("the header is too large")]
    TooLarge,
    /// More than the limit.
    #[error("there are too many header fields")]
    TooManyFields,
    /// Longer than the limit.
    #[error("the target is too long")]
    TargetTooLong,
}

/// The head of a request or of a response.
#[derive(Debug, Default)]
pub struct Head {
    /// The bytes that the spans are of.
    pub bytes: Vec<u8>,
    /// The version.
    pub version: Version,
    /// Of a request: the method. Of a response: the reason.
    pub method: Span,
    /// Of a request: the target as it was sent.
    pub target: Span,
    /// Of a response: the status code.
    pub status: u16,
    /// The fields, in their order.
    pub fields: Vec<Field>,
}

/// How far the search for the end of a head has come, so that nothing is looked at twice.
#[derive(Clone, Copy, Debug, Default)]
pub struct Search {
    seen: usize,
    /// Whether the first line is there.
    has_line: bool,
}

impl Search {
    /// The length of the head at the beginning of `bytes`, if it is all there. `bytes` only ever grows between calls.
    pub fn end(&mut self, bytes: &[u8], limits: &Limits) -> Result<Option<usize>, Malformed> {
        for position in memchr::memchr_iter(b'\n', &bytes[self.seen.min(bytes.len())..]) {
            let end = self.seen + position + 1;
            self.has_line = true;
            if end < 2 || bytes[end - 2] != b'\r' {
                return Err(Malformed::BareLineFeed);
            }
            if bytes[..end].ends_with(b"\r\n\r\n") {
                return if end > limits.bytes {
                    Err(Malformed::TooLarge)
                } else {
                    Ok(Some(end))
                };
            }
        }
        self.seen = bytes.len();
        if bytes.len() < limits.bytes {
            return Ok(None);
        }
        Err(if self.has_line {
            Malformed::TooLarge
        } else {
            // Of a request, its target is what takes that.
            Malformed::TargetTooLong
        })
    }
}

impl Head {
    /// Forgets all, and keeps the memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.fields.clear();
        (self.method, self.target, self.status) = (Span::default(), Span::default(), 0);
        self.version = Version::Http11;
    }

    /// Becomes the request whose whole head `bytes` are.
    pub fn read_request(&mut self, bytes: &[u8], limits: &Limits) -> Result<(), Malformed> {
        self.clear();
        self.bytes.extend_from_slice(bytes);
        let mut headers = [const { MaybeUninit::uninit() }; MOST_FIELDS];
        let mut request = httparse::Request::new(&mut []);
        let most = limits.fields.min(MOST_FIELDS);
        let parsed = request.parse_with_uninit_headers(&self.bytes, &mut headers[..most]);
        if !parsed.map_err(malformed)?.is_complete() {
            return Err(Malformed::Syntax);
        }
        let (Some(method), Some(target)) = (request.method, request.path) else {
            return Err(Malformed::Syntax);
        };
        if target.len() > limits.target {
            return Err(Malformed::TargetTooLong);
        }
        self.version = version(request.version)?;
        self.method = span(&self.bytes, method.as_bytes());
        self.target = span(&self.bytes, target.as_bytes());
        note_fields(&self.bytes, request.headers, &mut self.fields);
        Ok(())
    }

    /// Takes from bytes that are no request what may be its method and target, so that it can be said what was refused.
    pub fn salvage(&mut self, bytes: &[u8]) {
        self.clear();
        let line = &bytes[..memchr::memchr2(b'\r', b'\n', bytes).unwrap_or(bytes.len())];
        let mut words = line.splitn(3, |byte| *byte == b' ');
        let mut salvaged = || {
            let word = words.next().unwrap_or_default();
            self.add(&word[..word.len().min(LONGEST_SALVAGED)])
        };
        (self.method, self.target) = (salvaged(), salvaged());
    }

    /// Becomes the response whose whole head `bytes` are.
    pub fn read_response(&mut self, bytes: &[u8], limits: &Limits) -> Result<(), Malformed> {
        self.clear();
        self.bytes.extend_from_slice(bytes);
        let mut headers = [const { MaybeUninit::uninit() }; MOST_FIELDS];
        let mut response = httparse::Response::new(&mut []);
        let most = limits.fields.min(MOST_FIELDS);
        let parsed = httparse::ParserConfig::default().parse_response_with_uninit_headers(
            &mut response,
            &self.bytes,
            &mut headers[..most],
        );
        if !parsed.map_err(malformed)?.is_complete() {
            return Err(Malformed::Syntax);
        }
        self.version = version(response.version)?;
        self.status = response.code.unwrap_or(0);
        if !(100..=999).contains(&self.status) {
            return Err(Malformed::Syntax);
        }
        self.method = span(&self.bytes, response.reason.unwrap_or_default().as_bytes());
        note_fields(&self.bytes, response.headers, &mut self.fields);
        Ok(())
    }

    /// The method of a request.
    #[must_use]
    pub fn method(&self) -> &[u8] {
        self.method.of(&self.bytes)
    }

    /// The target of a request.
    #[must_use]
    pub fn target(&self) -> &[u8] {
        self.target.of(&self.bytes)
    }

    /// The values of the fields of a name, in their order.
    pub fn values(&self, name: Name) -> impl Iterator<Item = &[u8]> + Clone {
        let fields = self.fields.iter().filter(move |field| field.name == name);
        fields.map(|field| field.value.of(&self.bytes))
    }

    /// Whether the fields of a name, each a list, have an element (without regard to case).
    #[must_use]
    pub fn lists(&self, name: Name, element: &[u8]) -> bool {
        self.values(name)
            .any(|value| elements(value).any(|one| one.eq_ignore_ascii_case(element)))
    }

    /// The fields that may go on beyond this connection: they are about the message, and `Connection` does not name them. What
    /// we look at ourselves is not taken away by that (RFC 9110, section 7.6.1, has no sender name such a field): a member
    /// that gets a body without the length by which we have passed it on reads another request in it.
    pub fn end_to_end(&self) -> impl Iterator<Item = &Field> {
        // It hardly ever names any other.
        let known = |option: &[u8]| Name::of(option) != Name::Other || option.eq_ignore_ascii_case(b"close");
        let names_others = self
            .values(Name::Connection)
            .any(|value| !elements(value).all(known));
        self.fields.iter().filter(move |field| {
            let is_named = |value: &[u8]| {
                elements(value).any(|option| option.eq_ignore_ascii_case(field.label.of(&self.bytes)))
            };
            let may_be_named = names_others && field.name == Name::Other;
            let is_of_hop =
                field.name.is_hop_by_hop() || may_be_named && self.values(Name::Connection).any(is_named);
            !is_of_hop
        })
    }

    /// Adds a field, as a line like those that came.
    pub fn push(&mut self, label: &[u8], value: &[u8]) {
        let start = self.bytes.len() as u32;
        self.bytes.extend_from_slice(label);
        let after_label = self.bytes.len() as u32;
        self.bytes.extend_from_slice(b": ");
        let value_start = self.bytes.len() as u32;
        self.bytes.extend_from_slice(value);
        let value_end = self.bytes.len() as u32;
        self.bytes.extend_from_slice(b"\r\n");
        self.fields.push(Field {
            name: Name::of(label),
            label: Span {
                start,
                end: after_label,
            },
            value: Span {
                start: value_start,
                end: value_end,
            },
            end: value_end + 2,
        });
    }

    /// Adds bytes that belong to no field, and gives where they stand.
    pub fn add(&mut self, bytes: &[u8]) -> Span {
        let start = self.bytes.len() as u32;
        self.bytes.extend_from_slice(bytes);
        Span {
            start,
            end: self.bytes.len() as u32,
        }
    }
}

fn malformed(error: httparse::Error) -> Malformed {
    match error {
        httparse::Error::TooManyHeaders => Malformed::TooManyFields,
        httparse::Error::Version => Malformed::Version,
        _ => Malformed::Syntax,
    }
}

fn version(minor: Option<u8>) -> Result<Version, Malformed> {
    match minor {
        Some(0) => Ok(Version::Http10),
        Some(1) => Ok(Version::Http11),
        _ => Err(Malformed::Version),
    }
}

/// Where `part` stands in `whole`, of which it is a part.
fn span(whole: &[u8], part: &[u8]) -> Span {
    let start = (part.as_ptr() as usize).wrapping_sub(whole.as_ptr() as usize);
    match start.checked_add(part.len()) {
        Some(end) if end <= whole.len() => Span {
            start: start as u32,
            end: end as u32,
        },
        // An empty text from elsewhere, where nothing stands.
        _ => Span::default(),
    }
}

fn note_fields(bytes: &[u8], headers: &[httparse::Header<'_>], fields: &mut Vec<Field>) {
    let spans = headers.iter().map(|header| {
        let label = span(bytes, header.name.as_bytes());
        (label, span(bytes, header.value))
    });
    fields.extend(spans.map(|(label, value)| Field {
        name: Name::of(label.of(bytes)),
        label,
        value,
        end: 0,
    }));
    // A line ends where the next one begins, and the last one before the empty line.
    let mut next = (bytes.len() - 2) as u32;
    for field in fields.iter_mut().rev() {
        field.end = next;
        next = field.label.start;
    }
}

#[cfg(test)]
mod tests;

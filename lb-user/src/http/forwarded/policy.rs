//! Which of these headers a member gets, and what they say.

use std::{io::Write as _, str::FromStr};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::{Hop, Mode, Trust, element::write_element};
use crate::http::octets::{is_token, trim};

/// A header that says something of the way of a request. None of them is handed on as it comes: for each, the member
/// gets what [`ForwardedPolicy::write`] writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// The clients, each as the next proxy knows it.
    XForwardedFor,
    /// `http` or `https`.
    XForwardedProto,
    /// The port that the client has connected to.
    XForwardedPort,
    /// The host that the client has asked for.
    XForwardedHost,
    /// All of these, by RFC 7239.
    Forwarded,
    /// The proxies, each with the version of HTTP in which it was sent to.
    Via,
}

impl Field {
    /// All of them, in the order in which a member gets them.
    pub const ALL: [Self; 6] = [
        Self::XForwardedFor,
        Self::XForwardedProto,
        Self::XForwardedPort,
        Self::XForwardedHost,
        Self::Forwarded,
        Self::Via,
    ];

    /// As HTTP/2 has to write it (RFC 9113 section 8.2), and HTTP/1 may.
    pub const fn name(self) -> &'static str {
        match self {
            Self::XForwardedFor => "x-forwarded-for",
            Self::XForwardedProto => "x-forwarded-proto",
            Self::XForwardedPort => "x-forwarded-port",
            Self::XForwardedHost => "x-forwarded-host",
            Self::Forwarded => "forwarded",
            Self::Via => "via",
        }
    }

    /// As people write it, and some programs of members read it.
    pub const fn label(self) -> &'static str {
        match self {
            Self::XForwardedFor => "X-Forwarded-For",
            Self::XForwardedProto => "X-Forwarded-Proto",
            Self::XForwardedPort => "X-Forwarded-Port",
            Self::XForwardedHost => "X-Forwarded-Host",
            Self::Forwarded => "Forwarded",
            Self::Via => "Via",
        }
    }

    /// Whether a field of this name, which is none of these, is one of them for a program that cannot tell `_` from `-`:
    /// by CGI (RFC 3875 section 4.1.18) and its successors both are `HTTP_X_FORWARDED_FOR`.
    pub fn is_imitated_by(label: &[u8]) -> bool {
        let alike =
            |(&given, own): (&u8, u8)| given.eq_ignore_ascii_case(&own) || (given == b'_' && own == b'-');
        let is_alike = |own: &str| own.len() == label.len() && label.iter().zip(own.bytes()).all(alike);
        matches!(label.len(), 15..=17) && Self::ALL.iter().any(|field| is_alike(field.name()))
    }

    const fn is_list(self) -> bool {
        matches!(self, Self::XForwardedFor | Self::Forwarded | Self::Via)
    }

    /// The one called so, in whatever case.
    pub fn of(name: &[u8]) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|field| name.eq_ignore_ascii_case(field.name().as_bytes()))
    }
}

/// What members get of the headers that say something of the way of a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ForwardedPolicy {
    /// A list.
    pub x_forwarded_for: Mode,
    /// One value.
    pub x_forwarded_proto: Mode,
    /// One value.
    pub x_forwarded_port: Mode,
    /// One value.
    pub x_forwarded_host: Mode,
    /// A list.
    pub forwarded: Mode,
    /// Our name in `Via`, appended to whatever is there, since that is never believed. Without one, `Via` passes as it
    /// is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub via: Option<Pseudonym>,
}

impl Default for ForwardedPolicy {
    /// What applications ask for. Of the rest, what says the same once more, only what trusted proxies have said.
    fn default() -> Self {
        Self {
            x_forwarded_for: Mode::Append,
            x_forwarded_proto: Mode::Append,
            x_forwarded_port: Mode::Append,
            x_forwarded_host: Mode::Preserve,
            forwarded: Mode::Preserve,
            via: None,
        }
    }
}

/// Whether a member gets a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Written {
    /// With what has been written.
    Value,
    /// Not at all: nothing has been written.
    Nothing,
}

impl ForwardedPolicy {
    /// Appends to `out` the value of `field` that the member gets; `received` are the values that came, in order, and
    /// `trust` is that in who has sent them.
    pub fn write<'a>(
        &self,
        field: Field,
        received: impl Iterator<Item = &'a [u8]>,
        trust: Trust,
        hop: &Hop<'_>,
        out: &mut Vec<u8>,
    ) -> Written {
        let begin = out.len();
        if self.listens(field, trust) {
            write_list(received, out);
        }
        if self.speaks(field) {
            if out.len() == begin {
                self.write_own(field, hop, out);
            } else if field.is_list() {
                out.extend_from_slice(b", ");
                self.write_own(field, hop, out);
            }
        }
        if out.len() == begin {
            Written::Nothing
        } else {
            Written::Value
        }
    }

    /// Whether what a member gets of `field` may differ between requests that come from one peer to one port.
    pub fn varies(&self, field: Field, trust: Trust) -> bool {
        let is_about_requests = matches!(field, Field::XForwardedHost | Field::Forwarded | Field::Via);
        self.listens(field, trust) || (self.speaks(field) && is_about_requests)
    }

    /// Whether what has come of a field counts.
    fn listens(&self, field: Field, trust: Trust) -> bool {
        let is_believed = trust == Trust::Trusted || field == Field::Via;
        is_believed && matches!(self.mode(field), Mode::Preserve | Mode::Append)
    }

    /// Whether what we know counts.
    fn speaks(&self, field: Field) -> bool {
        matches!(self.mode(field), Mode::Replace | Mode::Append)
    }

    fn mode(&self, field: Field) -> Mode {
        match field {
            Field::XForwardedFor => self.x_forwarded_for,
            Field::XForwardedProto => self.x_forwarded_proto,
            Field::XForwardedPort => self.x_forwarded_port,
            Field::XForwardedHost => self.x_forwarded_host,
            Field::Forwarded => self.forwarded,
            Field::Via if self.via.is_some() => Mode::Append,
            Field::Via => Mode::Preserve,
        }
    }

    /// What we know; nothing where we do not.
    fn write_own(&self, field: Field, hop: &Hop<'_>, out: &mut Vec<u8>) {
        // Writing into memory does not fail.
        let _ = match (field, &self.via) {
            (Field::XForwardedFor, _) => write!(out, "{}", hop.peer.to_canonical()),
            (Field::XForwardedProto, _) => write!(out, "{}", hop.scheme.name()),
            (Field::XForwardedPort, _) => write!(out, "{}", hop.port),
            (Field::XForwardedHost, _) => {
                out.write_all(hop.host.filter(|host| is_one_value(host)).unwrap_or_default())
            }
            (Field::Forwarded, _) => {
                write_element(hop, out);
                Ok(())
            }
            (Field::Via, Some(Pseudonym(name))) => write!(out, "{} {name}", hop.version.number()),
            (Field::Via, None) => Ok(()),
        };
    }
}

/// The values as one (RFC 9110 section 5.3).
fn write_list<'a>(values: impl Iterator<Item = &'a [u8]>, out: &mut Vec<u8>) {
    let values = values.map(trim).filter(|value| !value.is_empty());
    for (index, value) in values.enumerate() {
        if index > 0 {
            out.extend_from_slice(b", ");
        }
        out.extend_from_slice(value);
    }
}

/// Whether a host can be handed on as it is, without becoming two or another header.
fn is_one_value(host: &[u8]) -> bool {
    host.iter().all(|&byte| byte.is_ascii_graphic() && byte != b',')
}

/// What a request comes over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// TCP alone.
    Http,
    /// TLS.
    Https,
}

impl Scheme {
    /// As it stands in a URL.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }
}

/// The version of HTTP in which a request comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HttpVersion {
    /// HTTP/1.0
    Http10,
    /// HTTP/1.1
    Http11,
    /// HTTP/2
    Http2,
}

impl HttpVersion {
    /// RFC 9110 section 2.5: a version without a minor number has the number zero there.
    const fn number(self) -> &'static str {
        match self {
            Self::Http10 => "1.0",
            Self::Http11 => "1.1",
            Self::Http2 => "2.0",
        }
    }
}

/// What we are called in `Via` (RFC 9110 section 7.6.3).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct Pseudonym(String);

/// Why something is no name in `Via`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("a name in `Via` has letters, digits and !#$%&'*+-.^_`|~ only, and at least one of them")]
pub struct PseudonymMistake;

impl FromStr for Pseudonym {
    type Err = PseudonymMistake;

    fn from_str(name: &str) -> Result<Self, PseudonymMistake> {
        let is_right = !name.is_empty() && name.bytes().all(is_token);
        is_right.then(|| Self(name.to_owned())).ok_or(PseudonymMistake)
    }
}

impl TryFrom<String> for Pseudonym {
    type Error = PseudonymMistake;

    fn try_from(name: String) -> Result<Self, PseudonymMistake> {
        name.parse()
    }
}

//! Clients of HTTP, and what they and the members' web servers tell each other.
//!
//! A web server ([`crate::Services::web`]) answers a request with the request itself, as it got it ([`Echo`]), and
//! names itself in `X-Member`. The query may have other wishes, as in `/?status=404&size=1000`:
//!
//! | wish | what it does |
//! | --- | --- |
//! | `status=N` | another status than 200 |
//! | `size=N` | a body of so many bytes: [`pattern`] |
//! | `chunked` | in chunks, with a trailer `X-Digest` |
//! | `delay_ms=N` | the answer comes so much later |
//! | `drip_ms=N` | the body comes in five pieces, with so much time between |
//! | `cut=N` | the connection ends after so many bytes of the body |
//! | `set=NAME=VALUE` | a cookie |
//! | `clear=NAME` | the end of a cookie, by `Max-Age=0` |
//! | `clear_other=NAME` | the same of the path `/other` |
//! | `named=LIST` | a field `Connection` that names these |
//! | `upgrade=NAME` | a field `Upgrade` with this protocol |
//! | `refused_by=MEMBER` | the member of that name does not take the stream of HTTP/2 |
//! | `early` | an answer before the body of the request was read, and the connection ends |
//! | `last` | the connection ends with the answer |
//! | `hints` | an interim response of status 103 before |
//! | `well` | 200 or 503, as `/health` has it: see [`crate::Member::set_health`] |
//! | `silent`, `garbage`, `gone` | no answer; one that is not HTTP; the connection ends instead |
//!
//! A request with `Upgrade` is answered with 101 and the cookies that it wishes for, and what follows it comes back byte by byte; with `Upgrade: once`
//! the connection ends after that, and with `Upgrade: websocket` each message comes back.
//!
//! It speaks HTTP/2 too, where that is begun with or agreed on under TLS; there `early`, `last`, `cut` and `garbage` are not
//! known, `gone` ends the stream, `chunked` says the length all the same, and with `drip_ms` it is the trailers that come
//! so much later. Calls of gRPC are answered as [`Call`] says. A PROXY header may come before all that, and is shown in the
//! [`Echo`].

mod certificates;
mod curl;
pub mod frames;
mod greeting;
mod grpc;
mod jar;
mod load;
pub mod refusals;
mod streams;
mod wire;

use std::fmt;

use anyhow::{Context as _, Result};

pub use crate::member::web::Echo;
pub use certificates::{Authority, Certificate, pem};
pub use curl::{Curl, Page};
pub(crate) use greeting::Begin;
pub use greeting::{Greeting, Version};
pub use grpc::{Call, Outcome};
pub(crate) use grpc::{framed, next_message};
pub use jar::Jar;
pub use load::{Connections, Load};
pub use streams::{Ask, Http2};
pub(crate) use streams::{field_map, fields, next_piece, send_body};
pub use wire::{Tls, Wire};

/// With or without TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// Without.
    Http,
    /// With.
    Https,
}

/// As URLs have it.
impl fmt::Display for Scheme {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Http => "http",
            Self::Https => "https",
        })
    }
}

/// A response.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reply {
    /// Its status.
    pub status: u16,
    /// The header fields, in their order.
    pub fields: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
    /// The trailers.
    pub trailers: Vec<(String, String)>,
    /// The status of each interim response before.
    pub interim: Vec<u16>,
}

impl Reply {
    /// The values of a field, in their order.
    #[must_use]
    pub fn values(&self, name: &str) -> Vec<&str> {
        values(&self.fields, name)
    }

    /// The member that responded; empty: it was none.
    #[must_use]
    pub fn member(&self) -> &str {
        self.values("x-member").first().copied().unwrap_or_default()
    }

    /// The request as the member got it.
    pub fn echo(&self) -> Result<Echo> {
        let said = || format!("not what a member got: {self:?}");
        serde_json::from_slice(&self.body).with_context(said)
    }
}

/// The values of the fields of a name, in their order.
pub(crate) fn values<'f>(fields: &'f [(String, String)], name: &str) -> Vec<&'f str> {
    let named = fields
        .iter()
        .filter(|(field, _)| field.eq_ignore_ascii_case(name));
    named.map(|(_, value)| value.as_str()).collect()
}

/// A body of so many bytes, always the same, and such that pieces that change places are noticed.
#[must_use]
pub fn pattern(length: usize) -> Vec<u8> {
    (0..length)
        .map(|index| (index ^ (index >> 7) ^ (index >> 15)) as u8)
        .collect()
}

/// What tells bodies apart.
#[must_use]
pub fn digest(body: &[u8]) -> u64 {
    let mut digest = Digest::default();
    digest.add(body);
    digest.value()
}

/// The hash of a body that comes in pieces (FNV-1a).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Digest(u64);

impl Default for Digest {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Digest {
    pub(crate) fn add(&mut self, piece: &[u8]) {
        self.0 = piece.iter().fold(self.0, |hash, byte| {
            (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
        });
    }

    pub(crate) fn value(self) -> u64 {
        self.0
    }
}

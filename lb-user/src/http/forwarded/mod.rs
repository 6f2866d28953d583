//! Who the client is, and what members are told of it: `X-Forwarded-*`, `Forwarded` (RFC 7239) and `Via`.
//!
//! Anyone can send these headers. So what counts is who has sent them: a peer that the configuration trusts is believed
//! and what it says is handed on as the policy has it; what any other peer says is never believed nor handed on. A
//! member may rely on them.

mod client;
mod element;
mod node;
mod policy;
mod prefix;
#[cfg(test)]
mod tests;

pub use client::client_address;
pub use element::write_element;
pub use node::ClientAddress;
pub use policy::{Field, ForwardedPolicy, HttpVersion, Pseudonym, PseudonymMistake, Scheme, Written};
pub use prefix::{Prefix, PrefixMistake, Trust, TrustedProxies};

pub use crate::model::{ClientHeader, ForwardedMode as Mode};

use std::net::IpAddr;

/// What we know of a request ourselves: what we say of it to the member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hop<'a> {
    /// Who has sent it to us: the connection's peer, or who that speaks for by the PROXY protocol.
    pub peer: IpAddr,
    /// The address at which it has arrived, where members are to be told of it.
    pub by: Option<IpAddr>,
    /// The port at which it has arrived.
    pub port: u16,
    /// Over what.
    pub scheme: Scheme,
    /// Its `Host` or `:authority`.
    pub host: Option<&'a [u8]>,
    /// In which version of HTTP.
    pub version: HttpVersion,
}

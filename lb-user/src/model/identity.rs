//! Who the client of a request is, and what members are told of it.

use serde::{Deserialize, Serialize};

use super::ClientHeader;
use crate::http::forwarded::{ForwardedPolicy, TrustedProxies};

/// Who the client of a request is, and what members are told of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ClientIdentity {
    /// The proxies in front of this one, by their networks, at most 256: what they say of their clients is believed.
    #[serde(skip_serializing_if = "TrustedProxies::is_empty")]
    pub trusted_proxies: TrustedProxies,
    /// The header in which they say it.
    pub client_address_from: ClientHeader,
    /// Whether their connections begin with a header of the PROXY protocol; then there are such proxies. One that does not
    /// is closed without an answer. A connection of anyone else begins with TLS or HTTP as ever: there a header is an error
    /// as any other bytes are.
    pub accept_proxy_protocol: bool,
    /// What members get of the headers that say where a request has come from.
    pub forwarded: ForwardedPolicy,
}

impl Default for ClientIdentity {
    fn default() -> Self {
        Self {
            trusted_proxies: TrustedProxies::default(),
            client_address_from: ClientHeader::XForwardedFor,
            accept_proxy_protocol: false,
            forwarded: ForwardedPolicy::default(),
        }
    }
}

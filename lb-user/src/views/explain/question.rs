//! What is asked.

use std::{fmt, net::IpAddr};

use serde::{Deserialize, Serialize};

/// Which client, at which listener.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// The client's address.
    pub client: IpAddr,
    /// Its port, where one flow is meant.
    pub port: Option<u16>,
    /// The listener's name, or `PROTOCOL://VIP:PORT`.
    pub listener: String,
    /// What its request says, where the listener is one of HTTP.
    pub request: AskedRequest,
}

/// What a request says, as far as it decides where it goes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AskedRequest {
    /// The value of the cookie that the pool looks for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cookie: Option<CookieValue>,
    /// Further header fields, each as `NAME: VALUE`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<String>,
    /// The host that it is for; none: the listener's address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// Its path, and its query; none: `/`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
}

/// The value of a cookie, which opens a session to whoever has it: it is said to nobody.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CookieValue(pub String);

impl fmt::Debug for CookieValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CookieValue(..)")
    }
}

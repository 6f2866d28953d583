//! Where the management API is reached by network, and who may do what there.

use std::{
    fmt,
    net::{IpAddr, SocketAddr},
    path::PathBuf,
};

use serde::{Deserialize, Serialize};

use super::{ApiAuth, ApiRole, CertificateFiles};
use crate::http::forwarded::Prefix;

/// The most users, and the most tokens of the configuration: each token that somebody shows is compared with all of them.
pub const MAX_API_USERS: usize = 1024;
/// The same of tokens.
pub const MAX_API_TOKENS: usize = 16;

/// The management API beside the control socket, at which it always answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ApiSettings {
    /// Where it listens, at most 64 addresses; none: at the control socket alone.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub listen: Vec<SocketAddr>,
    /// Whether those who come by network have to say who they are. They have to where an address is not loopback.
    pub auth: ApiAuth,
    /// What TLS is spoken with at all of the addresses. There has to be one where an address is not loopback.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub tls: Option<CertificateFiles>,
    /// The directory of the certificates that listeners refer to by name; absolute.
    pub certificates_path: PathBuf,
    /// Who has a name and a password.
    #[serde(rename = "user", skip_serializing_if = "Vec::is_empty")]
    pub users: Vec<ApiUser>,
    /// Who has a token.
    #[serde(rename = "token", skip_serializing_if = "Vec::is_empty")]
    pub tokens: Vec<ApiToken>,
    /// What virtual addresses are of; none: of anything.
    #[serde(rename = "subnet", skip_serializing_if = "Vec::is_empty")]
    pub subnets: Vec<Subnet>,
}

impl Default for ApiSettings {
    fn default() -> Self {
        Self {
            listen: Vec::new(),
            auth: ApiAuth::Required,
            tls: None,
            certificates_path: "/etc/holdfast/certificates".into(),
            users: Vec::new(),
            tokens: Vec::new(),
            subnets: Vec::new(),
        }
    }
}

/// Somebody with a password.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiUser {
    /// Unique; without a colon, which ends it in a header.
    pub name: String,
    /// What the password comes to.
    pub password: PasswordHash,
    /// Whose objects are theirs.
    pub project: String,
    /// What they may do.
    pub role: ApiRole,
}

/// Somebody with a token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiToken {
    /// For the log; unique.
    pub name: String,
    /// What the token comes to.
    pub token: PasswordHash,
    /// Whose objects are theirs.
    pub project: String,
    /// What they may do.
    pub role: ApiRole,
}

/// What a password or a token comes to by argon2id, as the PHC string format has it. It is written into configurations, and
/// shown nowhere else: whoever has it can try passwords at leisure.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PasswordHash(String);

impl PasswordHash {
    /// The hash that `phc` stands for; it has been looked at.
    pub(crate) fn new(phc: impl Into<String>) -> Self {
        Self(phc.into())
    }

    /// The string.
    pub(crate) fn phc(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(hidden)")
    }
}

/// Addresses that load balancers may have.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subnet {
    /// Unique.
    pub name: String,
    /// All of its addresses; no two subnets have one in common.
    pub cidr: Prefix,
    /// The first of those that are given out where none is asked for.
    pub first: IpAddr,
    /// The last one; both are in the subnet, and not the wrong way round.
    pub last: IpAddr,
    /// What it belongs to.
    pub network: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_is_not_shown_to_whoever_looks_at_a_configuration() {
        let user = ApiUser {
            name: "alice".into(),
            password: PasswordHash::new("$argon2id$secret"),
            project: "shop".into(),
            role: ApiRole::Member,
        };
        let shown = format!("{user:?} {user:#?}");
        assert!(shown.contains("(hidden)") && !shown.contains("secret"), "{shown}");
    }
}

//! Session persistence: which clients stay with their member, and for how long.

use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};

use super::{PersistenceType, SameSite, SecureCookie};

/// The session persistence of a pool.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionPersistence {
    /// What a session is recognised by.
    #[serde(flatten)]
    pub persistence: Persistence,
    /// A session is lost when its client stays away for longer, in seconds: 60 to 3,600 in pools of TCP and UDP
    /// listeners, 60 to 86,400 in those of HTTP and HTTPS.
    pub idle_timeout_s: u32,
    /// A session is lost when it is older, in seconds: from the idle timeout to 604,800. `None`: no such limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub absolute_timeout_s: Option<u32>,
}

impl SessionPersistence {
    /// The default of `idle_timeout_s`, in minutes.
    pub const DEFAULT_IDLE_TIMEOUT_MIN: u32 = 20;
    /// What `absolute_timeout_s` may be, where the idle timeout is no longer.
    pub const ABSOLUTE_TIMEOUTS_S: RangeInclusive<u32> = 60..=604_800;
}

/// What a session is recognised by, with what belongs to each type.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Persistence {
    /// The client's address, as far as the granularity tells clients apart.
    SourceIp(Granularity),
    /// A cookie that the balancer makes.
    HttpCookie(CookieSettings),
    /// A cookie that the backend application makes.
    AppCookie {
        /// The name of that cookie: an HTTP token.
        cookie_name: String,
        /// Whether a path parameter (`;name=value`) or query parameter (`?name=value`) of that name, without regard to
        /// case, does as well where a request has no such cookie.
        #[serde(default)]
        cookie_in_url: bool,
    },
}

/// The cookie that the balancer makes (RFC 6265, section 4.1).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CookieSettings {
    /// Its name: an HTTP token. Where another pool of the load balancer has it already, a number is put behind it: see
    /// [`Config::pools_whose_cookie_name_is_taken`](super::Config::pools_whose_cookie_name_is_taken).
    pub cookie_name: String,
    /// The domain that it is for; `None`: the host that was asked, alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cookie_domain: Option<String>,
    /// The path that it is for, beginning with `/`.
    pub cookie_path: String,
    /// Whether it goes over TLS only.
    pub cookie_secure: SecureCookie,
    /// Whether it is hidden from scripts.
    pub cookie_http_only: bool,
    /// Whether it goes along with requests from other sites.
    pub cookie_same_site: SameSite,
    /// Whether caches are told to keep no response for others that the cookie goes out with.
    pub cookie_cache_control: bool,
}

impl Default for CookieSettings {
    fn default() -> Self {
        Self {
            cookie_name: "HOLDFAST".into(),
            cookie_domain: None,
            cookie_path: "/".into(),
            cookie_secure: SecureCookie::Auto,
            cookie_http_only: true,
            cookie_same_site: SameSite::Lax,
            cookie_cache_control: true,
        }
    }
}

impl Persistence {
    /// Which of the types it is.
    #[must_use]
    pub fn persistence_type(&self) -> PersistenceType {
        match self {
            Self::SourceIp(_) => PersistenceType::SourceIp,
            Self::HttpCookie(_) => PersistenceType::HttpCookie,
            Self::AppCookie { .. } => PersistenceType::AppCookie,
        }
    }
}

/// How many leading bits of a client's address make it one client: all who share them share a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Granularity {
    /// For IPv4, 1 to 32.
    #[serde(rename = "persistence_granularity_v4")]
    pub v4: u8,
    /// For IPv6, 1 to 128.
    #[serde(rename = "persistence_granularity_v6")]
    pub v6: u8,
}

impl Default for Granularity {
    fn default() -> Self {
        Self { v4: 32, v6: 128 }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Word as _;
    use super::*;

    #[test]
    fn persistence_is_tagged_with_the_word_of_its_type() {
        let all = [
            Persistence::SourceIp(Granularity::default()),
            Persistence::HttpCookie(CookieSettings::default()),
            Persistence::AppCookie {
                cookie_name: "JSESSIONID".into(),
                cookie_in_url: false,
            },
        ];
        assert!(
            all.iter()
                .map(Persistence::persistence_type)
                .eq(PersistenceType::ALL.iter().copied())
        );
        for persistence in all {
            let json = serde_json::to_value(&persistence).unwrap();
            assert_eq!(json["type"], persistence.persistence_type().word());
            assert_eq!(serde_json::from_value::<Persistence>(json).unwrap(), persistence);
        }
    }
}

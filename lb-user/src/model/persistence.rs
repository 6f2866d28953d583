//! Session persistence: which clients stay with their member, and for how long.

use serde::{Deserialize, Serialize};

use super::PersistenceType;

/// The session persistence of a pool.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionPersistence {
    /// What a session is recognised by.
    #[serde(flatten)]
    pub persistence: Persistence,
    /// A session is lost when its client stays away for longer, in minutes: 1 to 60 by source address, 1 to 1,440 by
    /// cookie.
    pub idle_timeout_min: u16,
    /// A session is lost when it is older, in minutes: from the idle timeout to 10,080. `None`: no such limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub absolute_timeout_min: Option<u16>,
}

impl SessionPersistence {
    /// The default of `idle_timeout_min`.
    pub const DEFAULT_IDLE_TIMEOUT_MIN: u16 = 20;

    /// The idle timeout in seconds.
    #[must_use]
    pub fn idle_timeout_s(&self) -> u32 {
        u32::from(self.idle_timeout_min) * 60
    }

    /// The absolute timeout in seconds.
    #[must_use]
    pub fn absolute_timeout_s(&self) -> Option<u32> {
        self.absolute_timeout_min.map(|minutes| u32::from(minutes) * 60)
    }
}

/// What a session is recognised by, with what belongs to each type.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Persistence {
    /// The client's address, as far as the granularity tells clients apart.
    SourceIp(Granularity),
    /// A cookie that the balancer makes.
    HttpCookie,
    /// A cookie that the backend application makes.
    AppCookie {
        /// The name of that cookie: an HTTP token.
        cookie_name: String,
    },
}

impl Persistence {
    /// Which of the types it is.
    #[must_use]
    pub fn persistence_type(&self) -> PersistenceType {
        match self {
            Self::SourceIp(_) => PersistenceType::SourceIp,
            Self::HttpCookie => PersistenceType::HttpCookie,
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
            Persistence::HttpCookie,
            Persistence::AppCookie {
                cookie_name: "JSESSIONID".into(),
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

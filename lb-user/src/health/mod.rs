//! Health: which members are up, and why others are not.

mod failure;
mod monitor;
mod probe;

use std::collections::HashMap;

pub use failure::Failure;
pub use monitor::{Change, Monitors};

/// What the probes of a member came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// It is up.
    Up,
    /// It is down.
    Down {
        /// Why the last probe failed, for people: `connection refused`.
        reason: String,
    },
}

/// What is known of the members, by pool and name.
#[derive(Clone, Debug, Default)]
pub struct Health {
    found: HashMap<(String, String), Finding>,
}

impl Health {
    /// Whether a member is up; one that no one has looked at yet is.
    #[must_use]
    pub fn is_up(&self, pool: &str, member: &str) -> bool {
        self.why_down(pool, member).is_none()
    }

    /// Why a member is down, if it is.
    #[must_use]
    pub fn why_down(&self, pool: &str, member: &str) -> Option<&str> {
        match self.found.get(&(pool.to_owned(), member.to_owned()))? {
            Finding::Up => None,
            Finding::Down { reason } => Some(reason),
        }
    }

    /// The members that are down: pool, member, and why.
    pub fn down(&self) -> impl Iterator<Item = (&str, &str, &str)> {
        self.found
            .iter()
            .filter_map(|((pool, member), finding)| match finding {
                Finding::Up => None,
                Finding::Down { reason } => Some((pool.as_str(), member.as_str(), reason.as_str())),
            })
    }

    /// Notes what was found of a member; whether it went up or down by that.
    pub fn set(&mut self, pool: &str, member: &str, finding: Finding) -> bool {
        let before = self.is_up(pool, member);
        let now = finding == Finding::Up;
        self.found.insert((pool.to_owned(), member.to_owned()), finding);
        before != now
    }

    /// Forgets the members that `keep` does not want: a member that comes back is looked at anew.
    pub fn retain(&mut self, keep: impl Fn(&str, &str) -> bool) {
        self.found.retain(|(pool, member), _| keep(pool, member));
    }
}

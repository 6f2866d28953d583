//! Health: which members are up.

mod monitor;

use std::collections::HashMap;

pub use monitor::{Change, Monitors};

/// What is known of the members, by pool and name.
#[derive(Clone, Debug, Default)]
pub struct Health {
    up: HashMap<(String, String), bool>,
}

impl Health {
    /// Whether a member is up; one that no one has looked at yet is.
    #[must_use]
    pub fn is_up(&self, pool: &str, member: &str) -> bool {
        self.up
            .get(&(pool.to_owned(), member.to_owned()))
            .copied()
            .unwrap_or(true)
    }

    /// Notes that a member went up or down; whether that is news.
    pub fn set(&mut self, pool: &str, member: &str, up: bool) -> bool {
        let before = self.is_up(pool, member);
        self.up.insert((pool.to_owned(), member.to_owned()), up);
        before != up
    }

    /// Forgets the members that `keep` does not want: a member that comes back is looked at anew.
    pub fn retain(&mut self, keep: impl Fn(&str, &str) -> bool) {
        self.up.retain(|(pool, member), _| keep(pool, member));
    }
}

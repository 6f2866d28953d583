//! Health: which members are up, and why others are not.

mod counts;
mod failure;
mod judgement;
mod monitor;
mod probe;

use std::{collections::HashMap, sync::Arc};

use crate::model::{Config, Pool};
pub use counts::{AllProbes, Probes};
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

/// What was found of the members of a pool, by name.
type OfPool = HashMap<String, Finding>;

/// What is known of the members. A copy of it costs little.
#[derive(Clone, Debug, Default)]
pub struct Health {
    /// By the name of the pool.
    found: HashMap<String, Arc<OfPool>>,
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
        reason(self.found.get(pool)?.get(member)?)
    }

    /// The members that are down: pool, member, and why.
    pub fn down(&self) -> impl Iterator<Item = (&str, &str, &str)> {
        self.found.iter().flat_map(|(pool, found)| {
            let found = found.iter();
            found.filter_map(|(member, finding)| Some((pool.as_str(), member.as_str(), reason(finding)?)))
        })
    }

    /// Notes what was found of a member; whether it went up or down by that.
    pub fn set(&mut self, pool: &str, member: &str, finding: Finding) -> bool {
        let before = self.is_up(pool, member);
        let now = finding == Finding::Up;
        let found = self.found.entry(pool.to_owned()).or_default();
        Arc::make_mut(found).insert(member.to_owned(), finding);
        before != now
    }

    /// Forgets the members that `config` wants nobody to watch: one that comes back is looked at anew.
    pub fn keep_watched(&mut self, config: &Config) {
        let watched = config.pools.iter().filter(|pool| pool.health_monitor.is_some());
        let watched: HashMap<&str, &Pool> = watched.map(|pool| (pool.name.as_str(), pool.as_ref())).collect();
        self.found.retain(|pool, found| {
            let Some(pool) = watched.get(pool.as_str()) else {
                return false;
            };
            let is_gone = |member: &String| pool.member(member).is_none();
            if found.keys().any(is_gone) {
                Arc::make_mut(found).retain(|member, _| !is_gone(member));
            }
            true
        });
    }

    /// What was found of the members of a pool, as something that is another one when it has changed.
    pub(crate) fn of_pool(&self, pool: &str) -> Findings {
        Findings(self.found.get(pool).map(Arc::clone))
    }
}

/// What was found of the members of a pool, if anything was; equal only where nothing was found since.
#[derive(Clone, Debug, Default)]
pub(crate) struct Findings(Option<Arc<OfPool>>);

impl PartialEq for Findings {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_ref().map(Arc::as_ptr) == other.0.as_ref().map(Arc::as_ptr)
    }
}

fn reason(finding: &Finding) -> Option<&str> {
    match finding {
        Finding::Up => None,
        Finding::Down { reason } => Some(reason),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_found_is_kept_of_members_that_are_still_watched() {
        let text = r#"
            datapath.interfaces = ["eth0"]
            pool = [
                { name = "watched", health_monitor = { type = "TCP" }, member = [
                    { name = "one", address = "10.0.0.1", port = 1 }, { name = "two", address = "10.0.0.2", port = 1 },
                ] },
                { name = "not", member = [{ name = "one", address = "10.0.0.1", port = 1 }] },
            ]
        "#;
        let mut config = crate::config::parse(text, "health.toml").unwrap().config;
        let mut health = Health::default();
        for (pool, member) in [
            ("watched", "one"),
            ("watched", "two"),
            ("not", "one"),
            ("gone", "one"),
        ] {
            let reason = "it does not answer".into();
            assert!(health.set(pool, member, Finding::Down { reason }));
        }
        let found = health.of_pool("watched");
        health.keep_watched(&config);
        assert_eq!(health.down().count(), 2);
        assert!(health.of_pool("watched") == found);
        Arc::make_mut(&mut config.pools[0]).members.remove(1);
        health.keep_watched(&config);
        assert_eq!(
            health.down().collect::<Vec<_>>(),
            [("watched", "one", "it does not answer")]
        );
        assert!(health.of_pool("watched") != found);
    }
}

//! What has changed between two configurations.

use std::{collections::HashSet, sync::Arc};

use super::{Config, Listener, LoadBalancer, Pool};

/// What has changed from one configuration to another: what is not the very same thing in both.
#[derive(Debug)]
pub struct Changed<'c> {
    /// The configuration as it was.
    pub before: &'c Config,
    /// The configuration as it is to be.
    pub after: &'c Config,
    /// The load balancers.
    pub load_balancers: Difference<'c, LoadBalancer>,
    /// The pools, whoever serves them.
    pub pools: Difference<'c, Pool>,
    /// The pools that the proxy served, by name.
    was_proxied: HashSet<&'c str>,
    /// Those that it is to serve.
    is_proxied: HashSet<&'c str>,
}

/// What is different of things of one kind.
#[derive(Debug)]
pub struct Difference<'c, T> {
    /// Those that are gone, and what the changed ones were.
    pub before: Vec<&'c Arc<T>>,
    /// Those that are new, and what the changed ones are.
    pub after: Vec<&'c Arc<T>>,
}

/// Who serves a pool.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Server {
    Datapath,
    Proxy,
}

impl<'c, T> Difference<'c, T> {
    fn between(before: &'c [Arc<T>], after: &'c [Arc<T>]) -> Self {
        // Mostly one is another: it stands where it stood.
        let is_same = |(one, other): &(&Arc<T>, &Arc<T>)| Arc::ptr_eq(one, other);
        let same = before.iter().zip(after).take_while(is_same).count();
        let (before, after) = (&before[same..], &after[same..]);
        let at_end = before.iter().rev().zip(after.iter().rev());
        let same = at_end.take_while(is_same).count();
        let (before, after) = (&before[..before.len() - same], &after[..after.len() - same]);
        let pointers = |all: &[Arc<T>]| all.iter().map(Arc::as_ptr).collect::<HashSet<_>>();
        let (were, are) = (pointers(before), pointers(after));
        Self {
            before: before
                .iter()
                .filter(|one| !are.contains(&Arc::as_ptr(one)))
                .collect(),
            after: after
                .iter()
                .filter(|one| !were.contains(&Arc::as_ptr(one)))
                .collect(),
        }
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_none(&self) -> bool {
        self.before.is_empty() && self.after.is_empty()
    }
}

impl<'c> Changed<'c> {
    /// What has changed.
    #[must_use]
    pub fn between(before: &'c Config, after: &'c Config) -> Self {
        Self {
            before,
            after,
            load_balancers: Difference::between(&before.load_balancers, &after.load_balancers),
            pools: Difference::between(&before.pools, &after.pools),
            was_proxied: before.proxied_pools(),
            is_proxied: after.proxied_pools(),
        }
    }

    /// The pools that the datapath served and serves: also those that have not changed, and whose listeners have, so that
    /// the proxy serves them now, or did so before.
    #[must_use]
    pub fn datapath_pools(&self) -> Difference<'c, Pool> {
        self.pools_of(Server::Datapath)
    }

    /// The same of those that the proxy served and serves.
    #[must_use]
    pub fn proxied_pools(&self) -> Difference<'c, Pool> {
        self.pools_of(Server::Proxy)
    }

    fn pools_of(&self, server: Server) -> Difference<'c, Pool> {
        let moved = self.moved();
        let of = |changed: &[&'c Arc<Pool>], all: &'c [Arc<Pool>], proxied: &HashSet<&str>| {
            let is_its =
                |pool: &&Arc<Pool>| proxied.contains(pool.name.as_str()) == (server == Server::Proxy);
            let has_moved = |pool: &&Arc<Pool>| {
                moved.contains(pool.name.as_str()) && !changed.iter().any(|one| Arc::ptr_eq(one, pool))
            };
            // Hardly ever there is one.
            let all = if moved.is_empty() { &[] } else { all };
            let moved = all.iter().filter(has_moved);
            changed.iter().copied().chain(moved).filter(is_its).collect()
        };
        Difference {
            before: of(&self.pools.before, &self.before.pools, &self.was_proxied),
            after: of(&self.pools.after, &self.after.pools, &self.is_proxied),
        }
    }

    /// The pools that are served by another one than before.
    fn moved(&self) -> HashSet<&'c str> {
        let Difference { before, after } = &self.load_balancers;
        let balancers = before.iter().chain(after).copied();
        let names = balancers.flat_map(|balancer| balancer.listeners.iter().flat_map(Listener::pools));
        names
            .filter(|name| self.was_proxied.contains(name) != self.is_proxied.contains(name))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Http, Service};

    fn config() -> Config {
        let text = r#"
            datapath.interfaces = ["eth0"]
            load_balancer = [
                { name = "a", vip = "192.0.2.1", listener = [{ name = "a", protocol = "TCP", port = 1, pool = "a" }] },
                { name = "b", vip = "192.0.2.2", listener = [{ name = "b", protocol = "HTTP", port = 1, pool = "b" }] },
            ]
            pool = [{ name = "a" }, { name = "b" }, { name = "c" }]
        "#;
        crate::config::parse(text, "changed.toml").unwrap().config
    }

    fn names<'c>(pools: &Difference<'c, Pool>) -> [Vec<&'c str>; 2] {
        [&pools.before, &pools.after].map(|pools| pools.iter().map(|pool| pool.name.as_str()).collect())
    }

    #[test]
    fn what_is_the_same_thing_has_not_changed() {
        let before = config();
        let mut after = before.clone();
        assert!(Changed::between(&before, &after).pools.is_none());
        after.pools.swap(0, 2);
        assert!(Changed::between(&before, &after).pools.is_none());
        Arc::make_mut(&mut after.pools[1]).algorithm = crate::model::LbAlgorithm::SourceIp;
        after.pools.remove(0);
        let changed = Changed::between(&before, &after);
        assert_eq!(names(&changed.pools), [vec!["b", "c"], vec!["b"]]);
        assert_eq!(names(&changed.datapath_pools()), [vec!["c"], vec![]]);
        assert_eq!(names(&changed.proxied_pools()), [vec!["b"], vec!["b"]]);
        assert!(changed.load_balancers.is_none());
    }

    #[test]
    fn a_pool_whose_listener_changes_the_layer_is_another_ones() {
        let before = config();
        let mut after = before.clone();
        let http = Http::default();
        Arc::make_mut(&mut after.load_balancers[0]).listeners[0].service = Service::Http { http };
        let changed = Changed::between(&before, &after);
        assert!(changed.pools.is_none());
        assert_eq!(names(&changed.datapath_pools()), [vec!["a"], vec![]]);
        assert_eq!(names(&changed.proxied_pools()), [vec![], vec!["a"]]);
    }
}

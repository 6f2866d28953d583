//! Which id a thing of the configuration has in the maps.

use std::collections::HashMap;

use super::{known::Known, plan::Plan};
use crate::{
    bpf::Maps,
    model::{LoadBalancer, Pool},
};

/// Which id a thing of the configuration has in the maps.
#[derive(Clone, Debug, Default)]
pub struct Ids {
    /// By name.
    pools: HashMap<String, OfPool>,
    /// By name.
    listeners: HashMap<String, u32>,
    /// What stands in the maps, also of what is configured no more.
    pub(super) known: Known,
}

/// A pool's, and those of its members by name.
#[derive(Clone, Debug, Default)]
struct OfPool {
    id: u32,
    members: HashMap<String, u32>,
}

impl Ids {
    /// None yet, where so much stands in the maps.
    pub(super) fn standing(known: Known) -> Self {
        Self {
            known,
            ..Self::default()
        }
    }

    /// That of the pool of this name.
    #[must_use]
    pub fn pool(&self, name: &str) -> Option<u32> {
        self.pools.get(name).map(|pool| pool.id)
    }

    /// That of a member.
    #[must_use]
    pub fn member(&self, pool: &str, name: &str) -> Option<u32> {
        self.pools.get(pool)?.members.get(name).copied()
    }

    /// That of the listener of this name.
    #[must_use]
    pub fn listener(&self, name: &str) -> Option<u32> {
        self.listeners.get(name).copied()
    }

    /// Those of all pools, by name.
    pub fn pools(&self) -> impl Iterator<Item = (&str, u32)> {
        self.pools.iter().map(|(name, pool)| (name.as_str(), pool.id))
    }

    /// Those of the members of a pool.
    pub fn members(&self, pool: &str) -> impl Iterator<Item = u32> {
        let pool = self.pools.get(pool);
        pool.into_iter().flat_map(|pool| pool.members.values().copied())
    }

    /// The names of the pool of an id, and of its member of another.
    #[must_use]
    pub fn named(&self, pool: u32, member: u32) -> Option<(&str, &str)> {
        let (pool, of_pool) = self.pools.iter().find(|(_, of_pool)| of_pool.id == pool)?;
        let (name, _) = of_pool.members.iter().find(|(_, id)| **id == member)?;
        Some((pool, name))
    }

    /// Notes those of what was written.
    pub(super) fn note(&mut self, maps: &Maps, plan: &Plan<'_>) {
        for planned in &plan.pools {
            let members = planned.members.iter();
            let members = members.map(|planned| (planned.member.name.clone(), planned.id.get()));
            self.note_pool(&planned.pool.name, planned.id.get(), members);
        }
        for planned in &plan.listeners {
            if let Some(listener) = planned.listener {
                self.note_listener(&listener.name, planned.id.get());
            }
        }
        self.known.note(maps, plan);
    }

    /// Forgets those of what is configured no more, or not so.
    pub(super) fn forget<'c>(
        &mut self,
        pools: impl Iterator<Item = &'c Pool>,
        balancers: impl Iterator<Item = &'c LoadBalancer>,
    ) {
        for pool in pools {
            self.pools.remove(&pool.name);
        }
        for listener in balancers.flat_map(|balancer| &balancer.listeners) {
            self.listeners.remove(&listener.name);
        }
    }

    /// Notes those of a pool and of its members by name.
    pub(crate) fn note_pool(&mut self, name: &str, id: u32, members: impl Iterator<Item = (String, u32)>) {
        let members = members.collect();
        self.pools.insert(name.to_owned(), OfPool { id, members });
    }

    /// Notes that of a listener.
    pub(crate) fn note_listener(&mut self, name: &str, id: u32) {
        self.listeners.insert(name.to_owned(), id);
    }
}

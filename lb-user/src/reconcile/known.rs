//! What stands in the maps, by what it is: so ids outlive the daemon.

use std::collections::HashMap;

use lb_common::{
    address::{Address, Endpoint},
    hash::Hash,
    tables::{MemberState, SlotRange},
};
use tracing::warn;

use super::plan::Plan;
use crate::{
    bpf::Maps,
    health::{Finding, Health},
    model::{Config, Member, Pool, Titled as _},
};

/// Where a member of a pool is: its address, and the port where the pool changes it.
pub(super) type Place = (Address, u32);

/// What clients ask a listener by: where it is, and its protocol.
pub(super) type Asked = (Endpoint, u8);

/// Ids by what they stand for. What was freed since is in here as well: whoever looks something up is told only what is still
/// that.
#[derive(Clone, Debug, Default)]
pub(super) struct Known {
    /// By the hash of the name.
    pools: HashMap<u64, u32>,
    /// By pool.
    members: HashMap<u32, HashMap<Place, u32>>,
    listeners: HashMap<Asked, u32>,
    pub(super) next: Next,
}

/// From where on an id is looked for that no one has.
#[derive(Clone, Copy, Debug)]
pub(super) struct Next {
    pub(super) pool: u32,
    pub(super) member: u32,
    pub(super) listener: u32,
}

impl Default for Next {
    /// Ids begin at 1.
    fn default() -> Self {
        Self {
            pool: 1,
            member: 1,
            listener: 1,
        }
    }
}

impl Known {
    /// All that stands there.
    pub(super) fn read(maps: &Maps) -> Self {
        let mut known = Self::default();
        for (id, pool) in (0..).zip(maps.pools.iter()).skip(1) {
            let name_hash = pool.name_hash.get();
            if name_hash != 0 {
                known.pools.insert(name_hash, id);
            }
        }
        for (id, member) in (0..).zip(maps.members.iter()).skip(1) {
            let place = (member.address.load(), member.port.get());
            let state = member.state();
            if state == MemberState::Unused {
                continue;
            }
            let of_pool = known.members.entry(member.pool.get()).or_default();
            if state == MemberState::Removed {
                // One of the pool that had this pool's id before may have been at the same place.
                of_pool.entry(place).or_insert(id);
            } else {
                of_pool.insert(place, id);
            }
        }
        for (id, listener) in (0..).zip(maps.listeners.iter()).skip(1) {
            let protocol = listener.protocol.get() as u8;
            if protocol != 0 {
                known.listeners.insert((listener.endpoint(), protocol), id);
            }
        }
        known
    }

    pub(super) fn pool(&self, maps: &Maps, name_hash: u64) -> Option<u32> {
        let id = *self.pools.get(&name_hash)?;
        let entry = maps.pools.get(id as usize)?;
        (entry.name_hash.get() == name_hash).then_some(id)
    }

    pub(super) fn member(&self, maps: &Maps, pool: u32, place: &Place) -> Option<u32> {
        let id = *self.members.get(&pool)?.get(place)?;
        is_member(maps, id, pool, place).then_some(id)
    }

    pub(super) fn listener(&self, maps: &Maps, (endpoint, protocol): &Asked) -> Option<u32> {
        let id = *self.listeners.get(&(*endpoint, *protocol))?;
        let entry = maps.listeners.get(id as usize)?;
        entry.is_at(endpoint, *protocol).then_some(id)
    }

    /// Notes what was written.
    pub(super) fn note(&mut self, maps: &Maps, plan: &Plan<'_>) {
        for planned in &plan.pools {
            let pool = planned.id.get();
            self.pools.insert(planned.name_hash, pool);
            let members = self.members.entry(pool).or_default();
            members.extend(
                planned
                    .members
                    .iter()
                    .map(|member| (member.place, member.id.get())),
            );
            members.retain(|place, id| is_member(maps, *id, pool, place));
        }
        for planned in &plan.listeners {
            self.listeners.insert(planned.asked, planned.id.get());
        }
        self.next = plan.next;
        if self.pools.len() > maps.pools.len() || self.listeners.len() > maps.listeners.len() {
            // Much of it was freed.
            *self = Self {
                next: self.next,
                ..Self::read(maps)
            };
        }
    }
}

fn is_member(maps: &Maps, id: u32, pool: u32, (address, port): &Place) -> bool {
    maps.members.get(id as usize).is_some_and(|entry| {
        entry.state() != MemberState::Unused
            && entry.pool.get() == pool
            && entry.port.get() == *port
            && entry.address.load() == *address
    })
}

/// Never 0.
pub(super) fn hash_of(name: &str) -> u64 {
    let hash = name.bytes().fold(Hash::seeded(name.len() as u64), |hash, byte| {
        hash.with(byte.into())
    });
    hash.finish() | 1
}

/// The place of a member.
pub(super) fn place(pool: &Pool, member: &Member) -> Place {
    // Otherwise it is that of the listener, whichever that is: under another one the member is still the same.
    let port = member.port.filter(|_| pool.forwarding.mode().changes_the_port());
    (member.address.into(), port.unwrap_or(0).into())
}

/// What an earlier daemon found of the members that `config` wants watched. A start that took all of them for up would send
/// clients to those that are down, until their monitors have failed again.
pub fn health_found(maps: &Maps, config: &Config) -> Health {
    let known = Known::read(maps);
    let mut health = Health::default();
    for pool in config
        .datapath_pools()
        .filter(|pool| pool.health_monitor.is_some())
    {
        let Some(id) = known.pool(maps, hash_of(&pool.name)) else {
            continue;
        };
        for member in pool.members.iter().filter(|member| member.admin_state_up) {
            // One without source addresses was down for want of a route, whatever its monitor found.
            let was_down = |id: u32| {
                let entry = &maps.members[id as usize];
                entry.state() == MemberState::Down && SlotRange::from(entry.snat.get()).count != 0
            };
            if known.member(maps, id, &place(pool, member)).is_some_and(was_down) {
                let reason = "it was when an earlier daemon ended".to_owned();
                warn!(
                    pool = pool.title(),
                    member = member.title(),
                    "the member is down: {reason}"
                );
                health.set(&pool.name, &member.name, Finding::Down { reason });
            }
        }
    }
    health
}

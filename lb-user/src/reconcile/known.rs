//! What stands in the maps, by what it is: so ids outlive the daemon.

use std::collections::HashMap;

use lb_common::{
    address::Address,
    hash::Hash,
    tables::{MemberState, SlotRange},
};
use tracing::warn;

use crate::{
    bpf::Maps,
    health::{Finding, Health},
    model::{Config, Member, Pool},
};

/// Where a member of a pool is: its address, and the port where the pool changes it.
pub(super) type Place = (Address, u32);

/// The ids of the pools, by the hashes of their names.
pub(super) fn pools(maps: &Maps) -> HashMap<u64, u32> {
    let by_id = (0..).zip(maps.pools.iter()).skip(1);
    by_id
        .map(|(id, pool)| (pool.name_hash.get(), id))
        .filter(|(hash, _)| *hash != 0)
        .collect()
}

/// The ids of the members, by pool and place.
pub(super) fn members(maps: &Maps) -> HashMap<(u32, Place), u32> {
    let by_id = (0..).zip(maps.members.iter()).skip(1);
    by_id
        .filter(|(_, member)| member.state() != MemberState::Unused)
        .map(|(id, member)| {
            let place = (member.address.load(), member.port.get());
            ((member.pool.get(), place), id)
        })
        .collect()
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
    let (pools, members) = (pools(maps), members(maps));
    let mut health = Health::default();
    for pool in config
        .datapath_pools()
        .filter(|pool| pool.health_monitor.is_some())
    {
        let Some(id) = pools.get(&hash_of(&pool.name)) else {
            continue;
        };
        for member in pool.members.iter().filter(|member| member.admin_state_up) {
            let known = members.get(&(*id, place(pool, member)));
            // One without source addresses was down for want of a route, whatever its monitor found.
            let was_down = |id: &u32| {
                let entry = &maps.members[*id as usize];
                entry.state() == MemberState::Down && SlotRange::from(entry.snat.get()).count != 0
            };
            if known.is_some_and(was_down) {
                let reason = "it was when an earlier daemon ended".to_owned();
                warn!(
                    pool = pool.name,
                    member = member.name,
                    "the member is down: {reason}"
                );
                health.set(&pool.name, &member.name, Finding::Down { reason });
            }
        }
    }
    health
}

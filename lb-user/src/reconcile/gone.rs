//! What is not wanted any more.

use std::collections::HashSet;

use lb_common::{listeners, tables::MemberState};

use super::{
    Ids,
    plan::{Plan, asked},
};
use crate::{
    bpf::Maps,
    model::{LoadBalancer, Pool},
};

/// The ids of what is not wanted any more.
#[derive(Default)]
pub(super) struct Gone {
    listeners: Vec<u32>,
    pools: Vec<u32>,
    members: Vec<u32>,
}

impl Gone {
    /// Whatever stands in the maps and is not planned.
    pub(super) fn all_but(maps: &Maps, plan: &Plan<'_>) -> Self {
        let Planned {
            listeners,
            pools,
            members,
        } = Planned::by(plan);
        let by_id = (0..).zip(maps.listeners.iter());
        let listeners = by_id.filter(|(id, entry)| entry.protocol.get() != 0 && !listeners.contains(id));
        let by_id = (0..).zip(maps.pools.iter());
        let pools = by_id.filter(|(id, entry)| entry.used.get() == 1 && !pools.contains(id));
        let by_id = (0..).zip(maps.members.iter());
        let members =
            by_id.filter(|(id, entry)| entry.state() != MemberState::Unused && !members.contains(id));
        Self {
            listeners: listeners.map(|(id, _)| id).collect(),
            pools: pools.map(|(id, _)| id).collect(),
            members: members.map(|(id, _)| id).collect(),
        }
    }

    /// What there was of these pools and load balancers and is not planned.
    pub(super) fn of<'c>(
        (maps, ids): (&Maps, &Ids),
        pools: impl Iterator<Item = &'c Pool>,
        balancers: impl Iterator<Item = &'c LoadBalancer>,
        plan: &Plan<'_>,
    ) -> Self {
        let planned = Planned::by(plan);
        let mut gone = Self::default();
        for pool in pools {
            let id = ids.pool(&pool.name).into_iter();
            gone.pools.extend(id.filter(|id| !planned.pools.contains(id)));
            let members = ids.members(&pool.name);
            gone.members
                .extend(members.filter(|id| !planned.members.contains(id)));
        }
        let listeners = balancers.flat_map(asked);
        let listeners = listeners.filter_map(|(asked, _)| ids.known.listener(maps, &asked));
        gone.listeners
            .extend(listeners.filter(|id| !planned.listeners.contains(id)));
        gone
    }

    pub(super) fn is_nothing(&self) -> bool {
        self.listeners.is_empty() && self.pools.is_empty() && self.members.is_empty()
    }

    /// Takes it out. Its ids are free once the sweep says so: flows of a listener that is gone go on until they end.
    pub(super) fn remove(&self, maps: &Maps) {
        for &id in &self.listeners {
            listeners::remove(maps, id);
            maps.listeners[id as usize].removed.set(1);
        }
        for &id in &self.members {
            maps.members[id as usize].set_state(MemberState::Removed);
        }
        for &id in &self.pools {
            let pool = &maps.pools[id as usize];
            pool.schedule.set(0);
            pool.used.set(0);
        }
        if self.pools.is_empty() {
            return;
        }
        let pools: HashSet<u32> = self.pools.iter().copied().collect();
        for listener in maps.listeners.iter() {
            // The id may be another pool's before the last flow of the listener has ended.
            if pools.contains(&listener.pool.get()) {
                listener.pool.set(0);
            }
        }
    }
}

/// The ids that a plan has something for.
struct Planned {
    listeners: HashSet<u32>,
    pools: HashSet<u32>,
    members: HashSet<u32>,
}

impl Planned {
    fn by(plan: &Plan<'_>) -> Self {
        let members = plan.pools.iter().flat_map(|pool| &pool.members);
        Self {
            listeners: plan.listeners.iter().map(|listener| listener.id.get()).collect(),
            pools: plan.pools.iter().map(|pool| pool.id.get()).collect(),
            members: members.map(|member| member.id.get()).collect(),
        }
    }
}

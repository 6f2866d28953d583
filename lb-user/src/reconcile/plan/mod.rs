//! What will be written, worked out from what stands in the maps: whatever there is no room for is found here, before
//! anything changes.

mod give;
mod listeners;
mod pools;

use std::collections::HashMap;

use lb_common::tables::{Algorithm, MemberState, SlotRange};

pub(super) use give::Id;
pub(super) use listeners::asked;

use super::{
    Ids,
    known::{Asked, Next, Place},
    snat::SnatAddresses,
};
use crate::{
    bpf::{Error, Maps},
    health::Health,
    model::{self, LoadBalancer, Member, Pool},
};

/// Everything that an apply writes and has to find room for.
pub(super) struct Plan<'c> {
    pub(super) pools: Vec<PlannedPool<'c>>,
    /// VIPs too.
    pub(super) listeners: Vec<PlannedListener<'c>>,
    pub(super) snat: SnatAddresses,
    /// Behind the ids that it gives.
    pub(super) next: Next,
}

pub(super) struct PlannedPool<'c> {
    pub(super) pool: &'c Pool,
    pub(super) name_hash: u64,
    pub(super) id: Id,
    pub(super) members: Vec<PlannedMember<'c>>,
    pub(super) algorithm: Algorithm,
    /// How many slots in front of the schedule hold each member once.
    pub(super) once: u32,
    /// Which slots it gets, and what goes there; none where the pool has that schedule already.
    pub(super) schedule: Result<Option<(SlotRange, Vec<u32>)>, Error>,
}

pub(super) struct PlannedMember<'c> {
    pub(super) member: &'c Member,
    pub(super) id: Id,
    pub(super) place: Place,
    pub(super) sources: SlotRange,
    pub(super) state: MemberState,
}

pub(super) struct PlannedListener<'c> {
    /// None: a VIP itself.
    pub(super) listener: Option<&'c model::Listener>,
    pub(super) asked: Asked,
    pub(super) id: Id,
    pub(super) pool: u32,
}

impl<'c> Plan<'c> {
    /// The plan of these pools, which the datapath serves, and load balancers: all else stays as it is.
    pub(super) fn new(
        (maps, ids): (&Maps, &Ids),
        pools: impl Iterator<Item = &'c Pool>,
        balancers: impl Iterator<Item = &'c LoadBalancer>,
        health: &Health,
    ) -> Result<Self, Error> {
        let known = &ids.known;
        let mut snat = SnatAddresses::read(maps);
        let mut next = known.next;
        let pools = pools::plan((maps, known), pools, health, &mut snat, &mut next)?;
        let planned: HashMap<&str, u32> = pools
            .iter()
            .map(|planned| (planned.pool.name.as_str(), planned.id.get()))
            .collect();
        let pool_id = |name: &str| planned.get(name).copied().or_else(|| ids.pool(name));
        let listeners = listeners::plan((maps, known), balancers, pool_id, &mut next)?;
        Ok(Self {
            pools,
            listeners,
            snat,
            next,
        })
    }

    /// The first schedule that there are no slots for.
    pub(super) fn schedules_fit(&mut self) -> Result<(), Error> {
        for planned in &mut self.pools {
            if planned.schedule.is_err() {
                return std::mem::replace(&mut planned.schedule, Ok(None)).map(drop);
            }
        }
        Ok(())
    }
}

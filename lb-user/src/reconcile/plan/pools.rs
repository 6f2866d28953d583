//! Pools and their members, with their ids, source addresses and schedules.

use std::{collections::HashMap, net::IpAddr};

use lb_common::tables::{MemberState, SlotRange};
use tracing::warn;

use super::{
    Id, PlannedMember, PlannedPool,
    give::{Giver, full},
};
use crate::{
    bpf::{Error, Maps},
    health::Health,
    model::{Forwarding, Member, Pool, Titled as _},
    reconcile::{
        known::{self, Known, Next, Place},
        schedule::{Ranges, current},
        snat::{SnatAddresses, own_address},
    },
    schedules::{self, Schedule},
};

pub(super) fn plan<'c>(
    (maps, known): (&Maps, &Known),
    wanted: impl Iterator<Item = &'c Pool>,
    health: &Health,
    snat: &mut SnatAddresses,
    next: &mut Next,
) -> Result<Vec<PlannedPool<'c>>, Error> {
    let full_of_pools = || full("POOLS", "max_pools");
    let full_of_members = || full("MEMBERS", "max_members");
    let mut pool_ids = Giver::new(maps.pools.len(), &mut next.pool, full_of_pools);
    let mut member_ids = Giver::new(maps.members.len(), &mut next.member, full_of_members);
    let is_free_pool = |id: u32| maps.pools[id as usize].name_hash.get() == 0;
    let is_free_member = |id: u32| maps.members[id as usize].state() == MemberState::Unused;
    let mut ranges = Ranges::in_use(maps);
    let mut own = OwnAddresses::default();
    let mut planned = Vec::new();
    for pool in wanted {
        let name_hash = known::hash_of(&pool.name);
        let id = pool_ids.give(name_hash, known.pool(maps, name_hash), is_free_pool)?;
        let known_member = |place: &Place| match id {
            Id::Known(id) => known.member(maps, id, place),
            // Members of an earlier pool are not this one's, though they may have the same address.
            Id::New(_) => None,
        };
        let mut members = Vec::new();
        for member in &pool.members {
            let place = known::place(pool, member);
            let member_id = member_ids.give((id.get(), place), known_member(&place), is_free_member)?;
            let sources = own.sources(pool, member, || match member_id {
                Id::Known(id) => Some(snat.of(maps.members[id as usize].snat.get().into()).collect()),
                Id::New(_) => None,
            })?;
            members.push(PlannedMember {
                member,
                id: member_id,
                place,
                sources: snat.enter(&sources)?,
                state: if sources.is_empty() {
                    MemberState::Down
                } else {
                    state(member, health.is_up(&pool.name, &member.name))
                },
            });
        }
        let taking: Vec<(u32, &Member)> = members
            .iter()
            .filter(|planned| planned.state == MemberState::Up)
            .map(|planned| (planned.id.get(), planned.member))
            .collect();
        let Schedule {
            algorithm,
            once,
            slots,
        } = schedules::lay_out(pool.algorithm, &taking);
        let old = match id {
            Id::Known(id) => SlotRange::from(maps.pools[id as usize].schedule.get()),
            Id::New(_) => SlotRange::default(),
        };
        let schedule = if current(maps, old) == slots {
            Ok(None)
        } else {
            ranges.take(slots.len() as u32).map(|range| Some((range, slots)))
        };
        planned.push(PlannedPool {
            pool,
            name_hash,
            id,
            members,
            algorithm,
            once,
            schedule,
        });
    }
    Ok(planned)
}

fn state(member: &Member, is_up: bool) -> MemberState {
    if !member.admin_state_up || !is_up {
        MemberState::Down
    } else if member.weight == 0 {
        MemberState::Draining
    } else {
        MemberState::Up
    }
}

/// The own addresses towards members, each of which is asked for once.
#[derive(Default)]
struct OwnAddresses(HashMap<IpAddr, Option<IpAddr>>);

impl OwnAddresses {
    fn towards(&mut self, member: IpAddr) -> std::io::Result<Option<IpAddr>> {
        if let Some(own) = self.0.get(&member) {
            return Ok(*own);
        }
        let own = own_address(member)?;
        self.0.insert(member, own);
        Ok(own)
    }

    /// The source addresses towards a member; none where it cannot be reached. Where that cannot be found out, they stay those
    /// that are in use, of a member that is known.
    fn sources(
        &mut self,
        pool: &Pool,
        member: &Member,
        in_use: impl FnOnce() -> Option<Vec<IpAddr>>,
    ) -> Result<Vec<IpAddr>, Error> {
        let sources = match &pool.forwarding {
            Forwarding::FullNat(nat) if !nat.snat_addresses.is_empty() => {
                return Ok(nat.snat_addresses.clone());
            }
            _ => self.towards(member.address),
        };
        match sources {
            Ok(Some(own)) => Ok(vec![own]),
            Ok(None) => {
                warn!(
                    pool = pool.title(),
                    member = member.title(),
                    "no route to the member: it gets no packets"
                );
                Ok(Vec::new())
            }
            Err(shortage) => {
                let address = member.address;
                let reason =
                    format!("cannot ask the kernel for the own address towards {address}: {shortage}");
                let Some(in_use) = in_use() else {
                    return Err(Error::Map {
                        name: "SNAT_ADDRESSES",
                        reason,
                    });
                };
                warn!("{reason}; it stays as it is");
                Ok(in_use)
            }
        }
    }
}

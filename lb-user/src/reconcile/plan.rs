//! What will be written, worked out from a reading of the maps: whatever there is no room for is found here, before
//! anything changes.

use std::{
    collections::{HashMap, HashSet},
    net::IpAddr,
};

use lb_common::{
    address::{Address, Endpoint},
    listeners::VIP,
    tables::{Algorithm, Listener, MemberState, SlotRange},
};
use tracing::warn;

use super::{
    Ids, known,
    schedule::{Ranges, current},
    snat::{SnatAddresses, own_address},
};
use crate::{
    bpf::{Error, Maps},
    health::Health,
    model::{self, Config, Forwarding, Member, Pool},
    schedules,
};

const HOST: u32 = Listener::HOST;

/// Everything that an apply writes and has to find room for.
pub(super) struct Plan<'c> {
    pub(super) pools: Vec<PlannedPool<'c>>,
    /// VIPs too.
    pub(super) listeners: Vec<PlannedListener<'c>>,
    pub(super) snat: SnatAddresses,
}

pub(super) struct PlannedPool<'c> {
    pub(super) pool: &'c Pool,
    pub(super) name_hash: u64,
    pub(super) id: Id,
    pub(super) members: Vec<PlannedMember<'c>>,
    pub(super) algorithm: Algorithm,
    /// Which slots it gets, and what goes there; none where the pool has that schedule already.
    pub(super) schedule: Result<Option<(SlotRange, Vec<u32>)>, Error>,
}

pub(super) struct PlannedMember<'c> {
    pub(super) member: &'c Member,
    pub(super) id: Id,
    pub(super) address: Address,
    pub(super) port: u32,
    pub(super) sources: SlotRange,
    pub(super) state: MemberState,
}

pub(super) struct PlannedListener<'c> {
    /// None: a VIP itself.
    pub(super) name: Option<&'c str>,
    pub(super) endpoint: Endpoint,
    pub(super) protocol: u8,
    pub(super) id: Id,
    pub(super) pool: u32,
}

/// An id of the maps.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Id {
    /// It stands in the maps for the very same thing.
    Known(u32),
    /// No one has it yet.
    New(u32),
}

impl Id {
    pub(super) const fn get(self) -> u32 {
        match self {
            Self::Known(id) | Self::New(id) => id,
        }
    }
}

/// The ids of one kind of things: those that stand in the maps, and those that no one has.
struct Given<K, F> {
    known: HashMap<K, u32>,
    free: F,
    full: fn() -> Error,
}

impl<K: Eq + std::hash::Hash, F: Iterator<Item = u32>> Given<K, F> {
    fn take(&mut self, key: K) -> Result<Id, Error> {
        if let Some(id) = self.known.get(&key) {
            return Ok(Id::Known(*id));
        }
        let id = self.free.next().ok_or_else(self.full)?;
        self.known.insert(key, id);
        Ok(Id::New(id))
    }
}

impl<'c> Plan<'c> {
    pub(super) fn new(maps: &Maps, config: &'c Config, health: &Health) -> Result<Self, Error> {
        let mut plan = Self::of_pools(maps, config, health, |_| true)?;
        let pool_ids: HashMap<&str, u32> = plan
            .pools
            .iter()
            .map(|planned| (planned.pool.name.as_str(), planned.id.get()))
            .collect();
        plan.listeners = listeners(maps, config, &pool_ids)?;
        Ok(plan)
    }

    /// The plan of some pools alone: all else stays as it is.
    pub(super) fn of_pools(
        maps: &Maps,
        config: &'c Config,
        health: &Health,
        is_wanted: impl Fn(&Pool) -> bool,
    ) -> Result<Self, Error> {
        let mut snat = SnatAddresses::read(maps);
        let wanted = config.datapath_pools().filter(|pool| is_wanted(pool));
        let pools = pools(maps, wanted, health, &mut snat)?;
        Ok(Self {
            pools,
            listeners: Vec::new(),
            snat,
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

    pub(super) fn ids(&self) -> Ids {
        let name = |pool: &PlannedPool<'_>| pool.pool.name.clone();
        let members = self.pools.iter().flat_map(|pool| {
            let members = pool.members.iter();
            members.map(move |planned| ((name(pool), planned.member.name.clone()), planned.id.get()))
        });
        let listeners = self.listeners.iter();
        Ids {
            pools: self
                .pools
                .iter()
                .map(|pool| (name(pool), pool.id.get()))
                .collect(),
            members: members.collect(),
            listeners: listeners
                .filter_map(|planned| Some((planned.name?.to_owned(), planned.id.get())))
                .collect(),
        }
    }
}

fn pools<'c>(
    maps: &Maps,
    wanted: impl Iterator<Item = &'c Pool>,
    health: &Health,
    snat: &mut SnatAddresses,
) -> Result<Vec<PlannedPool<'c>>, Error> {
    let by_id = || (0..).zip(maps.pools.iter()).skip(1);
    let mut pool_ids = Given {
        known: known::pools(maps),
        free: by_id()
            .filter(|(_, pool)| pool.name_hash.get() == 0)
            .map(|(id, _)| id),
        full: || full("POOLS", "max_pools"),
    };
    let by_id = || (0..).zip(maps.members.iter()).skip(1);
    let mut member_ids = Given {
        known: known::members(maps),
        free: by_id()
            .filter(|(_, member)| member.state() == MemberState::Unused)
            .map(|(id, _)| id),
        full: || full("MEMBERS", "max_members"),
    };
    let mut ranges = Ranges::in_use(maps);
    let mut planned = Vec::new();
    for pool in wanted {
        let name_hash = known::hash_of(&pool.name);
        let id = pool_ids.take(name_hash)?;
        if let Id::New(id) = id {
            // Members of an earlier pool are not this one's, though they may have the same address.
            member_ids.known.retain(|(pool, _), _| *pool != id);
        }
        let mut members = Vec::new();
        for member in &pool.members {
            let place @ (address, port) = known::place(pool, member);
            let id = member_ids.take((id.get(), place))?;
            let sources = sources(pool, member, || match id {
                Id::Known(id) => Some(snat.of(maps.members[id as usize].snat.get().into()).collect()),
                Id::New(_) => None,
            })?;
            members.push(PlannedMember {
                member,
                id,
                address,
                port,
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
        let (algorithm, slots) = schedules::lay_out(pool.algorithm, &taking);
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

/// The source addresses towards a member; none where it cannot be reached. Where that cannot be found out, they stay those
/// that are in use, of a member that is known.
fn sources(
    pool: &Pool,
    member: &Member,
    in_use: impl FnOnce() -> Option<Vec<IpAddr>>,
) -> Result<Vec<IpAddr>, Error> {
    let sources = match &pool.forwarding {
        Forwarding::FullNat(nat) if !nat.snat_addresses.is_empty() => return Ok(nat.snat_addresses.clone()),
        _ => own_address(member.address),
    };
    match sources {
        Ok(Some(own)) => Ok(vec![own]),
        Ok(None) => {
            warn!(
                pool = pool.name,
                member = member.name,
                "no route to the member: it gets no packets"
            );
            Ok(Vec::new())
        }
        Err(shortage) => {
            let address = member.address;
            let reason = format!("cannot ask the kernel for the own address towards {address}: {shortage}");
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

fn listeners<'c>(
    maps: &Maps,
    config: &'c Config,
    pools: &HashMap<&str, u32>,
) -> Result<Vec<PlannedListener<'c>>, Error> {
    let by_id = || (0..).zip(maps.listeners.iter()).skip(1);
    let used = by_id().filter(|(_, listener)| listener.protocol.get() != 0);
    let mut ids = Given {
        known: used
            .map(|(id, listener)| ((listener.endpoint(), listener.protocol.get() as u8), id))
            .collect(),
        free: by_id()
            .filter(|(_, listener)| listener.protocol.get() == 0)
            .map(|(id, _)| id),
        full: || full("LISTENERS", "max_listeners"),
    };
    // Of VIPs that had a listener of the host's, packets of its connections may still come.
    let of_host: HashSet<Address> = by_id()
        .filter(|(_, entry)| entry.protocol.get() == u32::from(VIP) && entry.is_of_host())
        .map(|(_, entry)| entry.address.load())
        .collect();
    let mut planned = Vec::new();
    let balancers = config.load_balancers.iter();
    for balancer in balancers.filter(|balancer| balancer.admin_state_up) {
        let mut plan = |name, port, protocol, pool| -> Result<(), Error> {
            let endpoint = Endpoint {
                address: Address::from(balancer.vip),
                port,
            };
            planned.push(PlannedListener {
                name,
                endpoint,
                protocol,
                id: ids.take((endpoint, protocol))?,
                pool,
            });
            Ok(())
        };
        let listeners = || {
            balancer
                .listeners
                .iter()
                .filter(|listener| listener.admin_state_up)
        };
        let is_of_host = |listener: &model::Listener| !listener.protocol().is_layer_4();
        let of_host = of_host.contains(&Address::from(balancer.vip)) || listeners().any(is_of_host);
        plan(None, 0, VIP, if of_host { HOST } else { 0 })?;
        for listener in listeners() {
            let pool = if is_of_host(listener) {
                HOST
            } else {
                pools.get(listener.pool.as_str()).copied().unwrap_or(0)
            };
            let protocol = listener.protocol().transport().ip_protocol();
            plan(Some(listener.name.as_str()), listener.port, protocol, pool)?;
        }
    }
    Ok(planned)
}

/// There is room for everything that may be configured at a time, and for as much again that was replaced.
pub(super) fn full(name: &'static str, option: &str) -> Error {
    Error::Map {
        name,
        reason: format!(
            "all places are taken: what was removed keeps its own until half a minute after its last flow and session \
             have ended; reload again then, or raise `datapath.{option}`"
        ),
    }
}

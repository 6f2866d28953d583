//! Makes the maps equal to the configuration: new things first, then what points at them, what is gone last. Before that
//! it plans: what has no room is refused as a whole.
//!
//! Ids are found again in the maps, by what a thing is: so they outlive the daemon.

mod known;
mod plan;
mod schedule;
mod snat;
mod sources;

use std::collections::{BTreeSet, HashMap, HashSet};

use lb_common::{
    address::Address,
    filter, listeners,
    tables::{self, MemberState, SlotRange},
};

use crate::{
    bpf::{Error, Maps},
    health::Health,
    model::{ClosedPort, Config, DatapathSettings, Forwarding, Persistence, SessionPersistence},
};
pub use known::health_found;
pub use sources::{Outdated, Sources, outdated};

use plan::{Id, Plan, PlannedListener, PlannedMember, PlannedPool};

/// Answers that the balancer gives itself, a second and core.
const ANSWERS_PER_SECOND: u32 = 10_000;

/// Which id a thing of the configuration has in the maps.
#[derive(Clone, Debug, Default)]
pub struct Ids {
    /// Pools by name.
    pub pools: HashMap<String, u32>,
    /// Members by pool and name.
    pub members: HashMap<(String, String), u32>,
    /// Listeners by name.
    pub listeners: HashMap<String, u32>,
}

/// Makes the maps equal to `config` and `health`; where there is no room for all of it, nothing changes.
pub fn apply(maps: &mut Maps, config: &Config, health: &Health) -> Result<Ids, Error> {
    let mut plan = Plan::new(maps, config, health)?;
    plan.schedules_fit()?;
    write(maps, config, &plan)?;
    Ok(plan.ids())
}

/// Makes these pools equal to `health` where `config` has been applied. A member that is down gets nothing, also where
/// there is no room for a schedule without it: the datapath passes it over in the old one. That is an error all the same.
pub fn apply_health(
    maps: &mut Maps,
    config: &Config,
    health: &Health,
    pools: &BTreeSet<String>,
) -> Result<(), Error> {
    let mut plan = Plan::of_pools(maps, config, health, |pool| pools.contains(&pool.name))?;
    write_pools(maps, &plan)?;
    plan.schedules_fit()
}

fn write(maps: &mut Maps, config: &Config, plan: &Plan<'_>) -> Result<(), Error> {
    write_settings(maps, &config.datapath);
    write_pools(maps, plan)?;
    open_filter(maps, config);
    for planned in &plan.listeners {
        write_listener(maps, planned)?;
    }
    prune(maps, plan);
    close_filter(maps);
    Ok(())
}

fn write_pools(maps: &mut Maps, plan: &Plan<'_>) -> Result<(), Error> {
    plan.snat.write(maps);
    for planned in &plan.pools {
        begin_pool(maps, planned)?;
        for member in &planned.members {
            write_member(maps, planned.id.get(), member)?;
        }
        write_pool(maps, planned);
    }
    Ok(())
}

fn write_settings(maps: &Maps, datapath: &DatapathSettings) {
    let settings = &maps.settings[0];
    settings.closed_port.set(match datapath.closed_port {
        ClosedPort::Reject => tables::ClosedPort::Reject as u32,
        ClosedPort::Drop => tables::ClosedPort::Drop as u32,
    });
    settings.answers_per_second.set(ANSWERS_PER_SECOND);
    let idle = &datapath.flow_idle_timeout;
    let seconds = [
        0,
        idle.tcp_syn_s,
        idle.tcp_established_s,
        idle.tcp_fin_s,
        idle.tcp_rst_s,
        idle.udp_s,
        idle.tcp_syn_s,
        idle.tcp_rst_s,
    ];
    for (word, seconds) in settings.flow_idle_s.iter().zip(seconds) {
        word.set(seconds);
    }
}

fn begin_pool(maps: &mut Maps, planned: &PlannedPool<'_>) -> Result<(), Error> {
    let pool = &maps.pools[planned.id.get() as usize];
    if let Id::New(id) = planned.id {
        maps.counters.begin_pool(id)?;
        pool.swept_sessions.set(0);
        pool.name_hash.set(planned.name_hash);
    }
    pool.used.set(1);
    Ok(())
}

fn write_listener(maps: &mut Maps, planned: &PlannedListener<'_>) -> Result<(), Error> {
    if let Id::New(id) = planned.id {
        maps.counters.begin_listener(id)?;
    }
    let entry = &maps.listeners[planned.id.get() as usize];
    entry.address.store(&planned.endpoint.address);
    entry.port.set(planned.endpoint.port.into());
    entry.pool.set(planned.pool);
    entry.protocol.set(planned.protocol.into());
    entry.removed.set(0);
    if listeners::enter(maps, planned.id.get()) {
        Ok(())
    } else {
        Err(Error::Map {
            name: "LISTENER_INDEX",
            reason: format!(
                "{} has the same hash as another listener, by a chance of one in a million: `holdfast stop --detach` \
                 and a new start draw another one",
                planned.name.unwrap_or("a VIP"),
            ),
        })
    }
}

fn write_member(maps: &mut Maps, pool: u32, planned: &PlannedMember<'_>) -> Result<(), Error> {
    if let Id::New(id) = planned.id {
        maps.counters.begin_member(id)?;
    }
    let entry = &maps.members[planned.id.get() as usize];
    if entry.address.load() != planned.address {
        // It leads to whoever had the id before.
        entry.next_hop.ifindex.set(0);
    }
    entry.address.store(&planned.address);
    entry.port.set(planned.port);
    entry.pool.set(pool);
    entry.weight.set(planned.member.weight.into());
    entry.snat.set(planned.sources.into());
    entry.set_state(planned.state);
    Ok(())
}

fn write_pool(maps: &Maps, planned: &PlannedPool<'_>) {
    let pool = planned.pool;
    let entry = &maps.pools[planned.id.get() as usize];
    let forwarding = match &pool.forwarding {
        Forwarding::FullNat(nat) => {
            let ports = SlotRange {
                start: nat.snat_ports.low.into(),
                count: nat.snat_ports.count(),
            };
            entry.snat_ports.set(ports.into());
            tables::Forwarding::FULL_NAT
        }
        Forwarding::Nat => tables::Forwarding::NAT,
        Forwarding::Dsr => tables::Forwarding::DSR,
        Forwarding::Ipip => tables::Forwarding::IPIP,
    };
    entry.forwarding.set(forwarding.0);
    let persistence = pool.session_persistence.as_ref();
    let (v4, v6) = match persistence.map(|session| &session.persistence) {
        Some(Persistence::SourceIp(granularity)) => (granularity.v4, granularity.v6),
        _ => (32, 128),
    };
    entry.client_mask_v4.store(&Address::mask(96 + u32::from(v4)));
    entry.client_mask_v6.store(&Address::mask(v6.into()));
    entry.session_absolute_s.set(
        persistence
            .and_then(SessionPersistence::absolute_timeout_s)
            .unwrap_or(0),
    );
    entry
        .session_idle_s
        .set(persistence.map_or(0, SessionPersistence::idle_timeout_s));

    entry.algorithm.set(planned.algorithm as u32);
    if let Ok(Some((range, schedule))) = &planned.schedule {
        for (slot, member) in maps.schedules[range.start as usize..].iter().zip(schedule) {
            slot.member.set(*member);
        }
        entry.schedule.set((*range).into());
    }
}

/// Adds the addresses of the configuration to the filter.
fn open_filter(maps: &Maps, config: &Config) {
    let vips = config
        .load_balancers
        .iter()
        .map(|balancer| (filter::Kind::Vip, balancer.vip.into()));
    let members = config.datapath_pools().flat_map(|pool| &pool.members);
    let members = members.map(|member| (filter::Kind::Member, member.address.into()));
    for (word, mask) in vips
        .chain(members)
        .map(|(kind, address)| filter::bit(kind, &address))
    {
        let word = &maps.filter[word as usize];
        word.set(word.get() | mask);
    }
}

/// Takes all addresses out of the filter that nothing in the maps has any more. What is removed stays in it: its flows go on.
fn close_filter(maps: &Maps) {
    let listeners = maps.listeners.iter();
    let vips = listeners
        .filter(|listener| listener.protocol.get() != 0)
        .map(|listener| (filter::Kind::Vip, listener.address.load()));
    let members = maps.members.iter();
    let members = members
        .filter(|member| member.state() != MemberState::Unused)
        .map(|member| (filter::Kind::Member, member.address.load()));
    let mut words = vec![0_u64; maps.filter.len()];
    for (word, mask) in vips
        .chain(members)
        .map(|(kind, address)| filter::bit(kind, &address))
    {
        words[word as usize] |= mask;
    }
    for (shared, word) in maps.filter.iter().zip(words) {
        shared.set(word);
    }
}

/// Takes out what is not wanted any more. Its ids are free once the sweep says so: flows of a listener that is gone go on
/// until they end.
fn prune(maps: &Maps, plan: &Plan<'_>) {
    let wanted: HashSet<u32> = plan.listeners.iter().map(|listener| listener.id.get()).collect();
    for (id, listener) in (0..).zip(maps.listeners.iter()) {
        if listener.protocol.get() != 0 && !wanted.contains(&id) {
            listeners::remove(maps, id);
            listener.removed.set(1);
        }
    }
    let members = plan.pools.iter().flat_map(|pool| &pool.members);
    let members: HashSet<u32> = members.map(|member| member.id.get()).collect();
    for (id, member) in (0..).zip(maps.members.iter()) {
        if member.state() != MemberState::Unused && !members.contains(&id) {
            member.set_state(MemberState::Removed);
        }
    }
    let pools: HashSet<u32> = plan.pools.iter().map(|pool| pool.id.get()).collect();
    for (id, pool) in (0..).zip(maps.pools.iter()) {
        if pool.used.get() == 1 && !pools.contains(&id) {
            pool.schedule.set(0);
            pool.used.set(0);
        }
    }
    for listener in maps.listeners.iter() {
        // The id may be another pool's before the last flow of the listener has ended.
        if !listener.is_of_host() && !pools.contains(&listener.pool.get()) {
            listener.pool.set(0);
        }
    }
}

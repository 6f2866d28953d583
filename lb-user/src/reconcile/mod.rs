//! Makes the maps equal to the configuration: new things first, then what points at them, what is gone last.
//!
//! Ids are found again in the maps, by what a thing is: so they outlive the daemon.

mod schedule;
mod snat;

use std::collections::{HashMap, HashSet};

use lb_common::{
    address::Address,
    filter,
    hash::Hash,
    tables::{self, ListenerKey, MemberState, SlotRange},
};
use tracing::warn;

use crate::{
    bpf::{Error, Maps},
    health::Health,
    model::{
        ClosedPort, Config, DatapathSettings, Forwarding, Member, Persistence, Pool, Protocol,
        SessionPersistence,
    },
};
use schedule::{Ranges, current, schedule};
use snat::{SnatAddresses, own_address};

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

/// Makes the maps equal to `config` and `health`.
pub fn apply(maps: &mut Maps, config: &Config, health: &Health) -> Result<Ids, Error> {
    let mut ids = Ids::default();
    write_settings(maps, &config.datapath);
    let mut ranges = Ranges::in_use(maps);
    let mut snat = SnatAddresses::default();
    for pool in &config.pools {
        let pool_id = find_pool(maps, &pool.name)?;
        ids.pools.insert(pool.name.clone(), pool_id);
        let port = listener_port(config, &pool.name);
        let mut members = Vec::new();
        for member in &pool.members {
            let id = write_member(maps, pool, pool_id, member, port, health, &mut snat)?;
            ids.members.insert((pool.name.clone(), member.name.clone()), id);
            members.push((id, member));
        }
        write_pool(maps, pool, pool_id, &members, &mut ranges)?;
    }
    set_filter(maps, config, SetBits::Add);
    let mut wanted = HashSet::new();
    for balancer in config
        .load_balancers
        .iter()
        .filter(|balancer| balancer.admin_state_up)
    {
        let vip = Address::from(balancer.vip);
        maps.set_listener_id(&ListenerKey::vip(&vip), 0)?;
        wanted.insert(ListenerKey::vip(&vip));
        for listener in balancer
            .listeners
            .iter()
            .filter(|listener| listener.admin_state_up)
        {
            let protocol = protocol_number(listener.protocol);
            let key = ListenerKey::new(&vip, listener.port, protocol);
            let id = find_listener(maps, &key)?;
            let entry = &maps.listeners[id as usize];
            entry.address.store(&vip);
            entry.port.set(listener.port.into());
            entry
                .pool
                .set(ids.pools.get(&listener.pool).copied().unwrap_or(0));
            entry.protocol.set(protocol.into());
            maps.set_listener_id(&key, id)?;
            wanted.insert(key);
            ids.listeners.insert(listener.name.clone(), id);
        }
    }
    prune(maps, &wanted, &ids)?;
    set_filter(maps, config, SetBits::Exactly);
    Ok(ids)
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
    ];
    for (word, seconds) in settings.flow_idle_s.iter().zip(seconds) {
        word.set(seconds);
    }
}

fn protocol_number(protocol: Protocol) -> u8 {
    protocol.transport().ip_protocol()
}

/// The port of the first listener of a pool: of members that are reached on it.
fn listener_port(config: &Config, pool: &str) -> u16 {
    let mut listeners = config
        .load_balancers
        .iter()
        .flat_map(|balancer| &balancer.listeners);
    listeners
        .find(|listener| listener.pool == pool)
        .map_or(0, |listener| listener.port)
}

fn hash_of(name: &str) -> u64 {
    let hash = name.bytes().fold(Hash::seeded(name.len() as u64), |hash, byte| {
        hash.with(byte.into())
    });
    hash.finish() | 1
}

fn full(name: &'static str, option: &str) -> Error {
    Error::Map {
        name,
        reason: format!("is full; raise `datapath.{option}`"),
    }
}

/// The id of a pool; one that no pool has where it has none. Nothing is left there of a pool that had it before.
fn find_pool(maps: &mut Maps, name: &str) -> Result<u32, Error> {
    let hash = hash_of(name);
    let mut pools = maps.pools.iter().enumerate().skip(1);
    if let Some((id, _)) = pools
        .clone()
        .find(|(_, pool)| pool.used.get() == 1 && pool.name_hash.get() == hash)
    {
        return Ok(id as u32);
    }
    let (id, pool) = pools
        .find(|(_, pool)| pool.used.get() == 0)
        .ok_or_else(|| full("POOLS", "max_pools"))?;
    maps.counters.begin_pool(id as u32)?;
    pool.swept_sessions.set(0);
    // Members of the earlier pool are not this one's, though they may have the same address.
    for member in maps
        .members
        .iter()
        .filter(|member| member.pool.get() == id as u32)
    {
        member.pool.set(0);
    }
    if pool.name_hash.get() != 0 {
        maps.remove_sessions_of(id as u32);
    }
    let pool = &maps.pools[id];
    pool.name_hash.set(hash);
    pool.used.set(1);
    Ok(id as u32)
}

/// The id of a listener; one that no listener has, whose counters begin at zero, where it has none.
fn find_listener(maps: &mut Maps, key: &ListenerKey) -> Result<u32, Error> {
    let mut listeners = maps.listeners.iter().enumerate().skip(1);
    let same = |listener: &tables::Listener| {
        listener.protocol.get() == u32::from(key.protocol)
            && listener.port.get() == u32::from(key.port)
            && listener.address.load() == key.address
    };
    if let Some((id, _)) = listeners.clone().find(|(_, listener)| same(listener)) {
        return Ok(id as u32);
    }
    let (id, _) = listeners
        .find(|(_, listener)| listener.protocol.get() == 0)
        .ok_or_else(|| full("LISTENERS", "max_listeners"))?;
    maps.counters.begin_listener(id as u32)?;
    Ok(id as u32)
}

/// The id of a member; one that no member has, whose counters begin at zero, where it has none.
fn find_member(maps: &mut Maps, pool_id: u32, address: &Address, port: u16) -> Result<u32, Error> {
    let mut members = maps.members.iter().enumerate().skip(1);
    let same = |member: &tables::Member| {
        member.state.get() != MemberState::Unused as u32
            && member.pool.get() == pool_id
            && member.port.get() == u32::from(port)
            && member.address.load() == *address
    };
    if let Some((id, _)) = members.clone().find(|(_, member)| same(member)) {
        return Ok(id as u32);
    }
    let (id, _) = members
        .find(|(_, member)| member.state.get() == MemberState::Unused as u32)
        .ok_or_else(|| full("MEMBERS", "max_members"))?;
    maps.counters.begin_member(id as u32)?;
    Ok(id as u32)
}

fn write_member(
    maps: &mut Maps,
    pool: &Pool,
    pool_id: u32,
    member: &Member,
    listener_port: u16,
    health: &Health,
    snat: &mut SnatAddresses,
) -> Result<u32, Error> {
    let address = Address::from(member.address);
    let port = member.port.unwrap_or(listener_port);
    let id = find_member(maps, pool_id, &address, port)?;
    let entry = &maps.members[id as usize];
    if entry.address.load() != address {
        // It leads to whoever had the id before.
        entry.next_hop.ifindex.set(0);
    }
    entry.address.store(&address);
    entry.port.set(port.into());
    entry.pool.set(pool_id);
    entry.weight.set(member.weight.into());
    let sources = match &pool.forwarding {
        Forwarding::FullNat(nat) if !nat.snat_addresses.is_empty() => nat.snat_addresses.clone(),
        _ => own_address(member.address).into_iter().collect(),
    };
    if sources.is_empty() {
        warn!(
            pool = pool.name,
            member = member.name,
            "no route to the member: it gets no packets"
        );
    }
    let range = snat.enter(maps, &sources)?;
    entry.snat_first.set(range.start);
    entry.snat_count.set(range.count);
    let state = if !member.admin_state_up || sources.is_empty() || !health.is_up(&pool.name, &member.name) {
        MemberState::Down
    } else if member.weight == 0 {
        MemberState::Draining
    } else {
        MemberState::Up
    };
    entry.state.set(state as u32);
    Ok(id)
}

fn write_pool(
    maps: &Maps,
    pool: &Pool,
    pool_id: u32,
    members: &[(u32, &Member)],
    ranges: &mut Ranges,
) -> Result<(), Error> {
    let entry = &maps.pools[pool_id as usize];
    let forwarding = match &pool.forwarding {
        Forwarding::FullNat(nat) => {
            entry.snat_port_first.set(nat.snat_ports.low.into());
            entry.snat_port_count.set(nat.snat_ports.count());
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

    let taking: Vec<(u32, &Member)> = members
        .iter()
        .filter(|(id, _)| maps.members[*id as usize].takes_new())
        .copied()
        .collect();
    let (algorithm, schedule) = schedule(pool.algorithm, &taking);
    entry.algorithm.set(algorithm as u32);
    let old = SlotRange::from(entry.schedule.get());
    if current(maps, old) != schedule {
        let range = ranges.take(schedule.len() as u32)?;
        for (slot, member) in maps.schedules[range.start as usize..].iter().zip(&schedule) {
            slot.member.set(*member);
        }
        entry.schedule.set(range.into());
    }
    Ok(())
}

/// What happens to bits of the filters that are set already.
#[derive(Clone, Copy, PartialEq, Eq)]
enum SetBits {
    /// They stay.
    Add,
    /// Those that are not wanted go.
    Exactly,
}

fn set_filter(maps: &Maps, config: &Config, how: SetBits) {
    let mut words = vec![0_u64; maps.filter.len()];
    let vips = config
        .load_balancers
        .iter()
        .map(|balancer| (filter::Kind::Vip, balancer.vip));
    let members = config.pools.iter().flat_map(|pool| &pool.members);
    let members = members.map(|member| (filter::Kind::Member, member.address));
    for (kind, address) in vips.chain(members) {
        let (word, mask) = filter::bit(kind, &Address::from(address));
        words[word as usize] |= mask;
    }
    for (shared, word) in maps.filter.iter().zip(words) {
        shared.set(if how == SetBits::Add {
            shared.get() | word
        } else {
            word
        });
    }
}

/// Takes out what is not wanted any more. Flows of a listener that is gone go on until they end.
fn prune(maps: &mut Maps, wanted: &HashSet<ListenerKey>, ids: &Ids) -> Result<(), Error> {
    for key in maps.listener_keys() {
        if !wanted.contains(&key) {
            maps.remove_listener_id(&key)?;
        }
    }
    let members: HashSet<u32> = ids.members.values().copied().collect();
    for (id, member) in maps.members.iter().enumerate().skip(1) {
        if member.state.get() != MemberState::Unused as u32 && !members.contains(&(id as u32)) {
            member.state.set(MemberState::Removed as u32);
        }
    }
    let pools: HashSet<u32> = ids.pools.values().copied().collect();
    for (id, pool) in maps.pools.iter().enumerate().skip(1) {
        if pool.used.get() == 1 && !pools.contains(&(id as u32)) {
            pool.schedule.set(0);
            pool.used.set(0);
        }
    }
    Ok(())
}

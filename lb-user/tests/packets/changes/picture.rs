//! What the maps say, without the ids by which they say it.

use std::{collections::BTreeMap, net::IpAddr};

use lb_common::{
    listeners::{self, VIP},
    tables::{Listener, Member, MemberState, SlotRange},
};
use lb_user::bpf::Maps;

/// What the maps say, without the ids by which they say it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Picture {
    /// Who is found by address, port and protocol: the name of its pool, as its hash.
    listeners: BTreeMap<(IpAddr, u16, u8), Option<u64>>,
    pools: BTreeMap<u64, PictureOfPool>,
}

#[derive(Debug, PartialEq, Eq)]
struct PictureOfPool {
    settings: Vec<u64>,
    /// By address and port: state, weight and source addresses.
    members: BTreeMap<(IpAddr, u32), (u32, u32, Vec<IpAddr>)>,
    schedule: Vec<(IpAddr, u32)>,
}

fn place(member: &Member) -> (IpAddr, u32) {
    (member.address.load().into(), member.port.get())
}

impl Picture {
    pub(super) fn of(maps: &Maps) -> Self {
        let is_there = |listener: &&Listener| listener.protocol.get() != 0 && listener.removed.get() == 0;
        let listeners = maps.listeners.iter().filter(is_there).map(|entry| {
            let (endpoint, protocol) = (entry.endpoint(), entry.protocol.get() as u8);
            let (id, _) = listeners::find(maps, &endpoint, protocol).expect("it is found");
            let entry = &maps.listeners[id as usize];
            let pool = match entry.pool.get() {
                Listener::HOST => Some(u64::MAX),
                // Whether a VIP had a listener of the host's is nobody's business afterwards.
                _ if protocol == VIP => None,
                pool => Some(maps.pools[pool as usize].name_hash.get()),
            };
            let pool = pool.filter(|_| protocol != VIP);
            ((endpoint.address.into(), endpoint.port, protocol), pool)
        });
        let pools = (0_u32..)
            .zip(maps.pools.iter())
            .filter(|(_, pool)| pool.used.get() == 1);
        let pools = pools.map(|(id, pool)| {
            let of_pool = |member: &&Member| {
                let is_configured = !matches!(member.state(), MemberState::Unused | MemberState::Removed);
                is_configured && member.pool.get() == id
            };
            let members = maps.members.iter().filter(of_pool).map(|member| {
                let sources = SlotRange::from(member.snat.get());
                let sources = (sources.start..sources.start + sources.count)
                    .map(|index| maps.snat_addresses[index as usize].load().into());
                let seen = (member.state() as u32, member.weight.get(), sources.collect());
                (place(member), seen)
            });
            let schedule = SlotRange::from(pool.schedule.get());
            let schedule = (schedule.start..schedule.start + schedule.count).map(|slot| {
                let member = maps.schedules[slot as usize].member.get();
                place(&maps.members[member as usize])
            });
            let picture = PictureOfPool {
                settings: vec![
                    pool.algorithm.get().into(),
                    pool.forwarding.get().into(),
                    pool.session_idle_s.get().into(),
                    pool.session_absolute_s.get().into(),
                    pool.snat_ports.get(),
                ],
                members: members.collect(),
                schedule: schedule.collect(),
            };
            (pool.name_hash.get(), picture)
        });
        Self {
            listeners: listeners.collect(),
            pools: pools.collect(),
        }
    }
}

/// All words that an apply writes, but for the filter.
pub(super) fn words(maps: &Maps) -> Vec<u64> {
    let listeners = maps.listeners.iter().flat_map(|entry| {
        let words = [&entry.port, &entry.protocol, &entry.pool, &entry.removed];
        words.map(|word| word.get().into())
    });
    let pools = maps
        .pools
        .iter()
        .flat_map(|pool| [pool.schedule.get(), pool.used.get().into(), pool.name_hash.get()]);
    let members = maps.members.iter().flat_map(|member| {
        let words = [&member.port, &member.pool, &member.weight].map(|word| u64::from(word.get()));
        words
            .into_iter()
            .chain([member.snat.get(), member.state() as u64])
    });
    let addresses = maps.snat_addresses.iter();
    let addresses = addresses.map(|address| u64::from(address.load().0[3]));
    listeners.chain(pools).chain(members).chain(addresses).collect()
}

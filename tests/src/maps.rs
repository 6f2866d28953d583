//! What stands in the pinned maps of a datapath, whichever ids it has there.

use std::fmt;
use std::net::IpAddr;

use anyhow::{Context as _, Result, anyhow};
use aya::maps::{Array, Map, MapData};
use lb_common::address::Address;
use lb_common::listeners::VIP;
use lb_common::tables::{Listener, Member, MemberState, Pool, SharedAddress, SlotRange};
use zerocopy::FromBytes;

use crate::daemon::Daemon;

/// Listeners with their pools and the members of those, in an order of its own, and without the numbers by which they refer
/// to each other. A line for each.
#[derive(Clone, PartialEq, Eq)]
pub struct Served(Vec<String>);

impl fmt::Debug for Served {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("\n"))
    }
}

impl Daemon {
    /// What the datapath serves, by its maps.
    pub fn served(&self) -> Result<Served> {
        let maps = Maps {
            pools: self.array::<Pool, { size_of::<Pool>() }>("POOLS")?,
            members: self.array::<Member, { size_of::<Member>() }>("MEMBERS")?,
            schedules: self.array::<u32, { size_of::<u32>() }>("SCHEDULES")?,
        };
        let listeners = self.array::<Listener, { size_of::<Listener>() }>("LISTENERS")?;
        let listeners = listeners
            .iter()
            .filter(|listener| listener.protocol.get() != 0 && listener.removed.get() == 0)
            .map(|listener| maps.listener(listener));
        let used = (0..).zip(&maps.pools).filter(|(_, pool)| pool.used.get() == 1);
        let mut served: Vec<String> = listeners
            .chain(used.map(|(id, pool)| maps.pool(id, pool)))
            .collect();
        served.sort();
        Ok(Served(served))
    }

    fn array<T: FromBytes, const SIZE: usize>(&self, name: &str) -> Result<Vec<T>> {
        let map =
            MapData::from_pin(self.pin_path().join(name)).with_context(|| format!("cannot open {name}"))?;
        let array = Array::<_, [u8; SIZE]>::try_from(Map::Array(map))?;
        let entries = (0..array.len()).map(|index| {
            let bytes = array.get(&index, 0)?;
            T::read_from_bytes(&bytes).map_err(|_| anyhow!("{name}: an entry is not of {SIZE} bytes"))
        });
        entries.collect()
    }
}

struct Maps {
    pools: Vec<Pool>,
    members: Vec<Member>,
    schedules: Vec<u32>,
}

impl Maps {
    fn listener(&self, listener: &Listener) -> String {
        let address = shown(&listener.address);
        if listener.protocol.get() == u32::from(VIP) {
            // Whether it ever had a listener that the host serves is not what it serves.
            return format!("{address}");
        }
        let pool = match listener.pool.get() {
            Listener::HOST => "the host".to_owned(),
            0 => "nothing".to_owned(),
            id => match self.pools.get(id as usize) {
                Some(pool) => self.pool(id, pool),
                None => format!("no pool {id}"),
            },
        };
        let (port, protocol) = (listener.port.get(), listener.protocol.get());
        format!("{address} port {port} protocol {protocol}: {pool}")
    }

    fn pool(&self, id: u32, pool: &Pool) -> String {
        let is_served = |member: &&Member| {
            let is_here = !matches!(member.state(), MemberState::Unused | MemberState::Removed);
            is_here && member.pool.get() == id
        };
        let members = self.members.iter().filter(is_served);
        let mut members: Vec<String> = members.map(described).collect();
        members.sort();
        let SlotRange { start, count } = pool.schedule.get().into();
        let slots = self.schedules.iter().skip(start as usize).take(count as usize);
        let schedule: Vec<String> = slots
            .map(|id| self.members.get(*id as usize).map_or_else(String::new, place))
            .collect();
        format!(
            "pool {:x}, algorithm {}, forwarding {} by {:x}, sessions {} s of {} s by {} and {}, members {members:?}, \
             schedule {schedule:?}",
            pool.name_hash.get(),
            pool.algorithm.get(),
            pool.forwarding.get(),
            pool.snat_ports.get(),
            pool.session_idle_s.get(),
            pool.session_absolute_s.get(),
            shown(&pool.client_mask_v4),
            shown(&pool.client_mask_v6),
        )
    }
}

fn described(member: &Member) -> String {
    let sources = SlotRange::from(member.snat.get()).count;
    let (state, weight) = (member.state(), member.weight.get());
    format!("{} {state:?} {weight} from {sources}", place(member))
}

fn place(member: &Member) -> String {
    format!("{} port {}", shown(&member.address), member.port.get())
}

fn shown(address: &SharedAddress) -> IpAddr {
    let address: Address = address.load();
    address.into()
}

//! The load balancers of an API beside those of a configuration file: one configuration, if they get along.
//!
//! What each side says of itself is right already; here it is seen whether they leave each other, and the datapath, room.

mod managed;
mod reach;

use std::{
    collections::{HashMap, HashSet},
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use thiserror::Error;

use super::{Config, DataPlane, Forwarding, ForwardingMode, LoadBalancer, MAX_SNAT_ADDRESSES, Pool, Titled};
use reach::Maker;

/// A load balancer of the API with the pools of its listeners and policies, which no other one has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Managed {
    /// When it was made, in microseconds since 1970: they come in this order, whenever each was changed.
    pub made: i64,
    /// The load balancer.
    pub load_balancer: Arc<LoadBalancer>,
    /// All pools that it names, and none that it does not.
    pub pools: Vec<Arc<Pool>>,
}

/// What of a kind is configured, and what there is room for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// How much is configured.
    pub count: usize,
    /// Of what.
    pub what: &'static str,
    /// The setting of the datapath that says how much there can be.
    pub key: &'static str,
    /// How much that is.
    pub room: u32,
}

/// Why load balancers of an API cannot be served with all else.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{clash}")]
pub struct Conflict {
    /// The key of the one that does not fit; none: it is all of them together.
    pub load_balancer: Option<String>,
    /// What does not fit.
    pub clash: Box<Clash>,
}

/// What does not fit, with the titles of what it is about.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum Clash {
    #[error(
        "{kind} \"{one}\" has the id {key}, which is that of {kind} \"{other}\" already; give it another one"
    )]
    Key {
        kind: &'static str,
        key: String,
        one: String,
        other: String,
    },
    #[error(
        "VIP {vip} of load balancer \"{one}\" is that of load balancer \"{other}\" already; choose another address"
    )]
    Vip { vip: IpAddr, one: String, other: String },
    #[error(
        "member \"{member}\" of pool \"{pool}\" has the address {address}, which is the VIP of load balancer \
         \"{load_balancer}\"; choose the address of a backend server"
    )]
    MemberIsVip {
        address: IpAddr,
        member: String,
        pool: String,
        load_balancer: String,
    },
    #[error(
        "there is no room for {} {}: datapath.{} is {}; write {} or more into the configuration file",
        .0.count, .0.what, .0.key, .0.room, .0.count
    )]
    Room(Room),
    #[error(
        "there is no room for {0} source addresses, but for {MAX_SNAT_ADDRESSES}; name fewer as snat_addresses, or the \
         same list in several pools, which counts once"
    )]
    SourceAddresses(usize),
    #[error(
        "listener \"{listener}\" of load balancer \"{load_balancer}\" is served by the datapath, which is attached to no \
         interface; name those where clients and members are reached as datapath.interfaces in the configuration file"
    )]
    NoInterface { listener: String, load_balancer: String },
    #[error(
        "listener \"{listener}\" of load balancer \"{load_balancer}\" would get what is sent to {address}, where the management \
         API listens (api.listen); choose another address or port"
    )]
    Api {
        address: SocketAddr,
        listener: String,
        load_balancer: String,
    },
    #[error(
        "VIP {vip} of load balancer \"{load_balancer}\" would take {address}, where the management API listens (api.listen), \
         from it: the datapath answers at all ports of a VIP; choose another address for one of them, or switch the \
         load balancer off first"
    )]
    ApiAtVip {
        vip: IpAddr,
        address: SocketAddr,
        load_balancer: String,
    },
    #[error(
        "VIP {vip} of load balancer \"{load_balancer}\" is a loopback address, which is inside each machine, and its \
         listener \"{listener}\" is served for other machines; choose the unicast address of one machine"
    )]
    LoopbackVip {
        vip: IpAddr,
        load_balancer: String,
        listener: String,
    },
    #[error(
        "member \"{member}\" of pool \"{pool}\" has the address {address}, which is of another family than VIP {vip} of \
         listener \"{listener}\", and {mode} forwarding keeps the family of a packet; choose an address of the VIP's, or give \
         the pool the tag forwarding=ipip"
    )]
    Family {
        address: IpAddr,
        member: String,
        pool: String,
        mode: ForwardingMode,
        listener: String,
        vip: IpAddr,
    },
    #[error(
        "member \"{member}\" of pool \"{pool}\" has port {port}, and {mode} forwarding cannot change that of listener \
         \"{listener}\", which is {expected}; give the member that port"
    )]
    MemberPort {
        port: u16,
        member: String,
        pool: String,
        mode: ForwardingMode,
        listener: String,
        expected: u16,
    },
    #[error(
        "pool \"{pool}\" is that of listeners \"{one}\" and \"{other}\", which have different ports, and {mode} forwarding \
         cannot change the port; give each a pool of its own"
    )]
    ListenerPorts {
        pool: String,
        mode: ForwardingMode,
        one: String,
        other: String,
    },
    #[error(
        "member \"{member}\" of pool \"{pool}\" has the address {address}, which is inside each machine; choose the unicast \
         address of one machine"
    )]
    LoopbackMember {
        address: IpAddr,
        member: String,
        pool: String,
    },
}

impl Clash {
    /// Of a load balancer.
    fn of(self, balancer: &LoadBalancer) -> Conflict {
        Conflict {
            load_balancer: Some(balancer.name.clone()),
            clash: self.into(),
        }
    }
}

impl Config {
    /// This configuration, which is a file's, with what an API has beside it; or what keeps them from being one.
    pub fn with(&self, managed: &[Arc<Managed>], plane: DataPlane) -> Result<Self, Conflict> {
        check_keys(self, managed)?;
        check_addresses(self, managed)?;
        for one in managed {
            // Where nobody is served, nothing has to be attached for it.
            if plane == DataPlane::Kernel {
                one.check_attached(&self.datapath.interfaces)?;
            }
            one.check_datapath()?;
        }
        for balancer in &self.load_balancers {
            self.check_api(balancer, Maker::Operator)?;
        }
        for one in managed {
            self.check_api(&one.load_balancer, Maker::Api)?;
            self.check_api_at_vip(&one.load_balancer)?;
        }
        let balancers = managed.iter().map(|one| &one.load_balancer);
        let pools = managed.iter().flat_map(|one| &one.pools);
        let merged = Self {
            load_balancers: self.load_balancers.iter().chain(balancers).cloned().collect(),
            pools: self.pools.iter().chain(pools).cloned().collect(),
            daemon: self.daemon.clone(),
            datapath: self.datapath.clone(),
            proxy: self.proxy.clone(),
            api: self.api.clone(),
        };
        match merged.shortage() {
            None => Ok(merged),
            Some(clash) => Err(Conflict {
                load_balancer: None,
                clash: clash.into(),
            }),
        }
    }

    /// What is configured, and what there is room for.
    #[must_use]
    pub fn rooms(&self) -> [Room; 5] {
        let listeners: usize = self
            .load_balancers
            .iter()
            .map(|balancer| balancer.listeners.len())
            .sum();
        let members: usize = self.pools.iter().map(|pool| pool.members.len()).sum();
        let slots: usize = self.pools.iter().map(|pool| pool.schedule_slots()).sum();
        let datapath = &self.datapath;
        let of = |count, what, key, room| Room {
            count,
            what,
            key,
            room,
        };
        [
            of(
                self.load_balancers.len(),
                "load balancers",
                "max_listeners",
                datapath.max_listeners,
            ),
            of(listeners, "listeners", "max_listeners", datapath.max_listeners),
            of(self.pools.len(), "pools", "max_pools", datapath.max_pools),
            of(members, "members", "max_members", datapath.max_members),
            of(
                slots,
                "slots of schedules",
                "schedule_slots",
                datapath.schedule_slots,
            ),
        ]
    }

    /// What there is no room for.
    fn shortage(&self) -> Option<Clash> {
        let mut rooms = self.rooms().into_iter();
        let full = rooms.find(|room| room.count > room.room as usize);
        full.map(Clash::Room).or_else(|| self.too_many_sources())
    }

    fn too_many_sources(&self) -> Option<Clash> {
        let in_use = self.pools.iter().filter(|pool| !pool.members.is_empty());
        let lists: HashSet<&[IpAddr]> = in_use
            .filter_map(|pool| match &pool.forwarding {
                Forwarding::FullNat(nat) => Some(nat.snat_addresses.as_slice()),
                Forwarding::Nat | Forwarding::Dsr | Forwarding::Ipip => None,
            })
            .collect();
        let count = lists.iter().map(|list| list.len()).sum();
        (count > MAX_SNAT_ADDRESSES as usize).then_some(Clash::SourceAddresses(count))
    }
}

/// Things of one kind, by key: no two may have the same.
struct Keys<'c> {
    kind: &'static str,
    titles: HashMap<&'c str, &'c str>,
}

impl<'c> Keys<'c> {
    fn of<T: Titled + 'c>(kind: &'static str, things: impl Iterator<Item = &'c T>) -> Self {
        Self {
            kind,
            titles: things.map(|thing| (thing.name(), thing.title())).collect(),
        }
    }

    fn add<T: Titled>(&mut self, thing: &'c T) -> Result<(), Clash> {
        match self.titles.insert(thing.name(), thing.title()) {
            None => Ok(()),
            Some(other) => Err(Clash::Key {
                kind: self.kind,
                key: thing.name().to_owned(),
                one: thing.title().to_owned(),
                other: other.to_owned(),
            }),
        }
    }
}

fn check_keys(config: &Config, managed: &[Arc<Managed>]) -> Result<(), Conflict> {
    let mut balancers = Keys::of("load balancer", config.load_balancers.iter().map(Arc::as_ref));
    let mut listeners = Keys::of("listener", config.listeners().map(|(_, listener)| listener));
    let mut pools = Keys::of("pool", config.pools.iter().map(Arc::as_ref));
    for one in managed {
        let balancer = one.load_balancer.as_ref();
        let mut add = || {
            balancers.add(balancer)?;
            balancer
                .listeners
                .iter()
                .try_for_each(|listener| listeners.add(listener))?;
            one.pools.iter().try_for_each(|pool| pools.add(pool.as_ref()))
        };
        add().map_err(|clash| clash.of(balancer))?;
    }
    Ok(())
}

fn check_addresses(config: &Config, managed: &[Arc<Managed>]) -> Result<(), Conflict> {
    let of_file = config.load_balancers.iter();
    let mut vips: HashMap<IpAddr, &LoadBalancer> = of_file
        .map(|balancer| (balancer.vip, balancer.as_ref()))
        .collect();
    for one in managed {
        let (balancer, vip) = (one.load_balancer.as_ref(), one.load_balancer.vip);
        if let Some(other) = vips.insert(vip, balancer) {
            // That one may be somebody else's, who would not have it told what people call it.
            let (one, other) = (balancer.title().to_owned(), other.name.clone());
            return Err(Clash::Vip { vip, one, other }.of(balancer));
        }
    }
    let is_vip = |pool: &Arc<Pool>| {
        pool.members.iter().find_map(|member| {
            let owner = *vips.get(&member.address)?;
            let clash = Clash::MemberIsVip {
                address: member.address,
                member: member.name.clone(),
                pool: pool.name.clone(),
                load_balancer: owner.name.clone(),
            };
            Some((owner, clash))
        })
    };
    // Of the file's own members, the VIP is an API's that is to go.
    if let Some((owner, clash)) = config.pools.iter().find_map(is_vip) {
        return Err(clash.of(owner));
    }
    for one in managed {
        if let Some((_, clash)) = one.pools.iter().find_map(is_vip) {
            return Err(clash.of(&one.load_balancer));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;

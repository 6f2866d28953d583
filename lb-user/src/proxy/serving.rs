//! What is served: one snapshot of listeners, pools and members, which a request keeps to its end.

use std::{
    collections::HashMap,
    net::{IpAddr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use lb_common::{
    address::Address,
    platform::Members,
    schedule,
    tables::{self, MemberState, SlotRange},
};

use crate::{
    health::Health,
    http::{forwarded::Scheme, head, set_cookie::Channel},
    model::{self, ClientIdentity, Config, Http, MemberHttp},
    persistence::{Limits, MemberTag, PoolTag},
    schedules,
};

use super::{
    counts::{ListenerCounts, MemberCounts, PoolCounts},
    log::Log,
    persist::Persist,
    route::Routes,
};

/// All that is served.
#[derive(Debug, Default)]
pub(super) struct Serving {
    /// By what clients ask.
    pub(super) listeners: HashMap<SocketAddr, Arc<Listener>>,
    /// By name.
    pub(super) pools: HashMap<String, Arc<Pool>>,
    pub(super) log: Option<Arc<Log>>,
    /// The pools with sessions by application cookie, and how long these last.
    pub(super) by_application: HashMap<PoolTag, (Limits, Arc<Pool>)>,
}

/// A listener.
#[derive(Debug)]
pub(super) struct Listener {
    pub(super) name: String,
    pub(super) address: SocketAddr,
    pub(super) http: Http,
    /// That of `http`; the same one as before a reload, unless it has changed.
    pub(super) identity: Arc<ClientIdentity>,
    pub(super) limits: head::Limits,
    pub(super) tls: Option<Arc<rustls::ServerConfig>>,
    pub(super) counts: Arc<ListenerCounts>,
    pub(super) routes: Routes,
}

impl Listener {
    /// What its responses go over.
    pub(super) fn channel(&self) -> Channel {
        if self.tls.is_some() {
            Channel::Tls
        } else {
            Channel::Plain
        }
    }

    /// What its requests come over.
    pub(super) fn scheme(&self) -> Scheme {
        if self.tls.is_some() {
            Scheme::Https
        } else {
            Scheme::Http
        }
    }
}

/// A pool.
#[derive(Debug)]
pub(super) struct Pool {
    pub(super) name: String,
    pub(super) http: MemberHttp,
    /// TLS towards its members.
    pub(super) tls: Option<Arc<rustls::ClientConfig>>,
    pub(super) persist: Option<Persist>,
    pub(super) counts: Arc<PoolCounts>,
    pub(super) members: Vec<Arc<Member>>,
    entry: tables::Pool,
    /// Places in `members`, from 1.
    schedule: Vec<u32>,
}

/// A member, which lives as long as any snapshot or request has it.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) name: String,
    pub(super) address: SocketAddr,
    /// Never given again: connections to it are kept under that.
    pub(super) id: u64,
    /// Who it is, on every host that balances to it.
    pub(super) tag: MemberTag,
    /// Its state, weight and requests under way.
    pub(super) entry: tables::Member,
    pub(super) counts: MemberCounts,
    http: MemberHttp,
}

impl Member {
    fn new(member: &model::Member, address: SocketAddr, http: &MemberHttp) -> Self {
        static NEXT_ID: AtomicU64 = AtomicU64::new(1);
        Self {
            name: member.name.clone(),
            address,
            id: NEXT_ID.fetch_add(1, Ordering::Relaxed),
            tag: MemberTag::at(address),
            entry: tables::Member::default(),
            counts: MemberCounts::default(),
            http: http.clone(),
        }
    }

    /// Whether it may have the requests of its sessions.
    pub(super) fn keeps_sessions(&self) -> bool {
        self.entry.keeps_sessions()
    }
}

impl Members for Pool {
    fn member(&self, id: u32) -> Option<&tables::Member> {
        self.members
            .get((id as usize).checked_sub(1)?)
            .map(|member| &member.entry)
    }

    fn schedule_slot(&self, slot: u32) -> Option<u32> {
        self.schedule.get(slot as usize).copied()
    }
}

impl Pool {
    fn new(
        pool: &model::Pool,
        health: &Health,
        tls: Option<Arc<rustls::ClientConfig>>,
        before: Option<&Self>,
    ) -> Self {
        let http = pool.http.clone().unwrap_or_default();
        let members: Vec<Arc<Member>> = pool
            .members
            .iter()
            .filter_map(|member| {
                let address = SocketAddr::new(member.address, member.port?);
                let known = before.and_then(|before| {
                    let mut known = before.members.iter();
                    known.find(|known| {
                        known.address == address && known.name == member.name && known.http == http
                    })
                });
                let entry = known.map_or_else(|| Arc::new(Member::new(member, address, &http)), Arc::clone);
                entry.entry.weight.set(member.weight.into());
                entry
                    .entry
                    .set_state(state(member, health.is_up(&pool.name, &member.name)));
                Some(entry)
            })
            .collect();
        let taking: Vec<(u32, &model::Member)> = (1..)
            .zip(&pool.members)
            .filter(|(place, _)| {
                members
                    .get(*place as usize - 1)
                    .is_some_and(|member| member.entry.takes_new())
            })
            .collect();
        let (algorithm, schedule) = schedules::lay_out(pool.algorithm, &taking);
        let entry = tables::Pool::default();
        entry.algorithm.set(algorithm as u32);
        let range = SlotRange {
            start: 0,
            count: schedule.len() as u32,
        };
        entry.schedule.set(range.into());
        // Otherwise each change would begin with the same member.
        entry
            .cursor
            .set(before.map_or(0, |before| before.entry.cursor.get()));
        Self {
            name: pool.name.clone(),
            tls,
            persist: Persist::of(pool),
            counts: before.map_or_else(Arc::default, |before| Arc::clone(&before.counts)),
            http,
            members,
            entry,
            schedule,
        }
    }

    /// The member that [`Self::next`] would give, without taking its turn.
    pub(super) fn peek(&self, client: IpAddr) -> Option<&Arc<Member>> {
        let place = schedule::peek(self, &self.entry, &Address::from(client))?;
        self.members.get((place as usize).checked_sub(1)?)
    }

    /// The member for a request of a client that no session says anything of; none of those that were tried.
    pub(super) fn next(&self, client: IpAddr, tried: &[u64]) -> Option<&Arc<Member>> {
        let client = Address::from(client);
        let untried = |member: &&Arc<Member>| !tried.contains(&member.id);
        for _ in 0..=tried.len() {
            let place = schedule::next(self, &self.entry, &client)?;
            let member = self.members.get(place as usize - 1);
            if let Some(member) = member.filter(untried) {
                return Some(member);
            }
        }
        // Whom the schedule gives again and again: another then, whichever it is.
        let mut others = self.members.iter().filter(|member| member.entry.takes_new());
        others.find(untried)
    }
}

fn state(member: &model::Member, is_up: bool) -> MemberState {
    if !member.admin_state_up || !is_up {
        MemberState::Down
    } else if member.weight == 0 {
        MemberState::Draining
    } else {
        MemberState::Up
    }
}

/// Where the certificates of listeners come from.
pub(super) enum Certified {
    /// They were loaded.
    New(Loaded),
    /// They stay.
    AsBefore,
}

/// What was read or opened anew: the TLS of listeners and pools, the access log.
#[derive(Default)]
pub(super) struct Loaded {
    /// By what clients ask.
    pub(super) listeners: HashMap<SocketAddr, Arc<rustls::ServerConfig>>,
    /// By name.
    pub(super) pools: HashMap<String, Arc<rustls::ClientConfig>>,
    pub(super) log: Option<Arc<Log>>,
}

impl Certified {
    fn of_pool(&self, name: &str, before: Option<&Pool>) -> Option<Arc<rustls::ClientConfig>> {
        match self {
            Self::New(loaded) => loaded.pools.get(name).cloned(),
            Self::AsBefore => before?.tls.clone(),
        }
    }

    fn log(&self, before: &Serving) -> Option<Arc<Log>> {
        match self {
            Self::New(loaded) => loaded.log.clone(),
            Self::AsBefore => before.log.clone(),
        }
    }

    fn of(&self, address: SocketAddr, before: &Serving) -> Option<Arc<rustls::ServerConfig>> {
        match self {
            Self::New(loaded) => loaded.listeners.get(&address).cloned(),
            Self::AsBefore => before.listeners.get(&address)?.tls.clone(),
        }
    }
}

impl Serving {
    /// How long an unused connection to the member of this id is kept, in seconds; none: it is not served.
    pub(super) fn idle_s(&self, member: u64) -> Option<u32> {
        let mut pools = self.pools.values();
        let pool = pools.find(|pool| pool.members.iter().any(|known| known.id == member))?;
        Some(pool.http.timeouts.idle_s)
    }

    /// What `config` and `health` have served; what was served before goes on where it is the same.
    pub(super) fn new(config: &Config, health: &Health, certified: &Certified, before: &Self) -> Self {
        let proxied = config.proxied_pools();
        let pools: HashMap<String, Arc<Pool>> = config
            .pools
            .iter()
            .filter(|pool| proxied.contains(pool.name.as_str()))
            .map(|pool| {
                let before = before.pools.get(&pool.name).map(Arc::as_ref);
                (
                    pool.name.clone(),
                    Arc::new(Pool::new(
                        pool,
                        health,
                        certified.of_pool(&pool.name, before),
                        before,
                    )),
                )
            })
            .collect();
        let on = config
            .listeners()
            .filter(|(balancer, listener)| balancer.admin_state_up && listener.admin_state_up);
        let listeners = on.filter_map(|(balancer, listener)| {
            let http = match &listener.service {
                model::Service::Http { http } | model::Service::Https { http, .. } => http.clone(),
                model::Service::Tcp | model::Service::Udp => return None,
            };
            let address = SocketAddr::new(balancer.vip, listener.port);
            let known = before
                .listeners
                .get(&address)
                .filter(|known| known.name == listener.name);
            let identity = known
                .filter(|known| *known.identity == http.identity)
                .map_or_else(
                    || Arc::new(http.identity.clone()),
                    |known| Arc::clone(&known.identity),
                );
            let routes = Routes::new(listener, &http, &pools, known.map(|known| &known.routes))?;
            let served = Listener {
                identity,
                counts: known.map_or_else(Arc::default, |known| Arc::clone(&known.counts)),
                name: listener.name.clone(),
                address,
                limits: head::Limits {
                    bytes: http.limits.header_bytes as usize,
                    fields: http.limits.headers as usize,
                    target: http.limits.uri_bytes as usize,
                },
                http,
                tls: certified.of(address, before),
                routes,
            };
            Some((served.address, Arc::new(served)))
        });
        Self {
            listeners: listeners.collect(),
            by_application: pools
                .values()
                .filter_map(|pool| {
                    let (tag, limits) = pool.persist.as_ref()?.of_application()?;
                    Some((tag, (limits, Arc::clone(pool))))
                })
                .collect(),
            pools,
            log: certified.log(before),
        }
    }
}

//! What is served: one snapshot of listeners, pools and members, which a request keeps to its end.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{Arc, Weak},
};

use crate::{
    health::Health,
    http::{forwarded::Scheme, head, set_cookie::Channel},
    model::{self, ClientIdentity, Config, Http},
    persistence::{Limits, PoolTag},
    tls::server::Server,
};

use super::{
    counts::{Count, ListenerCounts},
    log::Log,
    persist::CookieName,
    pool::{Member, Pool},
    room::Room,
    route::Routes,
};

/// A map that is asked for each request, of keys that no client chooses: its hash is a quick one.
pub(super) type QuickMap<K, V> = hashbrown::HashMap<K, V>;

/// All that is served.
#[derive(Debug, Default)]
pub(super) struct Serving {
    /// By what clients ask.
    pub(super) listeners: QuickMap<SocketAddr, Arc<Listener>>,
    /// Of these, and of those that went as long as anybody is there.
    rooms: QuickMap<SocketAddr, Weak<Room>>,
    /// By name.
    pub(super) pools: HashMap<String, Arc<Pool>>,
    pub(super) log: Option<Arc<Log>>,
    /// Of all logs since the daemon began.
    pub(super) lost_lines: Arc<Count>,
    /// How long an unused connection to the member of an id is kept, in seconds.
    idle_s: QuickMap<u64, u32>,
    /// How long what is under way may go on at a listener or a member that went, in seconds.
    pub(super) drain_s: u32,
    /// Members that went.
    gone: Vec<Gone>,
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
    pub(super) tls: Option<Arc<Server>>,
    pub(super) counts: Arc<ListenerCounts>,
    /// For its connections; the same one as before a reload.
    pub(super) room: Arc<Room>,
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

/// Where what lies in files comes from: the TLS of listeners and pools, the access log.
pub(super) enum Resources {
    /// It was loaded, or opened, anew.
    New(Loaded),
    /// It stays.
    AsBefore,
}

/// What was read or opened anew.
#[derive(Default)]
pub(super) struct Loaded {
    /// By what clients ask.
    pub(super) listeners: HashMap<SocketAddr, Arc<Server>>,
    /// By name.
    pub(super) pools: HashMap<String, Arc<rustls::ClientConfig>>,
    pub(super) log: Option<Arc<Log>>,
}

impl Resources {
    fn tls_of_pool(&self, name: &str, before: Option<&Pool>) -> Option<Arc<rustls::ClientConfig>> {
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

    fn tls_at(&self, address: SocketAddr, before: &Serving) -> Option<Arc<Server>> {
        match self {
            Self::New(loaded) => loaded.listeners.get(&address).cloned(),
            Self::AsBefore => before.listeners.get(&address)?.tls.clone(),
        }
    }
}

/// The listeners that are on, and where.
pub(super) fn listeners(config: &Config) -> impl Iterator<Item = (SocketAddr, &model::Listener, &Http)> {
    let on = config
        .listeners()
        .filter(|(balancer, listener)| balancer.admin_state_up && listener.admin_state_up);
    on.filter_map(|(balancer, listener)| match &listener.service {
        model::Service::Http { http } | model::Service::Https { http, .. } => {
            Some((SocketAddr::new(balancer.vip, listener.port), listener, http))
        }
        model::Service::Tcp | model::Service::Udp => None,
    })
}

impl Serving {
    /// How long an unused connection to the member of this id is kept, in seconds; none: it is not served.
    pub(super) fn idle_s(&self, member: u64) -> Option<u32> {
        self.idle_s.get(&member).copied()
    }

    /// Whether between these times what is under way has to end at a member that went.
    pub(super) fn drain_ends(&self, before_s: u32, now_s: u32) -> bool {
        let mut gone = self.gone.iter();
        gone.any(|gone| !gone.member.is_cut(before_s) && gone.member.is_cut(now_s))
    }

    /// What `config` and `health` have served; what was served before goes on where it is the same. Members that stay are what
    /// is configured now at once, also for who has a snapshot of before.
    pub(super) fn new(
        config: &Config,
        health: &Health,
        resources: &Resources,
        before: &Self,
        now_s: u32,
    ) -> Self {
        let proxied = config.proxied_pools();
        let taken = config.pools_whose_cookie_name_is_taken();
        let pools: HashMap<String, Arc<Pool>> = config
            .pools
            .iter()
            .filter(|pool| proxied.contains(pool.name.as_str()))
            .map(|pool| {
                let before = before.pools.get(&pool.name).map(Arc::as_ref);
                let cookie_name = if taken.contains(pool.name.as_str()) {
                    CookieName::Taken
                } else {
                    CookieName::AsConfigured
                };
                (
                    pool.name.clone(),
                    Arc::new(Pool::new(
                        pool,
                        cookie_name,
                        health,
                        resources.tls_of_pool(&pool.name, before),
                        before,
                        now_s,
                    )),
                )
            })
            .collect();
        let listeners = listeners(config).filter_map(|(address, listener, http)| {
            let known = before
                .listeners
                .get(&address)
                .filter(|known| known.name == listener.name);
            let places = http.max_connections as usize;
            // Also where it is called otherwise now, or comes back: who is there takes a place.
            let room = match before.rooms.get(&address).and_then(Weak::upgrade) {
                Some(room) => {
                    room.set(places);
                    room
                }
                None => Arc::new(Room::of(places)),
            };
            let identity = known
                .filter(|known| *known.identity == http.identity)
                .map_or_else(
                    || Arc::new(http.identity.clone()),
                    |known| Arc::clone(&known.identity),
                );
            let routes = Routes::new(listener, http, &pools, known.map(|known| &known.routes))?;
            let served = Listener {
                identity,
                counts: known.map_or_else(Arc::default, |known| Arc::clone(&known.counts)),
                room,
                name: listener.name.clone(),
                address,
                limits: head::Limits {
                    bytes: http.limits.header_bytes as usize,
                    fields: http.limits.headers as usize,
                    target: http.limits.uri_bytes as usize,
                },
                http: http.clone(),
                tls: resources.tls_at(address, before),
                routes,
            };
            Some((served.address, Arc::new(served)))
        });
        let idle = pools.values().flat_map(|pool| {
            let idle_s = pool.http.timeouts.idle_s;
            pool.members.iter().map(move |member| (member.id, idle_s))
        });
        let listeners: QuickMap<_, _> = listeners.collect();
        let mut rooms = before.rooms.clone();
        rooms.retain(|_, room| room.strong_count() > 0);
        rooms.extend(
            listeners
                .iter()
                .map(|(address, listener)| (*address, Arc::downgrade(&listener.room))),
        );
        Self {
            listeners,
            rooms,
            idle_s: idle.collect(),
            by_application: pools
                .values()
                .filter_map(|pool| {
                    let (tag, limits) = pool.persist.as_ref()?.of_application()?;
                    Some((tag, (limits, Arc::clone(pool))))
                })
                .collect(),
            drain_s: config.proxy.drain_s,
            gone: gone(&pools, config.proxy.drain_s, before, now_s),
            pools,
            log: resources.log(before),
            lost_lines: Arc::clone(&before.lost_lines),
        }
    }
}

/// A member that is not configured any more, as long as something is under way there.
#[derive(Clone, Debug)]
struct Gone {
    pool: String,
    member: Arc<Member>,
}

/// The members of before that are not among `pools`. What is under way there has to end in time, unless the member is there
/// again, or is only called or spoken to otherwise.
fn gone(pools: &HashMap<String, Arc<Pool>>, drain_s: u32, before: &Serving, now_s: u32) -> Vec<Gone> {
    let known = before.pools.iter().flat_map(|(pool, known)| {
        known.members.iter().map(|member| Gone {
            pool: pool.clone(),
            member: Arc::clone(member),
        })
    });
    // Nobody has one that only this list has, beside its copy.
    let earlier = before
        .gone
        .iter()
        .filter(|gone| Arc::strong_count(&gone.member) > 1)
        .cloned();
    let mut gone: Vec<Gone> = earlier.chain(known).collect();
    gone.retain(|Gone { pool, member }| {
        let now = pools.get(pool).map_or(&[][..], |now| &now.members);
        if now.iter().any(|now| now.address == member.address) {
            member.end_at(u32::MAX);
        } else {
            // The second that runs does not count.
            member.end_by(now_s.saturating_add(drain_s).saturating_add(1));
        }
        !now.iter().any(|now| Arc::ptr_eq(now, member))
    });
    gone
}

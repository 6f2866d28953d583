//! What is served: one snapshot of listeners, pools and members, which a request keeps to its end.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{Arc, Weak},
};

use crate::{
    health::Health,
    http::{forwarded::Scheme, head, set_cookie::Channel},
    model::{self, ClientIdentity, Config, Http, LoadBalancer, titled},
    persistence::{Limits, PoolTag},
    tls::server::Server,
};

use super::{
    counts::{Count, ListenerCounts},
    log::{Log, Tap},
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
    /// The same one as long as the daemon runs.
    pub(super) tap: Arc<Tap>,
    /// How long what is under way may go on at a listener or a member that went, in seconds.
    pub(super) drain_s: u32,
    /// Members that went.
    gone: Vec<Gone>,
    /// The pools whose sessions are remembered, and how long these last.
    pub(super) remembered: HashMap<PoolTag, (Limits, Arc<Pool>)>,
}

/// A listener.
#[derive(Debug)]
pub(super) struct Listener {
    pub(super) name: String,
    /// The one of the configuration that it is of.
    balancer: Arc<LoadBalancer>,
    /// What people call it.
    display_name: Option<String>,
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

titled!(Listener);

impl Listener {
    /// Whether it is of this load balancer of the configuration, and of no other one of its name.
    pub(super) fn is_configured_as(&self, balancer: &Arc<LoadBalancer>) -> bool {
        Arc::ptr_eq(&self.balancer, balancer)
    }

    /// Whether it speaks with its clients as this listener of the configuration is to.
    pub(super) fn speaks_as(&self, listener: &model::Listener) -> bool {
        let mut configured = self.balancer.listeners.iter();
        configured.any(|known| known.name == listener.name && known.service == listener.service)
    }

    /// Whether it would be the same again, made of these.
    fn is_of(
        &self,
        Configured {
            balancer, listener, ..
        }: &Configured<'_>,
        tls: Option<&Arc<Server>>,
        pools: &HashMap<String, Arc<Pool>>,
    ) -> bool {
        let is_same = |pool: &Arc<Pool>| pools.get(&pool.name).is_some_and(|now| Arc::ptr_eq(now, pool));
        self.is_configured_as(balancer)
            && self.name == listener.name
            && self.tls.as_ref().map(Arc::as_ptr) == tls.map(Arc::as_ptr)
            && self.routes.pools().all(is_same)
    }

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
    /// It was loaded, or opened, or is what it was.
    New(Loaded),
    /// It stays.
    AsBefore,
}

/// What was read or opened, or is what it was.
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

/// A listener of the configuration that is to be served.
pub(super) struct Configured<'c> {
    pub(super) address: SocketAddr,
    pub(super) balancer: &'c Arc<LoadBalancer>,
    pub(super) listener: &'c model::Listener,
    pub(super) http: &'c Http,
}

/// The listeners that are on.
pub(super) fn listeners(config: &Config) -> impl Iterator<Item = Configured<'_>> {
    let balancers = config.load_balancers.iter();
    let all = balancers.flat_map(|balancer| {
        let listeners = balancer.listeners.iter();
        listeners.map(move |listener| (balancer, listener))
    });
    let on = all.filter(|(balancer, listener)| balancer.admin_state_up && listener.admin_state_up);
    on.filter_map(|(balancer, listener)| match &listener.service {
        model::Service::Http { http } | model::Service::Https { http, .. } => Some(Configured {
            address: SocketAddr::new(balancer.vip, listener.port),
            balancer,
            listener,
            http,
        }),
        model::Service::Tcp | model::Service::Udp => None,
    })
}

impl Serving {
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
                let before = before.pools.get(&pool.name);
                let cookie_name = if taken.contains(pool.name.as_str()) {
                    CookieName::Taken
                } else {
                    CookieName::AsConfigured
                };
                let tls = resources.tls_of_pool(&pool.name, before.map(Arc::as_ref));
                if let Some(same) =
                    before.filter(|before| before.is_of(pool, cookie_name, health, tls.as_ref()))
                {
                    return (pool.name.clone(), Arc::clone(same));
                }
                let before = before.map(Arc::as_ref);
                (
                    pool.name.clone(),
                    Arc::new(Pool::new(pool, cookie_name, health, tls, before, now_s)),
                )
            })
            .collect();
        let listeners = listeners(config).filter_map(|configured| {
            let Configured {
                address,
                balancer,
                listener,
                http,
            } = configured;
            let known = before.listeners.get(&address);
            let known = known.filter(|known| known.name == listener.name);
            let tls = resources.tls_at(address, before);
            if let Some(same) = known.filter(|known| known.is_of(&configured, tls.as_ref(), &pools)) {
                return Some((address, Arc::clone(same)));
            }
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
                balancer: Arc::clone(balancer),
                display_name: listener.display_name.clone(),
                address,
                limits: head::Limits {
                    bytes: http.limits.header_bytes as usize,
                    fields: http.limits.headers as usize,
                    target: http.limits.uri_bytes as usize,
                },
                http: http.clone(),
                tls,
                routes,
            };
            Some((served.address, Arc::new(served)))
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
            remembered: pools
                .values()
                .filter_map(|pool| {
                    let (tag, limits) = pool.persist.as_ref()?.remembered()?;
                    Some((tag, (limits, Arc::clone(pool))))
                })
                .collect(),
            drain_s: config.proxy.drain_s,
            gone: gone(&pools, config.proxy.drain_s, before, now_s),
            pools,
            log: resources.log(before),
            lost_lines: Arc::clone(&before.lost_lines),
            tap: Arc::clone(&before.tap),
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
    // Of a pool that is the same again, nobody went.
    let is_same =
        |pool: &String, known: &Arc<Pool>| pools.get(pool).is_some_and(|now| Arc::ptr_eq(now, known));
    let changed = before.pools.iter().filter(|(pool, known)| !is_same(pool, known));
    let known = changed.flat_map(|(pool, known)| {
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
        let is_served = now.iter().any(|now| Arc::ptr_eq(now, member));
        if !is_served {
            member.keep_for(0);
        }
        !is_served
    });
    gone
}

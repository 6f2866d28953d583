//! Who is held where.

mod page;
mod remembered;

use std::{
    collections::{HashMap, HashSet},
    fmt,
    net::IpAddr,
    str::FromStr,
    sync::Arc,
};

use lb_common::{
    session::{self, client_network},
    tables::{Pool, SessionKey},
};
use serde::{Deserialize, Serialize};

use page::Found;
pub use page::{Page, PageKey};
use remembered::{Remembered, id_of};

use super::{CookieValue, GONE, Refusal, Scene, Sight, Titles};
use crate::{
    bpf::SessionEntry,
    http::forwarded::Prefix,
    model::{self, Config, Persistence, Titled as _, meant},
    persistence::{
        PoolTag,
        app_cookies::{Listed, SessionId},
    },
};

/// A session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// The pool's name.
    pub pool: String,
    /// What its client is recognised by.
    #[serde(flatten)]
    pub by: RecognisedBy,
    /// The member's name.
    pub member: String,
    /// How long ago the session began, in seconds.
    pub age_s: u32,
    /// How long the client has been away, in seconds.
    pub idle_s: u32,
    /// How long it holds if the client stays away, in seconds.
    pub ends_in_s: u32,
}

/// What the client of a session is recognised by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RecognisedBy {
    /// Its network, or an address of that.
    Client(IpAddr),
    /// The application's cookie, by its id: the value is known to nobody but the client and its member.
    Cookie(SessionId),
    /// Its network, where only the proxy keeps that, and as good as a hash of it: by the id of that.
    ClientId(SessionId),
}

impl fmt::Display for RecognisedBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Client(client) => client.fmt(f),
            Self::Cookie(id) => write!(f, "cookie {id}"),
            Self::ClientId(id) => write!(f, "client {id}"),
        }
    }
}

impl FromStr for RecognisedBy {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let client = text
            .parse()
            .map(|client: IpAddr| Self::Client(client.to_canonical()));
        client.or_else(|_| text.parse().map(Self::Cookie)).map_err(
            |_| "write an address, or the 16 hexadecimal digits of a cookie's id, as in 3fa90c64d7e1b258",
        )
    }
}

/// Sessions, as they are answered.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sessions {
    /// Those that were wanted.
    pub listed: Vec<Session>,
    /// How many there are in all, where only some of them are listed too.
    #[serde(default)]
    pub total: u64,
    /// Whether more follow, of a page.
    #[serde(default)]
    pub has_more: bool,
    /// Of the pools that were asked for, those whose clients carry their sessions themselves: there is nothing to list.
    pub carried_by_clients: Vec<String>,
    /// What people call the pools and members of these.
    #[serde(default, skip_serializing_if = "Titles::is_empty")]
    pub display_names: Titles,
}

/// Where a session is kept, if there is one.
#[derive(Debug)]
pub enum Kept {
    /// In the maps.
    InTheDatapath(SessionKey),
    /// In the table of the proxy.
    ByTheProxy(PoolTag, SessionId),
}

impl Kept {
    /// Where a pool keeps the session of such a client; or why it has none at all.
    pub fn of<S: Sight>(scene: &Scene<'_, S>, pool: &str, by: RecognisedBy) -> Result<Self, Refusal> {
        let configured = find_pool(scene.config, pool)?;
        let (name, pool) = (&configured.name, configured.title());
        let persistence = configured.session_persistence.as_ref();
        let persistence = persistence.map(|persistence| &persistence.persistence);
        let by_the_proxy = |id| Ok(Self::ByTheProxy(PoolTag::of(name), id));
        let none = || Refusal::NoSuch(format!("pool \"{pool}\" holds no session of {by}"));
        match (by, persistence) {
            (_, Some(Persistence::HttpCookie(_))) => Err(Refusal::Wrong(format!(
                "pool \"{pool}\" keeps no sessions: each of its clients carries its own, in a cookie"
            ))),
            (RecognisedBy::Cookie(id) | RecognisedBy::ClientId(id), Some(Persistence::AppCookie { .. })) => {
                by_the_proxy(id)
            }
            (RecognisedBy::Client(_), Some(Persistence::AppCookie { .. })) => Err(Refusal::Wrong(format!(
                "pool \"{pool}\" recognises clients by cookie; `holdfast sessions --pool {name}` lists their ids"
            ))),
            (by, Some(Persistence::SourceIp(granularity))) if scene.proxied.pools.contains_key(name) => {
                match by {
                    RecognisedBy::Cookie(id) | RecognisedBy::ClientId(id) => by_the_proxy(id),
                    RecognisedBy::Client(client) => {
                        by_the_proxy(id_of(scene, name, client, *granularity).ok_or_else(none)?)
                    }
                }
            }
            (RecognisedBy::Cookie(_) | RecognisedBy::ClientId(_), _) => Err(Refusal::Wrong(format!(
                "pool \"{pool}\" recognises nobody by cookie: name the client's address"
            ))),
            (RecognisedBy::Client(client), _) => session_key(scene, name, client)
                .map(Self::InTheDatapath)
                .ok_or_else(none),
        }
    }
}

/// The key of a client's session with a pool, under the pool's granularity.
pub fn session_key<S: Sight>(scene: &Scene<'_, S>, pool: &str, client: IpAddr) -> Option<SessionKey> {
    let id = scene.ids.pool(pool)?;
    let network = client_network(scene.sight.pool(id)?, &client.into());
    Some(SessionKey::new(&network, id))
}

/// When a session ends if its client stays away: the first second at which it does not hold any more.
pub(super) fn end_s(pool: &Pool, entry: &SessionEntry) -> u32 {
    let (idle_s, absolute_s) = (pool.session_idle_s.get(), pool.session_absolute_s.get());
    session::end_s(entry.first_seen_s, entry.last_seen_s, idle_s, absolute_s)
}

/// Which sessions are asked for: those of which all this is true.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wanted {
    /// They are with this pool.
    #[serde(default)]
    pub pool: Option<String>,
    /// They are with this member: its name, in whatever pool.
    #[serde(default)]
    pub member: Option<String>,
    /// They are this client's, or those of clients in this network, as far as these are recognised by their addresses.
    #[serde(default)]
    pub client: Option<Prefix>,
    /// They are those of clients with such a cookie of the application.
    #[serde(default)]
    pub cookie: Option<CookieValue>,
}

/// The pool that is meant; or what would be right.
fn find_pool<'c>(config: &'c Config, wanted: &str) -> Result<&'c model::Pool, Refusal> {
    let pools = config.pools.iter().map(Arc::as_ref);
    meant("pools", pools, wanted)?.ok_or_else(|| {
        Refusal::NoSuch(format!(
            "there is no pool \"{wanted}\"; `holdfast status` lists them"
        ))
    })
}

impl Wanted {
    /// Whether sessions with this pool may be among them.
    fn may_have(&self, pool: &model::Pool) -> bool {
        let mut members = pool.members.iter();
        self.pool.as_ref().is_none_or(|wanted| *wanted == pool.name)
            && self
                .member
                .as_ref()
                .is_none_or(|wanted| members.any(|member| member.name == *wanted))
    }

    /// The same by key; or what would be right, where there are no such things.
    fn by_key(mut self, config: &Config) -> Result<Self, Refusal> {
        let pool = self
            .pool
            .as_ref()
            .map(|pool| find_pool(config, pool))
            .transpose()?;
        self.pool = pool.map(|pool| pool.name.clone());
        if let Some(member) = &self.member
            && !config.pools.iter().any(|pool| self.may_have(pool))
        {
            let pools = config.pools.iter().map(Arc::as_ref);
            let pools = pools.filter(|one| pool.is_none_or(|wanted| wanted.name == one.name));
            let members = pools.flat_map(|pool| &pool.members);
            let place = pool.map_or_else(String::new, |pool| format!(" in pool \"{}\"", pool.title()));
            let meant = meant("members", members, member)?.ok_or_else(|| {
                format!("there is no member \"{member}\"{place}; `holdfast status` lists them")
            })?;
            self.member = Some(meant.name.clone());
        }
        Ok(self)
    }
}

fn carries_its_own(pool: &model::Pool) -> bool {
    let persistence = pool.session_persistence.as_ref();
    persistence.is_some_and(|persistence| matches!(persistence.persistence, Persistence::HttpCookie(_)))
}

/// Who is held where. It is shown one session after the other, so that whoever asks need not wait for all of them.
#[derive(Debug)]
pub struct SessionList {
    /// The names of the wanted pools by id.
    pools: HashMap<u32, String>,
    /// The name of the wanted member; none: any.
    member: Option<String>,
    client: Option<Prefix>,
    /// The names of members by id.
    members: HashMap<u32, String>,
    /// Where the wanted sessions may be.
    configured: Vec<Arc<model::Pool>>,
    remembered: HashMap<PoolTag, Remembered>,
    carried_by_clients: Vec<String>,
    found: Found,
}

impl SessionList {
    /// An empty one; or what is wrong with the question.
    pub fn new<S: Sight>(scene: &Scene<'_, S>, wanted: Wanted) -> Result<Self, Refusal> {
        let wanted = wanted.by_key(scene.config)?;
        let configured = scene.config.pools.iter().filter(|pool| wanted.may_have(pool));
        let configured: Vec<Arc<model::Pool>> = configured.cloned().collect();
        let carrying = configured.iter().filter(|pool| carries_its_own(pool));
        let carried_by_clients = carrying.map(|pool| pool.name.clone()).collect();
        let remembered = configured
            .iter()
            .filter_map(|pool| Remembered::of(scene, pool, &wanted));
        let remembered = remembered.collect();
        let Wanted {
            pool,
            member,
            client,
            cookie,
        } = wanted;
        // Those of the datapath have no cookies.
        let pools = scene.ids.pools().filter(|_| cookie.is_none());
        let pools = pools.filter(|(name, _)| pool.as_ref().is_none_or(|wanted| wanted == name));
        let members = scene.members_by_id().into_iter();
        Ok(Self {
            pools: pools.map(|(name, id)| (id, name.to_owned())).collect(),
            member,
            client,
            members: members
                .map(|(id, (_, member))| (id, member.name.clone()))
                .collect(),
            configured,
            remembered,
            carried_by_clients,
            found: Found::All(Vec::new()),
        })
    }

    /// The same of which only a page is wanted.
    #[must_use]
    pub fn paged(self, page: Page) -> Self {
        Self {
            found: Found::page(page),
            ..self
        }
    }

    /// Takes a session in, where it is wanted.
    pub fn note<S: Sight>(&mut self, sight: &S, entry: &SessionEntry) {
        let (Some(name), Some(pool)) = (self.pools.get(&entry.key.pool), sight.pool(entry.key.pool)) else {
            return;
        };
        // What one client is may be wider than what is asked for.
        let is_its = |client: Prefix| {
            let network = client_network(pool, &client.bounds().0.into());
            client.contains(entry.key.client.into()) || network == entry.key.client
        };
        let member = self.members.get(&entry.member);
        if !self.client.is_none_or(is_its) || self.member.is_some() && self.member.as_ref() != member {
            return;
        }
        let now_s = sight.now_s();
        self.found.take(Session {
            pool: name.clone(),
            by: RecognisedBy::Client(entry.key.client.into()),
            member: member.map_or_else(|| GONE.into(), Clone::clone),
            age_s: now_s.saturating_sub(entry.first_seen_s),
            idle_s: now_s.saturating_sub(entry.last_seen_s),
            ends_in_s: end_s(pool, entry).saturating_sub(now_s),
        });
    }

    /// Takes a session that the proxy remembers in, where it is wanted. What is over, and only not swept yet, holds nobody.
    pub fn note_remembered(&mut self, now_s: u32, entry: &Listed) {
        let Some(pool) = self.remembered.get(&entry.pool) else {
            return;
        };
        let times = entry.session.times;
        let member = pool.members.get(&entry.session.member);
        let is_wanted = self.member.is_none() || self.member.as_ref() == member;
        let Some(by) = pool.recognised(entry.id).filter(|_| is_wanted) else {
            return;
        };
        if pool.limits.are_passed(times, now_s) {
            return;
        }
        self.found.take(Session {
            pool: pool.name.clone(),
            by,
            member: member.map_or_else(|| GONE.into(), Clone::clone),
            age_s: now_s.saturating_sub(times.created_s),
            idle_s: now_s.saturating_sub(times.seen_s),
            ends_in_s: pool.limits.ends_in_s(times, now_s),
        });
    }

    /// Those that were wanted.
    #[must_use]
    pub fn finish(self) -> Sessions {
        let (listed, total, has_more) = self.found.finish();
        let named = listed.iter();
        let named = named.flat_map(|session| [&session.pool, &session.member]);
        let named: HashSet<&String> = named.chain(&self.carried_by_clients).collect();
        let mut display_names = Titles::default();
        for pool in self.configured.iter().filter(|pool| named.contains(&pool.name)) {
            display_names.note(pool.as_ref());
            let members = pool.members.iter();
            display_names.extend(members.filter(|member| named.contains(&member.name)));
        }
        Sessions {
            listed,
            total,
            has_more,
            carried_by_clients: self.carried_by_clients,
            display_names,
        }
    }
}

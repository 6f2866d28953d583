//! Who is held where.

use std::{
    collections::HashMap,
    fmt,
    net::{IpAddr, SocketAddr},
    str::FromStr,
};

use lb_common::{
    session::{self, client_network},
    tables::{Pool, SessionKey},
};
use serde::{Deserialize, Serialize};

use super::{GONE, Scene, Sight};
use crate::{
    bpf::SessionEntry,
    model::{self, Config, Persistence},
    persistence::{
        Limits, MemberTag, PoolTag,
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
}

impl fmt::Display for RecognisedBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Client(client) => client.fmt(f),
            Self::Cookie(id) => write!(f, "cookie {id}"),
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
    /// Of the pools that were asked for, those whose clients carry their sessions themselves: there is nothing to list.
    pub carried_by_clients: Vec<String>,
}

/// Where a session is kept, if there is one.
#[derive(Debug)]
pub enum Kept {
    /// In the maps.
    InTheDatapath(SessionKey),
    /// In the table of application cookies.
    ByTheProxy(PoolTag, SessionId),
}

impl Kept {
    /// Where a pool keeps the session of such a client; or why it has none at all.
    pub fn of<S: Sight>(scene: &Scene<'_, S>, pool: &str, by: RecognisedBy) -> Result<Self, String> {
        let configured = scene.config.pool(pool).ok_or_else(|| no_pool(pool))?;
        let persistence = configured.session_persistence.as_ref();
        match (by, persistence.map(|persistence| &persistence.persistence)) {
            (_, Some(Persistence::HttpCookie(_))) => Err(format!(
                "pool \"{pool}\" keeps no sessions: each of its clients carries its own, in a cookie"
            )),
            (RecognisedBy::Cookie(id), Some(Persistence::AppCookie { .. })) => {
                Ok(Self::ByTheProxy(PoolTag::of(pool), id))
            }
            (RecognisedBy::Cookie(_), _) => Err(format!(
                "pool \"{pool}\" recognises nobody by cookie: name the client's address"
            )),
            (RecognisedBy::Client(_), Some(Persistence::AppCookie { .. })) => Err(format!(
                "pool \"{pool}\" recognises clients by cookie; `holdfast sessions --pool {pool}` lists their ids"
            )),
            (RecognisedBy::Client(client), _) => session_key(scene, pool, client)
                .map(Self::InTheDatapath)
                .ok_or_else(|| format!("pool \"{pool}\" holds no session of {client}")),
        }
    }
}

/// The key of a client's session with a pool, under the pool's granularity.
pub fn session_key<S: Sight>(scene: &Scene<'_, S>, pool: &str, client: IpAddr) -> Option<SessionKey> {
    let id = *scene.ids.pools.get(pool)?;
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
    /// They are this client's, who is known by no cookie.
    #[serde(default)]
    pub client: Option<IpAddr>,
}

/// That there is no such pool, and what would be right.
fn no_pool(name: &str) -> String {
    format!("there is no pool \"{name}\"; `holdfast status` lists them")
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

    /// Whether there are such things; if not, what would be right.
    fn check(&self, config: &Config) -> Result<(), String> {
        let pool = self.pool.as_ref();
        if let Some(pool) = pool.filter(|pool| config.pool(pool).is_none()) {
            return Err(no_pool(pool));
        }
        let Some(member) = &self.member else { return Ok(()) };
        if config.pools.iter().any(|pool| self.may_have(pool)) {
            return Ok(());
        }
        let place = pool.map_or_else(String::new, |pool| format!(" in pool \"{pool}\""));
        Err(format!(
            "there is no member \"{member}\"{place}; `holdfast status` lists them"
        ))
    }
}

/// A pool that recognises its clients by application cookie.
#[derive(Debug)]
struct ByCookie {
    name: String,
    limits: Limits,
    /// The names of its members.
    members: HashMap<MemberTag, String>,
}

impl ByCookie {
    fn of(pool: &model::Pool) -> Option<(PoolTag, Self)> {
        let persistence = pool.session_persistence.as_ref()?;
        if !matches!(persistence.persistence, Persistence::AppCookie { .. }) {
            return None;
        }
        let members = pool.members.iter().filter_map(|member| {
            let address = SocketAddr::new(member.address, member.port?);
            Some((MemberTag::at(address), member.name.clone()))
        });
        let by_cookie = Self {
            name: pool.name.clone(),
            limits: Limits::of(persistence),
            members: members.collect(),
        };
        Some((PoolTag::of(&pool.name), by_cookie))
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
    client: Option<IpAddr>,
    /// The names of members by id.
    members: HashMap<u32, String>,
    by_cookie: HashMap<PoolTag, ByCookie>,
    answer: Sessions,
}

impl SessionList {
    /// An empty one; or what is wrong with the question.
    pub fn new<S: Sight>(scene: &Scene<'_, S>, wanted: Wanted) -> Result<Self, String> {
        wanted.check(scene.config)?;
        let configured = || scene.config.pools.iter().filter(|pool| wanted.may_have(pool));
        let carrying = configured().filter(|pool| carries_its_own(pool));
        let answer = Sessions {
            listed: Vec::new(),
            carried_by_clients: carrying.map(|pool| pool.name.clone()).collect(),
        };
        let by_cookie = configured().filter_map(ByCookie::of).collect();
        let Wanted { pool, member, client } = wanted;
        let pools = scene.ids.pools.iter();
        let pools = pools.filter(|(name, _)| pool.as_ref().is_none_or(|wanted| wanted == *name));
        let members = scene.members_by_id().into_iter();
        Ok(Self {
            pools: pools.map(|(name, id)| (*id, name.clone())).collect(),
            member,
            client,
            members: members
                .map(|(id, (_, member))| (id, member.name.clone()))
                .collect(),
            by_cookie,
            answer,
        })
    }

    /// Takes a session in, where it is wanted.
    pub fn note<S: Sight>(&mut self, sight: &S, entry: &SessionEntry) {
        let (Some(name), Some(pool)) = (self.pools.get(&entry.key.pool), sight.pool(entry.key.pool)) else {
            return;
        };
        let is_its = |client: IpAddr| client_network(pool, &client.into()) == entry.key.client;
        let member = self.members.get(&entry.member);
        if !self.client.is_none_or(is_its) || self.member.is_some() && self.member.as_ref() != member {
            return;
        }
        let now_s = sight.now_s();
        self.answer.listed.push(Session {
            pool: name.clone(),
            by: RecognisedBy::Client(entry.key.client.into()),
            member: member.map_or_else(|| GONE.into(), Clone::clone),
            age_s: now_s.saturating_sub(entry.first_seen_s),
            idle_s: now_s.saturating_sub(entry.last_seen_s),
            ends_in_s: end_s(pool, entry).saturating_sub(now_s),
        });
    }

    /// Takes a session by application cookie in, where it is wanted. What is over, and only not swept yet, holds nobody.
    pub fn note_cookie(&mut self, now_s: u32, entry: &Listed) {
        let Some(pool) = self.by_cookie.get(&entry.pool) else {
            return;
        };
        let times = entry.session.times;
        let member = pool.members.get(&entry.session.member);
        let is_wanted = self.member.is_none() || self.member.as_ref() == member;
        if self.client.is_some() || !is_wanted || pool.limits.are_passed(times, now_s) {
            return;
        }
        self.answer.listed.push(Session {
            pool: pool.name.clone(),
            by: RecognisedBy::Cookie(entry.id),
            member: member.map_or_else(|| GONE.into(), Clone::clone),
            age_s: now_s.saturating_sub(times.created_s),
            idle_s: now_s.saturating_sub(times.seen_s),
            ends_in_s: pool.limits.ends_in_s(times, now_s),
        });
    }

    /// Those that were wanted.
    #[must_use]
    pub fn finish(self) -> Sessions {
        self.answer
    }
}

//! Who is held where.

use std::{collections::HashMap, net::IpAddr};

use lb_common::{
    session::{self, client_network},
    tables::{Pool, SessionKey},
};
use serde::{Deserialize, Serialize};

use super::{GONE, Scene, Sight};
use crate::{bpf::SessionEntry, reconcile::Ids};

/// A session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// The pool's name.
    pub pool: String,
    /// The client's network.
    pub client: IpAddr,
    /// The member's name.
    pub member: String,
    /// How long ago the session began, in seconds.
    pub age_s: u32,
    /// How long the client has been away, in seconds.
    pub idle_s: u32,
    /// How long it holds if the client stays away, in seconds.
    pub ends_in_s: u32,
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
    /// They are this client's.
    #[serde(default)]
    pub client: Option<IpAddr>,
}

/// That there is no such pool, and what would be right.
pub fn no_pool(name: &str) -> String {
    format!("there is no pool \"{name}\"; `holdfast status` lists them")
}

impl Wanted {
    /// Whether there are such things; if not, what would be right.
    fn check(&self, ids: &Ids) -> Result<(), String> {
        let pool = self.pool.as_ref();
        if let Some(pool) = pool.filter(|pool| !ids.pools.contains_key(*pool)) {
            return Err(no_pool(pool));
        }
        let Some(member) = &self.member else { return Ok(()) };
        let mut members = ids.members.keys();
        let is_it =
            |(its_pool, name): &(String, String)| name == member && pool.is_none_or(|pool| pool == its_pool);
        if members.any(is_it) {
            return Ok(());
        }
        let place = pool.map_or_else(String::new, |pool| format!(" in pool \"{pool}\""));
        Err(format!(
            "there is no member \"{member}\"{place}; `holdfast status` lists them"
        ))
    }
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
    listed: Vec<Session>,
}

impl SessionList {
    /// An empty one; or what is wrong with the question.
    pub fn new<S: Sight>(scene: &Scene<'_, S>, wanted: Wanted) -> Result<Self, String> {
        wanted.check(scene.ids)?;
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
            listed: Vec::new(),
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
        self.listed.push(Session {
            pool: name.clone(),
            client: entry.key.client.into(),
            member: member.map_or_else(|| GONE.into(), Clone::clone),
            age_s: now_s.saturating_sub(entry.first_seen_s),
            idle_s: now_s.saturating_sub(entry.last_seen_s),
            ends_in_s: end_s(pool, entry).saturating_sub(now_s),
        });
    }

    /// Those that were wanted.
    #[must_use]
    pub fn finish(self) -> Vec<Session> {
        self.listed
    }
}

//! Who is held where.

use std::net::IpAddr;

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

/// Who is held where.
pub fn sessions<S: Sight>(scene: &Scene<'_, S>, wanted: &Wanted) -> Result<Vec<Session>, String> {
    let Scene { ids, sight, .. } = *scene;
    wanted.check(ids)?;
    let Wanted {
        pool,
        member: wanted_member,
        client,
    } = wanted;
    let is_wanted = |key: &SessionKey| {
        let in_pool = pool
            .as_ref()
            .is_none_or(|name| ids.pools.get(name) == Some(&key.pool));
        let of_client = client.is_none_or(|client| {
            let pool = sight.pool(key.pool);
            pool.is_some_and(|pool| client_network(pool, &client.into()) == key.client)
        });
        in_pool && of_client
    };
    let now_s = sight.now_s();
    let pool_name = |id: u32| {
        let mut pools = ids.pools.iter();
        pools
            .find(|(_, known)| **known == id)
            .map(|(name, _)| name.clone())
    };
    let members = scene.members_by_id();
    let entries = sight.sessions().filter(|entry| is_wanted(&entry.key));
    let sessions = entries.filter_map(|entry| {
        let member = members.get(&entry.member);
        let is_wanted = wanted_member
            .as_ref()
            .is_none_or(|wanted| member.is_some_and(|(_, member)| member.name == *wanted));
        if !is_wanted {
            return None;
        }
        Some(Session {
            pool: pool_name(entry.key.pool)?,
            client: entry.key.client.into(),
            member: member.map_or_else(|| GONE.into(), |(_, member)| member.name.clone()),
            age_s: now_s.saturating_sub(entry.first_seen_s),
            idle_s: now_s.saturating_sub(entry.last_seen_s),
            ends_in_s: end_s(sight.pool(entry.key.pool)?, &entry).saturating_sub(now_s),
        })
    });
    Ok(sessions.collect())
}

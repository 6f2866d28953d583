//! Who is held where.

use std::net::IpAddr;

use lb_common::{
    session::{self, client_network},
    tables::{Pool, SessionKey},
};
use serde::{Deserialize, Serialize};

use super::{GONE, Scene, Sight};
use crate::bpf::SessionEntry;

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

/// Who is held where: with one pool or any, one client or any.
pub fn sessions<S: Sight>(scene: &Scene<'_, S>, pool: Option<&str>, client: Option<IpAddr>) -> Vec<Session> {
    let Scene { ids, sight, .. } = *scene;
    let is_wanted = |key: &SessionKey| {
        let in_pool = pool.is_none_or(|name| ids.pools.get(name) == Some(&key.pool));
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
    sight
        .sessions()
        .filter(|entry| is_wanted(&entry.key))
        .filter_map(|entry| {
            let member = members.get(&entry.member);
            Some(Session {
                pool: pool_name(entry.key.pool)?,
                client: entry.key.client.into(),
                member: member.map_or_else(|| GONE.into(), |(_, member)| member.name.clone()),
                age_s: now_s.saturating_sub(entry.first_seen_s),
                idle_s: now_s.saturating_sub(entry.last_seen_s),
                ends_in_s: end_s(sight.pool(entry.key.pool)?, &entry).saturating_sub(now_s),
            })
        })
        .collect()
}

//! The sessions that the proxy remembers, of which it keeps no more than hashes: of cookies, and of clients' networks.

use std::{collections::HashMap, net::IpAddr};

use super::{RecognisedBy, Scene, Sight};
use crate::{
    model::{self, Granularity, Persistence},
    persistence::{ByAddress, Limits, MemberTag, PoolTag, app_cookies::SessionId, network},
};

/// A pool whose sessions the proxy remembers.
#[derive(Debug)]
pub(super) struct Remembered {
    pub(super) name: String,
    pub(super) limits: Limits,
    /// The names of its members.
    pub(super) members: HashMap<MemberTag, String>,
    whose: Whose,
}

/// Whose sessions are wanted.
#[derive(Debug)]
enum Whose {
    /// Everybody's, who is recognised by cookie.
    Cookies,
    /// Everybody's, who is recognised by address.
    Clients,
    /// That of a client's network: what it is called.
    Of(IpAddr, SessionId),
    /// A client's, and the pool recognises none by address.
    Nobodys,
}

/// What the session of a client is called; none where the proxy has never served anything.
pub(super) fn id_of<S: Sight>(
    scene: &Scene<'_, S>,
    pool: &str,
    client: IpAddr,
    granularity: Granularity,
) -> Option<SessionId> {
    let client = ByAddress::of(client, granularity);
    let table = scene.look.app_cookies()?;
    Some(table.id(PoolTag::of(pool), client.as_bytes()))
}

impl<S: Sight> Scene<'_, S> {
    /// Whether the proxy remembers the sessions of a pool.
    pub(in crate::views) fn remembers(&self, pool: &model::Pool) -> bool {
        let persistence = pool.session_persistence.as_ref();
        persistence.is_some_and(|persistence| match persistence.persistence {
            Persistence::AppCookie { .. } => true,
            // Those of the datapath are in the maps.
            Persistence::SourceIp(_) => self.proxied.pools.contains_key(&pool.name),
            Persistence::HttpCookie(_) => false,
        })
    }
}

impl Remembered {
    /// None where the pool has no such sessions.
    pub(super) fn of<S: Sight>(
        scene: &Scene<'_, S>,
        pool: &model::Pool,
        client: Option<IpAddr>,
    ) -> Option<(PoolTag, Self)> {
        if !scene.remembers(pool) {
            return None;
        }
        let persistence = pool.session_persistence.as_ref()?;
        let whose = match (&persistence.persistence, client) {
            (Persistence::AppCookie { .. }, None) => Whose::Cookies,
            (Persistence::AppCookie { .. }, Some(_)) => Whose::Nobodys,
            (Persistence::SourceIp(_), None) => Whose::Clients,
            (Persistence::SourceIp(granularity), Some(client)) => Whose::Of(
                network(client, *granularity),
                id_of(scene, &pool.name, client, *granularity)?,
            ),
            (Persistence::HttpCookie(_), _) => return None,
        };
        let members = pool.members.iter();
        let members =
            members.filter_map(|member| Some((MemberTag::at(member.endpoint()?), member.name.clone())));
        let remembered = Self {
            name: pool.name.clone(),
            limits: Limits::of(persistence),
            members: members.collect(),
            whose,
        };
        Some((PoolTag::of(&pool.name), remembered))
    }

    /// What the client of a session is recognised by, where the session is wanted.
    pub(super) fn recognised(&self, id: SessionId) -> Option<RecognisedBy> {
        match self.whose {
            Whose::Cookies => Some(RecognisedBy::Cookie(id)),
            Whose::Clients => Some(RecognisedBy::ClientId(id)),
            Whose::Of(network, its) => (its == id).then_some(RecognisedBy::Client(network)),
            Whose::Nobodys => None,
        }
    }
}

//! The sessions that the proxy remembers, of which it keeps no more than hashes: of cookies, and of clients' networks.

use std::{collections::HashMap, net::IpAddr};

use super::{CookieValue, RecognisedBy, Scene, Sight, Wanted};
use crate::{
    http::forwarded::Prefix,
    model::{self, Granularity, Persistence},
    persistence::{ByAddress, Limits, MemberTag, PoolTag, app_cookies::SessionId, network},
};

/// A hash is found by making it anew: of so many clients' networks at most.
const MOST_NETWORKS: u128 = 256;

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
    /// Those that are called so, of these clients alone.
    Of(HashMap<SessionId, RecognisedBy>),
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

/// What counts as one client each in a network; none where there are too many to go through.
fn networks(wanted: Prefix, granularity: Granularity) -> Option<Vec<IpAddr>> {
    let (first, last) = wanted.bounds();
    let (step, low, high) = match (first, last) {
        (IpAddr::V4(low), IpAddr::V4(high)) => (
            1 << (32 - u32::from(granularity.v4)),
            u128::from(low.to_bits()),
            u128::from(high.to_bits()),
        ),
        (IpAddr::V6(low), IpAddr::V6(high)) => (
            1 << (128 - u32::from(granularity.v6)),
            low.to_bits(),
            high.to_bits(),
        ),
        _ => return None,
    };
    let more: u128 = (high - low) / step;
    (more < MOST_NETWORKS).then(|| {
        let each = (0..=more).map(|number| low + number * step);
        let address = |bits: u128| match first {
            IpAddr::V4(_) => IpAddr::V4((bits as u32).into()),
            IpAddr::V6(_) => IpAddr::V6(bits.into()),
        };
        each.map(|bits| network(address(bits), granularity)).collect()
    })
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
        wanted: &Wanted,
    ) -> Option<(PoolTag, Self)> {
        if !scene.remembers(pool) {
            return None;
        }
        let persistence = pool.session_persistence.as_ref()?;
        let whose = match (&persistence.persistence, wanted.client, &wanted.cookie) {
            (Persistence::AppCookie { .. }, None, None) => Whose::Cookies,
            (Persistence::AppCookie { .. }, None, Some(CookieValue(value))) => {
                let table = scene.look.app_cookies()?;
                let id = table.id(PoolTag::of(&pool.name), value.as_bytes());
                Whose::Of(HashMap::from([(id, RecognisedBy::Cookie(id))]))
            }
            (Persistence::SourceIp(_), None, None) => Whose::Clients,
            (Persistence::SourceIp(granularity), Some(client), None) => {
                let networks = networks(client, *granularity)?.into_iter();
                let called = networks.map(|network| {
                    let id = id_of(scene, &pool.name, network, *granularity)?;
                    Some((id, RecognisedBy::Client(network)))
                });
                Whose::Of(called.collect::<Option<_>>()?)
            }
            // It recognises nobody so.
            _ => return None,
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
        match &self.whose {
            Whose::Cookies => Some(RecognisedBy::Cookie(id)),
            Whose::Clients => Some(RecognisedBy::ClientId(id)),
            Whose::Of(called) => called.get(&id).copied(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_is_gone_through_client_by_client_unless_that_is_too_many() {
        let granularity = |v4, v6| Granularity { v4, v6 };
        for (wanted, granularity, expected) in [
            ("192.0.2.7", granularity(32, 128), Some(&["192.0.2.7"][..])),
            ("192.0.2.7", granularity(24, 128), Some(&["192.0.2.0"])),
            (
                "192.0.2.2/31",
                granularity(32, 128),
                Some(&["192.0.2.2", "192.0.2.3"]),
            ),
            (
                "192.0.2.0/23",
                granularity(24, 128),
                Some(&["192.0.2.0", "192.0.3.0"]),
            ),
            (
                "2001:db8::/63",
                granularity(32, 64),
                Some(&["2001:db8::", "2001:db8:0:1::"]),
            ),
            ("192.0.0.0/16", granularity(32, 128), None),
            ("::/0", granularity(32, 128), None),
            ("::/0", granularity(32, 1), Some(&["::", "8000::"])),
        ] {
            let found = networks(wanted.parse().unwrap(), granularity);
            let expected = expected.map(|all| {
                all.iter()
                    .map(|one| one.parse().unwrap())
                    .collect::<Vec<IpAddr>>()
            });
            assert_eq!(found, expected, "{wanted}");
        }
        let all = networks("192.0.2.0/24".parse().unwrap(), granularity(32, 128));
        assert_eq!(all.map(|all| all.len()), Some(256));
    }
}

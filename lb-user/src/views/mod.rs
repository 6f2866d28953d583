//! Views: what the daemon says of itself. Pure functions from its state to answers; what an answer says is data, and
//! how it is shown is the command line's.

mod census;
mod explain;
pub(crate) mod operating;
mod packets;
mod refusal;
mod samples;
mod sessions;
mod sight;
mod statistics;
mod status;
#[cfg(test)]
mod tests;
mod titles;

use std::{collections::HashMap, net::IpAddr, sync::Arc};

pub use census::Census;
pub use explain::{AskedRequest, By, CookieValue, Explainer, Explanation, Flow, HeldSession, Question};
pub use packets::Packets;
pub(crate) use packets::{fate, word};
pub use refusal::{Refusal, Refused};
pub use samples::samples;
pub use sessions::{Kept, Page, PageKey, RecognisedBy, Session, SessionList, Sessions, Wanted, session_key};
pub use sight::{MaybeMaps, Sight};
pub use statistics::statistics;
pub use status::{
    Doings, Interface, Listener, LoadBalancer, Member, NextHop, Pool, Reload, SessionCounts, SessionEvents,
    Status, Table, Traffic, Work, status,
};
pub use titles::Titles;

use lb_common::tables::{self, MemberState};

use crate::{
    health::Health,
    model::{self, Config, DataPlane, OperatingStatus},
    next_hops::NO_ROUTE,
    proxy::{Look, Report},
    reconcile::Ids,
};

/// What the views look at.
pub struct Scene<'a, S> {
    /// What is configured.
    pub config: &'a Config,
    /// What it is served by.
    pub plane: DataPlane,
    /// What the monitors found.
    pub health: &'a Health,
    /// The ids in the maps.
    pub ids: &'a Ids,
    /// What the proxy tells.
    pub proxied: Report,
    /// What the proxy serves and holds.
    pub look: Look,
    /// The maps.
    pub sight: &'a S,
}

impl<'a, S: Sight> Scene<'a, S> {
    fn member_id(&self, pool: &model::Pool, member: &model::Member) -> Option<u32> {
        self.ids.member(&pool.name, &member.name)
    }

    fn member_status(&self, pool: &model::Pool, member: &model::Member) -> OperatingStatus {
        let proxied = self.proxied.pools.get(&pool.name);
        let proxied = proxied.and_then(|pool| pool.members.get(&member.name));
        let state = proxied.map_or_else(
            || {
                let entry = self.member_id(pool, member).and_then(|id| self.sight.member(id));
                entry.map_or(MemberState::Unused, tables::Member::state)
            },
            |member| member.state,
        );
        operating::of_member(pool, member, state)
    }

    /// Why a member is in `ERROR`: by its monitor, by its requests, or else since there is no way to it. That the proxy does
    /// not look for: where neither of the others says it any more, its member comes up again at once.
    fn why_down(&self, pool: &model::Pool, member: &model::Member) -> &str {
        let proxied = self.proxied.pools.get(&pool.name);
        let ejected = || {
            let members = &proxied?.members;
            members.get(&member.name)?.why_down.as_deref()
        };
        let found = self.health.why_down(&pool.name, &member.name);
        let otherwise = if proxied.is_some() { "it is down" } else { NO_ROUTE };
        found.or_else(ejected).unwrap_or(otherwise)
    }

    /// The configured members by id, each with its pool.
    fn members_by_id(&self) -> HashMap<u32, (&'a model::Pool, &'a model::Member)> {
        let pools = self.config.pools.iter().map(Arc::as_ref);
        let members = pools.flat_map(|pool| pool.members.iter().map(move |member| (pool, member)));
        members
            .filter_map(|(pool, member)| Some((self.member_id(pool, member)?, (pool, member))))
            .collect()
    }
}

/// What stands for a member that is not configured any more.
pub(crate) const GONE: &str = "(gone)";

/// An address with a port, as it is written everywhere: `192.0.2.1:80`, `[2001:db8::1]:80`.
fn endpoint(address: IpAddr, port: u16) -> String {
    std::net::SocketAddr::new(address, port).to_string()
}

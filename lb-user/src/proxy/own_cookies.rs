//! The balancer's own cookies at a load balancer: they are between it and its clients, and no member sees any.

use std::sync::Arc;

use super::pool::Pool;
use crate::{
    http::{
        cookies::{self, Pair, Removed},
        fields::Name,
        head::Head,
    },
    model::CookieSettings,
    persistence::token,
};

/// What these cookies are called.
#[derive(Debug, Default)]
pub(super) struct OwnCookies(Vec<Vec<u8>>);

impl OwnCookies {
    /// Those of all pools that clients find there: they bring what one of them has set to the others too.
    pub(super) fn of<'p>(pools: impl Iterator<Item = &'p Arc<Pool>>) -> Self {
        let names = pools.filter_map(|pool| pool.persist.as_ref()?.own_names());
        let mut names: Vec<_> = names.flatten().map(<[u8]>::to_vec).collect();
        names.sort_unstable();
        names.dedup();
        Self(names)
    }

    fn have(&self, pair: &Pair<'_>) -> bool {
        let is_left_behind = || {
            // By a pool that had such sessions before.
            pair.name == CookieSettings::DEFAULT_NAME.as_bytes() && token::has_form(pair.value)
        };
        self.0.iter().any(|name| name == pair.name) || is_left_behind()
    }

    /// The value of a request's `Cookie` field without them; none where it may go on as it came.
    pub(super) fn strip(&self, head: &Head, out: &mut Vec<u8>) -> Option<()> {
        let mut was_there = None;
        for header in head.values(Name::Cookie) {
            let begin = out.len();
            if begin > 0 {
                out.extend_from_slice(b"; ");
            }
            let before = out.len();
            if cookies::without(header, |pair| self.have(pair), out) != Removed::Nothing {
                was_there = Some(());
            }
            if out.len() == before {
                out.truncate(begin);
            }
        }
        was_there
    }
}

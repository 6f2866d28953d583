//! The balancer's own cookies are between it and its clients: no member sees any.

use super::pool::Pool;
use crate::{
    http::{
        cookies::{self, Removed},
        fields::Name,
        head::Head,
    },
    persistence::{KeyRing, token},
};

/// The value of a request's `Cookie` field without them; none where it may go on as it came. What goes by the name of the pool's
/// own is one, whatever it says. So is what looks like one that a key of ours has sealed: another pool's, or one of a name or a
/// time when this pool had others.
pub(super) fn strip(head: &Head, pool: &Pool, keys: &KeyRing, out: &mut Vec<u8>) -> Option<()> {
    let names = pool.persist.as_ref().and_then(|persist| persist.own_names());
    let mut was_there = None;
    for header in head.values(Name::Cookie) {
        let begin = out.len();
        if begin > 0 {
            out.extend_from_slice(b"; ");
        }
        let before = out.len();
        let is_own = |pair: &cookies::Pair<'_>| {
            let is_named = names.is_some_and(|names| names.iter().any(|name| name == pair.name));
            is_named || token::is_ours(keys, pair.value)
        };
        if cookies::without(header, is_own, out) != Removed::Nothing {
            was_there = Some(());
        }
        if out.len() == before {
            out.truncate(begin);
        }
    }
    was_there
}

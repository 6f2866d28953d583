//! Giving ids.

use std::{collections::HashMap, hash::Hash};

use crate::bpf::Error;

/// An id of the maps.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(in crate::reconcile) enum Id {
    /// It stands in the maps for the very same thing.
    Known(u32),
    /// No one has it yet.
    New(u32),
}

impl Id {
    pub(in crate::reconcile) const fn get(self) -> u32 {
        match self {
            Self::Known(id) | Self::New(id) => id,
        }
    }
}

/// Gives ids to the things of one kind.
pub(super) struct Giver<'n, K> {
    given: HashMap<K, u32>,
    /// The one that is looked at next.
    next: &'n mut u32,
    /// How many were not looked at yet.
    left: u32,
    /// How many there are, with 0, which no one has.
    count: u32,
    full: fn() -> Error,
}

impl<'n, K: Eq + Hash> Giver<'n, K> {
    pub(super) fn new(count: usize, next: &'n mut u32, full: fn() -> Error) -> Self {
        Self {
            given: HashMap::new(),
            next,
            left: count as u32,
            count: count as u32,
            full,
        }
    }

    /// The id that a thing has, or the next one that no one has.
    pub(super) fn give(
        &mut self,
        key: K,
        known: Option<u32>,
        is_free: impl Fn(u32) -> bool,
    ) -> Result<Id, Error> {
        if let Some(id) = known.or_else(|| self.given.get(&key).copied()) {
            return Ok(Id::Known(id));
        }
        while self.left > 0 {
            let id = *self.next;
            *self.next = (id + 1) % self.count;
            self.left -= 1;
            if id != 0 && is_free(id) {
                self.given.insert(key, id);
                return Ok(Id::New(id));
            }
        }
        Err((self.full)())
    }
}

/// There is room for everything that may be configured at a time, and for as much again that was replaced.
pub(super) fn full(name: &'static str, option: &str) -> Error {
    Error::Map {
        name,
        reason: format!(
            "all places are taken: what was removed keeps its own until half a minute after its last flow and session \
             have ended; reload again then, or raise `datapath.{option}`"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_given_once_around_and_to_a_thing_once() {
        let mut next = 3;
        let mut giver = Giver::new(5, &mut next, || full("POOLS", "max_pools"));
        let mut give = |key, known| giver.give(key, known, |id| id != 4).map(Id::get).ok();
        assert_eq!(give("a", None), Some(3));
        assert_eq!(give("b", Some(4)), Some(4));
        assert_eq!(give("a", None), Some(3));
        assert_eq!(give("c", None), Some(1));
        assert_eq!(give("d", None), Some(2));
        assert_eq!(give("e", None), None);
        assert_eq!(next, 3);
    }
}

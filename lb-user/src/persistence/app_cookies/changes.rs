//! What becomes of sessions from some time on, for another table: that of a daemon that has taken over already, while this
//! one still serves the requests that it has.

use std::sync::{
    Mutex, PoisonError,
    atomic::{AtomicBool, Ordering::Relaxed},
};

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use super::{AppCookies, Entry};

/// Changes that wait to be taken, at most: some 2.6 MB.
const MOST_WAITING: usize = 1 << 16;

/// The session is so now.
const IS: u8 = 1;
/// The session has ended.
const ENDED: u8 = 2;

/// A change, as one daemon tells it to another of this host.
#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct Change {
    kind: u8,
    entry: Entry,
}

/// The changes of a table, if anybody wants them.
#[derive(Default)]
pub(super) struct Changes {
    are_wanted: AtomicBool,
    waiting: Mutex<Vec<Change>>,
}

impl Changes {
    /// A session is so now.
    pub(super) fn note(&self, entry: &Entry) {
        self.push(IS, entry);
    }

    /// A session has ended, at that time.
    pub(super) fn note_end(&self, mut entry: Entry, now_s: u32) {
        entry.seen_s.set(now_s);
        self.push(ENDED, &entry);
    }

    /// Where too many wait, it is left out: its client is balanced anew then, and that is all.
    fn push(&self, kind: u8, entry: &Entry) {
        if self.are_wanted.load(Relaxed) {
            let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
            if waiting.len() < MOST_WAITING {
                waiting.push(Change { kind, entry: *entry });
            }
        }
    }
}

impl AppCookies {
    /// Notes from now on what becomes of sessions.
    pub fn want_changes(&self) {
        self.changes.are_wanted.store(true, Relaxed);
    }

    /// What became of sessions since the last time, as [`apply`](Self::apply) wants it.
    pub fn take_changes(&self) -> Vec<u8> {
        let waiting = self.changes.waiting.lock();
        let waiting = std::mem::take(&mut *waiting.unwrap_or_else(PoisonError::into_inner));
        waiting.as_bytes().to_vec()
    }

    /// Has become of sessions here what became of them in a table that this one was read from. Of what is told of one session
    /// from two sides, the later holds.
    pub fn apply(&self, changes: &[u8]) {
        for bytes in changes.chunks_exact(size_of::<Change>()) {
            let Ok(change) = Change::read_from_bytes(bytes) else {
                continue;
            };
            let entry = change.entry;
            let mut shard = self.shard(entry.id());
            let known = shard.find(entry.fingerprint());
            if known
                .as_ref()
                .is_some_and(|known| known.seen_s.get() > entry.seen_s.get())
            {
                continue;
            }
            match (change.kind, known) {
                (IS, Some(known)) => *known = entry,
                (IS, None) => drop(self.insert(&mut shard, entry)),
                (ENDED, Some(_)) => drop(self.remove(&mut shard, entry.fingerprint())),
                _ => continue,
            }
            // Who takes over from this one wants it too.
            self.changes.push(change.kind, &entry);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::persistence::{
        Limits, MemberTag, PoolTag,
        app_cookies::{Found, Moved},
    };

    const LIMITS: Limits = Limits {
        idle_s: 60,
        absolute_s: None,
    };
    const POOL: PoolTag = PoolTag(1);
    const ONE: MemberTag = MemberTag(1);
    const TWO: MemberTag = MemberTag(2);

    /// A table, and one that took over from it.
    fn two() -> (AppCookies, AppCookies) {
        let before = AppCookies::new(1024).unwrap();
        let mut snapshot = Vec::new();
        before.want_changes();
        before.write_to(&mut snapshot).unwrap();
        let next = AppCookies::read_from(1024, snapshot.as_slice()).unwrap();
        (before, next)
    }

    fn member(table: &AppCookies, value: &[u8]) -> Option<MemberTag> {
        table.look(POOL, value).map(|session| session.member)
    }

    #[test]
    fn what_becomes_of_sessions_is_told_to_who_took_over() {
        let (before, next) = two();
        let tell = || next.apply(&before.take_changes());
        before.learn(POOL, b"a", ONE, LIMITS, 100);
        before.learn(POOL, b"b", ONE, LIMITS, 100);
        tell();
        assert_eq!((member(&next, b"a"), member(&next, b"b")), (Some(ONE), Some(ONE)));
        assert_eq!(before.move_on(POOL, b"a", ONE, TWO, 101), Moved::Here);
        before.forget(POOL, b"b", 101);
        tell();
        assert_eq!((member(&next, b"a"), member(&next, b"b")), (Some(TWO), None));
        assert!(matches!(before.find(POOL, b"a", LIMITS, 150), Found::Held(_)));
        tell();
        assert!(matches!(next.find(POOL, b"a", LIMITS, 205), Found::Held(_)));
        assert!(before.take_changes().is_empty());
    }

    #[test]
    fn what_came_later_holds() {
        let (before, next) = two();
        before.learn(POOL, b"a", ONE, LIMITS, 100);
        let early = before.take_changes();
        next.learn(POOL, b"a", TWO, LIMITS, 110);
        next.apply(&early);
        assert_eq!(member(&next, b"a"), Some(TWO));
        before.forget(POOL, b"a", 105);
        next.apply(&before.take_changes());
        assert_eq!(member(&next, b"a"), Some(TWO));
    }

    #[test]
    fn what_one_was_told_the_next_one_is_told_too() {
        let (first, second) = two();
        second.want_changes();
        let mut snapshot = Vec::new();
        second.write_to(&mut snapshot).unwrap();
        let third = AppCookies::read_from(1024, snapshot.as_slice()).unwrap();
        first.learn(POOL, b"a", ONE, LIMITS, 100);
        second.apply(&first.take_changes());
        third.apply(&second.take_changes());
        assert_eq!(member(&third, b"a"), Some(ONE));
    }

    #[test]
    fn what_is_no_change_changes_nothing() {
        let (before, next) = two();
        before.learn(POOL, b"a", ONE, LIMITS, 100);
        let change = before.take_changes();
        for end in 0..change.len() {
            next.apply(&change[..end]);
        }
        let mut other = change.clone();
        other[0] = 9;
        next.apply(&other);
        assert!(next.is_empty());
    }

    #[test]
    fn nothing_is_kept_for_nobody_and_never_too_much() {
        let table = AppCookies::new(1024).unwrap();
        table.learn(POOL, b"a", ONE, LIMITS, 100);
        assert!(table.take_changes().is_empty());
        table.want_changes();
        // Within a second nothing changes.
        table.find(POOL, b"a", LIMITS, 100);
        assert!(table.take_changes().is_empty());
        for now_s in 0..=MOST_WAITING as u32 {
            table.find(POOL, b"a", LIMITS, 101 + now_s);
        }
        assert_eq!(table.take_changes().len(), MOST_WAITING * size_of::<Change>());
    }
}

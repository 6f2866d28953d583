//! The table of application cookies: which member set which value. Clients that are recognised by their address have a place in
//! it too, their network being the value.
//!
//! A value is learned from a backend's `Set-Cookie`, and looked up when a client shows it. It is never stored: the table holds
//! 128 bits of its HMAC-SHA-256, together with its pool, under a secret of the table. So nobody can make values that fall
//! together, and no dump of the memory or snapshot holds a value that would open somebody's session.
//!
//! The table is cut into shards with a lock each, all of which are small, so that none takes long to grow. It never holds more
//! than its capacity: then the longest idle of a few that lie near each other makes room.

mod changes;
mod entry;
mod outcomes;
mod shard;
mod snapshot;

#[cfg(test)]
mod model;
#[cfg(test)]
mod tests;

use std::{
    collections::HashMap,
    hash::{BuildHasher as _, Hasher as _, RandomState},
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};

use ring::{
    hmac,
    rand::{SecureRandom as _, SystemRandom},
};

use self::{
    changes::Changes,
    entry::{Entry, Fingerprint},
    shard::Shard,
};
pub use self::{
    entry::{NoSessionId, SessionId},
    outcomes::{Ended, Found, Learned, Listed, Moved, Round},
    snapshot::SnapshotError,
};
use super::{Limits, MemberTag, PoolTag, Session, Times, keys::NoRandomness};

/// How many entries a shard has when the table is full: three quarters of its 1,024 places. So chance alone hardly ever fills
/// one (7/8 are filled at most) and makes it twice as large.
const ENTRIES_OF_SHARD: usize = 768;

/// What hashes are made with: part of a snapshot, since entries are of no use without.
type HashSecret = [u8; 32];

/// Sessions by application cookie.
pub struct AppCookies {
    shards: Box<[Mutex<Shard>]>,
    capacity: usize,
    length: AtomicUsize,
    secret: HashSecret,
    hash: hmac::Key,
    /// Which ids lie in one shard is each table's own. So a snapshot, which comes shard by shard, fills those of another table
    /// evenly, and what a smaller table has no room for is not all of the last ones.
    scatter: u64,
    changes: Changes,
}

/// Where a sweep or a list is.
#[derive(Default, Debug)]
pub struct Cursor(usize);

impl AppCookies {
    /// A table for so many sessions.
    pub fn new(capacity: usize) -> Result<Self, NoRandomness> {
        let mut secret = HashSecret::default();
        SystemRandom::new().fill(&mut secret).map_err(|_| NoRandomness)?;
        Ok(Self::with_secret(capacity, secret))
    }

    fn with_secret(capacity: usize, secret: HashSecret) -> Self {
        let shards = capacity.div_ceil(ENTRIES_OF_SHARD).max(1);
        Self {
            shards: (0..shards).map(|_| Mutex::default()).collect(),
            capacity: capacity.max(1),
            length: AtomicUsize::new(0),
            secret,
            hash: hmac::Key::new(hmac::HMAC_SHA256, &secret),
            // Odd: no two ids become one.
            scatter: RandomState::new().build_hasher().finish() | 1,
            changes: Changes::default(),
        }
    }

    /// Looks a value up that a client showed, and renews its session. Whether the member can serve the client is for the
    /// caller to know: where it cannot, the session is to [`move`](Self::move_on).
    pub fn find(&self, pool: PoolTag, value: &[u8], limits: Limits, now_s: u32) -> Found {
        let fingerprint = self.fingerprint(pool, value);
        let mut shard = self.shard(fingerprint.id);
        let Some(entry) = shard.find(fingerprint) else {
            return Found::Absent;
        };
        let session = entry.session();
        if limits.are_passed(session.times, now_s) {
            self.remove(&mut shard, fingerprint);
            return Found::Expired(session);
        }
        if entry.seen_s.get() != now_s {
            entry.seen_s.set(now_s);
            self.changes.note(entry);
        }
        Found::Held(session)
    }

    /// What there is about a value, which is not renewed: the session may be over.
    pub fn look(&self, pool: PoolTag, value: &[u8]) -> Option<Session> {
        let fingerprint = self.fingerprint(pool, value);
        let mut shard = self.shard(fingerprint.id);
        shard.find(fingerprint).map(|entry| entry.session())
    }

    /// Learns a value that a member set.
    pub fn learn(
        &self,
        pool: PoolTag,
        value: &[u8],
        member: MemberTag,
        limits: Limits,
        now_s: u32,
    ) -> Learned {
        let fingerprint = self.fingerprint(pool, value);
        let mut shard = self.shard(fingerprint.id);
        self.learn_in(&mut shard, (fingerprint, pool), member, limits, now_s)
    }

    fn learn_in(
        &self,
        shard: &mut Shard,
        (fingerprint, pool): (Fingerprint, PoolTag),
        member: MemberTag,
        limits: Limits,
        now_s: u32,
    ) -> Learned {
        let begun = Session {
            member,
            times: Times::begin(now_s),
        };
        let Some(entry) = shard.find(fingerprint) else {
            let entry = Entry::new(fingerprint, pool, begun);
            self.changes.note(&entry);
            return match self.insert(shard, entry) {
                Some(evicted) => Learned::CreatedFor { evicted },
                None => Learned::Created,
            };
        };
        let session = entry.session();
        if limits.are_passed(session.times, now_s) {
            entry.set(begun);
            self.changes.note(entry);
            return Learned::Restarted;
        }
        entry.seen_s.set(now_s);
        entry.member.set(member.0);
        self.changes.note(entry);
        if session.member == member {
            Learned::Same
        } else {
            Learned::Moved { from: session.member }
        }
    }

    /// Begins a session with a member that was chosen for a client, unless it has one: another request of the client may have
    /// been first, and the error says with which member.
    pub fn begin(
        &self,
        pool: PoolTag,
        value: &[u8],
        member: MemberTag,
        limits: Limits,
        now_s: u32,
    ) -> Result<Learned, MemberTag> {
        let fingerprint = self.fingerprint(pool, value);
        let mut shard = self.shard(fingerprint.id);
        if let Some(entry) = shard.find(fingerprint) {
            let Session { member: other, times } = entry.session();
            if other != member && !limits.are_passed(times, now_s) {
                return Err(other);
            }
        }
        Ok(self.learn_in(&mut shard, (fingerprint, pool), member, limits, now_s))
    }

    /// Moves a session on from a member that cannot serve its client. Of requests that do so at once one decides for all.
    pub fn move_on(&self, pool: PoolTag, value: &[u8], from: MemberTag, to: MemberTag, now_s: u32) -> Moved {
        let fingerprint = self.fingerprint(pool, value);
        let mut shard = self.shard(fingerprint.id);
        let Some(entry) = shard.find(fingerprint) else {
            return Moved::Absent;
        };
        entry.seen_s.set(now_s);
        match entry.session().member {
            member if member == from => {
                entry.member.set(to.0);
                self.changes.note(entry);
                Moved::Here
            }
            other => Moved::Already(other),
        }
    }

    /// What the session of a value is called in lists.
    #[must_use]
    pub fn id(&self, pool: PoolTag, value: &[u8]) -> SessionId {
        self.fingerprint(pool, value).id
    }

    /// Forgets a value that a member took back, and says what it was.
    pub fn forget(&self, pool: PoolTag, value: &[u8], now_s: u32) -> Option<Session> {
        let fingerprint = self.fingerprint(pool, value);
        let removed = self.remove(&mut self.shard(fingerprint.id), fingerprint)?;
        self.changes.note_end(removed, now_s);
        Some(removed.session())
    }

    /// Forgets the session of a pool that is listed with this id.
    pub fn forget_listed(&self, pool: PoolTag, id: SessionId) -> Option<Listed> {
        let mut shard = self.shard(id);
        let is_it = |entry: &&Entry| entry.id() == id && entry.pool() == pool;
        let fingerprint = shard.iter().find(is_it)?.fingerprint();
        self.remove(&mut shard, fingerprint).map(|entry| entry.listed())
    }

    /// Forgets the sessions that `is_meant` says, and returns how many those were.
    pub fn forget_where(&self, mut is_meant: impl FnMut(&Listed) -> bool) -> usize {
        let shards = self.shards.iter();
        shards
            .map(|shard| self.retain(&mut locked(shard), |entry| !is_meant(&entry.listed())))
            .sum()
    }

    /// Ends what is over, in one shard more with every call: some microseconds of work, and [`shards`](Self::shards) calls for
    /// all. `limits` is what a pool's configuration says now; `None` for a pool that is gone. Each session that ends is told to
    /// `ended`. Both are called under a lock, and must not use the table.
    pub fn sweep(
        &self,
        cursor: &mut Cursor,
        now_s: u32,
        limits: impl Fn(PoolTag) -> Option<Limits>,
        mut ended: impl FnMut(PoolTag, Ended),
    ) -> Round {
        if let Some(shard) = self.shards.get(cursor.0) {
            self.sweep_shard(&mut locked(shard), now_s, limits, &mut ended);
        }
        self.go_on(cursor)
    }

    fn sweep_shard(
        &self,
        shard: &mut Shard,
        now_s: u32,
        limits: impl Fn(PoolTag) -> Option<Limits>,
        ended: &mut impl FnMut(PoolTag, Ended),
    ) {
        self.retain(shard, |entry| {
            // Times to come are of a clock that was set back: or the session would never end.
            entry.settle(now_s);
            let end = match limits(entry.pool()) {
                None => Ended::PoolGone,
                Some(limits) if limits.are_passed(entry.session().times, now_s) => Ended::Expired,
                Some(_) => return true,
            };
            ended(entry.pool(), end);
            false
        });
        shard.give_memory_back();
    }

    /// All sessions, in no order. They are taken a shard at a time: what changes meanwhile is seen or not.
    pub fn sessions(&self) -> impl Iterator<Item = Listed> + '_ {
        let listed = |shard| -> Vec<Listed> { locked(shard).iter().map(Entry::listed).collect() };
        self.shards.iter().flat_map(listed)
    }

    /// Tells of the sessions of one shard more with every call, under its lock: `note` must not use the table.
    pub fn list(&self, cursor: &mut Cursor, note: impl FnMut(Listed)) -> Round {
        if let Some(shard) = self.shards.get(cursor.0) {
            locked(shard).iter().map(Entry::listed).for_each(note);
        }
        self.go_on(cursor)
    }

    fn go_on(&self, cursor: &mut Cursor) -> Round {
        cursor.0 += 1;
        if cursor.0 < self.shards.len() {
            return Round::GoesOn;
        }
        cursor.0 = 0;
        Round::Complete
    }

    /// How many sessions each pool has. It goes through the table: some milliseconds for a million.
    pub fn count_by_pool(&self) -> HashMap<PoolTag, usize> {
        let mut counts = HashMap::new();
        for shard in &self.shards {
            for entry in locked(shard).iter() {
                *counts.entry(entry.pool()).or_default() += 1;
            }
        }
        counts
    }

    /// How many sessions there are.
    pub fn len(&self) -> usize {
        self.length.load(Relaxed)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many shards there are: calls of [`sweep`](Self::sweep) for a round.
    pub fn shards(&self) -> usize {
        self.shards.len()
    }

    /// How much memory the table takes.
    pub fn memory_bytes(&self) -> usize {
        let own = size_of::<Self>() + size_of_val(&*self.shards);
        own + self
            .shards
            .iter()
            .map(|shard| locked(shard).memory_bytes())
            .sum::<usize>()
    }

    fn fingerprint(&self, pool: PoolTag, value: &[u8]) -> Fingerprint {
        let mut context = hmac::Context::with_key(&self.hash);
        context.update(&pool.0.to_le_bytes());
        context.update(value);
        Fingerprint::from_hash(context.sign().as_ref())
    }

    fn shard(&self, id: SessionId) -> MutexGuard<'_, Shard> {
        // A fraction of their number, in 32 bits.
        let fraction = id.0.wrapping_mul(self.scatter) >> 32;
        let place = (fraction * self.shards.len() as u64) >> 32;
        locked(&self.shards[place as usize])
    }

    /// Puts in what is not there yet, and returns the pool of what had to go for it.
    fn insert(&self, shard: &mut Shard, entry: Entry) -> Option<PoolTag> {
        let evicted = if self.length.fetch_add(1, Relaxed) < self.capacity {
            None
        } else {
            // Always one, or as good as: a shard with nothing in it while the table is full would make that one too full.
            shard.longest_idle(entry.fingerprint())
        };
        let evicted = evicted.and_then(|fingerprint| self.remove(shard, fingerprint));
        shard.insert(entry);
        evicted.map(|entry| entry.pool())
    }

    fn remove(&self, shard: &mut Shard, fingerprint: Fingerprint) -> Option<Entry> {
        let removed = shard.remove(fingerprint)?;
        self.length.fetch_sub(1, Relaxed);
        Some(removed)
    }

    fn retain(&self, shard: &mut Shard, keep: impl FnMut(&mut Entry) -> bool) -> usize {
        let removed = shard.retain(keep);
        self.length.fetch_sub(removed, Relaxed);
        removed
    }
}

impl std::fmt::Debug for AppCookies {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AppCookies")
            .field("capacity", &self.capacity)
            .field("len", &self.len())
            .finish_non_exhaustive()
    }
}

/// A panic elsewhere leaves no entry half written: there is nothing to be afraid of.
fn locked(shard: &Mutex<Shard>) -> MutexGuard<'_, Shard> {
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}

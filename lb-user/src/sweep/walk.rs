//! The walks over all flows and over all sessions.

use std::collections::HashMap;

use lb_common::{
    flow::table::{self, Slot},
    session,
};
use tracing::warn;

use super::{
    Swept,
    removed::{Ids, Kind, is_gone},
};
use crate::bpf::{Ended, Maps, SessionCursor, SessionEntry};

/// Buckets of the flow table that a slice looks at: 4 MiB.
const SLICE_BUCKETS: usize = 8192;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Progress {
    UnderWay,
    /// All were looked at.
    Whole,
    /// It ended before that.
    Broken,
}

/// A walk over all flows.
#[derive(Debug)]
pub(super) struct FlowWalk {
    next_bucket: usize,
    pub(super) swept: Swept,
    /// Of what was removed before it began, that to which nothing refers so far.
    pub(super) unmet: Ids,
}

impl FlowWalk {
    pub(super) fn begin(removed: Ids) -> Self {
        Self {
            next_bucket: 0,
            swept: Swept::default(),
            unmet: removed,
        }
    }

    pub(super) fn step(&mut self, maps: &Maps) -> Progress {
        let now_s = maps.now_s();
        let slice = (0..).zip(maps.flows.iter()).skip(self.next_bucket);
        for (index, bucket) in slice.take(SLICE_BUCKETS) {
            for (way, tag, record) in bucket.records() {
                let member = record.member.get();
                self.unmet.remove(Kind::Listener, record.listener.get());
                self.unmet.remove(Kind::Member, member);
                self.unmet.remove(Kind::SourceAddress, record.snat_address.get());
                let is_over = is_removed(maps, member) || record.is_expired(maps, now_s);
                if is_over && table::release(maps, Slot(index << 3 | way), tag) {
                    self.swept.ended_flows += 1;
                } else {
                    self.swept.flows += 1;
                }
            }
        }
        self.next_bucket += SLICE_BUCKETS;
        if self.next_bucket < maps.flows.len() {
            Progress::UnderWay
        } else {
            Progress::Whole
        }
    }
}

/// A walk over all sessions.
#[derive(Debug)]
pub(super) struct SessionWalk {
    next: SessionCursor,
    pub(super) ended: usize,
    /// How many were left.
    pub(super) sessions: usize,
    evictions: Evictions,
    /// As with flows.
    pub(super) unmet: Ids,
}

impl SessionWalk {
    pub(super) fn begin(maps: &Maps, removed: Ids) -> Self {
        Self {
            next: SessionCursor::START,
            ended: 0,
            sessions: 0,
            evictions: Evictions::begin(maps),
            unmet: removed,
        }
    }

    pub(super) fn step(&mut self, maps: &mut Maps) -> Progress {
        let (entries, next) = match maps.session_batch(self.next) {
            Ok(batch) => batch,
            Err(error) => {
                warn!("cannot read the sessions, to forget those that are over: {error}");
                return Progress::Broken;
            }
        };
        let now_s = maps.now_s();
        for entry in &entries {
            self.unmet.remove(Kind::Pool, entry.key.pool);
            self.unmet.remove(Kind::Member, entry.member);
            // Whoever came back since it was read keeps the session: all but a client that does so between this look and
            // the removal, some microseconds; that one is dealt anew with its next flow.
            if is_over(maps, entry, now_s)
                && maps
                    .session_entry(&entry.key)
                    .is_some_and(|entry| is_over(maps, &entry, now_s))
                && maps.end_session(&entry.key, Ended::Over)
            {
                self.ended += 1;
            } else {
                self.sessions += 1;
                self.evictions.note_left(entry);
            }
        }
        let Some(next) = next else {
            self.evictions.count(maps);
            return Progress::Whole;
        };
        self.next = next;
        Progress::UnderWay
    }
}

/// Finds out how many sessions the kernel evicted, which it does not say: what had been made when a walk began, and what the walk did
/// not meet, though nobody had ended it when the walk was over. Sessions that begin or end during the walk hide as many until the next
/// one: no more are counted than there were.
#[derive(Debug)]
struct Evictions {
    /// How many the datapath had made by then, by pool.
    made: Vec<(u32, u64)>,
    /// How many the walk met, by pool.
    left: HashMap<u32, u64>,
}

impl Evictions {
    fn begin(maps: &Maps) -> Self {
        let pools = (0..).zip(maps.pools.iter());
        let holding = pools.filter(|(_, pool)| pool.used.get() == 1 && pool.session_idle_s.get() > 0);
        let made = holding.map(|(id, _)| (id, maps.counters.sessions(id).created));
        Self {
            made: made.collect(),
            left: HashMap::new(),
        }
    }

    fn note_left(&mut self, entry: &SessionEntry) {
        *self.left.entry(entry.key.pool).or_default() += 1;
    }

    fn count(&self, maps: &Maps) {
        for (id, made) in &self.made {
            let Some(pool) = maps.pools.get(*id as usize) else {
                continue;
            };
            // What the datapath counts as expired, it made anew in place.
            let replaced = maps.counters.sessions(*id).expired;
            let ended = replaced + pool.swept_sessions.get() + pool.dropped_sessions.get();
            let left = self.left.get(id).copied().unwrap_or(0);
            let evicted = made.saturating_sub(ended + left);
            if evicted > pool.evicted_sessions.get() {
                pool.evicted_sessions.set(evicted);
            }
        }
    }
}

fn is_over(maps: &Maps, entry: &SessionEntry, now_s: u32) -> bool {
    let Some(pool) = maps.pools.get(entry.key.pool as usize) else {
        return true;
    };
    let (idle_s, absolute_s) = (pool.session_idle_s.get(), pool.session_absolute_s.get());
    is_removed(maps, entry.member)
        || session::is_expired(entry.first_seen_s, entry.last_seen_s, idle_s, absolute_s, now_s)
}

fn is_removed(maps: &Maps, member: u32) -> bool {
    let member = maps.members.get(member as usize);
    member.is_none_or(|member| is_gone(member.state()))
}

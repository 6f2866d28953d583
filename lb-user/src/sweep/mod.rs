//! The sweep: ends flows whose idle time has passed, or whose member is gone, and sessions that are over. What it meets
//! nowhere any more is the id of a removed member: that is free then.
//!
//! It goes in slices of a few milliseconds, so that whoever sweeps can do other things between them.

use std::collections::{HashMap, HashSet};

use lb_common::{
    flow::table::{self, Slot},
    session,
    tables::MemberState,
};
use tracing::warn;

use crate::bpf::{Maps, SessionCursor, SessionEntry};

/// Buckets of the flow table that a slice looks at: 4 MiB.
const SLICE_BUCKETS: usize = 8192;

/// How many walks over all flows, and over all sessions, must have met nobody who refers to a removed member, before
/// another gets its id. After the first no new reference can be made but by a packet that was under way when the member
/// was removed; it is long gone when the second begins.
const QUIET_WALKS: u32 = 2;

/// What a sweep found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// Flows that live on.
    pub flows: usize,
    /// Flows that were ended.
    pub ended_flows: usize,
}

/// Ends the flows that are over. The table is shared memory: no system call is made for a flow.
pub fn flows(maps: &Maps) -> Swept {
    let mut walk = FlowWalk::begin(maps);
    while walk.step(maps) == Progress::UnderWay {}
    walk.swept
}

/// Forgets the sessions that are over, and gives their number.
pub fn sessions(maps: &mut Maps) -> usize {
    let mut walk = SessionWalk::begin(maps);
    while walk.step(maps) == Progress::UnderWay {}
    walk.ended
}

/// Sweeps in slices, and frees the ids of removed members.
#[derive(Debug, Default)]
pub struct Sweep {
    flows: Option<FlowWalk>,
    sessions: Option<SessionWalk>,
    /// The walks that met nobody of a removed member.
    quiet: HashMap<u32, Quiet>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Quiet {
    flow_walks: u32,
    session_walks: u32,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Progress {
    UnderWay,
    /// All were looked at.
    Whole,
    /// It ended before that.
    Broken,
}

impl Sweep {
    /// Begins to sweep the flows, unless that is under way.
    pub fn begin_flows(&mut self, maps: &Maps) {
        self.flows.get_or_insert_with(|| FlowWalk::begin(maps));
    }

    /// Begins to sweep the sessions, unless that is under way.
    pub fn begin_sessions(&mut self, maps: &Maps) {
        self.sessions.get_or_insert_with(|| SessionWalk::begin(maps));
    }

    /// Whether there is something to do.
    #[must_use]
    pub fn is_under_way(&self) -> bool {
        self.flows.is_some() || self.sessions.is_some()
    }

    /// Sweeps a slice of the flows and one of the sessions, where that is under way.
    pub fn step(&mut self, maps: &mut Maps) {
        if let Some(mut walk) = self.flows.take() {
            match walk.step(maps) {
                Progress::UnderWay => self.flows = Some(walk),
                ended => self.end(maps, ended, &walk.unmet, |quiet| &mut quiet.flow_walks),
            }
        }
        if let Some(mut walk) = self.sessions.take() {
            match walk.step(maps) {
                Progress::UnderWay => self.sessions = Some(walk),
                ended => self.end(maps, ended, &walk.unmet, |quiet| &mut quiet.session_walks),
            }
        }
    }

    /// These members are configured: where one of them was gone and is back, its id is not to be freed.
    pub fn keep(&mut self, members: impl Iterator<Item = u32>) {
        for id in members {
            self.quiet.remove(&id);
            if let Some(walk) = &mut self.flows {
                walk.unmet.remove(&id);
            }
            if let Some(walk) = &mut self.sessions {
                walk.unmet.remove(&id);
            }
        }
    }

    fn end(
        &mut self,
        maps: &Maps,
        progress: Progress,
        unmet: &HashSet<u32>,
        walks: fn(&mut Quiet) -> &mut u32,
    ) {
        for (id, quiet) in &mut self.quiet {
            if progress != Progress::Whole || !unmet.contains(id) {
                *walks(quiet) = 0;
            }
        }
        if progress != Progress::Whole {
            return;
        }
        for id in unmet {
            let quiet = self.quiet.entry(*id).or_default();
            *walks(quiet) += 1;
            if quiet.flow_walks >= QUIET_WALKS && quiet.session_walks >= QUIET_WALKS {
                self.quiet.remove(id);
                free(maps, *id);
            }
        }
    }
}

/// Gives an id of a removed member free. What is counted of flows that are not there is forgotten with it.
fn free(maps: &Maps, id: u32) {
    if let Some(member) = maps.members.get(id as usize) {
        member.active_flows.set(0);
        member.state.set(MemberState::Unused as u32);
    }
}

/// A walk over all flows.
#[derive(Debug)]
struct FlowWalk {
    next_bucket: usize,
    swept: Swept,
    /// Of the members that were removed before it began, those whom nothing refers to so far.
    unmet: HashSet<u32>,
}

impl FlowWalk {
    fn begin(maps: &Maps) -> Self {
        Self {
            next_bucket: 0,
            swept: Swept::default(),
            unmet: removed(maps),
        }
    }

    fn step(&mut self, maps: &Maps) -> Progress {
        let now_s = maps.now_s();
        let slice = (0..).zip(maps.flows.iter()).skip(self.next_bucket);
        for (index, bucket) in slice.take(SLICE_BUCKETS) {
            for (way, tag, record) in bucket.records() {
                let member = record.member.get();
                let is_removed = is_removed(maps, member);
                if is_removed {
                    self.unmet.remove(&member);
                }
                let is_over = is_removed || record.is_expired(maps, now_s);
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
struct SessionWalk {
    next: SessionCursor,
    ended: usize,
    /// As with flows.
    unmet: HashSet<u32>,
}

impl SessionWalk {
    fn begin(maps: &Maps) -> Self {
        Self {
            next: SessionCursor::START,
            ended: 0,
            unmet: removed(maps),
        }
    }

    fn step(&mut self, maps: &mut Maps) -> Progress {
        let (entries, next) = match maps.session_batch(self.next) {
            Ok(batch) => batch,
            Err(error) => {
                warn!("cannot read the sessions, to forget those that are over: {error}");
                return Progress::Broken;
            }
        };
        let now_s = maps.now_s();
        for entry in &entries {
            self.unmet.remove(&entry.member);
            // Whoever came back since it was read keeps the session: all but a client that does so between this look and
            // the removal, some microseconds; that one is dealt anew with its next flow.
            if is_over(maps, entry, now_s)
                && maps
                    .session_entry(&entry.key)
                    .is_some_and(|entry| is_over(maps, &entry, now_s))
                && maps.remove_session(&entry.key)
            {
                maps.count_swept_session(&entry.key);
                self.ended += 1;
            }
        }
        let Some(next) = next else {
            return Progress::Whole;
        };
        self.next = next;
        Progress::UnderWay
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
    maps.members.get(member as usize).is_none_or(|member| {
        matches!(
            MemberState::from_word(member.state.get()),
            MemberState::Removed | MemberState::Unused
        )
    })
}

/// The removed members whose ids are not free yet.
fn removed(maps: &Maps) -> HashSet<u32> {
    let members = (0..).zip(maps.members.iter());
    let removed = members.filter(|(_, member)| member.state.get() == MemberState::Removed as u32);
    removed.map(|(id, _)| id).collect()
}

//! The sweep: ends flows whose idle time has passed, or whose member is gone, and sessions that are over. What it meets
//! nowhere any more is the id of something that was removed (a listener, a pool, a member, a source address): that is
//! free then.
//!
//! It goes in slices of a few milliseconds, so that whoever sweeps can do other things between them.

mod removed;
mod walk;

use std::{collections::HashMap, time::Instant};

use crate::{
    bpf::Maps,
    histogram::{Durations, Histogram},
};
use removed::{Ids, Kind, free};
use walk::{FlowWalk, Progress, SessionWalk};

/// How many walks over all flows, and over all sessions, must have met nobody who refers to what was removed, before
/// another gets its id. After the first no new reference can be made but by a packet that was under way at the removal;
/// it is long gone when the second begins.
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
    let mut walk = FlowWalk::begin(Ids::default());
    while walk.step(maps) == Progress::UnderWay {}
    walk.swept
}

/// Forgets the sessions that are over, and gives their number.
pub fn sessions(maps: &mut Maps) -> usize {
    let mut walk = SessionWalk::begin(maps, Ids::default());
    while walk.step(maps) == Progress::UnderWay {}
    walk.ended
}

/// Sweeps in slices, and frees the ids of what was removed.
#[derive(Debug)]
pub struct Sweep {
    flows: Option<(Instant, FlowWalk)>,
    sessions: Option<(Instant, SessionWalk)>,
    /// How many flows and sessions the last walks left; none before the first.
    left: Left,
    /// How long walks took from their beginning to their end, with all that the daemon did in between.
    flow_times: Histogram,
    session_times: Histogram,
    /// What is removed, and not free yet.
    removed: Ids,
    /// The walks that met nobody of it.
    quiet: HashMap<(Kind, u32), Quiet>,
}

/// How many flows and sessions walks have left; none: nobody has looked.
#[derive(Clone, Copy, Debug, Default)]
pub struct Left {
    /// In the table of flows.
    pub flows: Option<u64>,
    /// In that of sessions.
    pub sessions: Option<u64>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Quiet {
    flow_walks: u32,
    session_walks: u32,
}

impl Sweep {
    /// Has to be told of every change of the configuration: see [`Self::note_change`].
    #[must_use]
    pub fn new(maps: &Maps) -> Self {
        Self {
            flows: None,
            sessions: None,
            left: Left::default(),
            flow_times: Histogram::default(),
            session_times: Histogram::default(),
            removed: Ids::removed(maps),
            quiet: HashMap::new(),
        }
    }

    /// Begins to sweep the flows, unless that is under way.
    pub fn begin_flows(&mut self) {
        let removed = &self.removed;
        self.flows
            .get_or_insert_with(|| (Instant::now(), FlowWalk::begin(removed.clone())));
    }

    /// Begins to sweep the sessions, unless that is under way.
    pub fn begin_sessions(&mut self, maps: &Maps) {
        let removed = &self.removed;
        self.sessions
            .get_or_insert_with(|| (Instant::now(), SessionWalk::begin(maps, removed.clone())));
    }

    /// Whether there is something to do.
    #[must_use]
    pub fn is_under_way(&self) -> bool {
        self.flows.is_some() || self.sessions.is_some()
    }

    /// Sweeps a slice of the flows and one of the sessions, where that is under way.
    pub fn step(&mut self, maps: &mut Maps) {
        if let Some((begun, mut walk)) = self.flows.take() {
            match walk.step(maps) {
                Progress::UnderWay => self.flows = Some((begun, walk)),
                ended => {
                    if ended == Progress::Whole {
                        self.flow_times.observe(begun.elapsed());
                        self.left.flows = Some(walk.swept.flows as u64);
                    }
                    self.end(maps, ended, &walk.unmet, |quiet| &mut quiet.flow_walks);
                }
            }
        }
        if let Some((begun, mut walk)) = self.sessions.take() {
            match walk.step(maps) {
                Progress::UnderWay => self.sessions = Some((begun, walk)),
                ended => {
                    if ended == Progress::Whole {
                        self.session_times.observe(begun.elapsed());
                        self.left.sessions = Some(walk.sessions as u64);
                    }
                    self.end(maps, ended, &walk.unmet, |quiet| &mut quiet.session_walks);
                }
            }
        }
    }

    /// How many flows and sessions there were when they were last looked at.
    #[must_use]
    pub fn left(&self) -> Left {
        self.left
    }

    /// How long walks over the flows took, and such over the sessions.
    #[must_use]
    pub fn times(&self) -> [Durations; 2] {
        [self.flow_times.report(), self.session_times.report()]
    }

    /// The maps were made equal to a configuration. What was removed by that is swept for from now on; what was removed
    /// and is back keeps its id, and what was swept before does not count when it goes again.
    pub fn note_change(&mut self, maps: &Maps) {
        self.removed = Ids::removed(maps);
        self.quiet
            .retain(|(kind, id), _| self.removed.contains(*kind, *id));
        if let Some((_, walk)) = &mut self.flows {
            walk.unmet.retain(&self.removed);
        }
        if let Some((_, walk)) = &mut self.sessions {
            walk.unmet.retain(&self.removed);
        }
    }

    fn end(&mut self, maps: &Maps, progress: Progress, unmet: &Ids, walks: fn(&mut Quiet) -> &mut u32) {
        for ((kind, id), quiet) in &mut self.quiet {
            if progress != Progress::Whole || !unmet.contains(*kind, *id) {
                *walks(quiet) = 0;
            }
        }
        if progress != Progress::Whole {
            return;
        }
        for (kind, id) in unmet.iter() {
            // The other walk may have been the last that it waited for.
            if !self.removed.contains(kind, id) {
                continue;
            }
            let quiet = self.quiet.entry((kind, id)).or_default();
            *walks(quiet) += 1;
            if quiet.flow_walks >= QUIET_WALKS && quiet.session_walks >= QUIET_WALKS {
                self.quiet.remove(&(kind, id));
                self.removed.remove(kind, id);
                free(maps, kind, id);
            }
        }
    }
}

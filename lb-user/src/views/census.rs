//! What of the status takes a look at every flow and every session.

use std::collections::HashMap;

use lb_common::flow::Record;

use super::{Sight, sessions};
use crate::bpf::SessionEntry;

/// How many flows and sessions there are. They are shown to it one after the other, so that whoever asks need not wait
/// for all of them.
#[derive(Clone, Debug, Default)]
pub struct Census {
    /// Open flows by the id of their listener.
    flows: HashMap<u32, u64>,
    /// Sessions that hold by the id of their pool.
    sessions: HashMap<u32, u64>,
    /// The same by the id of their member.
    sessions_of_members: HashMap<u32, u64>,
    /// Flows, also those that are over and not swept.
    all_flows: u64,
    /// The same of sessions.
    all_sessions: u64,
}

impl Census {
    /// Of all that there are, at once.
    pub fn of<S: Sight>(sight: &S) -> Self {
        let mut census = Self::default();
        sight.flow_records().for_each(|record| census.note_flow(record));
        sight
            .sessions()
            .for_each(|entry| census.note_session(sight, &entry));
        census
    }

    /// Counts a flow, where it is open.
    pub fn note_flow(&mut self, record: &Record) {
        self.all_flows += 1;
        if record.state_word().is_counted() {
            *self.flows.entry(record.listener.get()).or_default() += 1;
        }
    }

    /// Counts a session, where it holds.
    pub fn note_session<S: Sight>(&mut self, sight: &S, entry: &SessionEntry) {
        self.all_sessions += 1;
        let pool = sight.pool(entry.key.pool);
        if pool.is_some_and(|pool| sight.now_s() < sessions::end_s(pool, entry)) {
            *self.sessions.entry(entry.key.pool).or_default() += 1;
            *self.sessions_of_members.entry(entry.member).or_default() += 1;
        }
    }

    /// All that take a place in the table of flows.
    pub(super) fn all_flows(&self) -> u64 {
        self.all_flows
    }

    /// The same of sessions.
    pub(super) fn all_sessions(&self) -> u64 {
        self.all_sessions
    }

    /// The open flows of a listener.
    pub(super) fn flows_of(&self, listener: u32) -> u64 {
        self.flows.get(&listener).copied().unwrap_or(0)
    }

    /// The sessions with a member.
    pub(super) fn sessions_with(&self, member: u32) -> u64 {
        self.sessions_of_members.get(&member).copied().unwrap_or(0)
    }

    /// The sessions of a pool.
    pub(super) fn sessions_of(&self, pool: u32) -> u64 {
        self.sessions.get(&pool).copied().unwrap_or(0)
    }
}

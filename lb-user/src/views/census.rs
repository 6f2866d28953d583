//! What of the status takes a look at every flow and every session.

use std::collections::HashMap;

use lb_common::flow::Record;

use super::{Scene, Sight, sessions};
use crate::{
    bpf::SessionEntry,
    model,
    persistence::{Limits, MemberTag, PoolTag, app_cookies::Listed},
};

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
    /// The pools whose sessions the proxy remembers.
    remembered: HashMap<PoolTag, RememberedSessions>,
}

/// The sessions of such a pool.
#[derive(Clone, Debug)]
pub(super) struct RememberedSessions {
    limits: Limits,
    of_members: HashMap<MemberTag, u64>,
}

impl RememberedSessions {
    pub(super) fn all(&self) -> u64 {
        self.of_members.values().sum()
    }

    /// Those with a member.
    pub(super) fn with(&self, member: &model::Member) -> u64 {
        let tag = member.endpoint().map(MemberTag::at);
        tag.and_then(|tag| self.of_members.get(&tag))
            .copied()
            .unwrap_or(0)
    }
}

impl Census {
    /// One that nothing was shown to.
    pub fn new<S: Sight>(scene: &Scene<'_, S>) -> Self {
        let pools = scene.config.pools.iter();
        let remembered = pools.filter_map(|pool| {
            let limits = Limits::of(pool.session_persistence.as_ref()?);
            let of_members = HashMap::new();
            let remembered = RememberedSessions { limits, of_members };
            scene
                .remembers(pool)
                .then(|| (PoolTag::of(&pool.name), remembered))
        });
        Self {
            remembered: remembered.collect(),
            ..Self::default()
        }
    }

    /// Of all that there are, at once.
    pub fn of<S: Sight>(scene: &Scene<'_, S>) -> Self {
        let mut census = Self::new(scene);
        let sight = scene.sight;
        sight.flow_records().for_each(|record| census.note_flow(record));
        sight
            .sessions()
            .for_each(|entry| census.note_session(sight, &entry));
        let table = scene.look.app_cookies().into_iter();
        table
            .flat_map(crate::persistence::AppCookies::sessions)
            .for_each(|entry| census.note_remembered(scene.look.now_s(), &entry));
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

    /// The same of a session that the proxy remembers.
    pub fn note_remembered(&mut self, now_s: u32, entry: &Listed) {
        if let Some(pool) = self.remembered.get_mut(&entry.pool)
            && !pool.limits.are_passed(entry.session.times, now_s)
        {
            *pool.of_members.entry(entry.session.member).or_default() += 1;
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

    /// The sessions of a pool that the proxy remembers; none where it remembers none.
    pub(super) fn remembered_of(&self, pool: &str) -> Option<&RememberedSessions> {
        self.remembered.get(&PoolTag::of(pool))
    }

    /// The sessions of a pool.
    pub(super) fn sessions_of(&self, pool: u32) -> u64 {
        self.sessions.get(&pool).copied().unwrap_or(0)
    }
}

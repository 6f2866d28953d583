//! What is counted, by each core for itself.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use crate::session::Plan;

/// What passed, by direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Traffic {
    /// Packets from clients.
    pub packets_in: u64,
    /// Bytes of these, from the IP header on.
    pub bytes_in: u64,
    /// Packets to clients.
    pub packets_out: u64,
    /// Bytes of these, from the IP header on.
    pub bytes_out: u64,
    /// Flows begun.
    pub new_flows: u64,
    /// What these flows meant for sessions.
    pub sessions: SessionCounts,
}

impl Traffic {
    /// Counts a new flow, with what it meant for its client's session.
    #[inline(always)]
    pub fn open(&mut self, done: Plan) {
        self.new_flows += 1;
        self.sessions.count(done);
    }
}

/// What became of sessions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct SessionCounts {
    /// Made for a client that had none.
    pub created: u64,
    /// New flows that went where their session said.
    pub held: u64,
    /// Sessions that went to another member because theirs took no packets.
    pub moved: u64,
    /// Sessions that were found too old, and made anew. Those that nobody came back for are in
    /// [`super::Pool::swept_sessions`].
    pub expired: u64,
}

impl SessionCounts {
    /// Counts what was done with a session.
    #[inline(always)]
    pub fn count(&mut self, done: Plan) {
        match done {
            Plan::None => {}
            Plan::Create => self.created += 1,
            Plan::Renew => self.held += 1,
            Plan::Restart => {
                self.expired += 1;
                self.created += 1;
            }
            Plan::Move => self.moved += 1,
        }
    }
}

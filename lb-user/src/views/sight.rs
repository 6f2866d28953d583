//! What the views see of the maps.

use lb_common::{
    flow::Record,
    platform::Tables,
    tables::{SessionCounts, SessionKey, Traffic},
    verdict::Reason,
};

use crate::bpf::{Maps, SessionEntry};

/// The maps, to be looked at: by the datapath's own functions, and as a whole.
pub trait Sight: Tables {
    /// The flows in the table.
    fn flow_records(&self) -> impl Iterator<Item = &Record>;
    /// All sessions.
    fn sessions(&self) -> impl Iterator<Item = SessionEntry>;
    /// A session. It is not kept longer by being looked at.
    fn session_entry(&self, key: &SessionKey) -> Option<SessionEntry>;
    /// What passed through a listener.
    fn listener_traffic(&self, id: u32) -> Traffic;
    /// What passed to and from a member.
    fn member_traffic(&self, id: u32) -> Traffic;
    /// What the datapath did with the sessions of a pool.
    fn session_counts(&self, pool: u32) -> SessionCounts;
    /// Packets of a reason.
    fn packets(&self, reason: Reason) -> u64;
}

impl Sight for Maps {
    fn flow_records(&self) -> impl Iterator<Item = &Record> {
        Maps::flow_records(self)
    }

    fn sessions(&self) -> impl Iterator<Item = SessionEntry> {
        Maps::sessions(self)
    }

    fn session_entry(&self, key: &SessionKey) -> Option<SessionEntry> {
        Maps::session_entry(self, key)
    }

    fn listener_traffic(&self, id: u32) -> Traffic {
        self.counters.listener(id)
    }

    fn member_traffic(&self, id: u32) -> Traffic {
        self.counters.member(id)
    }

    fn session_counts(&self, pool: u32) -> SessionCounts {
        self.counters.sessions(pool)
    }

    fn packets(&self, reason: Reason) -> u64 {
        self.counters.reason(reason)
    }
}

//! What the views see of the maps.

use std::{io, ops::Range};

use lb_common::{
    address::Address,
    flow::{Bucket, Record},
    index::IndexBucket,
    platform::{Members, Tables},
    tables::{Listener, Member, Pool, SessionCounts, SessionKey, Settings, Traffic},
    verdict::Reason,
};

use crate::bpf::{Maps, SessionCursor, SessionEntry};

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

/// The maps, where there are any: without a layer 4 there is nothing to see.
#[derive(Clone, Copy)]
pub struct MaybeMaps<'m>(pub Option<&'m Maps>);

impl<'m> MaybeMaps<'m> {
    /// Some sessions, and where the rest begins; none: there are no more.
    pub fn session_batch(
        self,
        from: SessionCursor,
    ) -> io::Result<(Vec<SessionEntry>, Option<SessionCursor>)> {
        self.0
            .map_or_else(|| Ok((Vec::new(), None)), |maps| maps.session_batch(from))
    }

    /// The buckets of the flow table.
    #[must_use]
    pub fn flow_buckets(self) -> usize {
        self.0.map_or(0, |maps| maps.flows.len())
    }

    /// The flows in some of them.
    pub fn flow_records_in(self, buckets: Range<usize>) -> impl Iterator<Item = &'m Record> {
        self.0
            .into_iter()
            .flat_map(move |maps| maps.flow_records_in(buckets.clone()))
    }
}

impl Members for MaybeMaps<'_> {
    fn member(&self, id: u32) -> Option<&Member> {
        self.0?.member(id)
    }

    fn schedule_slot(&self, slot: u32) -> Option<u32> {
        self.0?.schedule_slot(slot)
    }
}

impl Tables for MaybeMaps<'_> {
    fn now_s(&self) -> u32 {
        self.0.map_or(0, Maps::now_s)
    }

    fn settings(&self) -> Option<&Settings> {
        self.0?.settings()
    }

    fn filter_word(&self, index: u32) -> u64 {
        self.0.map_or(0, |maps| maps.filter_word(index))
    }

    fn listener_bucket(&self, index: u32) -> Option<&IndexBucket> {
        self.0?.listener_bucket(index)
    }

    fn listener(&self, id: u32) -> Option<&Listener> {
        self.0?.listener(id)
    }

    fn pool(&self, id: u32) -> Option<&Pool> {
        self.0?.pool(id)
    }

    fn snat_address(&self, index: u32) -> Option<Address> {
        self.0?.snat_address(index)
    }

    fn bucket(&self, index: u32) -> Option<&Bucket> {
        self.0?.bucket(index)
    }

    fn return_bucket(&self, index: u32) -> Option<&IndexBucket> {
        self.0?.return_bucket(index)
    }
}

impl Sight for MaybeMaps<'_> {
    fn flow_records(&self) -> impl Iterator<Item = &Record> {
        self.flow_records_in(0..self.flow_buckets())
    }

    fn sessions(&self) -> impl Iterator<Item = SessionEntry> {
        self.0.into_iter().flat_map(Maps::sessions)
    }

    fn session_entry(&self, key: &SessionKey) -> Option<SessionEntry> {
        self.0?.session_entry(key)
    }

    fn listener_traffic(&self, id: u32) -> Traffic {
        self.0.map(|maps| maps.counters.listener(id)).unwrap_or_default()
    }

    fn member_traffic(&self, id: u32) -> Traffic {
        self.0.map(|maps| maps.counters.member(id)).unwrap_or_default()
    }

    fn session_counts(&self, pool: u32) -> SessionCounts {
        self.0
            .map(|maps| maps.counters.sessions(pool))
            .unwrap_or_default()
    }

    fn packets(&self, reason: Reason) -> u64 {
        self.0.map_or(0, |maps| maps.counters.reason(reason))
    }
}

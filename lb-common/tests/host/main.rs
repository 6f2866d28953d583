//! The cases in ordinary memory.

#[path = "../cases/mod.rs"]
mod cases;
mod sessions;

use std::sync::Arc;

use cases::core::{Core, MEMBERS};
use lb_common::{
    address::Address,
    datapath, filter,
    flow::Bucket,
    host::{HostFrame, HostPlatform, HostTables},
    index::IndexBucket,
    platform::Route,
    tables::{Member, Pool, SessionCounts, Settings, Traffic},
    verdict::{Reason, Verdict},
};

pub(crate) use self::Host as Here;

/// A core of the host.
pub(crate) struct Host(pub(crate) HostPlatform);

impl Core for Host {
    fn shortest_frame() -> usize {
        0
    }

    fn first(tables: HostTables) -> Self {
        Self(HostPlatform::new(Arc::new(tables)))
    }

    fn another(&self) -> Self {
        Self(HostPlatform::new(Arc::clone(&self.0.tables)))
    }

    fn run(&self, ingress: u32, frame: &[u8]) -> (Verdict, Vec<u8>) {
        let Self(platform) = self;
        let mut frame = HostFrame::new(frame);
        platform.ingress.set(ingress);
        platform.redirected.set(0);
        let verdict = datapath::process(platform, &mut frame);
        (verdict, frame.bytes().to_vec())
    }

    fn redirected(&self) -> Option<u32> {
        Some(self.0.redirected.get())
    }

    fn pass_time(&self, seconds: u32) {
        self.0.tables.now_s.fetch_add(seconds);
    }

    fn add_route(&self, destination: &Address, from: [u8; 6], to: [u8; 6]) {
        let mut macs = [0; 12];
        macs[..6].copy_from_slice(&to);
        macs[6..].copy_from_slice(&from);
        let word = |at: usize| u32::from_ne_bytes([macs[at], macs[at + 1], macs[at + 2], macs[at + 3]]);
        let route = Route {
            macs: [word(0), word(4), word(8)],
            ifindex: MEMBERS,
        };
        self.0.add_route(*destination, route);
    }

    fn set_filter(&self, kind: filter::Kind, address: &Address) {
        self.0.tables.set_filter(kind, address);
    }

    fn lay_out(&self, pool: u32) {
        self.0.tables.lay_out(pool);
    }

    fn settings(&self) -> &Settings {
        &self.0.tables.settings
    }

    fn pool(&self, id: u32) -> &Pool {
        &self.0.tables.pools[id as usize]
    }

    fn member(&self, id: u32) -> &Member {
        &self.0.tables.members[id as usize]
    }

    fn buckets(&self) -> &[Bucket] {
        &self.0.tables.buckets
    }

    fn return_buckets(&self) -> &[IndexBucket] {
        &self.0.tables.return_buckets
    }

    fn session_count(&self) -> usize {
        self.0.tables.session_count()
    }

    fn reason(&self, reason: Reason) -> u64 {
        self.0.reason(reason)
    }

    fn listener_traffic(&self, id: u32) -> Traffic {
        self.0.listener_traffic(id)
    }

    fn member_traffic(&self, id: u32) -> Traffic {
        self.0.member_traffic(id)
    }

    fn session_counts(&self, pool: u32) -> SessionCounts {
        self.0.session_counts(pool)
    }
}

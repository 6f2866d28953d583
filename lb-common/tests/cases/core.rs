//! Where the cases run.

use lb_common::{
    address::Address,
    filter,
    flow::Bucket,
    host::HostTables,
    index::IndexBucket,
    tables::{Member, Pool, SessionCounts, Settings, Traffic},
    verdict::{Reason, Verdict},
};

/// The interface of the clients.
pub(crate) const CLIENTS: u32 = 1;
/// The interface of the members.
pub(crate) const MEMBERS: u32 = 2;
/// Another interface by which clients come.
pub(crate) const ELSEWHERE: u32 = 7;

/// A core, and the maps that it shares with others: in ordinary memory or in the kernel.
pub(crate) trait Core: Send + Sized {
    /// The shortest frame that gets there, in bytes.
    fn shortest_frame() -> usize;

    /// The first core of a datapath of its own that is configured like these tables.
    fn first(tables: HostTables) -> Self;
    /// Another core of the same datapath.
    fn another(&self) -> Self;

    /// Runs a frame that came in by this interface.
    fn run(&self, ingress: u32, frame: &[u8]) -> (Verdict, Vec<u8>);
    /// The interface that the last frame was redirected to, where that can be seen.
    fn redirected(&self) -> Option<u32>;

    /// Lets time pass; otherwise it stands still.
    fn pass_time(&self, seconds: u32);
    /// Lets the platform's own routing know a way to an address, out of [`MEMBERS`]: from one hardware address to another.
    fn add_route(&self, destination: &Address, from: [u8; 6], to: [u8; 6]);
    /// Sets the bit of an address in the filter.
    fn set_filter(&self, kind: filter::Kind, address: &Address);
    /// Lays the schedule of a pool out anew, after a change of weights or members.
    fn lay_out(&self, pool: u32);

    fn settings(&self) -> &Settings;
    fn pool(&self, id: u32) -> &Pool;
    fn member(&self, id: u32) -> &Member;
    fn buckets(&self) -> &[Bucket];
    fn return_buckets(&self) -> &[IndexBucket];
    fn session_count(&self) -> usize;

    fn reason(&self, reason: Reason) -> u64;
    fn listener_traffic(&self, id: u32) -> Traffic;
    fn member_traffic(&self, id: u32) -> Traffic;
    fn session_counts(&self, pool: u32) -> SessionCounts;
}

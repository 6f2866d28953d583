//! What the datapath needs from where it runs: the kernel's maps and helpers, or a test's memory.

use crate::{
    address::Address,
    flow::{Bucket, apart::Keyed, table::Slot},
    index::IndexBucket,
    open::Opener,
    tables::{
        FragmentKey, FragmentRoute, Listener, Member, Pool, Session, SessionCounts, SessionKey, Settings,
        Traffic,
    },
    verdict::Reason,
};

/// Whether a loop goes on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Loop {
    /// With the next step.
    Continue,
    /// No further.
    Stop,
}

/// What a loop does. A type rather than a function pointer, which the kernel cannot call.
pub trait LoopBody<T> {
    /// One round.
    fn step(&mut self, tables: &T, index: u32) -> Loop;
}

/// A way out, found by the platform's own routing.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(8))]
pub struct Route {
    /// The hardware addresses as they stand in the frame (destination, then source).
    pub macs: [u32; 3],
    /// The interface's index.
    pub ifindex: u32,
}

/// The members, and the schedules that they are dealt by: all that a scheduler needs. Layer 7 has them in its own memory.
pub trait Members: Sized {
    /// A member.
    fn member(&self, id: u32) -> Option<&Member>;
    /// The member id in a slot of the schedules.
    fn schedule_slot(&self, slot: u32) -> Option<u32>;

    /// Runs the body with 0, 1, ... below `count`, until it stops. The kernel's verifier goes through it once.
    fn repeat<B: LoopBody<Self>>(&self, count: u32, body: &mut B) {
        for index in 0..count {
            if body.step(self, index) == Loop::Stop {
                break;
            }
        }
    }
}

/// What the daemon writes and the datapath follows, and the flows: memory that both share, from several cores at once. So
/// it is made of [`crate::word`]s.
pub trait Tables: Members {
    /// The time in seconds, of a clock that never goes back.
    fn now_s(&self) -> u32;
    /// The settings.
    fn settings(&self) -> Option<&Settings>;
    /// A word of the address filter: see [`crate::filter`].
    fn filter_word(&self, index: u32) -> u64;
    /// A bucket of the index of listeners: see [`crate::listeners`].
    fn listener_bucket(&self, index: u32) -> Option<&IndexBucket>;
    /// A listener.
    fn listener(&self, id: u32) -> Option<&Listener>;
    /// A pool.
    fn pool(&self, id: u32) -> Option<&Pool>;
    /// A source address of the balancer.
    fn snat_address(&self, index: u32) -> Option<Address>;
    /// A bucket of the flow table.
    fn bucket(&self, index: u32) -> Option<&Bucket>;
    /// A bucket of the index of return flows.
    fn return_bucket(&self, index: u32) -> Option<&IndexBucket>;
}

/// All else: what belongs to the core, the kernel's own maps, clock and helpers.
pub trait Platform: Tables {
    /// The interface that the packet came in by.
    fn ingress_ifindex(&self) -> u32;

    /// A session.
    fn session(&self, key: &SessionKey) -> Option<&Session>;
    /// Makes a session where there is none; whether it did.
    fn create_session(&self, key: &SessionKey, member: u32, now_s: u32) -> bool;
    /// The route of a datagram's fragments.
    fn fragment(&self, key: &FragmentKey) -> Option<FragmentRoute>;
    /// Notes the route of a datagram's fragments.
    fn set_fragment(&self, key: &FragmentKey, route: &FragmentRoute);
    /// The platform's own way from the balancer to an address, where it knows one.
    fn route(&self, source: &Address, destination: &Address) -> Option<Route>;

    /// Changes this core's counters of a listener.
    fn count_listener(&self, id: u32, change: impl FnOnce(&mut Traffic));
    /// Changes this core's counters of a member.
    fn count_member(&self, id: u32, change: impl FnOnce(&mut Traffic));
    /// Changes this core's counters of a pool's sessions.
    fn count_sessions(&self, pool: u32, change: impl FnOnce(&mut SessionCounts));
    /// Counts a packet under a reason.
    fn count_reason(&self, reason: Reason);
    /// Takes one of this second's answers; false where none is left.
    fn may_answer(&self, now_s: u32, per_second: u32) -> bool;

    /// Chooses the interface that a redirected packet leaves by.
    fn redirect_to(&self, ifindex: u32);

    /// Keeps what the answering stage is to answer, in the words of [`crate::answer::Kind`].
    fn set_answer(&self, kind: [u32; 2]);
    /// What was kept.
    fn answer(&self) -> [u32; 2];

    /// This core's memory for what opens a flow.
    fn opener(&self) -> Option<&Opener>;
    /// Takes a way of the flow table: [`crate::flow::apart::reserve_word`].
    fn reserve(&self, key: Keyed, now_s: u32) -> u64;
    /// Enters a flow in the return index: [`crate::flow::apart::enter_return`].
    fn enter_return(&self, key: Keyed, slot: Slot) -> bool;
    /// Enters a flow in the return index under a source of this attempt: [`crate::flow::apart::try_source`].
    fn try_source(&self, slot: Slot, member: u32, protocol: u32, hash: u32, attempt: u32) -> u64;
    /// The slot of the flow that has the source of this attempt: [`crate::flow::apart::source_holder`].
    fn source_holder(&self, member: u32, protocol: u32, hash: u32, attempt: u32) -> u32;
    /// Ends a flow: [`crate::flow::apart::release`].
    fn release(&self, slot: Slot, tag: u32) -> bool;
}

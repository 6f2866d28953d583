//! The datapath in ordinary memory: what the kernel is to it in service, for tests.

mod frame;
mod tables;

extern crate std;

use core::cell::{Cell, RefCell};
use std::{collections::BTreeMap, sync::Arc, vec::Vec};

pub use frame::{HostCursor, HostFrame};
pub use tables::HostTables;

use crate::{
    address::Address,
    flow::{
        Bucket,
        apart::{self, Keyed},
        table::Slot,
    },
    index::IndexBucket,
    open::Opener,
    platform::{Members, Platform, Route, Tables},
    tables::{
        FragmentKey, FragmentRoute, Listener, Member, Pool, Session, SessionCounts, SessionKey, Settings,
        Traffic,
    },
    verdict::Reason,
};

/// One core: the shared tables, and what is its own.
#[derive(Debug)]
pub struct HostPlatform {
    /// What the cores share.
    pub tables: Arc<HostTables>,
    /// The interface that packets come in by.
    pub ingress: Cell<u32>,
    /// The interface that the last packet was redirected to; 0: none was.
    pub redirected: Cell<u32>,
    routes: RefCell<Vec<(Address, Route)>>,
    listener_traffic: RefCell<BTreeMap<u32, Traffic>>,
    member_traffic: RefCell<BTreeMap<u32, Traffic>>,
    session_counts: RefCell<BTreeMap<u32, SessionCounts>>,
    reasons: RefCell<Vec<u64>>,
    answers: Cell<(u32, u32)>,
    answer: Cell<[u32; 2]>,
    opener: Opener,
}

impl HostPlatform {
    /// A core of these tables.
    #[must_use]
    pub fn new(tables: Arc<HostTables>) -> Self {
        Self {
            tables,
            ingress: Cell::new(1),
            redirected: Cell::new(0),
            routes: RefCell::default(),
            listener_traffic: RefCell::default(),
            member_traffic: RefCell::default(),
            session_counts: RefCell::default(),
            reasons: RefCell::new(std::vec![0; Reason::ALL.len()]),
            answers: Cell::default(),
            answer: Cell::default(),
            opener: Opener::default(),
        }
    }

    /// Lets the platform's own routing know a way to an address.
    pub fn add_route(&self, destination: Address, route: Route) {
        self.routes.borrow_mut().push((destination, route));
    }

    /// How many packets were counted under a reason.
    #[must_use]
    pub fn reason(&self, reason: Reason) -> u64 {
        self.reasons.borrow()[reason as usize]
    }

    /// The counters of a listener.
    #[must_use]
    pub fn listener_traffic(&self, id: u32) -> Traffic {
        self.listener_traffic
            .borrow()
            .get(&id)
            .copied()
            .unwrap_or_default()
    }

    /// The counters of a member.
    #[must_use]
    pub fn member_traffic(&self, id: u32) -> Traffic {
        self.member_traffic.borrow().get(&id).copied().unwrap_or_default()
    }

    /// The counters of a pool's sessions.
    #[must_use]
    pub fn session_counts(&self, pool: u32) -> SessionCounts {
        self.session_counts
            .borrow()
            .get(&pool)
            .copied()
            .unwrap_or_default()
    }
}

impl Members for HostPlatform {
    fn member(&self, id: u32) -> Option<&Member> {
        self.tables.member(id)
    }

    fn schedule_slot(&self, slot: u32) -> Option<u32> {
        self.tables.schedule_slot(slot)
    }
}

impl Tables for HostPlatform {
    fn now_s(&self) -> u32 {
        self.tables.now_s()
    }

    fn settings(&self) -> Option<&Settings> {
        self.tables.settings()
    }

    fn filter_word(&self, index: u32) -> u64 {
        self.tables.filter_word(index)
    }

    fn listener_bucket(&self, index: u32) -> Option<&IndexBucket> {
        self.tables.listener_bucket(index)
    }

    fn listener(&self, id: u32) -> Option<&Listener> {
        self.tables.listener(id)
    }

    fn pool(&self, id: u32) -> Option<&Pool> {
        self.tables.pool(id)
    }

    fn snat_address(&self, index: u32) -> Option<Address> {
        self.tables.snat_address(index)
    }

    fn bucket(&self, index: u32) -> Option<&Bucket> {
        self.tables.bucket(index)
    }

    fn return_bucket(&self, index: u32) -> Option<&IndexBucket> {
        self.tables.return_bucket(index)
    }
}

impl Platform for HostPlatform {
    fn ingress_ifindex(&self) -> u32 {
        self.ingress.get()
    }

    fn session(&self, key: &SessionKey) -> Option<&Session> {
        self.tables.session(key)
    }

    fn create_session(&self, key: &SessionKey, member: u32, now_s: u32) -> bool {
        self.tables.create_session(key, member, now_s)
    }

    fn fragment(&self, key: &FragmentKey) -> Option<FragmentRoute> {
        self.tables.fragment(key)
    }

    fn set_fragment(&self, key: &FragmentKey, route: &FragmentRoute) {
        self.tables.set_fragment(key, route);
    }

    fn route(&self, _source: &Address, destination: &Address) -> Option<Route> {
        let routes = self.routes.borrow();
        routes
            .iter()
            .find(|(to, _)| to == destination)
            .map(|&(_, route)| route)
    }

    fn count_listener(&self, id: u32, change: impl FnOnce(&mut Traffic)) {
        change(self.listener_traffic.borrow_mut().entry(id).or_default());
    }

    fn count_member(&self, id: u32, change: impl FnOnce(&mut Traffic)) {
        change(self.member_traffic.borrow_mut().entry(id).or_default());
    }

    fn count_sessions(&self, pool: u32, change: impl FnOnce(&mut SessionCounts)) {
        change(self.session_counts.borrow_mut().entry(pool).or_default());
    }

    fn count_reason(&self, reason: Reason) {
        self.reasons.borrow_mut()[reason as usize] += 1;
    }

    fn may_answer(&self, now_s: u32, per_second: u32) -> bool {
        let (second, count) = self.answers.get();
        let count = if second == now_s { count } else { 0 };
        let may = count < per_second;
        self.answers.set((now_s, count + u32::from(may)));
        may
    }

    fn redirect_to(&self, ifindex: u32) {
        self.redirected.set(ifindex);
    }

    fn set_answer(&self, kind: [u32; 2]) {
        self.answer.set(kind);
    }

    fn answer(&self) -> [u32; 2] {
        self.answer.get()
    }

    fn opener(&self) -> Option<&Opener> {
        Some(&self.opener)
    }

    fn reserve(&self, key: Keyed, now_s: u32) -> u64 {
        apart::reserve_word(self, key, now_s)
    }

    fn enter_return(&self, key: Keyed, slot: Slot) -> bool {
        apart::enter_return(self, key, slot)
    }

    fn try_source(&self, slot: Slot, member: u32, protocol: u32, hash: u32, attempt: u32) -> u64 {
        apart::try_source(self, slot, member, protocol, hash, attempt)
    }

    fn source_holder(&self, member: u32, protocol: u32, hash: u32, attempt: u32) -> u32 {
        apart::source_holder(self, member, protocol, hash, attempt)
    }

    fn release(&self, slot: Slot, tag: u32) -> bool {
        apart::release(self, slot, tag)
    }
}

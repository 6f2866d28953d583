//! The maps as a platform of the datapath: so that the daemon ends a flow by the very code that the kernel does.
//!
//! No packet passes here. What only packets need finds nothing and counts nothing.

use lb_common::{
    address::Address,
    flow::{
        Bucket, ReturnBucket,
        apart::{self, Keyed},
        table::Slot,
    },
    open::Opener,
    platform::{Loop, LoopBody, Platform, Route},
    tables::{
        FragmentKey, FragmentRoute, Listener, ListenerKey, Member, Pool, Session, SessionCounts, SessionKey,
        Settings, Traffic,
    },
    verdict::Reason,
};

use super::Maps;

impl Platform for Maps {
    fn now_s(&self) -> u32 {
        Maps::now_s(self)
    }

    fn ingress_ifindex(&self) -> u32 {
        0
    }

    fn settings(&self) -> Option<&Settings> {
        self.settings.first()
    }

    fn filter_word(&self, index: u32) -> u64 {
        self.filter
            .get(index as usize)
            .map_or(0, lb_common::word::Word64::get)
    }

    fn listener_id(&self, _: &ListenerKey) -> Option<u32> {
        None
    }

    fn listener(&self, id: u32) -> Option<&Listener> {
        self.listeners.get(id as usize)
    }

    fn pool(&self, id: u32) -> Option<&Pool> {
        self.pools.get(id as usize)
    }

    fn member(&self, id: u32) -> Option<&Member> {
        self.members.get(id as usize)
    }

    fn schedule_slot(&self, slot: u32) -> Option<u32> {
        self.schedules.get(slot as usize).map(|slot| slot.member.get())
    }

    fn snat_address(&self, index: u32) -> Option<Address> {
        self.snat_addresses
            .get(index as usize)
            .map(lb_common::tables::SharedAddress::load)
    }

    fn bucket(&self, index: u32) -> Option<&Bucket> {
        self.flows.get(index as usize)
    }

    fn return_bucket(&self, index: u32) -> Option<&ReturnBucket> {
        self.returns.get(index as usize)
    }

    fn session(&self, _: &SessionKey) -> Option<&Session> {
        None
    }

    fn create_session(&self, _: &SessionKey, _: u32, _: u32) -> bool {
        false
    }

    fn fragment(&self, _: &FragmentKey) -> Option<FragmentRoute> {
        None
    }

    fn set_fragment(&self, _: &FragmentKey, _: &FragmentRoute) {}

    fn route(&self, _: &Address, _: &Address) -> Option<Route> {
        None
    }

    fn count_listener(&self, _: u32, _: impl FnOnce(&mut Traffic)) {}

    fn count_member(&self, _: u32, _: impl FnOnce(&mut Traffic)) {}

    fn count_sessions(&self, _: u32, _: impl FnOnce(&mut SessionCounts)) {}

    fn count_reason(&self, _: Reason) {}

    fn may_answer(&self, _: u32, _: u32) -> bool {
        false
    }

    fn opener(&self) -> Option<&Opener> {
        None
    }

    fn reserve(&self, _: Keyed, _: u32) -> u64 {
        u64::MAX
    }

    fn enter_return(&self, _: Keyed, _: Slot) -> bool {
        false
    }

    fn try_source(&self, _: Slot, _: u32, _: u32, _: u32, _: u32) -> u64 {
        0
    }

    fn release(&self, slot: Slot, tag: u32) -> bool {
        apart::release(self, slot, tag)
    }

    fn redirect_to(&self, _: u32) {}

    fn set_answer(&self, _: [u32; 2]) {}

    fn answer(&self) -> [u32; 2] {
        [0; 2]
    }

    fn repeat<B: LoopBody>(&self, count: u32, body: &mut B) {
        for index in 0..count {
            if body.step(self, index) == Loop::Stop {
                break;
            }
        }
    }
}

//! The maps as the datapath's tables: so that the daemon ends a flow, and enters a listener, by the very code that the kernel
//! does.

use lb_common::{
    address::Address,
    flow::Bucket,
    index::IndexBucket,
    platform::{Members, Tables},
    tables::{Listener, Member, Pool, Settings, SharedAddress},
    word::Word64,
};

use super::Maps;

impl Members for Maps {
    fn member(&self, id: u32) -> Option<&Member> {
        self.members.get(id as usize)
    }

    fn schedule_slot(&self, slot: u32) -> Option<u32> {
        self.schedules.get(slot as usize).map(|slot| slot.member.get())
    }
}

impl Tables for Maps {
    fn now_s(&self) -> u32 {
        Maps::now_s(self)
    }

    fn settings(&self) -> Option<&Settings> {
        self.settings.first()
    }

    fn filter_word(&self, index: u32) -> u64 {
        self.filter.get(index as usize).map_or(0, Word64::get)
    }

    fn listener_bucket(&self, index: u32) -> Option<&IndexBucket> {
        self.listener_index.get(index as usize)
    }

    fn listener(&self, id: u32) -> Option<&Listener> {
        self.listeners.get(id as usize)
    }

    fn pool(&self, id: u32) -> Option<&Pool> {
        self.pools.get(id as usize)
    }

    fn snat_address(&self, index: u32) -> Option<Address> {
        self.snat_addresses.get(index as usize).map(SharedAddress::load)
    }

    fn bucket(&self, index: u32) -> Option<&Bucket> {
        self.flows.get(index as usize)
    }

    fn return_bucket(&self, index: u32) -> Option<&IndexBucket> {
        self.returns.get(index as usize)
    }
}

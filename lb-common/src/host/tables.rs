//! The maps of the datapath in ordinary memory, and what lays a configuration out in them.

extern crate std;

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError, RwLock},
    vec::Vec,
};

use crate::{
    address::{Address, Endpoint},
    filter,
    flow::{Bucket, State},
    index::IndexBucket,
    listeners,
    platform::{Members, Tables},
    schedule::{maglev, round_robin},
    session::Seen,
    tables::{
        Algorithm, Forwarding, FragmentKey, FragmentRoute, Listener, Member, MemberState, Pool, Session,
        SessionKey, Settings, SharedAddress, SlotRange,
    },
    word::{Word32, Word64},
};

const IDS: usize = 64;
const SESSIONS: usize = 4096;
/// Slots that each pool has for its schedule.
const POOL_SLOTS: u32 = 16_384;
const POOLS: u32 = 16;

/// What cores share: the datapath's maps.
#[derive(Debug)]
pub struct HostTables {
    /// The clock, in seconds.
    pub now_s: Word32,
    /// The settings.
    pub settings: Settings,
    /// The address filter.
    pub filter: Vec<Word64>,
    /// The listeners, by id.
    pub listeners: Vec<Listener>,
    /// The index of listeners.
    pub listener_buckets: Vec<IndexBucket>,
    /// The pools, by id.
    pub pools: Vec<Pool>,
    /// The members, by id.
    pub members: Vec<Member>,
    /// The schedules.
    pub schedules: Vec<Word32>,
    /// The balancer's own addresses.
    pub snat_addresses: Vec<SharedAddress>,
    /// The flow table.
    pub buckets: Vec<Bucket>,
    /// The index of return flows.
    pub return_buckets: Vec<IndexBucket>,
    sessions: Vec<Session>,
    session_slots: RwLock<HashMap<SessionKey, usize>>,
    fragments: Mutex<HashMap<FragmentKey, FragmentRoute>>,
    next_ids: [Word32; 4],
}

fn many<T: Default>(count: usize) -> Vec<T> {
    core::iter::repeat_with(T::default).take(count).collect()
}

impl HostTables {
    /// Empty tables with a flow table of so many buckets.
    #[must_use]
    pub fn new(flow_buckets: u32, return_buckets: u32) -> Self {
        let tables = Self {
            now_s: Word32::new(1000),
            settings: Settings::default(),
            filter: many(2 * filter::WORDS as usize),
            listeners: many(IDS),
            listener_buckets: many(IDS),
            pools: many(POOLS as usize),
            members: many(IDS),
            schedules: many((POOLS * POOL_SLOTS) as usize),
            snat_addresses: many(IDS),
            buckets: many(flow_buckets as usize),
            return_buckets: many(return_buckets as usize),
            sessions: many(SESSIONS),
            session_slots: RwLock::default(),
            fragments: Mutex::default(),
            next_ids: Default::default(),
        };
        let settings = &tables.settings;
        settings.seed.set(0x5eed_5eed_5eed_5eed);
        settings.flow_buckets.set(flow_buckets);
        settings.return_buckets.set(return_buckets);
        settings.listener_buckets.set(IDS as u32);
        settings.answers_per_second.set(1000);
        for (state, idle_s) in [
            (State::TcpSyn, 30),
            (State::TcpAnswered, 30),
            (State::TcpEstablished, 900),
            (State::TcpFin, 60),
            (State::TcpReset, 10),
            (State::TcpDoubted, 10),
            (State::Udp, 120),
        ] {
            settings.flow_idle_s[state as usize].set(idle_s);
        }
        tables
    }

    fn next_id(&self, kind: usize) -> u32 {
        self.next_ids[kind].fetch_add(1) + 1
    }

    /// Sets the bit of an address in the filter.
    pub fn set_filter(&self, kind: filter::Kind, address: &Address) {
        let (word, mask) = filter::bit(kind, address);
        let word = &self.filter[word as usize];
        word.set(word.get() | mask);
    }

    /// Makes a pool without members and persistence, whose full NAT has the ports from 1024.
    pub fn add_pool(&self, forwarding: Forwarding, algorithm: Algorithm) -> u32 {
        let id = self.next_id(0);
        let pool = &self.pools[id as usize];
        pool.forwarding.set(forwarding.0);
        pool.algorithm.set(algorithm as u32);
        let ports = SlotRange {
            start: 1024,
            count: 64512,
        };
        pool.snat_ports.set(ports.into());
        pool.client_mask_v4.store(&Address::mask(128));
        pool.client_mask_v6.store(&Address::mask(128));
        pool.used.set(1);
        id
    }

    /// Makes a listener, and its VIP.
    pub fn add_listener(&self, vip: &Endpoint, protocol: u8, pool: u32) -> u32 {
        let id = self.next_id(1);
        let listener = &self.listeners[id as usize];
        listener.address.store(&vip.address);
        listener.port.set(vip.port.into());
        listener.protocol.set(protocol.into());
        listener.pool.set(pool);
        self.set_filter(filter::Kind::Vip, &vip.address);
        assert!(listeners::enter(self, id), "there is room");
        if !listeners::is_vip(self, &vip.address) {
            let itself = Endpoint {
                address: vip.address,
                port: 0,
            };
            self.add_listener(&itself, listeners::VIP, 0);
        }
        if listener.is_of_host()
            && let Some(itself) = listeners::find_vip(self, &vip.address)
        {
            itself.pool.set(Listener::HOST);
        }
        id
    }

    /// Makes a member that is up, of weight 1, behind interface 2 with an MTU of 1,500. Its hardware addresses are 02:4d:00:00:00
    /// and its id, the balancer's 02:42:00:00:00:01.
    pub fn add_member(&self, pool: u32, endpoint: &Endpoint) -> u32 {
        let id = self.next_id(2);
        let member = &self.members[id as usize];
        member.address.store(&endpoint.address);
        member.port.set(endpoint.port.into());
        member.set_state(MemberState::Up);
        member.pool.set(pool);
        member.weight.set(1);
        let macs: [[u8; 4]; 3] = [[2, 0x4d, 0, 0], [0, id as u8, 2, 0x42], [0, 0, 0, 1]];
        for (word, octets) in member.next_hop.macs.iter().zip(macs) {
            word.set(u32::from_ne_bytes(octets));
        }
        member.next_hop.ifindex.set(2);
        member.next_hop.mtu.set(1500);
        self.set_filter(filter::Kind::Member, &endpoint.address);
        self.lay_out(pool);
        id
    }

    /// Gives the members from `first` to `last` these source addresses.
    pub fn set_snat(&self, members: core::ops::RangeInclusive<u32>, addresses: &[Address]) {
        let first = self.next_ids[3].fetch_add(addresses.len() as u32);
        for (slot, address) in self.snat_addresses[first as usize..].iter().zip(addresses) {
            slot.store(address);
        }
        for id in members {
            let snat = SlotRange {
                start: first,
                count: addresses.len() as u32,
            };
            self.members[id as usize].snat.set(snat.into());
        }
    }

    /// Lays the schedule of a pool out anew, as the daemon does after a change of weights or members.
    pub fn lay_out(&self, pool_id: u32) {
        let pool = &self.pools[pool_id as usize];
        let members: Vec<u32> = (1..=self.next_ids[2].get())
            .filter(|&id| self.members[id as usize].pool.get() == pool_id)
            .filter(|&id| self.members[id as usize].takes_new())
            .filter(|&id| self.members[id as usize].weight.get() > 0)
            .collect();
        let weights: Vec<u32> = members
            .iter()
            .map(|&id| self.members[id as usize].weight.get())
            .collect();
        let algorithm = Algorithm::from_word(pool.algorithm.get());
        let once = if algorithm == Some(Algorithm::LeastConnections) {
            members.len() as u32
        } else {
            0
        };
        pool.once.set(once);
        let turns = if algorithm == Some(Algorithm::SourceIp) {
            maglev_turns(&members, &weights)
        } else {
            let mut turns = std::vec![0; round_robin::cycle(&weights)];
            round_robin::fill(&weights, &mut std::vec![0; weights.len()], &mut turns);
            turns
        };
        let turns: Vec<u32> = (0..once).chain(turns).collect();
        let start = pool_id * POOL_SLOTS;
        for (slot, &turn) in self.schedules[start as usize..].iter().zip(&turns) {
            slot.set(members[turn as usize]);
        }
        let count = turns.len() as u32;
        pool.schedule.set(SlotRange { start, count }.into());
    }

    /// How many sessions there are.
    #[must_use]
    pub fn session_count(&self) -> usize {
        self.session_slots
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .len()
    }

    /// All sessions.
    #[must_use]
    pub fn sessions(&self) -> Vec<(SessionKey, Seen)> {
        let slots = self.session_slots.read().unwrap_or_else(PoisonError::into_inner);
        let sessions = slots
            .iter()
            .filter_map(|(key, &slot)| Some((*key, self.sessions.get(slot)?.seen())));
        sessions.collect()
    }

    pub(super) fn session(&self, key: &SessionKey) -> Option<&Session> {
        let slots = self.session_slots.read().unwrap_or_else(PoisonError::into_inner);
        slots.get(key).and_then(|&slot| self.sessions.get(slot))
    }

    pub(super) fn create_session(&self, key: &SessionKey, member: u32, now_s: u32) -> bool {
        let mut slots = self.session_slots.write().unwrap_or_else(PoisonError::into_inner);
        let slot = slots.len();
        let Some(session) = self.sessions.get(slot).filter(|_| !slots.contains_key(key)) else {
            return false;
        };
        session.bound.set(Session::binding(member, now_s));
        session.first_seen_s.set(now_s);
        slots.insert(*key, slot);
        true
    }

    pub(super) fn fragment(&self, key: &FragmentKey) -> Option<FragmentRoute> {
        self.fragments
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(key)
            .copied()
    }

    pub(super) fn set_fragment(&self, key: &FragmentKey, route: &FragmentRoute) {
        self.fragments
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(*key, *route);
    }
}

impl Members for HostTables {
    fn member(&self, id: u32) -> Option<&Member> {
        self.members.get(id as usize)
    }

    fn schedule_slot(&self, slot: u32) -> Option<u32> {
        self.schedules.get(slot as usize).map(Word32::get)
    }
}

impl Tables for HostTables {
    fn now_s(&self) -> u32 {
        self.now_s.get()
    }

    fn settings(&self) -> Option<&Settings> {
        Some(&self.settings)
    }

    fn filter_word(&self, index: u32) -> u64 {
        self.filter.get(index as usize).map_or(0, Word64::get)
    }

    fn listener_bucket(&self, index: u32) -> Option<&IndexBucket> {
        self.listener_buckets.get(index as usize)
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
        self.buckets.get(index as usize)
    }

    fn return_bucket(&self, index: u32) -> Option<&IndexBucket> {
        self.return_buckets.get(index as usize)
    }
}

fn maglev_turns(members: &[u32], weights: &[u32]) -> Vec<u32> {
    let entries: Vec<maglev::Entry> = members
        .iter()
        .zip(weights)
        .map(|(&id, &weight)| maglev::Entry {
            identity: id.into(),
            weight,
        })
        .collect();
    let mut turns = std::vec![0; maglev::size(&entries).min(maglev::SIZES[2]) as usize];
    maglev::fill(&entries, &mut many(entries.len()), &mut turns);
    turns
}

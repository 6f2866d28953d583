//! The values of the kernel's maps: what the daemon writes and the datapath reads.
//!
//! The array maps are shared memory: the daemon maps them and writes single words, which the datapath sees whole.
//! So every field is an atomic, and each is read and written by itself; an enum travels as a `u32` and is checked
//! where it is read. Ids start at 1; 0 is unset.

mod counts;
mod fragments;
mod members;

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

pub use counts::{SessionCounts, Traffic};
pub use fragments::{FragmentKey, FragmentRoute};
pub use members::{Member, MemberState, NextHop};

use crate::{
    address::{Address, Endpoint},
    word::{Word32, Word64},
};

/// Changed whenever a layout here changes: pinned maps of another version are not taken over.
pub const LAYOUT_VERSION: u32 = 8;

/// An [`Address`] in shared memory.
#[derive(Debug, Default, FromBytes)]
#[repr(C, align(8))]
pub struct SharedAddress([Word32; 4]);

impl SharedAddress {
    /// The address.
    #[inline(always)]
    pub fn load(&self) -> Address {
        Address([self.0[0].get(), self.0[1].get(), self.0[2].get(), self.0[3].get()])
    }

    /// Writes the address, word by word.
    #[inline(always)]
    pub fn store(&self, address: &Address) {
        self.0[0].set(address.0[0]);
        self.0[1].set(address.0[1]);
        self.0[2].set(address.0[2]);
        self.0[3].set(address.0[3]);
    }
}

/// What holds for the whole datapath. The map has one.
#[derive(Debug, Default)]
#[repr(C, align(8))]
pub struct Settings {
    /// [`LAYOUT_VERSION`] of the daemon that made the maps.
    pub layout_version: Word32,
    /// Added to the kernel's clock, in seconds: a test's way to let time pass.
    pub clock_offset_s: Word32,
    /// The seed of the flow table, drawn when the maps are made.
    pub seed: Word64,
    /// Buckets of the flow table.
    pub flow_buckets: Word32,
    /// Buckets of the index of return flows.
    pub return_buckets: Word32,
    /// Buckets of the index of listeners.
    pub listener_buckets: Word32,
    /// What a VIP's port without listener answers: a [`ClosedPort`].
    pub closed_port: Word32,
    /// Answers (resets, ICMP) a second and core, at most.
    pub answers_per_second: Word32,
    /// Counts up: ids for the fragments of rewritten datagrams. The datapath alone writes it.
    pub fragment_id: Word32,
    /// Number of the trace that is on; 0: none is. See [`crate::trace`].
    pub traced: Word32,
    /// How long a flow may be idle, in seconds, by [`crate::flow::State`].
    pub flow_idle_s: [Word32; 8],
    /// Zero.
    pub padding: Word32,
    /// The interfaces that frames are not transmitted by but redirected to, also where they came in there: a bit for each
    /// index, modulo 256. What is transmitted into a veth pair waits until its other end has other work, unless that has an
    /// XDP program too (`veth_xdp_flush` in the kernel's veth.c).
    pub redirecting: [Word64; 4],
}

impl Settings {
    const fn redirecting_bit(ifindex: u32) -> (usize, u64) {
        ((ifindex >> 6 & 3) as usize, 1 << (ifindex & 63))
    }

    /// Whether frames are redirected to this interface also where they came in by it.
    #[inline(always)]
    pub fn redirects(&self, ifindex: u32) -> bool {
        let (word, bit) = Self::redirecting_bit(ifindex);
        self.redirecting[word].get() & bit != 0
    }

    /// Has frames be redirected to these interfaces too.
    pub fn add_redirecting(&self, interfaces: impl Iterator<Item = u32>) {
        for (word, bit) in interfaces.map(Self::redirecting_bit) {
            let word = &self.redirecting[word];
            word.set(word.get() | bit);
        }
    }

    /// Has frames be redirected to these interfaces, and to no others.
    pub fn set_redirecting(&self, interfaces: impl Iterator<Item = u32>) {
        let mut words = [0_u64; 4];
        for (word, bit) in interfaces.map(Self::redirecting_bit) {
            words[word] |= bit;
        }
        for (shared, word) in self.redirecting.iter().zip(words) {
            shared.set(word);
        }
    }
}

/// What a VIP's port without listener answers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
pub enum ClosedPort {
    /// What a host answers: a reset, or "port unreachable".
    Reject = 0,
    /// Nothing.
    Drop = 1,
}

/// A listener.
#[derive(Debug, Default, FromBytes)]
#[repr(C, align(8))]
pub struct Listener {
    /// The VIP.
    pub address: SharedAddress,
    /// The port, in the host's byte order.
    pub port: Word32,
    /// The protocol number; 0: no listener has this id.
    pub protocol: Word32,
    /// The pool's id; [`Self::HOST`]: the host serves it, and the datapath lets its packets through. Of a VIP: whether it has
    /// a listener that the host serves, or had one.
    pub pool: Word32,
    /// 1 once it is gone from the configuration: its flows go on, and its id is free once they have ended.
    pub removed: Word32,
}

impl Listener {
    /// In place of a pool: the host serves it.
    pub const HOST: u32 = u32::MAX;

    /// Whether the host serves it, rather than the datapath.
    #[inline(always)]
    pub fn is_of_host(&self) -> bool {
        self.pool.get() == Self::HOST
    }

    /// Where clients find it.
    #[inline(always)]
    pub fn endpoint(&self) -> Endpoint {
        Endpoint {
            address: self.address.load(),
            port: self.port.get() as u16,
        }
    }

    /// Whether clients find it there.
    #[inline(always)]
    pub fn is_at(&self, endpoint: &Endpoint, protocol: u8) -> bool {
        self.port.get() == u32::from(endpoint.port)
            && self.protocol.get() == u32::from(protocol)
            && self.address.load() == endpoint.address
    }
}

/// A run of slots in an array, or of ports, in one word so that both ends change at once.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct SlotRange {
    /// The first slot.
    pub start: u32,
    /// How many.
    pub count: u32,
}

impl From<u64> for SlotRange {
    #[inline(always)]
    fn from(word: u64) -> Self {
        Self {
            start: (word >> 32) as u32,
            count: word as u32,
        }
    }
}

impl From<SlotRange> for u64 {
    #[inline(always)]
    fn from(range: SlotRange) -> Self {
        Self::from(range.start) << 32 | Self::from(range.count)
    }
}

/// A pool.
#[derive(Debug, Default, FromBytes)]
#[repr(C, align(8))]
pub struct Pool {
    /// The schedule that new flows are dealt by: a [`SlotRange`] of member ids. Of a weighted round robin the order,
    /// of a source IP hash the Maglev table, of least connections each member once, and then the order of a weighted round
    /// robin.
    pub schedule: Word64,
    /// Steps through the schedule; the datapath alone writes it.
    pub cursor: Word32,
    /// An [`Algorithm`].
    pub algorithm: Word32,
    /// A [`Forwarding`].
    pub forwarding: Word32,
    /// Session persistence: how long a session may be idle, in seconds; 0: no persistence.
    pub session_idle_s: Word32,
    /// How long a session may last at all, in seconds; 0: without end.
    pub session_absolute_s: Word32,
    /// 1 while a pool of the configuration has this id.
    pub used: Word32,
    /// The source ports of full NAT: a [`SlotRange`] of them.
    pub snat_ports: Word64,
    /// The mask under which IPv4 clients share a session, of the mapped address.
    pub client_mask_v4: SharedAddress,
    /// The mask under which IPv6 clients share a session.
    pub client_mask_v6: SharedAddress,
    /// Hash of the pool's name, by which a restarted daemon finds its id again; 0: the id is free.
    pub name_hash: Word64,
    /// Sessions that the daemon ended because they were over. Words of its own: [`SessionCounts`] belong to the cores.
    pub swept_sessions: Word64,
    /// Sessions that somebody had the daemon forget.
    pub dropped_sessions: Word64,
    /// Sessions that the kernel let go for others, as far as the daemon has found out: it counts what is missing.
    pub evicted_sessions: Word64,
    /// How many slots in front of the schedule hold each member once; of least connections alone.
    pub once: Word32,
    /// Zero.
    pub padding: Word32,
}

/// How a pool chooses a member for a new flow.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
pub enum Algorithm {
    /// Weighted round robin.
    RoundRobin = 1,
    /// Weighted least connections.
    LeastConnections = 2,
    /// Source IP hash.
    SourceIp = 3,
}

impl Algorithm {
    /// The algorithm of a map's word.
    #[inline(always)]
    #[must_use]
    pub const fn from_word(word: u32) -> Option<Self> {
        match word {
            1 => Some(Self::RoundRobin),
            2 => Some(Self::LeastConnections),
            3 => Some(Self::SourceIp),
            _ => None,
        }
    }
}

/// How packets reach the members of a pool: a word with names, rather than an enum, so that the verifier does not go
/// through the program once for each.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Forwarding(pub u32);

impl Forwarding {
    /// Both addresses are rewritten; replies come back by themselves.
    pub const FULL_NAT: Self = Self(1);
    /// The receiver is rewritten; the members route back through the balancer.
    pub const NAT: Self = Self(2);
    /// Only the hardware address: the members hold the VIP and answer themselves.
    pub const DSR: Self = Self(3);
    /// The packet is wrapped into another; the members hold the VIP and answer themselves.
    pub const IPIP: Self = Self(4);

    /// Whether replies pass through the balancer.
    #[inline(always)]
    #[must_use]
    pub const fn sees_replies(self) -> bool {
        self.0.wrapping_sub(Self::FULL_NAT.0) < 2
    }
}

/// Finds a session: what persistence holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct SessionKey {
    /// The client's network under the pool's mask.
    pub client: Address,
    /// The pool's id: listeners that share a pool share its sessions.
    pub pool: u32,
    /// Zero.
    pub padding: u32,
}

impl SessionKey {
    /// The key of a client's session with a pool.
    #[inline(always)]
    #[must_use]
    pub const fn new(client: &Address, pool: u32) -> Self {
        Self {
            client: *client,
            pool,
            padding: 0,
        }
    }
}

/// A session: the member that persistence holds a client to.
///
/// It keeps when the client was seen, never when it will be forgotten: so a changed duration holds at once.
#[derive(Debug, Default)]
#[repr(C, align(8))]
pub struct Session {
    /// The member's id in the upper half, when the client was last seen in the lower: one word, so that a session
    /// never has the one without the other.
    pub bound: Word64,
    /// When the session began, in seconds.
    pub first_seen_s: Word32,
    /// Zero.
    pub padding: Word32,
}

const _: () = {
    assert!(size_of::<Settings>() == 112);
    assert!(size_of::<Listener>() == 32);
    assert!(size_of::<Pool>() == 112);
    assert!(size_of::<SessionKey>() == 24);
    assert!(size_of::<Session>() == 16);
};

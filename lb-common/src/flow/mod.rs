//! Flows: a client's endpoint and a listener's, and the member that their packets go to.
//!
//! [`table`] finds and makes them by what the client sends, [`returns`] by what the member answers. Both keep what they have
//! in [`crate::buckets`].

pub mod apart;

pub mod returns;
pub mod table;

use crate::{
    address::Endpoint,
    buckets::{self, Tagged, WAYS},
    headers::{protocol, tcp_flags},
    platform::Tables,
    tables::{Forwarding, Member, SharedAddress},
    word::Word32,
};

/// Which way a packet goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
pub enum Direction {
    /// From the client to the member.
    Forward = 0,
    /// From the member to the client.
    Return = 1,
}

/// How far a flow has come. Each state has an idle time of its own.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
pub enum State {
    /// No flow.
    Unused = 0,
    /// TCP: only the client has been heard of.
    TcpSyn = 1,
    /// TCP: data may pass.
    TcpEstablished = 2,
    /// TCP: one side has finished.
    TcpFin = 3,
    /// TCP: one side has reset it.
    TcpReset = 4,
    /// UDP.
    Udp = 5,
    /// TCP: the member has answered, and the client has not gone on yet.
    TcpAnswered = 6,
    /// TCP: it was reset, but the member goes on. Whoever made the reset up does not know the sequence numbers, and both
    /// sides take no notice of it (RFC 5961 section 3).
    TcpDoubted = 7,
}

impl State {
    #[inline(always)]
    const fn from_word(word: u32) -> Self {
        match word & 0xff {
            1 => Self::TcpSyn,
            2 => Self::TcpEstablished,
            3 => Self::TcpFin,
            4 => Self::TcpReset,
            5 => Self::Udp,
            6 => Self::TcpAnswered,
            7 => Self::TcpDoubted,
            _ => Self::Unused,
        }
    }

    /// The state after a packet with these TCP flags, where what members answer passes by or does not.
    ///
    /// Only what both sides take part in is established, or lives on after a reset: anyone can send a packet in the name of
    /// one. Where members answer by themselves, the client's word has to do.
    #[inline(always)]
    #[must_use]
    pub const fn after(self, flags: u8, direction: Direction, sees_replies: bool) -> Self {
        let from_client = matches!(direction, Direction::Forward);
        let answers = !from_client || !sees_replies;
        match self {
            Self::Udp | Self::Unused => self,
            _ if flags & tcp_flags::RST != 0 => Self::TcpReset,
            Self::TcpReset if answers => Self::TcpDoubted,
            Self::TcpDoubted if from_client && flags & tcp_flags::FIN == 0 => Self::TcpEstablished,
            Self::TcpSyn | Self::TcpAnswered | Self::TcpEstablished | Self::TcpDoubted
                if flags & tcp_flags::FIN != 0 =>
            {
                Self::TcpFin
            }
            Self::TcpSyn if !from_client => Self::TcpAnswered,
            Self::TcpSyn if answers && flags & tcp_flags::SYN == 0 => Self::TcpEstablished,
            Self::TcpAnswered if from_client && flags & tcp_flags::SYN == 0 => Self::TcpEstablished,
            same => same,
        }
    }

    /// The state that the first packet of a flow brings it to.
    #[inline(always)]
    #[must_use]
    pub const fn first(protocol: u8) -> Self {
        match protocol {
            protocol::UDP => Self::Udp,
            _ => Self::TcpSyn,
        }
    }

    /// Whether it counts as open.
    #[inline(always)]
    #[must_use]
    pub const fn is_open(self) -> bool {
        matches!(
            self,
            Self::TcpSyn | Self::TcpAnswered | Self::TcpEstablished | Self::Udp
        )
    }
}

/// State, forwarding and marks of a flow in one word, so that a change is seen whole and happens once.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct StateWord(pub u32);

impl StateWord {
    const FORWARDING_SHIFT: u32 = 8;
    const TAGS_SHIFT: u32 = 12;
    /// The member's `active_flows` has it.
    const COUNTED: u32 = 1 << 16;
    /// How many buckets it was displaced by.
    const RANK_SHIFT: u32 = 17;
    /// The lower bits of [`Member::outages`] when the flow was opened.
    const OUTAGES_SHIFT: u32 = 19;

    /// The word of a new flow.
    #[inline(always)]
    #[must_use]
    pub const fn new(state: State, forwarding: Forwarding, tags: u32) -> Self {
        let counted = if state.is_open() { Self::COUNTED } else { 0 };
        Self(state as u32 | forwarding.0 << Self::FORWARDING_SHIFT | tags << Self::TAGS_SHIFT | counted)
    }

    /// The state.
    #[inline(always)]
    #[must_use]
    pub const fn state(self) -> State {
        State::from_word(self.0)
    }

    /// How its packets reach the member.
    #[inline(always)]
    #[must_use]
    pub const fn forwarding(self) -> Forwarding {
        Forwarding(self.0 >> Self::FORWARDING_SHIFT & 0xf)
    }

    /// Which VLAN tags the client's frames have: see [`crate::packet::Tags::shape`].
    #[inline(always)]
    #[must_use]
    pub const fn tags(self) -> u32 {
        self.0 >> Self::TAGS_SHIFT & 3
    }

    /// Whether the member's `active_flows` has it.
    #[inline(always)]
    #[must_use]
    pub const fn is_counted(self) -> bool {
        self.0 & Self::COUNTED != 0
    }

    /// See [`buckets::Place::rank`].
    #[inline(always)]
    #[must_use]
    pub const fn rank(self) -> u32 {
        self.0 >> Self::RANK_SHIFT & (buckets::PROBES - 1)
    }

    /// The word of a flow to a member with so many [`Member::outages`].
    #[inline(always)]
    #[must_use]
    pub const fn with_outages(self, outages: u32) -> Self {
        Self(self.0 | outages << Self::OUTAGES_SHIFT)
    }

    /// Whether the member has had no outage since the flow was opened, as its [`Member::outages`] tell: until it has had
    /// 8,192 of them.
    #[inline(always)]
    const fn is_unbroken(self, outages: u32) -> bool {
        (self.0 ^ outages << Self::OUTAGES_SHIFT) >> Self::OUTAGES_SHIFT == 0
    }

    #[inline(always)]
    const fn with_rank(self, rank: u32) -> Self {
        Self(self.0 | rank << Self::RANK_SHIFT)
    }

    /// The word with another state; what is open is counted.
    #[inline(always)]
    const fn with_state(self, state: State) -> Self {
        let word = self.0 & !(0xff | Self::COUNTED) | state as u32;
        Self(if state.is_open() {
            word | Self::COUNTED
        } else {
            word
        })
    }
}

/// A flow as it lies in the table: one cache line.
#[derive(Debug, Default)]
#[repr(C, align(64))]
pub struct Record {
    /// The client's address.
    pub client: SharedAddress,
    /// The client's port in the upper half, the source port towards the member in the lower.
    pub ports: Word32,
    /// The listener's id.
    pub listener: Word32,
    /// The member's id.
    pub member: Word32,
    /// A [`StateWord`].
    pub state: Word32,
    /// When a packet last passed, in seconds.
    pub last_seen_s: Word32,
    /// When it last renewed its session, in seconds; 0: it has none.
    pub renewed_s: Word32,
    /// Index of the source address towards the member.
    pub snat_address: Word32,
    /// The hardware addresses that answers leave with: back to the neighbour that the client's frames came from.
    pub return_macs: [Word32; 3],
    /// The control fields of the VLAN tags of the client's frames.
    pub return_tags: Word32,
    /// The interface that the client's frames came in by.
    pub return_ifindex: Word32,
}

impl Record {
    /// The client's port.
    #[inline(always)]
    pub fn client_port(&self) -> u16 {
        (self.ports.get() >> 16) as u16
    }

    /// The source port towards the member.
    #[inline(always)]
    pub fn source_port(&self) -> u16 {
        self.ports.get() as u16
    }

    /// The client's endpoint.
    #[inline(always)]
    pub fn client_endpoint(&self) -> Endpoint {
        Endpoint {
            address: self.client.load(),
            port: self.client_port(),
        }
    }

    /// State and marks.
    #[inline(always)]
    pub fn state_word(&self) -> StateWord {
        StateWord(self.state.get())
    }

    /// Whether a packet with these TCP flags goes to the flow's member: not while that takes none. After an outage that it
    /// slept through, the session of a client that is held decides instead: it may have moved. Only the packets in the
    /// middle of a TCP connection go on all the same, since another member would know nothing of it.
    #[inline(always)]
    pub fn stays_with(&self, member: &Member, flags: u8) -> bool {
        if !member.keeps_sessions() {
            return false;
        }
        let state = self.state_word();
        state.is_unbroken(member.outages())
            || self.renewed_s.get() == 0
            || state.state() != State::Udp && !tcp_flags::opens(flags)
    }

    /// Whether its idle time has passed.
    #[inline(always)]
    pub fn is_expired<T: Tables>(&self, tables: &T, now_s: u32) -> bool {
        let idle_s = match tables.settings() {
            Some(settings) => settings.flow_idle_s[(self.state.get() & 7) as usize].get(),
            None => 0,
        };
        // A clock that another core read a moment later is not an age of 136 years.
        let age_s = now_s.saturating_sub(self.last_seen_s.get());
        age_s > idle_s
    }

    /// Follows the state of TCP, and takes a flow that ends out of its member's count exactly once.
    #[inline(always)]
    pub fn follow<T: Tables>(&self, tables: &T, flags: u8, direction: Direction) {
        let old = self.state_word();
        let next = old
            .state()
            .after(flags, direction, old.forwarding().sees_replies());
        if next != old.state() {
            self.change_state(tables, old, old.with_state(next));
        }
    }

    #[inline(always)]
    fn change_state<T: Tables>(&self, tables: &T, old: StateWord, new: StateWord) -> bool {
        let member = self.member.get();
        let changed = self.state.compare_exchange(old.0, new.0);
        if changed
            && old.is_counted() != new.is_counted()
            && let Some(member) = tables.member(member)
        {
            let one = if new.is_counted() { 1 } else { u32::MAX };
            member.active_flows.fetch_add(one);
        }
        changed
    }
}

/// A bucket of the flow table: a line of tags, then a line for each flow.
#[derive(Debug, Default)]
#[repr(C, align(64))]
pub struct Bucket {
    /// A tag for each flow: part of its hash; see [`buckets::is_entered`].
    pub tags: [Word32; WAYS],
    /// How many flows passed this bucket over.
    pub displaced: Word32,
    /// Zero.
    pub padding: [Word32; 8],
    /// The flows.
    pub flows: [Record; WAYS],
}

impl Bucket {
    /// The flows that are there, each with its way and its tag.
    pub fn records(&self) -> impl Iterator<Item = (u32, u32, &Record)> {
        let ways = (0..).zip(self.tags.iter().zip(&self.flows));
        ways.map(|(way, (tag, record))| (way, tag.get(), record))
            .filter(|&(_, tag, _)| buckets::is_entered(tag))
    }
}

impl Tagged for Bucket {
    #[inline(always)]
    fn tag(&self, way: usize) -> u32 {
        self.tags[way].get()
    }

    #[inline(always)]
    fn displaced(&self) -> &Word32 {
        &self.displaced
    }
}

const _: () = {
    assert!(size_of::<Record>() == 64);
    assert!(size_of::<Bucket>() == 512);
    assert!(buckets::PROBES.is_power_of_two());
};

//! The flow table: set-associative, without locks, the same in the kernel and on the host.
//!
//! A flow lies in one of the seven ways of a bucket: see [`crate::buckets`]. A way belongs to who swaps the flow's tag, with
//! the mark [`BUSY`], into it; the mark goes when the record is written. Who ends a flow swaps its tag for [`BUSY`] first. A
//! reader compares the whole flow behind an equal tag, and looks at the tag again after it read: so a flow that was replaced
//! under its hands is a miss.
//!
//! When all buckets of a flow are full, the flow of these that matters least makes room: expired, then closed, then half
//! open, then of UDP, and of equal ones that which was silent longest. A TCP connection whose member took part in it never
//! does: it cannot be made again, and anyone makes the packets that would take its place.

use crate::{
    address::Endpoint,
    buckets::{self, BUSY, FREE, Key, PROBES, WAYS, displace, is_entered},
    flow::{Bucket, Record, State, StateWord, returns},
    platform::Tables,
    word::{forget, pinned},
};

/// Where a flow lies: bucket and way in one number, which the return index and fragments keep.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Slot(pub u32);

impl Slot {
    #[inline(always)]
    const fn new(bucket: u32, way: u32) -> Self {
        Self(bucket << 3 | way)
    }

    /// The bucket.
    #[inline(always)]
    #[must_use]
    pub const fn bucket(self) -> u32 {
        self.0 >> 3
    }

    /// The way in the bucket; of a real slot below seven.
    #[inline(always)]
    #[must_use]
    pub fn way(self) -> usize {
        pinned((self.0 & 7) as usize)
    }
}

/// A flow that was found.
#[derive(Clone, Copy)]
pub struct Found<'t> {
    /// Where.
    pub slot: Slot,
    /// Its tag at that time.
    pub tag: u32,
    /// What the table has of it.
    pub record: &'t Record,
}

/// Whether `record` is the flow between `client` and `listener`'s VIP `vip`.
#[inline(always)]
fn is_flow<T: Tables>(tables: &T, record: &Record, client: &Endpoint, vip: &Endpoint, protocol: u8) -> bool {
    record.client_port() == client.port
        && record.client.load() == client.address
        && tables
            .listener(record.listener.get())
            .is_some_and(|listener| listener.is_at(vip, protocol))
}

/// Begins to load what will be looked at first.
#[inline(always)]
pub fn prefetch<T: Tables>(tables: &T, key: &Key) {
    if let Some(bucket) = tables.bucket(key.first) {
        bucket.displaced.get();
    }
}

/// Finds the flow from `client` to `vip`.
#[inline(always)]
pub fn find<'t, T: Tables>(
    tables: &'t T,
    key: &Key,
    client: &Endpoint,
    vip: &Endpoint,
    protocol: u8,
) -> Option<Found<'t>> {
    let place = buckets::find(|index| tables.bucket(index), key)?;
    let slot = Slot::new(place.index, place.way);
    let record = place.bucket.flows.get(slot.way())?;
    let same = is_flow(tables, record, client, vip, protocol);
    (same && place.bucket.tags.get(slot.way())?.get() == key.tag).then_some(Found {
        slot,
        tag: key.tag,
        record,
    })
}

/// The flow in `slot`, whatever its tag.
#[inline(always)]
pub fn at<T: Tables>(tables: &T, slot: Slot) -> Option<Found<'_>> {
    let bucket = tables.bucket(slot.bucket())?;
    let way = slot.way();
    let tag = bucket.tags.get(way)?.get();
    let record = bucket.flows.get(way)?;
    is_entered(tag).then_some(Found { slot, tag, record })
}

/// A way that is ours to write.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(8))]
pub struct Reservation {
    /// Where.
    pub slot: Slot,
    /// See [`buckets::Place::rank`].
    rank: u32,
}

/// How much a flow matters that does not make room, and any number above.
pub(super) const KEPT: u64 = (CLASS_MASK as u64) << 32;

const CLASS_BITS: u32 = 4;
const CLASS_MASK: u32 = (1 << CLASS_BITS) - 1;

/// The class of each state, in a table within a word: the kernel's verifier would follow each branch of a match.
const CLASSES: u32 = class(State::Unused, 1)
    | class(State::TcpReset, 1)
    | class(State::TcpDoubted, 1)
    | class(State::TcpFin, 2)
    | class(State::TcpSyn, 3)
    | class(State::TcpAnswered, 3)
    | class(State::Udp, 4);
/// Established is what both sides took part in. Of what only the client is heard of, anyone can make any number.
const ESTABLISHED: u32 = class(State::TcpEstablished, CLASS_MASK);
const ESTABLISHED_ON_ITS_WORD: u32 = class(State::TcpEstablished, 5);

const fn class(state: State, class: u32) -> u32 {
    class << (state as u32 * CLASS_BITS)
}

/// How much a flow matters: the one with the least makes room, unless that is [`KEPT`]. First comes whether its time is over,
/// then its class, then when it was seen.
#[inline(always)]
pub(super) fn worth<T: Tables>(tables: &T, record: &Record, now_s: u32) -> u64 {
    if record.is_expired(tables, now_s) {
        return 0;
    }
    let state = record.state_word();
    let established = if state.forwarding().sees_replies() {
        ESTABLISHED
    } else {
        ESTABLISHED_ON_ITS_WORD
    };
    let class = (CLASSES | established) >> ((state.0 & 7) * CLASS_BITS) & CLASS_MASK;
    u64::from(class) << 32 | u64::from(record.last_seen_s.get())
}

/// Why there is no way for a flow.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Refused {
    /// Another core wanted the same.
    Contended,
    /// All buckets are full. The flow in this slot matters least; none: all are to be kept.
    Full(Option<Slot>),
}

/// Takes a free way for a new flow.
#[inline(always)]
pub fn reserve<T: Tables>(tables: &T, key: &Key, now_s: u32) -> Result<Reservation, Refused> {
    let Some(reserved) = claim_free(tables, key) else {
        return Err(Refused::Full(least_worth(tables, key, now_s)));
    };
    // Whoever sees two gives its own back: at worst both do, and the client's next packet makes one.
    if buckets::is_twice(|index| tables.bucket(index), key) {
        reserved.cancel(tables, key);
        return Err(Refused::Contended);
    }
    Ok(reserved)
}

/// [`reserve`], where that is simple.
#[inline(always)]
pub fn reserve_first<T: Tables>(tables: &T, key: &Key) -> Option<Reservation> {
    let bucket = tables.bucket(key.first)?;
    let give_back = |bucket: &Bucket, way| {
        if let Some(tag) = bucket.tags.get(Slot::new(0, way).way()) {
            tag.set(FREE);
        }
    };
    let way = buckets::enter_first(bucket, key, |bucket, way| take(bucket, way, key), give_back)?;
    Some(Reservation {
        slot: Slot::new(key.first, way),
        rank: 0,
    })
}

#[inline(always)]
fn take(bucket: &Bucket, way: u32, key: &Key) -> bool {
    let way = Slot::new(0, way).way();
    let (Some(record), Some(tag)) = (bucket.flows.get(way), bucket.tags.get(way)) else {
        return false;
    };
    // Begins to load what will be written: a swap waits for all that was begun before it, for both at once.
    record.state.get();
    tag.compare_exchange(FREE, key.tag | BUSY)
}

#[inline(always)]
fn claim_free<T: Tables>(tables: &T, key: &Key) -> Option<Reservation> {
    let place = buckets::enter(
        |index| tables.bucket(index),
        key,
        |bucket, way| take(bucket, way, key),
    )?;
    Some(Reservation {
        slot: Slot::new(place.index, place.way),
        rank: place.rank,
    })
}

/// Where the flow lies that matters least, where the buckets of a key are full.
#[inline(always)]
fn least_worth<T: Tables>(tables: &T, key: &Key, now_s: u32) -> Option<Slot> {
    let (mut least, mut worth_of_least) = (0, KEPT);
    let mut bucket = key.first;
    for _ in 0..PROBES {
        for way in 0..WAYS as u32 {
            let slot = Slot::new(bucket, way);
            let Some(found) = at(tables, slot) else { continue };
            let worth = worth(tables, found.record, now_s);
            if worth < worth_of_least {
                (least, worth_of_least) = (forget(slot.0, now_s), worth);
            }
        }
        bucket = key.after(bucket);
    }
    (worth_of_least < KEPT).then_some(Slot(least))
}

impl Reservation {
    /// The reservation in the lower 34 bits of a word.
    #[inline(always)]
    pub fn to_word(self) -> u64 {
        u64::from(self.rank) << 32 | u64::from(self.slot.0)
    }

    /// The reservation of a word.
    #[inline(always)]
    pub fn from_word(word: u64) -> Self {
        Self {
            slot: Slot(word as u32),
            rank: (word >> 32) as u32 & (PROBES - 1),
        }
    }

    /// Has the record of a flow with `member` written, which from then on is there for all. What `write` leaves out is
    /// that of the flow before.
    #[inline(always)]
    pub fn commit<T: Tables>(
        self,
        tables: &T,
        key: &Key,
        member: u32,
        state: StateWord,
        write: impl FnOnce(&Record),
    ) -> bool {
        let Some(bucket) = tables.bucket(self.slot.bucket()) else {
            return false;
        };
        let way = self.slot.way();
        let (Some(record), Some(tag)) = (bucket.flows.get(way), bucket.tags.get(way)) else {
            return false;
        };
        write(record);
        record.member.set(member);
        if state.is_counted()
            && let Some(member) = tables.member(member)
        {
            member.active_flows.fetch_add(1);
        }
        record.state.set(state.with_rank(self.rank).0);
        tag.set(key.tag);
        true
    }

    /// Gives the way back.
    #[inline(always)]
    pub fn cancel<T: Tables>(self, tables: &T, key: &Key) {
        if let Some(bucket) = tables.bucket(self.slot.bucket())
            && let Some(tag) = bucket.tags.get(self.slot.way())
        {
            tag.set(FREE);
        }
        displace(
            |index| tables.bucket(index),
            key,
            self.slot.bucket(),
            self.rank,
            u32::MAX,
        );
    }
}

/// Ends a flow: its way is free again. Does nothing where the slot has another by now.
#[inline(always)]
pub fn release<T: Tables>(tables: &T, slot: Slot, tag: u32) -> bool {
    let Some(bucket) = tables.bucket(slot.bucket()) else {
        return false;
    };
    let Some(word) = bucket.tags.get(slot.way()) else {
        return false;
    };
    if !is_entered(tag) || !word.compare_exchange(tag, BUSY) {
        return false;
    }
    clear(tables, slot, tag);
    word.set(FREE);
    true
}

/// Undoes what a flow has elsewhere: its count, its return entry, its marks in the buckets before. The way is busy.
#[inline(always)]
fn clear<T: Tables>(tables: &T, slot: Slot, tag: u32) {
    let Some(bucket) = tables.bucket(slot.bucket()) else {
        return;
    };
    let Some(record) = bucket.flows.get(slot.way()) else {
        return;
    };
    let mut old = record.state_word();
    // Before the state goes: what the entry is found by follows from it.
    if old.forwarding().sees_replies() {
        returns::remove(tables, record, slot);
    }
    // A packet that is under way may change the state once; it cannot go on doing so.
    for _ in 0..3 {
        if record.change_state(tables, old, StateWord(0)) {
            break;
        }
        old = record.state_word();
    }
    if old.rank() != 0 {
        let buckets = tables
            .settings()
            .map_or(2, |settings| settings.flow_buckets.get());
        let key = Key {
            first: 0,
            tag,
            buckets,
        };
        displace(
            |index| tables.bucket(index),
            &key,
            slot.bucket(),
            old.rank(),
            u32::MAX,
        );
    }
}

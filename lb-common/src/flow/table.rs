//! The flow table: set-associative, without locks, the same in the kernel and on the host.
//!
//! A flow lies in one of the seven ways of its bucket, or, where that was full, of a second one. A way belongs to who
//! swaps its tag for [`BUSY`]; its record is written while it is busy, and the tag published last. A reader compares
//! the whole flow behind an equal tag, and looks at the tag again after it read: so a flow that was replaced under its
//! hands is a miss.
//!
//! Two flows whose tags are equal do not fit into the same bucket, at one chance in two thousand million for each pair
//! of flows there. The later one is refused as contended.
//!
//! When both buckets are full, the flow that matters least makes room: expired, then closed, then half open, then the
//! one that was silent longest.

use crate::{
    address::Endpoint,
    flow::{Bucket, Record, State, StateWord, WAYS, returns},
    hash::place,
    platform::{Loop, LoopBody, Platform},
    tables::Listener,
    word::{forget, pinned, same},
};

/// The tag of a free way.
pub const FREE: u32 = 0;
/// The tag of a way that someone is writing.
pub const BUSY: u32 = 1;
/// The lowest tag of a flow.
pub const FIRST_TAG: u32 = 2;

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

/// The hash of a flow, as bucket and tag.
#[derive(Clone, Copy)]
pub struct Key {
    first: u32,
    second: u32,
    tag: u32,
}

impl Key {
    /// The key of a hash in a table of `buckets` (at least two).
    #[inline(always)]
    #[must_use]
    pub const fn new(hash: u64, buckets: u32) -> Self {
        let tag = hash as u32 | FIRST_TAG;
        let first = place((hash >> 32) as u32, buckets);
        Self {
            first,
            second: second_bucket(first, tag, buckets),
            tag,
        }
    }
}

/// The other bucket of a flow. The step depends on the tag alone: so it can be taken back.
#[inline(always)]
const fn second_bucket(first: u32, tag: u32, buckets: u32) -> u32 {
    let sum = first + step(tag, buckets);
    if sum >= buckets { sum - buckets } else { sum }
}

#[inline(always)]
const fn first_bucket(second: u32, tag: u32, buckets: u32) -> u32 {
    let step = step(tag, buckets);
    if second >= step {
        second - step
    } else {
        second + buckets - step
    }
}

#[inline(always)]
const fn step(tag: u32, buckets: u32) -> u32 {
    1 + place(tag, buckets.saturating_sub(1))
}

/// Whether `record` is the flow between `client` and `listener`'s VIP `vip`.
#[inline(always)]
fn is_flow<P: Platform>(
    platform: &P,
    record: &Record,
    client: &Endpoint,
    vip: &Endpoint,
    protocol: u8,
) -> bool {
    record.client_port() == client.port
        && record.client.load() == client.address
        && platform
            .listener(record.listener.get())
            .is_some_and(|listener| is_vip(listener, vip, protocol))
}

#[inline(always)]
fn is_vip(listener: &Listener, vip: &Endpoint, protocol: u8) -> bool {
    listener.port.get() == u32::from(vip.port)
        && listener.protocol.get() == u32::from(protocol)
        && listener.address.load() == vip.address
}

/// Finds the flow from `client` to `vip`.
#[inline(always)]
pub fn find<'t, P: Platform>(
    platform: &'t P,
    key: &Key,
    client: &Endpoint,
    vip: &Endpoint,
    protocol: u8,
) -> Option<Found<'t>> {
    let bucket = platform.bucket(key.first)?;
    if let Some(found) = find_in(platform, bucket, key.first, key.tag, client, vip, protocol) {
        return Some(found);
    }
    if bucket.displaced.get() == 0 {
        return None;
    }
    find_in(
        platform,
        platform.bucket(key.second)?,
        key.second,
        key.tag,
        client,
        vip,
        protocol,
    )
}

#[inline(always)]
fn find_in<'t, P: Platform>(
    platform: &P,
    bucket: &'t Bucket,
    index: u32,
    tag: u32,
    client: &Endpoint,
    vip: &Endpoint,
    protocol: u8,
) -> Option<Found<'t>> {
    let slot = Slot::new(index, way_of(bucket, tag)?);
    let found = Found {
        slot,
        tag,
        record: bucket.flows.get(slot.way())?,
    };
    let same = is_flow(platform, found.record, client, vip, protocol);
    (same && bucket.tags.get(slot.way())?.get() == tag).then_some(found)
}

/// The first way with this tag.
#[inline(always)]
fn way_of(bucket: &Bucket, tag: u32) -> Option<u32> {
    let mut found = WAYS as u32;
    for way in 0..WAYS {
        if bucket.tags[way].get() == tag {
            found = way as u32;
            break;
        }
    }
    if found == WAYS as u32 {
        None
    } else {
        Some(forget(found, tag))
    }
}

/// The flow in `slot`, whatever its tag.
#[inline(always)]
pub fn at<P: Platform>(platform: &P, slot: Slot) -> Option<Found<'_>> {
    let bucket = platform.bucket(slot.bucket())?;
    let way = slot.way();
    let tag = bucket.tags.get(way)?.get();
    let record = bucket.flows.get(way)?;
    (tag >= FIRST_TAG).then_some(Found { slot, tag, record })
}

/// A way that is ours to write.
#[derive(Clone, Copy)]
#[repr(C, align(8))]
pub struct Reservation {
    /// Where.
    pub slot: Slot,
    tag: u32,
    /// 1 in the second bucket.
    displaced: u32,
    padding: u32,
}

/// Two cores wanted the same.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Contended;

/// How much a flow matters: the one with the least makes room.
#[inline(always)]
fn worth<P: Platform>(platform: &P, record: &Record, now_s: u32) -> u64 {
    let class = match record.state_word().state() {
        _ if record.is_expired(platform, now_s) => 0_u64,
        State::Unused | State::TcpReset => 1,
        State::TcpFin => 2,
        State::TcpSyn => 3,
        State::TcpEstablished | State::Udp => 4,
    };
    class << 32 | u64::from(record.last_seen_s.get())
}

/// Takes a way for a new flow, where one is free or else where a flow matters least.
#[inline(always)]
pub fn reserve<P: Platform>(platform: &P, key: &Key, now_s: u32) -> Result<Reservation, Contended> {
    let word = platform.reserve(key.first, key.second, now_s);
    if word == NOTHING_RESERVED {
        return Err(Contended);
    }
    Ok(Reservation {
        slot: Slot(word as u32),
        tag: key.tag,
        displaced: (word >> 32) as u32,
        padding: 0,
    })
}

/// What [`reserve_word`] gives back where it found nothing.
const NOTHING_RESERVED: u64 = u64::MAX;

/// Takes a way in one of two buckets: its slot in the lower half, whether it is in the second bucket in the upper.
///
/// The platform calls it: see [`Platform::reserve`].
#[inline(always)]
pub fn reserve_word<P: Platform>(platform: &P, first: u32, second: u32, now_s: u32) -> u64 {
    if let Some(slot) = claim_free(platform, first) {
        return slot.0.into();
    }
    if let Some(slot) = claim_free(platform, second) {
        if let Some(first) = platform.bucket(first) {
            first.displaced.fetch_add(1);
        }
        return 1 << 32 | u64::from(slot.0);
    }
    claim_least(platform, first, now_s).map_or(NOTHING_RESERVED, |slot| slot.0.into())
}

#[inline(always)]
fn claim_free<P: Platform>(platform: &P, index: u32) -> Option<Slot> {
    let bucket = platform.bucket(index)?;
    let slot = Slot::new(index, way_of(bucket, FREE)?);
    // Begins to load what will be written: a swap waits for all that was begun before it, for both at once.
    bucket.flows.get(slot.way())?.state.get();
    bucket
        .tags
        .get(slot.way())?
        .compare_exchange(FREE, BUSY)
        .then_some(slot)
}

#[inline(always)]
fn claim_least<P: Platform>(platform: &P, index: u32, now_s: u32) -> Option<Slot> {
    let bucket = platform.bucket(index)?;
    let mut least = LeastWorth {
        bucket: index,
        now_s,
        way: 0,
        worth: u64::MAX,
    };
    platform.repeat(WAYS as u32, &mut least);
    let slot = Slot::new(index, least.way & 7);
    let tag = bucket.tags.get(slot.way())?;
    let current = tag.get();
    if current < FIRST_TAG || !tag.compare_exchange(current, BUSY) {
        return None;
    }
    clear(platform, slot, current);
    Some(slot)
}

/// The way of a full bucket whose flow matters least.
struct LeastWorth {
    bucket: u32,
    now_s: u32,
    way: u32,
    worth: u64,
}

impl LoopBody for LeastWorth {
    #[inline(always)]
    fn step<P: Platform>(&mut self, platform: &P, way: u32) -> Loop {
        if let Some(found) = at(platform, Slot::new(self.bucket, way & 7)) {
            let worth = worth(platform, found.record, self.now_s);
            if worth < self.worth {
                self.worth = worth;
                self.way = way;
            }
        }
        Loop::Continue
    }
}

/// A flow to be.
#[derive(Clone, Copy)]
pub struct NewFlow {
    /// The client.
    pub client: Endpoint,
    /// The listener's id.
    pub listener: u32,
    /// The member's id.
    pub member: u32,
    /// State, forwarding and tags.
    pub state: StateWord,
    /// The time, in seconds.
    pub now_s: u32,
    /// Whether it has a session to renew.
    pub renewed_s: u32,
    /// The source port towards the member.
    pub source_port: u16,
    /// Index of the source address towards the member.
    pub snat_address: u32,
    /// See [`Record::return_macs`].
    pub return_macs: [u32; 3],
    /// See [`Record::return_tags`].
    pub return_tags: u32,
    /// See [`Record::return_ifindex`].
    pub return_ifindex: u32,
}

impl Reservation {
    /// Writes the flow and publishes it; an error where another core published the same one meanwhile.
    #[inline(always)]
    pub fn commit<'t, P: Platform>(
        self,
        platform: &'t P,
        key: &Key,
        flow: &NewFlow,
    ) -> Result<Found<'t>, Contended> {
        let bucket = platform.bucket(self.slot.bucket()).ok_or(Contended)?;
        let record = bucket.flows.get(self.slot.way()).ok_or(Contended)?;
        record.client.store(&flow.client.address);
        record
            .ports
            .set(u32::from(flow.client.port) << 16 | u32::from(flow.source_port));
        record.listener.set(flow.listener);
        record.member.set(flow.member);
        record.last_seen_s.set(flow.now_s);
        record.renewed_s.set(flow.renewed_s);
        record.snat_address.set(flow.snat_address);
        for word in 0..3 {
            record.return_macs[word].set(flow.return_macs[word]);
        }
        record.return_tags.set(flow.return_tags);
        record.return_ifindex.set(flow.return_ifindex);
        let state = if self.displaced != 0 {
            flow.state.displaced()
        } else {
            flow.state
        };
        record.state.set(state.0);
        if state.is_counted()
            && let Some(member) = platform.member(flow.member)
        {
            member.active_flows.fetch_add(1);
        }
        // A swap rather than a store: no load below may come before it.
        let tag = bucket.tags.get(self.slot.way()).ok_or(Contended)?;
        if !tag.compare_exchange(BUSY, self.tag) || is_twice(platform, key) {
            // Whoever sees two gives its own back: at worst both do, and the client's next packet makes one.
            release(platform, self.slot, self.tag);
            return Err(Contended);
        }
        Ok(Found {
            slot: self.slot,
            tag: self.tag,
            record,
        })
    }

    /// Gives the way back.
    #[inline(always)]
    pub fn cancel<P: Platform>(self, platform: &P) {
        if self.displaced != 0 {
            undo_displaced(platform, self.slot, self.tag);
        }
        if let Some(bucket) = platform.bucket(self.slot.bucket())
            && let Some(tag) = bucket.tags.get(self.slot.way())
        {
            tag.set(FREE);
        }
    }
}

/// Whether both buckets together have the tag more than once. The second is looked into only where some flow of the first
/// lies there: who puts one there says so in the first before it publishes.
#[inline(always)]
fn is_twice<P: Platform>(platform: &P, key: &Key) -> bool {
    let mut count = count_tag(platform, key.first, key.tag);
    if platform
        .bucket(key.first)
        .is_some_and(|first| first.displaced.get() != 0)
    {
        count += count_tag(platform, key.second, key.tag);
    }
    count > 1
}

#[inline(always)]
fn count_tag<P: Platform>(platform: &P, index: u32, tag: u32) -> u32 {
    let Some(bucket) = platform.bucket(index) else {
        return 0;
    };
    let mut count = 0;
    for way in 0..WAYS {
        count += same(bucket.tags[way].get(), tag);
    }
    count
}

/// Ends a flow: its way is free again. Does nothing where the slot has another by now.
#[inline(always)]
pub fn release<P: Platform>(platform: &P, slot: Slot, tag: u32) -> bool {
    let Some(bucket) = platform.bucket(slot.bucket()) else {
        return false;
    };
    let Some(word) = bucket.tags.get(slot.way()) else {
        return false;
    };
    if tag < FIRST_TAG || !word.compare_exchange(tag, BUSY) {
        return false;
    }
    clear(platform, slot, tag);
    word.set(FREE);
    true
}

/// Undoes what a flow has elsewhere: its count, its return entry, its mark in the first bucket. The way is busy.
#[inline(always)]
fn clear<P: Platform>(platform: &P, slot: Slot, tag: u32) {
    let Some(bucket) = platform.bucket(slot.bucket()) else {
        return;
    };
    let Some(record) = bucket.flows.get(slot.way()) else {
        return;
    };
    let mut old = record.state_word();
    // Before the state goes: what the entry is found by follows from it.
    if old.forwarding().sees_replies() {
        returns::remove(platform, record, slot);
    }
    // A packet that is under way may change the state once; it cannot go on doing so.
    for _ in 0..3 {
        if record.change_state(platform, old, StateWord(0)) {
            break;
        }
        old = record.state_word();
    }
    if old.is_displaced() {
        undo_displaced(platform, slot, tag);
    }
}

#[inline(always)]
fn undo_displaced<P: Platform>(platform: &P, slot: Slot, tag: u32) {
    let buckets = platform
        .settings()
        .map_or(2, |settings| settings.flow_buckets.get());
    if let Some(first) = platform.bucket(first_bucket(slot.bucket(), tag, buckets)) {
        first.displaced.fetch_add(u32::MAX);
    }
}

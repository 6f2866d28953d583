//! The return index: finds a flow by what its member answers, and gives out the source ports that keep answers apart.
//!
//! An entry is one word, tag and slot, written by one swap: see [`super::buckets`].

use crate::{
    address::Endpoint,
    flow::{
        Record, ReturnBucket,
        buckets::{self, Key, Place, displace},
        table::{self, Found, Slot},
    },
    hash::{self, Hash, place},
    platform::{Loop, LoopBody, Platform},
    tables::{Forwarding, Member, Pool},
    verdict::Reason,
    word::{Word64, pinned},
};

/// How many ports are tried before they count as exhausted: with nine of ten in use, one try in 850 fails.
const PORT_TRIES: u32 = 64;

/// Begins to load what will be looked at first.
#[inline(always)]
pub fn prefetch<P: Platform>(platform: &P, key: &Key) {
    if let Some(bucket) = platform.return_bucket(key.first) {
        bucket.displaced.get();
    }
}

/// The key of what `member` answers to `receiver`.
#[inline(always)]
pub fn key<P: Platform>(platform: &P, member: &Endpoint, receiver: &Endpoint, protocol: u8) -> Option<Key> {
    let settings = platform.settings()?;
    let hash = hash::of_tuple(settings.seed.get(), member, receiver, protocol);
    Some(Key::new(hash, settings.return_buckets.get()))
}

/// Finds the flow whose member at `member` answers to `receiver`.
#[inline(always)]
pub fn find<'t, P: Platform>(
    platform: &'t P,
    member: &Endpoint,
    receiver: &Endpoint,
    protocol: u8,
) -> Option<Found<'t>> {
    let key = key(platform, member, receiver, protocol)?;
    let place = buckets::find(|index| platform.return_bucket(index), &key)?;
    let slot = Slot(word_in(place.bucket, place.way)?.get() as u32);
    let found = table::at(platform, slot)?;
    answers(platform, found.record, member, receiver, protocol).then_some(found)
}

#[inline(always)]
fn word_in(bucket: &ReturnBucket, way: u32) -> Option<&Word64> {
    bucket.entries.get(pinned((way & 7) as usize))
}

/// Whether the flow's member at `member` answers to `receiver`.
#[inline(always)]
fn answers<P: Platform>(
    platform: &P,
    record: &Record,
    member: &Endpoint,
    receiver: &Endpoint,
    protocol: u8,
) -> bool {
    let Some(of_flow) = platform.member(record.member.get()) else {
        return false;
    };
    let Some(listener) = platform.listener(record.listener.get()) else {
        return false;
    };
    let Some(source) = source_endpoint(platform, record) else {
        return false;
    };
    of_flow.port.get() == u32::from(member.port)
        && of_flow.address.load() == member.address
        && source == *receiver
        && listener.protocol.get() == u32::from(protocol)
}

/// Who the member sees as its client.
#[inline(always)]
pub fn source_endpoint<P: Platform>(platform: &P, record: &Record) -> Option<Endpoint> {
    if record.state_word().forwarding() == Forwarding::FULL_NAT {
        let address = platform.snat_address(record.snat_address.get())?;
        Some(Endpoint {
            address,
            port: record.source_port(),
        })
    } else {
        Some(record.client_endpoint())
    }
}

/// Enters the flow of `slot` under `key`; false where another flow has it, or no entry is free.
#[inline(always)]
pub fn enter<P: Platform>(platform: &P, slot: Slot, key: &Key) -> bool {
    let table = |index| platform.return_bucket(index);
    if buckets::find(table, key).is_some() {
        return false;
    }
    let entry = entry(key, slot);
    let take = |bucket, way| word_in(bucket, way).is_some_and(|word| word.compare_exchange(0, entry));
    let Some(place) = buckets::enter(table, key, take) else {
        return false;
    };
    if buckets::is_twice(table, key) {
        take_out(platform, &place, key, entry);
        return false;
    }
    true
}

#[inline(always)]
fn entry(key: &Key, slot: Slot) -> u64 {
    u64::from(key.tag) << 32 | u64::from(slot.0)
}

#[inline(always)]
fn take_out<P: Platform>(platform: &P, place: &Place<'_, ReturnBucket>, key: &Key, entry: u64) {
    if word_in(place.bucket, place.way).is_some_and(|word| word.compare_exchange(entry, 0)) {
        let table = |index| platform.return_bucket(index);
        displace(table, key, place.index, place.rank, u32::MAX);
    }
}

/// Takes the entry of a flow out. The flow's way is busy.
#[inline(always)]
pub(super) fn remove<P: Platform>(platform: &P, record: &Record, slot: Slot) {
    let Some(member) = platform.member(record.member.get()) else {
        return;
    };
    let Some(listener) = platform.listener(record.listener.get()) else {
        return;
    };
    let Some(receiver) = source_endpoint(platform, record) else {
        return;
    };
    let protocol = listener.protocol.get() as u8;
    let Some(key) = key(platform, &endpoint(member), &receiver, protocol) else {
        return;
    };
    if let Some(place) = buckets::find(|index| platform.return_bucket(index), &key) {
        take_out(platform, &place, &key, entry(&key, slot));
    }
}

/// The endpoint of a member.
#[inline(always)]
pub fn endpoint(member: &Member) -> Endpoint {
    Endpoint {
        address: member.address.load(),
        port: member.port.get() as u16,
    }
}

/// Who the member is to see as its client.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(8))]
pub struct Source {
    /// Index of the source address.
    pub snat_address: u32,
    /// The source port.
    pub port: u16,
}

impl Source {
    /// The source in a word; of a real one never 0, since no port is.
    #[inline(always)]
    pub fn to_word(self) -> u64 {
        u64::from(self.snat_address) << 32 | u64::from(self.port)
    }

    #[inline(always)]
    fn from_word(word: u64) -> Option<Self> {
        (word != 0).then_some(Self {
            snat_address: (word >> 32) as u32,
            port: word as u16,
        })
    }
}

/// The source that is tried for a full NAT to `member` at this attempt, and its address.
///
/// It follows from the flow's hash: so a flow that was evicted gets the port back that its member knows, where it is
/// still free.
#[inline(always)]
pub fn candidate<P: Platform>(
    platform: &P,
    member: &Member,
    pool: &Pool,
    hash: u32,
    attempt: u32,
) -> Option<(Source, Endpoint)> {
    let (first_port, port_count) = (pool.snat_port_first.get(), pool.snat_port_count.get());
    let random = Hash::seeded(u64::from(hash)).with(u64::from(attempt)).finish();
    let port = (first_port + place((random >> 32) as u32, port_count)) as u16;
    let snat_address = member.snat_first.get() + place(random as u32, member.snat_count.get());
    let address = platform.snat_address(snat_address)?;
    Some((Source { snat_address, port }, Endpoint { address, port }))
}

/// What a source is looked for with. Small, since it lies on the kernel's stack beside all else.
#[repr(C, align(8))]
struct Search {
    slot: Slot,
    member: u32,
    hash: u32,
    protocol: u32,
    found: u64,
}

/// Finds a source for a full NAT under which the flow of `slot` is alone with its member, where the first that was tried
/// is another's, and enters it.
#[inline(always)]
pub fn search<P: Platform>(
    platform: &P,
    slot: Slot,
    member: u32,
    protocol: u8,
    hash: u32,
) -> Result<Source, Reason> {
    let mut search = Search {
        slot,
        member,
        hash,
        protocol: protocol.into(),
        found: 0,
    };
    platform.repeat(PORT_TRIES, &mut search);
    Source::from_word(search.found).ok_or(Reason::PortsExhausted)
}

impl LoopBody for Search {
    #[inline(always)]
    fn step<P: Platform>(&mut self, platform: &P, attempt: u32) -> Loop {
        // The first one was tried before.
        self.found = platform.try_source(self.slot, self.member, self.protocol, self.hash, attempt + 1);
        if self.found == 0 {
            Loop::Continue
        } else {
            Loop::Stop
        }
    }
}

/// Enters the flow of `slot` under the source of this attempt: nothing where it is another flow's.
#[inline(always)]
pub(super) fn try_source<P: Platform>(
    platform: &P,
    slot: Slot,
    member: u32,
    protocol: u8,
    hash: u32,
    attempt: u32,
) -> Option<Source> {
    let member = platform.member(member)?;
    let pool = platform.pool(member.pool.get())?;
    let (source, receiver) = candidate(platform, member, pool, hash, attempt)?;
    let key = key(platform, &endpoint(member), &receiver, protocol)?;
    enter(platform, slot, &key).then_some(source)
}

//! The return index: finds a flow by what its member answers, and gives out the source ports that keep answers apart.
//!
//! An entry is one word, tag and slot, written by one swap. Whoever wants an endpoint writes its entry first and looks
//! for an equal tag afterwards: of two that want the same at once, at least one sees the other and steps back.

use crate::{
    address::Endpoint,
    flow::{
        RETURN_WAYS, Record, ReturnBucket,
        table::{self, FIRST_TAG, Found, Slot},
    },
    hash::{self, Hash, place},
    platform::{Loop, LoopBody, Platform},
    tables::{Forwarding, Member},
    verdict::Reason,
    word::{forget, pinned, same},
};

/// How many ports are tried before they count as exhausted: with nine of ten in use, one try in 850 fails.
const PORT_TRIES: u32 = 64;

/// The hash of a return tuple, as bucket and tag.
#[derive(Clone, Copy)]
pub struct Key {
    bucket: u32,
    tag: u32,
}

impl Key {
    /// Begins to load what will be looked at.
    #[inline(always)]
    pub fn prefetch<P: Platform>(&self, platform: &P) {
        if let Some(bucket) = platform.return_bucket(self.bucket) {
            bucket.entries[0].get();
            bucket.entries[RETURN_WAYS / 2].get();
        }
    }
}

/// The key of what `member` answers to `receiver`.
#[inline(always)]
pub fn key<P: Platform>(platform: &P, member: &Endpoint, receiver: &Endpoint, protocol: u8) -> Option<Key> {
    let settings = platform.settings()?;
    let hash = hash::of_tuple(settings.seed.get(), member, receiver, protocol);
    let bucket = place((hash >> 32) as u32, settings.return_buckets.get());
    Some(Key {
        bucket,
        tag: hash as u32 | FIRST_TAG,
    })
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
    let bucket = platform.return_bucket(key.bucket)?;
    let entry = bucket.entries.get(way_of(bucket, key.tag, key.tag)?)?.get();
    let found = table::at(platform, Slot(entry as u32))?;
    answers(platform, found.record, member, receiver, protocol).then_some(found)
}

/// The first way with this tag.
#[inline(always)]
fn way_of(bucket: &ReturnBucket, tag: u32, noise: u32) -> Option<usize> {
    let mut found = RETURN_WAYS as u32;
    for way in 0..RETURN_WAYS {
        if (bucket.entries[way].get() >> 32) as u32 == tag {
            found = way as u32;
            break;
        }
    }
    if found == RETURN_WAYS as u32 {
        None
    } else {
        Some(pinned((forget(found, noise) & 15) as usize))
    }
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
    let Some(bucket) = platform.return_bucket(key.bucket) else {
        return false;
    };
    let entry = u64::from(key.tag) << 32 | u64::from(slot.0);
    if way_of(bucket, key.tag, key.tag).is_some() {
        return false;
    }
    let Some(place) = way_of(bucket, 0, key.tag).and_then(|way| bucket.entries.get(way)) else {
        return false;
    };
    if !place.compare_exchange(0, entry) {
        return false;
    }
    if count_tag(bucket, key.tag) > 1 {
        place.compare_exchange(entry, 0);
        return false;
    }
    true
}

#[inline(always)]
fn count_tag(bucket: &ReturnBucket, tag: u32) -> u32 {
    let mut count = 0;
    for way in 0..RETURN_WAYS {
        count += same((bucket.entries[way].get() >> 32) as u32, tag);
    }
    count
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
    let Some(bucket) = platform.return_bucket(key.bucket) else {
        return;
    };
    if let Some(place) = way_of(bucket, key.tag, key.tag).and_then(|way| bucket.entries.get(way)) {
        place.compare_exchange(u64::from(key.tag) << 32 | u64::from(slot.0), 0);
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

/// The source that is tried for a full NAT to `member` at this attempt, and its address.
///
/// It follows from the flow's hash: so a flow that was evicted gets the port back that its member knows, where it is
/// still free.
#[inline(always)]
pub fn candidate<P: Platform>(
    platform: &P,
    member: &Member,
    (first_port, port_count): (u32, u32),
    hash: u32,
    attempt: u32,
) -> Option<(Source, Endpoint)> {
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
    first_port: u32,
    port_count: u32,
    found: Source,
}

/// Finds a source for a full NAT under which the flow of `slot` is alone with its member, where the first that was tried
/// is another's, and enters it.
#[inline(always)]
pub fn search<P: Platform>(
    platform: &P,
    slot: Slot,
    member: u32,
    (first_port, port_count): (u32, u32),
    protocol: u8,
    hash: u32,
) -> Result<Source, Reason> {
    let found = Source {
        snat_address: 0,
        port: 0,
    };
    let mut search = Search {
        slot,
        member,
        hash,
        protocol: protocol.into(),
        first_port,
        port_count,
        found,
    };
    platform.repeat(PORT_TRIES, &mut search);
    if search.found.port == 0 {
        Err(Reason::PortsExhausted)
    } else {
        Ok(search.found)
    }
}

impl LoopBody for Search {
    #[inline(always)]
    fn step<P: Platform>(&mut self, platform: &P, attempt: u32) -> Loop {
        let Some(member) = platform.member(self.member) else {
            return Loop::Stop;
        };
        let ports = (self.first_port, self.port_count);
        // The first one was tried before.
        let Some((source, receiver)) = candidate(platform, member, ports, self.hash, attempt + 1) else {
            return Loop::Stop;
        };
        let Some(key) = key(platform, &endpoint(member), &receiver, self.protocol as u8) else {
            return Loop::Stop;
        };
        if !enter(platform, self.slot, &key) {
            return Loop::Continue;
        }
        self.found = source;
        Loop::Stop
    }
}

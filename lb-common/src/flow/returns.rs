//! The return index: finds a flow by what its member answers, and gives out the source ports that keep answers apart.

use crate::{
    address::Endpoint,
    buckets::Key,
    flow::{
        Record,
        table::{self, Found, Slot},
    },
    hash::{self, Hash, place},
    index,
    platform::{Loop, LoopBody, Platform, Tables},
    tables::{Forwarding, Member, Pool, SlotRange},
    verdict::Reason,
};

/// How many ports are tried before one is taken that has a flow: with nine of ten in use, one search in 850 comes to that.
const PORT_TRIES: u32 = 64;
/// Of how many ports that one is taken whose flow matters least.
const PORTS_COMPARED: u32 = 32;

/// Begins to load what will be looked at first.
#[inline(always)]
pub fn prefetch<T: Tables>(tables: &T, key: &Key) {
    if let Some(bucket) = tables.return_bucket(key.first) {
        bucket.displaced.get();
    }
}

/// The key of what `member` answers to `receiver`.
#[inline(always)]
pub fn key<T: Tables>(tables: &T, member: &Endpoint, receiver: &Endpoint, protocol: u8) -> Option<Key> {
    let settings = tables.settings()?;
    let hash = hash::of_tuple(settings.seed.get(), member, receiver, protocol);
    Some(Key::new(hash, settings.return_buckets.get()))
}

/// Finds the flow whose member at `member` answers to `receiver`.
#[inline(always)]
pub fn find<'t, T: Tables>(
    tables: &'t T,
    member: &Endpoint,
    receiver: &Endpoint,
    protocol: u8,
) -> Option<Found<'t>> {
    let key = key(tables, member, receiver, protocol)?;
    let slot = index::find(|index| tables.return_bucket(index), &key)?;
    let found = table::at(tables, Slot(slot))?;
    answers(tables, found.record, member, receiver, protocol).then_some(found)
}

/// Whether the flow's member at `member` answers to `receiver`.
#[inline(always)]
fn answers<T: Tables>(
    tables: &T,
    record: &Record,
    member: &Endpoint,
    receiver: &Endpoint,
    protocol: u8,
) -> bool {
    let Some(of_flow) = tables.member(record.member.get()) else {
        return false;
    };
    let Some(listener) = tables.listener(record.listener.get()) else {
        return false;
    };
    let Some(source) = source_endpoint(tables, record) else {
        return false;
    };
    of_flow.port.get() == u32::from(member.port)
        && of_flow.address.load() == member.address
        && source == *receiver
        && listener.protocol.get() == u32::from(protocol)
}

/// Who the member sees as its client.
#[inline(always)]
pub fn source_endpoint<T: Tables>(tables: &T, record: &Record) -> Option<Endpoint> {
    if record.state_word().forwarding() == Forwarding::FULL_NAT {
        let address = tables.snat_address(record.snat_address.get())?;
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
pub fn enter<T: Tables>(tables: &T, slot: Slot, key: &Key) -> bool {
    index::enter(|index| tables.return_bucket(index), key, slot.0)
}

/// Takes the entry of a flow out. The flow's way is busy.
#[inline(always)]
pub(super) fn remove<T: Tables>(tables: &T, record: &Record, slot: Slot) {
    let Some(member) = tables.member(record.member.get()) else {
        return;
    };
    let Some(listener) = tables.listener(record.listener.get()) else {
        return;
    };
    let Some(receiver) = source_endpoint(tables, record) else {
        return;
    };
    let protocol = listener.protocol.get() as u8;
    let Some(key) = key(tables, &endpoint(member), &receiver, protocol) else {
        return;
    };
    index::remove(|index| tables.return_bucket(index), &key, slot.0);
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
pub fn candidate<T: Tables>(
    tables: &T,
    member: &Member,
    pool: &Pool,
    hash: u32,
    attempt: u32,
) -> Option<(Source, Endpoint)> {
    let ports = SlotRange::from(pool.snat_ports.get());
    let addresses = SlotRange::from(member.snat.get());
    let random = Hash::seeded(u64::from(hash)).with(u64::from(attempt)).finish();
    let port = (ports.start + place((random >> 32) as u32, ports.count)) as u16;
    let snat_address = addresses.start + place(random as u32, addresses.count);
    let address = tables.snat_address(snat_address)?;
    Some((Source { snat_address, port }, Endpoint { address, port }))
}

/// What a free source is looked for with. Small, since it lies on the kernel's stack beside all else.
#[repr(C, align(8))]
struct Search {
    /// The source, 0: none; of [`LeastWorth`] how much the flow matters that has it.
    result: u64,
    slot: Slot,
    member: u32,
    hash: u32,
    protocol: u32,
}

/// What the source is looked for with whose flow matters least: the same, in the same place.
#[repr(C, align(8))]
struct LeastWorth {
    search: Search,
    /// The flow, and the attempt that led to it. Beside each other: they are written by eight bytes.
    holder: Slot,
    attempt: u32,
    now_s: u32,
    /// The flow's tag: whoever has the slot later is not meant.
    tag: u32,
}

/// Finds a source for a full NAT under which the flow of `slot` is alone with its member, where the first that was tried
/// is another's, and enters it.
///
/// Where none is free, the flow makes room that matters least of some: so a closed connection keeps its port only as long as
/// nobody else needs it. Established ones keep theirs.
#[inline(always)]
pub fn search<P: Platform>(
    platform: &P,
    slot: Slot,
    member: u32,
    protocol: u8,
    hash: u32,
    now_s: u32,
) -> Result<Source, Reason> {
    let protocol = u32::from(protocol);
    let search = Search {
        result: 0,
        slot,
        member,
        hash,
        protocol,
    };
    let mut least = LeastWorth {
        search,
        now_s,
        holder: Slot(0),
        attempt: 0,
        tag: 0,
    };
    platform.repeat(PORT_TRIES, &mut least.search);
    if let Some(source) = Source::from_word(least.search.result) {
        return Ok(source);
    }
    // From here on it is how much the flow matters.
    least.search.result = table::KEPT;
    platform.repeat(PORTS_COMPARED, &mut least);
    if least.search.result >= table::KEPT {
        return Err(Reason::PortsExhausted);
    }
    let is_open = table::at(platform, least.holder).is_some_and(|holder| {
        holder.record.state_word().state().is_open() && !holder.record.is_expired(platform, now_s)
    });
    if platform.release(least.holder, least.tag) && is_open {
        platform.count_reason(Reason::PortReused);
    }
    let source = platform.try_source(slot, member, protocol, hash, least.attempt);
    Source::from_word(source).ok_or(Reason::PortsExhausted)
}

impl<P: Platform> LoopBody<P> for Search {
    #[inline(always)]
    fn step(&mut self, platform: &P, attempt: u32) -> Loop {
        // The first one was tried before.
        self.result = platform.try_source(self.slot, self.member, self.protocol, self.hash, attempt + 1);
        if self.result == 0 {
            Loop::Continue
        } else {
            Loop::Stop
        }
    }
}

impl<P: Platform> LoopBody<P> for LeastWorth {
    #[inline(always)]
    fn step(&mut self, platform: &P, attempt: u32) -> Loop {
        let Search {
            member,
            protocol,
            hash,
            ..
        } = self.search;
        let slot = Slot(platform.source_holder(member, protocol, hash, attempt));
        if let Some(holder) = table::at(platform, slot)
            && holder.record.member.get() == member
        {
            let worth = table::worth(platform, holder.record, self.now_s);
            if worth < self.search.result {
                self.search.result = worth;
                self.holder = slot;
                self.tag = holder.tag;
                self.attempt = attempt;
            }
        }
        Loop::Continue
    }
}

/// The source of this attempt, and the key of what the member answers to it.
#[inline(always)]
fn source_key<T: Tables>(
    tables: &T,
    member: u32,
    protocol: u8,
    hash: u32,
    attempt: u32,
) -> Option<(Source, Key)> {
    let member = tables.member(member)?;
    let pool = tables.pool(member.pool.get())?;
    let (source, receiver) = candidate(tables, member, pool, hash, attempt)?;
    let key = key(tables, &endpoint(member), &receiver, protocol)?;
    Some((source, key))
}

/// The slot of the flow that has the source of this attempt.
#[inline(always)]
pub(super) fn source_holder<T: Tables>(
    tables: &T,
    member: u32,
    protocol: u8,
    hash: u32,
    attempt: u32,
) -> Option<Slot> {
    let (_, key) = source_key(tables, member, protocol, hash, attempt)?;
    index::find(|index| tables.return_bucket(index), &key).map(Slot)
}

/// Enters the flow of `slot` under the source of this attempt: nothing where it is another flow's.
#[inline(always)]
pub(super) fn try_source<T: Tables>(
    tables: &T,
    slot: Slot,
    member: u32,
    protocol: u8,
    hash: u32,
    attempt: u32,
) -> Option<Source> {
    let (source, key) = source_key(tables, member, protocol, hash, attempt)?;
    enter(tables, slot, &key).then_some(source)
}

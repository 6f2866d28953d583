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
    tables::{Forwarding, Member, Pool},
    verdict::Reason,
};

/// How many ports are tried before they count as exhausted: with nine of ten in use, one try in 850 fails.
const PORT_TRIES: u32 = 64;

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
    let (first_port, port_count) = (pool.snat_port_first.get(), pool.snat_port_count.get());
    let random = Hash::seeded(u64::from(hash)).with(u64::from(attempt)).finish();
    let port = (first_port + place((random >> 32) as u32, port_count)) as u16;
    let snat_address = member.snat_first.get() + place(random as u32, member.snat_count.get());
    let address = tables.snat_address(snat_address)?;
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

impl<P: Platform> LoopBody<P> for Search {
    #[inline(always)]
    fn step(&mut self, platform: &P, attempt: u32) -> Loop {
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
pub(super) fn try_source<T: Tables>(
    tables: &T,
    slot: Slot,
    member: u32,
    protocol: u8,
    hash: u32,
    attempt: u32,
) -> Option<Source> {
    let member = tables.member(member)?;
    let pool = tables.pool(member.pool.get())?;
    let (source, receiver) = candidate(tables, member, pool, hash, attempt)?;
    let key = key(tables, &endpoint(member), &receiver, protocol)?;
    enter(tables, slot, &key).then_some(source)
}

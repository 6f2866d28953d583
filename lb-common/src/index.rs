//! An index: finds the number of something by its key, in buckets of one cache line.
//!
//! An entry is one word, tag and number, written by one swap: see [`crate::buckets`]. Whoever finds a number looks whether
//! that is what was asked for.

use crate::{
    buckets::{self, Key, Place, Tagged, WAYS, displace},
    word::{Word32, Word64, pinned},
};

/// A bucket of an index: one cache line.
#[derive(Debug, Default)]
#[repr(C, align(64))]
pub struct IndexBucket {
    /// Tag in the upper half, number in the lower; 0: free.
    pub entries: [Word64; WAYS],
    /// How many entries passed this bucket over.
    pub displaced: Word32,
    /// Zero.
    pub padding: Word32,
}

impl IndexBucket {
    #[inline(always)]
    fn entry(&self, way: u32) -> Option<&Word64> {
        self.entries.get(pinned((way & 7) as usize))
    }
}

impl Tagged for IndexBucket {
    #[inline(always)]
    fn tag(&self, way: usize) -> u32 {
        self.entries[way].upper()
    }

    #[inline(always)]
    fn displaced(&self) -> &Word32 {
        &self.displaced
    }
}

#[inline(always)]
fn entry(key: &Key, number: u32) -> u64 {
    u64::from(key.tag) << 32 | u64::from(number)
}

/// The number that was entered under the key's tag.
#[inline(always)]
pub fn find<'b>(table: impl Fn(u32) -> Option<&'b IndexBucket>, key: &Key) -> Option<u32> {
    let place = buckets::find(table, key)?;
    Some(place.bucket.entry(place.way)?.get() as u32)
}

/// Enters the number under `key`; false where another has it, or no entry is free.
#[inline(always)]
pub fn enter<'b>(table: impl Fn(u32) -> Option<&'b IndexBucket>, key: &Key, number: u32) -> bool {
    if buckets::find(&table, key).is_some() {
        return false;
    }
    let entry = entry(key, number);
    let take = |bucket: &'b IndexBucket, way| {
        bucket
            .entry(way)
            .is_some_and(|word| word.compare_exchange(0, entry))
    };
    let Some(place) = buckets::enter(&table, key, take) else {
        return false;
    };
    if buckets::is_twice(&table, key) {
        take_from(table, &place, key, entry);
        return false;
    }
    true
}

/// [`enter`], where that is simple; otherwise false too.
#[inline(always)]
pub fn enter_first(bucket: &IndexBucket, key: &Key, number: u32) -> bool {
    let entry = entry(key, number);
    let swap = |bucket: &IndexBucket, way, from, to| {
        bucket
            .entry(way)
            .is_some_and(|word| word.compare_exchange(from, to))
    };
    let give_back = |bucket: &_, way| {
        swap(bucket, way, entry, 0);
    };
    buckets::enter_first(bucket, key, |bucket, way| swap(bucket, way, 0, entry), give_back).is_some()
}

/// Takes the number out that was entered under `key`.
#[inline(always)]
pub fn remove<'b>(table: impl Fn(u32) -> Option<&'b IndexBucket>, key: &Key, number: u32) {
    if let Some(place) = buckets::find(&table, key) {
        take_from(table, &place, key, entry(key, number));
    }
}

#[inline(always)]
fn take_from<'b>(
    table: impl Fn(u32) -> Option<&'b IndexBucket>,
    place: &Place<'b, IndexBucket>,
    key: &Key,
    entry: u64,
) {
    if place
        .bucket
        .entry(place.way)
        .is_some_and(|word| word.compare_exchange(entry, 0))
    {
        displace(table, key, place.index, place.rank, u32::MAX);
    }
}

const _: () = assert!(size_of::<IndexBucket>() == 64);

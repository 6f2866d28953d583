//! Buckets of seven ways: how the flow table and the return index find what they have, and room for what is new.
//!
//! A key has [`PROBES`] buckets, one after another by a step of its own. It goes into the first of them that has a free
//! way, and counts as displaced in each that it passed over. So the next bucket is looked into only where something went on
//! from the one before.
//!
//! All that a bucket knows of a key is its tag. Two keys whose tags are equal do not fit into the same buckets, at one
//! chance in a thousand million for each pair of keys there: the later one is refused. Of two cores that enter the same
//! key at once, at least one sees the other's and steps back: each enters its own before it looks.

use crate::{
    hash::place,
    word::{Word32, forget, pinned, same},
};

/// Places in a bucket.
pub const WAYS: usize = 7;
/// How many buckets a key has. With as many keys as are configured, one in two hundred goes on to its second bucket, one in
/// ten thousand to its third, and none finds all of them full.
pub const PROBES: u32 = 4;

/// The tag of a free way.
pub const FREE: u32 = 0;
/// A mark in the tag of a way that someone is writing; by itself the tag of one that is being cleared.
pub const BUSY: u32 = 1;
/// A mark in the tag of every key.
const ENTERED: u32 = 2;

/// Whether the way with this tag has something that may be read.
#[inline(always)]
#[must_use]
pub const fn is_entered(tag: u32) -> bool {
    tag & (ENTERED | BUSY) == ENTERED
}

/// A bucket of a table.
pub trait Tagged {
    /// The tag in a way.
    fn tag(&self, way: usize) -> u32;
    /// How many keys passed it over and lie in a later one.
    fn displaced(&self) -> &Word32;
}

/// The hash of what is entered, as bucket and tag.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// The index of its first bucket.
    pub first: u32,
    /// Part of the hash.
    pub tag: u32,
    /// How many buckets the table has; at least [`PROBES`].
    pub buckets: u32,
}

impl Key {
    /// The key of a hash in a table of `buckets`.
    #[inline(always)]
    #[must_use]
    pub const fn new(hash: u64, buckets: u32) -> Self {
        Self {
            first: place((hash >> 32) as u32, buckets),
            tag: hash as u32 & !BUSY | ENTERED,
            buckets,
        }
    }

    /// The bucket after `index`. The step depends on the tag alone: so it can be taken back.
    #[inline(always)]
    #[must_use]
    pub const fn after(&self, index: u32) -> u32 {
        let sum = index + self.step();
        if sum >= self.buckets {
            sum - self.buckets
        } else {
            sum
        }
    }

    #[inline(always)]
    const fn before(&self, index: u32) -> u32 {
        let step = self.step();
        if index >= step {
            index - step
        } else {
            index + self.buckets - step
        }
    }

    /// So short that no bucket comes twice.
    #[inline(always)]
    const fn step(&self) -> u32 {
        1 + place(self.tag, self.buckets.saturating_sub(1) / (PROBES - 1))
    }
}

/// A way of a bucket.
pub struct Place<'b, B> {
    /// The bucket.
    pub bucket: &'b B,
    /// Its index.
    pub index: u32,
    /// The way; below [`WAYS`].
    pub way: u32,
    /// How many buckets were passed over.
    pub rank: u32,
}

/// The way with this tag.
#[inline(always)]
fn way_of<B: Tagged>(bucket: &B, tag: u32, noise: u32) -> Option<u32> {
    let mut found = WAYS as u32;
    for way in 0..WAYS {
        if bucket.tag(way) == tag {
            found = way as u32;
            break;
        }
    }
    if found == WAYS as u32 {
        None
    } else {
        Some(forget(found, noise))
    }
}

/// Finds the key's tag.
#[inline(always)]
pub fn find<'b, B: Tagged>(table: impl Fn(u32) -> Option<&'b B>, key: &Key) -> Option<Place<'b, B>> {
    let mut index = key.first;
    for rank in 0..PROBES {
        let bucket = table(index)?;
        if let Some(way) = way_of(bucket, key.tag, key.tag) {
            return Some(Place {
                bucket,
                index,
                way,
                rank,
            });
        }
        if bucket.displaced().get() == 0 {
            return None;
        }
        index = key.after(index);
    }
    None
}

/// Enters the key where a way is free: `take` tries to swap its tag into it.
#[inline(always)]
pub fn enter<'b, B: Tagged>(
    table: impl Fn(u32) -> Option<&'b B>,
    key: &Key,
    take: impl Fn(&'b B, u32) -> bool,
) -> Option<Place<'b, B>> {
    let mut index = key.first;
    for rank in 0..PROBES {
        let bucket = table(index)?;
        if let Some(way) = way_of(bucket, FREE, key.tag) {
            // Before it is there, so that no one looks for it in vain.
            displace(&table, key, index, rank, 1);
            if take(bucket, way) {
                return Some(Place {
                    bucket,
                    index,
                    way,
                    rank,
                });
            }
            displace(&table, key, index, rank, u32::MAX);
        }
        index = key.after(index);
    }
    None
}

/// Whether the tag is there more than once, be it under a busy mark.
#[inline(always)]
pub fn is_twice<'b, B: Tagged + 'b>(table: impl Fn(u32) -> Option<&'b B>, key: &Key) -> bool {
    let mut seen = false;
    let mut index = key.first;
    for _ in 0..PROBES {
        let Some(bucket) = table(index) else {
            break;
        };
        for way in 0..WAYS {
            if bucket.tag(way) & !BUSY == key.tag {
                if seen {
                    return true;
                }
                seen = true;
            }
        }
        if bucket.displaced().get() == 0 {
            break;
        }
        index = key.after(index);
    }
    false
}

/// How many ways of a bucket have this tag, be it under a busy mark.
#[inline(always)]
fn count_of<B: Tagged>(bucket: &B, tag: u32) -> u32 {
    let mut count = 0;
    for way in 0..WAYS {
        count += same(bucket.tag(way) & !BUSY, tag);
    }
    count
}

/// Enters the key in its first bucket, where that is all there is to do: a way is free there, and nothing went on from
/// there. `take` is as with [`enter`], `give_back` undoes it. Where it says none, [`enter`] and [`is_twice`] may find a way.
///
/// This is what happens nearly always, and so little that the kernel's verifier can go through it at each place.
#[inline(always)]
pub fn enter_first<'b, B: Tagged>(
    bucket: &'b B,
    key: &Key,
    take: impl Fn(&'b B, u32) -> bool,
    give_back: impl Fn(&'b B, u32),
) -> Option<u32> {
    let way = way_of(bucket, FREE, key.tag)?;
    let is_alone = |count| bucket.displaced().get() == 0 && count_of(bucket, key.tag) == count;
    if !is_alone(0) || !take(bucket, way) {
        return None;
    }
    // As with `is_twice`: whoever sees two gives its own back.
    if !is_alone(1) {
        give_back(bucket, way);
        return None;
    }
    Some(way)
}

/// Adds to what the `rank` buckets before `index` have for displaced.
#[inline(always)]
pub fn displace<'b, B: Tagged + 'b>(
    table: impl Fn(u32) -> Option<&'b B>,
    key: &Key,
    mut index: u32,
    rank: u32,
    addend: u32,
) {
    // A constant bound, also for the compiler: the verifier knows none of a number that was on the stack meanwhile.
    for step in 0..PROBES - 1 {
        if pinned(step as usize) >= rank as usize {
            break;
        }
        index = key.before(index);
        if let Some(bucket) = table(index) {
            bucket.displaced().fetch_add(addend);
        }
    }
}

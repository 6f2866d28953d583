//! A shard: the entries under one lock.

use hashbrown::HashTable;

use super::entry::{Entry, Fingerprint};

/// Of so many entries the longest idle goes when the table is full.
const SAMPLE: usize = 16;

#[derive(Default)]
pub(super) struct Shard(HashTable<Entry>);

impl Shard {
    pub(super) fn find(&mut self, fingerprint: Fingerprint) -> Option<&mut Entry> {
        self.0.find_mut(fingerprint.place, is(fingerprint))
    }

    /// Puts in what is not there yet.
    pub(super) fn insert(&mut self, entry: Entry) {
        self.0.insert_unique(place(&entry), entry, place);
    }

    pub(super) fn remove(&mut self, fingerprint: Fingerprint) -> Option<Entry> {
        let found = self.0.find_entry(fingerprint.place, is(fingerprint)).ok()?;
        Some(found.remove().0)
    }

    /// Removes what is not to be kept, and returns how many those were.
    pub(super) fn retain(&mut self, keep: impl FnMut(&mut Entry) -> bool) -> usize {
        let had = self.0.len();
        self.0.retain(keep);
        had - self.0.len()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.0.iter()
    }

    /// The longest idle of those that lie where a new one would come: anywhere, that is, since the hash is random.
    pub(super) fn longest_idle(&self, new: Fingerprint) -> Option<Fingerprint> {
        let buckets = self.0.num_buckets();
        let start = new.place as usize % buckets.max(1);
        (start..buckets)
            .chain(0..start)
            .filter_map(|bucket| self.0.get_bucket(bucket))
            .take(SAMPLE)
            .min_by_key(|entry| entry.seen_s.get())
            .map(Entry::fingerprint)
    }

    /// Makes itself as small as its entries allow: after a flood, or when only what had been removed made it grow.
    pub(super) fn give_memory_back(&mut self) {
        // A little room, so that the next entry does not make it grow again.
        let room = self.0.len() + self.0.len() / 16;
        self.0.shrink_to(room, place);
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.0.allocation_size()
    }
}

fn place(entry: &Entry) -> u64 {
    entry.fingerprint().place
}

fn is(fingerprint: Fingerprint) -> impl Fn(&Entry) -> bool {
    move |entry| entry.fingerprint() == fingerprint
}

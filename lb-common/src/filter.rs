//! Two Bloom filters with one bit an address: which packets cannot be ours, for the price of one load.
//!
//! The daemon sets the bits of VIPs and members. A set bit of a foreign address costs a look into the tables, nothing more.

use crate::{address::Address, hash::Hash, platform::Tables};

/// Words of one filter: 16,384 bits.
pub const WORDS: u32 = 256;

/// Which filter.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
pub enum Kind {
    /// The VIPs.
    Vip = 0,
    /// The members.
    Member = 1,
}

/// Where the bit of an address stands: word and mask.
#[inline(always)]
#[must_use]
pub const fn bit(kind: Kind, address: &Address) -> (u32, u64) {
    let hash = (Hash::seeded(0).with_address(address).finish() >> 32) as u32;
    (kind as u32 * WORDS + (hash >> 8) % WORDS, 1 << (hash & 63))
}

/// Whether `address` may be of this kind; false is certain.
#[inline(always)]
pub fn may_be<T: Tables>(tables: &T, kind: Kind, address: &Address) -> bool {
    let (word, mask) = bit(kind, address);
    tables.filter_word(word) & mask != 0
}

//! What the kernel has as functions by themselves, which its verifier goes through once, rather than once for each way that
//! leads there: so arguments and results are plain words. A [`Platform`] calls them, and all others the platform.

use super::{
    returns::{self, Source},
    table::{self, Refused, Reservation, Slot},
};
use crate::{buckets::Key, index, platform::Platform, verdict::Reason};

/// What a key is outside its table: first bucket and tag.
#[derive(Clone, Copy, Debug)]
pub struct Keyed {
    /// The index of the first bucket.
    pub first: u32,
    /// The tag.
    pub tag: u32,
}

impl Keyed {
    #[inline(always)]
    const fn in_table(self, buckets: u32) -> Key {
        Key {
            first: self.first,
            tag: self.tag,
            buckets,
        }
    }
}

impl From<&Key> for Keyed {
    #[inline(always)]
    fn from(key: &Key) -> Self {
        Self {
            first: key.first,
            tag: key.tag,
        }
    }
}

/// Another core wanted the same way.
const CONTENDED: u64 = u64::MAX;
/// There was no way. Of a flow that could make room, the slot stands in the lower half.
const FULL: u64 = 1 << 62;
const NO_SLOT: u32 = u32::MAX;

/// Takes a way of the flow table for a new flow, where one is free or else where a flow matters least. One whose time was
/// not over is counted.
#[inline(always)]
pub fn reserve<P: Platform>(platform: &P, key: &Key, now_s: u32) -> Result<Reservation, Refused> {
    if let Some(reserved) = table::reserve_first(platform, key) {
        return Ok(reserved);
    }
    let mut word = platform.reserve(key.into(), now_s);
    if word != CONTENDED && word & FULL != 0 {
        if word as u32 == NO_SLOT {
            return Err(Refused::Full(None));
        }
        let least = table::at(platform, Slot(word as u32)).ok_or(Refused::Contended)?;
        let is_over = least.record.is_expired(platform, now_s);
        if platform.release(least.slot, least.tag) && !is_over {
            platform.count_reason(Reason::FlowEvicted);
        }
        word = platform.reserve(key.into(), now_s);
    }
    if word & FULL == 0 {
        Ok(Reservation::from_word(word))
    } else {
        Err(Refused::Contended)
    }
}

/// [`Platform::reserve`].
#[inline(always)]
pub fn reserve_word<P: Platform>(platform: &P, key: Keyed, now_s: u32) -> u64 {
    let Some(settings) = platform.settings() else {
        return CONTENDED;
    };
    let key = key.in_table(settings.flow_buckets.get());
    match table::reserve(platform, &key, now_s) {
        Ok(reserved) => reserved.to_word(),
        Err(Refused::Contended) => CONTENDED,
        Err(Refused::Full(least)) => FULL | u64::from(least.map_or(NO_SLOT, |slot| slot.0)),
    }
}

/// Enters a flow in the return index; false where another has the key, or no entry is free.
#[inline(always)]
pub fn enter<P: Platform>(platform: &P, key: &Key, slot: Slot) -> bool {
    let is_simple = platform
        .return_bucket(key.first)
        .is_some_and(|bucket| index::enter_first(bucket, key, slot.0));
    is_simple || platform.enter_return(key.into(), slot)
}

/// [`Platform::enter_return`].
#[inline(always)]
pub fn enter_return<P: Platform>(platform: &P, key: Keyed, slot: Slot) -> bool {
    let Some(settings) = platform.settings() else {
        return false;
    };
    let key = key.in_table(settings.return_buckets.get());
    returns::enter(platform, slot, &key)
}

/// [`Platform::try_source`].
#[inline(always)]
pub fn try_source<P: Platform>(
    platform: &P,
    slot: Slot,
    member: u32,
    protocol: u32,
    hash: u32,
    attempt: u32,
) -> u64 {
    returns::try_source(platform, slot, member, protocol as u8, hash, attempt).map_or(0, Source::to_word)
}

/// [`Platform::source_holder`].
#[inline(always)]
pub fn source_holder<P: Platform>(platform: &P, member: u32, protocol: u32, hash: u32, attempt: u32) -> u32 {
    returns::source_holder(platform, member, protocol as u8, hash, attempt).map_or(NO_SLOT, |slot| slot.0)
}

/// [`Platform::release`].
#[inline(always)]
pub fn release<P: Platform>(platform: &P, slot: Slot, tag: u32) -> bool {
    table::release(platform, slot, tag)
}

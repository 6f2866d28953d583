//! Array maps as shared memory: the daemon writes single words that the datapath sees at once.
#![allow(unsafe_code)]

use std::{
    ffi::c_void,
    num::NonZeroUsize,
    ops::Deref,
    os::fd::AsFd,
    ptr::{self, NonNull},
    slice,
};

use aya::maps::MapData;
use lb_common::{
    flow::Bucket,
    index::IndexBucket,
    tables::{Listener, Member, Pool, Settings, SharedAddress},
    trace::TraceState,
    word::{Word32, Word64},
};
use nix::sys::mman::{MapFlags, ProtFlags, mmap, munmap};

/// A slot of the schedules. The kernel lays the elements of an array out eight bytes apart.
#[derive(Debug, Default)]
#[repr(C, align(8))]
pub struct ScheduleSlot {
    /// The member's id.
    pub member: Word32,
    padding: Word32,
}

/// A value that may lie in memory that the kernel writes too: it is made of words, for which all bits are valid.
///
/// # Safety
/// Only `repr(C)` types that consist of [`Word32`] and [`Word64`] alone, of a size that eight divides.
pub unsafe trait SharedValue: Sync {}

// SAFETY: each consists of words alone, and its size is asserted where it is declared.
unsafe impl SharedValue for Settings {}
// SAFETY: as above.
unsafe impl SharedValue for Word64 {}
// SAFETY: as above.
unsafe impl SharedValue for Listener {}
// SAFETY: as above.
unsafe impl SharedValue for Pool {}
// SAFETY: as above.
unsafe impl SharedValue for Member {}
// SAFETY: as above.
unsafe impl SharedValue for ScheduleSlot {}
// SAFETY: as above.
unsafe impl SharedValue for SharedAddress {}
// SAFETY: as above.
unsafe impl SharedValue for Bucket {}
// SAFETY: as above.
unsafe impl SharedValue for IndexBucket {}
// SAFETY: as above.
unsafe impl SharedValue for TraceState {}

/// An array map in this process's memory.
pub struct Shared<T: SharedValue> {
    start: NonNull<T>,
    count: usize,
    // Keeps the map itself alive.
    _map: MapData,
}

// SAFETY: a pointer to memory that is shared by design; all access goes through words.
unsafe impl<T: SharedValue> Send for Shared<T> {}
// SAFETY: as above.
unsafe impl<T: SharedValue> Sync for Shared<T> {}

impl<T: SharedValue> Shared<T> {
    const STRIDE: () = assert!(size_of::<T>().is_multiple_of(8));

    /// Maps `map`, an array with `count` elements made with `BPF_F_MMAPABLE`.
    pub(super) fn new(map: MapData, count: u32) -> nix::Result<Self> {
        let () = Self::STRIDE;
        let count = count as usize;
        let length = NonZeroUsize::new(count * size_of::<T>()).ok_or(nix::Error::EINVAL)?;
        // SAFETY: a new mapping; the kernel refuses one that is longer than the map.
        let start = unsafe {
            mmap(
                None,
                length,
                ProtFlags::PROT_READ | ProtFlags::PROT_WRITE,
                MapFlags::MAP_SHARED,
                map.fd().as_fd(),
                0,
            )?
        };
        Ok(Self {
            start: start.cast(),
            count,
            _map: map,
        })
    }
}

impl<T: SharedValue> Shared<T> {
    /// Writes the first elements, word by word.
    pub fn copy_from(&self, values: &[T]) {
        for (to, from) in self.iter().zip(values) {
            // SAFETY: a `SharedValue` is nothing but words, and eight divides its size.
            let words = |value: &T| unsafe {
                slice::from_raw_parts(
                    ptr::from_ref(value).cast::<Word64>(),
                    size_of::<T>() / size_of::<Word64>(),
                )
            };
            // SAFETY of the alignment: all shared values are aligned to eight bytes, or mapped at a page's start with
            // such a stride; four-byte words on the host lie in vectors of structures of that alignment.
            for (to, from) in words(to).iter().zip(words(from)) {
                to.set(from.get());
            }
        }
    }
}

impl<T: SharedValue> Deref for Shared<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        // SAFETY: the mapping is that long, page-aligned, and lives as long as `self`; `T` consists of words.
        unsafe { slice::from_raw_parts(self.start.as_ptr(), self.count) }
    }
}

impl<T: SharedValue> Drop for Shared<T> {
    fn drop(&mut self) {
        // SAFETY: the mapping of `new`; no reference outlives `self`. A failure leaves it mapped, which harms no one.
        let _ = unsafe { munmap(self.start.cast::<c_void>(), self.count * size_of::<T>()) };
    }
}

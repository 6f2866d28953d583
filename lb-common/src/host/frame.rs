//! A packet in a vector.

extern crate std;

use std::vec::Vec;

use crate::frame::{Cursor, Frame, ResizeError, Wire};

/// The room before a packet, in bytes, as the kernel leaves it.
const HEADROOM: usize = 256;
/// The room behind a packet, in bytes.
const TAILROOM: usize = 512;
/// The shortest frame that the kernel resizes to: an Ethernet header.
const SHORTEST: usize = 14;
/// The largest step of a cursor, as in the kernel.
const MAX_SKIP: usize = 0x7ff;
/// What stands in room that was taken: nobody may rely on it.
const GARBAGE: u8 = 0xaa;

/// A packet in a vector, with room at both ends.
#[derive(Clone, Debug)]
pub struct HostFrame {
    memory: Vec<u8>,
    start: usize,
    end: usize,
}

impl HostFrame {
    /// A frame of these bytes.
    #[must_use]
    pub fn new(bytes: &[u8]) -> Self {
        let mut memory = std::vec![GARBAGE; HEADROOM];
        memory.extend_from_slice(bytes);
        let end = memory.len();
        memory.resize(end + TAILROOM, GARBAGE);
        Self {
            memory,
            start: HEADROOM,
            end,
        }
    }

    /// The bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.memory[self.start..self.end]
    }

    fn moved(
        from: usize,
        delta: i32,
        limits: core::ops::RangeInclusive<usize>,
    ) -> Result<usize, ResizeError> {
        from.checked_add_signed(delta as isize)
            .filter(|to| limits.contains(to))
            .ok_or(ResizeError)
    }
}

impl Frame for HostFrame {
    type Cursor<'a> = HostCursor<'a>;

    fn length(&self) -> usize {
        self.end - self.start
    }

    fn cursor(&mut self) -> HostCursor<'_> {
        HostCursor {
            rest: &mut self.memory[self.start..self.end],
        }
    }

    fn adjust_head(&mut self, delta: i32) -> Result<(), ResizeError> {
        let last = self.end.checked_sub(SHORTEST).ok_or(ResizeError)?;
        self.start = Self::moved(self.start, delta, 0..=last)?;
        Ok(())
    }

    fn adjust_tail(&mut self, delta: i32) -> Result<(), ResizeError> {
        let end = Self::moved(self.end, delta, self.start + SHORTEST..=self.memory.len())?;
        if let Some(gained) = self.memory.get_mut(self.end..end) {
            gained.fill(0);
        }
        self.end = end;
        Ok(())
    }
}

/// Walks over a [`HostFrame`].
#[derive(Debug)]
pub struct HostCursor<'a> {
    rest: &'a mut [u8],
}

impl<'a> Cursor<'a> for HostCursor<'a> {
    fn take<T: Wire + 'a>(&mut self) -> Option<&'a mut T> {
        if self.rest.len() < size_of::<T>() {
            return None;
        }
        let (taken, rest) = T::mut_from_prefix(core::mem::take(&mut self.rest)).ok()?;
        self.rest = rest;
        Some(taken)
    }

    fn skip(&mut self, count: usize) -> Option<()> {
        if count > MAX_SKIP || count > self.rest.len() {
            return None;
        }
        self.rest = &mut core::mem::take(&mut self.rest)[count..];
        Some(())
    }

    fn settle(&mut self) -> Option<()> {
        Some(())
    }
}

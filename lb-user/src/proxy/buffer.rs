//! Buffers for what is read, lent to a connection only while something passes through it.

use std::cell::RefCell;

/// The size of a buffer as it is lent, in bytes.
pub(super) const SIZE: usize = 16 * 1024;
/// Unused buffers that a worker keeps.
const MOST_KEPT: usize = 256;

/// Bytes that were read and not used yet.
#[derive(Debug, Default)]
pub(super) struct Buffer {
    /// All of it is initialised memory.
    memory: Vec<u8>,
    start: usize,
    end: usize,
}

impl Buffer {
    /// What is in it.
    pub(super) fn filled(&self) -> &[u8] {
        &self.memory[self.start..self.end]
    }

    pub(super) fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// Takes the first `count` bytes out.
    pub(super) fn consume(&mut self, count: usize) {
        self.start = self.end.min(self.start + count);
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
        }
    }

    /// Where more can be read into: never empty. A full buffer grows to twice its size, which its user has to bound.
    pub(super) fn room(&mut self) -> &mut [u8] {
        if self.end == self.memory.len() {
            if self.start > 0 {
                self.memory.copy_within(self.start..self.end, 0);
                (self.start, self.end) = (0, self.end - self.start);
            } else {
                self.memory.resize((self.memory.len() * 2).max(SIZE), 0);
            }
        }
        &mut self.memory[self.end..]
    }

    /// Notes that so many bytes were read into the room.
    pub(super) fn add(&mut self, count: usize) {
        self.end = self.memory.len().min(self.end + count);
    }
}

/// A worker's unused buffers.
#[derive(Debug, Default)]
pub(super) struct Buffers {
    unused: RefCell<Vec<Vec<u8>>>,
}

impl Buffers {
    /// An empty buffer of [`SIZE`].
    pub(super) fn take(&self) -> Buffer {
        let memory = self.unused.borrow_mut().pop();
        Buffer {
            memory: memory.unwrap_or_else(|| vec![0; SIZE]),
            start: 0,
            end: 0,
        }
    }

    /// Takes a buffer back.
    pub(super) fn give(&self, buffer: Buffer) {
        let mut unused = self.unused.borrow_mut();
        if buffer.memory.len() == SIZE && unused.len() < MOST_KEPT {
            unused.push(buffer.memory);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_comes_out_in_order() {
        let buffers = Buffers::default();
        let mut buffer = buffers.take();
        buffer.room()[..5].copy_from_slice(b"hello");
        buffer.add(5);
        buffer.consume(2);
        assert_eq!(buffer.filled(), b"llo");
        let room = buffer.room().len();
        assert_eq!(room, SIZE - 5);
        buffer.add(room);
        // Full at its end: what is left moves to the front.
        assert_eq!(buffer.room().len(), 2);
        assert_eq!(&buffer.filled()[..3], b"llo");
        buffer.add(2);
        assert_eq!(buffer.room().len(), SIZE);
        buffer.consume(usize::MAX / 2);
        assert!(buffer.is_empty());
    }

    #[test]
    fn buffers_are_used_again() {
        let buffers = Buffers::default();
        let buffer = buffers.take();
        let address = buffer.memory.as_ptr();
        buffers.give(buffer);
        assert_eq!(buffers.take().memory.as_ptr(), address);
    }
}

//! The memory of a packet behind two traits: the kernel's, and a test's.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// What can stand in a packet.
pub trait Wire: FromBytes + IntoBytes + Immutable + KnownLayout + Unaligned {}

impl<T: FromBytes + IntoBytes + Immutable + KnownLayout + Unaligned> Wire for T {}

/// The frame could not be given the asked size.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ResizeError;

/// A frame: bytes that can be read and changed, and room that can be taken or given back at both ends.
pub trait Frame {
    /// Walks over the bytes.
    type Cursor<'a>: Cursor<'a>
    where
        Self: 'a;

    /// The number of bytes.
    fn length(&self) -> usize;

    /// A cursor at the first byte. What it gave out is gone once the frame is resized.
    fn cursor(&mut self) -> Self::Cursor<'_>;

    /// Takes `delta` bytes away at the front, or adds as many where it is negative.
    fn adjust_head(&mut self, delta: i32) -> Result<(), ResizeError>;

    /// Adds `delta` bytes at the end, or takes as many away where it is negative.
    fn adjust_tail(&mut self, delta: i32) -> Result<(), ResizeError>;
}

/// Walks over a frame once, from front to back, and gives out what it passes.
///
/// Each byte is given out at most once: so the views may be held side by side, and the kernel's
/// verifier sees each checked a single time.
pub trait Cursor<'a>: Sized {
    /// The next bytes as a `T`; none where fewer are left.
    fn take<T: Wire + 'a>(&mut self) -> Option<&'a mut T>;

    /// Passes over `count` bytes (below 2,048); none where fewer are left.
    fn skip(&mut self, count: usize) -> Option<()>;

    /// Forgets by which way the cursor came here. The kernel's verifier looks at the rest of the program once for each
    /// way that leads there, unless they are all alike; elsewhere this does nothing.
    fn settle(&mut self) -> Option<()>;
}

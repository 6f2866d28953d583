//! The memory of a packet in the kernel.

use core::marker::PhantomData;

use aya_ebpf::{
    EbpfContext as _,
    bindings::xdp_md,
    helpers::generated::{bpf_xdp_adjust_head, bpf_xdp_adjust_tail},
    programs::XdpContext,
};
use lb_common::{
    frame::{Cursor, Frame, ResizeError, Wire},
    word::pinned,
};

/// The largest step of a cursor: the longest IPv6 extension header is shorter.
const MAX_SKIP: usize = 0x7ff;

/// The farthest that a header is looked for, in bytes.
const MAX_OFFSET: usize = 0xfff;

/// A packet of the kernel's.
pub struct KernelFrame {
    context: XdpContext,
}

impl KernelFrame {
    /// The packet of a program's context.
    #[inline(always)]
    pub fn new(context: *mut xdp_md) -> Self {
        Self {
            context: XdpContext::new(context),
        }
    }

    /// The index of the interface that it came in by.
    #[inline(always)]
    pub fn ingress_ifindex(&self) -> u32 {
        self.context.ingress_ifindex() as u32
    }
}

impl Frame for KernelFrame {
    type Cursor<'a> = KernelCursor<'a>;

    #[inline(always)]
    fn length(&self) -> usize {
        self.context.data_end() - self.context.data()
    }

    #[inline(always)]
    fn cursor(&mut self) -> KernelCursor<'_> {
        let start = self.context.data();
        KernelCursor {
            start,
            position: start,
            end: self.context.data_end(),
            frame: PhantomData,
        }
    }

    #[inline(always)]
    fn adjust_head(&mut self, delta: i32) -> Result<(), ResizeError> {
        // SAFETY: the context is the program's own; views into the packet are gone, since `self` is borrowed mutably.
        let result = unsafe { bpf_xdp_adjust_head(self.context.as_ptr().cast(), delta) };
        if result == 0 { Ok(()) } else { Err(ResizeError) }
    }

    #[inline(always)]
    fn adjust_tail(&mut self, delta: i32) -> Result<(), ResizeError> {
        // SAFETY: as above.
        let result = unsafe { bpf_xdp_adjust_tail(self.context.as_ptr().cast(), delta) };
        if result == 0 { Ok(()) } else { Err(ResizeError) }
    }
}

/// Walks over a packet of the kernel's.
pub struct KernelCursor<'a> {
    start: usize,
    position: usize,
    end: usize,
    frame: PhantomData<&'a mut [u8]>,
}

impl<'a> Cursor<'a> for KernelCursor<'a> {
    #[inline(always)]
    fn take<T: Wire + 'a>(&mut self) -> Option<&'a mut T> {
        let start = self.position;
        if start + size_of::<T>() > self.end {
            return None;
        }
        self.position = start + size_of::<T>();
        // SAFETY: the bytes are in the packet (just checked), any bytes are a `T` (`Wire`) of alignment one, and the
        // cursor has moved past them: no other view of them is given out while the frame is borrowed.
        Some(unsafe { &mut *(start as *mut T) })
    }

    #[inline(always)]
    fn skip(&mut self, count: usize) -> Option<()> {
        // The verifier adds only what is bounded to a packet pointer.
        if count > MAX_SKIP {
            return None;
        }
        let next = self.position + count;
        if next > self.end {
            return None;
        }
        self.position = next;
        Some(())
    }

    #[inline(always)]
    fn settle(&mut self) -> Option<()> {
        // The difference of two packet pointers is a number that the verifier knows nothing of.
        let offset = pinned(self.position - self.start);
        if offset > MAX_OFFSET {
            return None;
        }
        self.position = self.start + offset;
        Some(())
    }
}

//! Writing for HTTP/2: the frames of all streams that have something to say go by one call of the kernel, and in one record of
//! TLS.
//!
//! `h2` has each frame with a body written and flushed by itself before the next. So what it writes is gathered here, its
//! flushing does nothing, and whoever polls the connection flushes when that has nothing more to do.

use std::{
    cell::RefCell,
    io::{self, IoSlice},
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, ready},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::{
    io::{Rewound, poll_out},
    worker::Worker,
};

/// When so many bytes are gathered they are written before more is.
const MOST_GATHERED: usize = 32 * 1024;

/// A connection for `h2`, of whose writes nothing goes out before [`Gathered`] is flushed.
pub(super) struct Gathering(Rc<RefCell<Inner>>);

/// What it gathers.
pub(super) struct Gathered(Rc<RefCell<Inner>>);

struct Inner {
    worker: Rc<Worker>,
    stream: Rewound,
    /// Memory of the worker's while there is something in it.
    pending: Vec<u8>,
    /// Of the pending bytes those that are gone.
    gone: usize,
}

/// Gathers what is written to a connection.
pub(super) fn gather(worker: &Rc<Worker>, stream: Rewound) -> (Gathering, Gathered) {
    let inner = Rc::new(RefCell::new(Inner {
        worker: Rc::clone(worker),
        stream,
        pending: Vec::new(),
        gone: 0,
    }));
    (Gathering(Rc::clone(&inner)), Gathered(inner))
}

impl Inner {
    /// Makes room, if there is none.
    fn poll_room(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.pending.len() >= MOST_GATHERED {
            ready!(self.poll_out(context))?;
        }
        if self.pending.capacity() == 0 {
            self.pending = self.worker.take_bytes();
        }
        Poll::Ready(Ok(()))
    }

    fn poll_out(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Self {
            stream,
            pending,
            gone,
            ..
        } = self;
        poll_out(pending, gone, |from| {
            Pin::new(&mut *stream).poll_write(context, from)
        })
    }

    fn poll_flush(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.pending.capacity() > 0 {
            ready!(self.poll_out(context))?;
            self.worker.give_bytes(std::mem::take(&mut self.pending));
        }
        Pin::new(&mut self.stream).poll_flush(context)
    }
}

impl Gathered {
    /// Writes all that was gathered.
    pub(super) fn poll_flush(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.borrow_mut().poll_flush(context)
    }
}

impl AsyncRead for Gathering {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0.borrow_mut().stream).poll_read(context, into)
    }
}

impl AsyncWrite for Gathering {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, from: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(context, &[IoSlice::new(from)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        from: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let mut inner = self.0.borrow_mut();
        ready!(inner.poll_room(context))?;
        let before = inner.pending.len();
        for piece in from {
            inner.pending.extend_from_slice(piece);
        }
        Poll::Ready(Ok(inner.pending.len() - before))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut inner = self.0.borrow_mut();
        ready!(inner.poll_flush(context))?;
        Pin::new(&mut inner.stream).poll_shutdown(context)
    }
}

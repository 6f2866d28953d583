//! Bodies on their way: where their bytes come from, and where they go.

use std::{
    io::{self, Write as _},
    task::{Context, Poll, ready},
};

use thiserror::Error;

use super::io::{Reader, Writer};
use crate::http::{
    chunked::{BadChunk, Decoder, Step},
    framing::Framing,
    trailers,
};

/// Why no more of a body comes.
#[derive(Debug, Error)]
pub(super) enum Broken {
    /// The connection failed.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The connection ended before the body did.
    #[error("the connection ended in the middle of the body")]
    CutShort,
    /// It is longer than it may be.
    #[error("it is too large")]
    TooLarge,
    /// It is not framed as it should be.
    #[error(transparent)]
    BadChunk(#[from] BadChunk),
    /// The stream of HTTP/2 failed.
    #[error(transparent)]
    Stream(#[from] h2::Error),
}

/// Where a body comes from.
pub(super) trait Source {
    /// Waits for data; false where the body is over. With true, [`Self::data`] is not empty.
    fn poll_data(&mut self, context: &mut Context<'_>) -> Poll<Result<bool, Broken>>;
    /// The data that is there.
    fn data(&self) -> &[u8];
    /// Takes so much of the data.
    fn consume(&mut self, count: usize);
    /// The trailers of a body that is over, as lines.
    fn trailers(&self) -> &[u8];
    /// Whether who sends it has gone away, as far as can be seen; otherwise the task is woken when it does.
    fn is_gone(&mut self, context: &mut Context<'_>) -> bool;
}

/// Where a body goes.
pub(super) trait Sink {
    /// Takes of `data`, which is not empty; how much.
    fn poll_write(&mut self, context: &mut Context<'_>, data: &[u8]) -> Poll<Result<usize, Broken>>;
    /// Ends the body, and sends all of it on.
    fn poll_finish(&mut self, context: &mut Context<'_>, trailers: &[u8]) -> Poll<Result<(), Broken>>;
    /// Sends on what was taken.
    fn poll_flush(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Broken>>;
}

/// Which side a body failed at.
#[derive(Debug)]
pub(super) enum Failed {
    Source(Broken),
    Sink,
}

/// A body on its way.
#[derive(Debug, Default)]
pub(super) struct Transfer {
    /// Bytes that went on.
    pub(super) bytes: u64,
    pub(super) is_done: bool,
    /// How many there may be; none: as many as it likes.
    pub(super) most: Option<u64>,
}

impl Transfer {
    /// Moves all that can be moved now; ready when the body has arrived as a whole.
    pub(super) fn poll(
        &mut self,
        context: &mut Context<'_>,
        source: &mut impl Source,
        sink: &mut impl Sink,
    ) -> Poll<Result<(), Failed>> {
        while !self.is_done {
            if source.data().is_empty() {
                match source.poll_data(context) {
                    Poll::Ready(Ok(true)) => {}
                    Poll::Ready(Ok(false)) => {
                        let trailers = trailers::permitted(source.trailers());
                        ready!(sink.poll_finish(context, &trailers)).map_err(|_| Failed::Sink)?;
                        self.is_done = true;
                        break;
                    }
                    Poll::Ready(Err(broken)) => return Poll::Ready(Err(Failed::Source(broken))),
                    Poll::Pending => {
                        // What came so far is not to wait for the rest.
                        if let Poll::Ready(Err(_)) = sink.poll_flush(context) {
                            return Poll::Ready(Err(Failed::Sink));
                        }
                        return Poll::Pending;
                    }
                }
            }
            // Before its end goes on, so that nobody takes it for whole.
            let there = source.data().len() as u64;
            if self.most.is_some_and(|most| self.bytes + there > most) {
                return Poll::Ready(Err(Failed::Source(Broken::TooLarge)));
            }
            let count = ready!(sink.poll_write(context, source.data())).map_err(|_| Failed::Sink)?;
            source.consume(count);
            self.bytes += count as u64;
        }
        Poll::Ready(Ok(()))
    }
}

/// What a body of HTTP/1 that comes in still is.
#[derive(Debug)]
enum Rest {
    Length(u64),
    Chunked(Decoder),
    UntilClose,
}

/// A body of HTTP/1 that comes in.
pub(super) struct Incoming<'r, 'io> {
    reader: &'r mut Reader<'io>,
    rest: Rest,
    /// How much of the buffer is data.
    there: usize,
    /// Whether something of it was taken.
    pub(super) was_touched: bool,
}

impl<'r, 'io> Incoming<'r, 'io> {
    pub(super) fn new(reader: &'r mut Reader<'io>, framing: Framing) -> Self {
        let rest = match framing {
            Framing::None => Rest::Length(0),
            Framing::Length(length) => Rest::Length(length),
            Framing::Chunked => Rest::Chunked(Decoder::default()),
            Framing::UntilClose => Rest::UntilClose,
        };
        let mut incoming = Self {
            reader,
            rest,
            there: 0,
            was_touched: false,
        };
        if !matches!(incoming.rest, Rest::Chunked(_)) {
            incoming.look();
        }
        incoming
    }

    /// Goes on with whatever follows, up to the end of the connection.
    pub(super) fn until_close(&mut self) {
        self.rest = Rest::UntilClose;
        self.look();
    }

    /// Whether all of it was read.
    pub(super) fn is_over(&self) -> bool {
        self.there == 0
            && match &self.rest {
                Rest::Length(length) => *length == 0,
                Rest::Chunked(decoder) => decoder.is_over(),
                Rest::UntilClose => false,
            }
    }

    /// Sees how much of the buffer is data, where that needs no decoding.
    fn look(&mut self) {
        let there = self.reader.buffer.filled().len();
        self.there = match &self.rest {
            Rest::Length(length) => there.min(usize::try_from(*length).unwrap_or(usize::MAX)),
            Rest::UntilClose => there,
            Rest::Chunked(_) => 0,
        };
    }

    /// Sees how much of the buffer is data; whether the body is over, if that is known.
    fn decode(&mut self) -> Result<Option<bool>, BadChunk> {
        let Rest::Chunked(decoder) = &mut self.rest else {
            self.look();
            let is_over = matches!(self.rest, Rest::Length(0));
            return Ok(if is_over {
                Some(true)
            } else {
                (self.there > 0).then_some(false)
            });
        };
        match decoder.step(self.reader.buffer.filled())? {
            Step::Data { skip, length } => {
                self.reader.buffer.consume(skip);
                let there = self.reader.buffer.filled().len();
                self.there = there.min(usize::try_from(length).unwrap_or(usize::MAX));
                Ok((self.there > 0).then_some(false))
            }
            Step::More { skip } => {
                self.reader.buffer.consume(skip);
                Ok(None)
            }
            Step::End { skip } => {
                self.reader.buffer.consume(skip);
                Ok(Some(true))
            }
        }
    }
}

impl Source for Incoming<'_, '_> {
    fn poll_data(&mut self, context: &mut Context<'_>) -> Poll<Result<bool, Broken>> {
        loop {
            if self.there > 0 {
                return Poll::Ready(Ok(true));
            }
            match self.decode()? {
                Some(is_over) => return Poll::Ready(Ok(!is_over)),
                None if ready!(self.reader.poll_fill(context))? > 0 => {}
                None if matches!(self.rest, Rest::UntilClose) => return Poll::Ready(Ok(false)),
                None => return Poll::Ready(Err(Broken::CutShort)),
            }
        }
    }

    fn data(&self) -> &[u8] {
        &self.reader.buffer.filled()[..self.there]
    }

    fn consume(&mut self, count: usize) {
        let count = count.min(self.there);
        self.was_touched = true;
        self.reader.buffer.consume(count);
        self.there -= count;
        match &mut self.rest {
            Rest::Length(length) => *length -= count as u64,
            Rest::Chunked(decoder) => decoder.take(count as u64),
            Rest::UntilClose => {}
        }
    }

    fn trailers(&self) -> &[u8] {
        match &self.rest {
            Rest::Chunked(decoder) => decoder.trailers(),
            _ => &[],
        }
    }

    fn is_gone(&mut self, context: &mut Context<'_>) -> bool {
        self.reader.is_gone(context)
    }
}

/// How a body of HTTP/1 that goes out is framed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Coding {
    /// As it is: its length was said, or the connection ends with it.
    Plain,
    /// In chunks. Of the one that was begun so much is to come.
    Chunked { rest: usize },
}

/// A body of HTTP/1 that goes out.
pub(super) struct Outgoing<'w, 'io> {
    pub(super) writer: &'w mut Writer<'io>,
    pub(super) coding: Coding,
    is_ended: bool,
}

impl<'w, 'io> Outgoing<'w, 'io> {
    pub(super) fn new(writer: &'w mut Writer<'io>, coding: Coding) -> Self {
        Self {
            writer,
            coding,
            is_ended: false,
        }
    }
}

impl Sink for Outgoing<'_, '_> {
    fn poll_write(&mut self, context: &mut Context<'_>, data: &[u8]) -> Poll<Result<usize, Broken>> {
        let Coding::Chunked { rest } = &mut self.coding else {
            return self.writer.poll_write(context, data).map_err(Broken::Io);
        };
        if *rest == 0 {
            *rest = data.len();
            // Writing to memory does not fail.
            let _ = write!(self.writer.pending, "{:x}\r\n", data.len());
        }
        let most = data.len().min(*rest);
        let count = ready!(self.writer.poll_write(context, &data[..most]))?;
        *rest -= count;
        if *rest == 0 {
            self.writer.pending.extend_from_slice(b"\r\n");
        }
        Poll::Ready(Ok(count))
    }

    fn poll_finish(&mut self, context: &mut Context<'_>, trailers: &[u8]) -> Poll<Result<(), Broken>> {
        if !self.is_ended && matches!(self.coding, Coding::Chunked { .. }) {
            for part in [b"0\r\n", trailers, b"\r\n"] {
                self.writer.pending.extend_from_slice(part);
            }
        }
        self.is_ended = true;
        self.poll_flush(context)
    }

    fn poll_flush(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Broken>> {
        self.writer.poll_flush(context).map_err(Broken::Io)
    }
}

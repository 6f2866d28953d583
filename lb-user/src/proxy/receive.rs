//! Responses of members, as they come in.

use std::task::{Context, Poll, ready};

use super::{
    body::{Incoming, Source},
    fault::Fault,
    io::Reader,
};
use crate::http::{
    fields::Name,
    framing::{self, Framing},
    head::{Head, Limits, Search, Version},
};

/// Where responses come from.
pub(super) trait Receiver {
    /// The body of a response.
    type Body<'b>: Source
    where
        Self: 'b;

    /// Waits for the head of a response, an interim one too.
    fn poll_head(
        &mut self,
        context: &mut Context<'_>,
        response: &mut Head,
        limits: &Limits,
    ) -> Poll<Result<(), Fault>>;
    /// How the body of a response ends, to a request of this method.
    fn framing(&self, response: &Head, method: &[u8]) -> Result<Framing, Fault>;
    /// The body that follows a head.
    fn body(&mut self, framing: Framing) -> Self::Body<'_>;
    /// Whether there can be another response after this one.
    fn keeps(&self, response: &Head, framing: Framing) -> bool;
}

/// Responses over a connection of HTTP/1.
pub(super) struct OverHttp1<'r, 'io> {
    reader: &'r mut Reader<'io>,
    search: Search,
}

impl<'r, 'io> OverHttp1<'r, 'io> {
    pub(super) fn new(reader: &'r mut Reader<'io>) -> Self {
        Self {
            reader,
            search: Search::default(),
        }
    }
}

impl<'io> Receiver for OverHttp1<'_, 'io> {
    type Body<'b>
        = Incoming<'b, 'io>
    where
        Self: 'b;

    fn poll_head(
        &mut self,
        context: &mut Context<'_>,
        response: &mut Head,
        limits: &Limits,
    ) -> Poll<Result<(), Fault>> {
        let malformed = |_| Fault::BadResponse("its header is malformed or too large");
        loop {
            let found = self.search.end(self.reader.buffer.filled(), limits);
            if let Some(end) = found.map_err(malformed)? {
                let read = response.read_response(&self.reader.buffer.filled()[..end], limits);
                self.reader.buffer.consume(end);
                self.search = Search::default();
                return Poll::Ready(read.map_err(malformed));
            }
            match ready!(self.reader.poll_fill(context)) {
                Ok(0) | Err(_) if self.reader.buffer.is_empty() => {
                    return Poll::Ready(Err(Fault::MemberClosed));
                }
                Ok(0) | Err(_) => return Poll::Ready(Err(Fault::BadResponse("it ends within its header"))),
                Ok(_) => {}
            }
        }
    }

    fn framing(&self, response: &Head, method: &[u8]) -> Result<Framing, Fault> {
        let framing = framing::of_response(response, method);
        framing.map_err(|_| Fault::BadResponse("it cannot be said where its body ends"))
    }

    fn body(&mut self, framing: Framing) -> Incoming<'_, 'io> {
        Incoming::new(self.reader, framing)
    }

    fn keeps(&self, response: &Head, framing: Framing) -> bool {
        framing != Framing::UntilClose
            && match response.version {
                Version::Http11 => !response.lists(Name::Connection, b"close"),
                Version::Http10 => response.lists(Name::Connection, b"keep-alive"),
            }
    }
}

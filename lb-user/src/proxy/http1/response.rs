//! A response on its way to a client of HTTP/1.

use std::task::{Context, Poll};

use super::Client;
use crate::{
    http::{
        framing::Framing,
        head::{Head, Version},
    },
    proxy::{
        body::{Broken, Coding, Incoming, Outgoing, Sink},
        encode::{self, ToClient},
        exchange::{RequestBody, Responder},
    },
};

/// A response on its way to the client.
pub(super) struct Response<'w, 'io> {
    pub(super) out: Outgoing<'w, 'io>,
    pub(super) client: &'w Client<'w>,
    pub(super) version: Version,
    pub(super) keep_alive: bool,
    pub(super) has_begun: bool,
}

impl Responder for Response<'_, '_> {
    fn interim(&mut self, head: &Head) {
        // RFC 9110, section 15.2: a client of HTTP/1.0 knows none.
        if self.version == Version::Http11 {
            self.write(head, Framing::None, &[]);
        }
    }

    fn begin(&mut self, head: &Head, framing: Framing, further: &[u8]) -> Result<(), Broken> {
        self.has_begun = true;
        // As things stand now: the request may have taken a while.
        self.keep_alive &= !self.client.worker.is_leaving(self.client.door);
        let framing = match (framing, self.version) {
            (Framing::Chunked | Framing::UntilClose, Version::Http11) => {
                self.out.coding = Coding::Chunked { rest: 0 };
                Framing::Chunked
            }
            (Framing::Chunked | Framing::UntilClose, Version::Http10) => {
                self.keep_alive = false;
                Framing::UntilClose
            }
            (framing, _) => framing,
        };
        self.write(head, framing, further);
        Ok(())
    }

    fn has_begun(&self) -> bool {
        self.has_begun
    }

    fn poll_gone(&mut self, _context: &mut Context<'_>) -> bool {
        // That, the other direction tells.
        false
    }

    fn poll_close(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Broken>> {
        self.out.writer.poll_shutdown(context).map_err(Broken::Io)
    }
}

impl Response<'_, '_> {
    fn write(&mut self, head: &Head, framing: Framing, further: &[u8]) {
        let edits = ToClient {
            version: self.version,
            keep_alive: self.keep_alive,
            framing,
            further,
        };
        encode::response(head, &edits, &mut self.out.writer.pending);
    }
}

impl Sink for Response<'_, '_> {
    fn poll_write(&mut self, context: &mut Context<'_>, data: &[u8]) -> Poll<Result<usize, Broken>> {
        self.out.poll_write(context, data)
    }

    fn poll_finish(&mut self, context: &mut Context<'_>, trailers: &[u8]) -> Poll<Result<(), Broken>> {
        self.out.poll_finish(context, trailers)
    }

    fn poll_flush(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Broken>> {
        self.out.poll_flush(context)
    }
}

impl RequestBody for Incoming<'_, '_> {
    fn upgrade(&mut self) {
        self.until_close();
    }

    fn was_touched(&self) -> bool {
        self.was_touched
    }
}

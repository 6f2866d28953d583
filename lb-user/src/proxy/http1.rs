//! A client's connection that speaks HTTP/1.

mod ending;
mod response;

use std::{
    future::poll_fn,
    rc::Rc,
    sync::Arc,
    task::{Context, Poll},
};

use super::{
    admit::{self, Admitted},
    asker::Asker,
    body::{Coding, Incoming, Outgoing},
    door::Door,
    exchange::{self, Request},
    fault::Fault,
    io::{Reader, Rewound, Shared, Stream, Writer},
    log::{self, Entry, Noting, Trail},
    respond::Asked,
    serving::Listener,
    timer::Timer,
    times::Times,
    worker::Worker,
};
use crate::http::head::{Head, Search};
use response::Response;

/// What becomes of a connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Next {
    /// It waits for another request, without memory for one.
    Idle,
    Close,
    /// It speaks HTTP/2.
    Http2,
}

/// How a connection ended.
pub(super) enum Ended {
    Closed,
    /// It has not: it speaks HTTP/2.
    Http2(Rewound),
}

/// How a client of HTTP/2 begins that knows that it is spoken (RFC 9113, section 3.4), as far as a head of HTTP/1 goes.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\n";

/// Serves the requests of a connection until it ends.
pub(super) async fn serve(worker: &Rc<Worker>, door: &Rc<Door>, mut stream: Stream, asker: &Asker) -> Ended {
    let timer = worker.timers.timer(&door.cut);
    let tls = stream.tls_version();
    let mut is_first = true;
    loop {
        let timeouts = door.listener().http.timeouts;
        timer.set(if is_first {
            timeouts.header_s
        } else {
            timeouts.idle_s
        });
        let wakes = |context: &mut Context<'_>| stream.poll_readable(context).map(|_| true);
        if !worker.idle_until(door, &timer, wakes).await {
            return Ended::Closed;
        }
        // While it waited, something else may have been configured, or a member found to be down.
        let listener = door.listener();
        let may_be_http2 = is_first && listener.http.http2 && listener.tls.is_none();
        is_first = false;
        let client = Client {
            worker,
            door,
            asker,
            timer: &timer,
            tls,
            may_be_http2,
        };
        // In memory of its own, which is given back while the connection is idle.
        match Box::pin(client.serve_burst(&mut stream, listener)).await {
            (Next::Idle, _) => {}
            (Next::Close, _) => return Ended::Closed,
            (Next::Http2, unread) => return Ended::Http2(Rewound::new(stream, unread)),
        }
    }
}

/// What was read.
enum Read {
    /// The head of a request.
    Request,
    /// The end of the connection, before one began.
    End,
    /// The beginning of HTTP/2, which is left where it is.
    Http2,
}

struct Client<'c> {
    worker: &'c Rc<Worker>,
    door: &'c Door,
    asker: &'c Asker,
    timer: &'c Timer,
    /// The version of TLS.
    tls: Option<&'static str>,
    may_be_http2: bool,
}

impl Client<'_> {
    /// Serves requests as long as there is something to read; with HTTP/2, what was read of that.
    async fn serve_burst(&self, stream: &mut Stream, mut listener: Arc<Listener>) -> (Next, Vec<u8>) {
        let mut shared = Shared::default();
        let (mut reader, mut writer) = stream.split(&mut shared);
        reader.buffer = self.worker.buffers.take();
        writer.pending = self.worker.take_bytes();
        let next = loop {
            let next = self.serve_one(&listener, &mut reader, &mut writer).await;
            if next != Next::Idle || !self.goes_on(&mut reader, &mut writer).await {
                break next;
            }
            listener = self.door.listener();
        };
        let unread = match next {
            Next::Http2 => reader.buffer.filled().to_vec(),
            _ => Vec::new(),
        };
        self.worker.buffers.give(reader.buffer);
        self.worker.give_bytes(writer.pending);
        (next, unread)
    }

    /// Whether another request comes within a moment. Until then there is memory for it, but for what it is read into: to make
    /// it and give it back for each request costs a fourteenth of all that a request costs.
    async fn goes_on(&self, reader: &mut Reader<'_>, writer: &mut Writer<'_>) -> bool {
        if !reader.buffer.is_empty() {
            return true;
        }
        self.worker.buffers.give(std::mem::take(&mut reader.buffer));
        self.worker.give_bytes(std::mem::take(&mut writer.pending));
        self.timer.set_moment();
        let comes = |context: &mut Context<'_>| reader.poll_readable(context).map(|_| true);
        let comes = self.worker.idle_until(self.door, self.timer, comes).await;
        if comes {
            reader.buffer = self.worker.buffers.take();
            writer.pending = self.worker.take_bytes();
        }
        comes
    }

    async fn serve_one(&self, listener: &Listener, reader: &mut Reader<'_>, writer: &mut Writer<'_>) -> Next {
        // There is something to read.
        let times = Times::begin();
        let mut head = self.worker.take_head();
        let next = match self.read_head(listener, reader, &mut head, &times).await {
            Ok(Read::Request) => self.respond(listener, (&head, &times), reader, writer).await,
            Ok(Read::End) => Next::Close,
            Ok(Read::Http2) => Next::Http2,
            Err(fault) => {
                self.note_refused(listener, &head, &times, &fault);
                self.refuse(listener, &fault, Asked::UNREAD, reader, writer).await
            }
        };
        self.worker.give_head(head);
        next
    }

    /// Reads the head of a request.
    async fn read_head(
        &self,
        listener: &Listener,
        reader: &mut Reader<'_>,
        head: &mut Head,
        times: &Times,
    ) -> Result<Read, Fault> {
        self.timer.set(listener.http.timeouts.header_s);
        let mut search = Search::default();
        let mut is_slow = false;
        let end = poll_fn(|context| {
            loop {
                // RFC 9112, section 2.2: empty lines before a request are passed over.
                while reader.buffer.filled().starts_with(b"\r\n") {
                    reader.buffer.consume(2);
                    search = Search::default();
                }
                if let Some(end) = search.end(reader.buffer.filled(), &listener.limits)? {
                    return Poll::Ready(Ok(Some(end)));
                }
                match reader.poll_fill(context) {
                    Poll::Ready(Ok(0) | Err(_)) if reader.buffer.is_empty() => return Poll::Ready(Ok(None)),
                    Poll::Ready(Ok(0) | Err(_)) => return Poll::Ready(Err(Fault::ClientGone)),
                    Poll::Ready(Ok(_)) => {}
                    // Who has asked for nothing is told nothing.
                    Poll::Pending if reader.buffer.is_empty() && self.worker.ends_idle(self.door) => {
                        return Poll::Ready(Ok(None));
                    }
                    Poll::Pending if self.timer.is_over(context) => {
                        return Poll::Ready(if reader.buffer.is_empty() {
                            Ok(None)
                        } else {
                            Err(Fault::ClientTimeout)
                        });
                    }
                    Poll::Pending => {
                        is_slow = true;
                        return Poll::Pending;
                    }
                }
            }
        });
        let end = match end.await {
            Ok(Some(end)) => end,
            Ok(None) => return Ok(Read::End),
            Err(fault) => {
                head.salvage(reader.buffer.filled());
                return Err(fault);
            }
        };
        if is_slow {
            times.give();
        }
        if self.may_be_http2 && &reader.buffer.filled()[..end] == PREFACE {
            return Ok(Read::Http2);
        }
        let read = head.read_request(&reader.buffer.filled()[..end], &listener.limits);
        if read.is_err() {
            head.salvage(reader.buffer.filled());
        }
        reader.buffer.consume(end);
        read?;
        Ok(Read::Request)
    }

    async fn respond(
        &self,
        listener: &Listener,
        (head, times): (&Head, &Times),
        reader: &mut Reader<'_>,
        writer: &mut Writer<'_>,
    ) -> Next {
        let asked = Asked::by(head);
        let admitted = match admit::admit(head, listener.http.limits.body_bytes) {
            Ok(admitted) => admitted,
            Err(fault) => {
                self.note_refused(listener, head, times, &fault);
                return self.refuse(listener, &fault, asked, reader, writer).await;
            }
        };
        let Admitted {
            framing, keep_alive, ..
        } = admitted;
        let mut body = Incoming::new(reader, framing);
        let mut responder = Response {
            out: Outgoing::new(writer, Coding::Plain),
            client: self,
            version: head.version,
            keep_alive,
            has_begun: false,
        };
        let noting = Noting::begin(self.worker, head);
        let request = Request {
            trail: noting.trail(),
            id: &noting.id,
            times,
            head,
            admitted,
            client: self.asker.client(&listener.identity, head),
            asker: self.asker,
        };
        let outcome = exchange::exchange(
            self.worker,
            listener,
            &request,
            &mut body,
            &mut responder,
            self.timer,
        )
        .await;
        let Response {
            keep_alive,
            has_begun,
            ..
        } = responder;
        let is_read = body.is_over();
        noting.end(|trail, request_id| Entry {
            fault: outcome.as_ref().err(),
            ..self.entry(listener, head, times, trail, request_id)
        });
        match outcome {
            Ok(exchange::Ended::Whole) if keep_alive && is_read => Next::Idle,
            // Nothing is left unread, and so nothing is lost.
            Ok(_) if is_read => {
                self.farewell(writer).await;
                Next::Close
            }
            Ok(_) => {
                self.close(reader, writer).await;
                Next::Close
            }
            // What has begun cannot be made good: the client sees that it breaks off.
            Err(_) if has_begun => Next::Close,
            Err(fault) if is_read && keep_alive => self.tell(listener, &fault, asked, writer).await,
            Err(fault) => self.refuse(listener, &fault, asked, reader, writer).await,
        }
    }

    fn entry<'e>(
        &'e self,
        listener: &'e Listener,
        head: &'e Head,
        times: &'e Times,
        trail: &'e Trail,
        request_id: &'e str,
    ) -> Entry<'e> {
        Entry {
            listener,
            client: self.asker.client(&listener.identity, head).ip(),
            head,
            version: log::version(head.version),
            tls: self.tls,
            request_id,
            trail,
            times,
            fault: None,
        }
    }

    /// Notes a request that no member has seen.
    fn note_refused(&self, listener: &Listener, head: &Head, times: &Times, fault: &Fault) {
        if fault.status().is_some() {
            Noting::begin(self.worker, head).end(|trail, request_id| Entry {
                fault: Some(fault),
                ..self.entry(listener, head, times, trail, request_id)
            });
        }
    }
}

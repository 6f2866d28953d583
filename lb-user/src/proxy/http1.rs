//! A client's connection that speaks HTTP/1.

mod response;

use std::{future::poll_fn, rc::Rc, sync::Arc, task::Poll};

use super::{
    admit::{self, Admitted},
    asker::Asker,
    body::{Coding, Incoming, Outgoing},
    door::Door,
    exchange::{self, Request},
    fault::Fault,
    io::{Reader, Rewound, Shared, Stream, Writer},
    log::{self, Entry, Noting, Trail},
    respond::{Asked, Own},
    serving::Listener,
    timer::Timer,
    times::Times,
    worker::Worker,
};
use crate::http::head::{Head, Search};
use response::Response;

/// What a client sends on after it was told that nothing is read any more, at most, in bytes.
const MOST_LINGERING: usize = 1 << 20;
/// For how long it may, in seconds.
const LINGER_S: u32 = 2;

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
        let wakes = poll_fn(|context| {
            if stream.poll_readable(context).is_ready() {
                return Poll::Ready(true);
            }
            let is_over = timer.is_over(context) || worker.ends_idle(door);
            if is_over {
                Poll::Ready(false)
            } else {
                Poll::Pending
            }
        });
        if !wakes.await {
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
            if next != Next::Idle || reader.buffer.is_empty() {
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

    /// Tells of a fault of the member's side, after which the connection goes on.
    async fn tell(&self, listener: &Listener, fault: &Fault, asked: Asked, writer: &mut Writer<'_>) -> Next {
        let Some(response) = fault.response() else {
            return Next::Close;
        };
        listener.counts.respond_own(response.status);
        self.write(&response, asked, true, writer);
        match self.flush(writer).await {
            Ok(()) => Next::Idle,
            Err(()) => Next::Close,
        }
    }

    /// Tells of a fault after which it cannot be said where the next request begins, and closes.
    async fn refuse(
        &self,
        listener: &Listener,
        fault: &Fault,
        asked: Asked,
        reader: &mut Reader<'_>,
        writer: &mut Writer<'_>,
    ) -> Next {
        if let Some(response) = fault.response() {
            listener.counts.respond_own(response.status);
            self.write(&response, asked, false, writer);
            self.close(reader, writer).await;
        }
        Next::Close
    }

    fn write(&self, own: &Own, asked: Asked, keep_alive: bool, writer: &mut Writer<'_>) {
        let date = |out: &mut Vec<u8>| self.worker.write_date(out);
        own.write(asked, keep_alive, date, &mut writer.pending);
    }

    async fn flush(&self, writer: &mut Writer<'_>) -> Result<(), ()> {
        let flushed = self.timer.within(|context| writer.poll_flush(context)).await;
        flushed.map_or(Err(()), |outcome| outcome.map_err(drop))
    }

    /// Says that nothing follows, where that has to be said.
    async fn farewell(&self, writer: &mut Writer<'_>) {
        if !writer.wants_farewell() {
            return;
        }
        self.timer.set(LINGER_S);
        // Where it cannot be said, the connection ends without.
        let _ = self.timer.within(|context| writer.poll_shutdown(context)).await;
    }

    /// Sends what is left to send, and reads on for a moment: a connection that is closed with something unread is reset,
    /// and then the client may not see the response (RFC 9112, section 9.6).
    async fn close(&self, reader: &mut Reader<'_>, writer: &mut Writer<'_>) {
        self.timer.set(LINGER_S);
        let mut read = 0;
        let mut is_shut = false;
        poll_fn(|context| {
            if !is_shut {
                is_shut = writer.poll_shutdown(context).is_ready();
            }
            loop {
                reader.buffer.consume(usize::MAX / 2);
                match reader.poll_fill(context) {
                    Poll::Ready(Ok(count)) if count > 0 && read < MOST_LINGERING => read += count,
                    Poll::Ready(_) => return Poll::Ready(()),
                    Poll::Pending if self.timer.is_over(context) => return Poll::Ready(()),
                    Poll::Pending => return Poll::Pending,
                }
            }
        })
        .await;
    }
}

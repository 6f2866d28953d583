//! One request and its response: to which member it goes, and both bodies on their way.

use std::{
    future::poll_fn,
    net::IpAddr,
    sync::Arc,
    task::{Context, Poll},
};

use super::{
    admit::Admitted,
    body::{Broken, Coding, Failed, Incoming, Outgoing, Sink, Source, Transfer},
    encode::{self, Asker, ToMember},
    fault::{Fault, Retry},
    io::{Reader, Writer},
    persist::{Answer, Shown, Why},
    serving::{Listener, Member, Pool},
    timer::Timer,
    upstream::{self, Connection},
    worker::Worker,
};
use crate::http::{
    fields::Name,
    framing::{self, Framing},
    head::{Head, Limits, Search, Version},
};

/// Interim responses that a member may give to one request.
const MOST_INTERIM: usize = 16;

/// A request as it was admitted.
pub(super) struct Request<'q> {
    pub(super) head: &'q Head,
    pub(super) admitted: Admitted,
    pub(super) client: IpAddr,
    pub(super) asker: &'q Asker,
}

/// Where a response goes.
pub(super) trait Responder: Sink {
    /// Passes an interim response on.
    fn interim(&mut self, head: &Head);
    /// Begins the final response, whose body follows.
    fn begin(&mut self, head: &Head, framing: Framing, further: &[u8]) -> Result<(), Broken>;
    /// Whether the final response has begun: then there is no other.
    fn has_begun(&self) -> bool;
    /// Whether the client does not want it any more, as far as it said so; otherwise the task is woken when it does.
    fn poll_gone(&mut self, context: &mut Context<'_>) -> bool;
    /// Says that nothing follows.
    fn poll_close(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Broken>>;
}

/// Where a request's body comes from.
pub(super) trait RequestBody: Source {
    /// Goes on with whatever follows on the connection, up to its end.
    fn upgrade(&mut self);
    /// Whether something of it was taken: then it cannot be sent again.
    fn was_touched(&self) -> bool;
}

/// What a connection can do after a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Ended {
    /// Serve another one.
    Whole,
    /// Nothing more: the response ends with it, or the request was not read to its end.
    Spent,
}

/// Has a member respond to the request, or another one.
pub(super) async fn exchange<B: RequestBody, R: Responder>(
    worker: &Worker,
    listener: &Listener,
    request: &Request<'_>,
    body: &mut B,
    responder: &mut R,
    timer: &Timer,
) -> Result<Ended, Fault> {
    listener.counts.requests.add(1);
    let pool = &listener.pool;
    let now_s = worker.unix_s();
    let target = request.head.target();
    let shown = pool.persist.as_ref().map_or_else(Shown::default, |persist| {
        persist.read(&worker.sessions, &pool.counts, request.head, target, now_s)
    });
    let mut tried = Vec::new();
    let mut last = Fault::NoMember;
    loop {
        let (member, why) = match shown.member(&pool.members, &tried) {
            Some(member) => (member, Why::Held),
            None => match pool.next(request.client, &tried) {
                Some(member) => (member, shown.otherwise()),
                None => return Err(last),
            },
        };
        let under_way = UnderWay::begin(member);
        member.counts.requests.add(1);
        let turn = Turn {
            worker,
            listener,
            pool,
            member,
            shown: &shown,
            why,
            request,
            timer,
        };
        let fault = match turn.take(body, responder).await {
            Ok(ended) => return Ok(ended),
            Err(fault) => fault,
        };
        drop(under_way);
        if fault.is_members() {
            member.counts.failures.add(1);
        }
        let may_again = !responder.has_begun() && !body.was_touched() && request.allows(fault.retry());
        if !may_again || tried.len() >= pool.http.retries.into() {
            return Err(fault);
        }
        tried.push(member.id);
        last = fault;
    }
}

impl Request<'_> {
    fn allows(&self, retry: Retry) -> bool {
        match retry {
            Retry::Always => true,
            // RFC 9110, section 9.2.2.
            Retry::Idempotent => matches!(
                self.head.method(),
                b"GET" | b"HEAD" | b"OPTIONS" | b"TRACE" | b"PUT" | b"DELETE"
            ),
            Retry::Never => false,
        }
    }
}

/// Counts a request with its member, as long as it is under way.
struct UnderWay<'m>(&'m Member);

impl<'m> UnderWay<'m> {
    fn begin(member: &'m Member) -> Self {
        member.entry.active_flows.fetch_add(1);
        Self(member)
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.entry.active_flows.fetch_add(u32::MAX);
    }
}

/// A request at one member.
struct Turn<'t> {
    worker: &'t Worker,
    listener: &'t Listener,
    pool: &'t Pool,
    member: &'t Arc<Member>,
    shown: &'t Shown<'t>,
    why: Why,
    request: &'t Request<'t>,
    timer: &'t Timer,
}

impl Turn<'_> {
    async fn take<B: RequestBody, R: Responder>(
        &self,
        body: &mut B,
        responder: &mut R,
    ) -> Result<Ended, Fault> {
        if let Some(connection) = self.worker.connections.take(self.member) {
            match self.attempt(connection, body, responder).await {
                // It closed the connection before it had the request: so says one that is new.
                Err(Fault::MemberClosed)
                    if !responder.has_begun()
                        && !body.was_touched()
                        && self.request.allows(Retry::Idempotent) => {}
                outcome => return outcome,
            }
        }
        let connect_s = self.pool.http.timeouts.connect_s;
        let connection = upstream::connect(self.member, connect_s, self.timer).await?;
        self.member.counts.connections.add(1);
        self.attempt(connection, body, responder).await
    }

    async fn attempt<B: RequestBody, R: Responder>(
        &self,
        mut connection: Connection,
        body: &mut B,
        responder: &mut R,
    ) -> Result<Ended, Fault> {
        let mut shared = super::io::Shared::default();
        let (mut reader, mut writer) = connection.stream.split(&mut shared);
        reader.buffer = self.worker.buffers.take();
        writer.pending = self.worker.take_bytes();
        let outcome = self.converse(&mut reader, &mut writer, body, responder).await;
        let is_clean = reader.buffer.is_empty() && writer.pending.is_empty();
        self.worker.buffers.give(reader.buffer);
        self.worker.give_bytes(writer.pending);
        let (ended, keeps) = outcome?;
        if keeps && is_clean {
            self.worker
                .connections
                .give(self.member, connection.stream, self.worker.now_s());
        }
        Ok(ended)
    }

    /// Sends the request and passes the response on; whether the member's connection can be used again.
    async fn converse<B: RequestBody, R: Responder>(
        &self,
        reader: &mut Reader<'_>,
        writer: &mut Writer<'_>,
        body: &mut B,
        responder: &mut R,
    ) -> Result<(Ended, bool), Fault> {
        let Request {
            head: request,
            admitted,
            asker,
            ..
        } = self.request;
        let mut cookie = self.worker.take_bytes();
        let persist = self.pool.persist.as_ref();
        let is_stripped = persist.and_then(|persist| persist.strip(request, &mut cookie));
        let edits = ToMember {
            asker,
            cookie: is_stripped.map(|()| cookie.as_slice()),
        };
        encode::request(request, admitted, &edits, &mut writer.pending);
        self.worker.give_bytes(cookie);
        let coding = match admitted.framing {
            Framing::Chunked => Coding::Chunked { rest: 0 },
            _ => Coding::Plain,
        };
        let mut sending = Sending {
            transfer: Transfer {
                most: self.listener.http.limits.body_bytes,
                ..Transfer::default()
            },
            sink: Outgoing::new(writer, coding),
            state: SendState::Going,
        };
        let mut response = self.worker.take_head();
        let mut interim = 0;
        loop {
            // What was said so far is not to wait for the rest: a client may be waiting for it, before it sends its body.
            let flush = if interim > 0 { Flush::Now } else { Flush::Later };
            self.await_head(reader, &mut sending, body, responder, &mut response, flush)
                .await?;
            match response.status {
                101 if admitted.is_upgrade => {
                    return self
                        .tunnel(reader, sending.sink.writer, body, responder, &response)
                        .await;
                }
                101 => {
                    return Err(Fault::BadResponse(
                        "it changes the protocol, which nobody asked for",
                    ));
                }
                100..=199 if interim < MOST_INTERIM => {
                    interim += 1;
                    responder.interim(&response);
                }
                100..=199 => return Err(Fault::BadResponse("there are too many interim responses")),
                _ => break,
            }
        }
        let framing = framing::of_response(&response, request.method())
            .map_err(|_| Fault::BadResponse("it cannot be said where its body ends"))?;
        self.listener.counts.respond(response.status);
        let mut further = self.worker.take_bytes();
        self.note_session(&response, &mut further);
        responder
            .begin(&response, framing, &further)
            .map_err(Fault::ResponseBroken)?;
        self.worker.give_bytes(further);
        let mut source = Incoming::new(reader, framing);
        self.pass_on(&mut source, &mut sending, body, responder).await?;
        let is_sent = sending.state == SendState::Done;
        let keeps = is_sent
            && framing != Framing::UntilClose
            && match response.version {
                Version::Http11 => !response.lists(Name::Connection, b"close"),
                Version::Http10 => response.lists(Name::Connection, b"keep-alive"),
            };
        self.worker.give_head(response);
        let ended = if is_sent { Ended::Whole } else { Ended::Spent };
        Ok((ended, keeps))
    }

    /// Counts what became of the session, and adds what the client is to know of it to the response.
    fn note_session(&self, response: &Head, further: &mut Vec<u8>) {
        let Some(persist) = &self.pool.persist else { return };
        let counts = &self.pool.counts;
        match self.why {
            Why::Held => counts.held.add(1),
            Why::Moved => counts.moved.add(1),
            Why::New => {}
        }
        let answer = Answer {
            sessions: &self.worker.sessions,
            counts,
            shown: self.shown,
            why: self.why,
            member: self.member.tag,
            response,
            channel: self.listener.channel(),
            now_s: self.worker.unix_s(),
        };
        persist.answer(&answer, further);
    }

    fn limits(&self) -> &Limits {
        &self.listener.limits
    }

    /// Reads the head of a response, while the request is still being sent.
    async fn await_head<B: RequestBody, R: Responder>(
        &self,
        reader: &mut Reader<'_>,
        sending: &mut Sending<'_, '_>,
        body: &mut B,
        responder: &mut R,
        response: &mut Head,
        flush: Flush,
    ) -> Result<(), Fault> {
        let mut search = Search::default();
        let response_s = self.pool.http.timeouts.response_s;
        let body_s = self.listener.http.timeouts.body_s;
        let mut stood = None;
        let end = poll_fn(|context| {
            sending.poll(context, body)?;
            let waits_for_client = sending.waits_for_client(body);
            let stands = Some((sending.state, sending.transfer.bytes, waits_for_client));
            if stood != stands {
                stood = stands;
                self.timer.set(if waits_for_client { body_s } else { response_s });
            }
            loop {
                let found = search.end(reader.buffer.filled(), self.limits());
                if let Some(end) =
                    found.map_err(|_| Fault::BadResponse("its header is malformed or too large"))?
                {
                    return Poll::Ready(Ok(end));
                }
                match reader.poll_fill(context) {
                    Poll::Ready(Ok(0) | Err(_)) => {
                        return Poll::Ready(Err(if reader.buffer.is_empty() {
                            Fault::MemberClosed
                        } else {
                            Fault::BadResponse("it ends within its header")
                        }));
                    }
                    Poll::Ready(Ok(_)) => {}
                    Poll::Pending => break,
                }
            }
            if flush == Flush::Now && matches!(responder.poll_flush(context), Poll::Ready(Err(_))) {
                return Poll::Ready(Err(Fault::ClientGone));
            }
            if responder.poll_gone(context) || (sending.state != SendState::Going && body.is_gone(context)) {
                return Poll::Ready(Err(Fault::ClientGone));
            }
            if self.timer.is_over(context) {
                return Poll::Ready(Err(if sending.waits_for_client(body) {
                    Fault::ClientTimeout
                } else {
                    Fault::MemberTimeout
                }));
            }
            Poll::Pending
        })
        .await?;
        let read = response.read_response(&reader.buffer.filled()[..end], self.limits());
        reader.buffer.consume(end);
        read.map_err(|_| Fault::BadResponse("its header is malformed"))
    }

    /// Passes the body of the response on, while that of the request may still be on its way.
    async fn pass_on<B: RequestBody, R: Responder>(
        &self,
        source: &mut Incoming<'_, '_>,
        sending: &mut Sending<'_, '_>,
        body: &mut B,
        responder: &mut R,
    ) -> Result<(), Fault> {
        let mut receiving = Transfer::default();
        let response_s = self.pool.http.timeouts.response_s;
        let body_s = self.listener.http.timeouts.body_s;
        let mut stood = None;
        poll_fn(|context| {
            if responder.poll_gone(context) {
                return Poll::Ready(Err(Fault::ClientGone));
            }
            // A member may respond before it has read everything, and its client goes on nevertheless.
            if sending.poll(context, body).is_err() {
                sending.state = SendState::Failed;
            }
            match receiving.poll(context, source, responder) {
                Poll::Ready(Ok(())) => return Poll::Ready(Ok(())),
                Poll::Ready(Err(Failed::Source(broken))) => {
                    return Poll::Ready(Err(Fault::ResponseBroken(broken)));
                }
                Poll::Ready(Err(Failed::Sink)) => return Poll::Ready(Err(Fault::ClientGone)),
                Poll::Pending => {}
            }
            // A member that has nothing to say for a while would not find out.
            if sending.state != SendState::Going && body.is_gone(context) {
                return Poll::Ready(Err(Fault::ClientGone));
            }
            let waits_for_member = source.data().is_empty();
            let stands = Some((sending.transfer.bytes, receiving.bytes, waits_for_member));
            if stood != stands {
                stood = stands;
                self.timer.set(if waits_for_member { response_s } else { body_s });
            }
            if self.timer.is_over(context) {
                return Poll::Ready(Err(Fault::ResponseBroken(Broken::CutShort)));
            }
            Poll::Pending
        })
        .await
    }

    /// Passes everything on in both directions, once the protocol is another one.
    async fn tunnel<B: RequestBody, R: Responder>(
        &self,
        reader: &mut Reader<'_>,
        writer: &mut Writer<'_>,
        body: &mut B,
        responder: &mut R,
        response: &Head,
    ) -> Result<(Ended, bool), Fault> {
        responder
            .begin(response, Framing::None, &[])
            .map_err(Fault::ResponseBroken)?;
        body.upgrade();
        let idle_s = self.listener.http.timeouts.upgrade_idle_s;
        self.timer.set(idle_s);
        let mut source = Incoming::new(reader, Framing::UntilClose);
        let mut sink = Outgoing::new(writer, Coding::Plain);
        let (mut there, mut back) = (Transfer::default(), Transfer::default());
        let mut moved = (0, 0);
        let gone = |_| Fault::ClientGone;
        poll_fn(|context| {
            if there.poll(context, body, &mut sink).map_err(gone)?.is_ready() {
                let _ = sink.writer.poll_shutdown(context);
            }
            if back
                .poll(context, &mut source, responder)
                .map_err(gone)?
                .is_ready()
            {
                let _ = responder.poll_close(context);
            }
            if there.is_done && back.is_done {
                return Poll::Ready(Ok(()));
            }
            let now = (there.bytes, back.bytes);
            if now != moved {
                moved = now;
                self.timer.set(idle_s);
            }
            // It has no end of its own that could be waited for.
            if self.timer.is_over(context) || self.worker.is_draining() {
                return Poll::Ready(Err(Fault::ClientGone));
            }
            Poll::Pending
        })
        .await?;
        Ok((Ended::Spent, false))
    }
}

/// Whether something for the client is pending while a response is awaited.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Flush {
    Now,
    Later,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum SendState {
    Going,
    Done,
    /// The member takes no more, and may have responded for all that.
    Failed,
}

/// A request on its way to the member.
struct Sending<'w, 'io> {
    transfer: Transfer,
    sink: Outgoing<'w, 'io>,
    state: SendState,
}

impl Sending<'_, '_> {
    fn poll<B: RequestBody>(&mut self, context: &mut Context<'_>, body: &mut B) -> Result<(), Fault> {
        if self.state != SendState::Going {
            return Ok(());
        }
        match self.transfer.poll(context, body, &mut self.sink) {
            Poll::Pending => Ok(()),
            Poll::Ready(Ok(())) => {
                self.state = SendState::Done;
                Ok(())
            }
            Poll::Ready(Err(Failed::Sink)) => {
                self.state = SendState::Failed;
                Ok(())
            }
            Poll::Ready(Err(Failed::Source(broken))) => Err(match broken {
                Broken::Io(_) | Broken::CutShort => Fault::ClientGone,
                Broken::TooLarge => Fault::BodyTooLarge,
                broken => Fault::ClientBroken(broken),
            }),
        }
    }

    fn waits_for_client<B: RequestBody>(&self, body: &B) -> bool {
        self.state == SendState::Going && body.data().is_empty() && self.sink.writer.pending.is_empty()
    }
}

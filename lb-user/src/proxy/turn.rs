//! A request at one member: it is sent, and the response passed on.

mod note;

use std::{
    future::poll_fn,
    rc::Rc,
    sync::Arc,
    task::{Context, Poll},
};

use super::{
    body::{Broken, Coding, Failed, Outgoing, Sink, Source, Transfer},
    encode::{self, ToMember},
    exchange::{Ended, Request, RequestBody, Responder},
    fault::{Fault, Retry},
    io::{Shared, Stream},
    persist::{Shown, Why},
    pool::{Member, Pool},
    receive::{OverHttp1, Receiver},
    sending::{SendState, Sending},
    serving::Listener,
    stream::{self, FromMember, StreamSink},
    timer::Timer,
    tunnel,
    upstream::{self, Whom},
    worker::Worker,
};
use crate::{
    http::{
        framing::Framing,
        head::{Head, Limits},
    },
    model::MemberProtocol,
};
use note::is_short;

/// Interim responses that a member may give to one request.
const MOST_INTERIM: usize = 16;

/// A request at one member.
pub(super) struct Turn<'t> {
    pub(super) worker: &'t Rc<Worker>,
    pub(super) listener: &'t Listener,
    pub(super) pool: &'t Pool,
    pub(super) member: &'t Arc<Member>,
    pub(super) shown: &'t Shown<'t>,
    pub(super) why: Why,
    pub(super) request: &'t Request<'t>,
    pub(super) timer: &'t Timer,
}

/// What came of a conversation.
enum Conversed {
    /// The response has passed.
    Done {
        /// Whether all of the request was sent.
        is_sent: bool,
        /// Whether the member's connection can be used again.
        keeps: bool,
    },
    /// The connection speaks another protocol from here on, as this response says.
    Upgraded(Head),
}

impl Turn<'_> {
    /// Has the member respond.
    pub(super) async fn take<B: RequestBody, R: Responder>(
        &self,
        body: &mut B,
        responder: &mut R,
    ) -> Result<Ended, Fault> {
        if self.pool.http.protocol == MemberProtocol::Http2 {
            return self.take_stream(body, responder).await;
        }
        if let Some(stream) = self.unused() {
            match self.attempt(stream, body, responder).await {
                // It closed the connection before it had the request: so says one that is new.
                Err(Fault::MemberClosed)
                    if !responder.has_begun()
                        && !body.was_touched()
                        && self.request.allows(Retry::Idempotent) => {}
                outcome => return outcome,
            }
        }
        let stream = upstream::connect(self.pool, self.member, self.whom(), self.timer).await?;
        if let Some(trail) = self.request.trail {
            trail.note_connected();
        }
        self.attempt(stream, body, responder).await
    }

    fn whom(&self) -> Whom {
        Whom {
            client: self.request.client,
            reached: self.request.asker.reached(),
        }
    }

    /// A connection that was used before.
    fn unused(&self) -> Option<Stream> {
        let http = &self.pool.http;
        if http.send_proxy_protocol.is_none() {
            return self.worker.connections.take(self.member);
        }
        let Request { asker, client, .. } = self.request;
        let (now_s, idle_s) = (self.worker.now_s(), http.timeouts.idle_s);
        asker.alone.take(self.member, *client, now_s, idle_s)
    }

    /// Keeps a connection that can be used again.
    fn keep(&self, stream: Stream) {
        let now_s = self.worker.now_s();
        if self.pool.http.send_proxy_protocol.is_none() {
            return self.worker.connections.give(self.member, stream, now_s);
        }
        let Request { asker, client, .. } = self.request;
        asker.alone.give(self.member, *client, stream, now_s);
    }

    /// Over a connection of HTTP/1.
    async fn attempt<B: RequestBody, R: Responder>(
        &self,
        mut stream: Stream,
        body: &mut B,
        responder: &mut R,
    ) -> Result<Ended, Fault> {
        let worker = self.worker;
        let mut shared = Shared::default();
        let (mut reader, mut writer) = stream.split(&mut shared);
        reader.buffer = worker.buffers.take();
        writer.pending = worker.take_bytes();
        self.edited(|edits| {
            encode::request(
                self.request.head,
                &self.request.admitted,
                edits,
                &mut writer.pending,
            );
        });
        let coding = match self.request.admitted.framing {
            Framing::Chunked => Coding::Chunked { rest: 0 },
            _ => Coding::Plain,
        };
        let mut sink = Outgoing::new(&mut writer, coding);
        let mut receiver = OverHttp1::new(&mut reader);
        let conversed = self.converse(&mut sink, &mut receiver, body, responder).await;
        let conversed = match conversed {
            Ok(Conversed::Upgraded(response)) => {
                let idle_s = self.listener.http.timeouts.upgrade_idle_s;
                self.note_response(&response);
                let mut further = worker.take_bytes();
                self.note_session(&response, &mut further);
                responder
                    .begin(&response, Framing::None, &further)
                    .map_err(|_| Fault::ClientGone)?;
                worker.give_bytes(further);
                self.note_upgraded();
                tunnel::pass_on(
                    (worker, self.member),
                    (&mut reader, &mut writer),
                    body,
                    responder,
                    (self.timer, idle_s),
                )
                .await;
                self.request.times.end();
                return Ok(Ended::Upgraded);
            }
            Ok(Conversed::Done { is_sent, keeps }) => Ok((is_sent, keeps)),
            Err(fault) => Err(fault),
        };
        let is_clean = reader.buffer.is_empty() && writer.pending.is_empty();
        worker.buffers.give(reader.buffer);
        worker.give_bytes(writer.pending);
        let (is_sent, keeps) = conversed?;
        if keeps && is_clean {
            self.keep(stream);
        }
        Ok(if is_sent { Ended::Whole } else { Ended::Spent })
    }

    /// Over a stream of a connection of HTTP/2 that others share.
    async fn take_stream<B: RequestBody, R: Responder>(
        &self,
        body: &mut B,
        responder: &mut R,
    ) -> Result<Ended, Fault> {
        let shared = upstream::share(self.worker, self.pool, self.member, self.whom(), self.timer).await?;
        let scheme = if self.pool.tls.is_some() { "https" } else { "http" };
        let has_body = !matches!(self.request.admitted.framing, Framing::None | Framing::Length(0));
        let begun = self.edited(|edits| {
            FromMember::begin(
                shared,
                self.request.head,
                &self.request.admitted,
                edits,
                scheme,
                has_body,
            )
        });
        let (mut receiver, stream) = begun.map_err(|broken| match broken {
            Broken::Stream(error) => stream::failure(&error),
            _ => Fault::MemberClosed,
        })?;
        let mut sink = StreamSink::new(stream, (!has_body).then_some(0));
        match self.converse(&mut sink, &mut receiver, body, responder).await? {
            Conversed::Done { is_sent: true, .. } => Ok(Ended::Whole),
            Conversed::Done { .. } => Ok(Ended::Spent),
            Conversed::Upgraded(_) => Err(Fault::BadResponse("HTTP/2 has no upgrade")),
        }
    }

    /// Shows what the member gets beside what the client sent.
    fn edited<T>(&self, use_it: impl FnOnce(&ToMember<'_>) -> T) -> T {
        let mut cookie = self.worker.take_bytes();
        let persist = self.pool.persist.as_ref();
        let is_stripped = persist.and_then(|persist| persist.strip(self.request.head, &mut cookie));
        let outcome = use_it(&ToMember {
            asker: self.request.asker,
            identity: &self.listener.identity,
            cookie: is_stripped.map(|()| cookie.as_slice()),
            request_id: self.request.id.made(),
        });
        self.worker.give_bytes(cookie);
        outcome
    }

    /// Sends the request, whose head is on its way, and passes the response on.
    async fn converse<S: Sink, V: Receiver, B: RequestBody, R: Responder>(
        &self,
        sink: &mut S,
        receiver: &mut V,
        body: &mut B,
        responder: &mut R,
    ) -> Result<Conversed, Fault> {
        let mut sending = Sending {
            transfer: Transfer {
                most: self.listener.http.limits.body_bytes,
                ..Transfer::default()
            },
            sink,
            state: SendState::Going,
        };
        let mut response = self.worker.take_head();
        let mut interim = 0;
        loop {
            self.await_head(receiver, &mut sending, body, responder, &mut response)
                .await?;
            match response.status {
                101 if self.request.admitted.is_upgrade => return Ok(Conversed::Upgraded(response)),
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
        let framing = receiver.framing(&response, self.request.head.method())?;
        if !is_short(framing) {
            self.note_begun();
        }
        let (now_s, id) = (self.worker.unix_s(), self.request.id);
        self.pool.note_status(self.member, now_s, response.status, id);
        self.note_response(&response);
        let mut further = self.worker.take_bytes();
        self.note_session(&response, &mut further);
        // It fails where the client gave the request up at the moment at which the response came.
        responder
            .begin(&response, framing, &further)
            .map_err(|_| Fault::ClientGone)?;
        self.worker.give_bytes(further);
        let mut source = receiver.body(framing);
        let mut receiving = Transfer::default();
        let passed = self
            .pass_on(&mut source, &mut receiving, &mut sending, body, responder)
            .await;
        if let Some(trail) = self.request.trail {
            trail.note_bytes(sending.transfer.bytes, receiving.bytes);
        }
        passed?;
        self.note_over();
        let is_sent = sending.state == SendState::Done;
        drop(source);
        let keeps = is_sent && receiver.keeps(&response, framing);
        self.worker.give_head(response);
        Ok(Conversed::Done { is_sent, keeps })
    }

    /// Ready when no time is left: where that is this turn's own, for being late.
    fn poll_late(&self, context: &mut Context<'_>, late: Fault) -> Poll<Result<(), Fault>> {
        if self.timer.is_over(context) {
            return Poll::Ready(Err(late.unless_cut(self.timer)));
        }
        if self.member.is_cut(self.worker.unix_s()) {
            return Poll::Ready(Err(Fault::CutOff));
        }
        Poll::Pending
    }

    fn limits(&self) -> &Limits {
        &self.listener.limits
    }

    /// Reads the head of a response, while the request is still being sent.
    async fn await_head<S: Sink, V: Receiver, B: RequestBody, R: Responder>(
        &self,
        receiver: &mut V,
        sending: &mut Sending<'_, S>,
        body: &mut B,
        responder: &mut R,
        response: &mut Head,
    ) -> Result<(), Fault> {
        let response_s = self.pool.http.timeouts.response_s;
        let body_s = self.listener.http.timeouts.body_s;
        let mut stood = None;
        poll_fn(|context| {
            sending.poll(context, body)?;
            let waits_for_client = sending.state == SendState::Going && body.data().is_empty();
            let stands = Some((sending.state, sending.transfer.bytes, waits_for_client));
            if stood != stands {
                stood = stands;
                self.timer.set(if waits_for_client { body_s } else { response_s });
            }
            if let Poll::Ready(outcome) = receiver.poll_head(context, response, self.limits()) {
                return Poll::Ready(outcome);
            }
            // What was said so far is not to wait for the rest: a client may be waiting for it, before it sends its body.
            if matches!(responder.poll_flush(context), Poll::Ready(Err(_))) {
                return Poll::Ready(Err(Fault::ClientGone));
            }
            if responder.poll_gone(context) || (sending.state != SendState::Going && body.is_gone(context)) {
                return Poll::Ready(Err(Fault::ClientGone));
            }
            let late = if waits_for_client {
                Fault::ClientTimeout
            } else {
                Fault::MemberTimeout
            };
            self.poll_late(context, late)
        })
        .await
    }

    /// Passes the body of the response on, while that of the request may still be on its way.
    async fn pass_on<S: Sink, B: RequestBody, R: Responder>(
        &self,
        source: &mut impl Source,
        receiving: &mut Transfer,
        sending: &mut Sending<'_, S>,
        body: &mut B,
        responder: &mut R,
    ) -> Result<(), Fault> {
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
            self.note_begun();
            let late = if waits_for_member {
                Fault::ResponseStalled
            } else {
                Fault::ClientStalled
            };
            self.poll_late(context, late)
        })
        .await
    }
}

//! A request at one member: it is sent, and the response passed on.

mod converse;
mod note;

use std::{rc::Rc, sync::Arc};

use super::{
    body::{Coding, Outgoing},
    encode::{self, ToMember},
    exchange::{Ended, Request, RequestBody, Responder},
    fault::{Fault, Retry},
    io::{Shared, Stream},
    own_cookies,
    persist::{Shown, Why},
    pool::{Member, Pool},
    receive::OverHttp1,
    serving::Listener,
    stream::FromMember,
    timer::Timer,
    tunnel,
    upstream::{self, Whom},
    worker::Worker,
};
use crate::{http::framing::Framing, model::MemberProtocol};
use converse::Conversed;

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

impl Turn<'_> {
    /// Has the member respond.
    pub(super) async fn take<B: RequestBody, R: Responder>(
        &self,
        body: &mut B,
        responder: &mut R,
    ) -> Result<Ended, Fault> {
        if self.pool.http.protocol == MemberProtocol::Http2 {
            return match self.take_stream(body, responder).await {
                // Connections end after so many requests, or so much time, which says nothing of the member.
                Err(Fault::MemberRefused) if !responder.has_begun() && !body.was_touched() => {
                    self.take_stream(body, responder).await
                }
                outcome => outcome,
            };
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
                self.add_to(&response, &mut further);
                responder
                    .begin(&response, Framing::None, &further)
                    .map_err(|_| Fault::ClientGone)?;
                worker.give_bytes(further);
                self.note_upgraded();
                let (there, back) = tunnel::pass_on(
                    (worker, self.member),
                    (&mut reader, &mut writer),
                    body,
                    responder,
                    (self.timer, idle_s),
                )
                .await;
                self.note_bytes(there, back);
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
        let begun = self.edited(|edits| {
            FromMember::begin(shared, self.request.head, &self.request.admitted, edits, scheme)
        });
        let (mut receiver, mut sink) = begun?;
        let conversed = self.converse(&mut sink, &mut receiver, body, responder).await;
        // Nobody can tell from here whether the member takes its time or is gone from the other end of the connection; and
        // one that took no more will not take the next.
        if matches!(conversed, Err(Fault::MemberTimeout | Fault::MemberRefused)) {
            receiver.retire();
        }
        match conversed? {
            Conversed::Done { is_sent: true, .. } => Ok(Ended::Whole),
            Conversed::Done { .. } => Ok(Ended::Spent),
            Conversed::Upgraded(_) => Err(Fault::BadResponse("HTTP/2 has no upgrade")),
        }
    }

    /// Shows what the member gets beside what the client sent.
    fn edited<T>(&self, use_it: impl FnOnce(&ToMember<'_>) -> T) -> T {
        let mut cookie = self.worker.take_bytes();
        let is_stripped = own_cookies::strip(
            self.request.head,
            self.pool,
            &self.worker.sessions.keys.load(),
            &mut cookie,
        );
        let outcome = use_it(&ToMember {
            asker: self.request.asker,
            identity: &self.listener.identity,
            cookie: is_stripped.map(|()| cookie.as_slice()),
            request_id: self.request.id.made(),
        });
        self.worker.give_bytes(cookie);
        outcome
    }
}

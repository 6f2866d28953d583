//! The request is sent and the response passed on, both at once.

use std::{
    future::poll_fn,
    task::{Context, Poll},
};

use super::{Turn, note::is_short};
use crate::{
    http::{
        head::{Head, Limits},
        upgrade,
    },
    proxy::{
        body::{Failed, Sink, Source, Transfer},
        exchange::{RequestBody, Responder},
        fault::Fault,
        receive::Receiver,
        sending::{SendState, Sending},
    },
};

/// Interim responses that a member may give to one request.
const MOST_INTERIM: usize = 16;

/// What came of a conversation.
pub(super) enum Conversed {
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
    /// Sends the request, whose head is on its way, and passes the response on.
    pub(super) async fn converse<S: Sink, V: Receiver, B: RequestBody, R: Responder>(
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
        let mut receiving = Transfer::default();
        let conversed = self.respond(&mut sending, &mut receiving, receiver, body, responder);
        let conversed = conversed.await;
        self.note_bytes(sending.transfer.bytes, receiving.bytes);
        conversed
    }

    /// Reads the response, and passes it on.
    async fn respond<S: Sink, V: Receiver, B: RequestBody, R: Responder>(
        &self,
        sending: &mut Sending<'_, S>,
        receiving: &mut Transfer,
        receiver: &mut V,
        body: &mut B,
        responder: &mut R,
    ) -> Result<Conversed, Fault> {
        let mut response = self.worker.take_head();
        let mut interim = 0;
        loop {
            self.await_head(receiver, sending, body, responder, &mut response)
                .await?;
            match response.status {
                101 if self.has_asked_for(&response) => return Ok(Conversed::Upgraded(response)),
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
        self.add_to(&response, &mut further);
        // It fails where the client gave the request up at the moment at which the response came.
        responder
            .begin(&response, framing, &further)
            .map_err(|_| Fault::ClientGone)?;
        self.worker.give_bytes(further);
        let mut source = receiver.body(framing);
        self.pass_on(&mut source, receiving, sending, body, responder)
            .await?;
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

    /// Whether a response that changes the protocol changes to one that the client wants.
    fn has_asked_for(&self, response: &Head) -> bool {
        self.request.admitted.is_upgrade && upgrade::is_asked_for(self.request.head, response)
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

//! What is counted and noted of a response.

use super::Turn;
use crate::{
    http::{fields::Name, framing::Framing, head::Head},
    proxy::persist::{Answer, Why},
};

/// Up to so many bytes a response is a short one.
const SHORT_BYTES: u64 = 16 * 1024;

/// Whether a response is timed once, when it is over, unless it has to be waited for in between: what lies between its first
/// and its last byte is our own writing then.
pub(super) fn is_short(framing: Framing) -> bool {
    matches!(framing, Framing::None | Framing::Length(..=SHORT_BYTES))
}

impl Turn<'_> {
    /// Counts the response, and notes it.
    pub(super) fn note_response(&self, response: &Head) {
        self.listener.counts.respond(response.status);
        if let Some(trail) = self.request.trail {
            trail.note_status(response.status);
        }
    }

    /// Notes how much of the bodies has passed.
    pub(super) fn note_bytes(&self, received: u64, sent: u64) {
        if let Some(trail) = self.request.trail {
            trail.note_bytes(received, sent);
        }
    }

    /// The response has begun: counts how long the member took, the first time.
    pub(super) fn note_begun(&self) {
        if let Some(taken) = self.request.times.respond() {
            self.pool.counts.response_times.observe(taken);
        }
    }

    /// The response has passed.
    pub(super) fn note_over(&self) {
        self.request.times.end();
        self.note_begun();
    }

    /// The response has passed, and what follows is none: only up to here is it the time of a request.
    pub(super) fn note_upgraded(&self) {
        self.note_over();
        let taken = self.request.times.whole();
        self.listener.counts.request_times.observe(taken);
    }

    /// What the client gets beside what the member sent, as lines.
    pub(super) fn add_to(&self, response: &Head, further: &mut Vec<u8>) {
        // RFC 9110, section 6.6.1: who passes a response on without one says when it was.
        if response.values(Name::Date).next().is_none() {
            self.worker.write_date(further);
        }
        self.note_session(response, further);
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
            path: self.request.admitted.path(self.request.head),
            channel: self.listener.channel(),
            now_s: self.worker.unix_s(),
        };
        persist.answer(&answer, further);
    }
}

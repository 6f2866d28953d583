//! What is counted, from when the daemon began.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering::Relaxed},
};

use rustls::HandshakeKind;

use super::greeting::NoHeader;
use crate::{histogram::Histogram, persistence::Refused};

/// A number that only grows.
#[derive(Debug, Default)]
pub(super) struct Count(AtomicU64);

impl Count {
    pub(super) fn add(&self, more: u64) {
        self.0.fetch_add(more, Relaxed);
    }

    pub(super) fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

/// The bytes that go over connections, as HTTP sees them: heads and bodies, without TLS and what is below it.
#[derive(Debug, Default)]
pub(super) struct Traffic {
    pub(super) read: Count,
    pub(super) written: Count,
}

/// The requests of a listener.
#[derive(Debug, Default)]
pub(super) struct ListenerCounts {
    /// Connections that were accepted.
    pub(super) connections: Count,
    /// Those that had to wait, since as many were open as may be.
    pub(super) had_to_wait: Count,
    pub(super) handshakes: Handshakes,
    /// Of its connections.
    pub(super) traffic: Arc<Traffic>,
    /// Connections that did not begin with the PROXY header that they owed, by reason.
    refused: [Count; NoHeader::WORDS.len()],
    /// Requests that were read.
    pub(super) requests: Count,
    /// Responses by the first digit of their status, those of the balancer's own among them.
    responses: [Count; 5],
    /// Requests that the balancer answered itself.
    pub(super) own_responses: Count,
    /// How long requests took, from the first byte of the head to the last one of the response.
    pub(super) request_times: Histogram,
}

impl ListenerCounts {
    /// Counts a connection that did not begin with the PROXY header that it owed.
    pub(super) fn refuse(&self, why: &NoHeader) {
        self.refused[why.place()].add(1);
    }

    /// Those connections, by reason; without those of which there was none.
    pub(super) fn refused(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let counts = self.refused.iter().map(Count::get);
        let counts = NoHeader::WORDS.into_iter().zip(counts);
        counts.filter(|(_, count)| *count > 0)
    }

    /// Counts a response.
    pub(super) fn respond(&self, status: u16) {
        let class = usize::from(status / 100).clamp(1, 5) - 1;
        self.responses[class].add(1);
    }

    /// Counts a response of the balancer's own.
    pub(super) fn respond_own(&self, status: u16) {
        self.respond(status);
        self.own_responses.add(1);
    }

    /// Responses of 1xx, 2xx, ... 5xx.
    pub(super) fn responses(&self) -> [u64; 5] {
        std::array::from_fn(|class| self.responses[class].get())
    }
}

/// Handshakes of TLS.
#[derive(Debug, Default)]
pub(super) struct Handshakes {
    pub(super) full: Count,
    /// Those by which clients went on with a session of before.
    pub(super) resumed: Count,
    /// Those that came to nothing, also because the client went away.
    pub(super) failed: Count,
}

impl Handshakes {
    /// Counts one that succeeded.
    pub(super) fn succeed(&self, kind: Option<HandshakeKind>) {
        match kind {
            Some(HandshakeKind::Resumed) => self.resumed.add(1),
            _ => self.full.add(1),
        }
    }
}

/// The requests of a member.
#[derive(Debug, Default)]
pub(super) struct MemberCounts {
    /// Requests that it was given.
    pub(super) requests: Count,
    /// Those that it did not respond to.
    pub(super) failures: Count,
    /// Connections that were opened to it.
    pub(super) connections: Count,
    /// Of these.
    pub(super) traffic: Arc<Traffic>,
}

/// The sessions of a pool, and how its requests wait.
#[derive(Debug, Default)]
pub(super) struct PoolCounts {
    /// Sessions that began.
    pub(super) created: Count,
    /// Requests that went to the member of their session.
    pub(super) held: Count,
    /// Sessions whose member could not have a request, and which went to another one.
    pub(super) moved: Count,
    /// Sessions whose client came back too late, or not at all.
    pub(super) expired: Count,
    /// Sessions that made room for others.
    pub(super) evicted: Count,
    /// Sessions that the application ended.
    pub(super) ended: Count,
    /// Cookies that were not taken, by reason.
    refused: [Count; Refused::ALL.len()],
    /// How long members took to respond, from when they were given a request.
    pub(super) response_times: Histogram,
    /// Requests that had to wait until a member had room.
    pub(super) queued: Count,
    /// Requests that were refused, because as many waited as may.
    pub(super) queue_full: Count,
    /// Requests for which no member had room in time.
    pub(super) queue_late: Count,
}

impl PoolCounts {
    /// Counts a cookie that was not taken.
    pub(super) fn refuse(&self, refused: Refused) {
        if refused == Refused::Expired {
            self.expired.add(1);
        }
        self.refused[refused as usize].add(1);
    }

    /// Cookies that were not taken, by reason; without those of which there was none.
    pub(super) fn refused(&self) -> impl Iterator<Item = (Refused, u64)> {
        let counts = self.refused.iter().map(Count::get);
        Refused::ALL
            .iter()
            .copied()
            .zip(counts)
            .filter(|(_, count)| *count > 0)
    }
}

//! The access log: a line a request.
//!
//! Workers write lines into memory, and hand that to a thread of its own a few times a second: a disk that is slow or full
//! costs lines, which are counted, and never a request.

mod line;
mod tap;
mod writer;

use std::{
    cell::{Cell, RefCell},
    sync::Arc,
    time::Instant,
};

pub(super) use line::{Entry, version};
pub(crate) use tap::{Follower, Hearing, Tap};
pub(super) use writer::Writer;

use super::{
    fault::Fault,
    persist::{Shown, Why},
    pool::{Member, Pool},
    request_id::RequestId,
    respond::{Body, Own},
    worker::Worker,
};
use crate::{http::head::Head, model::LogFormat, persistence::Refused, views::Titles};

/// How much a worker gathers before it hands it on, in bytes.
const LARGEST_CHUNK: usize = 32 * 1024;

/// What is to be noted of requests, of one configuration.
#[derive(Debug)]
pub(super) struct Log {
    pub(super) format: LogFormat,
    pub(super) sample: u32,
    pub(super) writer: Arc<Writer>,
}

/// What a request went through.
#[derive(Debug, Default)]
pub(super) struct Trail {
    notes: RefCell<Notes>,
}

#[derive(Debug, Default)]
struct Notes {
    member: Option<(Arc<Pool>, Arc<Member>)>,
    why: Option<Why>,
    /// Why its cookie did not count.
    cookie_refused: Option<Refused>,
    status: u16,
    tries: u8,
    connected: Option<Instant>,
    received_bytes: u64,
    sent_bytes: u64,
}

impl Trail {
    /// Notes the member that a request goes to.
    pub(super) fn note_member(&self, pool: &Arc<Pool>, member: &Arc<Member>, why: Why, shown: &Shown<'_>) {
        let mut notes = self.notes.borrow_mut();
        notes.member = Some((Arc::clone(pool), Arc::clone(member)));
        notes.why = Some(why);
        notes.cookie_refused = shown.refused;
        notes.tries = notes.tries.saturating_add(1);
    }

    /// Notes that there is a connection to the member.
    pub(super) fn note_connected(&self) {
        self.notes.borrow_mut().connected = Some(Instant::now());
    }

    /// Notes the response that goes to the client.
    pub(super) fn note_status(&self, status: u16) {
        self.notes.borrow_mut().status = status;
    }

    /// Notes the response of our own that the client gets instead of a member's.
    fn note_own(&self, own: &Own, body: Body) {
        let mut notes = self.notes.borrow_mut();
        (notes.status, notes.sent_bytes) = (own.status, own.body_bytes(body));
    }

    /// Notes how large the bodies were.
    pub(super) fn note_bytes(&self, received: u64, sent: u64) {
        let mut notes = self.notes.borrow_mut();
        (notes.received_bytes, notes.sent_bytes) = (received, sent);
    }
}

/// A request as it is noted, if it is noted.
pub(super) struct Noting<'q> {
    worker: &'q Worker,
    /// The id of the request, which others note too.
    pub(super) id: RequestId<'q>,
    log: Option<Arc<Log>>,
    /// None where nobody wants to know.
    trail: Option<Trail>,
}

impl<'q> Noting<'q> {
    /// Begins with a request that was read.
    pub(super) fn begin(worker: &'q Worker, head: &'q Head) -> Self {
        let log = worker.log();
        let is_noted = log.is_some() || worker.is_tapped();
        Self {
            worker,
            id: worker.id_of(head),
            log,
            trail: is_noted.then(Trail::default),
        }
    }

    pub(super) fn trail(&self) -> Option<&Trail> {
        self.trail.as_ref()
    }

    /// Notes the request.
    pub(super) fn end<'e>(&'e self, entry: impl FnOnce(&'e Trail, &'e str) -> Entry<'e>) {
        let Some(trail) = &self.trail else {
            return;
        };
        let entry = entry(trail, self.id.text());
        // Nothing of a member's has begun: the response is our own.
        if let Some(own) = entry.fault.and_then(Fault::response)
            && trail.notes.borrow().status == 0
        {
            trail.note_own(&own, Body::of(entry.head.method()));
        }
        if let Some(log) = &self.log {
            self.worker.note(log, &entry);
        }
        if self.worker.is_tapped() {
            self.worker.tell(&entry);
        }
    }
}

/// The lines of a worker.
#[derive(Debug, Default)]
pub(super) struct Lines {
    gathered: RefCell<Vec<u8>>,
    /// Requests since the last that was noted.
    passed_over: Cell<u32>,
}

impl Lines {
    /// Notes a request, if it is its turn or it failed.
    pub(super) fn note(&self, log: &Log, entry: &Entry<'_>) {
        let passed_over = self.passed_over.get() + 1;
        if passed_over < log.sample && !entry.has_failed() {
            self.passed_over.set(passed_over);
            return;
        }
        if passed_over >= log.sample {
            self.passed_over.set(0);
        }
        let mut gathered = self.gathered.borrow_mut();
        match log.format {
            LogFormat::Json => entry.write_json(&Titles::default(), &mut gathered),
            LogFormat::Common => entry.write_common(&mut gathered),
        }
        if gathered.len() >= LARGEST_CHUNK {
            log.writer.write(std::mem::take(&mut gathered));
        }
    }

    /// Hands on what was gathered.
    pub(super) fn flush(&self, log: &Log) {
        let gathered = self.gathered.take();
        if !gathered.is_empty() {
            log.writer.write(gathered);
        }
    }
}

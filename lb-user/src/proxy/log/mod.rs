//! The access log: a line a request.
//!
//! Workers write lines into memory, and hand that to a thread of its own a few times a second: a disk that is slow or full
//! costs lines, which are counted, and never a request.

mod line;
mod writer;

use std::{
    cell::{Cell, RefCell},
    hash::{BuildHasher as _, RandomState},
    str,
    sync::Arc,
    time::Instant,
};

pub(super) use line::{Entry, version};
pub(super) use writer::Writer;

use super::{
    fault::Fault,
    persist::Why,
    pool::{Member, Pool},
    worker::Worker,
};
use crate::{
    http::{fields::Name, head::Head},
    model::LogFormat,
};

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
    status: u16,
    tries: u8,
    connected: Option<Instant>,
    received_bytes: u64,
    sent_bytes: u64,
}

impl Trail {
    /// Notes the member that a request goes to.
    pub(super) fn note_member(&self, pool: &Arc<Pool>, member: &Arc<Member>, why: Why) {
        let mut notes = self.notes.borrow_mut();
        notes.member = Some((Arc::clone(pool), Arc::clone(member)));
        notes.why = Some(why);
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

    /// Notes how large the bodies were.
    pub(super) fn note_bytes(&self, received: u64, sent: u64) {
        let mut notes = self.notes.borrow_mut();
        (notes.received_bytes, notes.sent_bytes) = (received, sent);
    }
}

/// What a request is told apart from others by.
#[derive(Clone, Copy, Debug)]
pub(super) struct RequestId<'q> {
    head: &'q Head,
    /// Made here, where the client has not said and requests are noted.
    pub(super) made: Option<&'q str>,
}

impl<'q> RequestId<'q> {
    /// The one that its client has given it.
    pub(super) fn given(head: &'q Head) -> Self {
        Self { head, made: None }
    }

    /// As it is written in logs; none where it has none.
    pub(super) fn text(&self) -> Option<&'q str> {
        let given = || self.head.values(Name::XRequestId).next();
        self.made
            .or_else(|| str::from_utf8(given().filter(|id| is_id(id))?).ok())
    }
}

/// The noting of a request, if it is noted.
pub(super) struct Noting<'w> {
    worker: &'w Worker,
    noted: Option<Noted>,
}

struct Noted {
    log: Arc<Log>,
    trail: Trail,
    id: String,
    /// Whether the id is the client's.
    is_kept: bool,
}

impl<'w> Noting<'w> {
    /// Begins with a request that was read.
    pub(super) fn begin(worker: &'w Worker, head: &Head) -> Self {
        let noted = worker.log().map(|log| {
            let given = RequestId::given(head).text();
            Noted {
                log,
                trail: Trail::default(),
                is_kept: given.is_some(),
                id: given.map_or_else(|| worker.next_id(), str::to_owned),
            }
        });
        Self { worker, noted }
    }

    pub(super) fn trail(&self) -> Option<&Trail> {
        self.noted.as_ref().map(|noted| &noted.trail)
    }

    /// The id of the request that it began with.
    pub(super) fn id<'q>(&'q self, head: &'q Head) -> RequestId<'q> {
        let made = self.noted.as_ref().filter(|noted| !noted.is_kept);
        RequestId {
            head,
            made: made.map(|noted| noted.id.as_str()),
        }
    }

    /// Notes the request.
    pub(super) fn end<'e>(&'e self, entry: impl FnOnce(&'e Trail, &'e str) -> Entry<'e>) {
        let Some(Noted { log, trail, id, .. }) = &self.noted else {
            return;
        };
        let entry = entry(trail, id);
        // Nothing of a member's has begun: the response is our own.
        if let Some(status) = entry.fault.and_then(Fault::status)
            && trail.notes.borrow().status == 0
        {
            trail.note_status(status);
        }
        self.worker.note(log, &entry);
    }
}

/// Whether a client's id is one that can stand in a log.
fn is_id(id: &[u8]) -> bool {
    (1..=128).contains(&id.len()) && id.iter().all(u8::is_ascii_graphic)
}

/// Makes ids: a random half that is the worker's, and a number.
#[derive(Debug)]
pub(super) struct Ids {
    worker: u64,
    next: Cell<u64>,
}

impl Default for Ids {
    fn default() -> Self {
        Self {
            worker: RandomState::new().hash_one(0),
            next: Cell::new(0),
        }
    }
}

impl Ids {
    pub(super) fn next(&self) -> String {
        let next = self.next.get() + 1;
        self.next.set(next);
        format!("{:016x}{next:016x}", self.worker)
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
            LogFormat::Json => entry.write_json(&mut gathered),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_id_of_a_request_is_the_one_it_came_with_unless_that_cannot_stand_in_a_log() {
        let long = "a".repeat(129);
        for (given, made, text) in [
            (Some("mine-1"), None, Some("mine-1")),
            (Some("mine 1"), None, None),
            (Some("mine 1"), Some("made"), Some("made")),
            (Some(long.as_str()), None, None),
            (None, Some("made"), Some("made")),
            (None, None, None),
        ] {
            let mut head = Head::default();
            if let Some(given) = given {
                head.push(b"x-request-id", given.as_bytes());
            }
            let id = RequestId { head: &head, made };
            assert_eq!(id.text(), text, "{given:?} {made:?}");
        }
    }
}

//! Requests of chosen clients, told of as they end: for whoever follows them.

use std::{
    fmt,
    net::IpAddr,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
};

use serde_json::value::RawValue;

use super::Entry;

/// Whether somebody listens still.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hearing {
    On,
    Over,
}

/// Somebody who follows requests.
pub(crate) struct Follower {
    /// Of which clients.
    pub(crate) wants: Box<dyn Fn(IpAddr) -> bool + Send>,
    /// Is told of each request, as the access log has it in JSON, with what people call things. It does not wait.
    pub(crate) tell: Box<dyn FnMut(Box<RawValue>) -> Hearing + Send>,
}

/// Where requests are followed; one at a time does so.
#[derive(Default)]
pub(crate) struct Tap {
    /// Looked at for each request: so that it costs nothing while nobody follows any.
    is_on: AtomicBool,
    follower: Mutex<Option<Follower>>,
}

impl fmt::Debug for Tap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tap")
            .field("is_on", &self.is_on)
            .finish_non_exhaustive()
    }
}

impl Tap {
    fn lock(&self) -> MutexGuard<'_, Option<Follower>> {
        self.follower.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has somebody follow requests, in place of whoever did before.
    pub(crate) fn open(&self, follower: Follower) {
        *self.lock() = Some(follower);
        self.is_on.store(true, Relaxed);
    }

    /// Nobody follows any.
    pub(crate) fn close(&self) {
        self.is_on.store(false, Relaxed);
        *self.lock() = None;
    }

    pub(in crate::proxy) fn is_on(&self) -> bool {
        self.is_on.load(Relaxed)
    }

    /// Tells of a request, where it is of a client that somebody follows.
    pub(in crate::proxy) fn note(&self, entry: &Entry<'_>) {
        let mut follower = self.lock();
        let Some(Follower { tell, .. }) = follower.as_mut().filter(|one| (one.wants)(entry.client)) else {
            return;
        };
        let mut line = Vec::new();
        entry.write_json(&entry.display_names(), &mut line);
        let line = String::from_utf8(line).ok();
        let line = line.and_then(|line| RawValue::from_string(line.trim_end().to_owned()).ok());
        if line.is_some_and(|line| tell(line) == Hearing::Over) {
            self.is_on.store(false, Relaxed);
            *follower = None;
        }
    }
}

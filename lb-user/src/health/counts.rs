//! What is counted of probes: by the tasks that make them, and read by whoever tells how things stand.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use serde::{Deserialize, Serialize};

/// What the probes of a member came to, since its monitor began.
#[derive(Debug, Default)]
pub(super) struct Counts {
    passed: AtomicU64,
    failed: AtomicU64,
    turns: AtomicU64,
}

impl Counts {
    pub(super) fn note<E>(&self, outcome: &Result<(), E>) {
        let count = match outcome {
            Ok(()) => &self.passed,
            Err(_) => &self.failed,
        };
        count.fetch_add(1, Relaxed);
    }

    pub(super) fn note_turn(&self) {
        self.turns.fetch_add(1, Relaxed);
    }

    fn report(&self) -> Probes {
        Probes {
            passed: self.passed.load(Relaxed),
            failed: self.failed.load(Relaxed),
            turns: self.turns.load(Relaxed),
        }
    }
}

/// What the probes of a member came to, since its monitor began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Probes {
    /// Those that the member passed.
    pub passed: u64,
    /// Those that it did not.
    pub failed: u64,
    /// How often it went up or down by that.
    pub turns: u64,
}

/// The counts of all members of pools that are watched, by the names of both.
#[derive(Clone, Debug, Default)]
pub struct AllProbes(pub(super) HashMap<String, Arc<HashMap<String, Arc<Counts>>>>);

impl AllProbes {
    /// What the probes of a member came to; none where it is not watched.
    #[must_use]
    pub fn of(&self, pool: &str, member: &str) -> Option<Probes> {
        Some(self.0.get(pool)?.get(member)?.report())
    }
}

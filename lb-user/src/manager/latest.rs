//! The last events, for those who come later.

use std::collections::VecDeque;

use super::Event;
use crate::objects::Stamp;

/// How many are kept.
pub const MOST_LATEST: usize = 500;

/// An event, and when it was.
#[derive(Clone, Debug)]
pub struct Noted {
    /// When.
    pub at: Stamp,
    /// What happened.
    pub event: Event,
}

/// The last events, the newest first.
#[derive(Debug, Default)]
pub(super) struct Latest(VecDeque<Noted>);

impl Latest {
    pub(super) fn note(&mut self, event: Event) {
        self.0.truncate(MOST_LATEST - 1);
        self.0.push_front(Noted {
            at: Stamp::now(),
            event,
        });
    }

    pub(super) fn all(&self) -> Vec<Noted> {
        self.0.iter().cloned().collect()
    }
}

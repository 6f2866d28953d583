//! What is to happen no more often than once in a while: lines of the log, above all.

use std::time::{Duration, Instant};

/// Says when a while has passed since the last time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seldom {
    every: Duration,
    last: Option<Instant>,
}

impl Seldom {
    /// The first time is due at once.
    pub(crate) const fn every(every: Duration) -> Self {
        Self { every, last: None }
    }

    /// Whether it is time again; if so, the next while begins.
    pub(crate) fn is_due(&mut self, now: Instant) -> bool {
        let is_due = self
            .last
            .is_none_or(|last| now.saturating_duration_since(last) >= self.every);
        if is_due {
            self.last = Some(now);
        }
        is_due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_due_at_first_and_then_once_in_a_while() {
        let start = Instant::now();
        let mut seldom = Seldom::every(Duration::from_secs(10));
        let due = [0, 1, 9, 10, 11, 19, 20, 45, 46];
        let due = due.map(|second| seldom.is_due(start + Duration::from_secs(second)));
        assert_eq!(due, [true, false, false, true, false, false, true, true, false]);
    }
}

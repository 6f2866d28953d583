//! When a request did what: what histograms and the access log tell of.
//!
//! The clock is read when a request begins and when it is over, and in between where something was waited for or the response
//! is long.

use std::{
    cell::Cell,
    time::{Duration, Instant},
};

use crate::histogram::micros;

/// The times of a request.
#[derive(Debug)]
pub(super) struct Times {
    begun: Instant,
    given: Cell<Instant>,
    responded: Cell<Option<Instant>>,
    ended: Cell<Option<Instant>>,
}

impl Times {
    /// Of a request whose first byte is there.
    pub(super) fn begin() -> Self {
        let begun = Instant::now();
        Self {
            begun,
            given: Cell::new(begun),
            responded: Cell::new(None),
            ended: Cell::new(None),
        }
    }

    /// Notes that its member is given it only now: it came slowly, it waited for a place, or another member failed.
    pub(super) fn give(&self) {
        self.given.set(Instant::now());
    }

    /// Notes that the response has begun, unless that was noted before: how long it took the member.
    pub(super) fn respond(&self) -> Option<Duration> {
        if self.responded.get().is_some() {
            return None;
        }
        let responded = self.ended.get().unwrap_or_else(Instant::now);
        self.responded.set(Some(responded));
        Some(responded.saturating_duration_since(self.given.get()))
    }

    /// Notes that the response is over.
    pub(super) fn end(&self) {
        self.ended.set(Some(Instant::now()));
    }

    /// How long the request took, up to now where its end was not noted.
    pub(super) fn whole(&self) -> Duration {
        if self.ended.get().is_none() {
            self.end();
        }
        self.since_begun(self.ended.get().unwrap_or(self.begun))
    }

    /// The same in microseconds.
    pub(super) fn whole_us(&self) -> u64 {
        micros(self.whole())
    }

    /// After how many microseconds the response began: a response of the balancer's own when it was over.
    pub(super) fn responded_us(&self) -> u64 {
        match self.responded.get() {
            Some(responded) => micros(self.since_begun(responded)),
            None => self.whole_us(),
        }
    }

    /// After how many microseconds that was.
    pub(super) fn us_until(&self, moment: Instant) -> u64 {
        micros(self.since_begun(moment))
    }

    fn since_begun(&self, moment: Instant) -> Duration {
        moment.saturating_duration_since(self.begun)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_response_begins_once() {
        let times = Times::begin();
        assert!(times.respond().is_some());
        assert_eq!(times.respond(), None);
        assert!(times.responded_us() <= times.whole_us());
    }

    #[test]
    fn a_response_that_is_over_at_once_is_timed_once() {
        let times = Times::begin();
        times.end();
        assert_eq!(times.respond(), Some(times.whole()));
        assert_eq!(times.responded_us(), times.whole_us());
    }

    #[test]
    fn what_was_waited_for_is_not_the_members_time() {
        let times = Times::begin();
        times.give();
        times.end();
        assert!(times.respond().is_some_and(|taken| taken <= times.whole()));
    }
}

//! When the next request is due.

use std::time::{Duration, Instant};

#[derive(Clone, Copy, Debug)]
pub(crate) enum Pace {
    /// As soon as one is answered: the proxy is never without work.
    Saturating,
    /// Whatever has been answered. A time counts from when it was due, so that waiting for a free connection counts too.
    Fixed { interval: Duration, due: Instant },
    /// So many more in all, and no more than `at_once` under way.
    Counted { left: usize, at_once: usize },
    /// None.
    Ended,
}

impl Pace {
    pub(crate) fn fixed(a_second: f64) -> Self {
        Self::Fixed {
            interval: Duration::from_secs_f64(a_second.recip()),
            due: Instant::now(),
        }
    }

    /// Since when a request is due, if one is; then it has been counted as made.
    pub(crate) fn next(&mut self, under_way: usize, now: Instant) -> Option<Instant> {
        match self {
            Self::Saturating => Some(now),
            Self::Fixed { interval, due } => {
                let since = *due;
                (since <= now).then(|| {
                    *due += *interval;
                    since
                })
            }
            Self::Counted { left, at_once } => (*left > 0 && under_way < *at_once).then(|| {
                *left -= 1;
                now
            }),
            Self::Ended => None,
        }
    }

    /// How long may be waited for an event. The clock of epoll knows only milliseconds, too coarse for a rate: so not at all.
    pub(crate) fn longest_wait(&self) -> Duration {
        match self {
            Self::Fixed { .. } => Duration::ZERO,
            Self::Saturating | Self::Counted { .. } | Self::Ended => Duration::MAX,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn at_a_fixed_rate_what_is_late_counts_from_when_it_was_due() {
        let start = Instant::now();
        let interval = Duration::from_millis(1);
        let mut pace = Pace::Fixed { interval, due: start };
        let late = start + Duration::from_millis(2);
        let due: Vec<_> = std::iter::from_fn(|| pace.next(0, late)).collect();
        assert_eq!(due, [start, start + interval, late]);
    }

    #[test]
    fn no_more_are_under_way_than_may_be() {
        let (mut pace, now) = (Pace::Counted { left: 2, at_once: 5 }, Instant::now());
        assert_eq!(pace.next(5, now), None);
        assert!(pace.next(4, now).is_some() && pace.next(4, now).is_some());
        assert_eq!(pace.next(4, now), None);
    }
}

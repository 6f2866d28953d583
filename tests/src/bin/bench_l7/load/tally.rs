//! What came of a load.

use std::time::{Duration, Instant};

/// So many, and something is wrong that more of them would not make clearer.
const TOO_MANY_FAULTS: u64 = 1000;

/// What came of it so far.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally {
    /// In nanoseconds, one for each answer.
    times_ns: Vec<u32>,
    pub(crate) faults: u64,
    pub(crate) first_fault: Option<String>,
}

impl Tally {
    pub(crate) fn answered(&mut self, since: Instant, now: Instant) {
        let nanos = now.saturating_duration_since(since).as_nanos();
        self.times_ns.push(u32::try_from(nanos).unwrap_or(u32::MAX));
    }

    pub(crate) fn fault(&mut self, error: &anyhow::Error) {
        self.faults += 1;
        if self.first_fault.is_none() {
            self.first_fault = Some(format!("{error:#}"));
        }
    }

    pub(crate) fn has_too_many_faults(&self) -> bool {
        self.faults >= TOO_MANY_FAULTS
    }

    /// The times of the answers so far, which it forgets.
    pub(crate) fn take_times(&mut self) -> Times {
        Times(std::mem::take(&mut self.times_ns))
    }
}

/// How long answers took, in nanoseconds.
#[derive(Debug)]
pub(crate) struct Times(Vec<u32>);

impl Times {
    pub(crate) fn count(&self) -> usize {
        self.0.len()
    }

    /// The time within which so many of a thousand were answered; zero if none was.
    pub(crate) fn within(&mut self, per_mille: usize) -> Duration {
        let count = self.0.len();
        if count == 0 {
            return Duration::ZERO;
        }
        let rank = (count * per_mille).div_ceil(1000).clamp(1, count) - 1;
        let (_, nanos, _) = self.0.select_nth_unstable(rank);
        Duration::from_nanos(u64::from(*nanos))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_hundred_times_the_ninety_ninth_is_p99() {
        let (mut tally, now) = (Tally::default(), Instant::now());
        for millis in (1..=100).rev() {
            tally.answered(now, now + Duration::from_millis(millis));
        }
        let mut times = tally.take_times();
        assert_eq!(times.within(990), Duration::from_millis(99));
        assert_eq!(times.within(500), Duration::from_millis(50));
        assert_eq!(tally.take_times().within(990), Duration::ZERO);
    }
}

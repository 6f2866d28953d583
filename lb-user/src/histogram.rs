//! How long things took: a count for each range of durations, so that quantiles can be told of any number of them.

use std::{
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

use serde::{Deserialize, Serialize};

/// Up to which duration each bucket counts, in microseconds; beyond the last one, the bucket has no end.
/// Members may take a minute by default, and longer where that is configured: these are told apart too.
const BOUNDS_US: [u64; 19] = [
    100,
    250,
    500,
    1_000,
    2_500,
    5_000,
    10_000,
    25_000,
    50_000,
    100_000,
    250_000,
    500_000,
    1_000_000,
    2_500_000,
    5_000_000,
    10_000_000,
    30_000_000,
    60_000_000,
    120_000_000,
];

/// Counts durations. How many there were in all is the sum of the buckets, and costs no counter of its own.
#[derive(Debug, Default)]
pub(crate) struct Histogram {
    buckets: [AtomicU64; BOUNDS_US.len()],
    beyond: AtomicU64,
    sum_us: AtomicU64,
}

impl Histogram {
    /// Counts a duration.
    pub(crate) fn observe(&self, duration: Duration) {
        let duration_us = micros(duration);
        let bucket = BOUNDS_US.partition_point(|bound_us| *bound_us < duration_us);
        let bucket = self.buckets.get(bucket).unwrap_or(&self.beyond);
        bucket.fetch_add(1, Relaxed);
        self.sum_us.fetch_add(duration_us, Relaxed);
    }

    /// What was counted.
    pub(crate) fn report(&self) -> Durations {
        let mut count = 0;
        let buckets = BOUNDS_US.iter().zip(&self.buckets).map(|(at_most_us, bucket)| {
            count += bucket.load(Relaxed);
            DurationBucket {
                at_most_us: *at_most_us,
                count,
            }
        });
        Durations {
            buckets: buckets.collect(),
            count: count + self.beyond.load(Relaxed),
            sum_us: self.sum_us.load(Relaxed),
        }
    }
}

/// In whole microseconds.
pub(crate) fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

/// How long things took.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Durations {
    /// How many there were.
    pub count: u64,
    /// How long they took together, in microseconds.
    pub sum_us: u64,
    /// How many took no longer than that; each bucket counts what those before it do.
    pub buckets: Vec<DurationBucket>,
}

/// The durations up to a bound.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DurationBucket {
    /// The bound, in microseconds.
    pub at_most_us: u64,
    /// How many there were up to it.
    pub count: u64,
}

/// Where a quantile lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quantile {
    /// Up to so many microseconds.
    AtMostUs(u64),
    /// Beyond so many.
    BeyondUs(u64),
}

impl Durations {
    /// What so many of a hundred took at most, as far as buckets tell; none where there was nothing.
    #[must_use]
    pub fn quantile(&self, percent: u64) -> Option<Quantile> {
        let wanted = (u128::from(self.count) * u128::from(percent)).div_ceil(100);
        let reaches = |bucket: &&DurationBucket| u128::from(bucket.count) >= wanted;
        let last = self.buckets.last().filter(|_| self.count > 0)?;
        Some(match self.buckets.iter().find(reaches) {
            Some(bucket) => Quantile::AtMostUs(bucket.at_most_us),
            None => Quantile::BeyondUs(last.at_most_us),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(durations_us: impl IntoIterator<Item = u64>) -> Durations {
        let histogram = Histogram::default();
        for duration_us in durations_us {
            histogram.observe(Duration::from_micros(duration_us));
        }
        histogram.report()
    }

    fn up_to(durations: &Durations, at_most_us: u64) -> u64 {
        let mut buckets = durations.buckets.iter();
        buckets
            .find(|bucket| bucket.at_most_us == at_most_us)
            .unwrap()
            .count
    }

    #[test]
    fn a_bound_belongs_to_its_bucket_and_each_bucket_counts_those_before_it() {
        let durations = of([0, 100, 101, 1_000, 1_001, 10_000_000, 10_000_001, 120_000_001]);
        assert_eq!((durations.count, durations.sum_us), (8, 140_002_204));
        for (at_most_us, count) in [
            (100, 2),
            (250, 3),
            (1_000, 4),
            (2_500, 5),
            (10_000_000, 6),
            (30_000_000, 7),
            (120_000_000, 7),
        ] {
            assert_eq!(up_to(&durations, at_most_us), count, "{at_most_us}");
        }
        assert!(BOUNDS_US.is_sorted());
    }

    #[test]
    fn a_quantile_is_the_bound_that_so_many_keep() {
        let durations = of((0..97).map(|_| 200).chain([20_000, 59_000_000, 130_000_000]));
        assert_eq!(durations.quantile(50), Some(Quantile::AtMostUs(250)));
        assert_eq!(durations.quantile(97), Some(Quantile::AtMostUs(250)));
        assert_eq!(durations.quantile(98), Some(Quantile::AtMostUs(25_000)));
        // The default time limit of a member is seen apart from what is beyond it.
        assert_eq!(durations.quantile(99), Some(Quantile::AtMostUs(60_000_000)));
        assert_eq!(durations.quantile(100), Some(Quantile::BeyondUs(120_000_000)));
        assert_eq!(of([]).quantile(50), None);
    }

    #[test]
    fn no_duration_is_too_long_to_be_counted() {
        assert_eq!(micros(Duration::MAX), u64::MAX);
        assert_eq!(of([u64::MAX]).count, 1);
    }
}

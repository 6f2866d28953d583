//! What passed in the last hour, of each listener and each pool: for charts.

use std::{
    collections::{HashMap, VecDeque},
    sync::{PoisonError, RwLockReadGuard},
    time::{Duration, Instant},
};

use uuid::Uuid;

use super::Manager;

/// From one sample to the next.
pub const INTERVAL: Duration = Duration::from_secs(30);
/// How many are kept: those of an hour.
pub const SAMPLES: usize = 120;

/// What an object has done until now.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// Which one.
    pub id: Uuid,
    /// The load balancer that it counts for; none: for nothing else.
    pub load_balancer: Option<Uuid>,
    /// Counters, of which the change in a second is kept.
    pub counters: Vec<(&'static str, u64)>,
    /// What there is now.
    pub gauges: Vec<(&'static str, u64)>,
}

/// The values of an hour, the oldest first; none: nothing is known of that time.
pub type Values = Vec<Option<f32>>;

/// What passed in the last hour.
#[derive(Debug, Default)]
pub struct History {
    last: Option<Instant>,
    tracks: HashMap<Uuid, Track>,
}

/// What one object has done.
#[derive(Debug)]
struct Track {
    load_balancer: Option<Uuid>,
    series: Vec<Series>,
}

#[derive(Debug)]
struct Series {
    name: &'static str,
    /// What a counter was last.
    before: u64,
    /// Not a number where nothing is known.
    values: VecDeque<f32>,
}

impl Series {
    fn new(name: &'static str, before: u64) -> Self {
        Self {
            name,
            before,
            values: VecDeque::new(),
        }
    }

    fn push(&mut self, value: f32) {
        if self.values.len() == SAMPLES {
            self.values.pop_front();
        }
        self.values.push_back(value);
    }

    fn values(&self) -> Values {
        let known = self
            .values
            .iter()
            .map(|value| (!value.is_nan()).then_some(*value));
        let unknown = std::iter::repeat_n(None, SAMPLES - self.values.len());
        unknown.chain(known).collect()
    }
}

impl History {
    /// Takes in what all objects have done until `now`; those that are not among them are forgotten.
    pub fn note(&mut self, now: Instant, samples: Vec<Sample>) {
        let elapsed_s = self
            .last
            .map(|last| now.saturating_duration_since(last).as_secs_f32());
        self.last = Some(now);
        let mut before = std::mem::take(&mut self.tracks);
        for sample in samples {
            let mut track = before.remove(&sample.id).unwrap_or(Track {
                load_balancer: sample.load_balancer,
                series: Vec::new(),
            });
            track.load_balancer = sample.load_balancer;
            track.note(&sample, elapsed_s);
            self.tracks.insert(sample.id, track);
        }
    }

    /// What passed with an object; of a load balancer, with all that count for it.
    #[must_use]
    pub fn of(&self, id: Uuid) -> Vec<(&'static str, Values)> {
        if let Some(track) = self.tracks.get(&id) {
            let series = track.series.iter();
            return series.map(|series| (series.name, series.values())).collect();
        }
        let mut sums: Vec<(&'static str, Values)> = Vec::new();
        let of_it = self
            .tracks
            .values()
            .filter(|track| track.load_balancer == Some(id));
        for series in of_it.flat_map(|track| &track.series) {
            let values = series.values();
            match sums.iter_mut().find(|(name, _)| *name == series.name) {
                Some((_, sum)) => add(sum, &values),
                None => sums.push((series.name, values)),
            }
        }
        sums
    }
}

/// Nothing being known of one of several, the sum is that of the others.
fn add(sum: &mut Values, values: &Values) {
    for (sum, value) in sum.iter_mut().zip(values) {
        *sum = match (*sum, *value) {
            (Some(a), Some(b)) => Some(a + b),
            (a, b) => a.or(b),
        };
    }
}

impl Track {
    #[expect(clippy::cast_precision_loss, reason = "it is drawn")]
    fn note(&mut self, sample: &Sample, elapsed_s: Option<f32>) {
        let names = sample.counters.iter().chain(&sample.gauges).map(|(name, _)| name);
        if !self.series.iter().map(|series| &series.name).eq(names) {
            // A listener that is new began at nothing. What a pool has done goes on while nobody is held, and is not seen
            // then; what is another kind of thing by now, or was there before us, began who knows when.
            let is_new = elapsed_s.is_some() && self.series.is_empty() && sample.load_balancer.is_some();
            let all = sample.counters.iter().chain(&sample.gauges);
            let all = all.map(|(name, value)| Series::new(name, if is_new { 0 } else { *value }));
            self.series = all.collect();
            if !is_new {
                return;
            }
        }
        if let Some(elapsed_s) = elapsed_s {
            let (counters, gauges) = self.series.split_at_mut(sample.counters.len());
            for (series, (_, count)) in counters.iter_mut().zip(&sample.counters) {
                // What is less than before was begun anew.
                let more = count.checked_sub(series.before);
                series.push(more.map_or(f32::NAN, |more| more as f32 / elapsed_s));
                series.before = *count;
            }
            for (series, (_, value)) in gauges.iter_mut().zip(&sample.gauges) {
                series.push(*value as f32);
            }
        }
    }
}

impl Manager {
    /// Takes in what all objects have done until `now`.
    pub fn note_samples(&self, now: Instant, samples: Vec<Sample>) {
        let mut history = self.history.write().unwrap_or_else(PoisonError::into_inner);
        history.note(now, samples);
    }

    /// What passed in the last hour. For a moment only: what passes is noted meanwhile.
    pub fn history(&self) -> RwLockReadGuard<'_, History> {
        self.history.read().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BALANCER: Uuid = Uuid::from_u128(1);

    fn sample(id: u128, connections: u64, open: u64) -> Sample {
        Sample {
            id: Uuid::from_u128(id),
            load_balancer: Some(BALANCER),
            counters: vec![("connections_per_s", connections)],
            gauges: vec![("open", open)],
        }
    }

    fn last(history: &History, id: Uuid, name: &str) -> Option<f32> {
        let all = history.of(id);
        let values = all.iter().find(|(called, _)| *called == name)?;
        assert_eq!(values.1.len(), SAMPLES);
        values.1[SAMPLES - 1]
    }

    #[test]
    fn counters_become_rates_and_a_load_balancer_has_the_sum_of_its_listeners() {
        let (mut history, begun) = (History::default(), Instant::now());
        history.note(begun, vec![sample(2, 100, 5), sample(3, 0, 1)]);
        assert_eq!(last(&history, BALANCER, "connections_per_s"), None);
        history.note(begun + INTERVAL, vec![sample(2, 160, 7), sample(3, 30, 1)]);
        assert_eq!(last(&history, Uuid::from_u128(2), "connections_per_s"), Some(2.0));
        assert_eq!(last(&history, BALANCER, "connections_per_s"), Some(3.0));
        assert_eq!(last(&history, BALANCER, "open"), Some(8.0));
    }

    #[test]
    fn what_is_new_has_begun_at_nothing_since_the_last_sample() {
        let (mut history, begun) = (History::default(), Instant::now());
        history.note(begun, vec![sample(2, 100, 0)]);
        history.note(begun + INTERVAL, vec![sample(2, 100, 0), sample(3, 15, 0)]);
        assert_eq!(last(&history, Uuid::from_u128(3), "connections_per_s"), Some(0.5));
    }

    #[test]
    fn what_a_pool_had_done_before_nobody_was_held_is_not_done_again_when_somebody_is() {
        let (mut history, begun) = (History::default(), Instant::now());
        let of_pool = |created| Sample {
            load_balancer: None,
            counters: vec![("created_per_s", created)],
            ..sample(4, 0, 0)
        };
        history.note(begun, vec![of_pool(0)]);
        history.note(begun + INTERVAL, Vec::new());
        history.note(begun + INTERVAL * 2, vec![of_pool(204)]);
        assert_eq!(last(&history, Uuid::from_u128(4), "created_per_s"), None);
        history.note(begun + INTERVAL * 3, vec![of_pool(234)]);
        assert_eq!(last(&history, Uuid::from_u128(4), "created_per_s"), Some(1.0));
    }

    #[test]
    fn of_what_was_begun_anew_nothing_is_known_for_that_time() {
        let (mut history, begun) = (History::default(), Instant::now());
        for (step, count) in [(0, 100), (1, 10), (2, 70)] {
            history.note(begun + INTERVAL * step, vec![sample(2, count, 0)]);
        }
        let values = &history.of(Uuid::from_u128(2))[0].1;
        assert_eq!(values[SAMPLES - 2..], [None, Some(2.0)]);
    }

    #[test]
    fn an_hour_is_kept_and_no_more_and_what_is_gone_is_forgotten() {
        let (mut history, begun) = (History::default(), Instant::now());
        for step in 0..SAMPLES as u32 + 10 {
            history.note(begun + INTERVAL * step, vec![sample(2, 30 * u64::from(step), 0)]);
        }
        let values = &history.of(Uuid::from_u128(2))[0].1;
        assert_eq!(values, &vec![Some(1.0); SAMPLES]);
        history.note(begun + INTERVAL * 200, Vec::new());
        assert!(history.of(Uuid::from_u128(2)).is_empty());
    }
}

//! Durations that are written in minutes, or in seconds by another key.

use std::ops::RangeInclusive;

use super::diagnostic::Reported;
use super::reader::{At, Table};
use super::values::integer;

/// The two keys of one duration.
#[derive(Clone, Copy)]
pub(super) struct Keys {
    pub(super) minutes: &'static str,
    pub(super) seconds: &'static str,
}

/// A duration as it was written.
#[derive(Clone, Copy)]
pub(super) struct Duration {
    pub(super) seconds: u32,
    /// The key that it stands under.
    pub(super) key: &'static str,
    unit_s: u32,
}

impl Duration {
    /// One of so many minutes.
    pub(super) const fn of_minutes(minutes: u32, keys: Keys) -> Self {
        Self {
            seconds: minutes * 60,
            key: keys.minutes,
            unit_s: 60,
        }
    }

    /// It is what its key says.
    pub(super) fn written(&self) -> u32 {
        self.in_its_unit(self.seconds)
    }

    /// What one of so many seconds would have to be written as there, at least.
    pub(super) fn in_its_unit(&self, seconds: u32) -> u32 {
        seconds.div_ceil(self.unit_s)
    }
}

/// A duration of the table that may be left out, of so many seconds. Its bounds are whole minutes.
pub(super) fn duration(
    t: &mut Table<'_, '_>,
    keys: Keys,
    range_s: &RangeInclusive<u32>,
) -> Result<Option<At<Duration>>, Reported> {
    let mut read = |key, unit_s| -> Result<Option<At<Duration>>, Reported> {
        let range = range_s.start() / unit_s..=range_s.end() / unit_s;
        let written = t.optional(key, integer(range))?;
        Ok(written.map(|At { value, span }| {
            let seconds = value * unit_s;
            At {
                value: Duration { seconds, key, unit_s },
                span,
            }
        }))
    };
    let (minutes, seconds) = (read(keys.minutes, 60), read(keys.seconds, 1));
    match (minutes?, seconds?) {
        (Some(_), Some(seconds)) => {
            let Keys { minutes, .. } = keys;
            let message = format!(
                "{} says again what {minutes} says; leave one of both out",
                keys.seconds
            );
            Err(t.scope().error(seconds.span, message))
        }
        (minutes, seconds) => Ok(minutes.or(seconds)),
    }
}

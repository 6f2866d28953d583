//! Waiting for something to become true, instead of sleeping and hoping.

use std::fmt::Display;
use std::time::{Duration, Instant};

const FIRST_PAUSE: Duration = Duration::from_millis(1);
const LONGEST_PAUSE: Duration = Duration::from_millis(50);

/// What one attempt says: a value, or why there is none yet.
pub trait Attempt {
    /// What is waited for.
    type Value;

    /// The value, or the reason that is shown should it never come.
    fn outcome(self) -> Result<Self::Value, String>;
}

impl<T> Attempt for Option<T> {
    type Value = T;

    fn outcome(self) -> Result<T, String> {
        self.ok_or_else(|| "not yet".to_owned())
    }
}

impl<T, E: Display> Attempt for Result<T, E> {
    type Value = T;

    fn outcome(self) -> Result<T, String> {
        // The alternate form makes `anyhow` show the whole chain of causes.
        self.map_err(|error| format!("{error:#}"))
    }
}

impl Attempt for bool {
    type Value = ();

    fn outcome(self) -> Result<(), String> {
        self.then_some(()).outcome()
    }
}

/// Repeats `attempt` until it succeeds.
///
/// # Panics
///
/// When it has not succeeded within the given time; the message has `what` and the last failure.
#[track_caller]
pub fn eventually<A: Attempt>(what: &str, within: Duration, attempt: impl FnMut() -> A) -> A::Value {
    match try_eventually(what, within, attempt) {
        Ok(value) => value,
        Err(error) => panic!("{error}"),
    }
}

/// [`eventually`] for those who would rather have an error than a panic.
pub fn try_eventually<A: Attempt>(
    what: &str,
    within: Duration,
    mut attempt: impl FnMut() -> A,
) -> anyhow::Result<A::Value> {
    let start = Instant::now();
    let mut pause = FIRST_PAUSE;
    loop {
        let last = match attempt().outcome() {
            Ok(value) => return Ok(value),
            Err(reason) => reason,
        };
        let left = within.saturating_sub(start.elapsed());
        if left.is_zero() {
            anyhow::bail!("{what}: not within {within:?}; at last: {last}");
        }
        std::thread::sleep(pause.min(left));
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_value_of_the_first_success_is_returned() {
        let mut attempts = 0;
        let value = eventually("third time lucky", Duration::from_secs(5), || {
            attempts += 1;
            (attempts == 3).then_some("luck")
        });
        assert_eq!((value, attempts), ("luck", 3));
    }

    #[test]
    fn a_failure_tells_what_was_awaited_and_why_it_did_not_come() {
        let failure = try_eventually("water to burn", Duration::from_millis(3), || {
            Err::<(), _>("it is wet")
        });
        let message = failure.expect_err("water does not burn").to_string();
        assert!(
            message.contains("water to burn") && message.contains("it is wet"),
            "{message}"
        );
    }

    #[test]
    fn the_last_attempt_is_made_when_the_time_is_up() {
        let start = Instant::now();
        let within = Duration::from_millis(20);
        eventually("the time to be up", within, || start.elapsed() >= within);
    }
}

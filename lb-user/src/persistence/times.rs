//! Times seen, and when a session is over by them.

use super::MemberTag;
use crate::model::SessionPersistence;

/// When a session began, and when its client was last seen, in Unix seconds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Times {
    /// When the session began.
    pub created_s: u32,
    /// When the client was last seen.
    pub seen_s: u32,
}

impl Times {
    /// Those of a session that begins now.
    #[must_use]
    pub const fn begin(now_s: u32) -> Self {
        Self {
            created_s: now_s,
            seen_s: now_s,
        }
    }
}

/// What holds a client, and its member.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Session {
    /// The member.
    pub member: MemberTag,
    /// When it began and was last used.
    pub times: Times,
}

/// How long a session may last, as the pool's configuration says now.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// It is lost when its client stays away for longer, in seconds.
    pub idle_s: u32,
    /// It is lost when it is this old, in seconds. `None`: no such limit.
    pub absolute_s: Option<u32>,
}

impl Limits {
    /// Those that are configured.
    #[must_use]
    pub fn of(persistence: &SessionPersistence) -> Self {
        Self {
            idle_s: persistence.idle_timeout_s,
            absolute_s: persistence.absolute_timeout_s,
        }
    }

    /// Whether a session is over. A time that is still to come counts as now: the clock was set back.
    #[must_use]
    pub fn are_passed(self, times: Times, now_s: u32) -> bool {
        let away_s = now_s.saturating_sub(times.seen_s);
        let age_s = now_s.saturating_sub(times.created_s);
        away_s > self.idle_s || self.absolute_s.is_some_and(|absolute_s| age_s >= absolute_s)
    }

    /// For how long a session holds if its client stays away, in seconds: 0 once it is over.
    #[must_use]
    pub fn ends_in_s(self, times: Times, now_s: u32) -> u32 {
        let away_s = now_s.saturating_sub(times.seen_s);
        let idle_left_s = self.idle_s.saturating_add(1).saturating_sub(away_s);
        self.latest_in_s(times, now_s)
            .map_or(idle_left_s, |latest_s| latest_s.min(idle_left_s))
    }

    /// For how long it holds at all, where that is limited.
    #[must_use]
    pub fn latest_in_s(self, times: Times, now_s: u32) -> Option<u32> {
        let age_s = now_s.saturating_sub(times.created_s);
        Some(self.absolute_s?.saturating_sub(age_s))
    }

    /// The same, with so much more idle time.
    #[must_use]
    pub(super) fn granting(self, more_s: u32) -> Self {
        let idle_s = self.idle_s.saturating_add(more_s);
        Self { idle_s, ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIMES: Times = Times {
        created_s: 1_000,
        seen_s: 5_000,
    };

    #[test]
    fn a_session_lasts_through_the_last_second_of_its_idle_time() {
        let limits = Limits {
            idle_s: 60,
            absolute_s: None,
        };
        assert!(!limits.are_passed(TIMES, 5_060));
        assert!(limits.are_passed(TIMES, 5_061));
    }

    #[test]
    fn a_session_that_is_in_use_ends_with_its_absolute_lifetime() {
        let limits = Limits {
            idle_s: 60,
            absolute_s: Some(4_010),
        };
        assert!(!limits.are_passed(TIMES, 5_009));
        assert!(limits.are_passed(TIMES, 5_010));
    }

    #[test]
    fn a_session_ends_at_the_first_second_at_which_it_is_over() {
        for absolute_s in [None, Some(4_010), Some(4_061), Some(4_062)] {
            let limits = Limits {
                idle_s: 60,
                absolute_s,
            };
            for now_s in 4_990..5_070 {
                let ends_in_s = limits.ends_in_s(TIMES, now_s);
                assert_eq!(ends_in_s == 0, limits.are_passed(TIMES, now_s), "{now_s}");
                assert!(
                    limits.are_passed(TIMES, now_s.max(TIMES.seen_s) + ends_in_s),
                    "{now_s}"
                );
            }
        }
    }

    #[test]
    fn times_at_the_ends_of_the_range_overflow_nothing() {
        let limits = Limits {
            idle_s: u32::MAX,
            absolute_s: Some(u32::MAX),
        };
        assert!(!limits.granting(60).are_passed(Times::begin(u32::MAX), 0));
        assert!(limits.are_passed(Times::begin(0), u32::MAX));
    }
}

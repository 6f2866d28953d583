//! A member that has just come up gets less than its share of new requests: its caches are empty, its program is not warm.

/// What is spread evenly over all numbers of 32 bits by multiplying 0, 1, 2, ... with it: 2^32 by the golden ratio. So a share
/// of the requests is one of any few of them too, and nothing has to be random.
const GOLDEN: u32 = 0x9e37_79b9;
/// What is had at once, in percent.
const AT_ONCE: u64 = 10;

/// Which members that start slowly may have one request.
#[derive(Clone, Copy, Debug)]
pub(super) struct Draw {
    /// That of the request.
    pub(super) number: u32,
    pub(super) now_s: u32,
    /// How long they take.
    pub(super) slow_start_s: u32,
    pub(super) of: Of,
}

/// Of what a share is meant.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Of {
    /// Of the turns that a member has by its weight.
    Turns,
    /// Of all requests, since whoever has the fewest under way would have all: a share of what it has by its weight among
    /// these.
    All { weight: u32 },
}

impl Draw {
    /// Whether a member may have the request that came up then, if it has not always been.
    pub(super) fn admits(&self, member: u64, up_s: Option<u32>, weight: u32) -> bool {
        // Where the clock was put back, nobody knows.
        let Some(age_s) = up_s.and_then(|up_s| self.now_s.checked_sub(up_s)) else {
            return true;
        };
        if age_s >= self.slow_start_s {
            return true;
        }
        let percent = AT_ONCE + (100 - AT_ONCE) * u64::from(age_s) / u64::from(self.slow_start_s);
        let all = percent * (u64::from(u32::MAX) + 1) / 100;
        let (offset, share) = match self.of {
            Of::Turns => (0, all),
            // Several that come up together are not to be admitted together: one of them would have what is the others'.
            Of::All { weight: of } => (
                (member as u32).wrapping_mul(GOLDEN.rotate_left(16)),
                all * u64::from(weight) / u64::from(of.max(1)),
            ),
        };
        u64::from(self.number.wrapping_mul(GOLDEN).wrapping_add(offset)) < share
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of 1000 requests, those that a member may have after so long.
    fn admitted(age_s: u32, of: Of, weight: u32) -> usize {
        let draws = (0..1000).map(|number| Draw {
            number,
            now_s: 1000 + age_s,
            slow_start_s: 100,
            of,
        });
        draws.filter(|draw| draw.admits(7, Some(1000), weight)).count()
    }

    #[test]
    fn its_share_grows_from_a_tenth_to_all_of_it() {
        for (age_s, expected) in [(0, 100), (10, 190), (50, 550), (99, 990), (100, 1000)] {
            let admitted = admitted(age_s, Of::Turns, 3);
            assert!(admitted.abs_diff(expected) <= 10, "{age_s}: {admitted}");
        }
    }

    #[test]
    fn of_all_requests_it_is_that_of_its_weight() {
        for (age_s, expected) in [(0, 25), (50, 137), (99, 247), (100, 1000)] {
            let admitted = admitted(age_s, Of::All { weight: 8 }, 2);
            assert!(admitted.abs_diff(expected) <= 10, "{age_s}: {admitted}");
        }
    }

    #[test]
    fn a_clock_that_was_put_back_and_a_weight_of_nothing_do_no_harm() {
        let draw = Draw {
            number: u32::MAX,
            now_s: 0,
            slow_start_s: u32::MAX,
            of: Of::All { weight: 0 },
        };
        assert!(draw.admits(1, Some(1), 256));
        assert!(draw.admits(1, None, 0));
        assert!(!draw.admits(u64::MAX, Some(0), 0));
    }
}

//! When a member counts as up, and when as down.

use crate::model::HealthMonitor;

/// What a member is taken to be, and how many probes in a row have said otherwise.
#[derive(Debug)]
pub(super) struct Judgement {
    is_up: bool,
    against: u8,
}

impl Judgement {
    pub(super) fn new(is_up: bool) -> Self {
        Self { is_up, against: 0 }
    }

    /// Counts a probe; whether the member is taken to be something else from now on.
    pub(super) fn turns(&mut self, answered: bool, monitor: &HealthMonitor) -> bool {
        if answered == self.is_up {
            self.against = 0;
            return false;
        }
        self.against = self.against.saturating_add(1);
        let turns = self.against >= if self.is_up { monitor.fall } else { monitor.rise };
        if turns {
            *self = Self::new(answered);
        }
        turns
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Probe;

    #[test]
    fn a_member_goes_down_after_fall_failures_in_a_row_and_up_after_rise_successes() {
        let monitor = HealthMonitor {
            probe: Probe::Tcp,
            delay_s: 1,
            timeout_s: 1,
            rise: 2,
            fall: 3,
            address: None,
            port: None,
        };
        let mut judgement = Judgement::new(true);
        let mut turns = |answered| judgement.turns(answered, &monitor);
        let (yes, no) = (true, false);
        assert_eq!([no, no, yes, no, no].map(&mut turns), [false; 5]);
        assert!(turns(no));
        assert_eq!([no, yes, no, yes].map(&mut turns), [false; 4]);
        assert!(turns(yes));
        assert!(!turns(yes));
    }
}

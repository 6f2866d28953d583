//! Smooth weighted round robin: exact proportions in each cycle, and no member's turns in a row.
//!
//! The method is nginx's ("smooth weighted round-robin balancing"): each turn raises every member by its weight, takes
//! the highest and lowers it by the sum of all weights.

/// The length of a cycle: the sum of the weights, divided by what they have in common.
#[must_use]
pub fn cycle(weights: &[u32]) -> usize {
    let divisor = common_divisor(weights);
    if divisor == 0 {
        0
    } else {
        weights.iter().map(|weight| (weight / divisor) as usize).sum()
    }
}

/// Writes one cycle: the index of the member whose turn it is. `schedule` has the length of [`cycle`], `current`
/// that of `weights`.
pub fn fill(weights: &[u32], current: &mut [i64], schedule: &mut [u32]) {
    let divisor = i64::from(common_divisor(weights).max(1));
    let total: i64 = weights.iter().map(|&weight| i64::from(weight) / divisor).sum();
    current.fill(0);
    for turn in schedule {
        let mut best = 0;
        for index in 0..weights.len() {
            current[index] += i64::from(weights[index]) / divisor;
            if current[index] > current[best] {
                best = index;
            }
        }
        current[best] -= total;
        *turn = best as u32;
    }
}

fn common_divisor(weights: &[u32]) -> u32 {
    weights.iter().copied().fold(0, |a, b| {
        let (mut a, mut b) = (a, b);
        while b != 0 {
            (a, b) = (b, a % b);
        }
        a
    })
}

#[cfg(test)]
mod tests {
    extern crate std;

    use std::{vec, vec::Vec};

    use proptest::prelude::*;

    use super::*;

    fn schedule(weights: &[u32]) -> Vec<u32> {
        let mut schedule = vec![0; cycle(weights)];
        fill(weights, &mut vec![0; weights.len()], &mut schedule);
        schedule
    }

    #[test]
    fn the_turns_of_a_heavy_member_are_spread_out() {
        assert_eq!(schedule(&[5, 1, 1]), [0, 0, 1, 0, 2, 0, 0]);
    }

    #[test]
    fn weights_with_a_common_divisor_make_a_short_cycle() {
        assert_eq!(schedule(&[100, 200, 100]).len(), 4);
    }

    #[test]
    fn a_member_of_weight_zero_has_no_turn() {
        assert_eq!(schedule(&[0, 3]), [1]);
        assert!(schedule(&[0, 0]).is_empty());
        assert!(schedule(&[]).is_empty());
    }

    proptest! {
        #[test]
        fn each_cycle_has_the_exact_proportions(weights in prop::collection::vec(0_u32..=256, 1..20)) {
            let schedule = schedule(&weights);
            let divisor = common_divisor(&weights).max(1);
            for (index, weight) in weights.iter().enumerate() {
                let turns = schedule.iter().filter(|&&turn| turn as usize == index).count();
                prop_assert_eq!(turns, (weight / divisor) as usize);
            }
        }
    }
}

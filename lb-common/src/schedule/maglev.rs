//! Maglev hashing with weights: a table in which each member has its share, and keeps most of it when another comes
//! or goes (Eisenbud et al., "Maglev: A Fast and Reliable Software Network Load Balancer", NSDI 2016, section 3.4).

use crate::hash::Hash;

/// The sizes of tables: primes, so that each member's steps reach every slot.
pub const SIZES: [u32; 5] = [1021, 4093, 16381, 65521, 131_071];

/// What a table is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// What names the member wherever it is, such as a hash of its address and port: its steps follow from it.
    pub identity: u64,
    /// Its weight.
    pub weight: u32,
}

/// The table size for these weights: a hundred slots for the lightest member, as far as the sizes go.
#[must_use]
pub fn size(entries: &[Entry]) -> u32 {
    let total: u64 = entries.iter().map(|entry| u64::from(entry.weight)).sum();
    let least = entries
        .iter()
        .map(|entry| u64::from(entry.weight))
        .filter(|&weight| weight > 0)
        .min();
    let Some(least) = least else { return 0 };
    let wanted = 100 * total.div_ceil(least);
    SIZES
        .into_iter()
        .find(|&size| u64::from(size) >= wanted)
        .unwrap_or(SIZES[SIZES.len() - 1])
}

/// The state of a member while a table is filled.
#[derive(Clone, Copy, Debug, Default)]
pub struct Turn {
    offset: u32,
    skip: u32,
    step: u64,
    credit: u64,
}

const EMPTY: u32 = u32::MAX;

/// Fills `table`, whose length is one of [`SIZES`], with the indices of entries. `turns` has the length of `entries`;
/// at least one entry has a weight.
pub fn fill(entries: &[Entry], turns: &mut [Turn], table: &mut [u32]) {
    let size = table.len() as u64;
    let heaviest = entries
        .iter()
        .map(|entry| u64::from(entry.weight))
        .max()
        .unwrap_or(0);
    if heaviest == 0 || size < 2 {
        return;
    }
    for (turn, entry) in turns.iter_mut().zip(entries) {
        let (offset, skip) = (
            Hash::seeded(1).with(entry.identity).finish(),
            Hash::seeded(2).with(entry.identity).finish(),
        );
        *turn = Turn {
            offset: (offset % size) as u32,
            skip: (skip % (size - 1) + 1) as u32,
            step: 0,
            credit: 0,
        };
    }
    table.fill(EMPTY);
    let mut filled = 0;
    while filled < table.len() {
        for (index, entry) in entries.iter().enumerate() {
            // In each round a member takes slots in proportion to its weight: the heaviest one each time.
            turns[index].credit += u64::from(entry.weight);
            if turns[index].credit < heaviest {
                continue;
            }
            turns[index].credit -= heaviest;
            take_next_free(&mut turns[index], index as u32, table);
            filled += 1;
            if filled == table.len() {
                break;
            }
        }
    }
}

/// Gives the member the next slot of its own order that is free; there is one.
fn take_next_free(turn: &mut Turn, index: u32, table: &mut [u32]) {
    let size = table.len() as u64;
    loop {
        let slot = ((u64::from(turn.offset) + turn.step * u64::from(turn.skip)) % size) as usize;
        turn.step += 1;
        if table[slot] == EMPTY {
            table[slot] = index;
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use std::{vec, vec::Vec};

    use proptest::prelude::*;

    use super::*;

    fn table(entries: &[Entry]) -> Vec<u32> {
        let mut table = vec![0; size(entries) as usize];
        fill(entries, &mut vec![Turn::default(); entries.len()], &mut table);
        table
    }

    fn members(weights: &[u32]) -> Vec<Entry> {
        weights
            .iter()
            .enumerate()
            .map(|(index, &weight)| Entry {
                identity: 1000 + index as u64,
                weight,
            })
            .collect()
    }

    #[test]
    fn a_thousand_members_fill_a_table() {
        let table = table(&members(&[1; 1024]));
        assert_eq!(table.len(), 131_071);
        assert!(table.iter().all(|&index| index < 1024));
    }

    #[test]
    fn when_a_member_goes_the_others_keep_nearly_all_of_their_slots() {
        let ten = members(&[1; 10]);
        let before = table(&ten);
        let mut after = vec![0; before.len()];
        fill(&ten[..9], &mut [Turn::default(); 9], &mut after);
        let others = before.iter().filter(|&&index| index != 9).count();
        let moved = before
            .iter()
            .zip(&after)
            .filter(|&(&a, &b)| a != 9 && a != b)
            .count();
        assert!(moved * 100 < others * 12, "{moved} of {others} slots moved");
    }

    #[test]
    fn no_weight_at_all_makes_no_table() {
        assert_eq!(size(&members(&[0, 0])), 0);
        assert_eq!(size(&[]), 0);
    }

    proptest! {
        #[test]
        fn each_member_has_its_share_within_two_percent(weights in prop::collection::vec(1_u32..=256, 1..8)) {
            let table = table(&members(&weights));
            let total: u32 = weights.iter().sum();
            for (index, &weight) in weights.iter().enumerate() {
                let slots = table.iter().filter(|&&slot| slot as usize == index).count() as u32;
                let share = f64::from(slots) / f64::from(table.len() as u32);
                let wanted = f64::from(weight) / f64::from(total);
                prop_assert!((share - wanted).abs() < 0.02 * wanted.max(0.1), "{share} for {wanted}");
            }
        }
    }
}

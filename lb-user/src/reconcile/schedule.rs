//! The slots that the schedules of pools lie in.

use lb_common::tables::SlotRange;

use crate::bpf::{Error, Maps};

/// What a range of slots holds.
pub(super) fn current(maps: &Maps, range: SlotRange) -> Vec<u32> {
    let start = range.start as usize;
    let slots = maps.schedules.get(start..start + range.count as usize);
    let slots = slots.unwrap_or_default().iter();
    slots.map(|slot| slot.member.get()).collect()
}

/// The runs of schedule slots that pools use. What an apply frees, the next one may take: no packet follows a schedule
/// for that long.
pub(super) struct Ranges {
    /// By their starts.
    used: Vec<SlotRange>,
    size: u32,
}

impl Ranges {
    pub(super) fn in_use(maps: &Maps) -> Self {
        let used = maps
            .pools
            .iter()
            .map(|pool| SlotRange::from(pool.schedule.get()))
            .filter(|range| range.count > 0);
        let mut used: Vec<SlotRange> = used.collect();
        used.sort_unstable_by_key(|range| range.start);
        Self {
            used,
            size: maps.schedules.len() as u32,
        }
    }

    /// The first run of `count` slots that no one uses.
    pub(super) fn take(&mut self, count: u32) -> Result<SlotRange, Error> {
        let (mut start, mut place) = (0, self.used.len());
        for (index, range) in self.used.iter().enumerate() {
            if range.start >= start + count {
                place = index;
                break;
            }
            start = start.max(range.start + range.count);
        }
        if start + count > self.size {
            return Err(Error::Map {
                name: "SCHEDULES",
                reason: format!(
                    "there is no run of {count} free slots beside the schedules in use; change fewer pools at a time, or \
                     raise `datapath.schedule_slots`"
                ),
            });
        }
        let range = SlotRange { start, count };
        if count > 0 {
            self.used.insert(place, range);
        }
        Ok(range)
    }
}

//! The schedules of pools, and the slots that they lie in.

use lb_common::{
    address::Address,
    hash::Hash,
    schedule::{maglev, round_robin},
    tables::{Algorithm, SlotRange},
};

use crate::{
    bpf::{Error, Maps},
    model::{LbAlgorithm, Member},
};

/// What a range of slots holds.
pub(super) fn current(maps: &Maps, range: SlotRange) -> Vec<u32> {
    let slots = maps
        .schedules
        .iter()
        .skip(range.start as usize)
        .take(range.count as usize);
    slots.map(|slot| slot.member.get()).collect()
}

/// The slots of a pool's schedule: see [`lb_common::schedule`].
pub(super) fn schedule(algorithm: LbAlgorithm, members: &[(u32, &Member)]) -> (Algorithm, Vec<u32>) {
    let weights: Vec<u32> = members.iter().map(|(_, member)| member.weight.into()).collect();
    let ids = |indices: Vec<u32>| {
        indices
            .into_iter()
            .map(|index| members[index as usize].0)
            .collect()
    };
    let mut slots = vec![0; algorithm.schedule_slots(&weights)];
    match algorithm {
        LbAlgorithm::RoundRobin => {
            round_robin::fill(&weights, &mut vec![0; weights.len()], &mut slots);
            (Algorithm::RoundRobin, ids(slots))
        }
        LbAlgorithm::LeastConnections => (
            Algorithm::LeastConnections,
            members.iter().map(|(id, _)| *id).collect(),
        ),
        LbAlgorithm::SourceIp => {
            let entry = |&(_, member): &(u32, &Member)| {
                let identity = Hash::seeded(0).with_address(&Address::from(member.address));
                let identity = identity.with(member.port.unwrap_or(0).into()).finish();
                maglev::Entry {
                    identity,
                    weight: member.weight.into(),
                }
            };
            let entries: Vec<maglev::Entry> = members.iter().map(entry).collect();
            maglev::fill(
                &entries,
                &mut vec![maglev::Turn::default(); entries.len()],
                &mut slots,
            );
            (Algorithm::SourceIp, ids(slots))
        }
    }
}

/// The runs of schedule slots that pools use. What an apply frees, the next one may take: no packet follows a schedule
/// for that long.
pub(super) struct Ranges {
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
        Self {
            used: used.collect(),
            size: maps.schedules.len() as u32,
        }
    }

    /// The first run of `count` slots that no one uses.
    pub(super) fn take(&mut self, count: u32) -> Result<SlotRange, Error> {
        self.used.sort_unstable_by_key(|range| range.start);
        let mut start = 0;
        for range in &self.used {
            if range.start >= start + count {
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
        self.used.push(range);
        Ok(range)
    }
}

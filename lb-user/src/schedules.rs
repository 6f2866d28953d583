//! The schedules that pools deal their clients by, laid out: of layer 4 and of layer 7 alike.

use lb_common::{
    address::Address,
    hash::Hash,
    schedule::{maglev, round_robin},
    tables::Algorithm,
};

use crate::model::{LbAlgorithm, Member};

/// The slots of the schedule of a pool with this algorithm and these members, which take new clients, each with its id.
pub(crate) fn lay_out(algorithm: LbAlgorithm, members: &[(u32, &Member)]) -> (Algorithm, Vec<u32>) {
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

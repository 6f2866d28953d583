//! The schedules that pools deal their clients by, laid out: of layer 4 and of layer 7 alike.

use lb_common::{
    address::Address,
    hash::Hash,
    schedule::{maglev, round_robin},
    tables::Algorithm,
};

use crate::model::{LbAlgorithm, Member};

/// A schedule, laid out.
pub(crate) struct Schedule {
    /// What deals clients by it.
    pub(crate) algorithm: Algorithm,
    /// How many slots in front hold each member once; of least connections alone.
    pub(crate) once: u32,
    /// The slots, each with the id of a member.
    pub(crate) slots: Vec<u32>,
}

/// The schedule of a pool with this algorithm and these members, which take new clients, each with its id.
pub(crate) fn lay_out(algorithm: LbAlgorithm, members: &[(u32, &Member)]) -> Schedule {
    let ids = |turns: Vec<u32>| turns.into_iter().map(|turn| members[turn as usize].0);
    match algorithm {
        LbAlgorithm::RoundRobin => Schedule {
            algorithm: Algorithm::RoundRobin,
            once: 0,
            slots: ids(round_robin(members)).collect(),
        },
        LbAlgorithm::LeastConnections => {
            let each = members.iter().map(|(id, _)| *id);
            Schedule {
                algorithm: Algorithm::LeastConnections,
                once: each.len() as u32,
                slots: each.chain(ids(round_robin(members))).collect(),
            }
        }
        LbAlgorithm::SourceIp => Schedule {
            algorithm: Algorithm::SourceIp,
            once: 0,
            slots: ids(maglev(members)).collect(),
        },
    }
}

fn round_robin(members: &[(u32, &Member)]) -> Vec<u32> {
    let weights: Vec<u32> = members.iter().map(|(_, member)| member.weight.into()).collect();
    let mut turns = vec![0; round_robin::cycle(&weights)];
    round_robin::fill(&weights, &mut vec![0; weights.len()], &mut turns);
    turns
}

fn maglev(members: &[(u32, &Member)]) -> Vec<u32> {
    let entry = |&(_, member): &(u32, &Member)| {
        let identity = Hash::seeded(0).with_address(&Address::from(member.address));
        let identity = identity.with(member.port.unwrap_or(0).into()).finish();
        maglev::Entry {
            identity,
            weight: member.weight.into(),
        }
    };
    let entries: Vec<maglev::Entry> = members.iter().map(entry).collect();
    let mut turns = vec![0; maglev::size(&entries) as usize];
    maglev::fill(
        &entries,
        &mut vec![maglev::Turn::default(); entries.len()],
        &mut turns,
    );
    turns
}

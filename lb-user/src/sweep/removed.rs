//! What is gone from the configuration and still has its id, since flows or sessions may refer to it.

use lb_common::{
    address::Address,
    tables::{MemberState, SharedAddress, SlotRange},
};

use crate::bpf::Maps;

/// What has ids that flows or sessions refer to. Each kind has numbers of its own.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) enum Kind {
    Listener,
    Pool,
    Member,
    /// A source address towards members: its id is its place in the table.
    SourceAddress,
}

impl Kind {
    const ALL: [Self; 4] = [Self::Listener, Self::Pool, Self::Member, Self::SourceAddress];
}

/// A set of ids.
#[derive(Clone, Debug, Default)]
pub(super) struct Ids([Vec<bool>; Kind::ALL.len()]);

impl Ids {
    /// All that is removed.
    pub(super) fn removed(maps: &Maps) -> Self {
        let listeners = maps.listeners.iter();
        let pools = maps.pools.iter();
        let members = maps.members.iter();
        Self([
            listeners
                .map(|listener| listener.removed.get() == 1 && listener.protocol.get() != 0)
                .collect(),
            pools
                .map(|pool| pool.used.get() == 0 && pool.name_hash.get() != 0)
                .collect(),
            members
                .map(|member| member.state() == MemberState::Removed)
                .collect(),
            unused_sources(maps),
        ])
    }

    pub(super) fn contains(&self, kind: Kind, id: u32) -> bool {
        self.0[kind as usize].get(id as usize).is_some_and(|is_in| *is_in)
    }

    pub(super) fn remove(&mut self, kind: Kind, id: u32) {
        if let Some(is_in) = self.0[kind as usize].get_mut(id as usize) {
            *is_in = false;
        }
    }

    /// What is in `others` stays.
    pub(super) fn retain(&mut self, others: &Self) {
        for (mine, theirs) in self.0.iter_mut().zip(&others.0) {
            for (id, is_in) in mine.iter_mut().enumerate() {
                *is_in &= theirs.get(id).is_some_and(|is_in| *is_in);
            }
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (Kind, u32)> {
        Kind::ALL.into_iter().flat_map(|kind| {
            let ids = (0..).zip(&self.0[kind as usize]);
            ids.filter(|(_, is_in)| **is_in).map(move |(id, _)| (kind, id))
        })
    }
}

/// The places of source addresses that no configured member uses.
fn unused_sources(maps: &Maps) -> Vec<bool> {
    let addresses = maps.snat_addresses.iter().map(SharedAddress::load);
    let mut unused: Vec<bool> = addresses.map(|address| address != Address::default()).collect();
    for member in maps.members.iter().filter(|member| !is_gone(member.state())) {
        let range = SlotRange::from(member.snat.get());
        let end = ((range.start + range.count) as usize).min(unused.len());
        if let Some(used) = unused.get_mut(range.start as usize..end) {
            used.fill(false);
        }
    }
    unused
}

/// Whether a member of this state is configured no more.
pub(super) fn is_gone(state: MemberState) -> bool {
    matches!(state, MemberState::Removed | MemberState::Unused)
}

/// Gives an id free. What is counted of flows that are not there is forgotten with it.
pub(super) fn free(maps: &Maps, kind: Kind, id: u32) {
    let index = id as usize;
    match kind {
        Kind::Listener => {
            if let Some(listener) = maps.listeners.get(index) {
                listener.protocol.set(0);
            }
        }
        Kind::Pool => {
            if let Some(pool) = maps.pools.get(index) {
                pool.name_hash.set(0);
            }
        }
        Kind::Member => {
            if let Some(member) = maps.members.get(index) {
                member.active_flows.set(0);
                member.set_state(MemberState::Unused);
            }
        }
        Kind::SourceAddress => {
            if let Some(address) = maps.snat_addresses.get(index) {
                address.store(&Address::default());
            }
        }
    }
}

//! The filter of the addresses that packets may be for.

use lb_common::{
    address::Address,
    filter::{self, Kind},
    tables::MemberState,
};

use super::plan::Plan;
use crate::bpf::Maps;

/// Lets packets in for what is planned.
pub(super) fn open(maps: &Maps, plan: &Plan<'_>) {
    let vips = plan
        .listeners
        .iter()
        .map(|planned| (Kind::Vip, planned.asked.0.address));
    let members = plan.pools.iter().flat_map(|pool| &pool.members);
    let members = members.map(|planned| (Kind::Member, planned.place.0));
    for (word, mask) in bits(vips.chain(members)) {
        let word = &maps.filter[word];
        word.set(word.get() | mask);
    }
}

/// Takes all addresses out that nothing in the maps has any more. What is removed stays in it: its flows go on.
pub(super) fn close(maps: &Maps) {
    let listeners = maps.listeners.iter();
    let vips = listeners
        .filter(|listener| listener.protocol.get() != 0)
        .map(|listener| (Kind::Vip, listener.address.load()));
    let members = maps.members.iter();
    let members = members
        .filter(|member| member.state() != MemberState::Unused)
        .map(|member| (Kind::Member, member.address.load()));
    let mut words = vec![0_u64; maps.filter.len()];
    for (word, mask) in bits(vips.chain(members)) {
        words[word] |= mask;
    }
    for (shared, word) in maps.filter.iter().zip(words) {
        shared.set(word);
    }
}

fn bits(addresses: impl Iterator<Item = (Kind, Address)>) -> impl Iterator<Item = (usize, u64)> {
    addresses.map(|(kind, address)| {
        let (word, mask) = filter::bit(kind, &address);
        (word as usize, mask)
    })
}

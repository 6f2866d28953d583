//! The sweep: ends flows whose idle time has passed, or whose member is gone, and sessions that are over.

use lb_common::{
    flow::table::{self, FIRST_TAG, Slot},
    session,
    tables::{MemberState, SessionKey},
};

use crate::bpf::Maps;

/// What a sweep found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// Flows that live on.
    pub flows: usize,
    /// Flows that were ended.
    pub ended_flows: usize,
}

/// Ends the flows that are over. The table is shared memory: no system call is made for a flow.
pub fn flows(maps: &Maps) -> Swept {
    let now_s = maps.now_s();
    let mut swept = Swept::default();
    for (index, bucket) in maps.flows.iter().enumerate() {
        for (way, (tag, record)) in bucket.tags.iter().zip(&bucket.flows).enumerate() {
            let tag = tag.get();
            if tag < FIRST_TAG {
                continue;
            }
            let is_over = record.is_expired(maps, now_s) || is_removed(maps, record.member.get());
            if is_over && table::release(maps, Slot((index as u32) << 3 | way as u32), tag) {
                swept.ended_flows += 1;
            } else {
                swept.flows += 1;
            }
        }
    }
    swept
}

/// Forgets the sessions that are over, and gives their number.
pub fn sessions(maps: &mut Maps) -> usize {
    let now_s = maps.now_s();
    let over: Vec<SessionKey> = maps
        .sessions()
        .filter(|entry| {
            let Some(pool) = maps.pools.get(entry.key.pool as usize) else {
                return true;
            };
            let (idle_s, absolute_s) = (pool.session_idle_s.get(), pool.session_absolute_s.get());
            is_removed(maps, entry.member)
                || session::is_expired(entry.first_seen_s, entry.last_seen_s, idle_s, absolute_s, now_s)
        })
        .map(|entry| entry.key)
        .collect();
    over.iter()
        .filter(|key| {
            let removed = maps.remove_session(key);
            if removed {
                maps.count_swept_session(key);
            }
            removed
        })
        .count()
}

fn is_removed(maps: &Maps, member: u32) -> bool {
    maps.members.get(member as usize).is_none_or(|member| {
        matches!(
            MemberState::from_word(member.state.get()),
            MemberState::Removed | MemberState::Unused
        )
    })
}

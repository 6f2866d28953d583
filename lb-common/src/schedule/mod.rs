//! Schedulers. The daemon lays a pool's schedule out ([`round_robin`], [`maglev`]); the datapath takes the next
//! member from it.

pub mod maglev;
pub mod round_robin;

use crate::{
    address::Address,
    hash::{Hash, place},
    platform::{Loop, LoopBody, Members},
    tables::{Algorithm, Member, Pool, SlotRange},
    word::Word32,
};

/// The most members of a pool.
pub const MAX_MEMBERS: u32 = 1024;

/// How far the schedule is followed past members that went down a moment ago.
const MAX_SKIPS: u32 = 4096;

/// The seed of the source IP hash: the same everywhere, so that all balancers choose alike.
const SOURCE_IP_SEED: u64 = 0x686f_6c64_6661_7374;

/// A walk along a schedule.
#[derive(Clone, Copy)]
struct Walk {
    range: SlotRange,
    start: u32,
}

impl Walk {
    /// The member so many steps on.
    #[inline(always)]
    fn member<T: Members>(&self, tables: &T, step: u32) -> Option<u32> {
        let index = self.start + step;
        let index = if index >= self.range.count {
            index - self.range.count
        } else {
            index
        };
        tables.schedule_slot(self.range.start + index)
    }
}

/// The member that takes the next new flow of a client; none where no member takes one.
#[inline(always)]
pub fn next<T: Members>(tables: &T, pool: &Pool, network: &Address) -> Option<u32> {
    at_turn(tables, pool, network, |cursor| cursor.fetch_add(1))
}

/// The member that [`next`] would give, without taking its turn.
pub fn peek<T: Members>(tables: &T, pool: &Pool, network: &Address) -> Option<u32> {
    at_turn(tables, pool, network, Word32::get)
}

#[inline(always)]
fn at_turn<T: Members>(
    tables: &T,
    pool: &Pool,
    network: &Address,
    turn: impl FnOnce(&Word32) -> u32,
) -> Option<u32> {
    let range = SlotRange::from(pool.schedule.get());
    if range.count == 0 {
        return None;
    }
    let algorithm = Algorithm::from_word(pool.algorithm.get())?;
    let start = if algorithm == Algorithm::SourceIp {
        place((source_hash(network) >> 32) as u32, range.count)
    } else {
        turn(&pool.cursor).checked_rem(range.count)?
    };
    let walk = Walk { range, start };
    let member = if algorithm == Algorithm::LeastConnections {
        let mut least = LeastLoaded {
            walk,
            member: 0,
            load: (0, 0),
        };
        tables.repeat(range.count.min(MAX_MEMBERS), &mut least);
        least.member
    } else {
        let mut first = FirstUp { walk, member: 0 };
        tables.repeat(range.count.min(MAX_SKIPS), &mut first);
        first.member
    };
    (member != 0).then_some(member)
}

/// The hash that finds a client's slot in the Maglev table of a pool with the algorithm source IP.
#[inline(always)]
#[must_use]
pub const fn source_hash(network: &Address) -> u64 {
    Hash::seeded(SOURCE_IP_SEED).with_address(network).finish()
}

/// The first member that is up.
struct FirstUp {
    walk: Walk,
    member: u32,
}

impl<T: Members> LoopBody<T> for FirstUp {
    #[inline(always)]
    fn step(&mut self, tables: &T, step: u32) -> Loop {
        let Some(id) = self.walk.member(tables, step) else {
            return Loop::Stop;
        };
        if !tables.member(id).is_some_and(Member::takes_new) {
            return Loop::Continue;
        }
        self.member = id;
        Loop::Stop
    }
}

/// The member with the lowest (open flows + 1) / weight; of equal ones the first after the cursor, so that an idle pool
/// is dealt in turn.
struct LeastLoaded {
    walk: Walk,
    member: u32,
    /// Open flows, the new one counted, and weight.
    load: (u64, u64),
}

impl<T: Members> LoopBody<T> for LeastLoaded {
    #[inline(always)]
    fn step(&mut self, tables: &T, step: u32) -> Loop {
        let Some(id) = self.walk.member(tables, step) else {
            return Loop::Stop;
        };
        let Some(member) = tables.member(id).filter(|member| member.takes_new()) else {
            return Loop::Continue;
        };
        let load = (
            u64::from(member.active_flows.get()) + 1,
            u64::from(member.weight.get()),
        );
        if self.member == 0 || load.0 * self.load.1 < self.load.0 * load.1 {
            self.member = id;
            self.load = load;
        }
        Loop::Continue
    }
}

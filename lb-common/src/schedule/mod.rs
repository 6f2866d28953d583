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
    let member = if algorithm == Algorithm::LeastConnections {
        least_loaded(tables, range, pool.once.get(), turn(&pool.cursor))
    } else {
        let start = if algorithm == Algorithm::SourceIp {
            place((source_hash(network) >> 32) as u32, range.count)
        } else {
            turn(&pool.cursor).checked_rem(range.count)?
        };
        let walk = Walk { range, start };
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

/// A walk to the first member that is up.
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

/// The member with the fewest open flows for its weight; 0: there is none. Of equal ones that whose turn it is in a weighted
/// round robin, so that an idle pool is dealt by weight too.
///
/// So many slots in front of the range hold each member once, the others the order of the round robin.
#[inline(always)]
fn least_loaded<T: Members>(tables: &T, range: SlotRange, once: u32, turn: u32) -> u32 {
    // None where the pool had another algorithm a moment ago.
    let count = if once == 0 {
        range.count
    } else {
        once.min(range.count)
    };
    let once = SlotRange {
        start: range.start,
        count: count.min(MAX_MEMBERS),
    };
    let Some(start) = turn.checked_rem(once.count) else {
        return 0;
    };
    let mut least = LeastLoaded {
        walk: Walk { range: once, start },
        member: 0,
        load: (0, 0),
    };
    let in_turn = turn
        .checked_rem(range.count - once.count)
        .and_then(|turn| tables.schedule_slot(range.start + once.count + turn));
    if let Some(id) = in_turn {
        least.weigh(tables, id);
    }
    tables.repeat(once.count, &mut least);
    least.member
}

/// A walk past all members.
struct LeastLoaded {
    walk: Walk,
    member: u32,
    /// Open flows and weight.
    load: (u64, u64),
}

impl LeastLoaded {
    #[inline(always)]
    fn weigh<T: Members>(&mut self, tables: &T, id: u32) {
        let Some(member) = tables.member(id).filter(|member| member.takes_new()) else {
            return;
        };
        let load = (
            u64::from(member.active_flows.get()),
            u64::from(member.weight.get()),
        );
        if self.member == 0 || load.0 * self.load.1 < self.load.0 * load.1 {
            self.member = id;
            self.load = load;
        }
    }
}

impl<T: Members> LoopBody<T> for LeastLoaded {
    #[inline(always)]
    fn step(&mut self, tables: &T, step: u32) -> Loop {
        let Some(id) = self.walk.member(tables, step) else {
            return Loop::Stop;
        };
        self.weigh(tables, id);
        Loop::Continue
    }
}

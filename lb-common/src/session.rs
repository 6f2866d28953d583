//! Sessions: what source-IP persistence holds, and the decision about a new flow.

use crate::{
    address::Address,
    platform::{Platform, Tables},
    schedule,
    tables::{Algorithm, Pool, Session, SessionKey},
    verdict::Reason,
    word::forget,
};

/// A session is renewed when this part of its idle time has passed, rather than by every packet, and after so many seconds
/// at the latest. The same is granted on top, so that no client is let go early.
const RENEWAL_PARTS: u32 = 64;
const LONGEST_RENEWAL_S: u32 = 5;

/// How long after its last renewal a session is renewed again, in seconds.
#[inline(always)]
#[must_use]
pub const fn renewal_interval_s(idle_s: u32) -> u32 {
    match idle_s / RENEWAL_PARTS {
        0 => 1,
        part if part > LONGEST_RENEWAL_S => LONGEST_RENEWAL_S,
        part => part,
    }
}

impl Session {
    /// The word of a member and a time.
    #[inline(always)]
    #[must_use]
    pub const fn binding(member: u32, seen_s: u32) -> u64 {
        (member as u64) << 32 | seen_s as u64
    }

    /// The member.
    #[inline(always)]
    pub fn member(&self) -> u32 {
        (self.bound.get() >> 32) as u32
    }

    /// When the client was last seen, in seconds.
    #[inline(always)]
    pub fn last_seen_s(&self) -> u32 {
        self.bound.get() as u32
    }

    /// What it says now.
    #[inline(always)]
    pub fn seen(&self) -> Seen {
        Seen {
            bound: self.bound.get(),
            first_seen_s: self.first_seen_s.get(),
        }
    }
}

/// What a session said at one moment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Seen {
    /// See [`Session::bound`].
    pub bound: u64,
    /// See [`Session::first_seen_s`].
    pub first_seen_s: u32,
}

/// The first second at which a session is over, if its client stays away until then.
#[inline(always)]
#[must_use]
pub const fn end_s(first_seen_s: u32, last_seen_s: u32, idle_s: u32, absolute_s: u32) -> u32 {
    let granted_s = idle_s.saturating_add(renewal_interval_s(idle_s));
    let idle_end_s = last_seen_s.saturating_add(granted_s).saturating_add(1);
    let absolute_end_s = first_seen_s.saturating_add(absolute_s);
    if absolute_s != 0 && absolute_end_s < idle_end_s {
        absolute_end_s
    } else {
        idle_end_s
    }
}

/// Whether a session is over.
#[inline(always)]
#[must_use]
pub const fn is_expired(
    first_seen_s: u32,
    last_seen_s: u32,
    idle_s: u32,
    absolute_s: u32,
    now_s: u32,
) -> bool {
    now_s >= end_s(first_seen_s, last_seen_s, idle_s, absolute_s)
}

/// Whether a session that was renewed at this time is to be renewed again.
#[inline(always)]
pub fn is_renewal_due(pool: &Pool, renewed_s: u32, now_s: u32) -> bool {
    let idle_s = pool.session_idle_s.get();
    idle_s != 0 && now_s.saturating_sub(renewed_s) >= renewal_interval_s(idle_s)
}

/// The network under which a pool holds a client.
#[inline(always)]
pub fn client_network(pool: &Pool, client: &Address) -> Address {
    if client.is_v4() {
        client.masked(&pool.client_mask_v4.load())
    } else {
        client.masked(&pool.client_mask_v6.load())
    }
}

/// What is to be done with the session once the flow's first packet is on its way.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
pub enum Plan {
    /// The pool has no persistence.
    None = 0,
    /// There is none: make one.
    Create,
    /// It held: renew it.
    Renew,
    /// It was too old: begin it anew with another member.
    Restart,
    /// Its member takes no packets: it moves.
    Move,
}

impl Choice {
    /// When the session was last renewed, once the plan is carried out, in seconds; 0: there is none.
    #[inline(always)]
    pub fn renewed_s(&self, pool: &Pool, now_s: u32) -> u32 {
        let seen_s = self.seen as u32;
        if self.plan == Plan::None as u32 {
            0
        } else if self.plan == Plan::Renew as u32 && !is_renewal_due(pool, seen_s, now_s) {
            seen_s
        } else {
            now_s
        }
    }
}

impl Plan {
    /// The plan of a [`Choice`].
    #[inline(always)]
    #[must_use]
    pub const fn from_word(word: u32) -> Self {
        match word {
            1 => Self::Create,
            2 => Self::Renew,
            3 => Self::Restart,
            4 => Self::Move,
            _ => Self::None,
        }
    }
}

/// A member for a new flow.
#[derive(Clone, Copy, Debug)]
pub struct Choice {
    /// The member's id.
    pub member: u32,
    /// What that means for the session: a [`Plan`].
    pub plan: u32,
    /// The session's word as it was seen; 0: there was none.
    pub seen: u64,
}

/// Which members may be chosen.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Admission {
    /// Any.
    Any,
    /// Only one that would be chosen again: by a session, or by the hash of the source address.
    OnlyCertain,
}

/// What a new flow of a client means for its session with a pool, which is `session` where there is one.
#[inline(always)]
pub fn plan<T: Tables>(tables: &T, pool: &Pool, pool_id: u32, session: Option<Seen>, now_s: u32) -> Plan {
    let idle_s = pool.session_idle_s.get();
    if idle_s == 0 {
        return Plan::None;
    }
    let Some(Seen { bound, first_seen_s }) = session else {
        return Plan::Create;
    };
    let absolute_s = pool.session_absolute_s.get();
    if is_expired(first_seen_s, bound as u32, idle_s, absolute_s, now_s) {
        return Plan::Restart;
    }
    // A member that went to another pool by its id being used again is not this session's.
    if tables
        .member((bound >> 32) as u32)
        .is_some_and(|member| member.keeps_sessions() && member.pool.get() == pool_id)
    {
        return Plan::Renew;
    }
    Plan::Move
}

/// Chooses the member of a new flow: held session, then algorithm.
#[inline(always)]
pub fn choose<T: Tables>(
    tables: &T,
    pool: &Pool,
    pool_id: u32,
    network: &Address,
    session: Option<Seen>,
    admission: Admission,
    now_s: u32,
) -> Result<Choice, Reason> {
    let seen = session.map_or(0, |seen| seen.bound);
    let plan = plan(tables, pool, pool_id, session, now_s);
    if plan == Plan::Renew {
        return Ok(Choice {
            member: (seen >> 32) as u32,
            plan: Plan::Renew as u32,
            seen,
        });
    }
    if admission == Admission::OnlyCertain && pool.algorithm.get() != Algorithm::SourceIp as u32 {
        return Err(Reason::UnknownConnection);
    }
    let member = schedule::next(tables, pool, network).ok_or(Reason::NoMember)?;
    Ok(Choice {
        member,
        plan: forget(plan as u32, now_s),
        seen,
    })
}

/// Carries the plan for `session` out, after the flow was made, and says what was done; nothing where the client is bound to
/// another member by now.
#[inline(always)]
pub fn carry_out<P: Platform>(
    platform: &P,
    (pool, pool_id): (&Pool, u32),
    network: &Address,
    session: Option<&Session>,
    choice: &Choice,
    now_s: u32,
) -> Option<Plan> {
    let plan = Plan::from_word(choice.plan);
    if plan == Plan::None {
        return Some(plan);
    }
    if plan == Plan::Renew {
        // Another core may have moved it since the choice was made.
        let session = session.filter(|session| session.member() == choice.member)?;
        if is_renewal_due(pool, choice.seen as u32, now_s) {
            touch(session, choice.member, now_s);
        }
        return Some(plan);
    }
    let key = SessionKey::new(network, pool_id);
    let mut counted = plan;
    let made = plan == Plan::Create && platform.create_session(&key, choice.member, now_s);
    if !made {
        match platform.session(&key) {
            Some(session) if rebind(session, choice, plan, now_s) => {}
            // Another core was first, with the same member, and counted what it did.
            Some(session) if session.member() == choice.member => counted = Plan::Renew,
            // There is no room: there is nothing to count.
            None if plan == Plan::Create => counted = Plan::None,
            // It moved, or was swept or evicted.
            _ => return None,
        }
    }
    Some(Plan::from_word(forget(counted as u32, now_s)))
}

/// Binds the session to the chosen member, unless another core did something with it meanwhile.
#[inline(always)]
fn rebind(session: &Session, choice: &Choice, plan: Plan, now_s: u32) -> bool {
    if plan == Plan::Restart {
        // First: who finds the new binding is to find that the session began just now. Whoever else does something with it
        // meanwhile begins it anew too.
        session.first_seen_s.set(now_s);
    }
    let binding = Session::binding(choice.member, now_s);
    session.bound.compare_exchange(choice.seen, binding)
}

/// Renews the session of a live flow, unless it went to another member meanwhile.
#[inline(always)]
pub fn renew<P: Platform>(platform: &P, pool_id: u32, network: &Address, member: u32, now_s: u32) {
    if let Some(session) = platform.session(&SessionKey::new(network, pool_id)) {
        touch(session, member, now_s);
    }
}

#[inline(always)]
fn touch(session: &Session, member: u32, now_s: u32) {
    let bound = session.bound.get();
    if bound != Session::binding(member, now_s) && (bound >> 32) as u32 == member {
        // Only what was seen: another core may just have moved it.
        session
            .bound
            .compare_exchange(bound, Session::binding(member, now_s));
    }
}

//! Sessions: what source-IP persistence holds, and the decision about a new flow.

use crate::{
    address::Address,
    platform::Platform,
    schedule,
    tables::{Algorithm, Pool, Session, SessionKey},
    verdict::Reason,
    word::forget,
};

/// A session is renewed when this part of its idle time has passed, rather than by every packet. The same part is
/// granted on top, so that no client is let go early.
const RENEWAL_PARTS: u32 = 64;

/// How long after its last renewal a session is renewed again, in seconds.
#[inline(always)]
#[must_use]
pub const fn renewal_interval_s(idle_s: u32) -> u32 {
    let part = idle_s / RENEWAL_PARTS;
    if part == 0 { 1 } else { part }
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
    let idle = now_s.saturating_sub(last_seen_s) > idle_s.saturating_add(renewal_interval_s(idle_s));
    let too_old = absolute_s != 0 && now_s.saturating_sub(first_seen_s) >= absolute_s;
    idle || too_old
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

/// Chooses the member of a new flow: held session, then algorithm.
#[inline(always)]
pub fn choose<P: Platform>(
    platform: &P,
    pool: &Pool,
    pool_id: u32,
    network: &Address,
    admission: Admission,
    now_s: u32,
) -> Result<Choice, Reason> {
    let idle_s = pool.session_idle_s.get();
    let mut seen = 0;
    let plan = if idle_s == 0 {
        Plan::None
    } else if let Some(session) = platform.session(&SessionKey::new(network, pool_id)) {
        seen = session.bound.get();
        let (first_s, last_s) = (session.first_seen_s.get(), seen as u32);
        if is_expired(first_s, last_s, idle_s, pool.session_absolute_s.get(), now_s) {
            Plan::Restart
        } else {
            let id = (seen >> 32) as u32;
            // A member that went to another pool by its id being used again is not this session's.
            if platform
                .member(id)
                .is_some_and(|member| member.keeps_sessions() && member.pool.get() == pool_id)
            {
                return Ok(Choice {
                    member: id,
                    plan: Plan::Renew as u32,
                    seen,
                });
            }
            Plan::Move
        }
    } else {
        Plan::Create
    };
    if admission == Admission::OnlyCertain && pool.algorithm.get() != Algorithm::SourceIp as u32 {
        return Err(Reason::UnknownConnection);
    }
    let member = schedule::next(platform, pool, network).ok_or(Reason::NoMember)?;
    Ok(Choice {
        member,
        plan: forget(plan as u32, now_s),
        seen,
    })
}

/// Carries the plan out, after the flow was made; false where another core meanwhile bound the client to another member.
#[inline(always)]
pub fn carry_out<P: Platform>(
    platform: &P,
    pool_id: u32,
    network: &Address,
    choice: &Choice,
    now_s: u32,
) -> bool {
    let key = SessionKey::new(network, pool_id);
    let plan = Plan::from_word(choice.plan);
    if plan == Plan::None {
        return true;
    }
    let made = plan == Plan::Create && platform.create_session(&key, choice.member, now_s);
    if !made && let Some(session) = platform.session(&key) {
        if plan == Plan::Renew {
            touch(session, choice.member, now_s);
        } else if session
            .bound
            .compare_exchange(choice.seen, Session::binding(choice.member, now_s))
        {
            if plan == Plan::Restart {
                session.first_seen_s.set(now_s);
            }
        } else if session.member() != choice.member {
            return false;
        }
    }
    platform.count_sessions(pool_id, |counts| match plan {
        Plan::None => {}
        Plan::Create => counts.created += 1,
        Plan::Renew => counts.held += 1,
        Plan::Restart => {
            counts.expired += 1;
            counts.created += 1;
        }
        Plan::Move => counts.moved += 1,
    });
    true
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
        session.bound.set(Session::binding(member, now_s));
    }
}

//! A pool and its members, and which of them has the next request.

use std::{
    net::{IpAddr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicU32, AtomicU64, Ordering},
    },
};

use lb_common::{
    address::Address,
    platform::Members,
    schedule,
    tables::{self, Algorithm, MemberState, SlotRange},
};

use crate::{
    health::{Findings, Health},
    model::{self, MemberHttp, Titled},
    persistence::MemberTag,
    schedules,
    views::Titles,
};

use super::{
    counts::{MemberCounts, PoolCounts},
    outlier::{Standing, States},
    persist::{CookieName, Persist},
    queue::Queue,
    slow_start::{Draw, Of},
};

/// A pool.
#[derive(Debug)]
pub(super) struct Pool {
    pub(super) name: String,
    model: Arc<model::Pool>,
    findings: Findings,
    cookie_name: CookieName,
    pub(super) http: MemberHttp,
    /// TLS towards its members.
    pub(super) tls: Option<Arc<rustls::ClientConfig>>,
    pub(super) persist: Option<Persist>,
    pub(super) counts: Arc<PoolCounts>,
    /// Of requests that wait, where members have a limit.
    pub(super) queue: Arc<Queue>,
    pub(super) states: Arc<States>,
    pub(super) members: Vec<Arc<Member>>,
    entry: tables::Pool,
    /// Places in `members`, from 1.
    schedule: Vec<u32>,
    /// The weights of all in the schedule.
    weight: u32,
    draws: AtomicU32,
}

/// A member, which lives as long as any snapshot or request has it.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) name: String,
    pub(super) address: SocketAddr,
    /// Never given again: connections to it are kept under that.
    pub(super) id: u64,
    /// Who it is, on every host that balances to it.
    pub(super) tag: MemberTag,
    /// Its state, weight and requests under way.
    pub(super) entry: tables::Member,
    pub(super) standing: Standing,
    pub(super) counts: MemberCounts,
    http: MemberHttp,
    /// When what is under way has to end, in seconds since 1970: never, as long as it is configured.
    ends_s: AtomicU32,
    /// How long an unused connection to it is kept, in seconds; 0: it is not served any more.
    idle_s: AtomicU32,
}

impl Member {
    fn new(member: &model::Member, address: SocketAddr, http: &MemberHttp) -> Self {
        static NEXT_ID: AtomicU64 = AtomicU64::new(1);
        Self {
            name: member.name.clone(),
            address,
            id: NEXT_ID.fetch_add(1, Ordering::Relaxed),
            tag: MemberTag::at(address),
            entry: tables::Member::default(),
            standing: Standing::default(),
            counts: MemberCounts::default(),
            http: http.clone(),
            ends_s: AtomicU32::new(u32::MAX),
            idle_s: AtomicU32::new(http.timeouts.idle_s),
        }
    }

    /// What is under way may go on until then.
    pub(super) fn end_at(&self, ends_s: u32) {
        self.ends_s.store(ends_s, Ordering::Relaxed);
    }

    /// It may do so until then at the latest.
    pub(super) fn end_by(&self, ends_s: u32) {
        self.ends_s.fetch_min(ends_s, Ordering::Relaxed);
    }

    /// How long an unused connection to it is kept, in seconds; 0: it is not served any more.
    pub(super) fn idle_s(&self) -> u32 {
        self.idle_s.load(Ordering::Relaxed)
    }

    /// Says how long.
    pub(super) fn keep_for(&self, idle_s: u32) {
        self.idle_s.store(idle_s, Ordering::Relaxed);
    }

    /// Whether what is under way is to break off.
    pub(super) fn is_cut(&self, now_s: u32) -> bool {
        self.ends_s.load(Ordering::Relaxed) <= now_s
    }

    /// Whether it may have the requests of its sessions.
    pub(super) fn keeps_sessions(&self) -> bool {
        self.entry.keeps_sessions()
    }
}

impl Pool {
    /// Whether it would be the same again, made of these.
    pub(super) fn is_of(
        &self,
        pool: &Arc<model::Pool>,
        cookie_name: CookieName,
        health: &Health,
        tls: Option<&Arc<rustls::ClientConfig>>,
    ) -> bool {
        Arc::ptr_eq(&self.model, pool)
            && self.cookie_name == cookie_name
            && self.findings == health.of_pool(&pool.name)
            && self.tls.as_ref().map(Arc::as_ptr) == tls.map(Arc::as_ptr)
    }

    /// Whether it is of this pool of the configuration, and of no other one of its name.
    pub(super) fn is_configured_as(&self, pool: &Arc<model::Pool>) -> bool {
        Arc::ptr_eq(&self.model, pool)
    }

    /// What people call it.
    pub(super) fn title(&self) -> &str {
        self.model.title()
    }

    /// What people call a member.
    pub(super) fn title_of<'m>(&'m self, member: &'m Member) -> &'m str {
        let configured = self.model.member(&member.name);
        configured.map_or(member.name.as_str(), Titled::title)
    }

    /// Adds what people call it and a member.
    pub(super) fn note_titles(&self, member: &Member, titles: &mut Titles) {
        titles.note(self.model.as_ref());
        titles.extend(self.model.member(&member.name));
    }

    /// The member that a request of a client would go to that no session says anything of, without taking its turn.
    pub(super) fn peek(&self, client: IpAddr) -> Option<&Arc<Member>> {
        let candidates = Candidates {
            pool: self,
            tried: &[],
            most: u32::MAX,
            draw: None,
        };
        let place = schedule::peek(&candidates, &self.entry, &Address::from(client))?;
        self.members.get((place as usize).checked_sub(1)?)
    }
}

/// The members of a pool that may have a request.
pub(super) struct Candidates<'p, 't> {
    pub(super) pool: &'p Pool,
    /// Those that it was at already.
    pub(super) tried: &'t [u64],
    /// Those that have as many requests under way may not.
    pub(super) most: u32,
    /// Where members start slowly: which of those have their turn.
    pub(super) draw: Option<Draw>,
}

impl<'p> Candidates<'p, '_> {
    fn may(&self, member: &Member) -> bool {
        !self.tried.contains(&member.id) && member.entry.active_flows.get() < self.most
    }

    fn is_admitted(&self, member: &Member) -> bool {
        let Some(draw) = &self.draw else { return true };
        draw.admits(member.id, member.standing.up_s(), member.entry.weight.get())
    }

    /// The one for a request of a client that no session says anything of.
    pub(super) fn next(mut self, client: IpAddr) -> Option<&'p Arc<Member>> {
        let (entry, client) = (&self.pool.entry, Address::from(client));
        let mut place = schedule::next(&self, entry, &client);
        if place.is_none() && self.draw.take().is_some() {
            // There are none but those that have just come up. The turn was taken: of two members, one would have none.
            place = schedule::peek(&self, entry, &client);
        }
        match place {
            Some(place) => self.pool.members.get(place as usize - 1),
            // The schedule is not followed to its end where it is long: another then, whichever it is.
            None => self.any(),
        }
    }

    /// Any one.
    pub(super) fn any(&self) -> Option<&'p Arc<Member>> {
        let mut members = self.pool.members.iter();
        members.find(|member| member.entry.takes_new() && self.may(member))
    }
}

/// To the scheduler, others are not there.
impl Members for Candidates<'_, '_> {
    fn member(&self, id: u32) -> Option<&tables::Member> {
        let member = self.pool.members.get((id as usize).checked_sub(1)?)?;
        (self.may(member) && self.is_admitted(member)).then_some(&member.entry)
    }

    fn schedule_slot(&self, slot: u32) -> Option<u32> {
        self.pool.schedule.get(slot as usize).copied()
    }
}

impl Pool {
    pub(super) fn new(
        pool: &Arc<model::Pool>,
        cookie_name: CookieName,
        health: &Health,
        tls: Option<Arc<rustls::ClientConfig>>,
        before: Option<&Self>,
        now_s: u32,
    ) -> Self {
        let http = pool.http.clone().unwrap_or_default();
        let states = before.map_or_else(Arc::default, |before| Arc::clone(&before.states));
        let members: Vec<Arc<Member>> = pool
            .members
            .iter()
            .filter_map(|member| {
                let address = member.endpoint()?;
                let known = before.and_then(|before| {
                    let mut known = before.members.iter();
                    known.find(|known| {
                        known.address == address
                            && known.name == member.name
                            && known.http.connects_like(&http)
                    })
                });
                let entry = known.map_or_else(|| Arc::new(Member::new(member, address, &http)), Arc::clone);
                entry.entry.weight.set(member.weight.into());
                entry.keep_for(http.timeouts.idle_s);
                let state = state(member, health.is_up(&pool.name, &member.name));
                states.set(&entry, state, http.outlier.as_ref(), before.map(|_| now_s));
                Some(entry)
            })
            .collect();
        // An ejected one too: it comes back without another schedule.
        let taking: Vec<(u32, &model::Member)> = (1..)
            .zip(&pool.members)
            .filter(|(place, _)| {
                members
                    .get(*place as usize - 1)
                    .is_some_and(|member| member.standing.wanted() == MemberState::Up)
            })
            .collect();
        let weight = taking.iter().map(|(_, member)| u32::from(member.weight)).sum();
        let schedule = schedules::lay_out(pool.algorithm, &taking);
        let entry = tables::Pool::default();
        entry.algorithm.set(schedule.algorithm as u32);
        entry.once.set(schedule.once);
        let range = SlotRange {
            start: 0,
            count: schedule.slots.len() as u32,
        };
        entry.schedule.set(range.into());
        // Otherwise each change would begin with the same member.
        entry
            .cursor
            .set(before.map_or(0, |before| before.entry.cursor.get()));
        // Who waits for members that are spoken to differently now has a snapshot that speaks so, and stays with these.
        let queue = before
            .filter(|before| before.http.connects_like(&http))
            .map_or_else(Arc::default, |before| Arc::clone(&before.queue));
        queue.set(http.max_connections, http.queue);
        queue.look_again(&members);
        Self {
            name: pool.name.clone(),
            model: Arc::clone(pool),
            findings: health.of_pool(&pool.name),
            cookie_name,
            queue,
            states,
            tls,
            persist: Persist::of(pool, cookie_name),
            counts: before.map_or_else(Arc::default, |before| Arc::clone(&before.counts)),
            http,
            members,
            entry,
            schedule: schedule.slots,
            weight,
            draws: AtomicU32::new(0),
        }
    }

    /// Which of the members that start slowly may have a request now, where they do so.
    pub(super) fn draw(&self, now_s: u32) -> Option<Draw> {
        let slow_start_s = self.http.slow_start_s;
        if slow_start_s == 0 {
            return None;
        }
        let of = match Algorithm::from_word(self.entry.algorithm.get())? {
            Algorithm::RoundRobin => Of::Turns,
            Algorithm::LeastConnections => Of::All { weight: self.weight },
            Algorithm::SourceIp => return None,
        };
        Some(Draw {
            number: self.draws.fetch_add(1, Ordering::Relaxed),
            now_s,
            slow_start_s,
            of,
        })
    }

    /// Whether the address of a client alone says which member it goes to.
    pub(super) fn deals_by_address(&self) -> bool {
        self.entry.algorithm.get() == Algorithm::SourceIp as u32
    }
}

fn state(member: &model::Member, is_up: bool) -> MemberState {
    if !member.admin_state_up || !is_up {
        MemberState::Down
    } else if member.weight == 0 {
        MemberState::Draining
    } else {
        MemberState::Up
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A member that is up.
    pub(in crate::proxy) fn member(name: &str) -> Arc<Member> {
        let model = model::Member {
            name: name.into(),
            display_name: None,
            address: "192.0.2.1".parse().unwrap(),
            port: Some(80),
            weight: 1,
            admin_state_up: true,
            probe_address: None,
            probe_port: None,
        };
        let member = Member::new(&model, "192.0.2.1:80".parse().unwrap(), &MemberHttp::default());
        member.entry.set_state(MemberState::Up);
        Arc::new(member)
    }
}

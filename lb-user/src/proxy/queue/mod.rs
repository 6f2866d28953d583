//! Requests that wait until a member has room for them: those of a pool whose members have a limit.
//!
//! A place that becomes free is handed over to who has waited longest for it, so that nobody gets past the line. All of that
//! is done under one lock, also counting who is under way: only so does nobody wait beside a place that is free. Pools
//! without a limit never take it.

#[cfg(test)]
mod tests;

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::oneshot::{self, Receiver, Sender};

use super::pool::Member;

/// Who waits at a pool, of all workers.
#[derive(Debug, Default)]
pub(super) struct Queue {
    line: Mutex<Line>,
}

#[derive(Debug)]
struct Line {
    /// Requests that a member has under way at most.
    most: u32,
    /// Requests that wait at most.
    longest: usize,
    /// In the order in which they came.
    waiters: VecDeque<Waiter>,
    next_ticket: u64,
}

impl Default for Line {
    fn default() -> Self {
        Self {
            most: u32::MAX,
            longest: 0,
            waiters: VecDeque::new(),
            next_ticket: 0,
        }
    }
}

#[derive(Debug)]
struct Waiter {
    ticket: u64,
    wants: Wants,
    news: Sender<News>,
}

/// Which members a request waits for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Wants {
    /// The one of its session.
    One(u64),
    /// Any that takes new requests, except those that it was at already.
    AnyBut(Vec<u64>),
}

/// What a waiter is told.
#[derive(Debug)]
pub(super) enum News {
    /// It has a place.
    Place(Place),
    /// What it waits for has gone: it is to choose anew.
    LookAgain,
}

/// A request under way at a member with a limit.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) member: Arc<Member>,
    queue: Arc<Queue>,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.queue.leave(&self.member);
    }
}

/// What a request asks for.
pub(super) enum Ask<'p> {
    /// This member, which has room.
    Take(&'p Arc<Member>),
    /// To wait.
    Wait(Wants),
}

/// What a request that came gets.
#[derive(Debug)]
pub(super) enum Entered {
    Placed(Place),
    Waits(Waiting),
    /// As many wait already as may.
    Full,
}

/// A request that waits.
#[derive(Debug)]
pub(super) struct Waiting {
    queue: Arc<Queue>,
    ticket: u64,
    /// Fails only where the pool ends.
    pub(super) news: Receiver<News>,
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let mut line = self.queue.lock();
        let place = line
            .waiters
            .binary_search_by_key(&self.ticket, |waiter| waiter.ticket);
        if let Ok(place) = place {
            line.waiters.remove(place);
        }
    }
}

impl Wants {
    fn allows(&self, member: &Member) -> bool {
        match self {
            Self::One(id) => member.id == *id && member.keeps_sessions(),
            Self::AnyBut(tried) => member.entry.takes_new() && !tried.contains(&member.id),
        }
    }
}

impl Line {
    fn has_room(&self, member: &Member) -> bool {
        member.entry.active_flows.get() < self.most
    }
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, Line> {
        // Whoever panicked has left nothing half done: each change is one of a number or of a list.
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What holds from now on.
    pub(super) fn set(&self, max_connections: Option<u32>, queue: u32) {
        let mut line = self.lock();
        line.most = max_connections.unwrap_or(u32::MAX);
        line.longest = queue as usize;
    }

    /// Lets a request in: `ask` chooses, among members that have fewer under way than it is told. None where it finds nothing
    /// to wait for.
    pub(super) fn enter<'p>(self: &Arc<Self>, ask: impl FnOnce(u32) -> Option<Ask<'p>>) -> Option<Entered> {
        let mut line = self.lock();
        let wants = match ask(line.most)? {
            Ask::Take(member) => return Some(Entered::Placed(self.place(member))),
            Ask::Wait(wants) => wants,
        };
        if line.waiters.len() >= line.longest {
            return Some(Entered::Full);
        }
        let ticket = line.next_ticket;
        line.next_ticket += 1;
        let (sender, news) = oneshot::channel();
        line.waiters.push_back(Waiter {
            ticket,
            wants,
            news: sender,
        });
        Some(Entered::Waits(Waiting {
            queue: Arc::clone(self),
            ticket,
            news,
        }))
    }

    /// A place at a member, while the line is locked.
    fn place(self: &Arc<Self>, member: &Arc<Member>) -> Place {
        member.entry.active_flows.fetch_add(1);
        Place {
            member: Arc::clone(member),
            queue: Arc::clone(self),
        }
    }

    /// A request at the member is over: the next one may have its place.
    fn leave(self: &Arc<Self>, member: &Arc<Member>) {
        let mut line = self.lock();
        member.entry.active_flows.fetch_add(u32::MAX);
        if !line.has_room(member) {
            return;
        }
        let next = line.waiters.iter().position(|waiter| waiter.wants.allows(member));
        let Some(waiter) = next.and_then(|next| line.waiters.remove(next)) else {
            return;
        };
        let place = self.place(member);
        // A place that comes back takes the lock.
        drop(line);
        // Who has gone at this very moment gives it back by that.
        drop(waiter.news.send(News::Place(place)));
    }

    /// Members have changed, or the limit: those get places that can have one now, and who waits for what has gone is told.
    pub(super) fn look_again(self: &Arc<Self>, members: &[Arc<Member>]) {
        let mut line = self.lock();
        let mut told = Vec::new();
        let waiters = std::mem::take(&mut line.waiters);
        for waiter in waiters {
            let mut allowed = members.iter().filter(|member| waiter.wants.allows(member));
            let free = allowed
                .clone()
                .filter(|member| line.has_room(member))
                .min_by_key(|member| member.entry.active_flows.get());
            if let Some(member) = free {
                told.push((waiter.news, News::Place(self.place(member))));
            } else if allowed.next().is_none() {
                told.push((waiter.news, News::LookAgain));
            } else {
                line.waiters.push_back(waiter);
            }
        }
        drop(line);
        for (sender, news) in told {
            drop(sender.send(news));
        }
    }

    /// How many wait.
    pub(super) fn len(&self) -> usize {
        self.lock().waiters.len()
    }
}

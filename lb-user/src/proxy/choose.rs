//! Which member a request goes to, and its place there.

use std::{
    future::{Future as _, poll_fn},
    net::IpAddr,
    pin::Pin,
    sync::Arc,
    task::Poll,
};

use super::{
    exchange::{RequestBody, Responder},
    fault::Fault,
    persist::{Shown, Why},
    pool::{Candidates, Member, Pool},
    queue::{Ask, Entered, News, Place, Wants},
    timer::Timer,
    times::Times,
};

/// A request that needs a member.
pub(super) struct Choice<'p> {
    pub(super) pool: &'p Pool,
    pub(super) shown: &'p Shown<'p>,
    pub(super) client: IpAddr,
    pub(super) now_s: u32,
    pub(super) times: &'p Times,
    /// Members that it was at, and which failed.
    pub(super) tried: Vec<u64>,
}

/// A request at its member, which counts it as long as it is under way.
pub(super) enum Seat<'p> {
    Counted(UnderWay<'p>),
    /// Of so many.
    Limited(Place),
}

impl Seat<'_> {
    pub(super) fn member(&self) -> &Arc<Member> {
        match self {
            Self::Counted(under_way) => under_way.0,
            Self::Limited(place) => &place.member,
        }
    }
}

/// Counts a request with its member, as long as it is under way.
pub(super) struct UnderWay<'p>(&'p Arc<Member>);

impl<'p> UnderWay<'p> {
    fn begin(member: &'p Arc<Member>) -> Self {
        member.entry.active_flows.fetch_add(1);
        Self(member)
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.entry.active_flows.fetch_add(u32::MAX);
    }
}

impl<'p> Choice<'p> {
    /// A member that takes the request, and why that one; none where there is no other left.
    pub(super) async fn seat<B: RequestBody, R: Responder>(
        &self,
        timer: &Timer,
        body: &mut B,
        responder: &mut R,
    ) -> Result<Option<(Seat<'p>, Why)>, Fault> {
        if self.pool.http.max_connections.is_some() {
            return self.limited(timer, body, responder).await;
        }
        let (member, why) = match self.held() {
            Some(member) => (Some(member), Why::Held),
            None => (
                self.candidates(u32::MAX).next(self.client),
                self.shown.otherwise(),
            ),
        };
        Ok(member.map(|member| (Seat::Counted(UnderWay::begin(member)), why)))
    }

    fn held(&self) -> Option<&'p Arc<Member>> {
        self.shown.member(&self.pool.members, &self.tried)
    }

    fn candidates(&self, most: u32) -> Candidates<'p, '_> {
        Candidates {
            pool: self.pool,
            tried: &self.tried,
            most,
            draw: self.pool.draw(self.now_s),
        }
    }

    /// The same where members have a limit: the request may have to wait.
    async fn limited<B: RequestBody, R: Responder>(
        &self,
        timer: &Timer,
        body: &mut B,
        responder: &mut R,
    ) -> Result<Option<(Seat<'p>, Why)>, Fault> {
        timer.set(self.pool.http.timeouts.queue_s);
        let counts = &self.pool.counts;
        let mut is_queued = false;
        loop {
            let mut why = Why::Held;
            let entered = self.pool.queue.enter(|most| {
                let (ask, because) = self.ask(most)?;
                why = because;
                Some(ask)
            });
            let mut waiting = match entered {
                None => return Ok(None),
                Some(Entered::Placed(place)) => return Ok(Some((Seat::Limited(place), why))),
                Some(Entered::Full) => {
                    counts.queue_full.add(1);
                    return Err(Fault::QueueFull);
                }
                Some(Entered::Waits(waiting)) => waiting,
            };
            if !is_queued {
                is_queued = true;
                counts.queued.add(1);
            }
            let news = poll_fn(|context| {
                if let Poll::Ready(news) = Pin::new(&mut waiting.news).poll(context) {
                    return Poll::Ready(Ok(news.unwrap_or(News::LookAgain)));
                }
                if responder.poll_gone(context) || body.is_gone(context) {
                    return Poll::Ready(Err(Fault::ClientGone));
                }
                if timer.is_over(context) {
                    counts.queue_late.add(1);
                    return Poll::Ready(Err(Fault::QueueTimeout.unless_cut(timer)));
                }
                Poll::Pending
            });
            let news = news.await?;
            self.times.give();
            if let News::Place(place) = news {
                return Ok(Some((Seat::Limited(place), why)));
            }
        }
    }

    /// What the request asks for where members have at most so many under way. One that belongs to a member waits for that:
    /// load moves nobody's session.
    fn ask(&self, most: u32) -> Option<(Ask<'p>, Why)> {
        let take_or_wait = |member: &'p Arc<Member>| {
            if member.entry.active_flows.get() < most {
                Ask::Take(member)
            } else {
                Ask::Wait(Wants::One(member.id))
            }
        };
        if let Some(member) = self.held() {
            return Some((take_or_wait(member), Why::Held));
        }
        let why = self.shown.otherwise();
        if self.pool.deals_by_address() {
            let member = self.candidates(u32::MAX).next(self.client)?;
            return Some((take_or_wait(member), why));
        }
        if let Some(member) = self.candidates(most).next(self.client) {
            return Some((Ask::Take(member), why));
        }
        self.candidates(u32::MAX).any()?;
        Some((Ask::Wait(Wants::AnyBut(self.tried.clone())), why))
    }
}

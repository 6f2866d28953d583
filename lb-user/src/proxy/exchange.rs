//! One request and its response: which member it goes to, and another one where that fails.

use std::{
    net::SocketAddr,
    rc::Rc,
    task::{Context, Poll},
};

use super::{
    admit::Admitted,
    asker::Asker,
    body::{Broken, Sink, Source},
    choose::Choice,
    fault::{Fault, Retry},
    log::Trail,
    persist::{Held, Shown, Why},
    request_id::RequestId,
    route::Route,
    serving::Listener,
    timer::Timer,
    times::Times,
    turn::Turn,
    worker::Worker,
};
use crate::http::{framing::Framing, head::Head};

/// A request as it was admitted.
pub(super) struct Request<'q> {
    pub(super) head: &'q Head,
    pub(super) admitted: Admitted,
    /// Who it comes from, by all that is believed.
    pub(super) client: SocketAddr,
    pub(super) asker: &'q Asker,
    /// Where it is noted what it goes through, if it is.
    pub(super) trail: Option<&'q Trail>,
    /// What it is told apart from others by.
    pub(super) id: &'q RequestId<'q>,
    pub(super) times: &'q Times,
}

/// Where a response goes.
pub(super) trait Responder: Sink {
    /// Passes an interim response on.
    fn interim(&mut self, head: &Head);
    /// Begins the final response, whose body follows.
    fn begin(&mut self, head: &Head, framing: Framing, further: &[u8]) -> Result<(), Broken>;
    /// Whether the final response has begun: then there is no other.
    fn has_begun(&self) -> bool;
    /// Whether the client does not want it any more, as far as it said so; otherwise the task is woken when it does.
    fn poll_gone(&mut self, context: &mut Context<'_>) -> bool;
    /// Says that nothing follows.
    fn poll_close(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Broken>>;
}

/// Where a request's body comes from.
pub(super) trait RequestBody: Source {
    /// Goes on with whatever follows on the connection, up to its end.
    fn upgrade(&mut self);
    /// Whether something of it was taken: then it cannot be sent again.
    fn was_touched(&self) -> bool;
}

/// What a connection can do after a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Ended {
    /// Serve another one.
    Whole,
    /// Nothing more: the response ends with it, or the request was not read to its end.
    Spent,
    /// Nothing more: it spoke another protocol after the response.
    Upgraded,
}

/// Has the request responded to, and counts it.
pub(super) async fn exchange<B: RequestBody, R: Responder>(
    worker: &Rc<Worker>,
    listener: &Listener,
    request: &Request<'_>,
    body: &mut B,
    responder: &mut R,
    timer: &Timer,
) -> Result<Ended, Fault> {
    listener.counts.requests.add(1);
    let outcome = balance(worker, listener, request, body, responder, timer).await;
    // What followed an upgrade was no response: its time was counted before.
    if !matches!(outcome, Ok(Ended::Upgraded)) {
        listener.counts.request_times.observe(request.times.whole());
    }
    outcome
}

/// Has a member of the pool that it is for respond to the request, or another one.
async fn balance<B: RequestBody, R: Responder>(
    worker: &Rc<Worker>,
    listener: &Listener,
    request: &Request<'_>,
    body: &mut B,
    responder: &mut R,
    timer: &Timer,
) -> Result<Ended, Fault> {
    let pool = match listener.route(request.head, &request.admitted) {
        Route::Pool(pool) => pool,
        Route::Answer(own) => return Err(Fault::Answered(own)),
        Route::Nowhere => return Err(Fault::NoMember),
    };
    let now_s = worker.unix_s();
    let target = request.head.target();
    let shown = pool.persist.as_ref().map_or_else(Shown::default, |persist| {
        let by = (target, request.client.ip());
        persist.read(&worker.sessions, &pool.counts, request.head, by, now_s)
    });
    let mut choice = Choice {
        pool,
        shown: &shown,
        client: request.client.ip(),
        now_s,
        times: request.times,
        tried: Vec::new(),
    };
    let mut last = Fault::NoMember;
    loop {
        // None: all have been tried that there are.
        let Some((seat, why)) = choice.seat(timer, body, responder).await? else {
            return Err(last);
        };
        let member = seat.member();
        if let Some(persist) = &pool.persist {
            let chosen = (why, member.tag);
            let held = persist.hold(&worker.sessions, &pool.counts, &shown, chosen, now_s);
            if held == Held::Elsewhere {
                continue;
            }
        }
        if let Some(trail) = request.trail {
            trail.note_member(pool, member, why, &shown);
        }
        member.counts.requests.add(1);
        let turn = Turn {
            worker,
            listener,
            pool,
            member,
            shown: &shown,
            why,
            request,
            timer,
        };
        let fault = match turn.take(body, responder).await {
            Ok(ended) => return Ok(ended),
            Err(fault) => fault,
        };
        if fault.is_members() {
            member.counts.failures.add(1);
            worker.note_failure(pool, member, &fault, request.id);
        }
        if fault.tells_against_member() {
            pool.note_failure(member, worker.unix_s(), &fault, request.id);
        }
        let may_again = !responder.has_begun() && !body.was_touched() && request.allows(fault.retry());
        // A session whose member cannot be reached moves in any case: its next request would find it there again.
        let moves = why == Why::Held && fault.retry() == Retry::Always;
        let most = usize::from(pool.http.retries).max(moves.into());
        if !may_again || choice.tried.len() >= most {
            return Err(fault);
        }
        choice.tried.push(member.id);
        request.times.give();
        last = fault;
    }
}

impl Request<'_> {
    /// Whether it may be made again after such a fault.
    pub(super) fn allows(&self, retry: Retry) -> bool {
        match retry {
            Retry::Always => true,
            // RFC 9110, section 9.2.2.
            Retry::Idempotent => matches!(
                self.head.method(),
                b"GET" | b"HEAD" | b"OPTIONS" | b"TRACE" | b"PUT" | b"DELETE"
            ),
            Retry::Never => false,
        }
    }
}

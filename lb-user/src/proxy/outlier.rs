//! Members that fail one request after another are given none for a while: they are ejected.
//!
//! To all others an ejected member is one that is down, so that choosing a member costs nothing more.

use std::{
    fmt::{Arguments, Display},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU32, Ordering::Relaxed},
    },
};

use lb_common::tables::MemberState;
use tracing::{info, warn};

use super::{
    pool::{Member, Pool},
    request_id::RequestId,
};
use crate::model::Outlier;

/// So many times as long as at first a member stays away at most.
const MOST_TIMES: u32 = 10;

/// How a member does. All but its failures changes under the lock of [`States`] only.
#[derive(Debug, Default)]
pub(super) struct Standing {
    /// What it has failed in a row.
    failures: AtomicU32,
    /// The [`MemberState`] that configuration and health want.
    wanted: AtomicU32,
    /// When it comes back; 0: it is not away.
    until_s: AtomicU32,
    /// When it came back last.
    back_s: AtomicU32,
    /// How often in a row it was ejected.
    ejections: AtomicU32,
    /// When it came up; 0: it was up already when its pool was first served.
    up_s: AtomicU32,
    /// Why it was ejected last.
    why: Mutex<String>,
}

impl Standing {
    /// The state that configuration and health want.
    pub(super) fn wanted(&self) -> MemberState {
        MemberState::from_word(self.wanted.load(Relaxed))
    }

    /// When it came up; none: it was up already when its pool was first served.
    pub(super) fn up_s(&self) -> Option<u32> {
        Some(self.up_s.load(Relaxed)).filter(|up_s| *up_s != 0)
    }

    pub(super) fn is_ejected(&self) -> bool {
        self.until_s.load(Relaxed) != 0
    }

    /// Why it is away, if it is.
    pub(super) fn why_ejected(&self) -> Option<String> {
        let why = || self.why.lock().unwrap_or_else(PoisonError::into_inner).clone();
        self.is_ejected().then(why)
    }

    /// Whether it is away and has been for long enough. It is also where the clock was put back.
    fn is_due(&self, outlier: &Outlier, now_s: u32) -> bool {
        let until_s = self.until_s.load(Relaxed);
        until_s != 0 && (now_s >= until_s || until_s - now_s > outlier.ejection_s.saturating_mul(MOST_TIMES))
    }

    /// How many times as long as at first it stays away now.
    fn times(&self, outlier: &Outlier, now_s: u32) -> u32 {
        let well_s = now_s.saturating_sub(self.back_s.load(Relaxed));
        if well_s > outlier.ejection_s.saturating_mul(MOST_TIMES) {
            1
        } else {
            (self.ejections.load(Relaxed) + 1).min(MOST_TIMES)
        }
    }
}

/// What the states of a pool's members change under, of which configuration, health and requests have a say.
#[derive(Debug, Default)]
pub(super) struct States {
    lock: Mutex<()>,
}

impl States {
    fn lock(&self) -> MutexGuard<'_, ()> {
        self.lock.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What configuration and health want. Where members are not ejected any more, all come back. `now_s` is none where the
    /// pool was not served before.
    pub(super) fn set(
        &self,
        member: &Member,
        wanted: MemberState,
        outlier: Option<&Outlier>,
        now_s: Option<u32>,
    ) {
        let _lock = self.lock();
        let before = member.standing.wanted.swap(wanted as u32, Relaxed);
        if wanted == MemberState::Up && !MemberState::from_word(before).keeps_sessions() {
            member.standing.up_s.store(now_s.unwrap_or(0), Relaxed);
        }
        if outlier.is_none() {
            member.standing.until_s.store(0, Relaxed);
            member.standing.failures.store(0, Relaxed);
        }
        apply(member);
    }
}

/// Sets the state that holds, while the lock is held.
fn apply(member: &Member) {
    let wanted = member.standing.wanted();
    member
        .entry
        .set_state(if member.standing.is_ejected() && wanted.keeps_sessions() {
            MemberState::Down
        } else {
            wanted
        });
}

impl Pool {
    /// Notes what a member responded with. 500 may be the fault of one request; these say that none can be served.
    pub(super) fn note_status(&self, member: &Arc<Member>, now_s: u32, status: u16, id: &RequestId<'_>) {
        if self.http.outlier.is_none() {
            return;
        }
        if matches!(status, 502..=504) {
            self.note_failure(member, now_s, &format_args!("it responded with {status}"), id);
        } else if member.standing.failures.load(Relaxed) != 0 {
            member.standing.failures.store(0, Relaxed);
        }
    }

    /// Notes that a member failed a request, and ejects it where that was one too many.
    pub(super) fn note_failure(
        &self,
        member: &Arc<Member>,
        now_s: u32,
        why: &impl Display,
        id: &RequestId<'_>,
    ) {
        let Some(outlier) = &self.http.outlier else { return };
        let failures = member.standing.failures.fetch_add(1, Relaxed).saturating_add(1);
        if failures < outlier.failures {
            return;
        }
        let since = format_args!("since it failed {failures} requests in a row, the last one so: {why}");
        let Some(why) = self.eject(member, outlier, now_s, since) else {
            return;
        };
        warn!(
            request_id = id.text(),
            "pool {:?}: member {:?} is {why}",
            self.title(),
            self.title_of(member)
        );
        // Sessions that wait for it go elsewhere.
        self.queue.look_again(&self.members);
    }

    /// Ejects a member, if it may be. Says for how long and why.
    fn eject(
        &self,
        member: &Arc<Member>,
        outlier: &Outlier,
        now_s: u32,
        since: Arguments<'_>,
    ) -> Option<String> {
        let _lock = self.states.lock();
        let standing = &member.standing;
        let ejected = self.members.iter().filter(|member| member.standing.is_ejected());
        let most = self.members.len() * usize::from(outlier.max_ejected_percent) / 100;
        let mut others = self.members.iter().filter(|other| other.id != member.id);
        if standing.is_ejected()
            || !member.entry.keeps_sessions()
            || ejected.count() >= most.max(1)
            || !others.any(|other| other.entry.takes_new())
        {
            return None;
        }
        let times = standing.times(outlier, now_s);
        let for_s = outlier.ejection_s.saturating_mul(times);
        let why = format!("ejected for {for_s} s, {since}");
        why.clone_into(&mut standing.why.lock().unwrap_or_else(PoisonError::into_inner));
        standing.ejections.store(times, Relaxed);
        standing.until_s.store(now_s.saturating_add(for_s), Relaxed);
        standing.failures.store(0, Relaxed);
        apply(member);
        Some(why)
    }

    /// Lets those come back that were away for long enough.
    pub(super) fn readmit(&self, now_s: u32) {
        let Some(outlier) = &self.http.outlier else { return };
        for member in &self.members {
            let standing = &member.standing;
            if !standing.is_due(outlier, now_s) {
                continue;
            }
            {
                let _lock = self.states.lock();
                // Another worker may have seen it too.
                if !standing.is_due(outlier, now_s) {
                    continue;
                }
                standing.until_s.store(0, Relaxed);
                standing.back_s.store(now_s, Relaxed);
                standing.up_s.store(now_s, Relaxed);
                standing.failures.store(0, Relaxed);
                apply(member);
            }
            info!(
                "pool {:?}: member {:?} is back from its ejection",
                self.title(),
                self.title_of(member)
            );
            self.queue.look_again(&self.members);
        }
    }
}

//! Sessions by the client's address. The client shows nothing and learns nothing: it is held from when its first member is
//! chosen.

use super::{Kind, Persist, Sessions, Shown, Why};
use crate::{
    persistence::{
        MemberTag, Session, Times,
        app_cookies::{Learned, Moved},
    },
    proxy::counts::PoolCounts,
};

/// Whose a client is once a member was chosen for it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::proxy) enum Held {
    /// That member's.
    Here,
    /// Another one's: another request of the client was first.
    Elsewhere,
}

impl Persist {
    /// Notes which member was chosen for a request, where clients are recognised by their address.
    pub(in crate::proxy) fn hold(
        &self,
        sessions: &Sessions,
        counts: &PoolCounts,
        shown: &Shown<'_>,
        (why, member): (Why, MemberTag),
        now_s: u32,
    ) -> Held {
        let (Kind::Address(_), Some(client)) = (&self.kind, shown.client) else {
            return Held::Here;
        };
        let table = &sessions.app_cookies;
        let moved = match (why, shown.session.get()) {
            (Why::Held, _) => return Held::Here,
            (Why::Moved, Some(session)) => {
                table.move_on(self.pool, client.as_bytes(), session.member, member, now_s)
            }
            (Why::Moved | Why::New, _) => Moved::Absent,
        };
        let (whose, held) = match moved {
            Moved::Here => (member, Held::Here),
            Moved::Already(other) => (other, Held::Elsewhere),
            Moved::Absent => match table.begin(self.pool, client.as_bytes(), member, self.limits, now_s) {
                Ok(learned) => {
                    counts.note_learned(learned);
                    (member, Held::Here)
                }
                Err(other) => (other, Held::Elsewhere),
            },
        };
        shown.session.set(Some(Session {
            member: whose,
            times: Times::begin(now_s),
        }));
        held
    }
}

impl PoolCounts {
    /// Counts what became of a session that was held, or learned of.
    pub(super) fn note_learned(&self, learned: Learned) {
        match learned {
            Learned::Created => self.created.add(1),
            Learned::CreatedFor { .. } => {
                self.evicted.add(1);
                self.created.add(1);
            }
            Learned::Restarted => {
                self.expired.add(1);
                self.created.add(1);
            }
            Learned::Same | Learned::Moved { .. } => {}
        }
    }
}

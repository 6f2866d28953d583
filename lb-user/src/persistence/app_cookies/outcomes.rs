//! What the table answers.

use super::SessionId;
use crate::persistence::{MemberTag, PoolTag, Session};

/// What there is about a value that a client showed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Found {
    /// A session, which has been renewed; as it was before.
    Held(Session),
    /// One that was over, and is gone now.
    Expired(Session),
    /// Nothing.
    Absent,
}

/// What became of a value that a member set.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Learned {
    /// It was new.
    Created,
    /// It was new, and the table was full: a session of this pool made room.
    CreatedFor {
        /// Whose session went.
        evicted: PoolTag,
    },
    /// It was this member's already, and has been renewed.
    Same,
    /// It was another member's. The session goes on: it began when it did.
    Moved {
        /// The member that had it.
        from: MemberTag,
    },
    /// It was over, and begins anew: one session has expired, and one was created.
    Restarted,
}

/// What became of a session whose member cannot serve its client.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Moved {
    /// It is the new member's now. It began when it did.
    Here,
    /// Another request of the client was first: it is that member's.
    Already(MemberTag),
    /// It is gone.
    Absent,
}

/// A session, for lists.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Listed {
    /// What it is called instead of its cookie's value.
    pub id: SessionId,
    /// Its pool.
    pub pool: PoolTag,
    /// Its member and times.
    pub session: Session,
}

/// Why the sweep took a session.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ended {
    /// It was over.
    Expired,
    /// Its pool is gone, or has no such persistence any more.
    PoolGone,
}

/// Whether a sweep or a list has been everywhere.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Round {
    /// There is more to come.
    GoesOn,
    /// The next call begins again at the beginning.
    Complete,
}

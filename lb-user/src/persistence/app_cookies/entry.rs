//! An entry of the table, in memory as in a snapshot.

use std::{fmt, num::ParseIntError, str::FromStr};

use serde::{Deserialize, Serialize};
use zerocopy::{
    FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned,
    little_endian::{U32, U64},
};

use super::Listed;
use crate::persistence::{MemberTag, PoolTag, Session, Times};

/// What a session is called in lists and commands: half of its cookie's hash, from which nobody finds the value.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SessionId(pub u64);

/// What is not an id.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the id of a session is 16 hexadecimal digits")]
pub struct NoSessionId;

impl From<ParseIntError> for NoSessionId {
    fn from(_: ParseIntError) -> Self {
        Self
    }
}

impl FromStr for SessionId {
    type Err = NoSessionId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // A number may have a sign.
        if text.len() != 16 || text.starts_with('+') {
            return Err(NoSessionId);
        }
        Ok(Self(u64::from_str_radix(text, 16)?))
    }
}

impl TryFrom<String> for SessionId {
    type Error = NoSessionId;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<SessionId> for String {
    fn from(id: SessionId) -> Self {
        id.to_string()
    }
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// The hash of a pool and a value: the id leads to the shard, the place into it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Fingerprint {
    pub(super) id: SessionId,
    pub(super) place: u64,
}

impl Fingerprint {
    /// From the first 16 bytes of a hash, which has more.
    pub(super) fn from_hash(hash: &[u8]) -> Self {
        let hash = u128::from_le_bytes(hash.first_chunk().copied().unwrap_or_default());
        Self {
            id: SessionId((hash >> 64) as u64),
            place: hash as u64,
        }
    }
}

/// A session and what it is found by.
#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct Entry {
    id: U64,
    place: U64,
    pool: U64,
    pub(super) member: U64,
    created_s: U32,
    pub(super) seen_s: U32,
}

const _: () = assert!(size_of::<Entry>() == 40);

impl Entry {
    pub(super) fn new(fingerprint: Fingerprint, pool: PoolTag, session: Session) -> Self {
        Self {
            id: fingerprint.id.0.into(),
            place: fingerprint.place.into(),
            pool: pool.0.into(),
            member: session.member.0.into(),
            created_s: session.times.created_s.into(),
            seen_s: session.times.seen_s.into(),
        }
    }

    pub(super) fn id(&self) -> SessionId {
        SessionId(self.id.get())
    }

    pub(super) fn fingerprint(&self) -> Fingerprint {
        Fingerprint {
            id: self.id(),
            place: self.place.get(),
        }
    }

    pub(super) fn pool(&self) -> PoolTag {
        PoolTag(self.pool.get())
    }

    pub(super) fn session(&self) -> Session {
        Session {
            member: MemberTag(self.member.get()),
            times: Times {
                created_s: self.created_s.get(),
                seen_s: self.seen_s.get(),
            },
        }
    }

    pub(super) fn listed(&self) -> Listed {
        Listed {
            id: self.id(),
            pool: self.pool(),
            session: self.session(),
        }
    }

    pub(super) fn set(&mut self, session: Session) {
        *self = Self::new(self.fingerprint(), self.pool(), session);
    }

    /// Makes now of times that are still to come.
    pub(super) fn settle(&mut self, now_s: u32) {
        self.created_s.set(self.created_s.get().min(now_s));
        self.seen_s.set(self.seen_s.get().min(now_s));
    }
}

//! The load balancer cookie: a session that the client carries, sealed with a key of the ring.
//!
//! No node keeps anything of it, so that any node with the key honours it. It is bound to its pool: the pool's tag is not in
//! it, but goes into the seal. A value that does not open, or is too old, is simply not there.
//!
//! In the cookie stands the base64url text, without padding, of
//!
//! | bytes | what |
//! | --- | --- |
//! | 1 | version: 1 |
//! | 4 | id of the key |
//! | 12 | nonce |
//! | 16 | sealed: member, created, seen, in network byte order |
//! | 16 | the tag of AES-256-GCM, over all of that and the pool |
//!
//! A value has one text only: text with stray bits at its end is malformed.

use std::fmt;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::aead::{Aad, Nonce};
use zerocopy::{
    FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned,
    network_endian::{U32, U64},
};

use super::{KeyRing, Limits, MemberTag, PoolTag, Session, Times};

/// How long the value of a cookie is, in characters.
pub const LENGTH: usize = 66;

const VERSION: u8 = 1;

/// What is longer is not looked at. Room for what later versions may hold, so that this one can tell them from garbage.
const LONGEST: usize = 256;

/// A cookie is renewed when this part of its idle time has passed, and after so many seconds at the latest. That is the
/// shortest idle time that can be configured: whatever the duration is changed to, no cookie of a client that is busy is too
/// old for it.
const RENEWAL_PARTS: u32 = 8;
const LONGEST_RENEWAL_S: u32 = 60;

/// How far the clocks of two nodes may be apart: what was seen so far in the future counts as seen now.
const CLOCK_SKEW_S: u32 = 300;

/// What a load balancer cookie says.
pub type Token = Session;

/// Why a cookie is as good as not there.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Refused {
    /// It is no base64url text, or too short for its version.
    Malformed,
    /// It is longer than any cookie of ours.
    TooLong,
    /// It says that it is of a version that this release does not know.
    UnknownVersion,
    /// The ring does not have its key: it was dropped, or is another cluster's.
    UnknownKey,
    /// The seal is broken: it was changed, made up, or taken from another pool.
    Forged,
    /// It goes by the name of another pool's cookie, and is that pool's, or forged.
    OtherPool,
    /// Its client stayed away for too long, or its absolute lifetime has passed.
    Expired,
    /// It was sealed by a node whose clock is far ahead.
    FromTheFuture,
}

impl Refused {
    /// All reasons.
    pub const ALL: [Self; 8] = [
        Self::Malformed,
        Self::TooLong,
        Self::UnknownVersion,
        Self::UnknownKey,
        Self::Forged,
        Self::OtherPool,
        Self::Expired,
        Self::FromTheFuture,
    ];

    /// Its word in metrics.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::TooLong => "too_long",
            Self::UnknownVersion => "unknown_version",
            Self::UnknownKey => "unknown_key",
            Self::Forged => "forged",
            Self::OtherPool => "other_pool",
            Self::Expired => "expired",
            Self::FromTheFuture => "from_the_future",
        }
    }
}

/// Whether the client is to get its cookie anew.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Renewal {
    /// No: it was sealed a short while ago.
    NotYet,
    /// Yes, with the time of now.
    Due,
}

/// The value of a cookie.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Sealed([u8; LENGTH]);

impl Sealed {
    /// Its text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        // The alphabet of base64url is ASCII.
        str::from_utf8(&self.0).unwrap_or_default()
    }

    /// The bytes of its text.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; LENGTH] {
        &self.0
    }
}

impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Who has it is held to its member: it does not belong into logs.
        f.write_str("Sealed(..)")
    }
}

/// The bytes of a cookie.
#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct Envelope {
    version: u8,
    key: U32,
    nonce: [u8; 12],
    content: Content,
    tag: [u8; 16],
}

const _: () = assert!((size_of::<Envelope>() * 4).div_ceil(3) == LENGTH);

/// What is sealed.
#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct Content {
    member: U64,
    created_s: U32,
    seen_s: U32,
}

/// What is not in the seal and nevertheless has to be right.
#[derive(IntoBytes, Immutable, Unaligned)]
#[repr(C)]
struct Binding {
    version: u8,
    key: U32,
    pool: U64,
}

impl Binding {
    fn new(key: u32, pool: PoolTag) -> Self {
        Self {
            version: VERSION,
            key: key.into(),
            pool: pool.0.into(),
        }
    }
}

/// Seals a token that was seen just now. `None`: the system has no random numbers, and the response has to go without.
#[must_use]
pub fn seal(ring: &KeyRing, pool: PoolTag, token: &Token) -> Option<Sealed> {
    let key = ring.sealing(token.times.seen_s)?;
    let nonce = ring.nonce()?;
    let mut content = Content {
        member: token.member.0.into(),
        created_s: token.times.created_s.into(),
        seen_s: token.times.seen_s.into(),
    };
    let tag = key
        .cipher()
        .seal_in_place_separate_tag(
            Nonce::assume_unique_for_key(nonce),
            Aad::from(Binding::new(key.id(), pool).as_bytes()),
            content.as_mut_bytes(),
        )
        .ok()?;
    let envelope = Envelope {
        version: VERSION,
        key: key.id().into(),
        nonce,
        content,
        tag: tag.as_ref().try_into().ok()?,
    };
    let mut text = [0; LENGTH];
    URL_SAFE_NO_PAD
        .encode_slice(envelope.as_bytes(), &mut text)
        .ok()?;
    Some(Sealed(text))
}

/// Opens the value of a cookie that a client showed to this pool. Whether it is too old is for [`judge`].
pub fn open(ring: &KeyRing, pool: PoolTag, value: &[u8]) -> Result<Token, Refused> {
    let mut envelope = decode(value)?;
    let key = ring.find(envelope.key.get()).ok_or(Refused::UnknownKey)?;
    key.cipher()
        .open_in_place_separate_tag(
            Nonce::assume_unique_for_key(envelope.nonce),
            Aad::from(Binding::new(key.id(), pool).as_bytes()),
            envelope.tag.into(),
            envelope.content.as_mut_bytes(),
            0..,
        )
        .map_err(|_| Refused::Forged)?;
    Ok(Token {
        member: MemberTag(envelope.content.member.get()),
        times: Times {
            created_s: envelope.content.created_s.get(),
            seen_s: envelope.content.seen_s.get(),
        },
    })
}

/// Whether a value looks like one that a key of the ring has sealed, for any pool.
pub fn is_ours(ring: &KeyRing, value: &[u8]) -> bool {
    value.len() == LENGTH && decode(value).is_ok_and(|envelope| ring.find(envelope.key.get()).is_some())
}

fn decode(value: &[u8]) -> Result<Envelope, Refused> {
    if value.len() > LONGEST {
        return Err(Refused::TooLong);
    }
    let mut bytes = [0; LONGEST];
    let length = URL_SAFE_NO_PAD
        .decode_slice(value, &mut bytes)
        .map_err(|_| Refused::Malformed)?;
    let bytes = bytes.get(..length).unwrap_or_default();
    match bytes.first() {
        Some(&VERSION) => Envelope::read_from_bytes(bytes).map_err(|_| Refused::Malformed),
        Some(_) => Err(Refused::UnknownVersion),
        None => Err(Refused::Malformed),
    }
}

/// After how many seconds a cookie is renewed.
#[must_use]
pub fn renewal_interval_s(idle_s: u32) -> u32 {
    (idle_s / RENEWAL_PARTS).clamp(1, LONGEST_RENEWAL_S)
}

/// By what a token is judged: its time seen may lie as far back as a renewal does, though its client was here just now, and
/// the same is granted on top.
#[must_use]
pub fn granted(limits: Limits) -> Limits {
    limits.granting(renewal_interval_s(limits.idle_s))
}

/// Judges the age of a token that opened, by what is [`granted`]: no client is let go early.
pub fn judge(token: &Token, limits: Limits, now_s: u32) -> Result<Renewal, Refused> {
    let Times { created_s, seen_s } = token.times;
    if created_s.max(seen_s) > now_s.saturating_add(CLOCK_SKEW_S) {
        return Err(Refused::FromTheFuture);
    }
    if granted(limits).are_passed(token.times, now_s) {
        return Err(Refused::Expired);
    }
    if now_s.saturating_sub(seen_s) >= renewal_interval_s(limits.idle_s) {
        Ok(Renewal::Due)
    } else {
        Ok(Renewal::NotYet)
    }
}

#[cfg(test)]
mod tests;

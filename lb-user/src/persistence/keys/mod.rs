//! The keys that seal load balancer cookies.
//!
//! Nodes that serve the same clients have the same keys: their key file is copied. The newest key seals, each one opens. So
//! that no node seals with a key that another does not have yet, a key seals only from a time on that stands beside it. A
//! rotation on several nodes is:
//!
//! 1. on one node, [`KeyFile::rotate`] with a lead, of an hour for example: there is a new key, and the old one still seals;
//! 2. within that time the file is copied to the other nodes, which read it again;
//! 3. when the time has come, all of them seal with the new key, and cookies that the old one sealed are renewed as ever.
//!
//! A node by itself rotates without a lead. An old key may go ([`KeyFile::prune`]) when its successor has sealed for longer
//! than the longest idle time of a pool: no cookie of it can still be valid.
//!
//! # How long a key is good for
//!
//! AES-256-GCM must not seal two tokens with one nonce, or who holds both may learn to forge. Nonces are taken in blocks of
//! 65,536 in a row, each from a random place among 2⁹⁶. So they are unique within a block, and after 2⁴⁰ seals (two years of
//! 16,000 in a second) the chance that any two blocks overlapped is 2⁻³². Rotating once a year is plenty. Single random
//! nonces would be at that chance after 2³² seals, which a busy node makes in days; and one block without end, counted on
//! from the start, would repeat for ever on a machine that was cloned while it ran.

mod file;
mod nonces;
mod text;

#[cfg(test)]
mod tests;

use std::fmt;

use ring::{
    aead::{AES_256_GCM, LessSafeKey, UnboundKey},
    digest::{SHA256, digest},
    rand::{SecureRandom as _, SystemRandom},
};

use self::nonces::Nonces;
pub use self::{
    file::{KeyFile, KeyFileError},
    text::LineError,
};

/// How many keys a ring can have.
pub const MOST_KEYS: usize = 16;

/// The system has no random numbers.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the system gives no random numbers, which keys are made of")]
pub struct NoRandomness;

/// A key that seals cookies.
pub struct Key {
    id: u32,
    created_s: u32,
    seals_from_s: u32,
    secret: Secret,
    cipher: LessSafeKey,
}

/// Never shown. It is not wiped out of memory either: the cipher keeps what it made of it, out of our reach.
struct Secret([u8; 32]);

impl Key {
    fn random(created_s: u32, seals_from_s: u32) -> Result<Self, NoRandomness> {
        let mut secret = Secret([0; 32]);
        SystemRandom::new()
            .fill(&mut secret.0)
            .map_err(|_| NoRandomness)?;
        Self::new(created_s, seals_from_s, secret).ok_or(NoRandomness)
    }

    /// `None`: never, since the secret is as long as the cipher wants it.
    fn new(created_s: u32, seals_from_s: u32, secret: Secret) -> Option<Self> {
        let cipher = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &secret.0).ok()?);
        let id = u32::from_be_bytes(*digest(&SHA256, &secret.0).as_ref().first_chunk()?);
        Some(Self {
            id,
            created_s,
            seals_from_s,
            secret,
            cipher,
        })
    }

    /// What cookies call it by: the beginning of the secret's hash, so that a mangled line of the file is noticed.
    #[must_use]
    pub const fn id(&self) -> u32 {
        self.id
    }

    /// When it was made, in Unix seconds.
    #[must_use]
    pub const fn created_s(&self) -> u32 {
        self.created_s
    }

    /// From when on it seals, in Unix seconds. It opens at all times.
    #[must_use]
    pub const fn seals_from_s(&self) -> u32 {
        self.seals_from_s
    }

    pub(super) const fn cipher(&self) -> &LessSafeKey {
        &self.cipher
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key")
            .field("id", &format_args!("{:08x}", self.id))
            .field("created_s", &self.created_s)
            .field("seals_from_s", &self.seals_from_s)
            .finish_non_exhaustive()
    }
}

/// The keys of a node: at least one and at most [`MOST_KEYS`], the last to seal first.
#[derive(Debug)]
pub struct KeyRing {
    keys: Vec<Key>,
    nonces: Nonces,
}

impl KeyRing {
    /// A ring with a first key, which seals at once.
    pub fn begin(now_s: u32) -> Result<Self, NoRandomness> {
        Ok(Self::of(vec![Key::random(now_s, now_s)?]))
    }

    fn of(mut keys: Vec<Key>) -> Self {
        keys.sort_by_key(|key| std::cmp::Reverse((key.seals_from_s, key.created_s)));
        Self {
            keys,
            nonces: Nonces::default(),
        }
    }

    /// Adds a key that seals in `lead_s` seconds. Returns the id of the oldest, if it had to make room.
    pub fn rotate(&mut self, now_s: u32, lead_s: u32) -> Result<Option<u32>, NoRandomness> {
        let key = Key::random(now_s, now_s.saturating_add(lead_s))?;
        let place = self
            .keys
            .partition_point(|other| other.seals_from_s > key.seals_from_s);
        self.keys.insert(place, key);
        if self.keys.len() <= MOST_KEYS {
            return Ok(None);
        }
        Ok(self.keys.pop().map(|oldest| oldest.id))
    }

    /// Drops the keys that had a successor at that time already: of what they sealed, nothing is younger. Returns how many
    /// those were.
    pub fn prune(&mut self, before_s: u32) -> usize {
        let had = self.keys.len();
        if let Some(sealing) = self.keys.iter().position(|key| key.seals_from_s <= before_s) {
            self.keys.truncate(sealing + 1);
        }
        had - self.keys.len()
    }

    /// The keys, the last to seal first.
    #[must_use]
    pub fn keys(&self) -> &[Key] {
        &self.keys
    }

    /// The key that seals now. Where the time of none has come, the clock is wrong, and the first is taken.
    #[must_use]
    pub fn sealing(&self, now_s: u32) -> Option<&Key> {
        let mut due = self.keys.iter().filter(|key| key.seals_from_s <= now_s);
        due.next().or(self.keys.last())
    }

    /// The key with that id.
    #[must_use]
    pub fn find(&self, id: u32) -> Option<&Key> {
        self.keys.iter().find(|key| key.id == id)
    }

    /// A nonce that no key of the ring has sealed with.
    pub(super) fn nonce(&self) -> Option<[u8; 12]> {
        self.nonces.next()
    }
}

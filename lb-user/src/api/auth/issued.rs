//! The tokens that are given out for a password. They are kept hashed, in memory: the next daemon knows none of them, and clients
//! ask for another one by themselves.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use ring::{
    hmac,
    rand::{SecureRandom as _, SystemRandom},
};
use time::OffsetDateTime;

use super::{
    Admitted,
    credential::{Credential, Digest},
};

/// How long a token is good.
pub(in crate::api) const TOKEN_LIFE: Duration = Duration::from_hours(1);
/// The same of one by which somebody uses the console: a working day.
pub(in crate::api) const CONSOLE_LIFE: Duration = Duration::from_hours(12);
/// How many there are at a time; the oldest goes first.
const MOST: usize = 4096;
/// How many of them somebody may have: so that nobody's go by what another does.
const MOST_OF_ONE: usize = 256;

/// What a token was given out for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::api) struct Issued {
    /// To whom.
    pub(in crate::api) admitted: Admitted,
    /// When.
    pub(in crate::api) made_at: OffsetDateTime,
    /// Until when it is good.
    pub(in crate::api) expires_at: OffsetDateTime,
    /// The same, by a clock that nobody sets.
    ends: Instant,
}

#[derive(Default)]
pub(super) struct IssuedTokens {
    by_digest: HashMap<Digest, Issued>,
}

fn digest(token: &str, key: &hmac::Key) -> Digest {
    Credential::Token(token.to_owned()).digest(key)
}

impl IssuedTokens {
    /// Makes a token, which ends with the one from before, if it is for one; none, where there are no random numbers.
    pub(super) fn issue(
        &mut self,
        admitted: Admitted,
        life: Duration,
        before: Option<&Issued>,
        key: &hmac::Key,
        now: Instant,
    ) -> Option<(String, Issued)> {
        let mut random = [0; 32];
        SystemRandom::new().fill(&mut random).ok()?;
        let token = BASE64_URL_SAFE_NO_PAD.encode(random);
        let made_at = OffsetDateTime::now_utc();
        let issued = Issued {
            admitted,
            made_at,
            expires_at: before.map_or(made_at + life, |before| before.expires_at),
            ends: before.map_or(now + life, |before| before.ends),
        };
        self.make_room(&issued.admitted.person.name, now);
        self.by_digest.insert(digest(&token, key), issued.clone());
        Some((token, issued))
    }

    /// What a token was given out for, if it is good.
    pub(super) fn get(&self, token: &str, key: &hmac::Key, now: Instant) -> Option<Issued> {
        let issued = self.by_digest.get(&digest(token, key))?;
        (issued.ends > now).then(|| issued.clone())
    }

    pub(super) fn revoke(&mut self, token: &str, key: &hmac::Key) {
        self.by_digest.remove(&digest(token, key));
    }

    fn make_room(&mut self, name: &str, now: Instant) {
        let is_theirs = |issued: &Issued| issued.admitted.person.name == name;
        if self.by_digest.values().filter(|issued| is_theirs(issued)).count() >= MOST_OF_ONE {
            self.drop_oldest(is_theirs);
        }
        if self.by_digest.len() < MOST {
            return;
        }
        self.by_digest.retain(|_, issued| issued.ends > now);
        if self.by_digest.len() >= MOST {
            self.drop_oldest(|_| true);
        }
    }

    /// Takes back the one that ends first, of those.
    fn drop_oldest(&mut self, of: impl Fn(&Issued) -> bool) {
        let those = self.by_digest.iter().filter(|(_, issued)| of(issued));
        let oldest = those.min_by_key(|(_, issued)| issued.ends);
        if let Some(digest) = oldest.map(|(digest, _)| *digest) {
            self.by_digest.remove(&digest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::{Person, tests::alice},
        *,
    };

    fn key() -> hmac::Key {
        hmac::Key::new(hmac::HMAC_SHA256, b"key")
    }

    #[test]
    fn a_token_is_good_for_an_hour_or_until_it_is_taken_back() {
        let (mut tokens, key, now) = (IssuedTokens::default(), key(), Instant::now());
        let (token, issued) = tokens.issue(alice().into(), TOKEN_LIFE, None, &key, now).unwrap();
        assert_eq!(token.len(), 43);
        assert_eq!(tokens.get(&token, &key, now), Some(issued));
        assert_eq!(tokens.get("other", &key, now), None);
        let (second, _) = tokens.issue(alice().into(), TOKEN_LIFE, None, &key, now).unwrap();
        assert!(tokens.get(&second, &key, now + TOKEN_LIFE / 2).is_some());
        assert_eq!(tokens.get(&second, &key, now + TOKEN_LIFE), None);
        let half = now + TOKEN_LIFE / 2;
        let before = tokens.get(&second, &key, half).unwrap();
        let (third, _) = tokens
            .issue(alice().into(), TOKEN_LIFE, Some(&before), &key, half)
            .unwrap();
        assert_eq!(tokens.get(&third, &key, now + TOKEN_LIFE), None);
        tokens.revoke(&token, &key);
        assert_eq!(tokens.get(&token, &key, now), None);
    }

    #[test]
    fn however_many_somebody_has_those_of_others_stay() {
        let (mut tokens, key, now) = (IssuedTokens::default(), key(), Instant::now());
        let bob = Person {
            name: "bob".into(),
            ..alice()
        };
        let (of_bob, _) = tokens.issue(bob.into(), TOKEN_LIFE, None, &key, now).unwrap();
        let mut issue = |after| {
            let then = now + Duration::from_millis(after);
            tokens
                .issue(alice().into(), TOKEN_LIFE, None, &key, then)
                .unwrap()
                .0
        };
        let first = issue(1);
        let last = (2..=1 + MOST as u64).map(&mut issue).last().unwrap();
        assert_eq!(tokens.by_digest.len(), MOST_OF_ONE + 1);
        assert_eq!(tokens.get(&first, &key, now), None);
        assert!(tokens.get(&last, &key, now).is_some());
        assert!(tokens.get(&of_bob, &key, now).is_some());
    }

    #[test]
    fn however_many_are_given_out_only_so_many_are_kept() {
        let (mut tokens, key, now) = (IssuedTokens::default(), key(), Instant::now());
        let mut issue = |after: u64| {
            let somebody = Person {
                name: (after % 64).to_string(),
                ..alice()
            };
            tokens
                .issue(
                    somebody.into(),
                    TOKEN_LIFE,
                    None,
                    &key,
                    now + Duration::from_millis(after),
                )
                .unwrap()
                .0
        };
        let first = issue(0);
        let last = (1..=MOST as u64).map(&mut issue).last().unwrap();
        assert_eq!(tokens.by_digest.len(), MOST);
        assert_eq!(tokens.get(&first, &key, now), None);
        assert!(tokens.get(&last, &key, now).is_some());
    }
}

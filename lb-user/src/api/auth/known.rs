//! Those that the configuration lets in.

use std::sync::Mutex;

use ring::hmac;

use super::{credential::Credential, seen::Seen};
use crate::{
    api::Role,
    model::{ApiAuth, ApiSettings, PasswordHash},
    password::{Verdict, verify},
};

/// What somebody is known by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shows {
    /// A name and a password.
    Password,
    /// A token.
    Token,
}

/// Somebody who is let in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::api) struct Person {
    pub(super) shows: Shows,
    pub(in crate::api) name: String,
    pub(super) hash: PasswordHash,
    pub(in crate::api) project: String,
    pub(in crate::api) role: Role,
}

impl Person {
    /// Whether they may do anything there.
    pub(in crate::api) fn may_come_for(&self, project_id: &str) -> bool {
        self.role == Role::Admin || self.project == project_id
    }
}

/// All who are let in, and what is remembered of those who were.
pub(super) struct Known {
    pub(super) auth: ApiAuth,
    pub(super) people: Vec<Person>,
    pub(super) seen: Mutex<Seen>,
}

impl Default for Known {
    fn default() -> Self {
        Self::new(&ApiSettings::default())
    }
}

impl Known {
    pub(super) fn new(settings: &ApiSettings) -> Self {
        let users = settings.users.iter().map(|user| Person {
            shows: Shows::Password,
            name: user.name.clone(),
            hash: user.password.clone(),
            project: user.project.clone(),
            role: user.role,
        });
        let tokens = settings.tokens.iter().map(|token| Person {
            shows: Shows::Token,
            name: token.name.clone(),
            hash: token.token.clone(),
            project: token.project.clone(),
            role: token.role,
        });
        Self {
            auth: settings.auth,
            people: users.chain(tokens).collect(),
            seen: Mutex::default(),
        }
    }

    fn who_show(&self, shows: Shows) -> impl Iterator<Item = &Person> {
        self.people.iter().filter(move |person| person.shows == shows)
    }

    fn user(&self, name: &str) -> Option<&Person> {
        self.who_show(Shows::Password).find(|person| person.name == name)
    }

    /// What the log may call somebody who is not let in.
    pub(super) fn called(&self, credential: &Credential) -> Option<&str> {
        match credential {
            Credential::Password { user, .. } => Some(&self.user(user)?.name),
            Credential::Token(_) => None,
        }
    }

    /// The same person as they are now, unless they have gone, or have another password or token.
    pub(super) fn still(&self, before: &Person) -> Option<Person> {
        let mut people = self.who_show(before.shows);
        people
            .find(|person| person.name == before.name && person.hash == before.hash)
            .cloned()
    }

    /// Whose the credential is. Takes as long for a name that nobody has as for a wrong password, and as long for one token as
    /// for another. It takes a core meanwhile.
    pub(super) fn verify(&self, credential: &Credential, key: &hmac::Key) -> Option<Person> {
        match credential {
            Credential::Password { user, password } => {
                let person = self.user(user);
                let hash = &person.or_else(|| self.decoy(user, key))?.hash;
                let verdict = verify(password.as_bytes(), hash);
                person.filter(|_| verdict == Verdict::Right).cloned()
            }
            Credential::Token(token) => {
                let mut found = None;
                for person in self.who_show(Shows::Token) {
                    if verify(token.as_bytes(), &person.hash) == Verdict::Right {
                        found = Some(person.clone());
                    }
                }
                found
            }
        }
    }

    /// Whose password one is compared with that is of a name that nobody has. It is the same for a name each time, as what
    /// verifying it takes would be for somebody's.
    fn decoy(&self, name: &str, key: &hmac::Key) -> Option<&Person> {
        let count = self.who_show(Shows::Password).count();
        let number = hmac::sign(key, name.as_bytes()).as_ref()[..4]
            .iter()
            .fold(0, |number, byte| number << 8 | usize::from(*byte));
        self.who_show(Shows::Password).nth(number.checked_rem(count)?)
    }
}

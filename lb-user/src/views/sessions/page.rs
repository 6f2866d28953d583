//! A page of the sessions that are wanted: however many there are, no more are kept than are shown.

use std::{collections::BTreeMap, net::IpAddr, str::FromStr};

use super::{RecognisedBy, Session};
use crate::persistence::app_cookies::SessionId;

/// What a session is called among those of its pool. Pages are in that order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PageKey {
    /// An address of its client.
    Address(IpAddr),
    /// The id of what its client is recognised by.
    Id(SessionId),
}

impl From<RecognisedBy> for PageKey {
    fn from(by: RecognisedBy) -> Self {
        match by {
            RecognisedBy::Client(address) => Self::Address(address),
            RecognisedBy::Cookie(id) | RecognisedBy::ClientId(id) => Self::Id(id),
        }
    }
}

impl FromStr for PageKey {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(RecognisedBy::into)
    }
}

/// Which page is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page {
    /// What comes behind the session that is called so; none: the first page.
    pub after: Option<PageKey>,
    /// The most sessions of it.
    pub limit: usize,
    /// Only the session of this id.
    pub only: Option<SessionId>,
}

impl Page {
    /// The first one, of whatever there is.
    #[must_use]
    pub fn first(limit: usize) -> Self {
        Self {
            after: None,
            limit,
            only: None,
        }
    }
}

/// The sessions that were found.
#[derive(Debug)]
pub(super) enum Found {
    /// All of them, in the order in which they were.
    All(Vec<Session>),
    /// Those of a page.
    Page {
        wanted: Page,
        listed: BTreeMap<PageKey, Session>,
        /// How many there are in all.
        total: u64,
    },
}

impl Found {
    pub(super) fn page(wanted: Page) -> Self {
        Self::Page {
            wanted,
            listed: BTreeMap::new(),
            total: 0,
        }
    }

    pub(super) fn take(&mut self, session: Session) {
        match self {
            Self::All(listed) => listed.push(session),
            Self::Page {
                wanted,
                listed,
                total,
            } => {
                let key = PageKey::from(session.by);
                if wanted.only.is_some_and(|only| key != PageKey::Id(only)) {
                    return;
                }
                *total += 1;
                if wanted.after.is_some_and(|after| key <= after) {
                    return;
                }
                listed.insert(key, session);
                // One more than is shown: whether there is a next page.
                if listed.len() > wanted.limit + 1 {
                    listed.pop_last();
                }
            }
        }
    }

    /// Those that are shown, how many there are in all, and whether more follow.
    pub(super) fn finish(self) -> (Vec<Session>, u64, bool) {
        match self {
            Self::All(listed) => {
                let total = listed.len() as u64;
                (listed, total, false)
            }
            Self::Page {
                wanted,
                listed,
                total,
            } => {
                let has_more = listed.len() > wanted.limit;
                let shown = listed.into_values().take(wanted.limit);
                (shown.collect(), total, has_more)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session(by: RecognisedBy) -> Session {
        Session {
            pool: "web".into(),
            by,
            member: "one".into(),
            age_s: 1,
            idle_s: 1,
            ends_in_s: 1,
        }
    }

    fn of_client(last: u8) -> Session {
        session(RecognisedBy::Client([192, 0, 2, last].into()))
    }

    fn shown(found: Found) -> (Vec<String>, u64, bool) {
        let (sessions, total, has_more) = found.finish();
        let sessions = sessions.iter().map(|session| session.by.to_string());
        (sessions.collect(), total, has_more)
    }

    #[test]
    fn pages_follow_each_other_and_leave_none_out_in_whichever_order_sessions_are_found() {
        let mut after = None;
        let mut seen = Vec::new();
        loop {
            let mut found = Found::page(Page {
                after,
                limit: 3,
                only: None,
            });
            // No number twice: seven and ten have no divisor in common.
            for number in 0..10 {
                found.take(of_client(number * 7 % 10));
            }
            let (page, total, has_more) = shown(found);
            assert_eq!(total, 10);
            after = page.last().map(|last| last.parse().unwrap());
            seen.extend(page);
            if !has_more {
                break;
            }
        }
        let all: Vec<String> = (0..10).map(|last| format!("192.0.2.{last}")).collect();
        assert_eq!(seen, all);
    }

    #[test]
    fn however_many_there_are_no_more_than_a_page_is_kept() {
        let mut found = Found::page(Page {
            after: None,
            limit: 2,
            only: None,
        });
        (0..=255).rev().for_each(|last| found.take(of_client(last)));
        let Found::Page { listed, .. } = &found else {
            panic!()
        };
        assert_eq!(listed.len(), 3);
        let first = ["192.0.2.0".to_owned(), "192.0.2.1".to_owned()];
        assert_eq!(shown(found), (first.to_vec(), 256, true));
    }

    #[test]
    fn one_session_is_found_by_its_id() {
        let mut found = Found::page(Page {
            after: None,
            limit: 5,
            only: Some(SessionId(7)),
        });
        for by in [
            RecognisedBy::Cookie(SessionId(6)),
            RecognisedBy::ClientId(SessionId(7)),
        ] {
            found.take(session(by));
        }
        let (sessions, total, has_more) = found.finish();
        assert_eq!((sessions.len(), total, has_more), (1, 1, false));
        assert_eq!(sessions[0].by, RecognisedBy::ClientId(SessionId(7)));
    }
}

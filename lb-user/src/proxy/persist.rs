//! Session persistence: whose session a request belongs to, and what the response says of it.

use std::sync::{Arc, Mutex, atomic::AtomicU32};

use super::{counts::PoolCounts, pool::Member};
use crate::{
    http::{
        cookies::{self, Removed},
        fields::Name,
        head::Head,
        set_cookie::{self, Attributes, Change, Channel, SetCookie},
        url_session,
    },
    model,
    persistence::{
        AppCookies, KeyRing, Limits, MemberTag, PoolTag, Session, Times,
        app_cookies::{Found, Learned, Moved},
        token::{self, Refused, Renewal},
    },
};

/// Cookies of one name that are looked at: clients send few, and each costs.
const MOST_COOKIES: usize = 8;

/// What sessions are kept by, of all pools.
#[derive(Debug)]
pub(super) struct Sessions {
    /// What the balancer's cookies are sealed with.
    pub(super) keys: arc_swap::ArcSwap<KeyRing>,
    /// The cookies of applications.
    pub(super) app_cookies: AppCookies,
    /// Held by who writes these down: one after another, so that what is older never replaces what is newer.
    pub(super) saving: Mutex<()>,
    /// Added to the clock, in seconds: a test's way to let time pass.
    pub(super) clock_offset_s: AtomicU32,
}

/// The session persistence of a pool.
#[derive(Debug)]
pub(super) struct Persist {
    pool: PoolTag,
    limits: Limits,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    /// A cookie of the balancer's.
    Own {
        name: Vec<u8>,
        set: SetCookie,
        tells_caches: bool,
    },
    /// The application's.
    App { name: Vec<u8>, in_url: bool },
}

/// What a request showed of its session.
#[derive(Debug, Default)]
pub(super) struct Shown<'q> {
    session: Option<Session>,
    is_due: bool,
    /// The application's cookie.
    value: Option<&'q [u8]>,
}

/// What there is about a cookie that somebody asks about.
#[derive(Debug)]
pub(super) enum Looked {
    /// It is the balancer's, and not taken.
    Refused(Refused),
    /// It is the application's, and nothing is known of it.
    Unknown,
    /// Its session is over.
    Over,
    /// It is held, and for how long.
    Held(Session, Limits),
}

/// Why a request went to its member.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Why {
    /// Its session says so.
    Held,
    /// The member of its session cannot have it.
    Moved,
    /// It showed no session.
    New,
}

impl Persist {
    /// That of a pool, where it is by cookie.
    pub(super) fn of(pool: &model::Pool) -> Option<Self> {
        let persistence = pool.session_persistence.as_ref()?;
        let kind = match &persistence.persistence {
            model::Persistence::SourceIp(_) => return None,
            model::Persistence::HttpCookie(settings) => Kind::Own {
                name: settings.cookie_name.clone().into_bytes(),
                // The configuration has refused what cannot be.
                set: SetCookie::new(&Attributes::from(settings)).ok()?,
                tells_caches: settings.cookie_cache_control,
            },
            model::Persistence::AppCookie {
                cookie_name,
                cookie_in_url,
            } => Kind::App {
                name: cookie_name.clone().into_bytes(),
                in_url: *cookie_in_url,
            },
        };
        Some(Self {
            pool: PoolTag::of(&pool.name),
            limits: Limits::of(persistence),
            kind,
        })
    }

    /// The pool and its limits, where sessions are held by the application's cookie.
    pub(super) fn of_application(&self) -> Option<(PoolTag, Limits)> {
        matches!(self.kind, Kind::App { .. }).then_some((self.pool, self.limits))
    }

    /// What a request shows of its session.
    pub(super) fn read<'q>(
        &self,
        sessions: &Sessions,
        counts: &PoolCounts,
        head: &'q Head,
        target: &'q [u8],
        now_s: u32,
    ) -> Shown<'q> {
        // There may be several of a name, of other paths or domains: one that is of use is taken.
        fn cookies_of<'q>(head: &'q Head, name: &[u8]) -> impl Iterator<Item = &'q [u8]> {
            head.values(Name::Cookie)
                .flat_map(move |header| cookies::all(header, name))
                .take(MOST_COOKIES)
        }
        match &self.kind {
            Kind::Own { name, .. } => {
                let mut first_refused = None;
                for value in cookies_of(head, name) {
                    let opened = token::open(&sessions.keys.load(), self.pool, value)
                        .and_then(|token| Ok((token, token::judge(&token, self.limits, now_s)?)));
                    match opened {
                        Ok((session, renewal)) => {
                            return Shown {
                                session: Some(session),
                                is_due: renewal == Renewal::Due,
                                value: None,
                            };
                        }
                        Err(refused) => first_refused = first_refused.or(Some(refused)),
                    }
                }
                if let Some(refused) = first_refused {
                    counts.refuse(refused);
                }
                Shown::default()
            }
            Kind::App { name, in_url } => {
                let of_target = in_url.then(|| url_session::find(target, name)).flatten();
                let mut first = None;
                for value in cookies_of(head, name).chain(of_target) {
                    let found = sessions.app_cookies.find(self.pool, value, self.limits, now_s);
                    let shown = Shown {
                        session: match found {
                            Found::Held(session) => Some(session),
                            Found::Expired(_) | Found::Absent => None,
                        },
                        is_due: false,
                        value: Some(value),
                    };
                    match found {
                        Found::Held(_) => return shown,
                        Found::Expired(_) => counts.expired.add(1),
                        Found::Absent => {}
                    }
                    first = first.or(Some(shown));
                }
                first.unwrap_or_default()
            }
        }
    }

    /// What there is about a cookie; it is not renewed.
    pub(super) fn look(&self, sessions: &Sessions, value: &[u8], now_s: u32) -> Looked {
        match &self.kind {
            Kind::Own { .. } => {
                let opened = token::open(&sessions.keys.load(), self.pool, value)
                    .and_then(|token| token::judge(&token, self.limits, now_s).map(|_| token));
                match opened {
                    Ok(session) => Looked::Held(session, token::granted(self.limits)),
                    Err(refused) => Looked::Refused(refused),
                }
            }
            Kind::App { .. } => match sessions.app_cookies.look(self.pool, value) {
                None => Looked::Unknown,
                Some(session) if self.limits.are_passed(session.times, now_s) => Looked::Over,
                Some(session) => Looked::Held(session, self.limits),
            },
        }
    }

    /// The value of a request's `Cookie` field without what is between the client and the balancer alone; none where it may
    /// go on as it came.
    pub(super) fn strip(&self, head: &Head, out: &mut Vec<u8>) -> Option<()> {
        let Kind::Own { name, .. } = &self.kind else {
            return None;
        };
        let mut was_there = None;
        for header in head.values(Name::Cookie) {
            let begin = out.len();
            if begin > 0 {
                out.extend_from_slice(b"; ");
            }
            let before = out.len();
            if cookies::without(header, name, out) != Removed::Nothing {
                was_there = Some(());
            }
            if out.len() == before {
                out.truncate(begin);
            }
        }
        was_there
    }

    /// Notes which member responds, and adds to the response what the client is to know: whole lines.
    pub(super) fn answer(&self, answer: &Answer<'_>, out: &mut Vec<u8>) {
        match &self.kind {
            Kind::Own {
                set, tells_caches, ..
            } => {
                if answer.why == Why::Held && !answer.shown.is_due {
                    return;
                }
                let created_s = match (answer.why, answer.shown.session) {
                    (Why::Held | Why::Moved, Some(session)) => session.times.created_s,
                    _ => answer.now_s,
                };
                let token = Session {
                    member: answer.member,
                    times: Times {
                        created_s,
                        seen_s: answer.now_s,
                    },
                };
                // Without randomness there is no cookie, and the client is balanced anew the next time.
                let Some(sealed) = token::seal(&answer.sessions.keys.load(), self.pool, &token) else {
                    return;
                };
                set.write_line(Change::Set(sealed.as_bytes()), answer.channel, out);
                if *tells_caches && !forbids_sharing(answer.response) {
                    out.extend_from_slice(b"Cache-Control: private\r\n");
                }
                if answer.why == Why::New {
                    answer.counts.created.add(1);
                }
            }
            Kind::App { name, .. } => self.learn(answer, name),
        }
    }

    fn learn(&self, answer: &Answer<'_>, name: &[u8]) {
        let Answer {
            sessions,
            counts,
            shown,
            member,
            now_s,
            ..
        } = answer;
        let table = &sessions.app_cookies;
        if let (Why::Moved, Some(value), Some(session)) = (answer.why, shown.value, shown.session) {
            let _: Moved = table.move_on(self.pool, value, session.member, *member, *now_s);
        }
        for header in answer.response.values(Name::SetCookie) {
            match set_cookie::learn(header, name, u64::from(*now_s)) {
                Some(set_cookie::Learned::Value(value)) => {
                    match table.learn(self.pool, value, *member, self.limits, *now_s) {
                        Learned::Created => counts.created.add(1),
                        Learned::CreatedFor { .. } => {
                            counts.evicted.add(1);
                            counts.created.add(1);
                        }
                        Learned::Restarted => {
                            counts.expired.add(1);
                            counts.created.add(1);
                        }
                        Learned::Same | Learned::Moved { .. } => {}
                    }
                }
                Some(set_cookie::Learned::Ends) => {
                    if let Some(value) = shown.value
                        && table.forget(self.pool, value).is_some()
                    {
                        counts.ended.add(1);
                    }
                }
                None => {}
            }
        }
    }
}

/// What a response is answered from.
pub(super) struct Answer<'a> {
    pub(super) sessions: &'a Sessions,
    pub(super) counts: &'a PoolCounts,
    pub(super) shown: &'a Shown<'a>,
    pub(super) why: Why,
    pub(super) member: MemberTag,
    pub(super) response: &'a Head,
    pub(super) channel: Channel,
    pub(super) now_s: u32,
}

impl Shown<'_> {
    /// The member of the session, if it can have the request.
    pub(super) fn member<'m>(&self, members: &'m [Arc<Member>], tried: &[u64]) -> Option<&'m Arc<Member>> {
        let session = self.session?;
        let mut members = members.iter();
        let member = members.find(|member| member.tag == session.member)?;
        (member.keeps_sessions() && !tried.contains(&member.id)).then_some(member)
    }

    /// Why a request that does not go to the member of its session goes elsewhere.
    pub(super) fn otherwise(&self) -> Why {
        if self.session.is_some() {
            Why::Moved
        } else {
            Why::New
        }
    }
}

/// Whether caches are told already to keep a response for nobody else.
fn forbids_sharing(response: &Head) -> bool {
    response.lists(Name::CacheControl, b"private") || response.lists(Name::CacheControl, b"no-store")
}

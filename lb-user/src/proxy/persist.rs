//! Session persistence: whose session a request belongs to, and what the response says of it.

mod by_address;
mod by_application;
pub(super) mod look;

use std::{
    cell::Cell,
    net::IpAddr,
    sync::{Arc, Mutex, atomic::AtomicU32},
};

pub(super) use by_address::Held;
use by_application::of_application;

use super::{counts::PoolCounts, pool::Member};
use crate::{
    http::{
        cookies,
        fields::Name,
        head::Head,
        set_cookie::{Attributes, Change, Channel, SetCookie},
    },
    model,
    persistence::{
        AppCookies, ByAddress, KeyRing, Limits, MemberTag, PoolTag, Session, Times,
        app_cookies::Found,
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
        /// The name that it is set by, and the other one that is taken: with and without a number, or the other way round, since
        /// that changes as pools come and go.
        names: [Vec<u8>; 2],
        set: SetCookie,
        tells_caches: bool,
    },
    /// The application's.
    App { name: Vec<u8>, in_url: bool },
    /// None: the client's address.
    Address(model::Granularity),
}

/// What a request showed of its session.
#[derive(Debug, Default)]
pub(super) struct Shown<'q> {
    session: Cell<Option<Session>>,
    is_due: bool,
    /// The application's cookie.
    value: Option<&'q [u8]>,
    /// Who asks, where that is what tells.
    client: Option<ByAddress>,
    /// Why its cookie is none, where it is so.
    pub(super) refused: Option<Refused>,
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

/// Whether a pool can have the name that is configured for its cookie.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum CookieName {
    AsConfigured,
    /// Another one has it: a number is put behind it.
    Taken,
}

/// The cookies of a name that are looked at. There may be several, of other paths or domains: one that is of use is taken.
fn cookies_of<'q>(head: &'q Head, name: &[u8]) -> impl Iterator<Item = &'q [u8]> {
    head.values(Name::Cookie)
        .flat_map(move |header| cookies::all(header, name))
        .take(MOST_COOKIES)
}

impl Persist {
    /// The names of the balancer's cookie, where it has one.
    pub(super) fn own_names(&self) -> Option<&[Vec<u8>; 2]> {
        match &self.kind {
            Kind::Own { names, .. } => Some(names),
            Kind::App { .. } | Kind::Address(_) => None,
        }
    }

    /// The name of the cookie by which sessions are recognised, where they are.
    pub(super) fn cookie_name(&self) -> Option<&[u8]> {
        match &self.kind {
            Kind::Own { names: [name, _], .. } | Kind::App { name, .. } => Some(name),
            Kind::Address(_) => None,
        }
    }

    /// That of a pool, where it has one.
    pub(super) fn of(pool: &model::Pool, cookie_name: CookieName) -> Option<Self> {
        let persistence = pool.session_persistence.as_ref()?;
        let tag = PoolTag::of(&pool.name);
        let kind = match &persistence.persistence {
            model::Persistence::SourceIp(granularity) => Kind::Address(*granularity),
            model::Persistence::HttpCookie(settings) => {
                let plain = settings.cookie_name.clone();
                let numbered = format!("{plain}-{:08x}", tag.0 >> 32);
                let names = match cookie_name {
                    CookieName::AsConfigured => [plain, numbered],
                    CookieName::Taken => [numbered, plain],
                };
                let mut attributes = Attributes::from(settings);
                attributes.name.clone_from(&names[0]);
                Kind::Own {
                    names: names.map(String::into_bytes),
                    // The configuration has refused what cannot be.
                    set: SetCookie::new(&attributes).ok()?,
                    tells_caches: settings.cookie_cache_control,
                }
            }
            model::Persistence::AppCookie {
                cookie_name,
                cookie_in_url,
            } => Kind::App {
                name: cookie_name.clone().into_bytes(),
                in_url: *cookie_in_url,
            },
        };
        Some(Self {
            pool: tag,
            limits: Limits::of(persistence),
            kind,
        })
    }

    /// The pool and its limits, where its sessions are remembered.
    pub(super) fn remembered(&self) -> Option<(PoolTag, Limits)> {
        let is_carried = matches!(self.kind, Kind::Own { .. });
        (!is_carried).then_some((self.pool, self.limits))
    }

    /// What a request shows of its session.
    pub(super) fn read<'q>(
        &self,
        sessions: &Sessions,
        counts: &PoolCounts,
        head: &'q Head,
        (target, client): (&'q [u8], IpAddr),
        now_s: u32,
    ) -> Shown<'q> {
        match &self.kind {
            Kind::Own {
                names: [own, other], ..
            } => {
                let opened = self.open(sessions, cookies_of(head, own), now_s);
                let opened = opened.or_else(|why| {
                    let by_other = self.open(sessions, cookies_of(head, other), now_s);
                    match by_other {
                        // It is to have the right name before another pool sets one by this.
                        Ok(shown) => Ok(Shown {
                            is_due: true,
                            ..shown
                        }),
                        Err(of_other) => Err(why.or(of_other.map(of_other_pool))),
                    }
                });
                opened.unwrap_or_else(|refused| {
                    if let Some(refused) = refused {
                        counts.refuse(refused);
                    }
                    Shown {
                        refused,
                        ..Shown::default()
                    }
                })
            }
            Kind::App { name, in_url } => {
                let mut first = None;
                for value in of_application(head, target, name, *in_url) {
                    let found = self.find(sessions, counts, value, now_s);
                    let shown = Shown {
                        session: session_of(found),
                        value: Some(value),
                        refused: matches!(found, Found::Expired(_)).then_some(Refused::Expired),
                        ..Shown::default()
                    };
                    if matches!(found, Found::Held(_)) {
                        return shown;
                    }
                    first = first.or(Some(shown));
                }
                first.unwrap_or_default()
            }
            Kind::Address(granularity) => {
                let client = ByAddress::of(client, *granularity);
                Shown {
                    session: session_of(self.find(sessions, counts, client.as_bytes(), now_s)),
                    client: Some(client),
                    ..Shown::default()
                }
            }
        }
    }

    fn find(&self, sessions: &Sessions, counts: &PoolCounts, value: &[u8], now_s: u32) -> Found {
        let found = sessions.app_cookies.find(self.pool, value, self.limits, now_s);
        if matches!(found, Found::Expired(_)) {
            counts.expired.add(1);
        }
        found
    }

    /// What the first of these cookies of the balancer's shows that is of use; otherwise why the first of all is none.
    fn open<'q>(
        &self,
        sessions: &Sessions,
        values: impl Iterator<Item = &'q [u8]>,
        now_s: u32,
    ) -> Result<Shown<'q>, Option<Refused>> {
        let mut first_refused = None;
        for value in values {
            let opened = token::open(&sessions.keys.load(), self.pool, value)
                .and_then(|token| Ok((token, token::judge(&token, self.limits, now_s)?)));
            match opened {
                Ok((session, renewal)) => {
                    return Ok(Shown {
                        session: Cell::new(Some(session)),
                        is_due: renewal == Renewal::Due,
                        ..Shown::default()
                    });
                }
                Err(refused) => first_refused = first_refused.or(Some(refused)),
            }
        }
        Err(first_refused)
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
                let created_s = match (answer.why, answer.shown.session.get()) {
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
            // It was held when its member was chosen.
            Kind::Address(_) => {}
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
    /// That was asked for, without its query.
    pub(super) path: &'a [u8],
    pub(super) channel: Channel,
    pub(super) now_s: u32,
}

impl Shown<'_> {
    /// The member of the session, if it can have the request.
    pub(super) fn member<'m>(&self, members: &'m [Arc<Member>], tried: &[u64]) -> Option<&'m Arc<Member>> {
        let session = self.session.get()?;
        let mut members = members.iter();
        let member = members.find(|member| member.tag == session.member)?;
        (member.keeps_sessions() && !tried.contains(&member.id)).then_some(member)
    }

    /// Why a request that does not go to the member of its session goes elsewhere.
    pub(super) fn otherwise(&self) -> Why {
        if self.session.get().is_some() {
            Why::Moved
        } else {
            Why::New
        }
    }
}

fn session_of(found: Found) -> Cell<Option<Session>> {
    Cell::new(match found {
        Found::Held(session) => Some(session),
        Found::Expired(_) | Found::Absent => None,
    })
}

/// Why a cookie that goes by another pool's name is none: most are that pool's, and nothing is wrong with them.
fn of_other_pool(refused: Refused) -> Refused {
    match refused {
        Refused::Forged => Refused::OtherPool,
        refused => refused,
    }
}

/// Whether caches are told already to keep a response for nobody else.
fn forbids_sharing(response: &Head) -> bool {
    response.lists(Name::CacheControl, b"private") || response.lists(Name::CacheControl, b"no-store")
}

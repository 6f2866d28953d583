//! Where a request would go, by the functions that decide for requests. Looking takes no turn, and renews no session.

use std::{
    collections::BTreeSet,
    net::{IpAddr, SocketAddr},
};

use super::{
    Look, admit::admit, persist::look::Looked, pool::Pool, respond::Own, route::Route, serving::Listener,
};
use crate::{
    http::head::{Head, Search},
    persistence::{Limits, Refused, Session},
};

/// A request that is asked about.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// Who makes it.
    pub client: IpAddr,
    /// The host that it is for.
    pub host: &'a str,
    /// Its path, and its query.
    pub path: &'a str,
    /// The value of the cookie that the pool looks for, whatever that is called.
    pub cookie: Option<&'a str>,
    /// Further header fields, each as `NAME: VALUE`.
    pub headers: &'a [String],
}

/// What becomes of a request.
#[derive(Debug)]
pub struct Foreseen {
    /// The policy that decides; none: it is the listener itself.
    pub policy: Option<String>,
    /// What it comes to.
    pub then: Then,
}

/// What a request comes to.
#[derive(Debug)]
pub enum Then {
    /// It is answered, and no member sees it.
    Answered {
        /// By this status.
        status: u16,
        /// Its client is sent there.
        location: Option<String>,
    },
    /// It is for no pool, and answered 503.
    Nowhere,
    /// It is for a member of this pool.
    Balanced {
        /// The pool's name.
        pool: String,
        /// The name of the cookie that the pool looks for, if it does.
        cookie_name: Option<String>,
        /// What its cookie says.
        cookie: Cookie,
        /// The name of the member that the algorithm would choose.
        next: Option<String>,
    },
}

/// What a cookie says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Cookie {
    /// There is none.
    None,
    /// The pool looks for no cookie.
    NotLookedFor,
    /// A cookie of the balancer's that is not taken.
    Refused(Refused),
    /// A cookie of the application's, or a client's address, that nothing is known of.
    Unknown,
    /// One of a session that is over.
    Over,
    /// It is held to a member.
    Held {
        /// The member's name; none: the pool has it no more.
        member: Option<String>,
        /// Since when.
        session: Session,
        /// For how long.
        limits: Limits,
    },
}

impl Look {
    /// What becomes of a request at the listener of that address; or why it is none.
    pub fn foresee(&self, listener: SocketAddr, request: &Request<'_>) -> Result<Foreseen, String> {
        let listener = self.serving.listeners.get(&listener);
        let listener = listener.ok_or_else(|| "the listener is not served".to_owned())?;
        let head = head(listener, request)?;
        let admitted = admit(&head, None).map_err(|_| refusal(request))?;
        let (policy, route) = listener.routed(&head, &admitted);
        Ok(Foreseen {
            policy: policy.map(|policy| policy.name.clone()),
            then: match route {
                Route::Answer(Own { status, location }) => Then::Answered {
                    status,
                    location: location.map(|location| String::from_utf8_lossy(&location).into_owned()),
                },
                Route::Nowhere => Then::Nowhere,
                Route::Pool(pool) => Then::Balanced {
                    pool: pool.name.clone(),
                    cookie_name: pool
                        .persist
                        .as_ref()
                        .and_then(|persist| persist.cookie_name())
                        .map(|name| String::from_utf8_lossy(name).into_owned()),
                    cookie: self.cookie(pool, &head, request.client),
                    next: pool.peek(request.client).map(|member| member.name.clone()),
                },
            },
        })
    }

    fn cookie(&self, pool: &Pool, head: &Head, client: IpAddr) -> Cookie {
        let (Some(persist), Some(sessions)) = (&pool.persist, &self.sessions) else {
            return Cookie::NotLookedFor;
        };
        match persist.look(sessions, head, client, self.now_s) {
            None => Cookie::None,
            Some(Looked::Refused(why)) => Cookie::Refused(why),
            Some(Looked::Unknown) => Cookie::Unknown,
            Some(Looked::Over) => Cookie::Over,
            Some(Looked::Held(session, limits)) => {
                let mut members = pool.members.iter();
                let member = members.find(|member| member.tag == session.member);
                Cookie::Held {
                    member: member.map(|member| member.name.clone()),
                    session,
                    limits,
                }
            }
        }
    }
}

/// As it would be read. What it is made of comes from the command line, and ends no line early.
fn head(listener: &Listener, request: &Request<'_>) -> Result<Head, String> {
    let Request {
        host,
        path,
        cookie,
        headers,
        ..
    } = request;
    let are_words = [host, path]
        .iter()
        .all(|text| text.bytes().all(|byte| byte.is_ascii_graphic()));
    if !path.starts_with('/') || !are_words {
        return Err(refusal(request));
    }
    let mut text = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n");
    let names = listener.routes.pools().filter_map(|pool| pool.persist.as_ref());
    let names: BTreeSet<_> = names
        .filter_map(|persist| persist.cookie_name())
        .map(String::from_utf8_lossy)
        .collect();
    let cookies = cookie
        .iter()
        .flat_map(|value| names.iter().map(move |name| format!("Cookie: {name}={value}")));
    for line in headers.iter().cloned().chain(cookies) {
        // One that says more than a field would be taken for what it is not.
        if line.contains(['\r', '\n']) {
            return Err(refusal(request));
        }
        text += &line;
        text += "\r\n";
    }
    text += "\r\n";
    let mut head = Head::default();
    let end = Search::default().end(text.as_bytes(), &listener.limits);
    let is_whole = matches!(end, Ok(Some(end)) if end == text.len());
    if is_whole && head.read_request(text.as_bytes(), &listener.limits).is_ok() {
        Ok(head)
    } else {
        Err(refusal(request))
    }
}

fn refusal(request: &Request<'_>) -> String {
    let Request { host, path, .. } = request;
    format!(
        "{path:?} of {host:?} is no request that the listener takes: a path begins with /, a host is a name or an \
         address, neither has blanks, and a header field is NAME: VALUE"
    )
}

//! What there is about a session that somebody asks about. It is not renewed by that.

use std::net::IpAddr;

use super::{Kind, Persist, Sessions, cookies_of, of_application};
use crate::{
    http::head::Head,
    persistence::{
        ByAddress, Limits, Session,
        token::{self, Refused},
    },
};

/// What there is about a cookie that somebody asks about.
#[derive(Debug)]
pub(in crate::proxy) enum Looked {
    /// It is the balancer's, and not taken.
    Refused(Refused),
    /// It is the application's, or the client's address, and nothing is known of it.
    Unknown,
    /// Its session is over.
    Over,
    /// It is held, and for how long.
    Held(Session, Limits),
}

impl Persist {
    /// What there is about the session that a request shows, which is not renewed; none where it shows none.
    pub(in crate::proxy) fn look(
        &self,
        sessions: &Sessions,
        head: &Head,
        client: IpAddr,
        now_s: u32,
    ) -> Option<Looked> {
        if let Kind::Address(granularity) = &self.kind {
            let client = ByAddress::of(client, *granularity);
            return Some(self.look_at(sessions, client.as_bytes(), now_s));
        }
        let values: Vec<&[u8]> = match &self.kind {
            Kind::Own { names, .. } => names.iter().flat_map(|name| cookies_of(head, name)).collect(),
            Kind::App { name, in_url } => of_application(head, head.target(), name, *in_url).collect(),
            Kind::Address(_) => Vec::new(),
        };
        let mut first = None;
        for value in values {
            match self.look_at(sessions, value, now_s) {
                found @ Looked::Held(..) => return Some(found),
                other => first = first.or(Some(other)),
            }
        }
        first
    }

    fn look_at(&self, sessions: &Sessions, value: &[u8], now_s: u32) -> Looked {
        match &self.kind {
            Kind::Own { .. } => {
                let opened = token::open(&sessions.keys.load(), self.pool, value)
                    .and_then(|token| token::judge(&token, self.limits, now_s).map(|_| token));
                match opened {
                    Ok(session) => Looked::Held(session, token::granted(self.limits)),
                    Err(refused) => Looked::Refused(refused),
                }
            }
            Kind::App { .. } | Kind::Address(_) => match sessions.app_cookies.look(self.pool, value) {
                None => Looked::Unknown,
                Some(session) if self.limits.are_passed(session.times, now_s) => Looked::Over,
                Some(session) => Looked::Held(session, self.limits),
            },
        }
    }
}

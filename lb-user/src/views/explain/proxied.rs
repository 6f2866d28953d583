//! Why a request goes where it goes: at listeners that the proxy serves.

mod sentences;

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use super::{By, Explanation, HeldSession, Question, find, reasons::served};
use crate::{
    model::{self, LoadBalancer, OperatingStatus, Persistence, Titled},
    persistence::{Limits, PoolTag, Session, Times, app_cookies::SessionId, network},
    proxy::{Cookie, Foreseen, Request, Then},
    views::{GONE, Refusal, Scene, Sight, Titles},
};

/// Members that are told of because they take no requests, at most.
const TOLD: usize = 20;

/// What is known when the sentences are made.
struct Facts<'a, 'c, S> {
    scene: &'a Scene<'c, S>,
    pool: &'c model::Pool,
    cookie_name: Option<&'a str>,
    cookie: &'a Cookie,
    next: Option<&'a str>,
    client: IpAddr,
    /// The value that was asked about, whatever the pool calls its cookie.
    value: Option<&'a str>,
    unix_s: u64,
}

pub(super) fn explain<S: Sight>(
    scene: &Scene<'_, S>,
    question: &Question,
    (balancer, listener): (&LoadBalancer, &model::Listener),
    unix_s: u64,
) -> Result<Explanation, Refusal> {
    let unknown = |name: &str| format!("pool {name} is not configured");
    let own = listener.pool.as_deref();
    let own = own
        .map(|name| scene.config.pool(name).ok_or_else(|| unknown(name)))
        .transpose()?;
    let mut explanation = Explanation {
        client: question.client,
        port: question.port,
        listener: listener.name.clone(),
        address: find::address(balancer, listener),
        pool: own.map(|own| own.name.clone()),
        algorithm: own.map(|own| own.algorithm),
        member: None,
        by: By::Nothing,
        policy: None,
        session: None,
        flows: Vec::new(),
        more_flows: 0,
        reasons: Vec::new(),
        display_names: Titles::default(),
    };
    explanation.display_names.note(listener);
    explanation.display_names.extend(own.map(Arc::as_ref));
    if !(balancer.admin_state_up && listener.admin_state_up) {
        explanation.reasons = vec![format!(
            "listener {} is switched off: nobody listens at its port",
            listener.title()
        )];
        return Ok(explanation);
    }
    let vip = SocketAddr::new(balancer.vip, listener.port);
    let asked = &question.request;
    let (host, path) = (asked.host.clone(), asked.path.as_deref());
    let request = Request {
        client: question.client,
        host: &host.unwrap_or_else(|| vip.to_string()),
        path: path.unwrap_or("/"),
        cookie: asked.cookie.as_ref().map(|value| value.0.as_str()),
        headers: &asked.headers,
    };
    let Foreseen { policy, then } = scene.look.foresee(vip, &request)?;
    explanation.reasons.push(format!(
        "listener {} is served by the proxy, which balances each request by itself",
        listener.title()
    ));
    if !listener.policies.is_empty() {
        let mut policies = listener.policies.iter();
        let policy = policies.find(|one| Some(&one.name) == policy.as_ref());
        let pool = match &then {
            Then::Balanced { pool, .. } => scene.config.pool(pool),
            Then::Answered { .. } | Then::Nowhere => None,
        };
        let (title, pool) = (policy.map(Titled::title), pool.map(|pool| pool.title()));
        explanation.reasons.push(routed(&request, title, pool));
        explanation.display_names.extend(policy);
        if asked.host.is_none() && asked.path.is_none() {
            let more =
                "its policies look at requests: --host, --path and --header ask for another one than that";
            explanation.reasons.push(more.into());
        }
    }
    explanation.policy = policy;
    match &then {
        Then::Answered { status, location } => {
            explanation.by = By::Policy;
            explanation.reasons.push(answered(*status, location.as_deref()));
        }
        Then::Nowhere => explanation.reasons.push(format!(
            "listener {} has no pool of its own: it is answered 503",
            listener.title()
        )),
        Then::Balanced {
            pool,
            cookie_name,
            cookie,
            next,
        } => {
            let pool = scene.config.pool(pool).ok_or_else(|| unknown(pool))?;
            explanation.pool = Some(pool.name.clone());
            explanation.display_names.note(pool.as_ref());
            explanation.algorithm = Some(pool.algorithm);
            let facts = Facts {
                scene,
                pool,
                cookie_name: cookie_name.as_deref(),
                cookie,
                next: next.as_deref(),
                client: question.client,
                value: request.cookie,
                unix_s,
            };
            facts.balance(&mut explanation);
        }
    }
    Ok(explanation)
}

/// Which policy decides, and for which pool; none: it is answered.
fn routed(request: &Request<'_>, policy: Option<&str>, pool: Option<&str>) -> String {
    let Request { host, path, .. } = request;
    match (policy, pool) {
        (None, Some(pool)) => {
            format!("no policy matches {path} of {host}: it is for the listener's own pool, {pool}")
        }
        (None, None) => format!("no policy matches {path} of {host}"),
        (Some(policy), Some(pool)) => {
            format!("policy {policy} matches {path} of {host}: it is for pool {pool}")
        }
        (Some(policy), None) => format!("policy {policy} matches {path} of {host}"),
    }
}

fn answered(status: u16, location: Option<&str>) -> String {
    match location {
        Some(location) => {
            format!("it is answered {status}, and its client sent to {location}: no member sees it")
        }
        None => format!("it is answered {status}: no member sees it"),
    }
}

impl<S: Sight> Facts<'_, '_, S> {
    fn balance(&self, explanation: &mut Explanation) {
        let by_algorithm = (
            self.next.map(ToOwned::to_owned),
            match self.next {
                Some(_) => By::Algorithm,
                None => By::Nothing,
            },
        );
        let mut sentences = Vec::new();
        let (member, by) = if let Cookie::Held {
            member,
            session,
            limits,
        } = self.cookie
        {
            let held = self.held_session(member.as_deref(), *session, *limits);
            let goes = match member {
                Some(member) if served(held.member_status) => {
                    self.held(&mut sentences, &held);
                    (Some(member.clone()), self.by())
                }
                _ => {
                    sentences.push(self.moves(&held));
                    by_algorithm
                }
            };
            explanation.session = Some(held);
            goes
        } else {
            sentences.push(self.no_session());
            sentences.push(self.chosen(explanation));
            by_algorithm
        };
        self.tell_of_members(&mut sentences);
        let held = explanation.session.as_ref().map(|held| &held.member);
        let named = self.pool.members.iter();
        let named = named.filter(|one| [member.as_ref(), held].contains(&Some(&one.name)));
        explanation.display_names.extend(named);
        explanation.member = member;
        explanation.by = by;
        explanation.reasons.extend(sentences);
    }

    fn held_session(&self, member: Option<&str>, session: Session, limits: Limits) -> HeldSession {
        let now_s = self.scene.look.now_s();
        let Times { created_s, seen_s } = session.times;
        let ends_in_s = limits.ends_in_s(session.times, now_s);
        HeldSession {
            network: self.network(),
            id: self.id(session),
            member: member.unwrap_or(GONE).to_owned(),
            member_status: member.and_then(|name| self.status(name)),
            first_seen_s_ago: now_s.saturating_sub(created_s),
            last_seen_s_ago: now_s.saturating_sub(seen_s),
            idle_timeout_s: self.idle_s(),
            ends_in_s,
            ends_at_unix_s: self.unix_s + u64::from(ends_in_s),
            ends_at_the_latest_in_s: limits.latest_in_s(session.times, now_s),
        }
    }

    /// What the session is called, where it is that of the value.
    fn id(&self, session: Session) -> Option<SessionId> {
        let (table, value) = (self.scene.look.app_cookies()?, self.value?.as_bytes());
        let pool = PoolTag::of(&self.pool.name);
        (table.look(pool, value) == Some(session)).then(|| table.id(pool, value))
    }

    fn persistence(&self) -> Option<&Persistence> {
        let persistence = self.pool.session_persistence.as_ref()?;
        Some(&persistence.persistence)
    }

    /// What decides for a client that is held.
    fn by(&self) -> By {
        match self.persistence() {
            Some(Persistence::SourceIp(_)) => By::Session,
            _ => By::Cookie,
        }
    }

    /// The network that shares the session.
    fn network(&self) -> Option<IpAddr> {
        match self.persistence()? {
            Persistence::SourceIp(granularity) => Some(network(self.client, *granularity)),
            Persistence::HttpCookie(_) | Persistence::AppCookie { .. } => None,
        }
    }

    fn idle_s(&self) -> u32 {
        let persistence = self.pool.session_persistence.as_ref();
        persistence.map_or(0, |persistence| persistence.idle_timeout_s)
    }

    fn status(&self, name: &str) -> Option<OperatingStatus> {
        Some(self.scene.member_status(self.pool, self.pool.member(name)?))
    }

    fn title<'n>(&'n self, member: &'n str) -> &'n str {
        self.pool.member(member).map_or(member, Titled::title)
    }
}

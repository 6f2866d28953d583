//! Why a request goes where it goes: at listeners that the proxy serves.

use std::net::SocketAddr;

use super::{
    By, Explanation, HeldSession, Question, find,
    reasons::{clock, duration, served},
};
use crate::{
    model::{self, LbAlgorithm, LoadBalancer, OperatingStatus, Persistence},
    persistence::{Limits, Refused, Session, Times},
    proxy::{Cookie, Foreseen, Request, Then},
    views::{GONE, Scene, Sight},
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
    unix_s: u64,
}

pub(super) fn explain<S: Sight>(
    scene: &Scene<'_, S>,
    question: &Question,
    (balancer, listener): (&LoadBalancer, &model::Listener),
    unix_s: u64,
) -> Result<Explanation, String> {
    let unknown = |name: &str| format!("pool {name} is not configured");
    let own = scene
        .config
        .pool(&listener.pool)
        .ok_or_else(|| unknown(&listener.pool))?;
    let mut explanation = Explanation {
        client: question.client,
        port: question.port,
        listener: listener.name.clone(),
        address: find::address(balancer, listener),
        pool: own.name.clone(),
        algorithm: own.algorithm,
        member: None,
        by: By::Nothing,
        policy: None,
        session: None,
        flows: Vec::new(),
        more_flows: 0,
        reasons: Vec::new(),
    };
    if !(balancer.admin_state_up && listener.admin_state_up) {
        explanation.reasons = vec![format!(
            "listener {} is switched off: nobody listens at its port",
            listener.name
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
        listener.name
    ));
    if !listener.policies.is_empty() {
        explanation
            .reasons
            .push(routed(&request, policy.as_deref(), &then));
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
        Then::Balanced {
            pool,
            cookie_name,
            cookie,
            next,
        } => {
            let pool = scene.config.pool(pool).ok_or_else(|| unknown(pool))?;
            explanation.pool.clone_from(&pool.name);
            explanation.algorithm = pool.algorithm;
            let facts = Facts {
                scene,
                pool,
                cookie_name: cookie_name.as_deref(),
                cookie,
                next: next.as_deref(),
                unix_s,
            };
            facts.balance(&mut explanation);
        }
    }
    Ok(explanation)
}

fn routed(request: &Request<'_>, policy: Option<&str>, then: &Then) -> String {
    let Request { host, path, .. } = request;
    match (policy, then) {
        (None, Then::Balanced { pool, .. }) => {
            format!("no policy matches {path} of {host}: it is for the listener's own pool, {pool}")
        }
        (None, Then::Answered { .. }) => format!("no policy matches {path} of {host}"),
        (Some(policy), Then::Balanced { pool, .. }) => {
            format!("policy {policy} matches {path} of {host}: it is for pool {pool}")
        }
        (Some(policy), Then::Answered { .. }) => format!("policy {policy} matches {path} of {host}"),
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
                    (Some(member.clone()), By::Cookie)
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
        explanation.member = member;
        explanation.by = by;
        explanation.reasons.extend(sentences);
    }

    fn held_session(&self, member: Option<&str>, session: Session, limits: Limits) -> HeldSession {
        let now_s = self.scene.look.now_s();
        let Times { created_s, seen_s } = session.times;
        let ends_in_s = limits.ends_in_s(session.times, now_s);
        HeldSession {
            network: None,
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

    fn idle_s(&self) -> u32 {
        let persistence = self.pool.session_persistence.as_ref();
        persistence.map_or(0, model::SessionPersistence::idle_timeout_s)
    }

    fn status(&self, name: &str) -> Option<OperatingStatus> {
        let mut members = self.pool.members.iter();
        let member = members.find(|member| member.name == name)?;
        Some(self.scene.member_status(self.pool, member))
    }

    fn held(&self, sentences: &mut Vec<String>, held: &HeldSession) {
        let model::Pool { name, algorithm, .. } = self.pool;
        let member = &held.member;
        // The balancer's is sealed anew only now and then.
        let seen = match self.persistence() {
            Some(Persistence::HttpCookie(_)) => "sealed",
            _ => "last seen",
        };
        sentences.push(format!(
            "held by its cookie with pool {name} until {} (idle {}, {seen} {} ago): its requests go to {member}",
            clock(held.ends_at_unix_s, self.unix_s),
            duration(held.idle_timeout_s),
            duration(held.last_seen_s_ago),
        ));
        sentences.push(match held.ends_at_the_latest_in_s {
            Some(latest_s) => format!(
                "each request holds it for longer, but not beyond {}: the session began {} ago",
                clock(self.unix_s + u64::from(latest_s), self.unix_s),
                duration(held.first_seen_s_ago)
            ),
            None => format!(
                "the session began {} ago; each request holds it for longer",
                duration(held.first_seen_s_ago)
            ),
        });
        sentences.push(match held.member_status {
            Some(OperatingStatus::Draining) => format!(
                "{member} is draining: it keeps its sessions and gets no new ones; once this one ends, {algorithm} \
                 chooses another member"
            ),
            Some(OperatingStatus::NoMonitor) => format!(
                "{member} counts as up, since nothing monitors it; where it cannot be reached, the session moves to the \
                 member that {algorithm} then chooses, and stays there"
            ),
            _ => format!(
                "{member} is up; if it went down, the session would move to the member that {algorithm} then chooses, \
                 and stay there"
            ),
        });
    }

    fn moves(&self, held: &HeldSession) -> String {
        let model::Pool { name, algorithm, .. } = self.pool;
        let known = if held.member_status.is_none() {
            format!("its cookie names a member that pool {name} does not have any more")
        } else {
            format!("its cookie names {}, which takes no requests", held.member)
        };
        match self.next {
            Some(next) => {
                format!("{known}: the next request moves it to {next}, chosen by {algorithm}, where it stays")
            }
            None => format!("{known}, and no other member takes new clients: it is answered 503"),
        }
    }

    fn persistence(&self) -> Option<&Persistence> {
        let persistence = self.pool.session_persistence.as_ref()?;
        Some(&persistence.persistence)
    }

    fn no_session(&self) -> String {
        let name = &self.pool.name;
        let Some(cookie) = self.cookie_name else {
            return format!("pool {name} recognises nobody by cookie");
        };
        match self.cookie {
            Cookie::Refused(why) => format!("its cookie {cookie} is as good as not there: {}", words(*why)),
            Cookie::Over => {
                format!("its session with pool {name} is over: it begins another when {cookie} is set again")
            }
            Cookie::Unknown => format!(
                "pool {name} knows no such {cookie}: no member has set it, as far as it remembers, or the session has \
                 ended"
            ),
            Cookie::None | Cookie::NotLookedFor | Cookie::Held { .. } => format!(
                "pool {name} recognises clients by the cookie {cookie}: --cookie tells of a request with one, this is \
                 one without"
            ),
        }
    }

    fn chosen(&self, explanation: &Explanation) -> String {
        let model::Pool { name, algorithm, .. } = self.pool;
        let Some(member) = self.next else {
            return format!("no member of pool {name} takes new clients: it is answered 503");
        };
        let why = match algorithm {
            LbAlgorithm::RoundRobin => "whose turn it is, until another request takes it".to_owned(),
            LbAlgorithm::LeastConnections => {
                "it has the fewest requests under way for its weight now".to_owned()
            }
            LbAlgorithm::SourceIp => format!(
                "by the hash of {}, as long as the members of the pool stay as they are",
                explanation.client
            ),
        };
        format!("{algorithm} gives it to {member}: {why}")
    }

    /// Who is passed over, and why.
    fn tell_of_members(&self, sentences: &mut Vec<String>) {
        let members = self.pool.members.iter();
        let mut passed_over = members.filter_map(|member| self.passed_over(member));
        sentences.extend(passed_over.by_ref().take(TOLD));
        let more = passed_over.count();
        if more > 0 {
            sentences.push(format!(
                "and {more} members more, which `holdfast status` tells of"
            ));
        }
    }

    fn passed_over(&self, member: &model::Member) -> Option<String> {
        let name = &member.name;
        match self.scene.member_status(self.pool, member) {
            OperatingStatus::Offline => Some(format!("{name} takes no requests: it is switched off")),
            OperatingStatus::Error => {
                let why = self.scene.health.why_down(&self.pool.name, name);
                Some(format!(
                    "{name} takes no requests: {}",
                    why.unwrap_or("it is down")
                ))
            }
            OperatingStatus::Draining => Some(format!(
                "{name} is draining: it has the requests of its sessions only"
            )),
            _ => None,
        }
    }
}

fn words(why: Refused) -> &'static str {
    match why {
        Refused::Malformed => "it is no cookie of the balancer's (no base64url text, or too short)",
        Refused::TooLong => "it is longer than any cookie of the balancer's",
        Refused::UnknownVersion => "it is of a version that this release does not know",
        Refused::UnknownKey => {
            "no key that this node has sealed it; `holdfast keys show` lists those that it has"
        }
        Refused::Forged => "its seal is broken: it was changed, made up, or is another pool's",
        Refused::OtherPool => "it is another pool's, whose cookie has that name",
        Refused::Expired => "its client stayed away for too long, or its longest time has passed",
        Refused::FromTheFuture => "it was sealed by a node whose clock is far ahead of this one's",
    }
}

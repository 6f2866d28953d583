//! Why a client goes where it goes, and until when.
//!
//! The order is the datapath's: live flow, held session, algorithm. What is said of a session and of the algorithm comes
//! from the functions that decide for packets.

mod find;
mod flows;
mod proxied;
mod question;
mod reasons;

use std::{collections::HashMap, net::IpAddr, sync::Arc};

use lb_common::{
    address::Address,
    flow::Record,
    schedule,
    session::{self, Plan, client_network},
    tables::{self, SessionKey},
    verdict::Reason,
};
use serde::{Deserialize, Serialize};

use super::{GONE, Refusal, Scene, Sight, Titles, endpoint, sessions::end_s};
use crate::{
    bpf::SessionEntry,
    model::{self, Config, LbAlgorithm, LoadBalancer, OperatingStatus, Protocol, Titled, Word as _},
    persistence::app_cookies::SessionId,
};
use flows::Flows;
pub use question::{AskedRequest, CookieValue, Question};

/// What there is not, where a sentence would name it.
const NONE: &str = "(none)";
/// The id of listeners' pools where they have none: an entry without members.
const NO_POOL: u32 = 0;

/// Why a client goes where it goes, and until when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Explanation {
    /// The client's address.
    pub client: IpAddr,
    /// Its port, where one flow is meant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// The listener's name.
    pub listener: String,
    /// Where the listener is: `PROTOCOL://VIP:PORT`.
    pub address: String,
    /// The pool's name; none: there is no pool for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pool: Option<String>,
    /// How the pool chooses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub algorithm: Option<LbAlgorithm>,
    /// Where its next packet goes, or its next connection where no port is given; none: it is refused.
    pub member: Option<String>,
    /// What decides that.
    pub by: By,
    /// The policy that decides where its request goes; none: no policy does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<String>,
    /// Its session, where it has one that is not over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<HeldSession>,
    /// Its flows, open ones before those that are closing, the latest first; not more than 32.
    pub flows: Vec<Flow>,
    /// Flows beyond these.
    pub more_flows: usize,
    /// All of this in sentences.
    pub reasons: Vec<String>,
    /// What people call what is named here.
    #[serde(default, skip_serializing_if = "Titles::is_empty")]
    pub display_names: Titles,
}

/// What decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum By {
    /// Its live flow.
    Flow,
    /// Its session.
    Session,
    /// The cookie of its request.
    Cookie,
    /// A policy of the listener, or the listener itself, which answers: no member sees the request.
    Policy,
    /// The pool's algorithm.
    Algorithm,
    /// Nothing: the listener is off, or no member takes new clients.
    Nothing,
}

/// The session of a client.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldSession {
    /// The client's network: all clients in it share the session. None where they are known by cookie.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network: Option<IpAddr>,
    /// What it is called in lists, where the client is known by the application's cookie.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<SessionId>,
    /// The member's name.
    pub member: String,
    /// How the member is doing; none: it is not configured any more.
    pub member_status: Option<OperatingStatus>,
    /// How long ago the session began, in seconds.
    pub first_seen_s_ago: u32,
    /// How long the client has been away, in seconds.
    pub last_seen_s_ago: u32,
    /// How long it may stay away, in seconds.
    pub idle_timeout_s: u32,
    /// How long the session holds if it stays away, in seconds.
    pub ends_in_s: u32,
    /// The same as a time, in seconds since 1970.
    pub ends_at_unix_s: u64,
    /// How long it holds at all, in seconds, where that is limited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ends_at_the_latest_in_s: Option<u32>,
}

/// A flow of the client.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Flow {
    /// The client's address and port.
    pub client: String,
    /// The member's name.
    pub member: String,
    /// How the member is doing; none: it is not configured any more.
    pub member_status: Option<OperatingStatus>,
    /// How far the flow has come: `opening`, `established`, `closing`, `reset` or `udp`.
    pub state: String,
    /// How long no packet has passed, in seconds.
    pub idle_s: u32,
    /// How long it is kept if none passes, in seconds.
    pub expires_in_s: u32,
}

/// What is known when the sentences are made.
struct Facts<'a> {
    question: &'a Question,
    listener: &'a model::Listener,
    pool: Option<&'a model::Pool>,
    is_on: bool,
    plan: Plan,
    unix_s: u64,
}

impl Facts<'_> {
    /// What people call the pool.
    fn pool(&self) -> &str {
        self.pool.map_or(NONE, Titled::title)
    }

    fn algorithm(&self) -> &str {
        self.pool.map_or(NONE, |pool| pool.algorithm.word())
    }
}

/// An explanation that is being looked into. It is shown one flow after the other, so that whoever asks need not wait for
/// all of them.
#[derive(Debug)]
pub struct Explainer {
    question: Question,
    flows: Flows,
}

impl Explainer {
    /// It was shown no flow yet; or what is wrong with the question.
    pub fn new<S: Sight>(scene: &Scene<'_, S>, question: Question) -> Result<Self, Refusal> {
        let (_, listener) = reachable(scene.config, &question)?;
        let id = scene.ids.listener(&listener.name);
        let flows = Flows::to(id, &question);
        Ok(Self { question, flows })
    }

    /// Whether it looks at flows: the proxy has none of the datapath's.
    pub fn looks_at_flows(&self) -> bool {
        self.flows.are_possible()
    }

    /// Takes a flow in, where it is of the client.
    pub fn note_flow<S: Sight>(&mut self, sight: &S, record: &Record) {
        self.flows.note(sight, record);
    }

    /// Explains, at `unix_s` seconds since 1970; or says why it cannot.
    pub fn finish<S: Sight>(mut self, scene: &Scene<'_, S>, unix_s: u64) -> Result<Explanation, Refusal> {
        let (balancer, listener) = reachable(scene.config, &self.question)?;
        if is_proxied(listener) {
            return proxied::explain(scene, &self.question, (balancer, listener), unix_s);
        }
        self.flows.sort();
        explain(scene, &self.question, &self.flows, unix_s)
    }
}

fn is_proxied(listener: &model::Listener) -> bool {
    matches!(listener.protocol(), Protocol::Http | Protocol::Https)
}

/// The listener that is asked about, where the client can reach it.
fn reachable<'c>(
    config: &'c Config,
    question: &Question,
) -> Result<(&'c LoadBalancer, &'c model::Listener), Refusal> {
    let (balancer, listener) = find::listener(config, &question.listener)?;
    if is_proxied(listener) {
        // A proxy in front may name a client of the other family, and what it names is not the sender of any packet.
        return Ok((balancer, listener));
    }
    if question.request != AskedRequest::default() {
        return Err(Refusal::Wrong(format!(
            "listener {} balances connections and sees no requests: leave --cookie, --header, --host and --path away",
            listener.title()
        )));
    }
    if question.client.is_ipv4() != balancer.vip.is_ipv4() {
        let (client, address) = (question.client, find::address(balancer, listener));
        return Err(Refusal::Wrong(format!(
            "{client} cannot reach {address}: of the two, one is IPv4 and the other IPv6"
        )));
    }
    let client = Address::from(question.client);
    if !client.may_be_source() || question.client == balancer.vip {
        return Err(Refusal::Wrong(format!(
            "no client is {}: packets that say so are dropped as `{}`",
            question.client,
            Reason::BadSource.label()
        )));
    }
    if question.port == Some(0) {
        return Err(Refusal::Wrong(format!(
            "no client has the port 0: packets that say so are dropped as `{}`",
            Reason::PortZero.label()
        )));
    }
    Ok((balancer, listener))
}

fn explain<S: Sight>(
    scene: &Scene<'_, S>,
    question: &Question,
    flows: &Flows,
    unix_s: u64,
) -> Result<Explanation, Refusal> {
    let Scene {
        ids, sight, config, ..
    } = *scene;
    let (balancer, listener) = reachable(config, question)?;
    let unknown = |pool: &str| format!("pool {pool} is not in the datapath");
    let pool = listener.pool.as_deref();
    let pool = pool
        .map(|name| config.pool(name).ok_or_else(|| unknown(name)))
        .transpose()?;
    let pool_id = match pool {
        Some(pool) => ids.pool(&pool.name).ok_or_else(|| unknown(pool.title()))?,
        None => NO_POOL,
    };
    let entry = sight.pool(pool_id).ok_or_else(|| unknown("0"))?;
    let network = client_network(entry, &question.client.into());
    let now_s = sight.now_s();

    let held = sight.session_entry(&SessionKey::new(&network, pool_id));
    let plan = session::plan(sight, entry, pool_id, held.map(|held| held.seen()), now_s);
    let held = held.filter(|_| matches!(plan, Plan::Renew | Plan::Move));
    let chosen = schedule::peek(sight, entry, &network);
    let names = Names::of(scene);
    let is_on = balancer.admin_state_up && listener.admin_state_up;
    let (member, by) = match (flows.live(), plan, held) {
        (Some(member), _, _) if question.port.is_some() => (Some(member), By::Flow),
        _ if !is_on => (None, By::Nothing),
        (_, Plan::Renew, Some(held)) => (Some(held.member), By::Session),
        _ if chosen.is_some() => (chosen, By::Algorithm),
        _ => (None, By::Nothing),
    };

    let mut explanation = Explanation {
        client: question.client,
        port: question.port,
        listener: listener.name.clone(),
        address: find::address(balancer, listener),
        pool: pool.map(|pool| pool.name.clone()),
        algorithm: pool.map(|pool| pool.algorithm),
        member: member.map(|id| names.name(id)),
        by,
        policy: None,
        session: held.map(|held| held_session(entry, &held, &names, now_s, unix_s)),
        flows: flows.listed(sight, &names),
        more_flows: flows.more(),
        reasons: Vec::new(),
        display_names: Titles::default(),
    };
    let titles = &mut explanation.display_names;
    titles.note(listener);
    titles.extend(pool.map(Arc::as_ref));
    let members = flows.members().chain(member).chain(held.map(|held| held.member));
    titles.extend(members.filter_map(|id| names.member(id)));
    let facts = Facts {
        question,
        listener,
        pool: pool.map(Arc::as_ref),
        is_on,
        plan,
        unix_s,
    };
    explanation.reasons = reasons::sentences(&explanation, &facts);
    Ok(explanation)
}

fn held_session(
    pool: &tables::Pool,
    held: &SessionEntry,
    names: &Names<'_>,
    now_s: u32,
    unix_s: u64,
) -> HeldSession {
    let ends_in_s = end_s(pool, held).saturating_sub(now_s);
    let absolute_s = pool.session_absolute_s.get();
    let absolute_end_s = held.first_seen_s.saturating_add(absolute_s);
    HeldSession {
        id: None,
        network: Some(held.key.client.into()),
        member: names.name(held.member),
        member_status: names.status(held.member),
        first_seen_s_ago: now_s.saturating_sub(held.first_seen_s),
        last_seen_s_ago: now_s.saturating_sub(held.last_seen_s),
        idle_timeout_s: pool.session_idle_s.get(),
        ends_in_s,
        ends_at_unix_s: unix_s + u64::from(ends_in_s),
        ends_at_the_latest_in_s: (absolute_s > 0).then(|| absolute_end_s.saturating_sub(now_s)),
    }
}

/// The members by id.
struct Names<'a>(HashMap<u32, (&'a model::Member, OperatingStatus)>);

impl<'a> Names<'a> {
    fn of<S: Sight>(scene: &Scene<'a, S>) -> Self {
        let members = scene.members_by_id().into_iter();
        Self(
            members
                .map(|(id, (pool, member))| (id, (member, scene.member_status(pool, member))))
                .collect(),
        )
    }

    fn name(&self, id: u32) -> String {
        self.member(id).map_or(GONE, |member| &member.name).to_owned()
    }

    fn member(&self, id: u32) -> Option<&'a model::Member> {
        self.0.get(&id).map(|(member, _)| *member)
    }

    fn status(&self, id: u32) -> Option<OperatingStatus> {
        self.0.get(&id).map(|(_, status)| *status)
    }
}

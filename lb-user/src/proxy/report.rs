//! What the proxy tells of itself: how things stand with listeners, pools and members, by name.

use std::collections::{BTreeMap, HashMap};

use lb_common::tables::MemberState;
use serde::{Deserialize, Serialize};

use crate::{histogram::Durations, model::titled, tls::server::Expiry};

use super::{
    counts::PoolCounts,
    pool::{Member, Pool},
    serving::{Listener, Serving},
};

/// How things stand.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// By name.
    pub listeners: HashMap<String, ListenerReport>,
    /// By name.
    pub pools: HashMap<String, PoolReport>,
    /// None where no request is noted.
    pub access_log: Option<LogReport>,
}

/// The access log, since the daemon began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogReport {
    /// Lines that could not be written, or not in time.
    pub lost_lines: u64,
}

/// The requests of a listener, since it was configured.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ListenerReport {
    /// Connections that were accepted.
    pub connections: u64,
    /// Those that are open at its address.
    pub open_connections: u64,
    /// Those that had to wait, since as many were open as may be.
    pub had_to_wait: u64,
    /// Bytes from clients, heads and bodies, without TLS and what is below it.
    pub bytes_in: u64,
    /// Bytes to clients.
    pub bytes_out: u64,
    /// None where it has no TLS.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls_handshakes: Option<HandshakeReport>,
    /// Until when its certificates are good.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub certificates: Vec<Expiry>,
    /// Connections that did not begin with the PROXY header that they owed, by reason; none where none is owed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proxy_protocol_refused: Option<BTreeMap<String, u64>>,
    /// Requests that were read.
    pub requests: u64,
    /// Responses by the first digit of their status, from 1 to 5.
    pub responses: [u64; 5],
    /// Those of them that were the balancer's own.
    pub own_responses: u64,
    /// How long requests took, from the first byte of the head to the last one of the response.
    pub request_times: Durations,
    /// Its policies, in the order in which they are asked; without those that are switched off or have no rule.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub policies: Vec<PolicyReport>,
}

/// The TLS handshakes of a listener, since it was configured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HandshakeReport {
    /// How many were whole ones.
    pub full: u64,
    /// By how many clients went on with a session of before.
    pub resumed: u64,
    /// How many came to nothing, also because the client went away.
    pub failed: u64,
}

/// A policy, since it was configured.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyReport {
    /// Its name.
    pub name: String,
    /// What people call it, where that is another one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    /// Requests that it decided.
    pub requests: u64,
}

titled!(PolicyReport);

/// The sessions and the members of a pool.
#[derive(Clone, Debug, Default)]
pub struct PoolReport {
    /// What became of sessions.
    pub sessions: ProxiedSessions,
    /// How long members took to respond, from when they were given a request.
    pub response_times: Durations,
    /// None where its members have no limit.
    pub queue: Option<QueueReport>,
    /// By name.
    pub members: HashMap<String, MemberReport>,
}

/// What became of the sessions of a pool, since it was configured.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProxiedSessions {
    /// How many began.
    pub created: u64,
    /// Requests that went to the member of their session.
    pub held: u64,
    /// Requests whose session went to another member, because its own could not have them.
    pub moved: u64,
    /// How many clients came back for too late.
    pub expired: u64,
    /// How many made room for others.
    pub evicted: u64,
    /// How many the application ended.
    pub ended: u64,
    /// Cookies that were not taken, by reason.
    pub refused: BTreeMap<String, u64>,
}

/// The requests of a pool that wait until a member has room, since it was configured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueueReport {
    /// How many wait now.
    pub now: u64,
    /// How many had to wait.
    pub queued: u64,
    /// How many were refused, because as many waited as may.
    pub full: u64,
    /// For how many no member had room in time.
    pub late: u64,
}

/// The requests of a member, since it was configured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberReport {
    /// Whether it takes any.
    pub state: MemberState,
    /// Why it takes none, where that is not for its health.
    pub why_down: Option<String>,
    /// How many it was given.
    pub requests: MemberRequests,
}

/// The requests of a member, or of all of a pool's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemberRequests {
    /// How many it was given.
    pub requests: u64,
    /// To how many it did not respond, or not to the end.
    pub failures: u64,
    /// Connections that were opened to it.
    pub connections: u64,
    /// Bytes to it, heads and bodies, without TLS and what is below it.
    #[serde(default)]
    pub bytes_in: u64,
    /// Bytes from it.
    #[serde(default)]
    pub bytes_out: u64,
    /// Requests that it has under way.
    pub active: u64,
}

impl MemberRequests {
    /// Those of both.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            requests: self.requests + other.requests,
            failures: self.failures + other.failures,
            connections: self.connections + other.connections,
            bytes_in: self.bytes_in + other.bytes_in,
            bytes_out: self.bytes_out + other.bytes_out,
            active: self.active + other.active,
        }
    }
}

impl Report {
    pub(super) fn of(serving: &Serving) -> Self {
        let listeners = serving.listeners.values();
        let pools = serving.pools.values();
        Self {
            listeners: listeners
                .map(|listener| (listener.name.clone(), of_listener(listener)))
                .collect(),
            pools: pools.map(|pool| (pool.name.clone(), of_pool(pool))).collect(),
            access_log: serving.log.as_ref().map(|_| LogReport {
                lost_lines: serving.lost_lines.get(),
            }),
        }
    }
}

fn of_listener(listener: &Listener) -> ListenerReport {
    let counts = &listener.counts;
    let refused = counts.refused().map(|(why, count)| (why.to_owned(), count));
    ListenerReport {
        connections: counts.connections.get(),
        open_connections: listener.room.taken() as u64,
        had_to_wait: counts.had_to_wait.get(),
        bytes_in: counts.traffic.read.get(),
        bytes_out: counts.traffic.written.get(),
        tls_handshakes: listener.tls.as_ref().map(|_| HandshakeReport {
            full: counts.handshakes.full.get(),
            resumed: counts.handshakes.resumed.get(),
            failed: counts.handshakes.failed.get(),
        }),
        certificates: listener
            .tls
            .as_ref()
            .map_or_else(Vec::new, |tls| tls.expiries.clone()),
        proxy_protocol_refused: listener.identity.accept_proxy_protocol.then(|| refused.collect()),
        requests: counts.requests.get(),
        responses: counts.responses(),
        own_responses: counts.own_responses.get(),
        request_times: counts.request_times.report(),
        policies: listener.routes.report(),
    }
}

fn of_pool(pool: &Pool) -> PoolReport {
    let counts = &pool.counts;
    PoolReport {
        sessions: of_sessions(counts),
        response_times: counts.response_times.report(),
        queue: pool.http.max_connections.map(|_| QueueReport {
            now: pool.queue.len() as u64,
            queued: counts.queued.get(),
            full: counts.queue_full.get(),
            late: counts.queue_late.get(),
        }),
        members: pool
            .members
            .iter()
            .map(|member| (member.name.clone(), of_member(member)))
            .collect(),
    }
}

fn of_sessions(counts: &PoolCounts) -> ProxiedSessions {
    let refused = counts.refused();
    ProxiedSessions {
        created: counts.created.get(),
        held: counts.held.get(),
        moved: counts.moved.get(),
        expired: counts.expired.get(),
        evicted: counts.evicted.get(),
        ended: counts.ended.get(),
        refused: refused
            .map(|(why, count)| (why.word().to_owned(), count))
            .collect(),
    }
}

/// The members that are ejected: their pools and names, and why.
pub(super) fn ejected(serving: &Serving) -> impl Iterator<Item = (&str, &str, String)> {
    let pools = serving
        .pools
        .iter()
        .filter(|(_, pool)| pool.http.outlier.is_some());
    pools.flat_map(|(name, pool)| {
        pool.members.iter().filter_map(move |member| {
            let why = member.standing.why_ejected()?;
            Some((name.as_str(), member.name.as_str(), why))
        })
    })
}

fn of_member(member: &Member) -> MemberReport {
    MemberReport {
        state: member.entry.state(),
        why_down: member.standing.why_ejected(),
        requests: MemberRequests {
            requests: member.counts.requests.get(),
            failures: member.counts.failures.get(),
            connections: member.counts.connections.get(),
            bytes_in: member.counts.traffic.written.get(),
            bytes_out: member.counts.traffic.read.get(),
            active: member.entry.active_flows.get().into(),
        },
    }
}

//! The flows of the client who is asked about.

use std::cmp::Reverse;

use lb_common::{
    address::Address,
    flow::{Record, State},
};

use super::{Flow, Names, Question, Sight, endpoint};

/// Flows that are listed, at most.
const LISTED: usize = 32;

/// A flow as it was when it was looked at.
#[derive(Debug)]
struct Seen {
    port: u16,
    member: u32,
    /// Whether the member takes its packets.
    goes_on: bool,
    state: State,
    last_seen_s: u32,
}

/// The client's flows to the listener.
#[derive(Debug)]
pub(super) struct Flows {
    /// The id of the listener, where it is in the datapath.
    listener: Option<u32>,
    client: Address,
    /// The client's port, where one flow is meant.
    port: Option<u16>,
    seen: Vec<Seen>,
}

impl Flows {
    /// None yet of those that are asked for.
    pub(super) fn to(listener: Option<u32>, question: &Question) -> Self {
        Self {
            listener,
            client: question.client.into(),
            port: question.port,
            seen: Vec::new(),
        }
    }

    /// Whether there can be any.
    pub(super) fn are_possible(&self) -> bool {
        self.listener.is_some()
    }

    /// Takes a flow in, where it is one of these.
    pub(super) fn note<S: Sight>(&mut self, sight: &S, record: &Record) {
        let port = record.client_port();
        if Some(record.listener.get()) == self.listener
            && record.client.load() == self.client
            && self.port.is_none_or(|asked| asked == port)
            && !record.is_expired(sight, sight.now_s())
        {
            self.seen.push(Seen {
                port,
                member: record.member.get(),
                goes_on: sight
                    .member(record.member.get())
                    .is_some_and(|member| record.stays_with(member, 0)),
                state: record.state_word().state(),
                last_seen_s: record.last_seen_s.get(),
            });
        }
    }

    /// Puts the most telling ones first: open ones, since of those that are closing there may be many.
    pub(super) fn sort(&mut self) {
        self.seen
            .sort_by_key(|flow| Reverse((flow.state.is_open(), flow.last_seen_s, flow.port)));
    }

    /// The member of the first that goes on where it is.
    pub(super) fn live(&self) -> Option<u32> {
        let mut seen = self.seen.iter();
        seen.find(|flow| flow.goes_on).map(|flow| flow.member)
    }

    /// How many are not listed.
    pub(super) fn more(&self) -> usize {
        self.seen.len().saturating_sub(LISTED)
    }

    /// The members of those that are listed.
    pub(super) fn members(&self) -> impl Iterator<Item = u32> {
        self.seen.iter().take(LISTED).map(|flow| flow.member)
    }

    /// The first ones, as they are told.
    pub(super) fn listed<S: Sight>(&self, sight: &S, names: &Names<'_>) -> Vec<Flow> {
        let listed = self.seen.iter().take(LISTED);
        listed.map(|flow| self.tell(flow, sight, names)).collect()
    }

    fn tell<S: Sight>(&self, flow: &Seen, sight: &S, names: &Names<'_>) -> Flow {
        let idle_s = sight.now_s().saturating_sub(flow.last_seen_s);
        let kept_s = sight
            .settings()
            .map_or(0, |settings| settings.flow_idle_s[flow.state as usize].get());
        Flow {
            client: endpoint(self.client.into(), flow.port),
            member: names.name(flow.member),
            member_status: names.status(flow.member),
            state: match flow.state {
                State::Unused => "unused",
                State::TcpSyn | State::TcpAnswered => "opening",
                State::TcpEstablished => "established",
                State::TcpFin => "closing",
                State::TcpReset | State::TcpDoubted => "reset",
                State::Udp => "udp",
            }
            .into(),
            idle_s,
            expires_in_s: kept_s.saturating_sub(idle_s),
        }
    }
}

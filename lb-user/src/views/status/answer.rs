//! What `status` answers.

use std::net::IpAddr;

use lb_common::tables;
use serde::{Deserialize, Serialize};

use crate::{
    health::{AllProbes, Probes},
    model::{ClosedPort, DataPlane, LbAlgorithm, OperatingStatus, Protocol, titled},
    next_hops::Hop,
    proxy::{Durations, ListenerReport, LogReport, MemberRequests, ProxiedSessions, QueueReport},
    views::{Packets, Refused},
};

/// How things stand.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// The daemon that says so.
    #[serde(default)]
    pub daemon: Daemon,
    /// The load balancers, in the order of the configuration.
    pub load_balancers: Vec<LoadBalancer>,
    /// The pools, in the order of the configuration.
    pub pools: Vec<Pool>,
    /// The load balancers of the management API of which not all is served that they are to be.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub refused: Vec<Refused>,
    /// What the daemon did, and how long it took.
    #[serde(default)]
    pub work: Work,
    /// Where the datapath is attached.
    pub interfaces: Vec<Interface>,
    /// How full the tables are.
    #[serde(default)]
    pub tables: Vec<Table>,
    /// What those are answered whom nothing is there for.
    #[serde(default)]
    pub closed_port: ClosedPort,
    /// Packets by what became of them, where any did.
    pub packets: Vec<Packets>,
    /// The access log; none where no request is noted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub access_log: Option<LogReport>,
}

/// What only the daemon itself can tell.
#[derive(Clone, Debug, Default)]
pub struct Doings {
    /// The load balancers of the management API of which not all is served that they are to be.
    pub refused: Vec<Refused>,
    /// What it did, and how long that took.
    pub work: Work,
    /// What its monitors did.
    pub probes: AllProbes,
}

/// What a daemon did since it began, and how long each time took.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Work {
    /// What became of the configuration that it was told last to take.
    pub reload: Reload,
    /// It made all of it equal to a changed configuration.
    pub applies: Durations,
    /// It looked for flows that are over, in slices between its other work.
    pub flow_sweeps: Durations,
    /// It looked for sessions that are over.
    pub session_sweeps: Durations,
}

/// What became of a configuration.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reload {
    /// It was taken; so was that of the start.
    #[default]
    Taken,
    /// It was refused, and the one of before goes on.
    Refused,
}

/// How full a table is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Table {
    /// Which: `load_balancers`, `listeners`, `pools`, `members`, `slots_of_schedules`, `flows`, `sessions`, `app_cookies`.
    pub name: String,
    /// What is in it; of flows and sessions, also what is over and was not swept yet.
    pub entries: u64,
    /// What it has room for.
    pub capacity: u64,
}

/// The process of a daemon.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Daemon {
    /// Its number.
    pub pid: u32,
    /// The version of its program.
    pub version: String,
    /// What it has clients served by.
    #[serde(default)]
    pub dataplane: DataPlane,
}

impl Daemon {
    pub(super) fn this(dataplane: DataPlane) -> Self {
        Self {
            pid: std::process::id(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            dataplane,
        }
    }
}

/// A load balancer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoadBalancer {
    /// Its name: what stays the same when people call it otherwise.
    pub name: String,
    /// What people call it, where that is another one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    /// Its address.
    pub vip: IpAddr,
    /// How it is doing.
    pub status: OperatingStatus,
    /// Its listeners.
    pub listeners: Vec<Listener>,
}

/// A listener.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listener {
    /// Its name: what stays the same when people call it otherwise.
    pub name: String,
    /// What people call it, where that is another one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    /// What it speaks.
    pub protocol: Protocol,
    /// Its port.
    pub port: u16,
    /// How it is doing.
    pub status: OperatingStatus,
    /// The name of its pool; none: it has none of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pool: Option<String>,
    /// What passed.
    #[serde(flatten)]
    pub traffic: Traffic,
    /// Its open flows.
    pub active_flows: u64,
    /// What its new flows meant for sessions; none where the proxy serves it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sessions: Option<SessionEvents>,
    /// Its requests; none where the datapath serves it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proxied: Option<ListenerReport>,
}

/// A pool.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pool {
    /// Its name: what stays the same when people call it otherwise.
    pub name: String,
    /// What people call it, where that is another one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    /// How it chooses.
    pub algorithm: LbAlgorithm,
    /// How it is doing.
    pub status: OperatingStatus,
    /// What passed, over its members.
    #[serde(flatten)]
    pub traffic: Traffic,
    /// Its open flows.
    pub active_flows: u64,
    /// Its sessions; none where it has no session persistence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sessions: Option<SessionCounts>,
    /// Its requests; none where the datapath serves it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proxied: Option<MemberRequests>,
    /// How long its members took to respond; none where the datapath serves it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response_times: Option<Durations>,
    /// Its requests that wait until a member has room; none where members have no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queue: Option<QueueReport>,
    /// Its sessions by cookie; none where it has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proxied_sessions: Option<ProxiedSessions>,
    /// How many of these the proxy remembers now; none where it remembers none: clients carry their own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remembered: Option<u64>,
    /// Its members.
    pub members: Vec<Member>,
}

/// A member.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// Its name: what stays the same when people call it otherwise.
    pub name: String,
    /// What people call it, where that is another one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    /// Where it is: its address, and its port where it has one of its own.
    pub address: String,
    /// Its weight.
    pub weight: u16,
    /// How it is doing.
    pub status: OperatingStatus,
    /// Why it gets no packets, where it should.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why_down: Option<String>,
    /// What passed.
    #[serde(flatten)]
    pub traffic: Traffic,
    /// Its open flows.
    pub active_flows: u64,
    /// Its sessions; none where its pool has no session persistence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sessions: Option<SessionCounts>,
    /// Its requests; none where the datapath serves it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proxied: Option<MemberRequests>,
    /// The sessions that the proxy remembers now; none where it remembers none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remembered: Option<u64>,
    /// What the probes of its monitor came to; none where it is not watched.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probes: Option<Probes>,
    /// The way to it; none where the datapath asks the kernel for each packet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_hop: Option<NextHop>,
}

titled!(LoadBalancer, Listener, Pool, Member);

/// Where packets to a member go next.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NextHop {
    /// The hardware address that frames go to.
    pub hardware_address: String,
    /// The interface that they leave by.
    pub interface_index: u32,
    /// The largest IP packet that passes, in bytes.
    pub mtu_bytes: u32,
}

impl From<Hop> for NextHop {
    fn from(hop: Hop) -> Self {
        Self {
            hardware_address: hop.to.map(|byte| format!("{byte:02x}")).join(":"),
            interface_index: hop.ifindex,
            mtu_bytes: hop.mtu_bytes,
        }
    }
}

/// What passed since it was configured. Bytes are counted from the IP header on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Traffic {
    /// Packets from clients.
    pub packets_in: u64,
    /// Bytes from clients.
    pub bytes_in: u64,
    /// Packets to clients.
    pub packets_out: u64,
    /// Bytes to clients.
    pub bytes_out: u64,
    /// Flows begun.
    pub new_flows: u64,
}

impl From<tables::Traffic> for Traffic {
    fn from(counted: tables::Traffic) -> Self {
        let tables::Traffic {
            packets_in,
            bytes_in,
            packets_out,
            bytes_out,
            new_flows,
            sessions: _,
        } = counted;
        Self {
            packets_in,
            bytes_in,
            packets_out,
            bytes_out,
            new_flows,
        }
    }
}

impl Traffic {
    pub(super) fn plus(self, other: Self) -> Self {
        Self {
            packets_in: self.packets_in + other.packets_in,
            bytes_in: self.bytes_in + other.bytes_in,
            packets_out: self.packets_out + other.packets_out,
            bytes_out: self.bytes_out + other.bytes_out,
            new_flows: self.new_flows + other.new_flows,
        }
    }
}

impl Pool {
    /// How many sessions there are now, of the datapath or of the proxy; none where nobody is held, or clients carry their own.
    #[must_use]
    pub fn sessions_now(&self) -> Option<u64> {
        self.sessions.map(|sessions| sessions.now).or(self.remembered)
    }
}

impl Member {
    /// The same of those with it.
    #[must_use]
    pub fn sessions_now(&self) -> Option<u64> {
        self.sessions.map(|sessions| sessions.now).or(self.remembered)
    }
}

/// The sessions of a pool, or with a member.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionCounts {
    /// How many there are now.
    pub now: u64,
    /// What became of these and others.
    #[serde(flatten)]
    pub events: SessionEvents,
    /// How many the kernel let go for others, as the last walk over all of them found: at least so many. None of a member.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evicted: Option<u64>,
}

/// What became of sessions. Those that nobody came back for end with their pool, not with a member or listener.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionEvents {
    /// How many were made.
    pub created: u64,
    /// New flows that went where their session said.
    pub held: u64,
    /// How many went to another member, because theirs took no packets; of a member: came to it.
    pub moved: u64,
    /// How many ended: their client stayed away, they were too old, or their member is gone.
    pub expired: u64,
}

impl From<tables::SessionCounts> for SessionEvents {
    fn from(counted: tables::SessionCounts) -> Self {
        let tables::SessionCounts {
            created,
            held,
            moved,
            expired,
        } = counted;
        Self {
            created,
            held,
            moved,
            expired,
        }
    }
}

/// An interface.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Interface {
    /// Its name.
    pub name: String,
    /// How the datapath is attached to it: `native` or `generic`; `detached` while it is gone.
    pub mode: String,
}

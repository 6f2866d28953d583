//! The backend servers: real sockets that tell who they are and whom they see.

mod servers;
mod tunnel;
pub(crate) mod web;

use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::{Context as _, Result};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::http::Certificate;
use crate::resident::Resident;
use crate::topology::{Family, Place};

/// Which ports a member serves, on all its addresses.
///
/// - TCP: for each line received, one line `NAME PEER`. The server says nothing by itself and never closes first.
/// - UDP: for each datagram received, the same.
/// - HTTP: `GET /health` is answered with 200 or 503 (see [`Member::set_health`]), any other path with 200 and the
///   line of the TCP server.
/// - Web: HTTP/1.1 and HTTP/2 as a whole, with or without TLS. What is answered stands in the query of the request: see [`crate::http`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Services {
    tcp: Vec<u16>,
    udp: Vec<u16>,
    http: Vec<u16>,
    web: Vec<u16>,
    web_over_tls: Option<(u16, Certificate)>,
    tunnels: Tunnels,
}

/// Whether a member unwraps what comes to it inside other packets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Tunnels {
    #[default]
    Closed,
    Open,
}

impl Services {
    /// None.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds TCP ports.
    #[must_use]
    pub fn tcp(mut self, ports: impl IntoIterator<Item = u16>) -> Self {
        self.tcp.extend(ports);
        self
    }

    /// Adds UDP ports.
    #[must_use]
    pub fn udp(mut self, ports: impl IntoIterator<Item = u16>) -> Self {
        self.udp.extend(ports);
        self
    }

    /// Adds HTTP ports.
    #[must_use]
    pub fn http(mut self, ports: impl IntoIterator<Item = u16>) -> Self {
        self.http.extend(ports);
        self
    }

    /// Adds ports of web servers.
    #[must_use]
    pub fn web(mut self, ports: impl IntoIterator<Item = u16>) -> Self {
        self.web.extend(ports);
        self
    }

    /// A port of a web server with TLS, and what it shows.
    #[must_use]
    pub fn web_over_tls(mut self, port: u16, certificate: &Certificate) -> Self {
        self.web_over_tls = Some((port, certificate.clone()));
        self
    }

    /// Unwraps IP packets that come inside others, of either family: what `ipip` wants of members.
    #[must_use]
    pub fn tunnels(mut self) -> Self {
        self.tunnels = Tunnels::Open;
        self
    }
}

/// What a member's `/health` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    /// 200
    Passing,
    /// 503
    Failing,
}

impl Health {
    /// The status.
    pub(crate) fn code(self) -> u16 {
        match self {
            Self::Passing => 200,
            Self::Failing => 503,
        }
    }
}

/// What a member has seen since it was made, also before it was last stopped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// TCP connections accepted, those to HTTP ports included.
    pub connections: u32,
    /// UDP datagrams received.
    pub datagrams: u32,
    /// Requests for `/health`.
    pub health_requests: u32,
    /// Other requests to web servers, as soon as their heads were there.
    pub requests: u32,
    /// How many of these were not answered yet, at most.
    pub most_at_once: u32,
    /// Connections to web servers that are open.
    pub open: u32,
}

/// What the servers of a member share.
#[derive(Debug, Default)]
struct Shared {
    name: String,
    unwell: AtomicBool,
    connections: AtomicU32,
    datagrams: AtomicU32,
    health_requests: AtomicU32,
    requests: AtomicU32,
    under_way: AtomicU32,
    most_at_once: AtomicU32,
    open: AtomicU32,
}

/// A backend server. On drop its sockets are closed.
#[derive(Debug)]
pub struct Member {
    shared: Arc<Shared>,
    services: Services,
    running: Mutex<Option<Running>>,
    resident: Resident,
    place: Arc<Place>,
}

/// The tasks of a member that serves, and the way to end them.
#[derive(Debug)]
struct Running {
    // Dropping it tells the tasks to end.
    stop: watch::Sender<()>,
    tasks: JoinSet<()>,
}

impl Member {
    pub(crate) fn start(place: Arc<Place>, services: &Services) -> Result<Self> {
        let shared = Arc::new(Shared {
            name: place.name.clone(),
            ..Shared::default()
        });
        let resident = Resident::new(&place.namespace, &place.name)?;
        let running = Mutex::default();
        let member = Self {
            shared,
            services: services.clone(),
            running,
            resident,
            place,
        };
        member.restart()?;
        Ok(member)
    }

    /// Serves again after [`Self::stop`]; a member that serves is stopped first.
    pub fn restart(&self) -> Result<()> {
        self.stop();
        let ends = match self.services.tunnels {
            Tunnels::Closed => Vec::new(),
            Tunnels::Open => self.place.own.to_vec(),
        };
        let addresses = [&self.place.own[..], &self.place.vips].concat();
        let services = self.services.clone();
        let shared = Arc::clone(&self.shared);
        let running = self
            .resident
            .run(async move { servers::start(&addresses, &ends, &services, &shared).await });
        *self.running() = Some(running.with_context(|| format!("{} cannot serve", self.name()))?);
        Ok(())
    }

    /// Ends the servers and their connections, as the end of their process would: who asks then is refused.
    /// Returns when the sockets are closed.
    pub fn stop(&self) {
        if let Some(Running { stop, tasks }) = self.running().take() {
            drop(stop);
            self.resident.run(tasks.join_all());
        }
    }

    /// Nothing leaves the member any more, as when its host hangs: no answer, no reset, no carrier lost.
    pub fn freeze(&self) -> Result<()> {
        self.place
            .namespace
            .tc(&["qdisc replace dev eth0 root blackhole"])
    }

    /// Undoes [`Self::freeze`].
    pub fn thaw(&self) -> Result<()> {
        self.place.namespace.tc(&["qdisc del dev eth0 root"])
    }

    /// Takes the member's link down; the balancer's end loses its carrier.
    pub fn unplug(&self) -> Result<()> {
        self.place.namespace.ip(&["link set eth0 down"])
    }

    /// Undoes [`Self::unplug`].
    pub fn plug(&self) -> Result<()> {
        self.place.namespace.ip(&self.place.uplink)
    }

    /// What `/health` says from now on; `Passing` at first.
    pub fn set_health(&self, health: Health) {
        self.shared
            .unwell
            .store(health == Health::Failing, Ordering::Relaxed);
    }

    /// The name with which it answers.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.place.name
    }

    /// Its address.
    #[must_use]
    pub fn address(&self, family: Family) -> IpAddr {
        match family {
            Family::V4 => self.place.own[0],
            Family::V6 => self.place.own[1],
        }
    }

    /// Its address with a port.
    #[must_use]
    pub fn socket(&self, family: Family, port: u16) -> SocketAddr {
        SocketAddr::new(self.address(family), port)
    }

    /// What it has seen so far.
    #[must_use]
    pub fn seen(&self) -> Seen {
        Seen {
            connections: self.shared.connections.load(Ordering::Relaxed),
            datagrams: self.shared.datagrams.load(Ordering::Relaxed),
            health_requests: self.shared.health_requests.load(Ordering::Relaxed),
            requests: self.shared.requests.load(Ordering::Relaxed),
            most_at_once: self.shared.most_at_once.load(Ordering::Relaxed),
            open: self.shared.open.load(Ordering::Relaxed),
        }
    }

    fn running(&self) -> MutexGuard<'_, Option<Running>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

//! The client: real sockets in the client's namespace.

mod exchange;

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::Result;
use tokio::sync::Mutex;
use tokio::task::JoinSet;

use crate::netns::Namespace;
use crate::resident::Resident;
use crate::tally::Tally;
use exchange::Channel;

/// How long a client waits for a whole exchange, unless told otherwise.
pub const TIMEOUT: Duration = Duration::from_secs(3);

/// The protocols of layer 4.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Protocol {
    /// TCP
    Tcp,
    /// UDP
    Udp,
}

impl Protocol {
    /// Both, for tests that hold for either.
    pub const BOTH: [Self; 2] = [Self::Tcp, Self::Udp];
}

/// As the configuration spells it.
impl fmt::Display for Protocol {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Tcp => "TCP",
            Self::Udp => "UDP",
        })
    }
}

/// How a client ends a TCP connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Closing {
    /// By FIN. The port stays in `TIME_WAIT` for a minute: for more than some 50,000 connections, vary the source.
    Graceful,
    /// By RST (`SO_LINGER` of zero): the port is free at once.
    Reset,
}

/// What a client does about a lost datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UdpRetry {
    /// Nothing: a test notices the loss.
    Never,
    /// Asks again, once, after half the time.
    Once,
}

#[derive(Clone, Copy, Debug)]
struct Settings {
    timeout: Duration,
    closing: Closing,
    udp_retry: UdpRetry,
}

/// Who answered, and what they saw.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The name of the member.
    pub member: String,
    /// The client's address and port as the member saw them.
    pub peer: SocketAddr,
    /// The client's address and port as they were.
    pub local: SocketAddr,
}

/// Asks members who they are. Cheap to clone; clones share the thread that lives in the namespace.
///
/// What fails does so with a kind that tells how: `ConnectionRefused`, `ConnectionReset`, `UnexpectedEof` (closed
/// in the middle), `TimedOut`, `InvalidData` (not the answer of a member).
#[derive(Clone, Debug)]
pub struct Client {
    resident: Arc<Resident>,
    settings: Settings,
}

impl Client {
    /// A client in a namespace.
    pub fn new(namespace: &Namespace) -> Result<Self> {
        let settings = Settings {
            timeout: TIMEOUT,
            closing: Closing::Graceful,
            udp_retry: UdpRetry::Never,
        };
        Ok(Self {
            resident: Arc::new(Resident::new(namespace, "client")?),
            settings,
        })
    }

    /// One that waits this long for a whole exchange.
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.settings.timeout = timeout;
        self
    }

    /// One that ends its TCP connections in this way.
    #[must_use]
    pub fn with_closing(mut self, closing: Closing) -> Self {
        self.settings.closing = closing;
        self
    }

    /// One that treats lost datagrams in this way.
    #[must_use]
    pub fn with_udp_retry(mut self, udp_retry: UdpRetry) -> Self {
        self.settings.udp_retry = udp_retry;
        self
    }

    /// Runs a future in the namespace.
    pub(crate) fn run<F>(&self, future: F) -> F::Output
    where
        F: Future<Output: Send + 'static> + Send + 'static,
    {
        self.resident.run(future)
    }

    /// How long it waits for a whole exchange.
    pub(crate) fn timeout(&self) -> Duration {
        self.settings.timeout
    }

    /// Connects, asks once and closes. With no source the kernel chooses one.
    pub fn ask_tcp(&self, source: Option<IpAddr>, vip: SocketAddr) -> io::Result<Answer> {
        self.ask(Protocol::Tcp, source, vip)
    }

    /// Asks with one datagram, from a port of its own.
    pub fn ask_udp(&self, source: Option<IpAddr>, vip: SocketAddr) -> io::Result<Answer> {
        self.ask(Protocol::Udp, source, vip)
    }

    /// Asks once, over either protocol.
    pub fn ask(&self, protocol: Protocol, source: Option<IpAddr>, vip: SocketAddr) -> io::Result<Answer> {
        self.resident
            .run(exchange::ask_once(protocol, source, vip, self.settings))
    }

    /// Opens a TCP connection and keeps it.
    pub fn connect(&self, source: Option<IpAddr>, vip: SocketAddr) -> io::Result<Conversation> {
        self.open(Protocol::Tcp, source, vip)
    }

    /// Opens a flow of either protocol and keeps it: every question goes out from the same port.
    pub fn open(
        &self,
        protocol: Protocol,
        source: Option<IpAddr>,
        vip: SocketAddr,
    ) -> io::Result<Conversation> {
        let channel = self
            .resident
            .run(Channel::open(protocol, source, vip, self.settings))?;
        Ok(Conversation {
            local: channel.local(),
            channel: Arc::new(Mutex::new(channel)),
            settings: self.settings,
            resident: Arc::clone(&self.resident),
        })
    }

    /// Asks over `count` new TCP connections, `concurrency` at a time, the n-th from `sources(n)`.
    pub fn sweep_connections(
        &self,
        count: usize,
        sources: impl FnMut(usize) -> IpAddr,
        vip: SocketAddr,
        concurrency: usize,
    ) -> Tally {
        self.sweep(Protocol::Tcp, count, sources, vip, concurrency)
    }

    /// [`Self::sweep_connections`], over either protocol: with UDP, each datagram is a flow of its own.
    pub fn sweep(
        &self,
        protocol: Protocol,
        count: usize,
        sources: impl FnMut(usize) -> IpAddr,
        vip: SocketAddr,
        concurrency: usize,
    ) -> Tally {
        let sources: Arc<[IpAddr]> = (0..count).map(sources).collect();
        let next = Arc::new(AtomicUsize::new(0));
        let settings = self.settings;
        self.resident.run(async move {
            let mut askers = JoinSet::new();
            for _ in 0..concurrency.clamp(1, count.max(1)) {
                let (sources, next) = (Arc::clone(&sources), Arc::clone(&next));
                askers.spawn(async move {
                    let mut tally = Tally::default();
                    while let Some(&source) = sources.get(next.fetch_add(1, Ordering::Relaxed)) {
                        match exchange::ask_once(protocol, Some(source), vip, settings).await {
                            Ok(answer) => tally.record(source, &answer.member),
                            Err(error) => tally.fail(source, &error),
                        }
                    }
                    tally
                });
            }
            askers
                .join_all()
                .await
                .into_iter()
                .fold(Tally::default(), Tally::merge)
        })
    }
}

/// A flow that is kept open. Dropping it closes it.
#[derive(Debug)]
pub struct Conversation {
    local: SocketAddr,
    // Before the runtime that it is registered with, so that it is closed by it.
    channel: Arc<Mutex<Channel>>,
    settings: Settings,
    resident: Arc<Resident>,
}

impl Conversation {
    /// Asks who is at the other end. After a failure one may ask again.
    pub fn ask(&self) -> io::Result<Answer> {
        let (channel, settings) = (Arc::clone(&self.channel), self.settings);
        self.resident
            .run(async move { channel.lock().await.ask(settings).await })
    }

    /// The client's own address and port.
    #[must_use]
    pub fn local(&self) -> SocketAddr {
        self.local
    }
}

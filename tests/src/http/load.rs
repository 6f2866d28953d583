//! Requests of all kinds, again and again, while something happens: none of them is lost.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};

use super::{Ask, Http2, Jar, Reply, Scheme, Wire, streams};
use crate::client::Client;
use crate::eventually::try_eventually;
use crate::netns::Namespace;
use crate::site::Site;
use crate::topology::Family;

const WITHIN: Duration = Duration::from_secs(20);

/// What may become of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Connections {
    /// It is kept.
    Stay,
    /// It ends after a response that says so, or when it has said that what is under way is the last.
    MayEnd,
}

/// Requests that are made.
#[derive(Debug)]
pub struct Load {
    namespace: Arc<Namespace>,
    client: Client,
    vip: SocketAddr,
    connections: Connections,
    answered: AtomicUsize,
    is_over: AtomicBool,
}

impl Load {
    /// Requests to the HTTP listener of a site.
    #[must_use]
    pub fn on(site: &Site, connections: Connections) -> Self {
        Self {
            namespace: Arc::clone(site.lab().client_namespace()),
            client: site.lab().client().clone(),
            vip: site.vip(Family::V4, Scheme::Http),
            connections,
            answered: AtomicUsize::new(0),
            is_over: AtomicBool::new(false),
        }
    }

    /// Asks while something happens: over connections that are kept, by a session with bodies that take a while, over new
    /// connections, and over streams. Each request is answered with 200, and the session never moves.
    pub fn run_while(&self, happens: impl FnOnce(&Self) -> Result<()>) -> Result<()> {
        thread::scope(|scope| {
            let loads = [
                ("one connection", scope.spawn(|| self.ask_over_one())),
                ("a session", scope.spawn(|| self.ask_in_a_session())),
                ("new connections", scope.spawn(|| self.ask_over_new_ones())),
                (
                    "streams of one connection",
                    scope.spawn(|| self.ask_over_streams()),
                ),
            ];
            let happened = self.await_more().and_then(|()| happens(self));
            let happened = happened.and_then(|()| self.await_more());
            self.is_over.store(true, Ordering::Relaxed);
            for (which, load) in loads {
                load.join().expect("it does not panic").context(which)?;
            }
            happened
        })
    }

    /// Waits until a good many more are answered.
    pub fn await_more(&self) -> Result<()> {
        let before = self.answered.load(Ordering::Relaxed);
        try_eventually("requests to be answered", WITHIN, || {
            self.is_over.load(Ordering::Relaxed) || self.answered.load(Ordering::Relaxed) >= before + 40
        })
    }

    fn repeat(&self, mut ask: impl FnMut() -> Result<Reply>) -> Result<()> {
        let outcome = (|| {
            while !self.is_over.load(Ordering::Relaxed) {
                let reply = ask()?;
                ensure!(reply.status == 200, "{reply:?}");
                self.answered.fetch_add(1, Ordering::Relaxed);
            }
            Ok(())
        })();
        // Nobody waits for one that has failed.
        self.is_over.store(true, Ordering::Relaxed);
        outcome
    }

    fn connect(&self) -> Result<Wire> {
        Wire::connect_in(&self.namespace, None, self.vip)
    }

    /// Asks over a connection, and has another one afterwards where the response says that it was the last.
    fn ask_on(
        &self,
        wire: &mut Wire,
        ask: impl FnOnce(&mut Wire) -> std::io::Result<Reply>,
    ) -> Result<Reply> {
        let reply = ask(wire)?;
        if self.connections == Connections::MayEnd && reply.values("connection") == ["close"] {
            *wire = self.connect()?;
        }
        Ok(reply)
    }

    fn ask_over_one(&self) -> Result<()> {
        let mut wire = self.connect()?;
        self.repeat(|| self.ask_on(&mut wire, |wire| wire.get("/")))
    }

    fn ask_in_a_session(&self) -> Result<()> {
        let mut wire = self.connect()?;
        let mut jar = Jar::default();
        self.repeat(|| self.ask_on(&mut wire, |wire| wire.browse("/?size=5000&drip_ms=2", &mut jar)))
    }

    fn ask_over_new_ones(&self) -> Result<()> {
        self.namespace
            .enter(|| self.repeat(|| Ok(Wire::connect(None, self.vip)?.get("/")?)))?
    }

    fn ask_over_streams(&self) -> Result<()> {
        let connect = || -> Result<Http2> { self.client.http2(self.vip) };
        let mut http2 = connect()?;
        self.repeat(|| match http2.ask(Ask::get("/")) {
            Err(error) if self.connections == Connections::MayEnd && streams::was_not_taken(&error) => {
                http2 = connect()?;
                http2.ask(Ask::get("/"))
            }
            outcome => outcome,
        })
    }
}

//! The proxy of HTTP and HTTPS listeners.
//!
//! ```text
//! accept -> admit -> route to a pool -> choose a member -> connect -> forward -> respond
//! ```
//!
//! Each worker is a thread of its own with its own sockets (`SO_REUSEPORT`), so that a request is served by one thread from
//! its first byte to its last, with nothing locked. One task a connection does all of that: a request is not handed from
//! one to another.

mod accept;
mod admit;
mod asker;
mod below_tls;
mod body;
mod buffer;
mod choose;
mod counts;
mod date;
mod door;
mod encode;
mod exchange;
mod fault;
mod files;
mod foresee;
mod gather;
mod greeting;
mod http1;
mod http2;
mod io;
mod log;
mod look;
mod outlier;
mod own_cookies;
mod persist;
mod pool;
mod queue;
mod receive;
mod remembered;
mod report;
mod request_id;
mod respond;
mod room;
mod route;
mod sending;
mod serving;
mod slow_start;
mod sockets;
mod stream;
#[cfg(test)]
mod tests;
mod timer;
mod times;
mod tunnel;
mod turn;
mod upstream;
mod worker;

use std::{
    collections::HashMap,
    io::Error,
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering::Relaxed},
    },
    thread::{self, JoinHandle},
};

use arc_swap::ArcSwap;
use tokio::{
    runtime,
    sync::mpsc::{UnboundedSender, unbounded_channel},
    task::LocalSet,
};
use tracing::warn;

pub use crate::histogram::{DurationBucket, Durations, Quantile};
pub use crate::tls::server::Expiry;
use crate::{
    health::Health,
    model::Config,
    persistence::{KeyFile, KeyRing, keys::KeyFileError},
};
use files::Files;
pub use foresee::{Cookie, Foreseen, Request, Then};
pub(crate) use greeting::NoHeader;
use log::Tap;
pub(crate) use log::{Follower, Hearing};
pub use look::Look;
use persist::Sessions;
pub use report::{
    HandshakeReport, ListenerReport, LogReport, MemberRequests, PolicyReport, ProxiedSessions, QueueReport,
    Report,
};
use serving::{Loaded, Resources, Serving};
use sockets::{OfWorkers, Sockets};
use worker::Command;
pub use worker::Idle;
pub(crate) use worker::unix_s;

/// What the keys of cookies lie in, beside the rest of the daemon's state.
pub const KEY_FILE: &str = "cookie-keys";

/// Where `config` has the proxy listen.
pub(crate) fn addresses(config: &Config) -> impl Iterator<Item = SocketAddr> {
    serving::listeners(config).map(|configured| configured.address)
}

/// The workers, and what they serve.
#[derive(Default)]
pub struct Proxy {
    workers: Vec<Worker>,
    sockets: Sockets,
    /// What an earlier daemon or the service manager passed on, and is not used yet.
    inherited: Sockets,
    serving: Arc<Serving>,
    sessions: Option<Arc<Sessions>>,
    state_path: PathBuf,
}

struct Worker {
    commands: UnboundedSender<Command>,
    thread: JoinHandle<()>,
}

/// What is to be served next: all that can fail has been done for it.
pub struct Prepared {
    loaded: Loaded,
    /// At addresses that are new.
    sockets: Sockets,
    /// The same ones.
    of_workers: OfWorkers,
    keys: Option<Arc<KeyRing>>,
}

impl Proxy {
    /// One that listens at these sockets where it is to listen there, rather than at new ones.
    #[must_use]
    pub fn inheriting(sockets: Vec<TcpListener>) -> Self {
        Self {
            inherited: sockets::by_address(sockets),
            ..Self::default()
        }
    }

    /// Prepares what `config` wants served; what is served stays as it is. The first time that there is something to serve,
    /// it starts the workers.
    pub fn prepare(&mut self, config: &Config) -> anyhow::Result<Prepared> {
        self.prepare_by(config, Files::Again)
    }

    /// The same where files are read for that only which has changed.
    pub fn prepare_changed(&mut self, config: &Config) -> anyhow::Result<Prepared> {
        self.prepare_by(config, Files::WhereChanged)
    }

    fn prepare_by(&mut self, config: &Config, files: Files) -> anyhow::Result<Prepared> {
        let loaded = self.load(config, files)?;
        let mut addresses = addresses(config).peekable();
        if addresses.peek().is_none() {
            return Ok(Prepared {
                loaded,
                sockets: Sockets::new(),
                of_workers: sockets::deal(&Sockets::new(), self.workers.len())?,
                keys: None,
            });
        }
        let path = config.daemon.state_path.join(KEY_FILE);
        let keys = match &self.sessions {
            None => Arc::new(KeyFile::at(&path).load_or_create(unix_s())?),
            Some(sessions) if files == Files::WhereChanged => sessions.keys.load_full(),
            Some(sessions) => keys_again(&path, sessions.keys.load_full())?,
        };
        if self.sessions.is_none() {
            self.start_workers(config, Arc::clone(&keys))?;
        }
        let workers = self.workers.len();
        let new = addresses.filter(|address| !self.sockets.contains_key(address));
        let sockets = sockets::provide(new, &self.inherited, workers)?;
        Ok(Prepared {
            of_workers: sockets::deal(&sockets, workers)?,
            sockets,
            loaded,
            keys: Some(keys),
        })
    }

    fn start_workers(&mut self, config: &Config, keys: Arc<KeyRing>) -> anyhow::Result<()> {
        let among = match config.proxy.workers {
            Some(workers) => workers.into(),
            None => thread::available_parallelism().map_or(1, usize::from),
        };
        let sessions = Arc::new(Sessions {
            keys: ArcSwap::new(keys),
            app_cookies: remembered::read(&config.daemon.state_path, config.proxy.max_app_cookies as usize)?,
            saving: Mutex::default(),
            clock_offset_s: AtomicU32::new(0),
        });
        let workers = (0..among).map(|index| start_worker(index, &sessions));
        self.workers = workers.collect::<Result<_, _>>()?;
        self.sessions = Some(sessions);
        self.state_path.clone_from(&config.daemon.state_path);
        Ok(())
    }

    /// Where requests are followed.
    pub(crate) fn tap(&self) -> &Tap {
        &self.serving.tap
    }

    /// How things stand.
    #[must_use]
    pub fn report(&self) -> Report {
        Report::of(&self.serving)
    }

    /// The members that are given no requests for a while, since they failed one after another: their pools and names, and why.
    pub fn ejected(&self) -> impl Iterator<Item = (&str, &str, String)> {
        report::ejected(&self.serving)
    }

    /// The time of the workers.
    fn unix_s(&self) -> u32 {
        let offset_s = self
            .sessions
            .as_ref()
            .map_or(0, |sessions| sessions.clock_offset_s.load(Relaxed));
        worker::unix_s().wrapping_add(offset_s)
    }

    /// Lets time pass, for a test.
    pub fn set_clock_offset(&self, offset_s: u32) {
        if let Some(sessions) = &self.sessions {
            sessions.clock_offset_s.store(offset_s, Relaxed);
        }
    }

    /// Serves what was prepared for that configuration. Connections of what is not served any more end with their request.
    pub fn serve(&mut self, prepared: Prepared, config: &Config, health: &Health) {
        let Prepared {
            loaded,
            sockets,
            of_workers,
            keys,
        } = prepared;
        if let (Some(sessions), Some(keys)) = (&self.sessions, keys) {
            sessions.keys.store(keys);
        }
        self.serving = self.next_serving(config, health, &Resources::New(loaded));
        self.sockets
            .retain(|address, _| self.serving.listeners.contains_key(address));
        for (worker, of_worker) in self.workers.iter().zip(of_workers) {
            // One that has ended has said why.
            let _ = worker
                .commands
                .send(Command::Serve(Arc::clone(&self.serving), of_worker));
        }
        self.sockets.extend(sockets);
        let mut unused = std::mem::take(&mut self.inherited);
        unused.retain(|address, _| !self.sockets.contains_key(address));
        sockets::warn_of_unused(&unused);
    }

    /// The listening sockets, by address.
    #[must_use]
    pub fn sockets(&self) -> &HashMap<SocketAddr, Vec<TcpListener>> {
        &self.sockets
    }

    fn next_serving(&self, config: &Config, health: &Health, resources: &Resources) -> Arc<Serving> {
        Arc::new(Serving::new(
            config,
            health,
            resources,
            &self.serving,
            self.unix_s(),
        ))
    }

    /// Takes over what was found of the members.
    pub fn set_health(&mut self, config: &Config, health: &Health) {
        self.serving = self.next_serving(config, health, &Resources::AsBefore);
        for worker in &self.workers {
            let _ = worker
                .commands
                .send(Command::Serve(Arc::clone(&self.serving), Vec::new()));
        }
    }

    /// Accepts no more.
    pub fn stop_accepting(&mut self, idle: Idle) {
        self.sockets.clear();
        for worker in &self.workers {
            // One that has ended has said why.
            let _ = worker.commands.send(Command::Drain(idle));
        }
        // Who was accepted and waits has nobody else to be served by.
        self.serving
            .listeners
            .values()
            .for_each(|listener| listener.room.let_all_in());
    }

    /// Done when no request is under way, after [`Self::stop_accepting`].
    pub async fn drained(&self) {
        for worker in &self.workers {
            worker.commands.closed().await;
        }
    }

    /// Ends, also what is still under way.
    pub fn end(&mut self) {
        for worker in &self.workers {
            let _ = worker.commands.send(Command::End);
        }
        for worker in self.workers.drain(..) {
            // If it panicked, that was said.
            let _ = worker.thread.join();
        }
    }
}

/// The keys at a reload: without those that it was sealed by, no cookie would be taken any more.
fn keys_again(path: &Path, keys: Arc<KeyRing>) -> Result<Arc<KeyRing>, KeyFileError> {
    if let Some(keys) = KeyFile::at(path).load_or_restore(&keys)? {
        return Ok(Arc::new(keys));
    }
    let path = path.display();
    warn!("{path} was gone, and is written anew with the keys that are in use");
    Ok(keys)
}

fn start_worker(index: usize, sessions: &Arc<Sessions>) -> Result<Worker, Error> {
    let (commands, receiver) = unbounded_channel();
    let sessions = Arc::clone(sessions);
    let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
    let thread = thread::Builder::new()
        .name(format!("proxy-{index}"))
        .spawn(move || {
            LocalSet::new().block_on(&runtime, worker::run(index, sessions, receiver));
        })?;
    Ok(Worker { commands, thread })
}

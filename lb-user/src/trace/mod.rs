//! The trace of chosen clients: who listens to it, and what is handed on to them.
//!
//! There is one at a time. It is on as long as someone listens: who goes away, in whichever way, has switched it off.

mod chosen;
mod line;
mod requests;

use std::{
    future::pending,
    os::fd::OwnedFd,
    time::{Duration, SystemTime},
};

use lb_common::trace::MAX_CLIENTS;
use nix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use tokio::{
    io::unix::AsyncFd,
    select,
    sync::{mpsc, oneshot},
    task::{self, JoinHandle},
};

pub use line::Line;
pub(crate) use requests::{Channel, follower};

use crate::{
    bpf::{Chosen, Datapath, Maps},
    control::Answer,
    http::forwarded::Prefix,
    model::Config,
    reconcile::Ids,
    views::{GONE, Titles},
};
use line::{Raw, Whose};

/// What a trace says.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Told {
    /// What became of a packet.
    Line(Box<Line>),
    /// What became of a request, as the access log has it.
    Request(Box<RawValue>),
    /// So many further lines got lost.
    Lost(u32),
}

/// Something about the trace that the daemon is to look after.
#[derive(Debug)]
pub enum News {
    /// The kernel has verified the stages, or why not.
    Loaded(Result<(), String>),
    /// There are lines.
    Lines,
    /// Nobody listens any more.
    Gone,
}

/// Who will listen, once the stages are loaded.
struct Beginning {
    loading: JoinHandle<Result<(), String>>,
    clients: Vec<Chosen>,
    told: mpsc::Sender<Told>,
    answer: oneshot::Sender<Answer>,
}

/// Who listens.
struct Listener {
    told: mpsc::Sender<Told>,
    /// Lines that were handed on.
    handed_on: u32,
    /// Lost lines that were told of.
    told_lost: u32,
}

/// Why these clients cannot be traced now, while another trace is heard or not.
pub(crate) fn refusal(clients: &[Prefix], is_heard: bool) -> Option<String> {
    if clients.is_empty() || clients.len() > MAX_CLIENTS {
        return Some(format!(
            "{} clients cannot be traced at once: name 1 to {MAX_CLIENTS}, or networks of them, as in 192.0.2.0/24",
            clients.len()
        ));
    }
    is_heard.then(|| "another `holdfast trace` is running, and there is one at a time: end it first".into())
}

/// The trace, and who listens to it.
pub struct Tracer {
    readable: AsyncFd<OwnedFd>,
    beginning: Option<Beginning>,
    listener: Option<Listener>,
}

impl Tracer {
    /// Nobody listens yet.
    pub fn new(datapath: &Datapath) -> std::io::Result<Self> {
        Ok(Self {
            readable: datapath.trace.readable()?,
            beginning: None,
            listener: None,
        })
    }

    /// Has the stages loaded by another thread, since the first time takes seconds; the daemon goes on until it is told
    /// [`News::Loaded`].
    pub(crate) fn start(
        &mut self,
        datapath: &mut Datapath,
        clients: &[Prefix],
        told: mpsc::Sender<Told>,
        answer: oneshot::Sender<Answer>,
    ) {
        self.stop(datapath);
        let stages = datapath.trace.stages.clone();
        self.beginning = Some(Beginning {
            loading: task::spawn_blocking(move || stages.load().map_err(|error| error.to_string())),
            clients: clients.iter().copied().map(Chosen::from).collect(),
            told,
            answer,
        });
    }

    /// Traces for whom the stages were loaded.
    pub fn begin(&mut self, datapath: &mut Datapath, loaded: Result<(), String>) {
        let Some(Beginning {
            clients,
            told,
            answer,
            ..
        }) = self.beginning.take()
        else {
            return;
        };
        let start = |()| datapath.start_trace(&clients).map_err(|error| error.to_string());
        let answered = match loaded.and_then(start) {
            Ok(()) => {
                self.listener = Some(Listener {
                    told,
                    handed_on: 0,
                    told_lost: 0,
                });
                Answer::Done
            }
            Err(reason) => {
                self.stop(datapath);
                Answer::Failed(reason)
            }
        };
        // Who asked may have gone away.
        let _ = answer.send(answered);
    }

    /// Traces nobody any more.
    pub fn stop(&mut self, datapath: &mut Datapath) {
        datapath.stop_trace();
        self.beginning = None;
        self.listener = None;
    }

    /// Waits for something to look after.
    pub async fn news(&mut self) -> News {
        if let Some(Beginning { loading, .. }) = &mut self.beginning {
            let loaded = loading.await;
            return News::Loaded(loaded.unwrap_or_else(|error| Err(error.to_string())));
        }
        let Some(listener) = &self.listener else {
            return pending().await;
        };
        select! {
            () = listener.told.closed() => News::Gone,
            guard = self.readable.readable() => {
                // Before the lines are read: so that those which come meanwhile are news again.
                if let Ok(mut guard) = guard {
                    guard.clear_ready();
                }
                News::Lines
            }
        }
    }

    /// Hands on the lines that are there, and says how many got lost.
    pub fn hand_on(&mut self, datapath: &mut Datapath, config: &Config, ids: &Ids) {
        let Some(listener) = &mut self.listener else {
            return;
        };
        let Datapath { trace, maps, .. } = datapath;
        // First: what is counted as due by then is read below, unless it is lost.
        let (due, number) = (trace.due(), trace.number());
        let clock = Clock::now();
        for text in trace.lines() {
            let Some(raw) = Raw::read(&text).filter(|raw| raw.trace == number) else {
                continue;
            };
            let line = raw.in_words(clock.unix_us(raw.at_ns), names(maps, config, ids, raw.member));
            if listener.told.try_send(Told::Line(Box::new(line))).is_ok() {
                listener.handed_on += 1;
            }
        }
        let lost = due.saturating_sub(listener.handed_on);
        if lost > listener.told_lost
            && let more = lost - listener.told_lost
            && listener.told.try_send(Told::Lost(more)).is_ok()
        {
            listener.told_lost = lost;
        }
    }
}

/// The names of a member's pool and of the member.
fn names(maps: &Maps, config: &Config, ids: &Ids, id: u32) -> Whose {
    if id == 0 {
        return Whose::default();
    }
    let entry = maps.members.get(id as usize);
    let known = entry.and_then(|entry| ids.named(entry.pool.get(), id));
    let (pool, member) = known.unwrap_or((GONE, GONE));
    let mut display_names = Titles::default();
    if let Some(configured) = config.pool(pool) {
        display_names.note(configured.as_ref());
        display_names.extend(configured.member(member));
    }
    Whose {
        pool: Some(pool.to_owned()),
        member: Some(member.to_owned()),
        display_names,
    }
}

/// What time it is, by both clocks.
struct Clock {
    unix: Duration,
    kernel: Duration,
}

impl Clock {
    fn now() -> Self {
        let unix = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        Self {
            unix: unix.unwrap_or_default(),
            kernel: clock_gettime(ClockId::CLOCK_MONOTONIC).map_or(Duration::ZERO, Duration::from),
        }
    }

    /// A time of the kernel's clock in microseconds since 1970.
    fn unix_us(&self, at_ns: u64) -> u64 {
        let ago = self.kernel.saturating_sub(Duration::from_nanos(at_ns));
        u64::try_from(self.unix.saturating_sub(ago).as_micros()).unwrap_or(u64::MAX)
    }
}

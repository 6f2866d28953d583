//! The daemon: wires everything, and runs until it is told to end.

mod findings;
mod handover;
mod inquiry;
mod interfaces;
mod requests;
mod signals;
mod sources;
mod start;
mod upgrade;

use std::{
    ops::ControlFlow,
    path::{Path, PathBuf},
    pin::pin,
    time::{Duration, Instant},
};

use anyhow::bail;
use tokio::{
    sync::{mpsc, oneshot},
    task, time,
};
use tracing::{error, info, warn};

use crate::{
    alarms::Alarms,
    api::{self, Request, Server, socket::ControlSocket},
    bpf::{Datapath, Maps},
    config,
    handover::{Heir, Retiring},
    health::{Change, Health, Monitors},
    model::Config,
    next_hops::{self, Hops, NextHops},
    preflight,
    proxy::{Idle, Proxy},
    reconcile::{self, Ids},
    service::{self, KeptSockets, News},
    sweep::Sweep,
    trace::{self, Tracer},
    views,
};
use inquiry::Inquiry;
use signals::{Signals, Told};
use start::Beginning;
pub use start::Start;
use upgrade::Upgrade;

/// How often flows are swept.
const FLOW_SWEEP: Duration = Duration::from_secs(1);
/// How often interfaces are looked for that are gone, or back.
const INTERFACES: Duration = Duration::from_secs(1);
/// How often sessions are swept.
const SESSION_SWEEP: Duration = Duration::from_secs(10);
/// How often a daemon that has taken over is told what became of sessions.
const TELLING: Duration = Duration::from_millis(50);
/// Changes of health that wait at a time.
const PENDING_CHANGES: usize = 1024;

/// What is left behind when the daemon ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Leave {
    /// The datapath goes on forwarding, and the next daemon takes it over.
    Running,
    /// All of it: another daemon has taken it over already, or is about to.
    ToSuccessor,
    /// Nothing.
    Nothing,
}

/// How the daemon ends.
struct Ending {
    leave: Leave,
    /// Where it is said that it is done, if somebody asked for it at the control socket.
    asked: Option<oneshot::Sender<api::Answer>>,
}

/// Runs the daemon with the configuration at `path` until it is told to end.
pub async fn run(path: &Path, start: Start) -> anyhow::Result<()> {
    // First of all: what comes during the start is heard after it, so that nothing half done is left behind.
    let mut signals = Signals::install()?;
    let config = load(path)?;
    let sockets = service::passed_sockets();
    let start = start.in_effect(&config);
    preflight::check(&config, start)?;
    // Before the datapath is touched: it may be that of another daemon, which answers there.
    let (mut socket, listener) = match start {
        Start::Alone => ControlSocket::listen(&config.daemon.control_socket)?,
        Start::TakingOver => ControlSocket::listen_beside(&config.daemon.control_socket)?,
    };
    let mut beginning = Beginning::with(sockets);
    if start == Start::TakingOver {
        beginning.take_over(&config.daemon)?;
    }
    let mut daemon = Daemon::start(path.to_owned(), config, &mut beginning)?;
    let (server, mut requests) = Server::start(listener);
    socket.take_place()?;
    daemon.part_from(beginning);
    let Ending { leave, asked } = daemon.serve(&mut signals, &mut requests).await;
    // Who asks from now on hears that it ends.
    drop(requests);
    daemon.drain(&mut signals, leave).await;
    let answer = daemon.end(leave).await;
    drop(socket);
    if let Some(asked) = asked {
        // Who asked may have gone away.
        let _ = asked.send(answer);
    }
    server.end().await;
    Ok(())
}

fn load(path: &Path) -> anyhow::Result<Config> {
    match config::load(path) {
        Ok(loaded) => {
            for warning in &loaded.warnings {
                warn!("{warning}");
            }
            Ok(loaded.config)
        }
        Err(mistakes) => bail!("the configuration is not valid:\n{mistakes:#}"),
    }
}

/// The state of the daemon. One task owns it: nothing is locked.
struct Daemon {
    path: PathBuf,
    config: Config,
    datapath: Datapath,
    proxy: Proxy,
    health: Health,
    monitors: Monitors,
    changes: mpsc::Receiver<Change>,
    ids: Ids,
    next_hops: NextHops,
    sweep: Sweep,
    /// The question that is being looked into: the next request waits for that.
    inquiry: Option<Inquiry>,
    tracer: Tracer,
    alarms: Alarms,
    /// When to see whether members are to be sent to from other addresses.
    sources_due: Option<time::Instant>,
    /// The listening sockets that the service manager keeps.
    kept: KeptSockets,
    /// The daemon that this one took over from, until it has ended.
    predecessor: Option<Retiring>,
    /// A daemon that was started to take over from this one.
    upgrade: Option<Upgrade>,
    /// The one that did.
    heir: Option<Heir>,
}

impl Daemon {
    async fn serve(&mut self, signals: &mut Signals, requests: &mut mpsc::Receiver<Request>) -> Ending {
        let mut flows = time::interval(FLOW_SWEEP);
        let mut sessions = time::interval(SESSION_SWEEP);
        let mut interfaces = time::interval(INTERFACES);
        let mut saved = time::Instant::now();
        info!(pools = self.config.pools.len(), "serving");
        service::tell(&News::Serving(&self.config));
        let ending = loop {
            tokio::select! {
                told = signals.next() => match told {
                    Told::Reload => {
                        if let Err(reason) = self.reload() {
                            error!("{reason:#}; what runs goes on running");
                        }
                    }
                    Told::End(leave) => break Ending { leave, asked: None },
                },
                _ = flows.tick() => {
                    // Where the datapath is attached to nothing, it makes no flows.
                    if !self.config.datapath.interfaces.is_empty() {
                        self.sweep.begin_flows();
                    }
                    let settings = &self.datapath.maps.settings[0];
                    self.proxy.set_clock_offset(settings.clock_offset_s.get());
                    self.raise_alarms();
                    if saved.elapsed().as_secs() >= self.config.proxy.app_cookie_save_s.into() {
                        self.proxy.save_sessions();
                        saved = time::Instant::now();
                    }
                    // What was lost may have been the last for a while.
                    self.tracer.hand_on(&mut self.datapath, &self.ids);
                }
                news = self.tracer.news() => match news {
                    trace::News::Lines => self.tracer.hand_on(&mut self.datapath, &self.ids),
                    trace::News::Loaded(loaded) => self.tracer.begin(&mut self.datapath, loaded),
                    trace::News::Gone => self.tracer.stop(&mut self.datapath),
                },
                _ = sessions.tick() => self.sweep.begin_sessions(),
                _ = interfaces.tick() => interfaces::follow(&mut self.datapath, self.config.datapath.xdp_mode),
                () = task::yield_now(), if self.has_slices() => self.do_slices(),
                () = self.next_hops.changed() => {
                    self.next_hops.write(&self.datapath.maps.members);
                    self.note_sources();
                }
                () = sources::due(self.sources_due) => self.take_sources(),
                Some(change) = self.changes.recv() => self.take_changes(change),
                news = Retiring::next(&mut self.predecessor) => self.take_from_predecessor(news),
                ended = Upgrade::ended(&mut self.upgrade) => self.note_failed_upgrade(ended),
                Some(request) = requests.recv(), if self.inquiry.is_none() => {
                    let taken = match request {
                        Request::Ask(asked) => self.take_request(asked),
                        Request::HandOver(successor) => self.hand_over(successor, signals).await,
                    };
                    if let ControlFlow::Break(ending) = taken {
                        break ending;
                    }
                }
            }
        };
        // Of a service that another daemon has taken over there is nothing to tell.
        if ending.leave != Leave::ToSuccessor {
            service::tell(&News::Stopping {
                drain_s: self.config.proxy.drain_s,
            });
        }
        ending
    }

    /// Takes over what became of sessions with the daemon before, or that it has ended.
    fn take_from_predecessor(&self, changes: Option<Vec<u8>>) {
        if let Some(changes) = changes {
            self.proxy.apply_session_changes(&changes);
        } else {
            info!("the daemon that this one took over from has ended");
        }
    }

    /// Tells the daemon that has taken over what became of sessions.
    fn tell_heir(&mut self) {
        if let Some(heir) = &mut self.heir {
            heir.tell(self.proxy.take_session_changes());
        }
    }

    /// Waits for the requests that are under way, for no longer than is configured, and not if it is told to end again.
    async fn drain(&mut self, signals: &mut Signals, leave: Leave) {
        let drain_s = self.config.proxy.drain_s;
        self.proxy.stop_accepting(match leave {
            Leave::ToSuccessor => Idle::Stays,
            Leave::Running | Leave::Nothing => Idle::Ends,
        });
        let mut again = pin!(async { while !matches!(signals.next().await, Told::End(_)) {} });
        let mut is_over = pin!(time::sleep(Duration::from_secs(drain_s.into())));
        let mut telling = time::interval(TELLING);
        loop {
            tokio::select! {
                // Who takes over from this daemon hears of one before it by this one.
                () = self.proxy.drained(), if self.predecessor.is_none() || self.heir.is_none() => return,
                () = &mut again => {
                    info!("told to end again: requests under way are broken off");
                    return;
                }
                () = &mut is_over => {
                    warn!("requests are still under way after {drain_s} s, and are broken off");
                    return;
                }
                news = Retiring::next(&mut self.predecessor) => self.take_from_predecessor(news),
                _ = telling.tick() => self.tell_heir(),
            }
        }
    }

    fn reload(&mut self) -> anyhow::Result<()> {
        service::tell(&News::Reloading);
        let taken = self.take_config();
        service::tell(&match taken {
            Ok(()) => News::Serving(&self.config),
            Err(_) => News::Refused,
        });
        taken
    }

    fn take_config(&mut self) -> anyhow::Result<()> {
        let config = load(&self.path)?;
        if let Some(refusal) = self.config.refusal(&config) {
            bail!(refusal);
        }
        preflight::check_interfaces(&config, &self.config)?;
        let mut health = self.health.clone();
        health.retain(|pool, member| is_watched(&config, pool, member));
        let prepared = self.proxy.prepare(&config)?;
        let added = interfaces::add(&mut self.datapath, &config)?;
        let applied = reconcile::apply(&mut self.datapath.maps, &config, &health);
        // Also where the kernel refused something half way: what is in use again must not be freed.
        self.sweep.note_change(&self.datapath.maps);
        self.ids = match applied {
            Ok(ids) => ids,
            Err(refusal) => {
                if !added.is_empty() {
                    interfaces::detach_others(&mut self.datapath, &self.config.datapath.interfaces);
                }
                return Err(refusal.into());
            }
        };
        interfaces::detach_others(&mut self.datapath, &config.datapath.interfaces);
        self.proxy.serve(prepared, &config, &health);
        self.kept.follow(self.proxy.sockets());
        self.health = health;
        self.next_hops.turn_to(&config, &self.datapath.maps.members);
        self.monitors.update(&config, &self.health);
        preflight::warn_of_closed_forwarding(&config);
        preflight::warn_of_hidden_vips(&config);
        self.config = config;
        info!("reloaded");
        Ok(())
    }

    fn raise_alarms(&mut self) {
        let maps = &self.datapath.maps;
        let counts = |reason| maps.counters.reason(reason);
        for alarm in self.alarms.note(Instant::now(), counts) {
            alarm.tell(maps, &self.config, &self.ids);
        }
    }

    /// Whether there is work that is done in slices, between all else.
    fn has_slices(&self) -> bool {
        self.sweep.is_under_way() || self.inquiry.is_some()
    }

    fn do_slices(&mut self) {
        self.sweep.step(&mut self.datapath.maps);
        if let Some(inquiry) = self.inquiry.take()
            && let ControlFlow::Continue(rest) = inquiry.step(&self.scene(), &self.datapath.attachments)
        {
            self.inquiry = Some(rest);
        }
    }

    fn scene(&self) -> views::Scene<'_, Maps> {
        views::Scene {
            config: &self.config,
            health: &self.health,
            ids: &self.ids,
            proxied: self.proxy.report(),
            look: self.proxy.look(),
            sight: &self.datapath.maps,
        }
    }

    /// Ends all but the control socket, and says to whoever asked for it what came of it.
    async fn end(mut self, leave: Leave) -> api::Answer {
        self.tracer.stop(&mut self.datapath);
        self.proxy.end();
        self.tell_heir();
        match self.heir.take() {
            Some(heir) => heir.end().await,
            None => self.proxy.leave_sessions(),
        }
        match leave {
            Leave::ToSuccessor => info!("ending; another daemon goes on"),
            Leave::Running => {
                // Nobody keeps them fresh from now on.
                next_hops::write(&self.datapath.maps.members, &Hops::new());
                info!("ending; the datapath goes on: `holdfast stop --detach` would have ended it");
            }
            Leave::Nothing => {
                if let Err(error) = self.datapath.unpin() {
                    warn!("cannot remove the pins: {error}");
                    return api::Answer::Failed(format!(
                        "the daemon ends, but cannot remove its pins: {error}"
                    ));
                }
                info!("ending; the datapath is detached");
            }
        }
        api::Answer::Done
    }
}

fn is_watched(config: &Config, pool: &str, member: &str) -> bool {
    let pool = config.pool(pool).filter(|pool| pool.health_monitor.is_some());
    pool.is_some_and(|pool| pool.members.iter().any(|known| known.name == member))
}

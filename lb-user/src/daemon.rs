//! The daemon: wires everything, and runs until it is told to end.

mod failures;
mod findings;
mod handover;
mod inquiry;
mod layer4;
mod managed;
mod requests;
mod sift;
mod signals;
mod slices;
mod start;
mod upgrade;

use std::{
    borrow::Cow,
    collections::VecDeque,
    ops::ControlFlow,
    path::{Path, PathBuf},
    pin::pin,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::bail;
use tokio::{
    sync::{mpsc, oneshot},
    task, time,
};
use tracing::{error, info, warn};

use crate::{
    api::{self, Doors},
    config,
    control::{self, Request, Server, socket::ControlSocket},
    handover::{Heir, Retiring},
    health::{Change, Health, Monitors},
    histogram::Histogram,
    manager::{Manager, Wanted},
    model::{Changed, Config, DataPlane},
    preflight,
    proxy::{Idle, Prepared, Proxy},
    service::{self, KeptSockets, News},
    store::Embedded,
    trace,
    views::{self, Reload},
};
use failures::Failures;
use inquiry::{Inquiry, PageWanted};
use layer4::Layer4;
use managed::{AllManaged, Management};
use signals::{Signals, Told};
use start::Beginning;
pub use start::Start;
use upgrade::Upgrade;

/// How often it is seen whether the proxy's sessions are to be saved.
const SAVE_LOOK: Duration = Duration::from_secs(1);
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
    asked: Option<oneshot::Sender<control::Answer>>,
}

/// Runs the daemon with the configuration at `path` until it is told to end.
pub async fn run(path: &Path, start: Start, plane: DataPlane) -> anyhow::Result<()> {
    // First of all: what comes during the start is heard after it, so that nothing half done is left behind.
    let mut signals = Signals::install()?;
    let config = load(path)?;
    let sockets = service::passed_sockets();
    let start = start.in_effect(&config);
    preflight::check(&config.served_by(plane), start, &sockets)?;
    // Before the datapath is touched: it may be that of another daemon, which answers there.
    let (mut socket, listener) = match start {
        Start::Alone => ControlSocket::listen(&config.daemon.control_socket)?,
        Start::TakingOver => ControlSocket::listen_beside(&config.daemon.control_socket)?,
    };
    let mut beginning = Beginning::with(sockets);
    if start == Start::TakingOver {
        beginning.take_over(&config.daemon, plane)?;
    }
    let management = Management::open(&config, plane)?;
    let api = Arc::clone(&management.api);
    let doors = Doors::new(Arc::clone(&api));
    // Before anything changes: of all that can fail it is the least.
    let prepared = doors.prepare(&config.api, start.sharing())?;
    let mut daemon = Daemon::start(path.to_owned(), config, plane, management, doors, &mut beginning)?;
    let (server, mut requests) = Server::start(listener, api::trusted(api.router()));
    socket.take_place()?;
    daemon.doors.serve(prepared);
    daemon.part_from(beginning);
    let Ending { leave, asked } = daemon.serve(&mut signals, &mut requests).await;
    // Who asks from now on hears that it ends, and who has asked and was not answered.
    drop(requests);
    daemon.hear_no_more();
    daemon.doors.close();
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
    /// What the file says.
    file: Config,
    /// What the API has made.
    managed: AllManaged,
    /// Both together.
    config: Config,
    plane: DataPlane,
    manager: Arc<Manager>,
    /// Where the API is reached by network.
    doors: Doors,
    store: Arc<Embedded>,
    /// What the manager wants.
    wanted: mpsc::Receiver<Wanted>,
    /// None where no interfaces are configured, or nobody is served.
    layer4: Option<Layer4>,
    proxy: Proxy,
    health: Health,
    failures: Failures,
    monitors: Monitors,
    changes: mpsc::Receiver<Change>,
    /// The question that is being looked into: the next request waits for that.
    inquiry: Option<Inquiry>,
    /// How long it took to turn to changed configurations.
    apply_times: Histogram,
    /// What became of the last reload.
    reload: Reload,
    /// Who wants to know for the metrics how things stand.
    status_wanted: Vec<oneshot::Sender<Arc<views::Status>>>,
    /// The pages of sessions that clients of the API want to see.
    pages_wanted: VecDeque<PageWanted>,
    /// When it was last noted what has passed.
    sampled: Option<Instant>,
    /// Who hears of the packets and requests of chosen clients, or did.
    traced: Option<mpsc::WeakSender<trace::Told>>,
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
        let mut save_looks = time::interval(SAVE_LOOK);
        let mut saved = time::Instant::now();
        info!(pools = self.config.pools.len(), "serving");
        service::tell(&News::Serving(&self.served()));
        let ending = loop {
            tokio::select! {
                told = signals.next() => match told {
                    Told::Reload => {
                        if let Err(reason) = self.reload() {
                            error!("{reason:#}; what runs goes on running");
                        }
                    }
                    Told::ReopenLog => if let Err(reason) = self.proxy.reopen_log() {
                        error!("{reason:#}; the log goes on in the file of before");
                    },
                    Told::End(leave) => break Ending { leave, asked: None },
                },
                due = Layer4::due(&mut self.layer4) => if let Some(layer4) = &mut self.layer4 {
                    layer4.look_after(due, &self.config, &self.health);
                },
                _ = save_looks.tick() => {
                    self.tell_failures();
                    self.sample();
                    self.end_trace();
                    self.proxy.set_clock_offset(self.layer4.as_ref().map_or(0, Layer4::clock_offset_s));
                    if saved.elapsed().as_secs() >= self.config.proxy.app_cookie_save_s.into() {
                        self.proxy.save_sessions();
                        saved = time::Instant::now();
                    }
                }
                () = task::yield_now(), if self.has_slices() => self.do_slices(),
                Some(change) = self.changes.recv() => self.take_changes(change),
                Some(wanted) = self.wanted.recv() => self.take_wanted(wanted),
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

    /// Lets go of all that the API has asked for.
    fn hear_no_more(&mut self) {
        self.wanted.close();
        while self.wanted.try_recv().is_ok() {}
        self.status_wanted.clear();
        self.pages_wanted.clear();
        self.inquiry = None;
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
        if taken.is_ok() {
            service::tell(&News::Serving(&self.served()));
            self.reload = Reload::Taken;
        } else {
            service::tell(&News::Refused);
            self.reload = Reload::Refused;
        }
        taken
    }

    fn take_config(&mut self) -> anyhow::Result<()> {
        self.take_file(load(&self.path)?)
    }

    /// What of the configuration is served.
    fn served(&self) -> Cow<'_, Config> {
        self.config.served_by(self.plane)
    }

    /// Serves what is to be served next, for which the proxy prepares so: first comes all that can fail.
    fn turn_to(
        &mut self,
        config: &Config,
        prepare: fn(&mut Proxy, &Config) -> anyhow::Result<Prepared>,
    ) -> anyhow::Result<()> {
        let begun = Instant::now();
        self.turn(config, prepare)?;
        self.apply_times.observe(begun.elapsed());
        Ok(())
    }

    fn turn(
        &mut self,
        config: &Config,
        prepare: fn(&mut Proxy, &Config) -> anyhow::Result<Prepared>,
    ) -> anyhow::Result<()> {
        if let Some(refusal) = self.served().refusal(config) {
            bail!(refusal);
        }
        preflight::check_change(&self.served(), config)?;
        let mut health = self.health.clone();
        health.keep_watched(config);
        let prepared = prepare(&mut self.proxy, config)?;
        self.turn_layer4_to(config, &health)?;
        self.proxy.serve(prepared, config, &health);
        self.kept.follow(self.proxy.sockets());
        self.monitors.update(config, &health);
        self.health = health;
        preflight::warn_of(&Changed::between(&self.served(), config));
        Ok(())
    }

    /// Has layer 4 serve another configuration, come with its first interface, or go with its last one.
    fn turn_layer4_to(&mut self, config: &Config, health: &Health) -> anyhow::Result<()> {
        match self.layer4.take() {
            Some(layer4) if !config.has_layer_4() => match layer4.end(Leave::Nothing) {
                Ok(()) => info!("no interfaces are configured any more: the datapath is detached"),
                Err(error) => warn!("cannot remove the pins: {error}"),
            },
            Some(layer4) => self.layer4.insert(layer4).apply(config, &self.config, health)?,
            None if config.has_layer_4() => {
                let mut layer4 = Layer4::load(config)?;
                layer4.begin(config, health)?;
                layer4.leave_others(config);
                self.layer4 = Some(layer4);
            }
            None => {}
        }
        Ok(())
    }

    /// Ends all but the control socket, and says to whoever asked for it what came of it.
    async fn end(mut self, leave: Leave) -> control::Answer {
        self.proxy.end();
        self.doors.end().await;
        self.tell_heir();
        match self.heir.take() {
            Some(heir) => heir.end().await,
            None => self.proxy.leave_sessions(),
        }
        let had_layer4 = self.layer4.is_some();
        if let Some(layer4) = self.layer4.take()
            && let Err(error) = layer4.end(leave)
        {
            warn!("cannot remove the pins: {error}");
            return control::Answer::Failed(format!("the daemon ends, but cannot remove its pins: {error}"));
        }
        match leave {
            Leave::ToSuccessor => info!("ending; another daemon goes on"),
            Leave::Running if had_layer4 => {
                info!("ending; the datapath goes on: `holdfast stop --detach` would have ended it");
            }
            Leave::Nothing if had_layer4 => info!("ending; the datapath is detached"),
            Leave::Running | Leave::Nothing => info!("ending"),
        }
        control::Answer::Done
    }
}

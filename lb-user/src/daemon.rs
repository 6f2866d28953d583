//! The daemon: wires everything, and runs until it is told to end.

mod signals;
mod sources;

use std::{
    net::IpAddr,
    path::{Path, PathBuf},
    time::{Duration, Instant, SystemTime},
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
    bpf::{AttachMode, Datapath, Maps},
    config,
    health::{Change, Finding, Health, Monitors},
    model::Config,
    next_hops::{self, Hops, NextHops},
    preflight,
    reconcile::{self, Ids},
    service::{self, News},
    sweep::Sweep,
    views,
};
use signals::{Signals, Told};

/// How often flows are swept.
const FLOW_SWEEP: Duration = Duration::from_secs(1);
/// How often sessions are swept.
const SESSION_SWEEP: Duration = Duration::from_secs(10);
/// Changes of health that wait at a time.
const PENDING_CHANGES: usize = 1024;

/// What is left behind when the daemon ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Leave {
    /// The datapath goes on forwarding, and the next daemon takes it over.
    Running,
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
pub async fn run(path: &Path) -> anyhow::Result<()> {
    // First of all: what comes during the start is heard after it, so that nothing half done is left behind.
    let mut signals = Signals::install()?;
    let config = load(path)?;
    preflight::check(&config)?;
    // Before the datapath is touched: it may be that of another daemon, which answers there.
    let (socket, listener) = ControlSocket::listen(&config.daemon.control_socket)?;
    let mut daemon = Daemon::start(path.to_owned(), config)?;
    let (server, mut requests) = Server::start(listener);
    let Ending { leave, asked } = daemon.serve(&mut signals, &mut requests).await;
    let answer = daemon.end(leave);
    drop(socket);
    if let Some(asked) = asked {
        // Who asked may have gone away.
        let _ = asked.send(answer);
    }
    drop(requests);
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
    health: Health,
    monitors: Monitors,
    changes: mpsc::Receiver<Change>,
    ids: Ids,
    next_hops: NextHops,
    sweep: Sweep,
    alarms: Alarms,
    /// When to see whether members are to be sent to from other addresses.
    sources_due: Option<time::Instant>,
}

impl Daemon {
    fn start(path: PathBuf, config: Config) -> anyhow::Result<Self> {
        preflight::raise_file_limit();
        preflight::warn_of_closed_forwarding(&config);
        preflight::warn_of_hidden_vips(&config);
        let mut datapath = Datapath::load(&config.datapath, &config.daemon.pin_path)?;
        if let Some(memory) = &datapath.memory {
            info!("the maps take {memory}");
        }
        let health = Health::default();
        let ids = reconcile::apply(&mut datapath.maps, &config, &health)?;
        for interface in &config.datapath.interfaces {
            match datapath.attach(interface, config.datapath.xdp_mode)? {
                AttachMode::Native => info!(interface, "attached in the driver"),
                AttachMode::Generic => {
                    warn!(
                        interface,
                        "attached in the kernel's generic path, which is slower: the driver has no XDP"
                    );
                }
                AttachMode::TakenOver => info!(interface, "took over from an earlier daemon"),
            }
        }
        let (sender, changes) = mpsc::channel(PENDING_CHANGES);
        let mut monitors = Monitors::new(sender);
        monitors.update(&config, &health);
        let next_hops = NextHops::follow(&config);
        Ok(Self {
            path,
            config,
            datapath,
            health,
            monitors,
            changes,
            ids,
            next_hops,
            sweep: Sweep::default(),
            alarms: Alarms::default(),
            sources_due: None,
        })
    }

    async fn serve(&mut self, signals: &mut Signals, requests: &mut mpsc::Receiver<Request>) -> Ending {
        let mut flows = time::interval(FLOW_SWEEP);
        let mut sessions = time::interval(SESSION_SWEEP);
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
                    self.sweep.begin_flows(&self.datapath.maps);
                    self.raise_alarms();
                }
                _ = sessions.tick() => self.sweep.begin_sessions(&self.datapath.maps),
                () = task::yield_now(), if self.sweep.is_under_way() => self.sweep.step(&mut self.datapath.maps),
                () = self.next_hops.changed() => {
                    self.next_hops.write(&self.datapath.maps.members);
                    self.note_sources();
                }
                () = sources::due(self.sources_due) => self.take_sources(),
                Some(change) = self.changes.recv() => self.take_change(change),
                Some(Request { command, answer }) = requests.recv() => {
                    if let api::Command::Stop { detach } = command {
                        let leave = if detach { Leave::Nothing } else { Leave::Running };
                        break Ending { leave, asked: Some(answer) };
                    }
                    // Who asked may have gone away.
                    let _ = answer.send(self.answer(&command));
                }
            }
        };
        service::tell(&News::Stopping);
        ending
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
        let mut health = self.health.clone();
        health.retain(|pool, member| is_watched(&config, pool, member));
        self.ids = reconcile::apply(&mut self.datapath.maps, &config, &health)?;
        self.sweep.keep(self.ids.members.values().copied());
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

    fn take_change(&mut self, change: Change) {
        let Change {
            pool,
            member,
            finding,
        } = change;
        // What a monitor found that has ended meanwhile is no longer asked for.
        if !is_watched(&self.config, &pool, &member) || !self.health.set(&pool, &member, finding.clone()) {
            return;
        }
        if let Err(reason) = reconcile::apply_health(&mut self.datapath.maps, &self.config, &self.health) {
            error!("{reason}");
        }
        match finding {
            Finding::Up => info!(pool, member, "the member is up"),
            Finding::Down { reason } => warn!(pool, member, "the member is down: {reason}"),
        }
    }

    fn answer(&mut self, command: &api::Command) -> api::Answer {
        match command {
            api::Command::Status => {
                api::Answer::Status(views::status(&self.scene(), &self.datapath.attachments))
            }
            api::Command::Sessions(wanted) => match views::sessions(&self.scene(), wanted) {
                Ok(sessions) => api::Answer::Sessions(sessions),
                Err(reason) => api::Answer::Failed(reason),
            },
            api::Command::DropSession { pool, client } => self.drop_session(pool, *client),
            api::Command::Explain {
                client,
                port,
                listener,
            } => {
                let question = views::Question {
                    client: *client,
                    port: *port,
                    listener: listener.clone(),
                };
                let unix_s = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
                let unix_s = unix_s.map_or(0, |since| since.as_secs());
                match views::explain(&self.scene(), &question, unix_s) {
                    Ok(explanation) => api::Answer::Explanation(Box::new(explanation)),
                    Err(reason) => api::Answer::Failed(reason),
                }
            }
            api::Command::Reload => match self.reload() {
                Ok(()) => api::Answer::Done,
                Err(reason) => api::Answer::Failed(format!("{reason:#}")),
            },
            api::Command::Stop { .. } => api::Answer::Failed("the daemon is ending".into()),
        }
    }

    fn scene(&self) -> views::Scene<'_, Maps> {
        views::Scene {
            config: &self.config,
            ids: &self.ids,
            sight: &self.datapath.maps,
        }
    }

    fn drop_session(&mut self, pool: &str, client: IpAddr) -> api::Answer {
        match views::session_key(&self.scene(), pool, client) {
            None => api::Answer::Failed(views::no_pool(pool)),
            Some(key) if self.datapath.maps.remove_session(&key) => api::Answer::Done,
            Some(_) => api::Answer::Failed(format!("pool \"{pool}\" holds no session of {client}")),
        }
    }

    /// Ends all but the control socket, and says to whoever asked for it what came of it.
    fn end(self, leave: Leave) -> api::Answer {
        match leave {
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

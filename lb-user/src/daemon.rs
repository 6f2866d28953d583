//! The daemon: wires everything, and runs until it is told to end.

use std::{
    net::IpAddr,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use anyhow::bail;
use tokio::{
    net::UnixListener,
    signal::unix::{SignalKind, signal},
    sync::mpsc,
    task, time,
};
use tracing::{error, info, warn};

use crate::{
    api::{self, socket::ControlSocket},
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

/// Runs the daemon with the configuration at `path` until it is told to end.
pub async fn run(path: &Path) -> anyhow::Result<()> {
    let config = load(path)?;
    preflight::check(&config)?;
    // Before the datapath is touched: it may be that of another daemon, which answers there.
    let (_socket, listener) = ControlSocket::listen(&config.daemon.control_socket)?;
    let mut daemon = Daemon::start(path.to_owned(), config)?;
    let leave = daemon.serve(listener).await?;
    daemon.end(leave);
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
}

impl Daemon {
    fn start(path: PathBuf, config: Config) -> anyhow::Result<Self> {
        preflight::raise_file_limit();
        preflight::warn_of_closed_forwarding(&config);
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
        })
    }

    async fn serve(&mut self, listener: UnixListener) -> anyhow::Result<Leave> {
        let (server, mut requests) = api::Server::start(listener);
        let mut hangup = signal(SignalKind::hangup())?;
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut flows = time::interval(FLOW_SWEEP);
        let mut sessions = time::interval(SESSION_SWEEP);
        info!(pools = self.config.pools.len(), "serving");
        service::tell(&News::Serving(&self.config));
        let leave = loop {
            tokio::select! {
                _ = hangup.recv() => {
                    if let Err(reason) = self.reload() {
                        error!("{reason:#}; what runs goes on running");
                    }
                }
                _ = terminate.recv() => break Leave::Running,
                _ = interrupt.recv() => break Leave::Nothing,
                _ = flows.tick() => self.sweep.begin_flows(&self.datapath.maps),
                _ = sessions.tick() => self.sweep.begin_sessions(&self.datapath.maps),
                () = task::yield_now(), if self.sweep.is_under_way() => self.sweep.step(&mut self.datapath.maps),
                () = self.next_hops.changed() => self.next_hops.write(&self.datapath.maps.members),
                Some(change) = self.changes.recv() => self.take_change(change),
                Some(request) = requests.recv() => {
                    let (answer, leave) = self.answer(&request.command);
                    // Who asked may have gone away.
                    let _ = request.answer.send(answer);
                    if let Some(leave) = leave {
                        break leave;
                    }
                }
            }
        };
        service::tell(&News::Stopping);
        drop(requests);
        server.end().await;
        Ok(leave)
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
        self.config = config;
        info!("reloaded");
        Ok(())
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

    fn answer(&mut self, command: &api::Command) -> (api::Answer, Option<Leave>) {
        match command {
            api::Command::Status => {
                let status = views::status(&self.scene(), &self.datapath.attachments);
                (api::Answer::Status(status), None)
            }
            api::Command::Sessions { pool, client } => {
                let sessions = views::sessions(&self.scene(), pool.as_deref(), *client);
                (api::Answer::Sessions(sessions), None)
            }
            api::Command::DropSession { pool, client } => (self.drop_session(pool, *client), None),
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
                let answer = match views::explain(&self.scene(), &question, unix_s) {
                    Ok(explanation) => api::Answer::Explanation(Box::new(explanation)),
                    Err(reason) => api::Answer::Failed(reason),
                };
                (answer, None)
            }
            api::Command::Reload => match self.reload() {
                Ok(()) => (api::Answer::Done, None),
                Err(reason) => (api::Answer::Failed(format!("{reason:#}")), None),
            },
            api::Command::Stop { detach } => (
                api::Answer::Done,
                Some(if *detach { Leave::Nothing } else { Leave::Running }),
            ),
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
            None => api::Answer::Failed(format!(
                "there is no pool \"{pool}\"; `holdfast status` lists them"
            )),
            Some(key) if self.datapath.maps.remove_session(&key) => api::Answer::Done,
            Some(_) => api::Answer::Failed(format!("pool \"{pool}\" holds no session of {client}")),
        }
    }

    fn end(&self, leave: Leave) {
        match leave {
            Leave::Running => {
                // Nobody keeps them fresh from now on.
                next_hops::write(&self.datapath.maps.members, &Hops::new());
                info!("ending; the datapath goes on: `holdfast stop --detach` would have ended it");
            }
            Leave::Nothing => {
                if let Err(error) = self.datapath.unpin() {
                    warn!("cannot remove the pins: {error}");
                }
                info!("ending; the datapath is detached");
            }
        }
    }
}

fn is_watched(config: &Config, pool: &str, member: &str) -> bool {
    let pool = config.pool(pool).filter(|pool| pool.health_monitor.is_some());
    pool.is_some_and(|pool| pool.members.iter().any(|known| known.name == member))
}

//! The daemon: wires everything, and runs until it is told to end.

mod inquiry;
mod interfaces;

use std::{
    net::IpAddr,
    ops::ControlFlow,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use anyhow::{Context, bail};
use tokio::{
    net::UnixListener,
    signal::unix::{SignalKind, signal},
    sync::{mpsc, oneshot},
    task, time,
};
use tracing::{error, info, warn};

use crate::{
    api,
    bpf::{Datapath, Maps},
    config,
    health::{Change, Finding, Health, Monitors},
    model::Config,
    next_hops::{self, Hops, NextHops},
    preflight,
    reconcile::{self, Ids},
    service::{self, News},
    sweep::Sweep,
    trace::{self, Told, Tracer},
    views,
};
use inquiry::Inquiry;

/// How often flows are swept.
const FLOW_SWEEP: Duration = Duration::from_secs(1);
/// How often interfaces are looked for that are gone, or back.
const INTERFACES: Duration = Duration::from_secs(1);
/// How often sessions are swept.
const SESSION_SWEEP: Duration = Duration::from_secs(10);
/// Requests of the control socket that wait at a time.
const PENDING_REQUESTS: usize = 64;
/// Changes of health that wait at a time.
const PENDING_CHANGES: usize = 1024;

/// A request of the control socket, and where its answer goes.
pub struct Request {
    /// What is asked.
    pub command: api::Command,
    /// Where the answer goes.
    pub answer: oneshot::Sender<api::Answer>,
    /// Where a trace goes that is begun.
    pub trace: mpsc::Sender<Told>,
}

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
    let socket = config.daemon.control_socket.clone();
    // Before the datapath is touched: it may be that of another daemon, which answers there.
    let listener = listen(&socket)?;
    let ended = match Daemon::start(path.to_owned(), config) {
        Ok(mut daemon) => daemon.serve(listener).await.map(|leave| daemon.end(leave)),
        Err(error) => Err(error),
    };
    let _ = std::fs::remove_file(socket);
    ended
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
    /// The question that is being looked into: the next request waits for that.
    inquiry: Option<Inquiry>,
    tracer: Tracer,
}

impl Daemon {
    fn start(path: PathBuf, config: Config) -> anyhow::Result<Self> {
        preflight::raise_file_limit();
        preflight::warn_of_closed_forwarding(&config);
        let mut datapath = Datapath::load(&config.datapath, &config.daemon.pin_path)?;
        if let Some(memory) = &datapath.memory {
            info!("the maps take {memory}");
        }
        let tracer = Tracer::new(&datapath)?;
        // The programs of an earlier daemon forward until they are replaced: a start that fails changes nothing of that.
        datapath.attach(&config.datapath.interfaces, config.datapath.xdp_mode)?;
        let health = Health::default();
        let ids = reconcile::apply(&mut datapath.maps, &config, &health)?;
        interfaces::switch(&mut datapath)?;
        interfaces::detach_others(&mut datapath, &config.datapath.interfaces);
        let sweep = Sweep::new(&datapath.maps);
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
            sweep,
            inquiry: None,
            tracer,
        })
    }

    async fn serve(&mut self, listener: UnixListener) -> anyhow::Result<Leave> {
        let (sender, mut requests) = mpsc::channel(PENDING_REQUESTS);
        let _server = tokio::spawn(api::serve(listener, sender));
        let mut hangup = signal(SignalKind::hangup())?;
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut flows = time::interval(FLOW_SWEEP);
        let mut sessions = time::interval(SESSION_SWEEP);
        let mut interfaces = time::interval(INTERFACES);
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
                _ = flows.tick() => {
                    self.sweep.begin_flows();
                    // What was lost may have been the last for a while.
                    self.tracer.hand_on(&mut self.datapath, &self.ids);
                }
                news = self.tracer.news() => match news {
                    trace::News::Lines => self.tracer.hand_on(&mut self.datapath, &self.ids),
                    trace::News::Gone => self.tracer.stop(&mut self.datapath),
                },
                _ = sessions.tick() => self.sweep.begin_sessions(),
                _ = interfaces.tick() => interfaces::follow(&mut self.datapath, self.config.datapath.xdp_mode),
                () = task::yield_now(), if self.has_slices() => self.do_slices(),
                () = self.next_hops.changed() => self.next_hops.write(&self.datapath.maps.members),
                Some(change) = self.changes.recv() => self.take_changes(change),
                Some(request) = requests.recv(), if self.inquiry.is_none() => {
                    if let Some(leave) = self.take_request(request) {
                        break leave;
                    }
                }
            }
        };
        service::tell(&News::Stopping);
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
        preflight::check_interfaces(&config, &self.config)?;
        let mut health = self.health.clone();
        health.retain(|pool, member| is_watched(&config, pool, member));
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
        self.health = health;
        self.next_hops.turn_to(&config, &self.datapath.maps.members);
        self.monitors.update(&config, &self.health);
        preflight::warn_of_closed_forwarding(&config);
        self.config = config;
        info!("reloaded");
        Ok(())
    }

    /// Takes a change of health, and with it those that wait: members fail together.
    fn take_changes(&mut self, first: Change) {
        let mut changes = vec![first];
        while changes.len() < PENDING_CHANGES
            && let Ok(change) = self.changes.try_recv()
        {
            changes.push(change);
        }
        changes.retain(|change| self.note_change(change));
        if changes.is_empty() {
            return;
        }
        let pools = changes.iter().map(|change| change.pool.clone()).collect();
        let Self { datapath, config, .. } = self;
        if let Err(reason) = reconcile::apply_health(&mut datapath.maps, config, &self.health, &pools) {
            error!("{reason}");
        }
        // The way to a member, and with it the source address towards it, may be another by now.
        self.sweep.note_change(&self.datapath.maps);
        for change in changes {
            let Change {
                pool,
                member,
                finding,
            } = change;
            match finding {
                Finding::Up => info!(pool, member, "the member is up"),
                Finding::Down { reason } => warn!(pool, member, "the member is down: {reason}"),
            }
        }
    }

    /// Notes what a monitor found; whether the member went up or down by that.
    fn note_change(&mut self, change: &Change) -> bool {
        // What a monitor found that has ended meanwhile is no longer asked for.
        is_watched(&self.config, &change.pool, &change.member)
            && self
                .health
                .set(&change.pool, &change.member, change.finding.clone())
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

    /// Answers a request, or begins to look into it. Some end the daemon.
    fn take_request(&mut self, request: Request) -> Option<Leave> {
        let Request {
            command,
            answer,
            trace,
        } = request;
        let (answered, leave) = match command {
            api::Command::Status => {
                self.inquiry = Some(Inquiry::status(answer));
                return None;
            }
            api::Command::Sessions { pool, client } => {
                let list = views::SessionList::new(&self.scene(), pool.as_deref(), client);
                self.inquiry = Some(Inquiry::sessions(list, answer));
                return None;
            }
            api::Command::DropSession { pool, client } => (self.drop_session(&pool, client), None),
            api::Command::Explain {
                client,
                port,
                listener,
            } => (self.explain(client, port, listener), None),
            api::Command::Trace { clients } => (self.start_trace(&clients, trace), None),
            api::Command::Reload => match self.reload() {
                Ok(()) => (api::Answer::Done, None),
                Err(reason) => (api::Answer::Failed(format!("{reason:#}")), None),
            },
            api::Command::Stop { detach: true } => (api::Answer::Done, Some(Leave::Nothing)),
            api::Command::Stop { detach: false } => (api::Answer::Done, Some(Leave::Running)),
        };
        // Who asked may have gone away.
        let _ = answer.send(answered);
        leave
    }

    fn start_trace(&mut self, clients: &[trace::Client], told: mpsc::Sender<Told>) -> api::Answer {
        // The first one has programs verified, while other tasks go on.
        let start = || self.tracer.start(&mut self.datapath, clients, told);
        match task::block_in_place(start) {
            Ok(()) => api::Answer::Done,
            Err(reason) => api::Answer::Failed(reason),
        }
    }

    fn explain(&self, client: IpAddr, port: Option<u16>, listener: String) -> api::Answer {
        let question = views::Question {
            client,
            port,
            listener,
        };
        let unix_s = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let unix_s = unix_s.map_or(0, |since| since.as_secs());
        match views::explain(&self.scene(), &question, unix_s) {
            Ok(explanation) => api::Answer::Explanation(Box::new(explanation)),
            Err(reason) => api::Answer::Failed(reason),
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

    fn end(&mut self, leave: Leave) {
        self.tracer.stop(&mut self.datapath);
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

/// The control socket: for its owner and group alone.
fn listen(path: &Path) -> anyhow::Result<UnixListener> {
    if let Some(directory) = path.parent() {
        std::fs::create_dir_all(directory).with_context(|| format!("cannot make {}", directory.display()))?;
    }
    // What a daemon left that was killed.
    let _ = std::fs::remove_file(path);
    let listener =
        UnixListener::bind(path).with_context(|| format!("cannot listen at {}", path.display()))?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o660))?;
    Ok(listener)
}

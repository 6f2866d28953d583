//! How the daemon starts: by itself, or in place of another one.

use std::{collections::VecDeque, mem, net::TcpListener, path::PathBuf};

use tokio::sync::mpsc;
use tracing::warn;

use super::{
    Daemon, PENDING_CHANGES,
    failures::Failures,
    layer4::{self, Layer4},
    managed::{Management, together},
};
use crate::{
    api::{Doors, Sharing},
    control::socket,
    handover::Predecessor,
    health::{Health, Monitors},
    histogram::Histogram,
    model::{Changed, Config, DaemonSettings, DataPlane},
    preflight,
    proxy::Proxy,
    service::{self, KeptSockets, News},
    views::Reload,
};

/// How a daemon starts where another one runs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Start {
    /// It refuses to.
    Alone,
    /// It has the other one hand over to it.
    TakingOver,
}

impl Start {
    /// Who may have our addresses at the start.
    pub(super) fn sharing(self) -> Sharing {
        match self {
            Self::Alone => Sharing::WithNobody,
            Self::TakingOver => Sharing::WithOurselves,
        }
    }

    /// What it comes to: where nobody runs, nothing can be taken over.
    pub(super) fn in_effect(self, config: &Config) -> Self {
        match self {
            Self::TakingOver if !socket::is_served(&config.daemon.control_socket) => Self::Alone,
            start => start,
        }
    }
}

/// What a daemon begins with.
pub(super) struct Beginning {
    /// Listening sockets that somebody kept open.
    sockets: Vec<TcpListener>,
    /// The daemon that hands over.
    predecessor: Option<Predecessor>,
}

impl Beginning {
    pub(super) fn with(sockets: Vec<TcpListener>) -> Self {
        Self {
            sockets,
            predecessor: None,
        }
    }

    /// Has the daemon that runs hand over.
    pub(super) fn take_over(&mut self, settings: &DaemonSettings, plane: DataPlane) -> anyhow::Result<()> {
        let mut predecessor = Predecessor::ask(settings, plane)?;
        // The same ones as a service manager keeps, if it does.
        self.sockets = predecessor.take_sockets();
        self.predecessor = Some(predecessor);
        Ok(())
    }
}

impl Daemon {
    pub(super) fn start(
        path: PathBuf,
        config: Config,
        plane: DataPlane,
        management: Management,
        doors: Doors,
        beginning: &mut Beginning,
    ) -> anyhow::Result<Self> {
        let file = config;
        let mut managed = management.managed_beside(&file, plane)?;
        let mut config = together(&file, &managed, plane)?;
        let served = config.served_by(plane);
        preflight::raise_file_limit();
        // What an earlier daemon left serves until that is replaced: a start that fails changes nothing of it.
        let layer4 = served.has_layer_4().then(|| Layer4::load(&served));
        let mut layer4 = layer4.transpose()?;
        let mut health = match &layer4 {
            Some(layer4) => layer4.health_found(&served),
            None => Health::default(),
        };
        if let Some(predecessor) = &beginning.predecessor {
            predecessor.tell_health(&mut health);
            health.keep_watched(&served);
        }
        let mut kept = KeptSockets::passed(&beginning.sockets);
        let mut proxy = Proxy::inheriting(mem::take(&mut beginning.sockets));
        let mut prepared = None;
        managed = management.sift(managed, &mut |managed| {
            let config = together(&file, managed, plane)?;
            let served = config.served_by(plane);
            // What was prepared before listens already, and would stand in the way.
            drop(prepared.take());
            prepared = Some(proxy.prepare(&served)?);
            if let Some(layer4) = &mut layer4 {
                layer4.begin(&served, &health)?;
            }
            Ok(())
        })?;
        config = together(&file, &managed, plane)?;
        let served = config.served_by(plane);
        preflight::warn_of(&Changed::between(&Config::default(), &served));
        let prepared = match prepared {
            Some(prepared) => prepared,
            None => proxy.prepare(&served)?,
        };
        if let Some(predecessor) = &mut beginning.predecessor {
            predecessor.release()?;
            proxy.take_sessions();
        }
        proxy.serve(prepared, &served, &health);
        kept.follow(proxy.sockets());
        match (plane, &mut layer4) {
            (_, Some(layer4)) => layer4.leave_others(&served),
            (DataPlane::Kernel, None) => layer4::end_left(&served.daemon.pin_path),
            (DataPlane::Noop, None) => warn!("the data plane is noop: nobody is served"),
        }
        let (sender, changes) = mpsc::channel(PENDING_CHANGES);
        let mut monitors = Monitors::new(sender);
        monitors.update(&served, &health);
        drop(served);
        let Management {
            manager,
            store,
            wanted,
            ..
        } = management;
        let mut daemon = Self {
            path,
            file,
            managed,
            config,
            plane,
            manager,
            doors,
            store,
            wanted,
            layer4,
            proxy,
            health,
            failures: Failures::default(),
            monitors,
            changes,
            inquiry: None,
            apply_times: Histogram::default(),
            reload: Reload::default(),
            status_wanted: Vec::new(),
            pages_wanted: VecDeque::new(),
            sampled: None,
            traced: None,
            kept,
            predecessor: None,
            upgrade: None,
            heir: None,
        };
        daemon.declare();
        daemon.tell_health();
        daemon.tell_failures();
        Ok(daemon)
    }

    /// Tells the daemon that handed over that all is well, and the service manager whose the service is now.
    pub(super) fn part_from(&mut self, beginning: Beginning) {
        if let Some(predecessor) = beginning.predecessor {
            self.predecessor = predecessor
                .part()
                .inspect_err(|error| warn!("cannot tell the earlier daemon that this one serves: {error}"))
                .ok();
            service::tell(&News::TookOver);
        }
    }
}

//! How the daemon starts: by itself, or in place of another one.

use std::{mem, net::TcpListener, path::PathBuf};

use tokio::sync::mpsc;
use tracing::{info, warn};

use super::{Daemon, PENDING_CHANGES, interfaces, is_watched};
use crate::{
    alarms::Alarms,
    api::socket,
    bpf::Datapath,
    handover::Predecessor,
    health::Monitors,
    model::{Config, DaemonSettings},
    next_hops::NextHops,
    preflight,
    proxy::Proxy,
    reconcile,
    service::{self, KeptSockets, News},
    sweep::Sweep,
    trace::Tracer,
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
    pub(super) fn take_over(&mut self, settings: &DaemonSettings) -> anyhow::Result<()> {
        let mut predecessor = Predecessor::ask(settings)?;
        // The same ones as a service manager keeps, if it does.
        self.sockets = predecessor.take_sockets();
        self.predecessor = Some(predecessor);
        Ok(())
    }
}

impl Daemon {
    pub(super) fn start(path: PathBuf, config: Config, beginning: &mut Beginning) -> anyhow::Result<Self> {
        preflight::raise_file_limit();
        preflight::warn_of_closed_forwarding(&config);
        preflight::warn_of_hidden_vips(&config);
        let mut datapath = Datapath::load(&config.datapath, &config.daemon.pin_path)?;
        if let Some(memory) = &datapath.memory {
            info!("the maps take {memory}");
        }
        let tracer = Tracer::new(&datapath)?;
        // The programs of an earlier daemon forward until they are replaced: a start that fails changes nothing of that.
        datapath.attach(&config.datapath.interfaces, config.datapath.xdp_mode)?;
        let mut health = reconcile::health_found(&datapath.maps, &config);
        if let Some(predecessor) = &beginning.predecessor {
            predecessor.tell_health(&mut health);
            health.retain(|pool, member| is_watched(&config, pool, member));
        }
        let mut kept = KeptSockets::passed(&beginning.sockets);
        let mut proxy = Proxy::inheriting(mem::take(&mut beginning.sockets));
        let prepared = proxy.prepare(&config)?;
        let ids = reconcile::apply(&mut datapath.maps, &config, &health)?;
        interfaces::switch(&mut datapath)?;
        if let Some(predecessor) = &mut beginning.predecessor {
            predecessor.release()?;
            proxy.take_sessions();
        }
        proxy.serve(prepared, &config, &health);
        kept.follow(proxy.sockets());
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
            proxy,
            health,
            monitors,
            changes,
            ids,
            next_hops,
            sweep,
            inquiry: None,
            tracer,
            alarms: Alarms::default(),
            sources_due: None,
            kept,
            predecessor: None,
            upgrade: None,
            heir: None,
        })
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

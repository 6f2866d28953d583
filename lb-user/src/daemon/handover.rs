//! Handing over to the next daemon, from the side of the one that ends by that.

use std::{ops::ControlFlow, time::Duration};

use tokio::time;
use tracing::{error, info, warn};

use super::{Daemon, Ending, Leave, Signals, Told};
use crate::{api::Answer, handover::Successor, proxy::Idle, reconcile};

/// How long a successor may take from its question until it could serve: the kernel verifies its programs.
const TIME_TO_GET_READY: Duration = Duration::from_mins(1);
/// How long it may take from then on.
const TIME_TO_SERVE: Duration = Duration::from_secs(10);
/// How often it is tried to take the pins back.
const PAUSE: Duration = Duration::from_millis(100);

const HANDED_OVER: Ending = Ending {
    leave: Leave::ToSuccessor,
    asked: None,
};

impl Daemon {
    /// Hands over to a daemon that asks for it. Where that fails before it is ready, all goes on as before.
    pub(super) async fn hand_over(
        &mut self,
        mut successor: Successor,
        signals: &mut Signals,
    ) -> ControlFlow<Ending> {
        let pins = &self.config.daemon.pin_path;
        if successor.pin_path() != pins {
            let reason = format!(
                "it works on the datapath that is pinned at {}, not at {}: a daemon that takes over has the `pin_path` of \
                 the one that runs",
                pins.display(),
                successor.pin_path().display()
            );
            // Who asked may have gone away.
            let _ = successor.refuse(reason).await;
            return ControlFlow::Continue(());
        }
        info!("handing over to another daemon");
        self.tracer.stop(&mut self.datapath);
        self.proxy.leave_sessions();
        self.datapath.lend();
        // It may be told to end at any time, and then does so as if it had handed over: the maps are not its own.
        let outcome = tokio::select! {
            outcome = self.get_ready(&mut successor) => outcome,
            () = to_end(signals) => return ControlFlow::Break(HANDED_OVER),
        };
        if let Err(reason) = outcome {
            drop(successor);
            error!("the other daemon did not take over: {reason}; this one goes on");
            return self.take_back(signals).await;
        }
        self.proxy.stop_accepting(Idle::Stays);
        // Before: what becomes of sessions from now on, it is told.
        self.proxy.want_session_changes();
        self.proxy.leave_sessions();
        let served = async {
            successor.released().await?;
            successor.serving().await
        };
        match time::timeout(TIME_TO_SERVE, served).await {
            Ok(Ok(())) => info!("another daemon serves; this one ends with its last connection"),
            Ok(Err(reason)) => error!("the other daemon was ready, but does not serve: {reason}"),
            Err(_) => error!("the other daemon was ready, but does not serve"),
        }
        if let Some(upgrade) = self.upgrade.take() {
            upgrade.answer(Answer::Done);
        }
        self.heir = Some(successor.part());
        ControlFlow::Break(HANDED_OVER)
    }

    async fn get_ready(&self, successor: &mut Successor) -> Result<(), String> {
        let ready = async {
            let sockets = self.proxy.sockets().values().flatten();
            successor.give(sockets, &self.health).await?;
            successor.ready().await
        };
        match time::timeout(TIME_TO_GET_READY, ready).await {
            Ok(outcome) => outcome.map_err(|error| error.to_string()),
            Err(_) => Err(format!("it was not ready after {TIME_TO_GET_READY:?}")),
        }
    }

    /// Works on the pins again, as soon as the successor that failed has let go of them.
    async fn take_back(&mut self, signals: &mut Signals) -> ControlFlow<Ending> {
        let mut said = None;
        while let Err(reason) = self.datapath.reclaim() {
            let reason = reason.to_string();
            if said.as_ref() != Some(&reason) {
                warn!("waiting for the pins: {reason}");
                said = Some(reason);
            }
            tokio::select! {
                () = time::sleep(PAUSE) => {}
                () = to_end(signals) => return ControlFlow::Break(HANDED_OVER),
            }
        }
        // It may have changed some of it.
        match reconcile::apply(&mut self.datapath.maps, &self.config, &self.health) {
            Ok(ids) => self.ids = ids,
            Err(reason) => error!("what the other daemon changed cannot be undone: {reason}"),
        }
        self.sweep.note_change(&self.datapath.maps);
        ControlFlow::Continue(())
    }
}

/// Waits until it is told to end.
async fn to_end(signals: &mut Signals) {
    while let Told::Reload = signals.next().await {
        warn!(
            "another daemon is taking over: it has read the configuration already, and is to be told of changes"
        );
    }
}

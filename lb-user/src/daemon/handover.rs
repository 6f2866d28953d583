//! Handing over to the next daemon, from the side of the one that ends by that.

use std::{ops::ControlFlow, time::Duration};

use tokio::time;
use tracing::{error, info, warn};

use super::{Daemon, Ending, Leave, Signals, Told};
use crate::{control::Answer, handover::Successor, model::DataPlane, proxy::Idle};

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
        if let Some(reason) = self.refusal(&successor) {
            // Who asked may have gone away.
            let _ = successor.refuse(reason).await;
            return ControlFlow::Continue(());
        }
        info!("handing over to another daemon");
        self.proxy.leave_sessions();
        self.lend_store();
        if let Some(layer4) = &mut self.layer4 {
            layer4.lend();
        }
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

    /// Why nothing is handed over to this one.
    fn refusal(&self, successor: &Successor) -> Option<String> {
        let pins = &self.config.daemon.pin_path;
        if successor.dataplane() == DataPlane::Noop && self.plane != DataPlane::Noop {
            return Some(
                "the one that takes over would serve nobody (`--dataplane noop`): end this one with `holdfast stop` or \
                 `holdfast stop --detach` first, if that is what you want"
                    .to_owned(),
            );
        }
        (self.layer4.is_some() && successor.pin_path() != pins).then(|| {
            format!(
                "it works on the datapath that is pinned at {}, not at {}: a daemon that takes over has the `pin_path` of \
                 the one that runs",
                pins.display(),
                successor.pin_path().display()
            )
        })
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
        self.reclaim_store();
        let Some(layer4) = &mut self.layer4 else {
            return ControlFlow::Continue(());
        };
        let mut said = None;
        while let Err(reason) = layer4.reclaim(&self.config, &self.health) {
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

//! What the daemon is told by signals.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::Leave;

/// The signals that mean something to the daemon. From when this is made none of them ends the process: they wait until
/// [`Self::next`] is asked.
pub(super) struct Signals {
    hangup: Signal,
    terminate: Signal,
    interrupt: Signal,
    user: Signal,
}

/// What a signal means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Told {
    /// To take the configuration again.
    Reload,
    /// To open its log anew.
    ReopenLog,
    /// To end.
    End(Leave),
}

impl Signals {
    pub(super) fn install() -> io::Result<Self> {
        Ok(Self {
            hangup: signal(SignalKind::hangup())?,
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            user: signal(SignalKind::user_defined1())?,
        })
    }

    /// Waits for the next. May be dropped while it waits.
    pub(super) async fn next(&mut self) -> Told {
        tokio::select! {
            _ = self.hangup.recv() => Told::Reload,
            _ = self.terminate.recv() => Told::End(Leave::Running),
            _ = self.interrupt.recv() => Told::End(Leave::Nothing),
            _ = self.user.recv() => Told::ReopenLog,
        }
    }
}

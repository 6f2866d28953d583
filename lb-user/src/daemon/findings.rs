//! What the monitors find.

use tracing::{error, info, warn};

use super::{Daemon, PENDING_CHANGES};
use crate::{
    health::{Change, Finding},
    reconcile,
};

impl Daemon {
    /// Takes a change of health, and with it those that wait: members fail together.
    pub(super) fn take_changes(&mut self, first: Change) {
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
        self.proxy.set_health(&self.config, &self.health);
        // The way to a member, and with it the source address towards it, may be another by now.
        self.sweep.note_change(&self.datapath.maps);
        for change in changes {
            let Change {
                pool,
                member,
                finding,
                ..
            } = change;
            match finding {
                Finding::Up => info!(pool, member, "the member is up"),
                Finding::Down { reason } => warn!(pool, member, "the member is down: {reason}"),
            }
        }
    }

    /// Notes what a monitor found; whether the member went up or down by that.
    fn note_change(&mut self, change: &Change) -> bool {
        self.monitors.has(change.monitor)
            && self
                .health
                .set(&change.pool, &change.member, change.finding.clone())
    }
}

//! What the monitors find.

use tracing::{info, warn};

use super::{Daemon, PENDING_CHANGES};
use crate::{
    health::{Change, Finding},
    model::Titled,
    objects::member_id,
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
        if let Some(layer4) = &mut self.layer4 {
            layer4.apply_health(&self.config, &self.health, &pools);
        }
        self.proxy.set_health(&self.config, &self.health);
        self.manager.note_health(changes.iter().map(|change| {
            let why_down = match &change.finding {
                Finding::Up => None,
                Finding::Down { reason } => Some(reason.clone()),
            };
            (member_id(&change.pool, &change.member), why_down)
        }));
        for change in changes {
            let Some(pool) = self.config.pool(&change.pool) else {
                continue;
            };
            let member = pool
                .member(&change.member)
                .map_or(change.member.as_str(), Titled::title);
            let pool = pool.title();
            match change.finding {
                Finding::Up => info!(pool, member, "the member is up"),
                Finding::Down { reason } => warn!(pool, member, "the member is down: {reason}"),
            }
        }
    }

    /// Notes what a monitor found; whether the member went up or down by that.
    fn note_change(&mut self, change: &Change) -> bool {
        self.monitors.has(change)
            && self
                .health
                .set(&change.pool, &change.member, change.finding.clone())
    }
}

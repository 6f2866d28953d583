//! Following the addresses that this host uses towards the members.

use std::{future, time::Duration};

use tokio::time::{self, Instant};
use tracing::{info, warn};

use super::Layer4;
use crate::{
    health::Health,
    model::Config,
    reconcile::{self, Outdated},
};

/// How long addresses and routes may go on changing before the members are given other sources: whoever changes an
/// address takes away the old one first.
const SETTLE: Duration = Duration::from_secs(1);
/// When it is tried again, if that came to nothing.
const RETRY: Duration = Duration::from_secs(30);
/// Changes that are told of at a time.
const TOLD: usize = 8;

/// Waits until then, or for ever.
pub(super) async fn due(at: Option<Instant>) {
    match at {
        Some(at) => time::sleep_until(at).await,
        None => future::pending().await,
    }
}

impl Layer4 {
    /// Looks whether something is out of date, to be seen to once it has settled.
    pub(super) fn note_sources(&mut self, config: &Config) {
        if self.sources_due.is_none() && !self.outdated(config).is_empty() {
            self.sources_due = Some(Instant::now() + SETTLE);
        }
    }

    /// Sends to the members from the addresses that this host would use now.
    pub(super) fn take_sources(&mut self, config: &Config, health: &Health) {
        self.sources_due = None;
        let outdated = self.outdated(config);
        if outdated.is_empty() {
            return;
        }
        let pools = config.datapath_pools().map(|pool| pool.name.clone()).collect();
        self.apply_health(config, health, &pools);
        if self.outdated(config).is_empty() {
            tell(&outdated);
        } else {
            self.sources_due = Some(Instant::now() + RETRY);
        }
    }

    fn outdated(&self, config: &Config) -> Outdated {
        let maps = &self.datapath.maps;
        let now = self.next_hops.sources();
        reconcile::outdated(&maps.members, &maps.snat_addresses, config, &self.ids, &now)
    }
}

fn tell(outdated: &Outdated) {
    for (change, members) in outdated.iter().take(TOLD) {
        match change {
            (Some(old), Some(new)) => {
                info!(
                    members,
                    "the own address towards members is {new} now, and was {old}"
                );
            }
            (None, Some(new)) => info!(members, "there is a route to members now, from {new}"),
            (Some(old), None) => {
                warn!(
                    members,
                    "there is no route to members any more, which was from {old}: they get no packets"
                );
            }
            (None, None) => {}
        }
    }
}

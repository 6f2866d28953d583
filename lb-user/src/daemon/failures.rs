//! Members that the data plane itself finds out to fail, without a monitor: there is no way to them, or they are ejected.

use std::collections::BTreeSet;

use uuid::Uuid;

use super::Daemon;
use crate::objects::{Failure, member_id};

/// Those that the management API was told of.
#[derive(Debug, Default)]
pub(super) struct Failures {
    told: BTreeSet<Uuid>,
}

impl Daemon {
    /// Has the API show which these are, where that has changed.
    pub(super) fn tell_failures(&mut self) {
        let id = |(pool, member): (&str, &str)| member_id(pool, member);
        let mut now = BTreeSet::new();
        if let Some(layer4) = &mut self.layer4 {
            now.extend(layer4.unreached(&self.config, &self.health).map(id));
        }
        now.extend(self.proxy.ejected().map(id));
        let told = &self.failures.told;
        if now == *told {
            return;
        }
        let fail = now.difference(told).map(|member| (*member, Failure::Fails));
        let work = told.difference(&now).map(|member| (*member, Failure::Works));
        self.manager.note_failures(fail.chain(work));
        self.failures.told = now;
    }
}

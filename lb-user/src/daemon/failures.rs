//! Members that the data plane itself finds out to fail, without a monitor: there is no way to them, or they are ejected.

use std::collections::BTreeMap;

use uuid::Uuid;

use super::Daemon;
use crate::{next_hops::NO_ROUTE, objects::member_id};

/// Those that the management API was told of, and why they fail.
#[derive(Debug, Default)]
pub(super) struct Failures {
    told: BTreeMap<Uuid, String>,
}

impl Daemon {
    /// Has the API show which these are and why, where that has changed.
    pub(super) fn tell_failures(&mut self) {
        let mut now = BTreeMap::new();
        if let Some(layer4) = &mut self.layer4 {
            let unreached = layer4.unreached(&self.config, &self.health);
            now.extend(unreached.map(|(pool, member)| (member_id(pool, member), NO_ROUTE.to_owned())));
        }
        let ejected = self.proxy.ejected();
        now.extend(ejected.map(|(pool, member, why)| (member_id(pool, member), why)));
        let told = &self.failures.told;
        if now == *told {
            return;
        }
        let fail = now.iter().filter(|(member, why)| told.get(*member) != Some(*why));
        let fail = fail.map(|(member, why)| (*member, Some(why.clone())));
        let work = told.keys().filter(|member| !now.contains_key(*member));
        let work = work.map(|member| (*member, None));
        self.manager.note_failures(fail.chain(work));
        self.failures.told = now;
    }
}

//! What is done in slices between all else, and what is looked at for it.

use std::{mem, time::Instant};

use super::{Daemon, inquiry::Inquiry, layer4::Layer4};
use crate::{
    manager,
    reconcile::Ids,
    views::{self, MaybeMaps},
};

impl Daemon {
    /// Whether there is work that is done in slices, between all else.
    pub(super) fn has_slices(&self) -> bool {
        self.inquiry.is_some()
            || !self.status_wanted.is_empty()
            || !self.pages_wanted.is_empty()
            || self.layer4.as_ref().is_some_and(Layer4::is_sweeping)
    }

    pub(super) fn do_slices(&mut self) {
        if let Some(layer4) = &mut self.layer4 {
            layer4.sweep();
        }
        if self.inquiry.is_none() && !self.status_wanted.is_empty() {
            let all = mem::take(&mut self.status_wanted);
            self.inquiry = Some(self.show(|scene| Inquiry::metrics(scene, all)));
        }
        if self.inquiry.is_none()
            && let Some(wanted) = self.pages_wanted.pop_front()
        {
            self.inquiry = self.show(|scene| Inquiry::page(scene, wanted));
        }
        if let Some(inquiry) = self.inquiry.take() {
            let attachments = self.layer4.as_ref().map_or(&[][..], Layer4::attachments);
            self.inquiry = self
                .show(|scene| inquiry.step(scene, attachments, || self.doings()))
                .continue_value();
        }
    }

    /// Notes now and then what has passed, for those who want to see the last hour.
    pub(super) fn sample(&mut self) {
        let now = Instant::now();
        if self
            .sampled
            .is_some_and(|last| now.duration_since(last) < manager::INTERVAL)
        {
            return;
        }
        self.sampled = Some(now);
        #[expect(clippy::redundant_closure, reason = "the function is of one lifetime")]
        let samples = self.show(|scene| views::samples(scene));
        self.manager.note_samples(now, samples);
    }

    /// What only the daemon itself can tell of the status.
    fn doings(&self) -> views::Doings {
        let sweeps = self.layer4.as_ref().map(Layer4::sweep_times);
        let [flow_sweeps, session_sweeps] = sweeps.unwrap_or_default();
        views::Doings {
            refused: self.manager.refused(),
            probes: self.monitors.probes(),
            work: views::Work {
                reload: self.reload,
                applies: self.apply_times.report(),
                flow_sweeps,
                session_sweeps,
            },
        }
    }

    /// Has a view look at what there is.
    pub(super) fn show<T>(&self, view: impl FnOnce(&views::Scene<'_, MaybeMaps<'_>>) -> T) -> T {
        let layer4 = self.layer4.as_ref();
        let nothing = Ids::default();
        view(&views::Scene {
            config: &self.config,
            plane: self.plane,
            health: &self.health,
            ids: layer4.map_or(&nothing, Layer4::ids),
            proxied: self.proxy.report(),
            look: self.proxy.look(),
            sight: &MaybeMaps(layer4.map(Layer4::maps)),
        })
    }
}

//! What becomes of objects, and who hears of it.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::PoisonError,
};

use uuid::Uuid;

use super::{Event, Manager, Noted};
use crate::{
    model::ApiSettings,
    objects::{Any, Failure, Inventory, Origin},
};

/// How objects are doing, by their ids.
pub(super) type Standing = BTreeMap<Uuid, Event>;

impl Manager {
    /// Notes what the monitors of members have found: why they are down, if they are.
    pub fn note_health(&self, found: impl IntoIterator<Item = (Uuid, Option<String>)>) {
        self.note(found, Inventory::note_health);
    }

    /// Notes what the data plane itself has found out of members.
    pub fn note_failures(&self, found: impl IntoIterator<Item = (Uuid, Failure)>) {
        self.note(found, Inventory::note_failure);
    }

    fn note<T>(&self, found: impl IntoIterator<Item = (Uuid, T)>, take: impl Fn(&mut Inventory, Uuid, T)) {
        let mut inventory = self.write();
        let found: Vec<_> = found.into_iter().collect();
        let pools = found
            .iter()
            .filter_map(|(member, _)| inventory.pools.get(inventory.members.get(*member)?.pool_id));
        let balancers: BTreeSet<Uuid> = pools.flat_map(|pool| pool.load_balancers.clone()).collect();
        let before = Self::standing(&inventory, balancers.iter().copied());
        for (member, finding) in found {
            take(&mut inventory, member, finding);
        }
        let mut after = Self::standing(&inventory, balancers);
        after.retain(|id, event| before.get(id) != Some(event));
        self.send(after.into_values());
    }

    /// Puts what a configuration file declares in place of what it declared before: objects, and what addresses there are.
    pub fn declare(&self, objects: Vec<Any>, api: &ApiSettings) {
        let mut inventory = self.write();
        inventory.subnets = api.subnets.as_slice().into();
        inventory.own_addresses = api.listen.iter().map(|own| own.ip().to_canonical()).collect();
        let difference = inventory.declared_anew(objects);
        let before = Self::standing(&inventory, declared(&inventory));
        difference.apply(&mut inventory);
        inventory.forget_unwatched();
        let put: Vec<Uuid> = difference.put.iter().map(|object| object.head().id).collect();
        let mut after = Self::standing(&inventory, declared(&inventory));
        after.retain(|id, event| before.get(id) != Some(event));
        for id in &put {
            after.remove(id);
        }
        let put = put.into_iter().filter_map(|id| Event::of(&inventory, id));
        self.send(put.chain(after.into_values()));
        self.tell_gone(&difference.taken);
    }

    /// How load balancers are doing with all below them.
    pub(super) fn standing(inventory: &Inventory, balancers: impl IntoIterator<Item = Uuid>) -> Standing {
        let balancers = balancers.into_iter();
        let events = balancers.flat_map(|balancer| Event::of_tree(inventory, balancer));
        events.map(|event| (event.id(), event)).collect()
    }

    /// Tells those who listen how these objects are doing.
    pub(super) fn tell(&self, ids: &[Uuid]) {
        let inventory = self.read();
        self.send(ids.iter().filter_map(|id| Event::of(&inventory, *id)));
    }

    /// Tells them that these objects are gone.
    pub(super) fn tell_gone(&self, objects: &[Any]) {
        self.send(objects.iter().map(Event::gone));
    }

    pub(super) fn send(&self, events: impl Iterator<Item = Event>) {
        let mut latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        for event in events {
            latest.note(event.clone());
            // Nobody listening is no fault.
            let _ = self.events.send(event);
        }
    }

    /// The last events, the newest first.
    #[must_use]
    pub fn latest(&self, may_see: impl Fn(&str) -> bool) -> Vec<Noted> {
        let latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        latest.of(may_see)
    }
}

/// The load balancers of the file.
fn declared(inventory: &Inventory) -> Vec<Uuid> {
    let balancers = inventory.load_balancers.iter().map(|balancer| &balancer.head);
    balancers
        .filter(|head| matches!(head.origin, Origin::File(_)))
        .map(|head| head.id)
        .collect()
}

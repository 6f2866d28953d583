//! What becomes of objects, and who hears of it.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::atomic::Ordering::Relaxed,
};

use uuid::Uuid;

use super::{Event, Manager, event::Standing, log::Happening};
use crate::{
    model::Config,
    objects::{Any, Difference, Inventory, Origin},
};

/// What there was before something is done, and what that is asked to do.
pub(super) struct Before {
    /// How load balancers were doing, with all below them.
    pub(super) standing: Standing,
    /// Which objects it makes and changes.
    pub(super) asked: BTreeMap<Uuid, Happening>,
}

impl Before {
    pub(super) fn of(
        inventory: &Inventory,
        balancers: impl IntoIterator<Item = Uuid>,
        difference: &Difference,
    ) -> Self {
        let asked = difference.put.iter().map(|object| {
            let id = object.head().id;
            let event = if inventory.has(id) {
                Happening::Updated
            } else {
                Happening::Created
            };
            (id, event)
        });
        Self {
            standing: standing(inventory, balancers),
            asked: asked.collect(),
        }
    }
}

impl Manager {
    /// Notes what the monitors of members have found: why they are down, if they are.
    pub fn note_health(&self, found: impl IntoIterator<Item = (Uuid, Option<String>)>) {
        self.note(found, Inventory::note_health);
    }

    /// Notes what the data plane itself has found out of members: why they are given nothing, if they are not.
    pub fn note_failures(&self, found: impl IntoIterator<Item = (Uuid, Option<String>)>) {
        self.note(found, Inventory::note_failure);
    }

    fn note<T>(&self, found: impl IntoIterator<Item = (Uuid, T)>, take: impl Fn(&mut Inventory, Uuid, T)) {
        let mut inventory = self.write();
        let found: Vec<_> = found.into_iter().collect();
        let pools = found
            .iter()
            .filter_map(|(member, _)| inventory.pools.get(inventory.members.get(*member)?.pool_id));
        let balancers: BTreeSet<Uuid> = pools.flat_map(|pool| pool.load_balancers.clone()).collect();
        self.watch(&mut inventory, &balancers, |inventory| {
            for (member, finding) in found {
                take(inventory, member, finding);
            }
        });
    }

    /// Notes something of these load balancers or of what is below them, and tells who is doing otherwise by that.
    pub(super) fn watch(
        &self,
        inventory: &mut Inventory,
        balancers: &BTreeSet<Uuid>,
        note: impl FnOnce(&mut Inventory),
    ) {
        let balancers = || balancers.iter().copied();
        let before = Before::of(inventory, balancers(), &Difference::default());
        note(inventory);
        self.tell_since(&before, inventory, balancers(), &[]);
    }

    /// Puts what a configuration file declares in place of what it declared before: objects, and what addresses there are.
    pub fn declare(&self, objects: Vec<Any>, config: &Config) {
        let mut inventory = self.write();
        let api = &config.api;
        inventory.subnets = api.subnets.as_slice().into();
        inventory.has_layer_4 = config.has_layer_4();
        inventory.own_addresses = api.listen.iter().map(|own| own.ip().to_canonical()).collect();
        let difference = inventory.declared_anew(objects);
        let mut before = Before::of(&inventory, declared(&inventory), &difference);
        if self.has_read_file.swap(true, Relaxed) {
            self.log_gone(&inventory, &difference.taken);
        } else {
            // What a file says when the daemon starts has not happened then.
            before.asked.clear();
        }
        difference.apply(&mut inventory);
        inventory.forget_unwatched();
        let put: Vec<Uuid> = difference.put.iter().map(|object| object.head().id).collect();
        self.tell_since(&before, &inventory, declared(&inventory), &put);
        self.tell_gone(&difference.taken);
    }

    /// Tells what has become of these objects, and who is doing otherwise by that.
    pub(super) fn tell_since(
        &self,
        before: &Before,
        inventory: &Inventory,
        balancers: impl IntoIterator<Item = Uuid>,
        ids: &[Uuid],
    ) {
        let mut after = standing(inventory, balancers);
        after.retain(|id, event| before.standing.get(id) != Some(event));
        // First: whoever hears of it looks there.
        self.log_since(before, inventory, &after);
        for id in ids {
            after.remove(id);
        }
        let of_these = ids.iter().filter_map(|id| Event::of(inventory, *id));
        self.send(of_these.chain(after.into_values()));
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

    fn send(&self, events: impl Iterator<Item = Event>) {
        for event in events {
            // Nobody listening is no fault.
            let _ = self.events.send(event);
        }
    }
}

/// How load balancers are doing with all below them.
fn standing(inventory: &Inventory, balancers: impl IntoIterator<Item = Uuid>) -> Standing {
    let balancers = balancers.into_iter();
    let events = balancers.flat_map(|balancer| Event::of_tree(inventory, balancer));
    events.map(|event| (event.id(), event)).collect()
}

/// The load balancers of the file.
fn declared(inventory: &Inventory) -> Vec<Uuid> {
    let balancers = inventory.load_balancers.iter().map(|balancer| &balancer.head);
    balancers
        .filter(|head| matches!(head.origin, Origin::File(_)))
        .map(|head| head.id)
        .collect()
}

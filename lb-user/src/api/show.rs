//! Showing objects.

use std::sync::Arc;

use serde::{Serialize, Serializer, ser::SerializeMap};
use serde_json::Value as Json;
use uuid::Uuid;

use crate::{
    objects::{HealthMonitor, Inventory, L7Policy, Listener, LoadBalancer, Member, Object, Pool},
    store::Kind,
};

/// How much is shown of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Depth {
    /// Of those below it, the ids.
    Itself,
    /// Those below it as well.
    Whole,
}

/// An object as it is shown.
pub(super) struct Shown<'a, T> {
    pub(super) object: &'a T,
    pub(super) inventory: &'a Inventory,
    /// Only these fields; none: all.
    pub(super) fields: &'a [String],
    pub(super) depth: Depth,
}

impl<T: Object> Serialize for Shown<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        let id = self.object.head().id;
        let wanted = |field: &str| self.fields.is_empty() || self.fields.iter().any(|wanted| wanted == field);
        let below = match self.depth {
            Depth::Itself => &[][..],
            Depth::Whole => below(T::KIND),
        };
        for field in below {
            map.serialize_entry(field, &whole_below(id, T::KIND, field, self.inventory))?;
        }
        for field in T::FIELDS
            .iter()
            .filter(|field| wanted(field) && !below.contains(field))
        {
            if self.depth == Depth::Whole && is_above(T::KIND, field) {
                continue;
            }
            let value = self.object.shown(field, self.inventory);
            // The service has no such key where there is none.
            if *field == "healthmonitor_id" && value.is_null() {
                continue;
            }
            map.serialize_entry(field, &value)?;
        }
        map.end()
    }
}

/// `{"pool": {...}}`
pub(super) struct Enveloped<'a, T>(pub(super) Shown<'a, T>);

impl<T: Object> Serialize for Enveloped<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(1))?;
        map.serialize_entry(T::SINGULAR, &self.0)?;
        map.end()
    }
}

/// What stands below an object: it comes first, where it is shown as a whole.
pub(super) fn below(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::LoadBalancer => &["listeners", "pools"],
        Kind::Listener => &["l7policies"],
        Kind::L7Policy => &["rules"],
        Kind::Pool => &["members", "healthmonitor"],
        _ => &[],
    }
}

/// Whether a field says what an object is below of: that is plain, where it is shown there.
pub(super) fn is_above(kind: Kind, field: &str) -> bool {
    matches!(
        (kind, field),
        (Kind::Listener, "loadbalancers")
            | (Kind::Pool, "loadbalancers" | "healthmonitor_id")
            | (Kind::HealthMonitor, "pools")
    )
}

/// What stands below an object under a field, as a whole.
fn whole_below(id: Uuid, kind: Kind, field: &str, inventory: &Inventory) -> Json {
    match (kind, field) {
        (Kind::LoadBalancer, "listeners") => whole::<Listener>(inventory.listeners.of(id), inventory),
        (Kind::LoadBalancer, _) => whole::<Pool>(inventory.pools.of(id), inventory),
        (Kind::Listener, _) => whole::<L7Policy>(inventory.policies_of(id), inventory),
        (Kind::L7Policy, _) => whole(inventory.l7rules.of(id), inventory),
        (Kind::Pool, "members") => whole::<Member>(inventory.members.of(id), inventory),
        (Kind::Pool, _) => inventory
            .monitor_of(id)
            .map_or(Json::Null, |monitor| whole_of(monitor.as_ref(), inventory)),
        _ => Json::Null,
    }
}

fn whole<'a, T: Object>(objects: impl IntoIterator<Item = &'a Arc<T>>, inventory: &Inventory) -> Json {
    objects
        .into_iter()
        .map(|object| whole_of(object.as_ref(), inventory))
        .collect()
}

fn whole_of<T: Object>(object: &T, inventory: &Inventory) -> Json {
    let shown = Shown {
        object,
        inventory,
        fields: &[],
        depth: Depth::Whole,
    };
    // Nothing of it can fail.
    serde_json::to_value(shown).unwrap_or_default()
}

/// The state of a load balancer and of all below it: what `status` shows.
pub(super) fn status_tree(balancer: &LoadBalancer, inventory: &Inventory) -> Json {
    let id = balancer.head.id;
    let listeners = inventory.listeners.of(id).map(|listener| {
        let policies = inventory.policies_of(listener.head.id).into_iter();
        let of_policies = policies.filter(|policy| inventory.is_effective(policy));
        let of_policies = of_policies.filter_map(|policy| policy.redirect_pool_id);
        let mut pools: Vec<Uuid> = Vec::new();
        for pool in listener.default_pool_id.into_iter().chain(of_policies) {
            if !pools.contains(&pool) {
                pools.push(pool);
            }
        }
        let pools = pools.iter().filter_map(|id| inventory.pools.get(*id));
        let mut status = state(listener.as_ref(), &STATE, inventory);
        status["pools"] = pools.map(|pool| pool_status(pool, inventory)).collect();
        status
    });
    let mut status = state(balancer, &STATE, inventory);
    status["listeners"] = listeners.collect();
    status
}

const STATE: [&str; 4] = ["id", "name", "operating_status", "provisioning_status"];
/// The same in the order in which the service has it of pools.
const STATE_OF_POOL: [&str; 4] = ["id", "name", "provisioning_status", "operating_status"];

fn pool_status(pool: &Pool, inventory: &Inventory) -> Json {
    let id = pool.head.id;
    let of_monitor = ["id", "name", "type", "provisioning_status", "operating_status"];
    let of_member = [&STATE[..], &["address", "protocol_port"]].concat();
    let monitor = inventory.monitor_of(id);
    let monitor = monitor.map(|monitor| state::<HealthMonitor>(monitor, &of_monitor, inventory));
    let members = inventory.members.of(id);
    let members = members.map(|member| state::<Member>(member, &of_member, inventory));
    let mut status = state(pool, &STATE_OF_POOL, inventory);
    status["health_monitor"] = monitor.into();
    status["members"] = members.collect();
    status
}

fn state<T: Object>(object: &T, fields: &[&str], inventory: &Inventory) -> Json {
    let fields = fields
        .iter()
        .map(|field| ((*field).to_owned(), object.shown(field, inventory)));
    Json::Object(fields.collect())
}

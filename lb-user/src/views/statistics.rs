//! What listeners have done, in the few numbers of the management API.

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use super::{Scene, Sight};
use crate::{
    manager::Statistics,
    model::{Listener, Pool},
    objects::listener_id,
};

/// What the listeners of these ids have done, together.
pub fn statistics<S: Sight>(scene: &Scene<'_, S>, ids: &BTreeSet<Uuid>) -> Statistics {
    let mut sum = Statistics::default();
    // Of the datapath's flows it is known at once how many each member has, but not by which listener they came: new ones by
    // listener, and open ones by pool.
    let mut by_pool: BTreeMap<&str, u64> = BTreeMap::new();
    let listeners = scene.config.listeners().map(|(_, listener)| listener);
    for listener in listeners.filter(|listener| ids.contains(&listener_id(&listener.name))) {
        let done = of_listener(scene, listener);
        sum = sum.plus(done);
        if let Some(pool) = listener
            .pool
            .as_deref()
            .filter(|_| listener.protocol().is_layer_4())
        {
            *by_pool.entry(pool).or_default() += done.total_connections;
        }
    }
    for (pool, all) in by_pool {
        let open = scene.config.pool(pool).map_or(0, |pool| open_flows(scene, pool));
        // There are no more than have come.
        sum.active_connections += open.min(all);
    }
    sum
}

/// What it has done; of those of the datapath, but for the flows that are open.
fn of_listener<S: Sight>(scene: &Scene<'_, S>, listener: &Listener) -> Statistics {
    if let Some(proxied) = scene.proxied.listeners.get(&listener.name) {
        return Statistics {
            active_connections: proxied.open_connections,
            bytes_in: proxied.bytes_in,
            bytes_out: proxied.bytes_out,
            request_errors: proxied.own_responses,
            total_connections: proxied.connections,
        };
    }
    let traffic = scene
        .sight
        .listener_traffic(scene.ids.listener(&listener.name).unwrap_or(0));
    Statistics {
        active_connections: 0,
        bytes_in: traffic.bytes_in,
        bytes_out: traffic.bytes_out,
        request_errors: 0,
        total_connections: traffic.new_flows,
    }
}

fn open_flows<S: Sight>(scene: &Scene<'_, S>, pool: &Pool) -> u64 {
    let members = scene.ids.members(&pool.name);
    let members = members.filter_map(|id| scene.sight.member(id));
    members.map(|member| u64::from(member.active_flows.get())).sum()
}

//! What each listener and each pool has done until now: of that the charts of the last hour are made.

use super::{Scene, Sight};
use crate::{
    manager::Sample,
    model::{Listener, LoadBalancer, Pool},
    objects::{listener_id, load_balancer_id, pool_id},
};

/// What all of them have done. It costs no look at flows or sessions.
pub fn samples<S: Sight>(scene: &Scene<'_, S>) -> Vec<Sample> {
    let balancers = scene.config.load_balancers.iter();
    let listeners = balancers.flat_map(|balancer| {
        let listeners = balancer.listeners.iter();
        listeners.map(|listener| of_listener(scene, balancer, listener))
    });
    let pools = scene.config.pools.iter().filter_map(|pool| of_pool(scene, pool));
    listeners.chain(pools).collect()
}

fn of_listener<S: Sight>(scene: &Scene<'_, S>, balancer: &LoadBalancer, listener: &Listener) -> Sample {
    let (counters, gauges) = if let Some(proxied) = scene.proxied.listeners.get(&listener.name) {
        let counters = vec![
            ("connections_per_s", proxied.connections),
            ("requests_per_s", proxied.requests),
            ("errors_per_s", proxied.responses[4]),
            ("bytes_in_per_s", proxied.bytes_in),
            ("bytes_out_per_s", proxied.bytes_out),
        ];
        (counters, vec![("open", proxied.open_connections)])
    } else {
        let id = scene.ids.listener(&listener.name).unwrap_or(0);
        let traffic = scene.sight.listener_traffic(id);
        let counters = vec![
            ("connections_per_s", traffic.new_flows),
            ("bytes_in_per_s", traffic.bytes_in),
            ("bytes_out_per_s", traffic.bytes_out),
        ];
        (counters, Vec::new())
    };
    Sample {
        id: listener_id(&listener.name),
        load_balancer: Some(load_balancer_id(&balancer.name)),
        counters,
        gauges,
    }
}

/// None where nobody is held.
fn of_pool<S: Sight>(scene: &Scene<'_, S>, pool: &Pool) -> Option<Sample> {
    pool.session_persistence.as_ref()?;
    let [created, held, moved] = if let Some(proxied) = scene.proxied.pools.get(&pool.name) {
        let sessions = &proxied.sessions;
        [sessions.created, sessions.held, sessions.moved]
    } else {
        let counted = scene
            .sight
            .session_counts(scene.ids.pool(&pool.name).unwrap_or(0));
        [counted.created, counted.held, counted.moved]
    };
    Some(Sample {
        id: pool_id(&pool.name),
        load_balancer: None,
        counters: vec![
            ("created_per_s", created),
            ("held_per_s", held),
            ("moved_per_s", moved),
        ],
        gauges: Vec::new(),
    })
}

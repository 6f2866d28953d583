//! Listeners and VIPs, with their ids.

use lb_common::{
    address::{Address, Endpoint},
    listeners::VIP,
    tables::Listener,
};

use super::{
    PlannedListener,
    give::{Giver, full},
};
use crate::{
    bpf::{Error, Maps},
    model::{self, LoadBalancer},
    reconcile::known::{Asked, Known, Next},
};

const HOST: u32 = Listener::HOST;

/// What clients ask the listeners of a load balancer by that are on, each with the listener; the VIP itself is the first.
pub(in crate::reconcile) fn asked(
    balancer: &LoadBalancer,
) -> impl Iterator<Item = (Asked, Option<&model::Listener>)> {
    let at = move |port, protocol| {
        let address = Address::from(balancer.vip);
        (Endpoint { address, port }, protocol)
    };
    let on = balancer
        .listeners
        .iter()
        .filter(|listener| listener.admin_state_up);
    let listeners = on.map(move |listener| {
        let protocol = listener.protocol().transport().ip_protocol();
        (at(listener.port, protocol), Some(listener))
    });
    let all = std::iter::once((at(0, VIP), None)).chain(listeners);
    all.filter(|_| balancer.admin_state_up)
}

pub(super) fn plan<'c>(
    (maps, known): (&Maps, &Known),
    balancers: impl Iterator<Item = &'c LoadBalancer>,
    pool_id: impl Fn(&str) -> Option<u32>,
    next: &mut Next,
) -> Result<Vec<PlannedListener<'c>>, Error> {
    let full = || full("LISTENERS", "max_listeners");
    let mut ids = Giver::new(maps.listeners.len(), &mut next.listener, full);
    let is_free = |id: u32| maps.listeners[id as usize].protocol.get() == 0;
    let mut planned = Vec::new();
    for (balancer, (asked, listener)) in
        balancers.flat_map(|balancer| asked(balancer).map(move |asked| (balancer, asked)))
    {
        let known = known.listener(maps, &asked);
        let pool = match listener {
            Some(listener) if is_of_host(listener) => HOST,
            // The pool of this id has no members.
            Some(listener) => listener.pool.as_deref().and_then(&pool_id).unwrap_or(0),
            None => {
                // Where it had a listener of the host's, packets of its connections may still come.
                let was_of_host = known.is_some_and(|id| maps.listeners[id as usize].is_of_host());
                if was_of_host || balancer.has_a_port_of_the_host() {
                    HOST
                } else {
                    0
                }
            }
        };
        planned.push(PlannedListener {
            listener,
            asked,
            id: ids.give(asked, known, is_free)?,
            pool,
        });
    }
    Ok(planned)
}

fn is_of_host(listener: &model::Listener) -> bool {
    !listener.protocol().is_layer_4()
}

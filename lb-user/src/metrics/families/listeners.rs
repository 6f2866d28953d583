//! What passed by listeners.

use crate::{
    metrics::family::{Family, Sample},
    model::{Titled as _, Word as _},
    proxy::ListenerReport,
    views::{Listener, Status},
};

/// The labels of what is of a listener, and further ones.
macro_rules! labels {
    ($($further:literal),*) => {
        &["load_balancer", "load_balancer_id", "listener", "listener_id", $($further),*]
    };
}
pub(super) use labels;

const LABELS: &[&str] = labels!();

pub(super) const FAMILIES: &[Family] = &[
    Family::gauge(
        "holdfast_listener_status",
        "1 for the status that a listener has; pool_id is that of its own pool, where it has one",
        labels!("protocol", "pool_id", "status"),
        |status| {
            let listeners = all(status).map(|(labels, listener)| {
                let pool = listener.pool.as_deref().unwrap_or("");
                let further = [listener.protocol.word(), pool, listener.status.word()];
                Sample::with(labels, further, 1)
            });
            listeners.collect()
        },
    ),
    Family::counter(
        "holdfast_listener_connections",
        "Connections (flows of datagrams) of clients that began",
        LABELS,
        |status| {
            by_layer(
                status,
                |listener| listener.traffic.new_flows,
                |proxied| proxied.connections,
            )
        },
    ),
    Family::gauge(
        "holdfast_listener_active_connections",
        "Connections (flows of datagrams) of clients that are open",
        LABELS,
        |status| {
            by_layer(
                status,
                |listener| listener.active_flows,
                |proxied| proxied.open_connections,
            )
        },
    ),
    Family::counter(
        "holdfast_listener_delayed_connections",
        "Connections that had to wait, since as many were open as may be",
        LABELS,
        |status| {
            each(status, |listener| {
                listener.proxied.as_ref().map(|proxied| proxied.had_to_wait)
            })
        },
    ),
    Family::counter(
        "holdfast_listener_received",
        "Bytes from clients: of IP at layer 4, of HTTP at layer 7",
        LABELS,
        |status| {
            by_layer(
                status,
                |listener| listener.traffic.bytes_in,
                |proxied| proxied.bytes_in,
            )
        },
    )
    .in_bytes(),
    Family::counter(
        "holdfast_listener_sent",
        "Bytes to clients: of IP at layer 4, of HTTP at layer 7",
        LABELS,
        |status| {
            by_layer(
                status,
                |listener| listener.traffic.bytes_out,
                |proxied| proxied.bytes_out,
            )
        },
    )
    .in_bytes(),
    Family::counter(
        "holdfast_listener_received_packets",
        "Packets from clients, at layer 4",
        LABELS,
        |status| of_layer_4(status, |listener| listener.traffic.packets_in),
    ),
    Family::counter(
        "holdfast_listener_sent_packets",
        "Packets to clients, at layer 4",
        LABELS,
        |status| of_layer_4(status, |listener| listener.traffic.packets_out),
    ),
];

/// The listeners, with the values of [`LABELS`].
pub(super) fn all(status: &Status) -> impl Iterator<Item = ([&str; 4], &Listener)> {
    status.load_balancers.iter().flat_map(|balancer| {
        let listeners = balancer.listeners.iter();
        listeners.map(|listener| {
            let labels = [balancer.title(), &balancer.name, listener.title(), &listener.name];
            (labels, listener)
        })
    })
}

fn each(status: &Status, read: impl Fn(&Listener) -> Option<u64>) -> Vec<Sample<'_>> {
    let samples = all(status).filter_map(|(labels, listener)| Some(Sample::new(labels, read(listener)?)));
    samples.collect()
}

/// What the datapath counts, or the proxy, of which one serves a listener.
fn by_layer(
    status: &Status,
    four: fn(&Listener) -> u64,
    seven: fn(&ListenerReport) -> u64,
) -> Vec<Sample<'_>> {
    each(status, |listener| {
        Some(listener.proxied.as_ref().map_or_else(|| four(listener), seven))
    })
}

fn of_layer_4(status: &Status, read: impl Fn(&Listener) -> u64) -> Vec<Sample<'_>> {
    each(status, |listener| {
        listener.proxied.is_none().then(|| read(listener))
    })
}

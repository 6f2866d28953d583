//! What became of sessions.

use crate::{
    metrics::family::{Family, Sample},
    model::Titled as _,
};

pub(super) const FAMILIES: &[Family] = &[
    Family::gauge(
        "holdfast_sessions",
        "Sessions that the datapath holds",
        &["pool", "pool_id"],
        |status| {
            let pools = status.pools.iter();
            let samples =
                pools.filter_map(|pool| Some(Sample::new([pool.title(), &pool.name], pool.sessions?.now)));
            samples.collect()
        },
    ),
    Family::counter(
        "holdfast_session_events",
        "What became of sessions: created, held (a flow or request went where its session said), moved (to another member, since \
               its own could not have it), expired, evicted (made room for another one) and ended (by the application), both of HTTP and HTTPS alone: what the kernel \
               evicts of TCP and UDP is told of by the fill level of the table, before it happens",
        &["pool", "pool_id", "event"],
        |status| {
            let samples = status.pools.iter().flat_map(|pool| {
                let of_datapath = pool.sessions.into_iter().flat_map(|sessions| {
                    let events = sessions.events;
                    vec![
                        ("created", events.created),
                        ("held", events.held),
                        ("moved", events.moved),
                        ("expired", events.expired),
                    ]
                });
                let of_proxy = pool.proxied_sessions.iter().flat_map(|events| {
                    vec![
                        ("created", events.created),
                        ("held", events.held),
                        ("moved", events.moved),
                        ("expired", events.expired),
                        ("evicted", events.evicted),
                        ("ended", events.ended),
                    ]
                });
                let events = of_datapath.chain(of_proxy);
                events.map(move |(event, count)| Sample::new([pool.title(), &pool.name, event], count))
            });
            samples.collect()
        },
    ),
    Family::counter(
        "holdfast_session_cookies_refused",
        "Cookies that were not taken, by reason",
        &["pool", "pool_id", "reason"],
        |status| {
            let samples = status.pools.iter().flat_map(|pool| {
                let refused = pool
                    .proxied_sessions
                    .iter()
                    .flat_map(|sessions| &sessions.refused);
                refused.map(move |(reason, count)| Sample::new([pool.title(), &pool.name, reason], *count))
            });
            samples.collect()
        },
    ),
];

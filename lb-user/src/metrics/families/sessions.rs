//! What became of sessions.

use crate::{
    metrics::family::{Family, Sample},
    model::Titled as _,
    persistence::Refused,
};

pub(super) const FAMILIES: &[Family] = &[
    Family::gauge(
        "holdfast_sessions",
        "Sessions that the datapath holds or the proxy remembers; those by the balancer's cookie are with their clients",
        &["pool", "pool_id"],
        |status| {
            let pools = status.pools.iter();
            let samples =
                pools.filter_map(|pool| Some(Sample::new([pool.title(), &pool.name], pool.sessions_now()?)));
            samples.collect()
        },
    ),
    Family::counter(
        "holdfast_session_events",
        "What became of sessions: created, held (a flow or request went where its session said), moved (to another member, since \
               its own could not have it), expired, evicted (made room for another one; at layer 4 at least so many, as the sweep finds out) and \
               ended (by the application, of HTTP and HTTPS alone)",
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
                        ("evicted", sessions.evicted.unwrap_or(0)),
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
                let reports = pool.proxied_sessions.iter();
                reports.flat_map(move |report| {
                    // From the beginning: what begins at some number was never seen to grow.
                    Refused::ALL.iter().map(move |reason| {
                        let count = report.refused.get(reason.word()).copied().unwrap_or(0);
                        Sample::new([pool.title(), &pool.name, reason.word()], count)
                    })
                })
            });
            samples.collect()
        },
    ),
];

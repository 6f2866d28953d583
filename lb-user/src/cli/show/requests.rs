//! What the proxy tells, for people.

use std::{collections::BTreeMap, iter};

use crate::{
    cli::table::{Column, Table, bytes, count, duration},
    model::Titled as _,
    proxy::{Durations, ListenerReport, Quantile},
    views::Status,
};

/// The listeners that the proxy serves, by what they are called.
fn proxied(status: &Status) -> impl Iterator<Item = (&str, &ListenerReport)> {
    let balancers = status.load_balancers.iter();
    let listeners = balancers.flat_map(|balancer| &balancer.listeners);
    listeners.filter_map(|listener| Some((listener.title(), listener.proxied.as_ref()?)))
}

/// What became of requests.
pub(super) fn listeners(status: &Status) -> Option<String> {
    let mut table = Table::new([
        Column::Left("LISTENER"),
        Column::Right("REQUESTS"),
        Column::Right("2XX"),
        Column::Right("3XX"),
        Column::Right("4XX"),
        Column::Right("5XX"),
        Column::Right("OWN"),
        Column::Right("P50"),
        Column::Right("P99"),
    ]);
    for (name, proxied) in proxied(status) {
        let [_, second, third, fourth, fifth] = proxied.responses.map(count);
        let [p50, p99] = quantiles(&proxied.request_times);
        table.row([
            name.to_owned(),
            count(proxied.requests),
            second,
            third,
            fourth,
            fifth,
            count(proxied.own_responses),
            p50,
            p99,
        ]);
    }
    table.unless_empty()
}

/// What became of clients' connections.
pub(super) fn connections(status: &Status) -> Option<String> {
    let mut table = Table::new([
        Column::Left("CONNECTIONS OF"),
        Column::Right("ACCEPTED"),
        Column::Right("OPEN"),
        Column::Right("HAD TO WAIT"),
        Column::Right("BYTES IN"),
        Column::Right("BYTES OUT"),
        Column::Right("TLS FULL"),
        Column::Right("TLS RESUMED"),
        Column::Right("TLS FAILED"),
        Column::Left("NO PROXY HEADER"),
    ]);
    for (name, proxied) in proxied(status) {
        let [full, resumed, failed] = proxied.tls_handshakes.map_or_else(Default::default, |tls| {
            [tls.full, tls.resumed, tls.failed].map(count)
        });
        table.row([
            name.to_owned(),
            count(proxied.connections),
            count(proxied.open_connections),
            count(proxied.had_to_wait),
            bytes(proxied.bytes_in),
            bytes(proxied.bytes_out),
            full,
            resumed,
            failed,
            proxied
                .proxy_protocol_refused
                .as_ref()
                .map_or_else(String::new, reasons),
        ]);
    }
    table.unless_empty()
}

/// What policies decided.
pub(super) fn policies(status: &Status) -> Option<String> {
    let mut table = Table::new([
        Column::Left("POLICY"),
        Column::Left("LISTENER"),
        Column::Right("REQUESTS"),
    ]);
    for (name, proxied) in proxied(status) {
        for policy in &proxied.policies {
            table.row([policy.title().to_owned(), name.to_owned(), count(policy.requests)]);
        }
    }
    table.unless_empty()
}

/// What members were given.
pub(super) fn pools(status: &Status) -> Option<String> {
    let mut table = Table::new([
        Column::Left("REQUESTS OF"),
        Column::Right("REQUESTS"),
        Column::Right("FAILED"),
        Column::Right("ACTIVE"),
        Column::Right("CONNECTIONS"),
        Column::Right("BYTES IN"),
        Column::Right("BYTES OUT"),
        Column::Right("P50"),
        Column::Right("P99"),
    ]);
    for pool in &status.pools {
        let members = pool
            .members
            .iter()
            .map(|member| (format!("  {}", member.title()), member.proxied, None));
        let whole = (
            pool.title().to_owned(),
            pool.proxied,
            pool.response_times.as_ref(),
        );
        for (name, proxied, times) in iter::once(whole).chain(members) {
            let Some(proxied) = proxied else { continue };
            let [p50, p99] = times.map_or_else(Default::default, quantiles);
            table.row([
                name,
                count(proxied.requests),
                count(proxied.failures),
                count(proxied.active),
                count(proxied.connections),
                bytes(proxied.bytes_in),
                bytes(proxied.bytes_out),
                p50,
                p99,
            ]);
        }
    }
    table.unless_empty()
}

/// Who waits.
pub(super) fn queues(status: &Status) -> Option<String> {
    let mut table = Table::new([
        Column::Left("QUEUE OF"),
        Column::Right("NOW"),
        Column::Right("QUEUED"),
        Column::Right("FULL"),
        Column::Right("LATE"),
    ]);
    for pool in &status.pools {
        let Some(queue) = pool.queue else { continue };
        let [now, queued, full, late] = [queue.now, queue.queued, queue.full, queue.late].map(count);
        table.row([pool.title().to_owned(), now, queued, full, late]);
    }
    table.unless_empty()
}

/// What of the access log was lost, if anything was.
pub(super) fn access_log(status: &Status) -> Option<String> {
    let lost = status.access_log.filter(|log| log.lost_lines > 0)?.lost_lines;
    Some(format!("{} lines of the access log were lost\n", count(lost)))
}

/// What became of the sessions of requests.
pub(super) fn sessions(status: &Status) -> Option<String> {
    let mut table = Table::new([
        Column::Left("SESSIONS OF REQUESTS"),
        Column::Right("CREATED"),
        Column::Right("HELD"),
        Column::Right("MOVED"),
        Column::Right("EXPIRED"),
        Column::Right("EVICTED"),
        Column::Right("ENDED"),
        Column::Left("NOT TAKEN"),
    ]);
    for pool in &status.pools {
        let Some(sessions) = &pool.proxied_sessions else {
            continue;
        };
        table.row([
            pool.title().to_owned(),
            count(sessions.created),
            count(sessions.held),
            count(sessions.moved),
            count(sessions.expired),
            count(sessions.evicted),
            count(sessions.ended),
            reasons(&sessions.refused),
        ]);
    }
    table.unless_empty()
}

/// What half and what all but a hundredth took at most, as far as is known.
fn quantiles(durations: &Durations) -> [String; 2] {
    [50, 99].map(|percent| match durations.quantile(percent) {
        Some(Quantile::AtMostUs(bound_us)) => format!("<= {}", duration(bound_us)),
        Some(Quantile::BeyondUs(bound_us)) => format!("> {}", duration(bound_us)),
        None => String::new(),
    })
}

/// Counts by reason, in one cell.
fn reasons(counts: &BTreeMap<String, u64>) -> String {
    let counts = counts.iter().map(|(why, count)| format!("{why} {count}"));
    counts.collect::<Vec<_>>().join(", ")
}

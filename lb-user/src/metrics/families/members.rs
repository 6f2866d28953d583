//! What is of members.

use crate::{
    metrics::family::{Family, Sample},
    model::{Titled as _, Word as _},
    proxy::MemberRequests,
    views::{Member, Status, Traffic},
};

const LABELS: &[&str] = &["pool", "pool_id", "member", "member_id"];

pub(super) const FAMILIES: &[Family] = &[
    Family::gauge(
        "holdfast_member_status",
        "1 for the status that a member has",
        &["pool", "pool_id", "member", "member_id", "status"],
        |status| {
            let samples = all(status).map(|([pool, pool_id, name, id], member)| {
                Sample::new([pool, pool_id, name, id, member.status.word()], 1)
            });
            samples.collect()
        },
    ),
    Family::gauge(
        "holdfast_member_weight",
        "The weight of a member",
        LABELS,
        |status| each(status, |member| Some(member.weight.into())),
    ),
    Family::counter(
        "holdfast_health_probes",
        "Probes of a member by its monitor: passed or failed",
        &["pool", "pool_id", "member", "member_id", "result"],
        |status| {
            let samples = all(status).flat_map(|([pool, pool_id, name, id], member)| {
                let probes = member.probes.into_iter();
                let results =
                    probes.flat_map(|probes| [("passed", probes.passed), ("failed", probes.failed)]);
                results.map(move |(result, count)| Sample::new([pool, pool_id, name, id, result], count))
            });
            samples.collect()
        },
    ),
    Family::counter(
        "holdfast_health_changes",
        "How often a member went up or down by its probes",
        LABELS,
        |status| each(status, |member| member.probes.map(|probes| probes.turns)),
    ),
    Family::counter(
        "holdfast_member_connections",
        "Connections (flows of datagrams) to a member that began",
        LABELS,
        |status| by_layer(status, |traffic| traffic.new_flows, |proxied| proxied.connections),
    ),
    Family::gauge(
        "holdfast_member_active_flows",
        "Connections (flows of datagrams) to a member that are open, at layer 4",
        LABELS,
        |status| {
            each(status, |member| {
                member.proxied.is_none().then_some(member.active_flows)
            })
        },
    ),
    Family::counter(
        "holdfast_member_received",
        "Bytes to a member: of IP at layer 4, of HTTP at layer 7",
        LABELS,
        |status| by_layer(status, |traffic| traffic.bytes_in, |proxied| proxied.bytes_in),
    )
    .in_bytes(),
    Family::counter(
        "holdfast_member_sent",
        "Bytes from a member: of IP at layer 4, of HTTP at layer 7",
        LABELS,
        |status| by_layer(status, |traffic| traffic.bytes_out, |proxied| proxied.bytes_out),
    )
    .in_bytes(),
    Family::counter(
        "holdfast_member_requests",
        "Requests that a member was given",
        LABELS,
        |status| of_requests(status, |proxied| proxied.requests),
    ),
    Family::counter(
        "holdfast_member_failed_requests",
        "Requests to which a member did not respond, or not to the end",
        LABELS,
        |status| of_requests(status, |proxied| proxied.failures),
    ),
    Family::gauge(
        "holdfast_member_active_requests",
        "Requests that a member has under way",
        LABELS,
        |status| of_requests(status, |proxied| proxied.active),
    ),
    Family::gauge(
        "holdfast_member_sessions",
        "Sessions with a member that the datapath holds or the proxy remembers",
        LABELS,
        |status| each(status, Member::sessions_now),
    ),
];

fn all(status: &Status) -> impl Iterator<Item = ([&str; 4], &Member)> {
    status.pools.iter().flat_map(|pool| {
        let members = pool.members.iter();
        members.map(|member| ([pool.title(), &pool.name, member.title(), &member.name], member))
    })
}

fn each(status: &Status, read: impl Fn(&Member) -> Option<u64>) -> Vec<Sample<'_>> {
    let samples = all(status).filter_map(|(labels, member)| Some(Sample::new(labels, read(member)?)));
    samples.collect()
}

/// What the datapath counts, or the proxy, of which one serves a member.
fn by_layer(status: &Status, four: fn(Traffic) -> u64, seven: fn(MemberRequests) -> u64) -> Vec<Sample<'_>> {
    each(status, |member| {
        Some(member.proxied.map_or_else(|| four(member.traffic), seven))
    })
}

fn of_requests(status: &Status, read: impl Fn(MemberRequests) -> u64) -> Vec<Sample<'_>> {
    each(status, |member| member.proxied.map(&read))
}

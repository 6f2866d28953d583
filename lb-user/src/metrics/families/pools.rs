//! What is of pools.

use crate::{
    metrics::family::{Family, Sample},
    model::{OperatingStatus, Titled as _, Word as _},
    proxy::QueueReport,
    views::Status,
};

const LABELS: &[&str] = &["pool", "pool_id"];

pub(super) const FAMILIES: &[Family] = &[
    Family::gauge(
        "holdfast_pool_status",
        "1 for the status that a pool has",
        &["pool", "pool_id", "status"],
        |status| {
            let pools = status.pools.iter();
            let samples = pools.map(|pool| Sample::new([pool.title(), &pool.name, pool.status.word()], 1));
            samples.collect()
        },
    ),
    Family::gauge(
        "holdfast_pool_members",
        "Members by their status",
        &["pool", "pool_id", "status"],
        |status| {
            let samples = status.pools.iter().flat_map(|pool| {
                OperatingStatus::ALL.iter().map(move |status| {
                    let members = pool.members.iter().filter(|member| member.status == *status);
                    Sample::new([pool.title(), &pool.name, status.word()], members.count() as u64)
                })
            });
            samples.collect()
        },
    ),
    Family::durations(
        "holdfast_pool_response_duration",
        "How long members took to respond, from when they were given a request",
        LABELS,
        |status| {
            let pools = status.pools.iter();
            let samples = pools.filter_map(|pool| {
                let times = pool.response_times.as_ref()?;
                Some(Sample::of_durations([pool.title(), &pool.name], times))
            });
            samples.collect()
        },
    ),
    Family::gauge(
        "holdfast_pool_waiting_requests",
        "Requests that wait until a member has room",
        LABELS,
        |status| queues(status, |queue| queue.now),
    ),
    Family::counter(
        "holdfast_pool_delayed_requests",
        "Requests that had to wait until a member had room",
        LABELS,
        |status| queues(status, |queue| queue.queued),
    ),
    Family::counter(
        "holdfast_pool_refused_requests",
        "Requests that were refused: as many waited as may (full), or no member had room in time (late)",
        &["pool", "pool_id", "reason"],
        |status| {
            let samples = status.pools.iter().flat_map(|pool| {
                let refused = pool.queue.into_iter();
                let refused = refused.flat_map(|queue| [("full", queue.full), ("late", queue.late)]);
                refused.map(move |(reason, count)| Sample::new([pool.title(), &pool.name, reason], count))
            });
            samples.collect()
        },
    ),
];

fn queues(status: &Status, read: impl Fn(QueueReport) -> u64) -> Vec<Sample<'_>> {
    let pools = status.pools.iter();
    let samples = pools.filter_map(|pool| Some(Sample::new([pool.title(), &pool.name], read(pool.queue?))));
    samples.collect()
}

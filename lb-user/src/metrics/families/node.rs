//! What is of the daemon and its datapath as a whole.

use lb_common::verdict::Reason;

use crate::{
    metrics::family::{Family, Sample},
    model::{Titled as _, Word as _},
    views::{Reload, Status, Table, fate, word},
};

pub(super) const FAMILIES: &[Family] = &[
    Family::gauge(
        "holdfast_build_info",
        "Always 1: which version the daemon is, and what serves clients",
        &["version", "dataplane"],
        |status| {
            let daemon = &status.daemon;
            vec![Sample::new([&daemon.version, daemon.dataplane.word()], 1)]
        },
    ),
    Family::gauge(
        "holdfast_interface_attached",
        "Whether the datapath is attached to an interface",
        &["interface", "mode"],
        |status| {
            let interfaces = status.interfaces.iter();
            let samples = interfaces.map(|interface| {
                let is_attached = interface.mode != "detached";
                Sample::new([&interface.name, &interface.mode], is_attached.into())
            });
            samples.collect()
        },
    ),
    Family::counter(
        "holdfast_packets",
        "Packets that the datapath has seen, by what became of them and why; those of fate `beside` are counted under another reason too",
        &["fate", "reason"],
        |status| {
            // From the beginning: what begins at some number was never seen to grow.
            let counted = |reason: &Reason| {
                let label = reason.label();
                let packets = status.packets.iter().find(|packets| packets.reason == label);
                let count = packets.map_or(0, |packets| packets.count);
                Sample::new([word(fate(*reason, status.closed_port)), label], count)
            };
            let reasons = Reason::ALL.iter().filter(|_| !status.interfaces.is_empty());
            reasons.map(counted).collect()
        },
    ),
    Family::gauge(
        "holdfast_table_entries",
        "What is in a table, also what is over and was not swept yet",
        &["table"],
        |status| tables(status, |table| table.entries),
    ),
    Family::gauge(
        "holdfast_table_capacity",
        "What a table has room for; one of flows has places for more than that",
        &["table"],
        |status| tables(status, |table| table.capacity),
    ),
    Family::durations(
        "holdfast_apply_duration",
        "How long it took to make everything equal to a changed configuration",
        &[],
        |status| vec![Sample::of_durations([], &status.work.applies)],
    ),
    Family::durations(
        "holdfast_sweep_duration",
        "How long it took to look for flows and for sessions that are over, with all that was done in between",
        &["of"],
        |status| {
            let work = &status.work;
            let sweeps = [("flows", &work.flow_sweeps), ("sessions", &work.session_sweeps)];
            // Without a datapath there is nothing to sweep.
            let samples = sweeps.iter().filter(|_| !status.interfaces.is_empty());
            samples
                .map(|(of, times)| Sample::of_durations([of], times))
                .collect()
        },
    ),
    Family::counter(
        "holdfast_access_log_lost_lines",
        "Lines of the access log that could not be written, or not in time",
        &[],
        |status| {
            let log = status.access_log.iter();
            log.map(|log| Sample::new([], log.lost_lines)).collect()
        },
    ),
    Family::gauge(
        "holdfast_last_reload_successful",
        "1 if the configuration that was to be taken last was taken, 0 if it was refused and the one of before goes on",
        &[],
        |status| vec![Sample::new([], (status.work.reload == Reload::Taken).into())],
    ),
    Family::gauge(
        "holdfast_load_balancers_refused",
        "Load balancers of the API of which not all is served that they are to be",
        &[],
        |status| vec![Sample::new([], status.refused.len() as u64)],
    ),
    Family::gauge(
        "holdfast_load_balancer_status",
        "1 for the status that a load balancer has",
        &["load_balancer", "load_balancer_id", "status"],
        |status| {
            let balancers = status.load_balancers.iter();
            let samples = balancers
                .map(|balancer| Sample::new([balancer.title(), &balancer.name, balancer.status.word()], 1));
            samples.collect()
        },
    ),
];

fn tables(status: &Status, read: impl Fn(&Table) -> u64) -> Vec<Sample<'_>> {
    let tables = status.tables.iter();
    tables
        .map(|table| Sample::new([&table.name], read(table)))
        .collect()
}

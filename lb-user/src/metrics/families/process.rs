//! What is of the daemon as a process. The names are those that Prometheus has for every program.

use crate::metrics::{
    Process, Told,
    family::{Family, Sample, Value},
};

pub(super) const FAMILIES: &[Family] = &[
    Family::counter(
        "process_cpu",
        "Processor time that the daemon has used, also within the kernel; what the datapath does for packets is not in it",
        &[],
        |told| of(told, |process| Some(Value::Fraction(process.cpu.as_secs_f64()))),
    )
    .in_seconds(),
    Family::gauge(
        "process_resident_memory",
        "Memory of the daemon; the maps of the datapath are the kernel's and not in it",
        &[],
        |told| of(told, |process| process.resident_bytes.map(Value::Number)),
    )
    .in_bytes(),
    Family::gauge(
        "process_open_fds",
        "Files and sockets that the daemon has open",
        &[],
        |told| of(told, |process| Some(Value::Number(process.open_fds))),
    ),
    Family::gauge(
        "process_max_fds",
        "How many files and sockets the daemon may have open",
        &[],
        |told| of(told, |process| Some(Value::Number(process.max_fds))),
    ),
    Family::gauge("process_threads", "Threads of the daemon", &[], |told| {
        of(told, |process| process.threads.map(Value::Number))
    }),
    Family::gauge(
        "process_start_time",
        "When the daemon was started, in seconds since 1970; an upgrade starts another one",
        &[],
        |told| {
            of(told, |process| {
                let started = process.started?;
                Some(Value::Fraction(started.as_secs_f64()))
            })
        },
    )
    .in_seconds(),
];

/// Nothing, where the kernel did not say.
fn of(told: &Told, read: impl Fn(&Process) -> Option<Value<'static>>) -> Vec<Sample<'_>> {
    told.process.iter().filter_map(read).map(Sample::of).collect()
}

//! `cargo xtask test`: the parts, in order, and the count of everything at the end.

mod cargo_test;
mod count;
mod lint;
mod parts;
mod targets;

use std::time::{Duration, Instant};

use anyhow::Result;

use self::count::Counts;
pub(crate) use self::parts::Part;
use crate::build;
use crate::process::Outcome;
use crate::setup::{self, Talk};
use crate::workspace::Workspace;

struct Report {
    part: Part,
    counts: Counts,
    took: Duration,
}

/// Runs `wanted` (all parts when it is empty) with `args` for the test programs.
pub(crate) fn run(workspace: &Workspace, wanted: &[Part], args: &[String]) -> Outcome {
    // Every part needs the object, if only because the daemon embeds it; without it all would fail alike.
    if let Err(error) = prepare(workspace, wanted) {
        println!("nothing was tested: {error:#}");
        println!("{}", Counts::FAILED.closing_line());
        return Outcome::Failed;
    }
    let mut reports = Vec::new();
    for part in parts::in_order(wanted) {
        println!("==== {}", part.name());
        let started = Instant::now();
        let counts = parts::run(workspace, part, args).unwrap_or_else(|error| {
            println!("{}: {error:#}", part.name());
            Counts::FAILED
        });
        reports.push(Report {
            part,
            counts,
            took: started.elapsed(),
        });
    }
    close(&reports)
}

fn prepare(workspace: &Workspace, wanted: &[Part]) -> Result<()> {
    let toolchain = setup::ensure(workspace, parts::need(wanted), Talk::Changes)?;
    build::ebpf(workspace, &toolchain)
}

fn close(reports: &[Report]) -> Outcome {
    println!("====");
    let mut total = Counts::default();
    for Report {
        part,
        counts: Counts {
            passed,
            failed,
            ignored,
        },
        took,
    } in reports
    {
        let name = part.name();
        println!(
            "{name}: {passed} passed, {failed} failed, {ignored} ignored, {:.1} s",
            took.as_secs_f64()
        );
    }
    for report in reports {
        total += report.counts;
    }
    if !total.ran() {
        println!("no test ran");
        total += Counts::FAILED;
    }
    println!("{}", total.closing_line());
    if total.failed == 0 {
        Outcome::Passed
    } else {
        Outcome::Failed
    }
}

//! Measures layer 4: `cargo xtask bench l4 [--json FILE] [FILTER]...`. Needs root.
//!
//! Nanoseconds a packet are those of `BPF_PROG_TEST_RUN` on one core, the median of several passes. Before each packet a
//! program of the benchmark's own makes the frame that of the next client; what that costs is measured beside it, in the same
//! pass, and taken off. So a value is what a packet costs with the floor, which is a program that only sends it back.

mod case;
mod changes;
mod config;
mod frame;
mod kernel;
mod rates;
mod report;
mod sender;
mod sweep;

use std::{path::PathBuf, process::ExitCode, time::Duration};

use anyhow::{Context as _, Result};
use clap::Parser;

use case::{Case, Size};
use kernel::Kernel;
use lb_tests::{Namespace, daemon::mount_bpffs, try_eventually};
use report::{Report, Row, add_packets};

/// The case that all others are compared with.
const FLOOR: &str = "l4/floor/xdp_tx";

/// Interfaces that carry nothing.
const IDLE: [&str; 2] = ["idle1", "idle2"];

#[derive(Parser)]
#[command(name = "bench", about = "Measures Holdfast's layer 4")]
struct Options {
    /// What to measure.
    #[arg(value_parser = ["l4"])]
    what: String,
    /// Only cases whose names contain one of these.
    filters: Vec<String>,
    /// Also writes the results to this file: a list of `{"case", "value", "unit", "ratio", "ratio_to"}`.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Fails where a ratio is beyond what it is to be at most.
    #[arg(long)]
    check: bool,
    /// Passes of which the median is taken.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=1000))]
    passes: u32,
    /// Packets of a pass.
    #[arg(long, default_value_t = 1_000_000, value_parser = clap::value_parser!(u32).range(1000..=10_000_000))]
    packets: u32,
}

impl Options {
    /// Also what others are compared with.
    fn wants_case(&self, case: Case) -> bool {
        let with = case.compared_with_it();
        with.into_iter().any(|case| self.wants(&case.to_string()))
    }

    fn wants(&self, name: &str) -> bool {
        self.filters.is_empty() || self.filters.iter().any(|filter| name.contains(filter.as_str()))
    }
}

fn main() -> Result<ExitCode> {
    let options = Options::parse();
    let mut report = Report::default();
    let host = Namespace::new("bench")?;
    host.ip(&[
        "link add lan type veth peer name far",
        "addr add 10.0.0.1/16 dev lan",
        "addr add fd00::1/64 dev lan nodad",
        "link set far up",
        "link set lan up",
        "link add idle1 type veth peer name idle2",
    ])?;
    mount_bpffs()?;
    host.enter(|| packets(&options, &mut report))??;
    if options.wants(rates::NAME) {
        rates::measure(&mut report)?;
    }
    if let Some(path) = &options.json {
        report
            .write_json(path)
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    let is_within = report.judge();
    Ok(if is_within || !options.check {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn packets(options: &Options, report: &mut Report) -> Result<()> {
    // The kernel sets IPv6 routes up a moment after the link.
    try_eventually("a route to the members", Duration::from_secs(10), || {
        std::net::UdpSocket::bind("[::]:0")?.connect("[fd00::1:1]:9")
    })?;
    for size in Size::ALL {
        let cases: Vec<Case> = Case::all(size).filter(|case| options.wants_case(*case)).collect();
        if cases.is_empty() {
            continue;
        }
        let mut kernel = Kernel::load(size, IDLE)?;
        if report.value(FLOOR).is_none() {
            let floor_ns = kernel.floor_ns(options.passes, options.packets)?;
            report.add(Row::new(FLOOR.into(), floor_ns, "ns"));
        }
        for case in cases {
            let net_ns = kernel
                .measure(&case, options.passes, options.packets)
                .with_context(|| case.to_string())?;
            add_packets(report, &case, net_ns);
        }
    }
    if options.wants(changes::NAME) {
        changes::measure(report)?;
    }
    if options.wants(sweep::NAME) {
        sweep::measure(Kernel::load(sweep::SIZE, IDLE)?, report)?;
    }
    Ok(())
}

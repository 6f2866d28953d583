//! Measures layer 7 beside HAProxy and nginx: `cargo xtask bench l7 [--json FILE] [FILTER]...`. Needs root and two cores.
//!
//! All proxies do the same work in turns on one core that is theirs alone; clients and members share the other, and a
//! thread. What counts is how much of it a proxy does with a second of its own time on that core, so that a load that is
//! too slow, or neighbours on the machine, do not decide. Every answer is checked: the status, the body, and that the
//! member gave it that the client's cookie holds. One that is wrong fails the whole run.

mod case;
mod certificate;
mod cookie;
mod engine;
mod load;
mod machine;
mod member;
mod page;
mod proxy;
mod table;
mod talk;

use std::{path::PathBuf, process::ExitCode};

use anyhow::{Context as _, Result, ensure};
use clap::Parser;
use lb_tests::Namespace;
use lb_tests::report::{Report, Row};

use case::memory::{self, Memory};
use case::rate::{self, Contender};
use case::{Bound, RATES};
use certificate::Pairs;
use engine::Engine;
use machine::Cores;
use proxy::{Persistence, Proxy, Running};

#[derive(Parser)]
#[command(
    name = "bench",
    about = "Measures Holdfast's layer 7 beside HAProxy and nginx"
)]
struct Options {
    /// What to measure.
    #[arg(value_parser = ["l7"])]
    what: String,
    /// Only cases whose names (`l7/http1`) contain one of these.
    filters: Vec<String>,
    /// Also writes the results to this file: a list of `{"case", "value", "unit", "ratio", "ratio_to"}`.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Fails where a result is beyond its bound.
    #[arg(long)]
    check: bool,
    /// Which proxies take part.
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = Proxy::ALL)]
    proxies: Vec<Proxy>,
    /// Passes of which the median is taken.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=100))]
    passes: u32,
    /// Seconds of a pass.
    #[arg(long, default_value_t = 3.0, value_parser = seconds)]
    seconds: f64,
}

fn seconds(text: &str) -> Result<f64, String> {
    let number = text.parse().map_err(|_| "not a number".to_owned())?;
    if (0.1..=60.0).contains(&number) {
        Ok(number)
    } else {
        Err("it has to be from 0.1 to 60".to_owned())
    }
}

impl Options {
    fn wants(&self, case: &str) -> bool {
        let name = format!("l7/{case}");
        self.filters.is_empty() || self.filters.iter().any(|filter| name.contains(filter.as_str()))
    }
}

/// All that a case needs.
struct Bench {
    options: Options,
    cores: Cores,
    certificates: Pairs,
    engine: Engine,
    report: Report,
    faults: Vec<String>,
}

impl Bench {
    /// Takes in a result; what it is to be is asked of Holdfast's alone.
    fn add(&mut self, proxy: Proxy, row: Row, bound: Option<Bound>) {
        if let Some(bound) = bound.filter(|_| proxy == Proxy::Holdfast) {
            let complaint = bound.complaint(&row.case, row.value, row.ratio);
            self.report.bound(complaint);
        }
        self.report.add(row);
    }

    /// Takes in that something went wrong without which results mean nothing.
    fn fault(&mut self, fault: String) {
        println!("WRONG: {fault}");
        self.faults.push(fault);
    }

    fn run(&mut self) -> Result<()> {
        let rates: Vec<_> = RATES
            .iter()
            .filter(|rate| self.options.wants(rate.name))
            .collect();
        if !rates.is_empty() {
            let proxies = self.options.proxies.clone();
            let contenders: Vec<_> = proxies
                .into_iter()
                .map(|proxy| self.contender(proxy))
                .collect::<Result<_>>()?;
            for rate in rates {
                rate::measure(self, &contenders, rate)?;
            }
        }
        for case in Memory::ALL {
            if self.options.wants(case.name()) {
                memory::measure(self, case)?;
            }
        }
        Ok(())
    }

    fn contender(&mut self, proxy: Proxy) -> Result<Contender> {
        let running = Running::start(proxy, Persistence::Inserted, &self.certificates, self.cores)?;
        let held = cookie::learn(&mut self.engine, proxy);
        let held = held.with_context(|| format!("{proxy} holds no clients"))?;
        Ok(Contender { running, held })
    }
}

fn case_names() -> impl Iterator<Item = &'static str> {
    let rates = RATES.iter().map(|rate| rate.name);
    rates.chain(Memory::ALL.map(Memory::name))
}

fn main() -> ExitCode {
    match measure(Options::parse()) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn measure(mut options: Options) -> Result<ExitCode> {
    let names: Vec<_> = case_names().collect();
    ensure!(
        names.iter().any(|name| options.wants(name)),
        "no case is named so; there are l7/{{{}}}",
        names.join("|")
    );
    options.proxies.sort_unstable();
    options.proxies.dedup();
    machine::heed_signals()?;
    machine::raise_file_limit()?;
    let cores = Cores::choose()?;
    // One of its own: no port is taken, no rule of a firewall is in the way, and nobody else sees the traffic.
    let host = Namespace::new("bench")?;
    host.sysctl(&[
        ("ipv4/ip_local_port_range", "10000 65001"),
        // Others (BBR) send at a pace of their own, and the timers for that decide on what is measured.
        ("ipv4/tcp_congestion_control", "reno"),
        ("core/somaxconn", "16384"),
    ])?;
    let directory = lb_tests::temporary_directory()?;
    let certificates = Pairs::make(directory.path())?;
    host.enter(|| {
        machine::pin(cores.load)?;
        let mut bench = Bench {
            options,
            cores,
            certificates,
            engine: Engine::new()?,
            report: Report::default(),
            faults: Vec::new(),
        };
        let outcome = bench.run();
        // Also after a failure: what was measured until then has taken its time.
        if let Some(path) = &bench.options.json {
            let written = bench.report.write_json(path);
            written.with_context(|| format!("cannot write {}", path.display()))?;
        }
        outcome?;
        print!("\n{}\n", table::of(bench.report.rows(), &bench.options.proxies));
        for fault in &bench.faults {
            println!("WRONG: {fault}");
        }
        let is_within = bench.report.judge();
        let is_good = bench.faults.is_empty() && (is_within || !bench.options.check);
        Ok(if is_good {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        })
    })?
}

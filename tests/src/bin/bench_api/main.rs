//! The benchmark of the management API: `cargo xtask bench api [--json FILE] [--check]`.
//!
//! A daemon with the real datapath is told of 1,000 load balancers, 5,000 pools and 50,000 members. Then all that people wait
//! for is timed from outside: looking, changing, and starting again. The bounds are those that it is to keep on a machine that
//! does nothing else; where neighbours take the processor, only medians say something.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use clap::Parser;
use lb_tests::api::request;
use lb_tests::{Config, Daemon, Family, Laboratory, try_eventually};
use serde_json::{Value, json};

/// What the daemon's maps have to hold.
const SIZES: &str = "max_flows = 4096\nmax_sessions = 65536\nmax_listeners = 16384\nmax_pools = 16384\nmax_members = 131072\n\
                     schedule_slots = 262144\n";
const TIME_TO_START: Duration = Duration::from_mins(1);
const POOLS_PER_LOAD_BALANCER: usize = 5;
const MEMBERS_PER_POOL: usize = 10;

#[derive(Parser)]
struct Arguments {
    /// Load balancers, each with 5 listeners and pools of 10 members.
    #[arg(long, default_value_t = 1000)]
    load_balancers: usize,
    /// How often each thing is asked for.
    #[arg(long, default_value_t = 200)]
    times: usize,
    /// Also writes the figures there.
    #[arg(long)]
    json: Option<PathBuf>,
    /// Fails where a figure is beyond its bound.
    #[arg(long)]
    check: bool,
}

/// Times of one thing, in milliseconds.
struct Figure {
    name: &'static str,
    median_ms: f64,
    p99_ms: f64,
    bound_ms: f64,
}

impl Figure {
    fn of(name: &'static str, mut times: Vec<Duration>, bound_ms: f64) -> Self {
        times.sort_unstable();
        let at = |percent: usize| {
            let index = (times.len() * percent).div_ceil(100).max(1) - 1;
            times.get(index).map_or(0.0, |time| time.as_secs_f64() * 1000.0)
        };
        Self {
            name,
            median_ms: at(50),
            p99_ms: at(99),
            bound_ms,
        }
    }

    fn is_beyond(&self) -> bool {
        self.p99_ms > self.bound_ms
    }
}

/// The load balancer of this number, with all below it, as one call makes it.
fn whole(number: usize) -> Value {
    let listeners: Vec<Value> = (0..POOLS_PER_LOAD_BALANCER)
        .map(|index| {
            let members: Vec<Value> = (0..MEMBERS_PER_POOL)
                .map(|member| {
                    let host = (number * POOLS_PER_LOAD_BALANCER + index) * MEMBERS_PER_POOL + member;
                    let address = format!(
                        "10.{}.{}.{}",
                        128 + host / 62_500,
                        host / 250 % 250,
                        host % 250 + 1
                    );
                    json!({"address": address, "protocol_port": 8080})
                })
                .collect();
            json!({
                "name": format!("listener-{number}-{index}"),
                "protocol": "TCP",
                "protocol_port": 80 + index,
                "default_pool": {
                    "name": format!("pool-{number}-{index}"),
                    "protocol": "TCP",
                    "lb_algorithm": "ROUND_ROBIN",
                    "session_persistence": {"type": "SOURCE_IP"},
                    "members": members,
                },
            })
        })
        .collect();
    let vip = format!("10.64.{}.{}", number / 250, number % 250 + 1);
    json!({"loadbalancer": {"name": format!("lb-{number}"), "vip_address": vip, "listeners": listeners}})
}

struct Bench {
    daemon: Daemon,
    times: usize,
}

impl Bench {
    fn get(&self, path: &str) -> Result<Value> {
        let answer = request(&self.daemon.socket_path(), "GET", path, None)?;
        if answer.status == 200 {
            Ok(answer.body)
        } else {
            bail!("GET {path}: {answer:?}")
        }
    }

    fn time(&self, mut once: impl FnMut(usize) -> Result<()>) -> Result<Vec<Duration>> {
        let timed = |number| {
            let begin = Instant::now();
            once(number)?;
            Ok(begin.elapsed())
        };
        (0..self.times).map(timed).collect()
    }

    fn time_of(&self, path: &str) -> Result<Vec<Duration>> {
        self.time(|_| self.get(path).map(drop))
    }
}

fn measure(arguments: &Arguments) -> Result<Vec<Figure>> {
    let lab = Laboratory::routed().members(1).build()?;
    // The way to the members, who need not be there.
    let gateway = lab.member_address(1, Family::V4);
    lab.balancer()
        .ip(&[format!("route add 10.128.0.0/9 via {gateway}")])?;
    let mut bench = Bench {
        daemon: Daemon::start(&lab, format!("{SIZES}\n{}", Config::new()))?,
        times: arguments.times,
    };
    let begin = Instant::now();
    let mut made = Vec::new();
    for number in 0..arguments.load_balancers {
        let begin = Instant::now();
        let answer = bench.daemon.api("POST", "/loadbalancers", Some(&whole(number)))?;
        answer
            .object("loadbalancer")
            .with_context(|| format!("load balancer {number}"))?;
        made.push(begin.elapsed());
    }
    println!(
        "{} load balancers were made in {:.0} s",
        arguments.load_balancers,
        begin.elapsed().as_secs_f64()
    );
    let pools = bench.get("/pools?limit=1000")?;
    let pool = pools["pools"][500]["id"]
        .as_str()
        .context("too few pools")?
        .to_owned();
    let members = bench.get(&format!("/pools/{pool}/members"))?;
    let member = members["members"][3]["id"]
        .as_str()
        .context("too few members")?
        .to_owned();
    let balancers = bench.get("/loadbalancers?limit=1")?;
    let balancer = balancers["loadbalancers"][0]["id"]
        .as_str()
        .context("no load balancer")?
        .to_owned();
    let mut figures = vec![
        Figure::of("make a load balancer with 5 pools and 50 members", made, 1000.0),
        Figure::of(
            "list 1,000 load balancers",
            bench.time_of("/loadbalancers")?,
            50.0,
        ),
        Figure::of("list 1,000 of 5,000 pools", bench.time_of("/pools")?, 50.0),
        Figure::of(
            "find a pool by its name",
            bench.time_of("/pools?name=pool-77-3")?,
            50.0,
        ),
        Figure::of(
            "list the members of a pool",
            bench.time_of(&format!("/pools/{pool}/members"))?,
            50.0,
        ),
        Figure::of(
            "show a load balancer",
            bench.time_of(&format!("/loadbalancers/{balancer}"))?,
            50.0,
        ),
        Figure::of("show a pool", bench.time_of(&format!("/pools/{pool}"))?, 50.0),
    ];
    let path = format!("/pools/{pool}/members/{member}");
    let changed = bench.time(|number| {
        // Answered when the datapath has it.
        let body = json!({"weight": number % 100 + 1});
        bench
            .daemon
            .change(&path, "member", &body)?
            .object("member")
            .map(drop)
    })?;
    figures.push(Figure::of("change a member, in the datapath", changed, 100.0));
    bench.daemon.terminate()?;
    let begin = Instant::now();
    bench.daemon.spawn()?;
    // It answers when it serves.
    let path = format!("/loadbalancers/{balancer}");
    let after = try_eventually("the API to answer", TIME_TO_START, || bench.get(&path))?;
    figures.push(Figure::of("start from the store", vec![begin.elapsed()], 3000.0));
    let balancer = &after["loadbalancer"];
    ensure!(balancer["provisioning_status"] == "ACTIVE", "{after}");
    ensure!(balancer["operating_status"] == "ONLINE", "{after}");
    Ok(figures)
}

fn table(figures: &[Figure]) -> String {
    let mut table = format!("{:<52}{:>12}{:>12}{:>12}\n", "", "median ms", "p99 ms", "at most");
    for figure in figures {
        let mark = if figure.is_beyond() { "  BEYOND" } else { "" };
        // Writing to a string does not fail.
        let _ = writeln!(
            table,
            "{:<52}{:>12.1}{:>12.1}{:>12.0}{mark}",
            figure.name, figure.median_ms, figure.p99_ms, figure.bound_ms
        );
    }
    table
}

fn main() -> Result<ExitCode> {
    let arguments = Arguments::parse();
    let figures = measure(&arguments)?;
    print!("{}", table(&figures));
    if let Some(path) = &arguments.json {
        let rows: Vec<Value> = figures
            .iter()
            .map(
                |figure| json!({"case": figure.name, "median_ms": figure.median_ms, "p99_ms": figure.p99_ms}),
            )
            .collect();
        std::fs::write(path, serde_json::to_vec_pretty(&rows)?)?;
    }
    let is_beyond = figures.iter().any(Figure::is_beyond);
    Ok(if arguments.check && is_beyond {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_is_the_median_and_what_nearly_all_stay_below() {
        let times = (1..=200).map(Duration::from_millis).collect();
        let figure = Figure::of("", times, 150.0);
        assert_eq!((figure.median_ms, figure.p99_ms), (100.0, 198.0));
        assert!(figure.is_beyond());
    }

    #[test]
    fn each_load_balancer_has_addresses_of_its_own() {
        let one = whole(999);
        let members = one["loadbalancer"]["listeners"][4]["default_pool"]["members"]
            .as_array()
            .unwrap();
        assert_eq!(members.len(), MEMBERS_PER_POOL);
        assert_eq!(members[9]["address"], "10.128.199.250");
        assert_eq!(one["loadbalancer"]["vip_address"], "10.64.3.250");
    }
}

//! Rates: the proxies take turns, pass by pass, and each is judged by the medians of its passes.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use lb_tests::report::{Row, median};

use super::{Bound, Latency, Rate};
use crate::Bench;
use crate::engine::Engine;
use crate::load::{Load, Pace, Plan, Times};
use crate::proxy::{Proxy, Running};
use crate::talk::{Held, Kind};

/// Until connections are there, and caches warm.
const WARM_UP: Duration = Duration::from_millis(300);
/// Of each such part of a pass there is a p50 and a p99, and of those the median: so a neighbour that takes a core away now
/// and then does not decide, and a proxy that pauses regularly does not get away with it.
const PART: Duration = Duration::from_millis(500);
/// The part of what the slowest proxy can do that is below saturation for all.
const BELOW_SATURATION: f64 = 0.5;
/// Requests that a connection to a member has to carry at least for it to have been kept.
const REQUESTS_A_CONNECTION: u64 = 10;

/// Others that use so much of the cores make times worthless, and wall rates too.
const DISTURBED_PERCENT: f64 = 10.0;

/// A proxy that takes part.
pub(crate) struct Contender {
    pub(crate) running: Running,
    /// A client's cookie for each member.
    pub(crate) held: Vec<Held>,
}

/// What came of a pass, of each kind of result one number.
#[derive(Clone, Copy, Debug)]
struct Pass {
    /// Answers a second of the proxy's time on its core.
    a_core_second: f64,
    a_second: f64,
    core_percent: f64,
    p50_us: f64,
    p99_us: f64,
    /// How much of both cores others used.
    others_percent: f64,
}

type Take = fn(&Pass) -> f64;

const SATURATED: [(&str, &str, Take); 5] = [
    ("", "1/s", |pass| pass.a_core_second),
    ("_wall", "1/s", |pass| pass.a_second),
    ("_core", "%", |pass| pass.core_percent),
    ("_p50_saturated", "us", |pass| pass.p50_us),
    ("_p99_saturated", "us", |pass| pass.p99_us),
];

const BELOW: [(&str, &str, Take); 2] = [
    ("_p50_fixed_rate", "us", |pass| pass.p50_us),
    ("_p99_fixed_rate", "us", |pass| pass.p99_us),
];

/// Measures one rate of all that take part, and if its times matter, those at a rate that all can do.
pub(crate) fn measure(bench: &mut Bench, contenders: &[Contender], rate: &Rate) -> Result<()> {
    let saturated = passes(bench, contenders, rate, || Pace::Saturating)?;
    let taken = if rate.latency == Latency::Matters { 5 } else { 3 };
    for (suffix, unit, take) in &SATURATED[..taken] {
        add_rows(bench, contenders, rate, &saturated, (suffix, unit, *take));
    }
    if rate.latency == Latency::Follows {
        return Ok(());
    }
    let walls = saturated
        .iter()
        .map(|passes| median(passes.iter().map(|pass| pass.a_second).collect()));
    let slowest = walls.fold(f64::INFINITY, f64::min);
    let below = passes(bench, contenders, rate, || {
        Pace::fixed(slowest * BELOW_SATURATION)
    })?;
    for (suffix, unit, take) in &BELOW {
        add_rows(bench, contenders, rate, &below, (suffix, unit, *take));
    }
    Ok(())
}

/// The passes of each, in the order of the contenders.
fn passes(
    bench: &mut Bench,
    contenders: &[Contender],
    rate: &Rate,
    pace: impl Fn() -> Pace,
) -> Result<Vec<Vec<Pass>>> {
    let mut passes = vec![Vec::new(); contenders.len()];
    for _ in 0..bench.options.passes {
        for (contender, passes) in contenders.iter().zip(&mut passes) {
            let pass = pass(bench, contender, rate, &pace);
            passes.push(pass.with_context(|| format!("{}, {}", rate.name, contender.running.proxy))?);
        }
    }
    let others = passes.iter().flatten().map(|pass| pass.others_percent);
    let others_percent = median(others.collect());
    if others_percent > DISTURBED_PERCENT {
        println!(
            "DISTURBED: others used {others_percent:.0} % of the cores, so that times and wall rates say little"
        );
    }
    Ok(passes)
}

fn pass(bench: &mut Bench, contender: &Contender, rate: &Rate, pace: impl Fn() -> Pace) -> Result<Pass> {
    let Contender { running, held } = contender;
    let protocol = rate.kind.protocol();
    let client = |key| bench.certificates.of(key).client(protocol);
    let plan = Plan {
        to: running.proxy.socket(rate.listener),
        tls: rate.key.map(client).transpose()?,
        kind: rate.kind,
        connections: rate.connections,
        held: held.clone(),
    };
    let mut load = Load::new(&mut bench.engine, plan)?;
    load.set_pace(pace());
    load.run_for(WARM_UP)?;
    load.tally().take_times();
    let seen_before = load.engine().seen();
    let others_before = running.time_of_others(bench.cores)?;
    let (cpu_before, start) = (running.cpu_time()?, Instant::now());
    let mut parts = Vec::new();
    for end in part_ends(Duration::from_secs_f64(bench.options.seconds)) {
        load.run_for(end.saturating_sub(start.elapsed()))?;
        parts.push(load.tally().take_times());
    }
    let (wall_s, cpu) = (
        start.elapsed().as_secs_f64(),
        running.cpu_time()?.saturating_sub(cpu_before),
    );
    let others = running.time_of_others(bench.cores)?.saturating_sub(others_before);
    load.finish()?;
    let tally = load.tally();
    let first = tally.first_fault.iter();
    let mut complaints: Vec<String> = first
        .map(|first| format!("{} faults: {first}", tally.faults))
        .collect();
    drop(load);
    if rate.kind != Kind::Handshake {
        complaints.extend(misconduct(&bench.engine, seen_before));
    }
    for complaint in complaints {
        bench.fault(format!("l7/{}/{}: {complaint}", rate.name, running.proxy));
    }
    #[expect(clippy::cast_precision_loss, reason = "no pass has 2^52 answers")]
    let answers = parts.iter().map(Times::count).sum::<usize>() as f64;
    let mut within_us = |per_mille| {
        let times = parts.iter_mut().map(|part| part.within(per_mille));
        median(times.map(|time| time.as_secs_f64() * 1e6).collect())
    };
    Ok(Pass {
        a_core_second: answers / cpu.as_secs_f64(),
        a_second: answers / wall_s,
        core_percent: cpu.as_secs_f64() / wall_s * 100.0,
        p50_us: within_us(500),
        p99_us: within_us(990),
        others_percent: others.as_secs_f64() / wall_s / 2.0 * 100.0,
    })
}

/// When the parts of a pass end, which are all of one length.
fn part_ends(pass: Duration) -> impl Iterator<Item = Duration> {
    let parts = (pass.as_millis() / PART.as_millis()).max(1) as u32;
    (1..=parts).map(move |part| pass * part / parts)
}

/// What a proxy saved itself that the others did.
fn misconduct(engine: &Engine, before: crate::member::Seen) -> Vec<String> {
    let now = engine.seen();
    let requests = now.requests - before.requests;
    let connections = now.connections - before.connections;
    let not_forwarded = now.not_forwarded - before.not_forwarded;
    let mut found = Vec::new();
    if connections * REQUESTS_A_CONNECTION > requests {
        found.push(format!(
            "it made {connections} connections to members for {requests} requests"
        ));
    }
    if not_forwarded > 0 {
        found.push(format!(
            "{not_forwarded} of {requests} requests came without X-Forwarded-For"
        ));
    }
    found
}

fn add_rows(
    bench: &mut Bench,
    contenders: &[Contender],
    rate: &Rate,
    passes: &[Vec<Pass>],
    (suffix, unit, take): (&str, &'static str, Take),
) {
    let of = |index: usize| median(passes[index].iter().map(take).collect());
    let is_reference = |contender: &Contender| contender.running.proxy == Proxy::REFERENCE;
    // How busy a proxy was is no achievement.
    let reference = contenders.iter().position(is_reference).filter(|_| unit != "%");
    let bound = match suffix {
        "" => rate.bound,
        "_p99_saturated" | "_p99_fixed_rate" => Some(Bound::TimesAtMost(1.0)),
        _ => None,
    };
    for (index, contender) in contenders.iter().enumerate() {
        let proxy = contender.running.proxy;
        let name = |proxy| format!("l7/{}{suffix}/{proxy}", rate.name);
        let row = Row::new(name(proxy), of(index), unit);
        let row = match reference {
            Some(reference) if index != reference => {
                row.against(of(index) / of(reference), name(Proxy::REFERENCE))
            }
            _ => row,
        };
        bench.add(proxy, row, bound);
    }
}

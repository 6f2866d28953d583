//! How long it takes until a configuration, or a change of it, is in the maps.

use std::{fmt::Write as _, sync::Arc, time::Instant};

use anyhow::{Result, anyhow, ensure};
use lb_user::{
    bpf::Datapath,
    config,
    health::{Finding, Health, Monitors},
    model::{Changed, Config, DataPlane, Managed},
    next_hops::NextHops,
    proxy::Proxy,
    reconcile,
    sweep::Sweep,
};

use super::report::{Report, Row, median};

/// What the names of these cases begin with.
pub(crate) const NAME: &str = "l4/apply";

const LOAD_BALANCERS: u32 = 1000;
const POOLS_OF_EACH: u32 = 5;
const MEMBERS_OF_EACH: u32 = 10;
const PASSES: u16 = 31;

/// Applies the whole, as a start and a reload do, and changes of one object each.
pub(crate) fn measure(report: &mut Report) -> Result<()> {
    let mut add = |what: &str, ms| report.add(Row::new(format!("{NAME}/{what}/50k"), ms, "ms"));
    let text = text("TCP", "session_persistence = { type = \"SOURCE_IP\" }")?;
    let (loaded, ms) = timed(|| config::parse(&text, "the benchmark's"));
    let config = loaded.map_err(|mistakes| anyhow!("{mistakes:#}"))?.config;
    add("parse", ms);
    merge(&config, &mut add)?;
    datapath(config, &mut add)?;
    let proxied = config::parse(&self::text("HTTP", "")?, "the benchmark's");
    let proxied = proxied.map_err(|mistakes| anyhow!("{mistakes:#}"))?.config;
    proxy(proxied, &mut add)
}

/// All load balancers as those of an API.
fn merge(config: &Config, add: &mut impl FnMut(&str, f64)) -> Result<()> {
    let pools = config.pools.chunks(POOLS_OF_EACH as usize);
    let managed = config.load_balancers.iter().zip(pools).map(|(balancer, pools)| {
        Arc::new(Managed {
            made: 0,
            load_balancer: Arc::clone(balancer),
            pools: pools.to_vec(),
        })
    });
    let managed: Vec<_> = managed.collect();
    let file = Config {
        load_balancers: Vec::new(),
        pools: Vec::new(),
        ..config.clone()
    };
    let (merged, ms) = timed(|| file.with(&managed, DataPlane::Kernel));
    ensure!(
        merged.is_ok_and(|merged| merged == *config),
        "they are not merged"
    );
    add("merge", ms);
    Ok(())
}

fn datapath(mut config: Config, add: &mut impl FnMut(&str, f64)) -> Result<()> {
    let mut datapath = Datapath::load(&config.datapath, &config.daemon.pin_path)?;
    datapath.unpin()?;
    let (maps, health) = (&mut datapath.maps, Health::default());
    let (ids, ms) = timed(|| reconcile::apply(maps, &config, &health));
    let mut ids = ids?;
    add("start", ms);
    let (again, ms) = timed(|| reconcile::apply(maps, &config, &health));
    again?;
    add("reload", ms);
    let mut sweep = Sweep::new(maps);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let _inside = runtime.enter();
    let mut next_hops = NextHops::follow(&config);
    let (sender, _changes) = tokio::sync::mpsc::channel(1);
    let mut monitors = Monitors::new(sender);
    let ((), ms) = timed(|| monitors.update(&config, &health));
    add("monitors at start", ms);
    for what in ["weight", "member", "listener"] {
        let (mut in_maps, mut beside) = (Vec::new(), Vec::new());
        for pass in 0..PASSES {
            let mut after = config.clone();
            change(&mut after, what, pass);
            let (applied, ms) = timed(|| {
                let changed = Changed::between(&config, &after);
                reconcile::apply_changed(maps, &changed, &health, &mut ids).map(|()| changed)
            });
            in_maps.push(ms);
            let changed = applied?;
            let ((), ms) = timed(|| {
                sweep.note_change(maps);
                next_hops.turn_to_changed(&changed, &ids, &maps.members);
                monitors.update(&after, &health);
            });
            beside.push(ms);
            config = after;
        }
        add(what, median(in_maps));
        add(&format!("{what}, beside"), median(beside));
    }
    // There are no sessions: it is what the counters of all pools cost.
    let ((), ms) = timed(|| {
        sweep.begin_sessions(maps);
        while sweep.is_under_way() {
            sweep.step(maps);
        }
    });
    add("sweep of sessions", ms);
    let pool = ids.pool("500/2").ok_or_else(|| anyhow!("it is gone"))?;
    let schedule = maps.pools[pool as usize].schedule.get() as u32;
    ensure!(schedule > MEMBERS_OF_EACH, "the weight is not in the schedule");
    Ok(())
}

fn proxy(mut config: Config, add: &mut impl FnMut(&str, f64)) -> Result<()> {
    let state = tempfile::tempdir()?;
    state.path().clone_into(&mut config.daemon.state_path);
    let mut health = Health::default();
    let mut proxy = Proxy::default();
    let (prepared, ms) = timed(|| proxy.prepare(&config));
    let (prepared, prepared_ms) = (prepared?, ms);
    let ((), ms) = timed(|| proxy.serve(prepared, &config, &health));
    add("proxy at start", prepared_ms + ms);
    let (mut weight, mut found) = (Vec::new(), Vec::new());
    for pass in 0..PASSES {
        change(&mut config, "weight", pass);
        let (changed, ms) = timed(|| {
            let prepared = proxy.prepare_changed(&config)?;
            proxy.serve(prepared, &config, &health);
            anyhow::Ok(())
        });
        changed?;
        weight.push(ms);
        let reason = pass.to_string();
        health.set(
            "500/2",
            &config.pools[2502].members[0].name,
            Finding::Down { reason },
        );
        let ((), ms) = timed(|| proxy.set_health(&config, &health));
        found.push(ms);
    }
    add("proxy, weight", median(weight));
    add("proxy, health", median(found));
    proxy.end();
    Ok(())
}

fn change(config: &mut Config, what: &str, pass: u16) {
    let middle = config.pools.len() / 2 + 2;
    match what {
        "weight" => Arc::make_mut(&mut config.pools[middle]).members[0].weight = 2 + pass,
        "member" => {
            let members = &mut Arc::make_mut(&mut config.pools[middle]).members;
            members[1].address = [10, 0, 255, pass as u8].into();
        }
        _ => {
            let middle = config.load_balancers.len() / 2;
            Arc::make_mut(&mut config.load_balancers[middle]).listeners[0].port = 1000 + pass;
        }
    }
}

fn timed<T>(run: impl FnOnce() -> T) -> (T, f64) {
    let started = Instant::now();
    let done = run();
    (done, started.elapsed().as_secs_f64() * 1e3)
}

/// Load balancers with a listener for each of their pools, which are like this.
fn text(protocol: &str, pool_like: &str) -> Result<String> {
    let mut text = format!(
        "[daemon]\npin_path = \"/sys/fs/bpf/hf-{}-bench-apply\"\n[datapath]\ninterfaces = [\"lo\"]\nmax_flows = 1024\n\
         max_sessions = 65536\nmax_listeners = 8192\nmax_pools = 8192\n[proxy]\nworkers = 1\n",
        std::process::id()
    );
    for balancer in 0..LOAD_BALANCERS {
        let [.., high, low] = balancer.to_be_bytes();
        writeln!(
            text,
            "[[load_balancer]]\nname = \"{balancer}\"\nvip = \"192.0.{}.{low}\"",
            high + 4
        )?;
        for pool in 0..POOLS_OF_EACH {
            let name = format!("{balancer}/{pool}");
            writeln!(
                text,
                "[[load_balancer.listener]]\nname = \"{name}\"\nprotocol = \"{protocol}\""
            )?;
            writeln!(text, "port = {}\npool = \"{name}\"", 80 + pool)?;
        }
    }
    let mut number = 256;
    for pool in (0..LOAD_BALANCERS).flat_map(|balancer| (0..POOLS_OF_EACH).map(move |pool| (balancer, pool)))
    {
        writeln!(text, "[[pool]]\nname = \"{}/{}\"", pool.0, pool.1)?;
        writeln!(
            text,
            "health_monitor = {{ type = \"TCP\", delay_s = 3600 }}\n{pool_like}"
        )?;
        for _ in 0..MEMBERS_OF_EACH {
            let [.., high, low] = u32::to_be_bytes(number);
            writeln!(
                text,
                "[[pool.member]]\naddress = \"10.0.{high}.{low}\"\nport = 80"
            )?;
            number += 1;
        }
    }
    Ok(text)
}

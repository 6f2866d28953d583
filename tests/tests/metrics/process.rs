//! What the daemon tells of itself as a process is what the kernel says of it.

use std::fs;
use std::time::{Duration, SystemTime};

use anyhow::{Context as _, Result, ensure};
use lb_tests::desk::Desk;
use lb_tests::{Plan, eventually};

use crate::exposition::Exposition;
use crate::site;

const WITHIN: Duration = Duration::from_secs(20);

fn value(told: &Exposition, name: &str) -> Result<f64> {
    let mut found = told.named(name, &[]);
    Ok(found.next().with_context(|| format!("no {name}"))?.value)
}

#[test]
fn connections_of_clients_are_files_that_are_open() -> Result<()> {
    let site = site(&Plan::new(&[1]).patient())?;
    let open = || value(&Exposition::of(site.daemon())?, "process_open_fds");
    let before = open()?;
    let mut wires = Vec::new();
    for _ in 0..20 {
        wires.push(site.wire()?);
    }
    for wire in &mut wires {
        assert_eq!(wire.get("/")?.status, 200);
    }
    assert!(open()? >= before + 20.0);
    let pid = site.daemon().pid().context("it runs")?;
    eventually("as many as the kernel lists", WITHIN, || {
        let told = open()?;
        let listed = u32::try_from(fs::read_dir(format!("/proc/{pid}/fd"))?.count())?;
        // The connection that asks is over by then.
        ensure!((told - f64::from(listed)).abs() <= 1.0, "{told} and {listed}");
        anyhow::Ok(())
    });
    Ok(())
}

#[test]
fn a_daemon_tells_when_it_was_started_and_what_it_uses() -> Result<()> {
    let now = || -> Result<f64> { Ok(SystemTime::UNIX_EPOCH.elapsed()?.as_secs_f64()) };
    let before = now()?;
    let mut desk = Desk::open()?;
    let told = Exposition::of(&desk.daemon)?;
    let started = value(&told, "process_start_time_seconds")?;
    assert!((before - 1.0..=now()? + 1.0).contains(&started), "{started}");
    let cpu = value(&told, "process_cpu_seconds_total")?;
    assert!(cpu > 0.0 && cpu < 60.0, "{cpu}");
    let resident = value(&told, "process_resident_memory_bytes")?;
    assert!((1e6..1e9).contains(&resident), "{resident}");
    assert!(value(&told, "process_threads")? > 1.0);

    let again = Exposition::of(&desk.daemon)?;
    assert!(value(&again, "process_cpu_seconds_total")? >= cpu);
    let same = value(&again, "process_start_time_seconds")?;
    assert!((same - started).abs() < 1e-9, "{started} {same}");
    desk.daemon.restart()?;
    let other = value(&Exposition::of(&desk.daemon)?, "process_start_time_seconds")?;
    assert!(other > started, "{started} {other}");
    Ok(())
}

//! What a daemon says of itself while it starts, serves, has trouble, and ends.

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use lb_tests::desk::Desk;
use lb_tests::{Daemon, Family, Health, Plan, Scheme, Site, Wire, eventually};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::exposition::{Exposition, asked};
use crate::site;

const WITHIN: Duration = Duration::from_secs(20);

/// The statuses of `/healthz` and `/readyz`, and what the latter says.
fn phase(daemon: &Daemon) -> Result<(u16, u16, String)> {
    let (alive, ready) = (asked(daemon, "/healthz", &[])?, asked(daemon, "/readyz", &[])?);
    for answer in [&alive, &ready] {
        ensure!(answer.content_type.starts_with("text/plain"), "{answer:?}");
    }
    ensure!(alive.body == "ok\n", "{alive:?}");
    Ok((alive.status, ready.status, ready.body))
}

fn serving() -> (u16, u16, String) {
    (200, 200, "ready\n".to_owned())
}

/// Whether a daemon answers at once that it is ready.
fn says_ready(socket: &Path) -> bool {
    let mut curl = Command::new("curl");
    curl.args(["--silent", "--fail", "--max-time", "0.5", "--unix-socket"])
        .arg(socket)
        .arg("http://localhost/readyz")
        .stdout(Stdio::null());
    curl.status().is_ok_and(|status| status.success())
}

#[test]
fn a_daemon_that_starts_is_ready_once_it_serves_and_not_before() -> Result<()> {
    let mut site = Site::prepare(&Plan::new(&[1]))?;
    let socket = site.daemon().socket_path();
    let client = Arc::clone(site.lab().client_namespace());
    let vip = site.vip(Family::V4, Scheme::Http);
    assert!(!says_ready(&socket), "there is none yet");
    thread::scope(|scope| {
        // Who hears that it is ready, asks it at once.
        let asking = scope.spawn(|| -> Result<u16> {
            eventually("it to be ready", WITHIN, || says_ready(&socket));
            Ok(Wire::connect_in(&client, None, vip)?.get("/")?.status)
        });
        site.daemon_mut().launch()?;
        assert_eq!(asking.join().expect("no panic")?, 200);
        anyhow::Ok(())
    })?;
    assert_eq!(phase(site.daemon())?, serving());
    Ok(())
}

#[test]
fn a_daemon_whose_members_and_listeners_fail_is_ready_all_the_same() -> Result<()> {
    let monitor = "type = \"HTTP\"\nurl_path = \"/health\"\ndelay_s = 1\ntimeout_s = 1\nrise = 1\nfall = 1";
    let site = site(&Plan::new(&[1]).monitor(monitor))?;
    site.member(1).set_health(Health::Failing);
    site.await_member(1, "ERROR")?;
    let told = Exposition::of(site.daemon())?;
    told.assert("holdfast_listener_status", &[("status", "ERROR")], 2);
    // Another node would find the same members.
    assert_eq!(phase(site.daemon())?, serving());
    // Nor does a file that is refused change what is served.
    site.daemon().write_config("nonsense")?;
    assert!(!site.daemon().cli(&["reload"])?.status.success());
    assert_eq!(phase(site.daemon())?, serving());
    Ok(())
}

#[test]
fn a_daemon_that_serves_nobody_on_purpose_is_ready_for_whoever_configures_it() -> Result<()> {
    let desk = Desk::open()?;
    assert_eq!(phase(&desk.daemon)?, serving());
    let told = Exposition::of(&desk.daemon)?;
    told.assert("holdfast_build_info", &[("dataplane", "noop")], 1);
    told.assert("holdfast_listener_status", &[("status", "OFFLINE")], 1);
    // Of a datapath that is not there nothing is told.
    for name in ["holdfast_packets_total", "holdfast_sweep_duration_seconds_count"] {
        assert_eq!(told.named(name, &[]).count(), 0, "{name}");
    }
    Ok(())
}

#[test]
fn who_asks_a_daemon_that_ends_is_answered_at_once() -> Result<()> {
    let mut site = site(&Plan::new(&[1]).patient())?;
    assert_eq!(phase(site.daemon())?, serving());
    let mut slow = site.wire()?;
    slow.send("GET /?delay_ms=2000 HTTP/1.1\r\nHost: a\r\n\r\n")?;
    Exposition::once(site.daemon(), "the request to be under way", |told| {
        told.count("holdfast_member_active_requests", &[]) > 0
    })?;
    let pid = site.daemon().pid().context("it runs")?;
    kill(Pid::from_raw(pid.try_into()?), Signal::SIGTERM)?;
    // While the request goes on: it is alive, and nobody is to be sent to it any more.
    eventually("the daemon to say that it ends", WITHIN, || {
        let ending = (200, 503, "the daemon is ending\n".to_owned());
        let phase = phase(site.daemon())?;
        ensure!(phase == ending, "{phase:?}");
        Ok(())
    });
    let refused = asked(site.daemon(), "/metrics", &[])?;
    assert_eq!(refused.status, 503, "{refused:?}");
    assert!(
        refused.body.contains("The daemon is ending; ask the next one."),
        "{refused:?}"
    );
    assert_eq!(slow.reply("GET")?.status, 200);
    assert!(site.daemon_mut().await_end()?.success());
    assert!(!says_ready(&site.daemon().socket_path()));
    Ok(())
}

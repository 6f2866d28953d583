//! A daemon that serves nobody (`--dataplane noop`).

use std::fs;

use anyhow::{Context as _, Result};
use lb_tests::{Config, Daemon, Family, Laboratory, Member, Pool, Protocol, Scheme, Services};
use serde_json::Value;

const NOOP: &[&str] = &["--dataplane", "noop"];
const MONITOR: &str = "type = \"TCP\"\ndelay_s = 1\ntimeout_s = 1\nfall = 1\nrise = 1";

fn laboratory() -> Result<(Laboratory, Member)> {
    let lab = Laboratory::routed().members(1).build()?;
    let member = lab.serve(1, &Services::new().tcp([8080]))?;
    Ok((lab, member))
}

/// Listeners of layers 4 and 7 at low ports, with monitors.
fn config(lab: &Laboratory) -> Config {
    let member = (lab.member_address(1, Family::V4), 8080).into();
    let vip = |port| (Family::V4.vip(), port).into();
    let pool = |pool: Pool| pool.monitor(MONITOR).member("member1", member, 1);
    Config::new()
        .listener(Protocol::Tcp, vip(81), "lines")
        .web_listener(Scheme::Http, vip(80), "web", "")
        .pool(pool(Pool::new("lines")))
        .pool(pool(Pool::web("web")))
}

/// One of a user without any right, with an interface that is not there.
fn noop(lab: &Laboratory) -> Result<Daemon> {
    let mut daemon = Daemon::prepare_unprivileged(lab, "", &[])?;
    daemon.set_arguments(NOOP);
    daemon.set_interfaces(&["nowhere"]);
    daemon.write_config(config(lab))?;
    daemon.launch()?;
    Ok(daemon)
}

/// All operating statuses, of whatever.
fn statuses(value: &Value) -> Vec<&str> {
    match value {
        Value::Array(values) => values.iter().flat_map(statuses).collect(),
        Value::Object(fields) => {
            let own = fields.get("status").and_then(Value::as_str);
            own.into_iter()
                .chain(fields.values().flat_map(statuses))
                .collect()
        }
        _ => Vec::new(),
    }
}

fn assert_offline(daemon: &Daemon, things: usize) -> Result<()> {
    let status = daemon.status()?;
    assert_eq!(statuses(&status), vec!["OFFLINE"; things], "{status}");
    assert_eq!(status["daemon"]["dataplane"], "noop");
    Ok(())
}

fn pid(daemon: &Daemon) -> Result<u64> {
    daemon.status()?["daemon"]["pid"].as_u64().context("it has one")
}

#[test]
fn an_ordinary_user_runs_one_that_answers_reloads_and_stops() -> Result<()> {
    let (lab, _member) = laboratory()?;
    let mut daemon = noop(&lab)?;
    // A balancer, two listeners, two pools and their members.
    assert_offline(&daemon, 7)?;
    let listening = lab.balancer().command("ss").args(["-Htln"]).output()?;
    assert_eq!(String::from_utf8(listening.stdout)?, "");
    let said = |arguments: &[&str]| -> Result<String> {
        let output = daemon.cli(arguments)?;
        Ok(String::from_utf8([output.stdout, output.stderr].concat())?)
    };
    for (arguments, says) in [
        (&["status"][..], "The data plane is noop: nobody is served."),
        (
            &["explain", "192.0.2.7", "listener-1"],
            "this daemon serves nobody",
        ),
        (
            &["explain", "192.0.2.7", "listener-2"],
            "this daemon serves nobody",
        ),
        (&["trace", "192.0.2.7"], "this daemon serves nobody"),
        (&["sessions"], "POOL"),
        (&["drop-session", "lines", "192.0.2.7"], "holds no session"),
    ] {
        let said = said(arguments)?;
        assert!(said.contains(says), "{arguments:?}: {said}");
    }

    let further = config(&lab).pool(Pool::new("further"));
    daemon.write_config(format!("max_flows = 2048\n{further}"))?;
    assert!(daemon.cli(&["reload"])?.status.success());
    assert_offline(&daemon, 8)?;
    daemon.write_config("nonsense = 1")?;
    assert!(!daemon.cli(&["reload"])?.status.success());
    assert_offline(&daemon, 8)?;

    assert!(daemon.cli(&["stop"])?.status.success());
    assert!(!daemon.socket_path().exists());
    assert!(daemon.await_end()?.success());
    assert!(!daemon.log().contains("the member is"), "{}", daemon.log());
    Ok(())
}

#[test]
fn an_upgrade_keeps_it_what_it_is() -> Result<()> {
    let (lab, _member) = laboratory()?;
    let mut daemon = noop(&lab)?;
    let before = pid(&daemon)?;
    assert!(daemon.upgrade()?.await_end()?.success());
    assert_ne!(pid(&daemon)?, before);
    assert_offline(&daemon, 7)
}

#[test]
fn one_that_serves_takes_over_from_it_and_does_not_hand_over_to_it() -> Result<()> {
    let (lab, _member) = laboratory()?;
    let mut daemon = Daemon::prepare(&lab, config(&lab))?;
    daemon.set_arguments(NOOP);
    daemon.launch()?;
    daemon.set_arguments(&[]);
    assert!(daemon.take_over()?.await_end()?.success());
    let ask = || lab.client().ask_tcp(None, (Family::V4.vip(), 81).into());
    assert_eq!(ask()?.member, "member1");

    let mut other = lab.balancer().command(lb_tests::daemon::binary());
    let other = other
        .args(["run", "--take-over", "--dataplane", "noop", "--config"])
        .arg(daemon.config_path())
        .output()?;
    let refusal = String::from_utf8_lossy(&other.stderr);
    assert!(
        !other.status.success() && refusal.contains("would serve nobody (`--dataplane noop`)"),
        "{refusal}"
    );
    assert_eq!(ask()?.member, "member1");
    assert!(fs::exists(daemon.pin_path())?);
    Ok(())
}

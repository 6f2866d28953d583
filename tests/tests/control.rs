//! Telling the daemon what to do: by signals, and at its control socket.

use std::os::unix::net::UnixStream;
use std::time::Duration;

use anyhow::Result;
use lb_tests::{Config, Daemon, Family, Laboratory, Pool, Protocol, eventually};
use nix::sys::signal::Signal;

const WITHIN: Duration = Duration::from_secs(20);

fn prepare(lab: &Laboratory) -> Result<Daemon> {
    let member = (lab.member_address(1, Family::V4), 8080).into();
    let config = Config::new()
        .listener(Protocol::Tcp, (Family::V4.vip(), 80).into(), "web")
        .pool(Pool::new("web").member("member1", member, 1));
    Daemon::prepare(lab, config)
}

fn laboratory() -> Result<Laboratory> {
    Laboratory::routed().members(1).build()
}

#[test]
fn a_stop_is_answered_when_it_is_done() -> Result<()> {
    let lab = laboratory()?;
    let mut daemon = prepare(&lab)?;
    for turn in 0..6 {
        daemon.launch()?;
        let arguments: &[&str] = if turn % 3 == 0 {
            &["stop"]
        } else {
            &["stop", "--detach"]
        };
        let output = daemon.cli(arguments)?;
        let is_detached = !daemon.pin_path().exists();
        assert!(output.status.success(), "turn {turn}: {output:?}");
        assert!(!daemon.socket_path().exists(), "turn {turn}");
        assert_eq!(is_detached, arguments.len() == 2, "turn {turn}");
        assert!(daemon.await_end()?.success());
    }
    Ok(())
}

#[test]
fn a_daemon_that_was_short_of_files_answers_again() -> Result<()> {
    let lab = laboratory()?;
    let mut daemon = prepare(&lab)?;
    daemon.launch()?;
    daemon.limit_files(Some(32))?;
    let connections: Vec<_> = (0..64)
        .map(|_| UnixStream::connect(daemon.socket_path()))
        .collect::<Result<_, _>>()?;
    eventually("the log to say that files are short", WITHIN, || {
        daemon.log().contains("cannot take connections")
    });
    // The connections are still there.
    assert!(daemon.cli(&["status"])?.status.success());
    assert_eq!(connections.len(), 64);
    Ok(())
}

#[test]
fn a_reload_during_the_start_is_done_after_it() -> Result<()> {
    let lab = laboratory()?;
    let mut daemon = prepare(&lab)?;
    daemon.launch_and_signal(Signal::SIGHUP)?;
    eventually("the configuration to be taken again", WITHIN, || {
        daemon.log().contains("reloaded")
    });
    assert!(daemon.cli(&["status"])?.status.success());
    // No colours: it is no terminal.
    assert!(!daemon.log().contains('\u{1b}'), "{}", daemon.log());
    Ok(())
}

#[test]
fn an_end_during_the_start_is_as_in_order_as_one_after_it() -> Result<()> {
    let lab = laboratory()?;
    for (signal, leaves_pins) in [(Signal::SIGINT, false), (Signal::SIGTERM, true)] {
        let mut daemon = prepare(&lab)?;
        daemon.launch_and_signal(signal)?;
        let status = daemon.await_end()?;
        assert!(status.success(), "{signal}: {status}, {}", daemon.log());
        assert!(!daemon.socket_path().exists(), "{signal}");
        assert_eq!(daemon.pin_path().exists(), leaves_pins, "{signal}");
    }
    Ok(())
}

//! The log as programs read it.

use std::fs::File;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use lb_tests::eventually;
use lb_tests::noop::Daemon;
use serde_json::Value;

const WITHIN: Duration = Duration::from_secs(20);

/// A process that ends when this is dropped.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The daemon of that directory, whose log is of this format.
fn run(daemon: &Daemon, format: &str) -> Result<Running> {
    let log = File::create(daemon.path("own-log"))?;
    let child = Command::new(daemon.path("holdfast"))
        .args(["run", "--dataplane", "noop", "--config"])
        .arg(daemon.path("holdfast.toml"))
        .env("HOLDFAST_LOG_FORMAT", format)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()?;
    Ok(Running(child))
}

#[test]
fn as_json_each_line_of_the_log_is_an_object_that_says_when_how_bad_and_what() -> Result<()> {
    let daemon = Daemon::prepare()?;
    daemon.configure("")?;
    let _running = run(&daemon, "json")?;
    eventually("the daemon to say that it serves", WITHIN, || {
        let log = std::fs::read_to_string(daemon.path("own-log"))?;
        let whole = log.rsplit_once('\n').map_or("", |(whole, _)| whole);
        let lines = whole.lines().map(serde_json::from_str);
        let lines: Vec<Value> = lines.collect::<Result<_, _>>().with_context(|| log.clone())?;
        let serving = lines.iter().find(|line| line["message"] == "serving");
        let serving = serving.with_context(|| log.clone())?;
        ensure!(serving["level"] == "INFO" && serving["pools"] == 0, "{serving}");
        ensure!(
            serving["timestamp"]
                .as_str()
                .is_some_and(|time| time.ends_with('Z')),
            "{serving}"
        );
        Ok(())
    });
    Ok(())
}

#[test]
fn a_format_that_there_is_not_is_refused_with_those_that_there_are() -> Result<()> {
    let daemon = Daemon::prepare()?;
    daemon.configure("")?;
    let mut running = run(&daemon, "xml")?;
    let ended = running.0.wait()?;
    let log = std::fs::read_to_string(daemon.path("own-log"))?;
    ensure!(
        !ended.success() && log.contains("is \"xml\"; it is \"text\" or \"json\""),
        "{log}"
    );
    Ok(())
}

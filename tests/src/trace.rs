//! `holdfast trace`, as a process.

use std::fs::{self, File};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use tempfile::TempDir;

use crate::daemon::{Daemon, binary};
use crate::eventually::{eventually, try_eventually};

const WITHIN: Duration = Duration::from_secs(20);

/// The command while it runs. On drop it is ended.
#[derive(Debug)]
pub struct Trace {
    child: Child,
    directory: TempDir,
}

impl Trace {
    /// Starts it, and returns when it traces; or what it complains of.
    pub fn start(daemon: &Daemon, arguments: &[&str]) -> Result<Self> {
        let mut trace = Self::begin(daemon, arguments)?;
        try_eventually("the trace to begin, or to be refused", WITHIN, || {
            trace.has_begun() || trace.child.try_wait().is_ok_and(|ended| ended.is_some())
        })?;
        ensure!(trace.has_begun(), "{}", trace.errors());
        Ok(trace)
    }

    /// Starts it, and does not wait.
    pub fn begin(daemon: &Daemon, arguments: &[&str]) -> Result<Self> {
        let directory = tempfile::tempdir()?;
        let child = Command::new(binary())
            .arg("--socket")
            .arg(daemon.socket_path())
            .arg("trace")
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(File::create(directory.path().join("output"))?)
            .stderr(File::create(directory.path().join("errors"))?)
            .spawn()?;
        Ok(Self { child, directory })
    }

    fn has_begun(&self) -> bool {
        self.errors().contains("tracing until Ctrl-C")
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.directory.path().join(name)).unwrap_or_default()
    }

    /// What it has said beside the lines.
    #[must_use]
    pub fn errors(&self) -> String {
        self.read("errors")
    }

    /// What it has printed.
    #[must_use]
    pub fn output(&self) -> String {
        self.read("output")
    }

    fn lines(&self) -> impl Iterator<Item = Value> {
        let output = self.output();
        // The last line may be half written.
        let whole = output.rsplit_once('\n').map_or("", |(whole, _)| whole);
        let lines: Vec<Value> = whole
            .lines()
            .map(|line| serde_json::from_str(line).expect("JSON"))
            .collect();
        lines.into_iter()
    }

    /// The packets that were told, as JSON.
    #[must_use]
    pub fn packets(&self) -> Vec<Value> {
        self.lines().filter(|line| line.get("method").is_none()).collect()
    }

    /// The requests that were told, as JSON, as soon as there are so many.
    #[must_use]
    pub fn requests(&self, count: usize) -> Vec<Value> {
        let requests = || self.lines().filter(|line| line.get("method").is_some());
        eventually("the requests to be told", WITHIN, || {
            ensure!(requests().count() >= count, "{}", self.output());
            Ok(())
        });
        requests().collect()
    }

    /// Ends it by a signal.
    pub fn signal(&mut self, signal: Signal) -> Result<()> {
        kill(Pid::from_raw(self.child.id().cast_signed()), signal)?;
        // It does not where whoever started the tests has the signal ignored, as a shell does for what runs in its background.
        eventually(&format!("the end by {signal}"), WITHIN, || {
            ensure!(self.child.try_wait()?.is_some(), "it goes on");
            Ok(())
        });
        Ok(())
    }

    /// Waits until it ends by itself.
    pub fn await_end(&mut self) -> Result<ExitStatus> {
        try_eventually("the trace to end", WITHIN, || {
            self.child.try_wait()?.context("it goes on")
        })
    }
}

impl Drop for Trace {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

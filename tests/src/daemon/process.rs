//! The process of a daemon.

use std::collections::HashSet;
use std::fs;
use std::io;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, Command, ExitStatus};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::eventually::try_eventually;

const TIME_TO_END: Duration = Duration::from_secs(10);
const TIME_TO_SETTLE: Duration = Duration::from_secs(20);

/// A process, whoever started it.
#[derive(Debug)]
pub(super) enum Process {
    /// This one did.
    Own(Child),
    /// A daemon did, which has ended or is about to.
    Adopted(u32),
}

impl Process {
    /// Its number.
    pub(super) fn id(&self) -> u32 {
        match self {
            Self::Own(child) => child.id(),
            Self::Adopted(pid) => *pid,
        }
    }

    /// How it ended, if it has; of an adopted one that is not known.
    pub(super) fn try_wait(&mut self) -> io::Result<Option<ExitStatus>> {
        match self {
            Self::Own(child) => child.try_wait(),
            Self::Adopted(pid) => Ok(has_ended(*pid).then(|| ExitStatus::from_raw(0))),
        }
    }

    pub(super) fn signal(&self, signal: Signal) -> nix::Result<()> {
        kill(Pid::from_raw(self.id().cast_signed()), signal)
    }

    /// Waits until it has ended; makes it end where that takes too long.
    pub(super) fn await_end(mut self) -> Result<ExitStatus> {
        let ended = try_eventually("the daemon to end", TIME_TO_END, || match self.try_wait() {
            Ok(status) => status.ok_or("it still runs".to_owned()),
            Err(error) => Err(error.to_string()),
        });
        if ended.is_err() {
            let _ = self.signal(Signal::SIGKILL);
            if let Self::Own(child) = &mut self {
                let _ = child.wait();
            }
        }
        ended
    }
}

/// Nobody may have asked yet how it ended.
fn has_ended(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"));
    stat.map_or(true, |stat| {
        stat.rsplit_once(") ")
            .is_none_or(|(_, rest)| rest.starts_with('Z'))
    })
}

/// A process from which another one took over. It is ended when this is dropped.
#[derive(Debug)]
pub struct Leaving(Option<Process>);

impl Leaving {
    pub(super) fn new(process: Process) -> Self {
        Self(Some(process))
    }

    /// Waits until it has ended.
    pub fn await_end(mut self) -> Result<ExitStatus> {
        self.0.take().expect("it is taken once").await_end()
    }

    /// Whether it still runs.
    pub fn runs(&mut self) -> Result<bool> {
        let process = self.0.as_mut().expect("it is taken once");
        Ok(process.try_wait()?.is_none())
    }
}

impl Drop for Leaving {
    fn drop(&mut self) {
        if let Some(process) = self.0.take() {
            let _ = process.signal(Signal::SIGTERM);
            let _ = process.await_end();
        }
    }
}

/// Leaves a process so many files to open beyond those that it has; none: as many as it likes.
pub(super) fn limit_files(pid: u32, beyond: Option<usize>) -> Result<()> {
    let limit = match beyond {
        None => 1024,
        // Whatever is closed from now on, its number is not given again.
        Some(0) => 0,
        Some(beyond) => {
            let open = settled_files(pid)?;
            let mut free = (0_u32..).filter(|number| !open.contains(&number.to_string()));
            free.nth(beyond).context("there are numbers without end")?
        }
    };
    let limited = Command::new("prlimit")
        .arg(format!("--nofile={limit}:"))
        .args(["--pid", &pid.to_string()])
        .status()?;
    ensure!(limited.success(), "cannot limit its files");
    Ok(())
}

/// The numbers of the files that a process has open, once they are the same twice: a connection that it has just answered
/// is closed a moment later.
fn settled_files(pid: u32) -> Result<HashSet<String>> {
    let mut last = HashSet::new();
    try_eventually(
        "the files of the daemon to stay as they are",
        TIME_TO_SETTLE,
        || {
            let now = fs::read_dir(format!("/proc/{pid}/fd"))?
                .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
                .collect::<Result<HashSet<_>>>()?;
            let before = std::mem::replace(&mut last, now);
            ensure!(before == last, "they changed");
            Ok::<_, anyhow::Error>(before)
        },
    )
}

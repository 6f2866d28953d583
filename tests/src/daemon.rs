//! The real daemon, as a process in the balancer's namespace.

mod bpffs;
mod conditions;
mod process;

use std::ffi::OsString;
use std::fmt::Display;
use std::fs::{self, File};
use std::net::TcpListener;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, ensure};
use command_fds::{CommandFdExt as _, FdMapping};
use nix::sys::signal::Signal;
use serde_json::json;
use tempfile::TempDir;

use crate::eventually::try_eventually;
use crate::netns::Namespace;
use crate::stale::{BPFFS, own_prefix};
use crate::topology::Laboratory;
pub use bpffs::mount_bpffs;
pub use process::Leaving;
use process::Process;

/// The verifier takes its time, more so on a busy machine.
const TIME_TO_START: Duration = Duration::from_secs(20);

/// The path of the binary that is tested: `HOLDFAST_BIN`, or the release build of this workspace.
#[must_use]
pub fn binary() -> PathBuf {
    let built = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/release/holdfast");
    std::env::var_os("HOLDFAST_BIN").map_or_else(built, PathBuf::from)
}

/// A daemon with a configuration, a control socket and pins of its own. On drop it is ended and its pins removed;
/// if that is because of a panic, its log is printed.
#[derive(Debug)]
pub struct Daemon {
    binary: PathBuf,
    balancer: Arc<Namespace>,
    interfaces: Vec<String>,
    directory: TempDir,
    pins: PathBuf,
    /// What runs the binary: the commands and arguments before it.
    wrapper: Vec<OsString>,
    environment: Vec<(&'static str, OsString)>,
    /// What a service manager passes on.
    passed: Vec<TcpListener>,
    /// Further arguments of `holdfast run`.
    arguments: Vec<&'static str>,
    process: Option<Process>,
}

impl Daemon {
    /// Starts it, and returns when its control socket answers.
    ///
    /// `config` is a [`crate::Config`] or TOML text, without the sections `daemon` and `datapath`.
    pub fn start(laboratory: &Laboratory, config: impl Display) -> Result<Self> {
        let mut daemon = Self::prepare(laboratory, config)?;
        daemon.launch()?;
        Ok(daemon)
    }

    /// Makes all but the process: see [`Self::launch`].
    pub fn prepare(laboratory: &Laboratory, config: impl Display) -> Result<Self> {
        let daemon = Self::new(laboratory)?;
        daemon.write_config(config)?;
        Ok(daemon)
    }

    fn new(laboratory: &Laboratory) -> Result<Self> {
        static COUNTER: AtomicU32 = AtomicU32::new(1);
        let binary = binary();
        ensure!(
            binary.is_file(),
            "there is no {}: build it with `cargo xtask build`, or set HOLDFAST_BIN",
            binary.display()
        );
        mount_bpffs()?;
        let count = COUNTER.fetch_add(1, Ordering::Relaxed);
        Ok(Self {
            binary,
            balancer: Arc::clone(laboratory.balancer()),
            interfaces: laboratory.balancer_interfaces(),
            directory: crate::stale::temporary_directory()?,
            pins: Path::new(BPFFS).join(format!("{}{count}", own_prefix())),
            wrapper: Vec::new(),
            environment: Vec::new(),
            passed: Vec::new(),
            arguments: Vec::new(),
            process: None,
        })
    }

    /// Starts the process, after [`Self::prepare`], [`Self::kill9`] or [`Self::terminate`]; returns when its control
    /// socket answers.
    pub fn launch(&mut self) -> Result<()> {
        self.spawn()?;
        self.await_socket()
            .map_err(|error| anyhow!("{error:#}; its log:\n{}", self.log()))
    }

    /// Starts the process, and tells it something by a signal as soon as its control socket is there: before it answers.
    pub fn launch_and_signal(&mut self, signal: Signal) -> Result<()> {
        self.spawn()?;
        try_eventually("the control socket to be there", TIME_TO_START, || {
            self.socket_path().exists()
        })?;
        self.signal(signal)
    }

    /// [`Self::launch`] with the option to take over, though there is nobody to take over from.
    pub fn launch_taking_over(&mut self) -> Result<()> {
        self.spawn_with(&["--take-over"])?;
        self.await_socket()
    }

    /// Has another process take over from the one that runs, and returns when it has. That one ends with its last
    /// connection.
    pub fn take_over(&mut self) -> Result<Leaving> {
        let before = self.process.take().context("there is no daemon")?;
        let leaving = Leaving::new(before);
        self.spawn_with(&["--take-over"])?;
        self.await_socket()
            .map_err(|error| anyhow!("{error:#}; its log:\n{}", self.log()))?;
        Ok(leaving)
    }

    /// Has the daemon start another one that takes over (`holdfast upgrade`), and returns when it has.
    pub fn upgrade(&mut self) -> Result<Leaving> {
        let output = self.cli(&["upgrade"])?;
        ensure!(output.status.success(), "{output:?}; its log:\n{}", self.log());
        let before = self.process.take().context("there is no daemon")?;
        let leaving = Leaving::new(before);
        let pid = self.status()?["daemon"]["pid"].as_u64().context("no number")?;
        self.process = Some(Process::Adopted(pid as u32));
        Ok(leaving)
    }

    /// Starts the process, and waits for nothing.
    pub fn spawn(&mut self) -> Result<()> {
        self.spawn_with(&[])
    }

    fn spawn_with(&mut self, further: &[&str]) -> Result<()> {
        ensure!(self.process.is_none(), "the daemon runs already");
        let log = File::options().create(true).append(true).open(self.log_path())?;
        let words = self.wrapper.iter().map(OsString::as_os_str);
        let mut words = words.chain([self.binary.as_os_str()]);
        let program = words.next().context("there is no binary")?;
        let passed = (3..).zip(&self.passed).map(|(child_fd, socket)| {
            let parent_fd = socket.try_clone()?.into();
            Ok(FdMapping { parent_fd, child_fd })
        });
        let passed = passed.collect::<Result<_>>()?;
        let child = self
            .balancer
            .command(program)
            .fd_mappings(passed)?
            .args(words)
            .arg("run")
            .arg("--config")
            .arg(self.config_path())
            .args(&self.arguments)
            .args(further)
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            // A Ctrl-C at the terminal is for the maker, who then ends the daemon.
            .process_group(0)
            .spawn()
            .context("cannot run `nsenter` (of util-linux)")?;
        self.process = Some(Process::Own(child));
        Ok(())
    }

    fn await_socket(&mut self) -> Result<()> {
        let mut process = self.process.take().context("there is no daemon")?;
        // An inner failure is final; an outer one is tried again. A daemon that is still starting answers once it serves.
        // Another one may answer, from which it is to take over.
        let pid = process.id();
        let answers = || match (process.try_wait(), self.ask(&json!("status"))) {
            (Ok(None), Ok(answer)) if answer["status"]["daemon"]["pid"] == pid => Ok(Ok(())),
            (Ok(None), Ok(answer)) => Err(anyhow!("it is another one that answers {answer}")),
            (Ok(None), Err(error)) => Err(error),
            (Ok(Some(status)), _) => Ok(Err(anyhow!("the daemon ended at once: {status}"))),
            (Err(error), _) => Ok(Err(error.into())),
        };
        let ready = try_eventually("the control socket to answer", TIME_TO_START, answers);
        if !matches!(ready, Ok(Err(_))) {
            self.process = Some(process);
        }
        ready?
    }

    /// Writes a new configuration and has it read. It holds from some moment soon after.
    pub fn reconfigure(&self, config: impl Display) -> Result<()> {
        self.write_config(config)?;
        self.reload()
    }

    /// Has the configuration file read again (`SIGHUP`).
    pub fn reload(&self) -> Result<()> {
        self.signal(Signal::SIGHUP)
    }

    /// Ends it without warning (`SIGKILL`); its pins stay.
    pub fn kill9(&mut self) -> Result<()> {
        self.signal(Signal::SIGKILL)?;
        self.await_end().map(drop)
    }

    /// Ends it properly (`SIGTERM`).
    pub fn terminate(&mut self) -> Result<ExitStatus> {
        self.signal(Signal::SIGTERM)?;
        self.await_end()
    }

    /// Ends it properly and starts it again, with the same configuration and pins.
    pub fn restart(&mut self) -> Result<()> {
        let status = self.terminate()?;
        ensure!(
            status.success(),
            "the daemon ended with {status}; its log:\n{}",
            self.log()
        );
        self.launch()
    }

    /// Runs the command line against this daemon: `holdfast --socket PATH <arguments>`.
    pub fn cli(&self, arguments: &[&str]) -> Result<Output> {
        let mut command = Command::new(&self.binary);
        command.arg("--socket").arg(self.socket_path()).args(arguments);
        command.output().context("cannot run the command line")
    }

    /// What `holdfast status --json` says.
    pub fn status(&self) -> Result<serde_json::Value> {
        let output = self.cli(&["status", "--json"])?;
        ensure!(output.status.success(), "{output:?}");
        Ok(serde_json::from_slice(&output.stdout)?)
    }

    /// All that it has written to standard output and standard error, by every process since the first launch.
    #[must_use]
    pub fn log(&self) -> String {
        fs::read(self.log_path())
            .map(|log| String::from_utf8_lossy(&log).into_owned())
            .unwrap_or_default()
    }

    /// The process, while it runs.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.process.as_ref().map(Process::id)
    }

    /// Leaves it so many files to open beyond those that it has; none: as many as it likes.
    pub fn limit_files(&self, beyond: Option<usize>) -> Result<()> {
        let pid = self.pid().context("the daemon does not run")?;
        process::limit_files(pid, beyond)
    }

    /// Where it pins its maps and links.
    #[must_use]
    pub fn pin_path(&self) -> &Path {
        &self.pins
    }

    /// Its control socket.
    #[must_use]
    pub fn socket_path(&self) -> PathBuf {
        self.directory.path().join("control.sock")
    }

    /// Its configuration file.
    #[must_use]
    pub fn config_path(&self) -> PathBuf {
        self.directory.path().join("holdfast.toml")
    }

    /// Where it keeps what outlives it: the keys of cookies.
    #[must_use]
    pub fn state_path(&self) -> PathBuf {
        self.directory.path().join("state")
    }

    fn log_path(&self) -> PathBuf {
        self.directory.path().join("log")
    }

    /// Writes a new configuration. It holds once the daemon is told to read it.
    pub fn write_config(&self, config: impl Display) -> Result<()> {
        let (socket, pins) = (self.socket_path(), &self.pins);
        let text = format!(
            "[daemon]\ncontrol_socket = \"{}\"\npin_path = \"{}\"\nstate_path = \"{}\"\n\n[datapath]\ninterfaces = {:?}\n\n{config}",
            socket.display(),
            pins.display(),
            self.state_path().display(),
            self.interfaces,
        );
        // At once or not at all, as an editor would: the daemon may be reading it.
        let new = self.directory.path().join("holdfast.toml.new");
        fs::write(&new, text)?;
        fs::rename(new, self.config_path())?;
        Ok(())
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        let process = self.process.as_ref().context("the daemon does not run")?;
        process
            .signal(signal)
            .with_context(|| format!("cannot send {signal}"))
    }

    /// Waits until it has ended by itself.
    pub fn await_end(&mut self) -> Result<ExitStatus> {
        let process = self.process.take().context("the daemon does not run")?;
        let ended = process.await_end();
        ended.map_err(|error| anyhow!("{error:#}; its log:\n{}", self.log()))
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let ended = if self.process.is_some() {
            self.terminate().map(drop)
        } else {
            Ok(())
        };
        if std::thread::panicking() {
            eprintln!("the log of the daemon:\n{}", self.log());
        } else if let Err(error) = ended {
            eprintln!("{error:#}");
        }
        // With its pins the program leaves the interfaces. There are none if it never came so far.
        let _ = fs::remove_dir_all(&self.pins);
    }
}

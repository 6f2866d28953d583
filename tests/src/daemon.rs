//! The real daemon, as a process in the balancer's namespace.

use std::collections::HashSet;
use std::ffi::OsString;
use std::fmt::Display;
use std::fs::{self, File};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, bail, ensure};
use nix::fcntl::{Flock, FlockArg};
use nix::mount::{MsFlags, mount};
use nix::sys::signal::{Signal, kill};
use nix::sys::statfs::{BPF_FS_MAGIC, statfs};
use nix::unistd::Pid;
use serde_json::json;
use tempfile::TempDir;

use crate::eventually::try_eventually;
use crate::netns::Namespace;
use crate::stale::{BPFFS, own_prefix};
use crate::topology::Laboratory;

/// The verifier takes its time, more so on a busy machine.
const TIME_TO_START: Duration = Duration::from_secs(20);
/// A user and a group without any rights.
const NOBODY: u32 = 65534;
const TIME_TO_END: Duration = Duration::from_secs(10);

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
    child: Option<Child>,
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

    /// [`Self::prepare`] for a process of a user who is nobody, with these capabilities alone (`net_admin`), a BPF file
    /// system of its own, which goes with it, and a soft limit of 64 open files.
    pub fn prepare_unprivileged(
        laboratory: &Laboratory,
        config: impl Display,
        capabilities: &[&str],
    ) -> Result<Self> {
        let mut daemon = Self::new(laboratory)?;
        let directory = daemon.directory.path();
        let mount = directory.join("bpf");
        fs::create_dir(&mount)?;
        // Where it was built may be closed to others.
        let binary = directory.join("holdfast");
        fs::copy(&daemon.binary, &binary)?;
        std::os::unix::fs::chown(directory, Some(NOBODY), Some(NOBODY))?;
        let capabilities = capabilities
            .iter()
            .fold("-all".to_owned(), |all, one| all + ",+" + one);
        let script = format!(
            "mount -t bpf -o mode=1777 bpf '{}' && ulimit -S -n 64 && exec setpriv --reuid {NOBODY} --regid {NOBODY} --clear-groups \
             --inh-caps={capabilities} --ambient-caps={capabilities} --bounding-set={capabilities} -- \"$@\"",
            mount.display()
        );
        daemon.wrapper = ["unshare", "--mount", "sh", "-c", &script, "sh"]
            .map(OsString::from)
            .into();
        daemon.pins = mount.join("pins");
        daemon.binary = binary;
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
            child: None,
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

    fn spawn(&mut self) -> Result<()> {
        ensure!(self.child.is_none(), "the daemon runs already");
        let log = File::options().create(true).append(true).open(self.log_path())?;
        let words = self.wrapper.iter().map(OsString::as_os_str);
        let mut words = words.chain([self.binary.as_os_str()]);
        let program = words.next().context("there is no binary")?;
        let child = self
            .balancer
            .command(program)
            .args(words)
            .arg("run")
            .arg("--config")
            .arg(self.config_path())
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            // A Ctrl-C at the terminal is for the maker, who then ends the daemon.
            .process_group(0)
            .spawn()
            .context("cannot run `nsenter` (of util-linux)")?;
        self.child = Some(child);
        Ok(())
    }

    fn await_socket(&mut self) -> Result<()> {
        let mut child = self.child.take().context("there is no daemon")?;
        // An inner failure is final; an outer one is tried again. A daemon that is still starting answers once it serves.
        let answers = || match (child.try_wait(), self.ask(&json!("status"))) {
            (Ok(None), Ok(_)) => Ok(Ok(())),
            (Ok(None), Err(error)) => Err(error),
            (Ok(Some(status)), _) => Ok(Err(anyhow!("the daemon ended at once: {status}"))),
            (Err(error), _) => Ok(Err(error.into())),
        };
        let ready = try_eventually("the control socket to answer", TIME_TO_START, answers);
        if !matches!(ready, Ok(Err(_))) {
            self.child = Some(child);
        }
        ready?
    }

    /// Gives the processes that are launched from now on a variable of their environment.
    pub fn set_variable(&mut self, name: &'static str, value: impl Into<OsString>) {
        self.environment.push((name, value.into()));
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
        self.child.as_ref().map(Child::id)
    }

    /// Leaves it so many files to open beyond those that it has; none: as many as it likes.
    pub fn limit_files(&self, beyond: Option<usize>) -> Result<()> {
        let pid = self.pid().context("the daemon does not run")?;
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

    fn signal(&self, signal: Signal) -> Result<()> {
        let pid = self.pid().context("the daemon does not run")?;
        kill(Pid::from_raw(pid.cast_signed()), signal).with_context(|| format!("cannot send {signal}"))
    }

    /// Waits until it has ended by itself.
    pub fn await_end(&mut self) -> Result<ExitStatus> {
        let mut child = self.child.take().context("the daemon does not run")?;
        let ended = try_eventually("the daemon to end", TIME_TO_END, || match child.try_wait() {
            Ok(status) => status.ok_or("it still runs".to_owned()),
            Err(error) => Err(error.to_string()),
        });
        if ended.is_err() {
            let _ = child.kill();
            let _ = child.wait();
        }
        ended.map_err(|error| anyhow!("{error:#}; its log:\n{}", self.log()))
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let ended = if self.child.is_some() {
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

/// Mounts the BPF file system where it is looked for, unless it is there.
pub fn mount_bpffs() -> Result<()> {
    // One mounted over another would hide its pins: so one at a time, also of the processes.
    let lock = File::open(crate::netns::DIRECTORY)?;
    let _lock = Flock::lock(lock, FlockArg::LockExclusive).map_err(|(_, error)| error)?;
    let kind = statfs(BPFFS)
        .with_context(|| format!("this kernel has no {BPFFS}"))?
        .filesystem_type();
    if kind != BPF_FS_MAGIC
        && let Err(error) = mount(Some("bpf"), BPFFS, Some("bpf"), MsFlags::empty(), None::<&str>)
    {
        bail!("cannot mount the BPF file system on {BPFFS}: {error}");
    }
    Ok(())
}

/// The numbers of the files that a process has open, once they are the same twice: a connection that it has just answered
/// is closed a moment later.
fn settled_files(pid: u32) -> Result<HashSet<String>> {
    let mut last = HashSet::new();
    try_eventually(
        "the files of the daemon to stay as they are",
        TIME_TO_START,
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

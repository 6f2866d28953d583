//! A proxy as a process on a core of its own.

use std::env;
use std::fs::{self, File};
use std::net::TcpStream;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use lb_tests::{daemon, pin_path, temporary_directory, try_eventually};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

use super::config::{self, Facts};
use super::{Listener, Persistence, Proxy, usage};
use crate::certificate::Pairs;
use crate::machine::{self, Cores};

/// Names the binary of [`Proxy::Baseline`].
const BASELINE_VARIABLE: &str = "HOLDFAST_BASELINE";
const TIME_TO_START: Duration = Duration::from_secs(20);
const TIME_TO_END: Duration = Duration::from_secs(10);

/// A proxy that runs; on drop it is ended, and what it left removed.
#[derive(Debug)]
pub(crate) struct Running {
    pub(crate) proxy: Proxy,
    child: Child,
    directory: TempDir,
    pins: PathBuf,
}

impl Running {
    /// Starts it on its core, and returns when it accepts connections.
    pub(crate) fn start(
        proxy: Proxy,
        persistence: Persistence,
        certificates: &Pairs,
        cores: Cores,
    ) -> Result<Self> {
        let directory = temporary_directory()?;
        let pins = pin_path(&proxy.to_string());
        let facts = Facts {
            directory: directory.path(),
            pins: &pins,
            certificates,
            persistence,
        };
        let file = directory.path().join("config");
        fs::write(&file, config::text(proxy, &facts))?;
        let program = match proxy {
            Proxy::Holdfast => daemon::binary(),
            Proxy::Baseline => env::var_os(BASELINE_VARIABLE)
                .with_context(|| format!("{BASELINE_VARIABLE} has to name the binary to compare with"))?
                .into(),
            Proxy::Haproxy | Proxy::Nginx => PathBuf::from(proxy.to_string()),
        };
        if matches!(proxy, Proxy::Holdfast | Proxy::Baseline) {
            daemon::mount_bpffs()?;
        }
        let mut command = Command::new("setpriv");
        // What unwinds ends the proxy itself; this is for a benchmark that is killed.
        command.args(["--pdeathsig", "TERM", "--"]).arg(program);
        match proxy {
            Proxy::Holdfast | Proxy::Baseline => command.args(["run", "--config"]).arg(&file),
            Proxy::Haproxy => command.args(["-db", "-f"]).arg(&file),
            // Before it reads its configuration it would write elsewhere.
            Proxy::Nginx => command.args(["-e", "stderr", "-c"]).arg(&file),
        };
        let log = File::options()
            .create(true)
            .append(true)
            .open(directory.path().join("log"))?;
        command
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            // A Ctrl-C at the terminal is for the maker, who then ends the proxy.
            .process_group(0)
            // Debian's are in a directory that the PATH of a user may not have.
            .env("PATH", path_with_sbin());
        // The child begins on the core of the thread that starts it.
        machine::pin(cores.proxy)?;
        let child = command.spawn().context("cannot run `setpriv` (of util-linux)");
        machine::pin(cores.load)?;
        let mut running = Self {
            proxy,
            child: child?,
            directory,
            pins,
        };
        running.await_listeners()?;
        Ok(running)
    }

    fn await_listeners(&mut self) -> Result<()> {
        for listener in [Listener::Http, Listener::Https, Listener::HttpsRsa] {
            let to = self.proxy.socket(listener);
            // An inner failure is final; an outer one is tried again.
            let accepts = || match self.child.try_wait() {
                _ if machine::is_stopped() => Ok(Err("the benchmark was stopped".to_owned())),
                Ok(Some(status)) => Ok(Err(format!("it ended at once: {status}"))),
                Ok(None) => TcpStream::connect(to).map(|_| Ok(())),
                Err(error) => Err(error),
            };
            let what = format!("{to} to accept connections");
            let outcome = try_eventually(&what, TIME_TO_START, accepts);
            if let Err(error) | Ok(Err(error)) = outcome.map_err(|error| format!("{error:#}")) {
                bail!("{}: {error}; it said:\n{}", self.proxy, self.log());
            }
        }
        Ok(())
    }

    fn log(&self) -> String {
        fs::read_to_string(self.directory.path().join("log")).unwrap_or_default()
    }

    /// Its time on a core so far.
    pub(crate) fn cpu_time(&self) -> Result<Duration> {
        usage::cpu_time(self.child.id()).with_context(|| format!("{} said:\n{}", self.proxy, self.log()))
    }

    /// The time on both cores so far that was neither its nor the load's.
    pub(crate) fn time_of_others(&self, cores: Cores) -> Result<Duration> {
        let ours = usage::cpu_time(std::process::id())? + self.cpu_time()?;
        Ok(usage::busy_time([cores.load, cores.proxy])?.saturating_sub(ours))
    }

    /// What is resident of its memory.
    pub(crate) fn resident_bytes(&self) -> Result<u64> {
        usage::resident_bytes(self.child.id())
            .with_context(|| format!("{} said:\n{}", self.proxy, self.log()))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // One that has ended by itself gets no signal: its number may be another's, once it has been waited for.
        if matches!(self.child.try_wait(), Ok(None)) {
            let _ = kill(Pid::from_raw(self.child.id().cast_signed()), Signal::SIGTERM);
            let ended = try_eventually("the proxy to end", TIME_TO_END, || {
                matches!(self.child.try_wait(), Ok(Some(_)))
            });
            if ended.is_err() {
                let _ = self.child.kill();
                let _ = self.child.wait();
            }
        }
        let _ = fs::remove_dir_all(&self.pins);
    }
}

fn path_with_sbin() -> std::ffi::OsString {
    let mut path = std::env::var_os("PATH").unwrap_or_default();
    path.push(":/usr/local/sbin:/usr/sbin:/sbin");
    path
}

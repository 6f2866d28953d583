//! A daemon of an ordinary user that serves nobody (`--dataplane noop`), which answers all the same.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::Write as _;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use nix::unistd::geteuid;
use serde_json::Value as Json;
use tempfile::TempDir;

use crate::daemon::binary;
use crate::eventually::try_eventually;
use crate::stale::temporary_directory;

const TIME_TO_START: Duration = Duration::from_secs(20);
/// A user without any rights.
const NOBODY: u32 = 65534;

/// The daemon, in a directory of its own. It ends when this is dropped.
#[derive(Debug)]
pub struct Daemon {
    directory: TempDir,
    /// The port that is kept for it at the loopback addresses.
    pub port: u16,
    process: Option<Child>,
}

/// A port that nobody listens at.
pub fn free_port() -> Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

impl Daemon {
    /// All but the process and its configuration.
    pub fn prepare() -> Result<Self> {
        let directory = temporary_directory()?;
        // Where it was built may be closed to others. By another process, since a file that is open for writing cannot be run, and
        // what another thread starts meanwhile has our files open for a moment.
        let mut copy = Command::new("cp");
        let copied = copy
            .arg(binary())
            .arg(directory.path().join("holdfast"))
            .status()?;
        ensure!(
            copied.success(),
            "there is no binary: build it with `cargo xtask build`"
        );
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o777))?;
        Ok(Self {
            directory,
            port: free_port()?,
            process: None,
        })
    }

    /// Starts it with these lines in its file, beside those that every daemon needs.
    pub fn start(api: &str) -> Result<Self> {
        let mut daemon = Self::prepare()?;
        daemon.configure(api)?;
        daemon.launch()?;
        Ok(daemon)
    }

    /// A file of its directory.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Writes its file: these lines, beside those that every daemon needs.
    pub fn configure(&self, lines: &str) -> Result<()> {
        let mut text = String::from("[daemon]\n");
        for (key, name) in [
            ("control_socket", "socket"),
            ("pin_path", "pins"),
            ("state_path", "state"),
        ] {
            writeln!(text, "{key} = \"{}\"", self.path(name).display())?;
        }
        writeln!(text, "[datapath]\ninterfaces = [\"eth0\"]\n{lines}")?;
        Ok(fs::write(self.path("holdfast.toml"), text)?)
    }

    fn command(&self) -> Command {
        let mut command = Command::new(self.path("holdfast"));
        if geteuid().is_root() {
            command.uid(NOBODY).gid(NOBODY);
        }
        command
    }

    fn run(&self) -> Result<Child> {
        let log = File::options().create(true).append(true).open(self.path("log"))?;
        let mut command = self.command();
        command.args(["run", "--dataplane", "noop", "--config"]);
        command
            .arg(self.path("holdfast.toml"))
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .env("RUST_LOG", "debug");
        Ok(command.spawn()?)
    }

    /// Starts the process; returns when its control socket answers.
    pub fn launch(&mut self) -> Result<()> {
        self.process = Some(self.run()?);
        try_eventually("the control socket to answer", TIME_TO_START, || {
            let answers = self.cli(&["status"])?.status.success();
            answers.then_some(()).with_context(|| self.log())
        })
    }

    /// All that it has said, instead of starting at last.
    pub fn refusal(&self) -> Result<String> {
        let ended = self.run()?.wait()?;
        ensure!(!ended.success(), "it ended well: {}", self.log());
        Ok(self.log())
    }

    /// Runs the command line against it.
    pub fn cli(&self, arguments: &[&str]) -> Result<Output> {
        let mut command = self.command();
        command.arg("--socket").arg(self.path("socket")).args(arguments);
        Ok(command.output()?)
    }

    /// Writes other lines, and has them read.
    pub fn reconfigure(&self, api: &str) -> Result<()> {
        self.configure(api)?;
        let output = self.cli(&["reload"])?;
        ensure!(output.status.success(), "{output:?}");
        Ok(())
    }

    /// All that it has written.
    #[must_use]
    pub fn log(&self) -> String {
        fs::read_to_string(self.path("log")).unwrap_or_default()
    }

    /// Asks it by HTTP at its port; `arguments` are those of curl.
    pub fn ask(&self, path: &str, arguments: &[&str]) -> Result<Answer> {
        ask(&format!("http://127.0.0.1:{}{path}", self.port), arguments)
    }

    /// The same, of which the status is enough.
    pub fn status_of(&self, path: &str, arguments: &[&str]) -> Result<u16> {
        Ok(self.ask(path, arguments)?.status)
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // Whoever runs now, after an upgrade.
        let _ = self.cli(&["stop"]);
        if let Some(mut process) = self.process.take() {
            let _ = process.kill();
            let _ = process.wait();
        }
        if thread::panicking() {
            eprintln!("the log of the daemon:\n{}", self.log());
        }
    }
}

/// What an HTTP server answers.
#[derive(Debug)]
pub struct Answer {
    /// The status.
    pub status: u16,
    head: String,
    /// The body, where it is JSON.
    pub body: Json,
}

impl Answer {
    /// The first header of that name.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(": "));
        let (_, value) = lines.find(|(found, _)| found.eq_ignore_ascii_case(name))?;
        Some(value)
    }
}

/// Asks for a URL by curl, with these arguments.
pub fn ask(url: &str, arguments: &[&str]) -> Result<Answer> {
    let mut command = Command::new("curl");
    command.args([
        "--silent",
        "--show-error",
        "--include",
        "--noproxy",
        "*",
        "--max-time",
        "20",
    ]);
    let output = command.args(arguments).arg(url).output()?;
    ensure!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let text = String::from_utf8(output.stdout)?;
    let (head, body) = text.split_once("\r\n\r\n").context("no head")?;
    let status = head.split(' ').nth(1).context("no status")?.parse()?;
    Ok(Answer {
        status,
        head: head.to_owned(),
        body: serde_json::from_str(body).unwrap_or_default(),
    })
}

/// What `holdfast hash-password` makes of a secret.
pub fn hashed(secret: &str) -> Result<String> {
    let mut child = Command::new(binary())
        .arg("hash-password")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let mut input = child.stdin.take().context("it has no input")?;
    writeln!(input, "{secret}")?;
    drop(input);
    let output = child.wait_with_output()?;
    ensure!(output.status.success(), "{output:?}");
    Ok(String::from_utf8(output.stdout)?.trim_end().to_owned())
}

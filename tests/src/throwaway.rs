//! A root file system to install things into: what is changed there is in memory alone, and goes with it.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};

use anyhow::{Context as _, Result, ensure};
use tempfile::TempDir;

use crate::stale::temporary_directory;

/// Runs as the first process of its own namespaces. It tells its number, as it is outside, when all is there, and ends when
/// nobody holds its input any more, whatever became of them: with it go all processes, and the mounts.
const FIRST: &str = r#"
set -e
read -r pid rest </proc/self/stat
mount -t tmpfs throwaway "$1"
cd "$1"
mkdir upper work root
mount -t overlay overlay -o "lowerdir=/,upperdir=$1/upper,workdir=$1/work" root
# What runs on the host is not to be found through its sockets.
for directory in run tmp; do mount -t tmpfs -o mode=1777 throwaway "root/$directory"; done
mount -t proc proc root/proc
mount -t sysfs sysfs root/sys
mount -t bpf bpf root/sys/fs/bpf
mount --rbind /dev root/dev
ip link set lo up
# Not before: until then its root is the host's.
exec chroot root sh -c 'echo "$1"; exec cat' sh "$pid"
"#;

/// The host's files as they are now, in namespaces of their own for mounts, processes and network. On drop all that runs there
/// is ended.
#[derive(Debug)]
pub struct Root {
    first: Child,
    pid: u32,
    /// Where it is mounted, which nobody else sees.
    _directory: TempDir,
}

impl Root {
    /// Makes one.
    pub fn new() -> Result<Self> {
        let directory = temporary_directory()?;
        let mut first = Command::new("unshare")
            .args(["--mount", "--pid", "--net", "--ipc", "--uts", "--fork"])
            .args(["--kill-child", "--", "sh", "-c", FIRST, "sh"])
            .arg(directory.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("cannot run `unshare` (of util-linux)")?;
        let output = first.stdout.take().context("it has no output")?;
        let mut line = String::new();
        BufReader::new(output).read_line(&mut line)?;
        let pid = line.trim().parse();
        let mut root = Self {
            first,
            pid: 0,
            _directory: directory,
        };
        root.pid = pid.context("no root was made")?;
        Ok(root)
    }

    /// Has commands run, and files found, where this process of it is, in whatever namespaces; and says which one it was before.
    pub fn enter(&mut self, pid: u32) -> u32 {
        std::mem::replace(&mut self.pid, pid)
    }

    /// A file of it, as it is found from outside.
    #[must_use]
    pub fn path(&self, inside: &str) -> PathBuf {
        PathBuf::from(format!("/proc/{}/root{inside}", self.pid))
    }

    /// What a file says.
    pub fn read(&self, inside: &str) -> Result<String> {
        fs::read_to_string(self.path(inside)).with_context(|| inside.to_owned())
    }

    /// A command that will run inside, with nothing of our environment.
    #[must_use]
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new("nsenter");
        command
            .args(["--target", &self.pid.to_string()])
            .args([
                "--mount", "--pid", "--net", "--ipc", "--uts", "--root", "--wd", "--",
            ])
            .arg(program)
            .stdin(Stdio::null())
            .env_clear()
            .env(
                "PATH",
                "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            )
            .env("LC_ALL", "C.UTF-8");
        command
    }

    /// Runs a command, however it ends.
    pub fn try_run(&self, words: &[&str]) -> Result<Output> {
        let (program, arguments) = words.split_first().context("no command")?;
        Ok(self.command(program).args(arguments).output()?)
    }

    /// Runs a command that has to succeed, and gives back all that it said.
    pub fn run(&self, words: &[&str]) -> Result<String> {
        let output = self.try_run(words)?;
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8_lossy(&said).into_owned();
        ensure!(output.status.success(), "{words:?}: {}: {said}", output.status);
        Ok(said)
    }
}

impl Drop for Root {
    fn drop(&mut self) {
        drop(self.first.stdin.take());
        let _ = self.first.wait();
    }
}

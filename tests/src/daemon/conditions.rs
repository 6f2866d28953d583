//! What a daemon is started as, and with.

use std::ffi::OsString;
use std::fmt::Display;
use std::fs;
use std::net::TcpListener;

use anyhow::Result;

use super::Daemon;
use crate::topology::Laboratory;

/// A user and a group without any rights.
const NOBODY: u32 = 65534;

impl Daemon {
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

    /// Gives the processes that are launched from now on a variable of their environment.
    pub fn set_variable(&mut self, name: &'static str, value: impl Into<OsString>) {
        self.environment.push((name, value.into()));
    }

    /// Gives the processes that are launched from now on these sockets, as a service manager does (`sd_listen_fds(3)`).
    pub fn pass_sockets(&mut self, sockets: Vec<TcpListener>) {
        // The number of the process is known to itself alone.
        let script = format!("LISTEN_PID=$$ LISTEN_FDS={} exec \"$@\"", sockets.len());
        self.wrapper = ["sh", "-c", &script, "sh"].map(OsString::from).into();
        self.passed = sockets;
    }

    /// Gives the processes that are launched from now on these further arguments.
    pub fn set_arguments(&mut self, arguments: &[&'static str]) {
        self.arguments = arguments.to_vec();
    }

    /// Names these interfaces in what is written from now on, rather than all that the laboratory has.
    pub fn set_interfaces(&mut self, interfaces: &[&str]) {
        self.interfaces = interfaces.iter().copied().map(str::to_owned).collect();
    }
}

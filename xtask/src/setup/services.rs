//! Some packages bring services that begin at once and with every start of the machine. Here they are wanted as programs
//! only.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result};

use super::tools::SERVICES;
use crate::process::run;

/// Debian asks this program whether a service may be started; there is none unless somebody has put it there.
const POLICY: &str = "/usr/sbin/policy-rc.d";
/// "Forbidden", for every question.
const NEVER: &str = "#!/bin/sh\nexit 101\n";

/// Installs packages so that no service of theirs runs, now or later.
pub(super) fn without(packages: &[&str], install: impl FnOnce() -> Result<()>) -> Result<()> {
    let services: Vec<_> = SERVICES
        .into_iter()
        .filter(|service| packages.contains(service))
        .collect();
    if services.is_empty() {
        return install();
    }
    let policy = Policy::set()?;
    let installed = install();
    drop(policy);
    installed?;
    // The directory is there where systemd is what runs.
    if Path::new("/run/systemd/system").is_dir() {
        run(Command::new("systemctl")
            .args(["--quiet", "disable"])
            .args(services))?;
    }
    Ok(())
}

/// While it is there, no service is started.
struct Policy;

impl Policy {
    /// `None` if there is one already: whoever made it has decided.
    fn set() -> Result<Option<Self>> {
        let file = fs::File::options()
            .write(true)
            .create_new(true)
            .mode(0o755)
            .open(POLICY);
        match file {
            Ok(mut file) => {
                let policy = Self;
                file.write_all(NEVER.as_bytes()).context(POLICY)?;
                Ok(Some(policy))
            }
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(None),
            Err(error) => Err(error).context(POLICY),
        }
    }
}

impl Drop for Policy {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_file(POLICY) {
            eprintln!("remove {POLICY}, which keeps services from starting: {error}");
        }
    }
}

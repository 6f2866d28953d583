//! The throw-away hosts, and the daemon on them.

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use lb_tests::eventually;
use lb_tests::throwaway::Root;
use serde_json::Value;

pub(crate) const PATIENCE: Duration = Duration::from_secs(20);
pub(crate) const FILE: &str = "/etc/holdfast/holdfast.toml";
pub(crate) const UNIT: &str = "/usr/lib/systemd/system/holdfast.service";

/// Where it is, and beside it the root directory of the image.
pub(crate) fn package() -> Result<PathBuf> {
    let package = std::env::var_os("HOLDFAST_PACKAGE");
    let package =
        package.context("no package: `cargo xtask package`, and set HOLDFAST_PACKAGE to its path")?;
    Ok(package.into())
}

/// A throw-away host with the package beside, not installed, and nothing of what a daemon of this host may have left.
pub(crate) fn host() -> Result<Root> {
    let package = package()?;
    let root = Root::new()?;
    // Nor of what forbids services to be started and stopped, as containers do.
    root.run(&[
        "rm",
        "-rf",
        "/etc/holdfast",
        "/var/lib/holdfast",
        "/var/log/holdfast",
        "/usr/sbin/policy-rc.d",
    ])?;
    fs::copy(&package, root.path("/opt/holdfast.deb")).with_context(|| format!("{}", package.display()))?;
    Ok(root)
}

/// Installs it, also over itself.
pub(crate) fn install(root: &Root) -> Result<String> {
    // Some containers tell dpkg to leave documentation out; and an index of all pages is nobody's here.
    root.run(&[
        "dpkg",
        "--path-include=*",
        "--no-triggers",
        "--install",
        "/opt/holdfast.deb",
    ])
}

/// One on which it is installed.
pub(crate) fn installed() -> Result<Root> {
    let root = host()?;
    install(&root)?;
    Ok(root)
}

/// Which files there are of that name, where packages and daemons put theirs.
pub(crate) fn traces(root: &Root) -> Result<String> {
    root.run(&[
        "find",
        "/etc",
        "/usr",
        "/var",
        "/run",
        "-xdev",
        "-name",
        "*holdfast*",
    ])
}

/// Owner, group and mode.
pub(crate) fn owned(root: &Root, path: &str) -> Result<String> {
    Ok(root.run(&["stat", "-c", "%U:%G %a", path])?.trim_end().to_owned())
}

/// A daemon as systemd would run it by the unit that is installed.
pub(crate) struct Service<'a> {
    root: &'a Root,
    /// What runs it, which ends with it.
    pub(crate) process: Child,
}

/// What the unit says for a key.
fn said(unit: &str, key: &str) -> Result<String> {
    let mut values = unit
        .lines()
        .filter_map(|line| line.strip_prefix(key)?.strip_prefix('='));
    Ok(values
        .next()
        .with_context(|| format!("the unit says no {key}"))?
        .to_owned())
}

impl<'a> Service<'a> {
    /// With as many of root's rights as the unit leaves it.
    pub(crate) fn start(root: &'a Root) -> Result<Self> {
        let unit = root.read(UNIT)?;
        let rights: String = said(&unit, "CapabilityBoundingSet")?
            .split(' ')
            .map(|right| right.to_lowercase().replace("cap_", ",+"))
            .collect();
        let group = said(&unit, "Group")?;
        for (key, below, mode) in [
            ("RuntimeDirectory", "/run", said(&unit, "RuntimeDirectoryMode")?),
            ("StateDirectory", "/var/lib", said(&unit, "StateDirectoryMode")?),
            ("LogsDirectory", "/var/log", "0755".to_owned()),
        ] {
            let directory = format!("{below}/{}", said(&unit, key)?);
            root.run(&[
                "install", "-d", "-o", "root", "-g", &group, "-m", &mode, &directory,
            ])?;
        }
        let (mask, command) = (said(&unit, "UMask")?, said(&unit, "ExecStart")?);
        let process = root
            .command("setpriv")
            .arg(format!("--regid={group}"))
            .args([
                "--clear-groups",
                "--no-new-privs",
                "--inh-caps=-all",
                "--ambient-caps=-all",
            ])
            .arg(format!("--bounding-set=-all{rights}"))
            .args(["sh", "-c", &format!("umask {mask}; exec {command}")])
            .stdout(Stdio::null())
            .stderr(fs::File::create(root.path("/tmp/log"))?)
            .spawn()?;
        let service = Self { root, process };
        eventually("the daemon to answer", PATIENCE, || service.pid());
        Ok(service)
    }

    /// Who answers.
    pub(crate) fn pid(&self) -> Result<u64> {
        let output = self.root.try_run(&["holdfast", "status", "--json"])?;
        let log = || self.root.read("/tmp/log").unwrap_or_default();
        ensure!(output.status.success(), "{output:?}: {}", log());
        let status: Value = serde_json::from_slice(&output.stdout)?;
        status["daemon"]["pid"].as_u64().context("no number")
    }
}

impl Drop for Service<'_> {
    fn drop(&mut self) {
        let _ = self.root.try_run(&["holdfast", "stop"]);
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A listener of HTTP at the loopback address, where nobody is.
pub(crate) const LISTENER: &str = "\n[[load_balancer]]\nname = \"web\"\nvip = \"127.0.0.1\"\n\n[[load_balancer.listener]]\n\
                        name = \"web-http\"\nprotocol = \"HTTP\"\nport = 80\n";

/// A control socket where nobody would look for it.
pub(crate) const SOCKET: &str = "\n[daemon]\ncontrol_socket = \"/run/holdfast/own.sock\"\n";

/// A small datapath, with a listener that nobody asks.
pub(crate) const DATAPATH: &str = "\n[datapath]\ninterfaces = [\"lo\"]\nmax_flows = 4096\nmax_sessions = 65536\nmax_listeners = 64\n\
                        max_pools = 64\nmax_members = 256\nschedule_slots = 16384\n\n[[load_balancer]]\nname = \"web\"\n\
                        vip = \"192.0.2.10\"\n\n[[load_balancer.listener]]\nname = \"web-tcp\"\nprotocol = \"TCP\"\nport = 80\n";

/// What an administrator has the file say.
pub(crate) fn configure(root: &Root, more: &str) -> Result<()> {
    let text = root.read(FILE)? + more;
    // In its place, as an editor would: owner and mode stay.
    Ok(fs::write(root.path(FILE), text)?)
}

/// The listener answers: that there is nobody behind it.
pub(crate) fn assert_it_serves(root: &Root) -> Result<()> {
    let curl = [
        "curl",
        "-s",
        "-o",
        "/dev/null",
        "-w",
        "%{http_code}",
        "http://127.0.0.1/",
    ];
    assert_eq!(root.run(&curl)?, "503");
    Ok(())
}

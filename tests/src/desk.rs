//! Who speaks to a daemon by its command line.

use std::process::Output;

use anyhow::{Result, ensure};
use serde_json::Value;

use crate::daemon::Daemon;
use crate::topology::Laboratory;

/// Has a daemon serve nobody.
pub const NOOP: &[&str] = &["--dataplane", "noop"];
/// A datapath that takes little memory.
pub const SMALL: &str = "max_flows = 2048\nmax_sessions = 65536";
/// A configuration that people know by names.
pub const FILE: &str = r#"
[[load_balancer]]
name = "file"
vip = "192.0.2.1"
[[load_balancer.listener]]
name = "front"
protocol = "HTTP"
port = 80
pool = "backs"
[[pool]]
name = "backs"
member = [{ address = "10.0.0.1", port = 80 }]
"#;

/// A daemon that serves nobody, and who speaks to it.
#[derive(Debug)]
pub struct Desk {
    /// The daemon.
    pub daemon: Daemon,
    _lab: Laboratory,
}

impl Desk {
    /// Speaks to this daemon.
    #[must_use]
    pub fn of(daemon: Daemon, laboratory: Laboratory) -> Self {
        Self {
            daemon,
            _lab: laboratory,
        }
    }

    /// A daemon of an ordinary user.
    pub fn open() -> Result<Self> {
        let lab = Laboratory::routed().members(1).build()?;
        let mut daemon = Daemon::prepare_unprivileged(&lab, "", &[])?;
        daemon.set_arguments(NOOP);
        daemon.set_interfaces(&["nowhere"]);
        daemon.write_config(format!("{SMALL}\n{FILE}"))?;
        daemon.launch()?;
        Ok(Self { daemon, _lab: lab })
    }

    /// Runs a command, whose words are separated by spaces.
    pub fn run(&self, line: &str) -> Result<Output> {
        self.daemon.cli(&line.split_whitespace().collect::<Vec<_>>())
    }

    /// What a command prints that goes well.
    pub fn said(&self, line: &str) -> Result<String> {
        let output = self.run(line)?;
        ensure!(output.status.success(), "{line}: {output:?}");
        Ok(String::from_utf8(output.stdout)?)
    }

    /// What a command answers to programs.
    pub fn answer(&self, line: &str) -> Result<Value> {
        Ok(serde_json::from_str(
            &self.said(&format!("{line} --output json"))?,
        )?)
    }

    /// How a command ends that is refused, and what it complains of.
    pub fn complaint(&self, line: &str) -> Result<(Option<i32>, String)> {
        let output = self.run(line)?;
        ensure!(!output.status.success(), "{line}: {output:?}");
        Ok((output.status.code(), String::from_utf8(output.stderr)?))
    }

    /// Does what goes well.
    pub fn all(&self, lines: &[&str]) -> Result<()> {
        lines.iter().try_for_each(|line| self.said(line).map(drop))
    }

    /// Makes a tree of each kind of objects.
    pub fn make_all(&self) -> Result<()> {
        self.all(&[
            "lb create web --vip 192.0.2.10 --description shop --tag a --tag b",
            "listener create lines --lb web --protocol TCP --port 443",
            "pool create lines --listener lines --protocol TCP --algorithm LEAST_CONNECTIONS \
             --session-persistence type=SOURCE_IP,timeout=1h",
            "member create --pool lines 192.0.2.30:8080 --weight 2 --name one",
            "member create --pool lines 192.0.2.31:8080",
            "healthmonitor create --pool lines --type TCP --delay 5s --timeout 2s --max-retries-down 2",
            "listener create site --lb web --protocol HTTP --port 80 --timeout-client-data 30s",
            "pool create site --listener site --protocol HTTP --session-persistence type=HTTP_COOKIE,timeout=20m",
            "pool create api --lb web --protocol HTTP",
            "l7policy create api --listener site --action REDIRECT_TO_POOL --redirect-pool api",
            "l7rule create --l7policy api --type PATH --compare-type STARTS_WITH --value /api",
            "listener create bare --lb web --protocol HTTP --port 81",
        ])
    }
}

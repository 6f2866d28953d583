//! What the daemon says at its control socket, in numbers.

use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use crate::daemon::Daemon;

impl Daemon {
    /// Sends one command and reads the answer.
    pub fn ask(&self, command: &Value) -> Result<Value> {
        let mut stream = UnixStream::connect(self.socket_path()).context("the daemon does not answer")?;
        writeln!(stream, "{command}")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        serde_json::from_str(&answer).with_context(|| format!("not an answer: {answer}"))
    }

    /// How many flows are open, of all members together.
    pub fn active_flows(&self) -> Result<u64> {
        let status = self.ask(&json!("status"))?;
        let pools = status["status"]["pools"]
            .as_array()
            .context("no pools in the status")?;
        pools
            .iter()
            .map(|pool| pool["active_flows"].as_u64().context("no count of flows"))
            .sum()
    }

    /// How many sessions there are, of all pools together.
    pub fn session_count(&self) -> Result<usize> {
        let answer = self.ask(&json!({"sessions": {"pool": null, "client": null}}))?;
        let listed = answer["sessions"]["listed"].as_array();
        Ok(listed.context("no sessions")?.len())
    }
}

//! The clients of `OpenStack`, which `cargo xtask setup` installs.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

/// Where the clients look for the API, in a namespace of the balancer's.
pub const ENDPOINT: &str = "http://127.0.0.1:9876";

/// The Python that has them.
#[must_use]
pub fn python() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/openstack-clients/bin/python")
}

/// A script of this package.
#[must_use]
pub fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("openstack").join(name)
}

/// How a client says who it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Auth {
    /// Not at all.
    None,
    /// By a name and a password, with each request.
    HttpBasic,
    /// By a token of the configuration.
    AdminToken,
    /// By a token that it gets for a name and a password.
    Password,
}

impl Auth {
    /// The arguments of the command line.
    #[must_use]
    pub fn arguments(self) -> Vec<&'static str> {
        let mut arguments = match self {
            Self::None => vec!["--os-auth-type", "none"],
            Self::HttpBasic => vec![
                "--os-auth-type",
                "http_basic",
                "--os-username",
                "operator",
                "--os-password",
                "secret",
            ],
            Self::AdminToken => vec!["--os-auth-type", "admin_token", "--os-token", "secret"],
            Self::Password => {
                return vec![
                    "--os-auth-type",
                    "password",
                    "--os-auth-url",
                    "http://127.0.0.1:9876/identity/v3",
                    "--os-username",
                    "operator",
                    "--os-password",
                    "secret",
                    "--os-project-name",
                    "shop",
                    "--os-user-domain-name",
                    "Default",
                    "--os-project-domain-name",
                    "Default",
                ];
            }
        };
        arguments.extend(["--os-endpoint", ENDPOINT]);
        arguments
    }

    /// What the SDK is told.
    #[must_use]
    pub fn settings(self) -> Value {
        match self {
            Self::None => json!({"auth_type": "none", "auth": {"endpoint": ENDPOINT}}),
            Self::HttpBasic => json!({
                "auth_type": "http_basic",
                "auth": {"endpoint": ENDPOINT, "username": "operator", "password": "secret"},
            }),
            Self::AdminToken => {
                json!({"auth_type": "admin_token", "auth": {"endpoint": ENDPOINT, "token": "secret"}})
            }
            Self::Password => json!({
                "auth_type": "password",
                "auth": {
                    "auth_url": format!("{ENDPOINT}/identity/v3"),
                    "username": "operator",
                    "password": "secret",
                    "project_name": "shop",
                    "user_domain_name": "Default",
                    "project_domain_name": "Default",
                },
            }),
        }
    }
}

/// The `openstack` command line. Ends on drop.
#[derive(Debug)]
pub struct Openstack {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
    /// What says where the API is, and who asks.
    always: Vec<String>,
}

impl Openstack {
    /// One that is run by `python`, which may be so in a namespace. Each command begins with `always`.
    pub fn start(mut python: Command, always: &[&str]) -> Result<Self> {
        let mut child = python
            .arg(script("driver.py"))
            .env("PYTHONWARNINGS", "ignore")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("OpenStack's clients do not run; `cargo xtask setup` installs them")?;
        let input = child.stdin.take();
        let output = child.stdout.take().context("no output")?;
        Ok(Self {
            child,
            input,
            output: BufReader::new(output),
            always: always.iter().map(|&argument| argument.to_owned()).collect(),
        })
    }

    /// Runs `openstack loadbalancer ...`, which has to go well, and gives its output. The words are split at blanks.
    pub fn run(&mut self, command: &str) -> Result<String> {
        let words: Vec<&str> = command.split_whitespace().collect();
        let (code, out, err) = self.try_run(&words)?;
        ensure!(
            code == 0,
            "`openstack loadbalancer {command}` ended with {code}:\n{out}{err}"
        );
        Ok(out)
    }

    /// Runs it, and gives its output as JSON.
    pub fn json(&mut self, command: &str) -> Result<Value> {
        let out = self.run(&format!("{command} -f json"))?;
        serde_json::from_str(&out).with_context(|| format!("`{command}` says no JSON:\n{out}"))
    }

    /// Runs it, and gives its exit code, output and errors.
    pub fn try_run(&mut self, words: &[&str]) -> Result<(i64, String, String)> {
        let always = self.always.iter().map(String::as_str);
        let all: Vec<&str> = always
            .chain(["loadbalancer"])
            .chain(words.iter().copied())
            .collect();
        let input = self.input.as_mut().context("it has ended")?;
        writeln!(input, "{}", serde_json::to_string(&all)?)?;
        let mut line = String::new();
        self.output.read_line(&mut line)?;
        let answer: Value = serde_json::from_str(&line).with_context(|| format!("it broke off: {line:?}"))?;
        let text = |key: &str| answer[key].as_str().unwrap_or_default().to_owned();
        Ok((answer["code"].as_i64().unwrap_or(-1), text("out"), text("err")))
    }
}

impl Drop for Openstack {
    fn drop(&mut self) {
        // It ends with its input.
        self.input = None;
        let _ = self.child.wait();
    }
}

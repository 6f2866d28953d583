//! People at the web console: a real browser, driven by the scenarios of `tests/console`.

use std::ffi::OsStr;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

/// How long a scenario may take, in seconds: it has a deadline of its own for each step.
const LONGEST: &str = "300";
/// What a scenario prints when something is to happen that it waits for.
const WATCHING: &str = "watching";

/// Where the scenarios are.
fn scenarios() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("console")
}

/// People at a console.
pub struct Visitor<'n> {
    /// Makes a command where they are.
    at: Box<dyn Fn(&OsStr) -> Command + 'n>,
    url: String,
    language: &'static str,
}

impl<'n> Visitor<'n> {
    /// They look at the page at `url`, from where `at` runs commands.
    pub fn new(url: impl Into<String>, at: impl Fn(&OsStr) -> Command + 'n) -> Self {
        Self {
            at: Box::new(at),
            url: url.into(),
            language: "en",
        }
    }

    /// They read Chinese.
    #[must_use]
    pub fn speaking(mut self, language: &'static str) -> Self {
        self.language = language;
        self
    }

    fn start(&self, scenario: &str, mut given: Value) -> Result<Child> {
        given["language"] = json!(self.language);
        // By its own means, so that it takes its browser along.
        let mut command = (self.at)(OsStr::new("timeout"));
        command
            .args(["--kill-after=5", LONGEST, "node"])
            .arg(scenarios().join("main.mjs"))
            .args([scenario, &self.url, &given.to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command.spawn().context("there is no `node`")
    }

    /// Has them do something; returns what they found.
    pub fn does(&self, scenario: &str, given: Value) -> Result<Value> {
        self.sees(scenario, given, || Ok(()))
    }

    /// The same, while `happens` what they wait for.
    pub fn sees(&self, scenario: &str, given: Value, happens: impl FnOnce() -> Result<()>) -> Result<Value> {
        let mut child = self.start(scenario, given)?;
        let mut stderr = child.stderr.take().context("it is piped")?;
        let complaints = thread::spawn(move || {
            let mut told = String::new();
            stderr.read_to_string(&mut told).map(|_| told)
        });
        let mut happens = Some(happens);
        let mut last = String::new();
        let mut happened = Ok(());
        for line in BufReader::new(child.stdout.take().context("it is piped")?).lines() {
            let line = line?;
            if line == WATCHING
                && let Some(happens) = happens.take()
            {
                happened = happens();
            }
            last = line;
        }
        let status = child.wait()?;
        let complaints = complaints.join().expect("no panic")?;
        happened?;
        ensure!(status.success(), "{scenario}: {status}\n{complaints}");
        serde_json::from_str(&last).with_context(|| format!("{scenario} printed {last:?}"))
    }
}

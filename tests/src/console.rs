//! People at the web console: a real browser, driven by the scenarios of `tests/console`.

use std::ffi::OsStr;
use std::io::{self, BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread::{self, JoinHandle};

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

    fn start(&self, scenario: &str, mut given: Value) -> Result<Visit> {
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
        let child = command.spawn().context("there is no `node`")?;
        Visit::follow(scenario, child)
    }

    /// Has them do something; returns what they found.
    pub fn does(&self, scenario: &str, given: Value) -> Result<Value> {
        self.start(scenario, given)?.end()
    }

    /// The same, while `happens` what they wait for.
    pub fn sees(&self, scenario: &str, given: Value, happens: impl FnOnce() -> Result<()>) -> Result<Value> {
        let visit = self.start(scenario, given)?;
        let happened = if visit.watches() { happens() } else { Ok(()) };
        let found = visit.end();
        happened.and(found)
    }

    /// The same, while something happens again and again, until they have seen enough of it.
    pub fn sees_while(
        &self,
        scenario: &str,
        given: Value,
        mut happens: impl FnMut() -> Result<()>,
    ) -> Result<Value> {
        let mut visit = self.start(scenario, given)?;
        let mut happened = Ok(());
        if visit.watches() {
            while happened.is_ok() && visit.child.try_wait()?.is_none() {
                happened = happens();
            }
        }
        let found = visit.end();
        happened.and(found)
    }
}

/// People who are at it.
struct Visit {
    scenario: String,
    child: Child,
    /// Hears when they wait for something.
    watching: mpsc::Receiver<()>,
    /// The last line that they say.
    last: JoinHandle<io::Result<String>>,
    complaints: JoinHandle<io::Result<String>>,
}

impl Visit {
    fn follow(scenario: &str, mut child: Child) -> Result<Self> {
        let mut stderr = child.stderr.take().context("it is piped")?;
        let stdout = BufReader::new(child.stdout.take().context("it is piped")?);
        let (watches, watching) = mpsc::channel();
        Ok(Self {
            scenario: scenario.to_owned(),
            child,
            watching,
            last: thread::spawn(move || {
                let mut last = String::new();
                for line in stdout.lines() {
                    last = line?;
                    if last == WATCHING {
                        // Whoever does not listen any more has heard it before.
                        let _ = watches.send(());
                    }
                }
                Ok(last)
            }),
            complaints: thread::spawn(move || {
                let mut told = String::new();
                stderr.read_to_string(&mut told).map(|_| told)
            }),
        })
    }

    /// Returns once they wait for something; whether they do at all.
    fn watches(&self) -> bool {
        self.watching.recv().is_ok()
    }

    /// Waits until they are done; returns what they found.
    fn end(mut self) -> Result<Value> {
        let last = self.last.join().expect("no panic")?;
        let complaints = self.complaints.join().expect("no panic")?;
        let (scenario, status) = (&self.scenario, self.child.wait()?);
        ensure!(status.success(), "{scenario}: {status}\n{complaints}");
        serde_json::from_str(&last).with_context(|| format!("{scenario} printed {last:?}"))
    }
}

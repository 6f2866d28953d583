//! The clients of `OpenStack`, which the tests of the management API call: in a virtual environment of their own.

use std::fs;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result};

use super::linker::State;
use super::programs::relink;
use crate::process::{read, run};
use crate::workspace::{Workspace, cache_directory};

/// Where the tests find it, below the target directory.
const LINK: &str = "openstack-clients";
/// What is installed, below the workspace.
const REQUIREMENTS: &str = "tests/openstack/requirements.txt";
/// Says that all of it was.
const COMPLETE: &str = "complete";

/// An environment: where it is or will be.
pub(crate) struct Clients {
    home: PathBuf,
    requirements: PathBuf,
    link: PathBuf,
}

impl Clients {
    /// The one that this workspace asks for.
    pub(crate) fn of(workspace: &Workspace) -> Result<Self> {
        let requirements = workspace.at(REQUIREMENTS);
        let wanted = fs::read_to_string(&requirements).with_context(|| requirements.display().to_string())?;
        let mut hasher = DefaultHasher::new();
        wanted.hash(&mut hasher);
        Ok(Self {
            home: cache_directory()?.join(format!("{LINK}-{:016x}", hasher.finish())),
            requirements,
            link: workspace.target().join(LINK),
        })
    }

    /// What it is, for messages.
    pub(crate) fn name() -> String {
        "OpenStack's clients, for the tests".to_owned()
    }

    /// Looks whether it is there and runs: an upgrade may have taken the Python that it was made with.
    pub(crate) fn observe(&self) -> State {
        let runs = read(Command::new(self.home.join("bin/openstack")).arg("--version")).is_ok();
        if runs && self.home.join(COMPLETE).exists() {
            State::Ready
        } else {
            State::Absent
        }
    }

    /// Makes it.
    pub(crate) fn install(&self) -> Result<()> {
        run(Command::new("python3")
            .args(["-m", "venv", "--clear"])
            .arg(&self.home))
        .context("no virtual environment can be made")?;
        run(Command::new(self.home.join("bin/pip"))
            .args([
                "--quiet",
                "--disable-pip-version-check",
                "install",
                "--no-deps",
                "--requirement",
            ])
            .arg(&self.requirements))
        .context("OpenStack's clients were not installed")?;
        let complete = self.home.join(COMPLETE);
        fs::write(&complete, "").with_context(|| complete.display().to_string())
    }

    /// Leads the tests there.
    pub(crate) fn link(&self) -> Result<()> {
        if fs::read_link(&self.link).is_ok_and(|target| target == self.home) {
            return Ok(());
        }
        if let Some(directory) = self.link.parent() {
            fs::create_dir_all(directory).with_context(|| directory.display().to_string())?;
        }
        relink(&self.home, &self.link)
    }
}

//! Directories of JavaScript: the console, and the browser that its tests drive.

use std::fs;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};

use crate::process::{read, run};
use crate::workspace::Workspace;

/// What the versions of packages are written down in.
const LOCK: &str = "package-lock.json";
/// Says what was installed.
const INSTALLED: &str = "node_modules/.installed";

/// A directory with a `package.json`.
pub(crate) struct Package {
    directory: PathBuf,
    what: &'static str,
}

impl Package {
    /// The pages of the console.
    pub(crate) fn console(workspace: &Workspace) -> Self {
        Self {
            directory: workspace.at("lb-user/console"),
            what: "what the console is built with",
        }
    }

    /// What its tests drive a browser with.
    pub(crate) fn console_tests(workspace: &Workspace) -> Self {
        Self {
            directory: workspace.at("tests/console"),
            what: "what the console is tested with",
        }
    }

    /// What it is, for messages.
    pub(crate) fn name(&self) -> &'static str {
        self.what
    }

    /// What is to be installed, as a number.
    fn wanted(&self) -> Result<String> {
        let lock = self.directory.join(LOCK);
        let lock = fs::read(&lock).with_context(|| lock.display().to_string())?;
        Ok(format!("{:016x}", hash(&lock)))
    }

    /// Whether all that it needs is there.
    pub(crate) fn is_installed(&self) -> Result<bool> {
        let wanted = self.wanted()?;
        Ok(fs::read_to_string(self.directory.join(INSTALLED)).is_ok_and(|installed| installed == wanted))
    }

    /// Installs exactly the versions that are written down; nothing of them is run.
    pub(crate) fn install(&self) -> Result<()> {
        run(&mut self.npm(&[
            "ci",
            "--ignore-scripts",
            "--no-audit",
            "--no-fund",
            "--loglevel=error",
        ]))?;
        fs::write(self.directory.join(INSTALLED), self.wanted()?)?;
        Ok(())
    }

    /// `npm` with these arguments.
    pub(crate) fn npm(&self, words: &[&str]) -> Command {
        let mut command = Command::new("npm");
        command.args(words).current_dir(&self.directory);
        command
    }

    /// A number for all files below it, but for what was installed.
    pub(crate) fn fingerprint(&self) -> Result<String> {
        let mut files = Vec::new();
        collect(&self.directory, &mut files)?;
        files.sort();
        let mut hasher = DefaultHasher::new();
        for file in files {
            file.hash(&mut hasher);
            fs::read(&file)?.hash(&mut hasher);
        }
        Ok(format!("{:016x}", hasher.finish()))
    }
}

/// Whether there is an npm.
pub(crate) fn is_there() -> bool {
    read(Command::new("npm").arg("--version")).is_ok()
}

fn hash(bytes: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    bytes.hash(&mut hasher);
    hasher.finish()
}

fn collect(directory: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(directory).with_context(|| directory.display().to_string())? {
        let path = entry?.path();
        if path.is_dir() {
            if !path.ends_with("node_modules") {
                collect(&path, files)?;
            }
        } else {
            files.push(path);
        }
    }
    Ok(())
}

//! Programs from the registry of crates, each built once, in one version, into the user's cache directory.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use super::Need;
use super::linker::State;
use crate::build::path_with;
use crate::env::{Scope, restrict};
use crate::process::{read, run};
use crate::workspace::{Workspace, cache_directory};

/// Where the tests find them, below the target directory.
const LINKS: &str = "tools";

/// A program.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Program {
    pub(crate) name: &'static str,
    version: &'static str,
    /// Instead of the default ones, which take longer to build.
    features: &'static str,
    /// For messages.
    purpose: &'static str,
}

/// Makes the Debian package. Without its own copy of liblzma it calls `xz`, which comes with `dpkg-dev`.
pub(crate) const CARGO_DEB: Program = Program {
    name: "cargo-deb",
    version: "3.8.0",
    features: "",
    purpose: "for the Debian package",
};

/// Makes the book of the documentation. Without `search` it complains of a book that can be searched.
pub(crate) const MDBOOK: Program = Program {
    name: "mdbook",
    version: "0.5.4",
    features: "search",
    purpose: "for the tests of the documentation",
};

/// Those that are called in what is about to be done.
pub(crate) fn needed_for(need: Need) -> impl Iterator<Item = &'static Program> {
    let package = need.is_for_package().then_some(&CARGO_DEB);
    let book = need.is_for_clients().then_some(&MDBOOK);
    package.into_iter().chain(book)
}

impl Program {
    /// What it is, for messages.
    pub(crate) fn shown(&self) -> String {
        format!("{} {}, {}", self.name, self.version, self.purpose)
    }

    fn home(&self) -> Result<PathBuf> {
        Ok(cache_directory()?.join(format!("{}-{}", self.name, self.version)))
    }

    /// The program itself.
    pub(crate) fn path(&self) -> Result<PathBuf> {
        Ok(self.home()?.join("bin").join(self.name))
    }

    /// Looks whether it runs.
    pub(crate) fn observe(&self) -> Result<State> {
        let said = read(Command::new(self.path()?).arg("--version"));
        Ok(match said {
            Ok(said) if said.contains(self.version) => State::Ready,
            _ => State::Absent,
        })
    }

    /// Builds and installs it.
    pub(crate) fn install(&self, workspace: &Workspace) -> Result<()> {
        let mut command = cargo_install(workspace, self.name, self.version, &self.home()?)?;
        command.args(["--no-default-features", "--features", self.features]);
        run(&mut command).with_context(|| format!("{} was not installed", self.name))?;
        match self.observe()? {
            State::Ready => Ok(()),
            State::Absent => bail!("{} was built but does not run", self.path()?.display()),
        }
    }

    /// Leads the tests there.
    pub(crate) fn link(&self, workspace: &Workspace) -> Result<()> {
        let target = self.path()?;
        let name = workspace.target().join(LINKS).join(self.name);
        if fs::read_link(&name).is_ok_and(|found| found == target) {
            return Ok(());
        }
        let directory = workspace.target().join(LINKS);
        fs::create_dir_all(&directory).with_context(|| directory.display().to_string())?;
        relink(&target, &name)
    }
}

/// Makes `name` a link to `target`, whatever it was.
pub(super) fn relink(target: &Path, name: &Path) -> Result<()> {
    match fs::remove_file(name) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(error).with_context(|| name.display().to_string());
        }
        _ => {}
    }
    symlink(target, name).with_context(|| name.display().to_string())
}

/// What installs `program` in exactly this version, and of the versions that it was published with.
pub(super) fn cargo_install(
    workspace: &Workspace,
    program: &str,
    version: &str,
    home: &Path,
) -> Result<Command> {
    let mut command = Command::new(workspace.cargo_program());
    command
        .args([
            "install",
            program,
            "--version",
            version,
            "--locked",
            "--force",
            "--root",
        ])
        .arg(home);
    restrict(&mut command, Scope::Bare, workspace);
    if let Some(toolchain) = std::env::var_os("RUSTUP_TOOLCHAIN") {
        // It is a program of the host, built by the toolchain that builds xtask.
        command.env("RUSTUP_TOOLCHAIN", toolchain);
    }
    command
        // Cargo advises to extend PATH where this is not in it.
        .env("PATH", path_with(&home.join("bin"))?)
        .env("CARGO_PROFILE_RELEASE_DEBUG", "0");
    Ok(command)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(need: Need) -> Vec<&'static str> {
        needed_for(need).map(|program| program.name).collect()
    }

    #[test]
    fn a_build_needs_none_and_a_package_only_what_makes_it() {
        assert!(names(Need::Build).is_empty());
        assert!(names(Need::Test).is_empty());
        assert_eq!(names(Need::Package), ["cargo-deb"]);
        assert_eq!(names(Need::EndToEnd), ["cargo-deb", "mdbook"]);
        assert_eq!(names(Need::Usual), ["cargo-deb", "mdbook"]);
    }
}

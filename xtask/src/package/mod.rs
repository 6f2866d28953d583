//! The Debian package: what it is made of is said in `lb-user/Cargo.toml`, at `package.metadata.deb`. And the root directory of a
//! container, which is made of the package.

mod image;
mod notices;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::{Context as _, Result, ensure};

use crate::build::report;
use crate::env::{Scope, restrict};
use crate::process::{read, run};
use crate::setup::CARGO_DEB;
use crate::workspace::Workspace;

/// Tells the tests which package to try.
pub(crate) const VARIABLE: &str = "HOLDFAST_PACKAGE";

/// Where cargo-deb finds what is not in the repository. Of all paths below the target directory, only those of the release
/// build are found wherever that is.
const STAGE: &str = "release/package";

/// Says of when all files of a package are to be, as to whatever else makes such.
const TIME: &str = "SOURCE_DATE_EPOCH";

/// What comes of `holdfast completions`, by the name that the shell looks for.
const COMPLETIONS: [(&str, &str); 3] = [
    ("bash", "holdfast"),
    ("zsh", "_holdfast"),
    ("fish", "holdfast.fish"),
];

/// How hard to try for a small package.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Compression {
    /// For those who are given it.
    Best,
    /// For tests: larger by a seventh, in a fifth of the time.
    Quick,
}

/// Makes the package of the release build that is there, and says where it is.
pub(crate) fn assemble(workspace: &Workspace, compression: Compression) -> Result<PathBuf> {
    let started = Instant::now();
    stage(workspace, &workspace.target().join(STAGE))?;
    let mut command = Command::new(CARGO_DEB.path()?);
    command
        .args(["--no-build", "--package", "lb-user"])
        .current_dir(workspace.at(""));
    if compression == Compression::Quick {
        command.arg("--fast");
    }
    restrict(&mut command, Scope::Host, workspace);
    // Otherwise its files are of the day on which it is made, so that no two days' packages are the same.
    let mut commit = Command::new("git");
    commit
        .args(["log", "-1", "--format=%ct"])
        .current_dir(workspace.at(""));
    if std::env::var_os(TIME).is_none()
        && let Ok(commit) = read(&mut commit)
    {
        command.env(TIME, commit.trim());
    }
    let said = read(&mut command).context("no package was made")?;
    let package = said.lines().last().context("cargo-deb names no package")?;
    let package = PathBuf::from(package);
    report(workspace, &package, started.elapsed())?;
    // Beside the package: who is told where that is finds both.
    let image = package.with_file_name("image");
    image::stage(&package, &image).context("no root of a container was made")?;
    println!(
        "staged   {0}  for `podman build -f packaging/Containerfile -t holdfast {0}`",
        workspace.shown(&image)
    );
    Ok(package)
}

/// Writes what is made anew for each package: the pages and completions of the binary itself, the unit, and the terms of what is
/// linked into it.
fn stage(workspace: &Workspace, stage: &Path) -> Result<()> {
    // What an earlier release had would go into the package too.
    if stage.exists() {
        fs::remove_dir_all(stage).with_context(|| stage.display().to_string())?;
    }
    let holdfast = workspace.holdfast();
    let pages = stage.join("man");
    run(Command::new(&holdfast).arg("man").arg(&pages))?;
    let notices = stage.join("notices");
    fs::create_dir_all(&notices).with_context(|| notices.display().to_string())?;
    fs::write(notices.join("notices"), notices::notices(workspace)?)?;
    // The standard library comes with a list of its own. Not every distribution has it with its compiler.
    let library = workspace
        .host_toolchain()
        .join("share/doc/rust/COPYRIGHT-library.html");
    if library.exists() {
        fs::copy(library, notices.join("rust-library.html"))?;
    }
    // As Debian wants them. cargo-deb compresses what is in the repository alone.
    run(Command::new("gzip")
        .args(["--best", "--no-name", "--recursive"])
        .args([&pages, &notices]))?;
    for (shell, name) in COMPLETIONS {
        let directory = stage.join("completions").join(shell);
        let script = read(Command::new(&holdfast).args(["completions", shell]))?;
        fs::create_dir_all(&directory).with_context(|| directory.display().to_string())?;
        fs::write(directory.join(name), script)?;
    }
    let unit = workspace.at("lb-user/systemd/holdfast.service");
    let unit = fs::read_to_string(&unit).with_context(|| unit.display().to_string())?;
    fs::write(stage.join("holdfast.service"), packaged(&unit)?)?;
    Ok(())
}

/// The unit for a host where the package has put the binary and made the group.
fn packaged(unit: &str) -> Result<String> {
    let mut lines: Vec<String> = unit
        .lines()
        // The commands that install it by hand.
        .filter(|line| !line.starts_with("#   "))
        .map(|line| line.replace("/usr/local/bin/", "/usr/bin/"))
        .map(|line| {
            if line == "#Group=holdfast" {
                "Group=holdfast".to_owned()
            } else {
                line
            }
        })
        .collect();
    lines.dedup();
    ensure!(
        lines.iter().any(|line| line == "Group=holdfast"),
        "the unit has no line `#Group=holdfast`, which is for packages"
    );
    Ok(lines.join("\n") + "\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    const UNIT: &str = "# A service.\n#\n#   install FILE\n#\n# More.\n[Service]\n#Group=holdfast\n\
                        ExecStart=/usr/local/bin/holdfast run\n";

    #[test]
    fn the_unit_of_the_package_has_its_binary_and_group_and_no_word_of_installing_it() {
        assert_eq!(
            packaged(UNIT).unwrap(),
            "# A service.\n#\n# More.\n[Service]\nGroup=holdfast\nExecStart=/usr/bin/holdfast run\n"
        );
    }

    #[test]
    fn a_unit_that_names_no_group_is_not_packaged() {
        assert!(packaged("[Service]\n").is_err());
    }
}

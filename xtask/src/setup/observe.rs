//! The facts: which compilers, packages and tools this machine has.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;

use super::choice::ToolchainState;
use super::choice::{
    CONFLICTING_PACKAGES, DEBIAN_PACKAGES, Debian, Found, Installer, RustupToolchain, Standing,
};
use super::compiler::{Compiler, NAMING_VARIABLE, Origin, Source};
use super::plan::Facts;
use super::rustc::Version;
use super::tools::{TOOLS, Tool};
use crate::process::{User, find_program, read, user};

/// Looks at everything. Cheap: a handful of short commands.
pub(crate) fn observe() -> Facts {
    let installer = match (find_program("apt-get"), user()) {
        (None, _) => Installer::Absent,
        (Some(_), User::Other) => Installer::NotRoot,
        (Some(_), User::Root) => Installer::AptGet,
    };
    let missing = TOOLS.iter().filter(|tool| !is_there(tool)).collect();
    Facts {
        compilers: compilers(),
        installer,
        missing_tools: missing,
    }
}

fn is_there(tool: &Tool) -> bool {
    find_program(tool.program).is_some()
        && (tool.proof.is_empty() || read(Command::new(tool.program).args(tool.proof)).is_ok())
}

fn compilers() -> Found {
    if let Some(rustc) = std::env::var_os(NAMING_VARIABLE) {
        let rustc = PathBuf::from(rustc);
        let named = ask(&rustc, Origin::Named).map_err(|error| format!("{error:#}"));
        return Found {
            named: Some(named),
            ..Found::default()
        };
    }
    Found {
        named: None,
        rustup: rustup(),
        debian: debian(),
    }
}

fn rustup() -> Vec<RustupToolchain> {
    // Without rustup there is nothing to list.
    let Ok(list) = read(Command::new("rustup").args(["toolchain", "list", "--verbose"])) else {
        return Vec::new();
    };
    list.lines()
        .filter_map(toolchain_line)
        .map(|line| {
            let state = if has_source(&line.sysroot) {
                match ask(&line.sysroot.join("bin/rustc"), Origin::Rustup(line.name.clone())) {
                    Ok(compiler) => ToolchainState::Complete(compiler),
                    Err(error) => ToolchainState::Broken(format!("{error:#}")),
                }
            } else {
                ToolchainState::WithoutSource
            };
            RustupToolchain {
                name: line.name,
                standing: line.standing,
                state,
            }
        })
        .collect()
}

#[derive(Debug, PartialEq, Eq)]
struct ToolchainLine {
    name: String,
    standing: Standing,
    sysroot: PathBuf,
}

/// Reads `stable-x86_64-unknown-linux-gnu (active, default) /home/me/.rustup/toolchains/stable-...`.
fn toolchain_line(line: &str) -> Option<ToolchainLine> {
    let (name, rest) = line.split_once(char::is_whitespace)?;
    let (marks, sysroot) = rest.split_at(rest.find('/')?);
    let standing = if marks.contains("default") {
        Standing::Default
    } else {
        Standing::Other
    };
    Some(ToolchainLine {
        name: name.to_owned(),
        standing,
        sysroot: sysroot.trim_end().into(),
    })
}

fn debian() -> Debian {
    // dpkg-query fails when it knows nothing of one of the packages, and still lists the others.
    let output = Command::new("dpkg-query")
        .args([
            "--show",
            "--showformat=${Package} ${db:Status-Status} ${Version}\n",
        ])
        .args(DEBIAN_PACKAGES)
        .args(CONFLICTING_PACKAGES)
        .output();
    let Ok(output) = output else {
        return Debian::default();
    };
    let installed = installed(&String::from_utf8_lossy(&output.stdout));
    let version = |package: &str| {
        installed
            .iter()
            .find(|(name, _)| name == package)
            .map(|(_, version)| version)
    };
    let [compiler, source] = DEBIAN_PACKAGES.map(version);
    let both = compiler.is_some() && compiler == source;
    let conflicts = installed.iter().map(|(name, _)| name.clone());
    Debian {
        compiler: if both {
            ask(Path::new("/usr/bin/rustc"), Origin::Debian).ok()
        } else {
            None
        },
        conflicts: conflicts
            .filter(|name| CONFLICTING_PACKAGES.contains(&name.as_str()))
            .collect(),
    }
}

/// The names and versions of the packages that are installed, from lines of name, state and version.
fn installed(listing: &str) -> Vec<(String, String)> {
    let words = listing
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>());
    words
        .filter_map(|words| match words[..] {
            [name, "installed", version] => Some((name.to_owned(), version.to_owned())),
            _ => None,
        })
        .collect()
}

/// Asks a compiler about itself.
fn ask(rustc: &Path, origin: Origin) -> Result<Compiler> {
    let command = || {
        let mut command = Command::new(rustc);
        // rustup's stand-in for rustc would answer for the toolchain that runs xtask.
        command
            .env_remove("RUSTUP_TOOLCHAIN")
            .env_remove("LD_LIBRARY_PATH");
        command
    };
    let version = Version::parse(&read(command().arg("-vV"))?)?;
    let sysroot = PathBuf::from(read(command().args(["--print", "sysroot"]))?.trim());
    // The real one, so that the build is not at the mercy of that stand-in either.
    let real = sysroot.join("bin/rustc");
    let rustc = if origin == Origin::Named && real.is_file() {
        real
    } else {
        rustc.to_path_buf()
    };
    let source = source_of(&sysroot);
    Ok(Compiler {
        origin,
        rustc,
        sysroot,
        version,
        source,
    })
}

fn source_root(sysroot: &Path) -> PathBuf {
    sysroot.join("lib/rustlib/src/rust")
}

fn has_source(sysroot: &Path) -> bool {
    // The very file that `-Zbuild-std` reads first.
    source_root(sysroot).join("library/Cargo.lock").is_file()
}

fn source_of(sysroot: &Path) -> Source {
    if !has_source(sysroot) {
        return Source::Missing;
    }
    // Whole source trees (Debian's) have this file; rustup's component, the library alone, does not.
    match std::fs::read_to_string(source_root(sysroot).join("src/version")) {
        Ok(version) => Source::Version(version.trim().to_owned()),
        Err(_) => Source::Unversioned,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_rustup_gives_name_standing_and_place() {
        let line =
            toolchain_line("stable-x86_64 (active, default) /home/some one/.rustup/toolchains/stable-x86_64");
        let expected = ToolchainLine {
            name: "stable-x86_64".to_owned(),
            standing: Standing::Default,
            sysroot: "/home/some one/.rustup/toolchains/stable-x86_64".into(),
        };
        assert_eq!(line, Some(expected));
    }

    #[test]
    fn a_toolchain_without_marks_and_one_after_a_tab_are_read_too() {
        let line = toolchain_line("nightly-x86_64\t/r/toolchains/nightly-x86_64").unwrap();
        assert_eq!(
            (line.name.as_str(), line.standing),
            ("nightly-x86_64", Standing::Other)
        );
        assert_eq!(toolchain_line("no installed toolchains"), None);
    }

    #[test]
    fn only_installed_packages_count() {
        let listing = "rustc-web installed 1.96.0+dfsg1-1\nrustc not-installed \nrustup config-files 1.2\n";
        assert_eq!(
            installed(listing),
            [("rustc-web".to_owned(), "1.96.0+dfsg1-1".to_owned())]
        );
    }
}

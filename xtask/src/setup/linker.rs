//! `bpf-linker`, built against the LLVM of the very compiler whose bitcode it links.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use super::compiler::Compiler;
use super::programs::{cargo_install, relink};
use crate::process::{read, run};
use crate::workspace::{Workspace, cache_directory};

const VERSION: &str = "0.13.0";
/// The features of that version are named after these.
const LLVM_MAJORS: std::ops::RangeInclusive<u32> = 21..=23;

/// Why no linker can be built for an LLVM, if none can.
pub(crate) fn fault_of_llvm(major: u32) -> Option<String> {
    let (oldest, newest) = LLVM_MAJORS.into_inner();
    (!LLVM_MAJORS.contains(&major))
        .then(|| format!("it has LLVM {major}, and bpf-linker {VERSION} knows LLVM {oldest} to {newest}"))
}

/// A linker: where it is or will be, and the LLVM that it needs.
pub(crate) struct Linker {
    home: PathBuf,
    /// The compiler's own shared library.
    llvm: PathBuf,
    llvm_major: u32,
}

/// Whether a linker has to be built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// It runs and is of the right version.
    Ready,
    /// It is not there, or what it was linked with is gone.
    Absent,
}

impl Linker {
    /// The linker that belongs to `compiler`.
    pub(crate) fn of(compiler: &Compiler) -> Result<Self> {
        let llvm = find_llvm(compiler)?;
        let home = cache_directory()?.join(home_name(&file_name(&llvm)));
        Ok(Self {
            home,
            llvm,
            llvm_major: compiler.version.llvm_major,
        })
    }

    /// What to put before `PATH`.
    pub(crate) fn directory(&self) -> PathBuf {
        self.home.join("bin")
    }

    /// What it is, for messages.
    pub(crate) fn name(&self) -> String {
        format!("bpf-linker {VERSION} for {}", file_name(&self.llvm))
    }

    /// Looks whether it runs: an upgrade may have taken the library that it was linked with.
    pub(crate) fn observe(&self) -> State {
        let said = read(Command::new(self.directory().join("bpf-linker")).arg("--version"));
        match said {
            Ok(said) if said.contains(VERSION) => State::Ready,
            _ => State::Absent,
        }
    }

    /// Builds and installs it.
    pub(crate) fn install(&self, workspace: &Workspace) -> Result<()> {
        let prefix = self.home.join("llvm");
        let libraries = prefix.join("lib");
        fs::create_dir_all(&libraries).with_context(|| libraries.display().to_string())?;
        // The first name is for linking. The second, the library's own, is what the built linker asks for, and
        // bpf-linker's build script gives it this directory as its run path.
        for name in ["libLLVM.so", &file_name(&self.llvm)] {
            relink(&self.llvm, &libraries.join(name))?;
        }
        let mut command = cargo_install(workspace, "bpf-linker", VERSION, &self.home)?;
        command
            .arg("--no-default-features")
            .arg(format!("--features=llvm-{}", self.llvm_major))
            .env("LLVM_PREFIX", &prefix);
        run(&mut command).context("bpf-linker was not installed")?;
        match self.observe() {
            State::Ready => Ok(()),
            State::Absent => bail!(
                "{} was built but does not run",
                self.directory().join("bpf-linker").display()
            ),
        }
    }
}

/// The directory of a linker in the cache. It is named after the library and not only after the major version: two
/// toolchains with the same LLVM have a library each, and the linker must load the one it was built with.
fn home_name(library: &str) -> String {
    let version = library
        .strip_prefix("libLLVM.so.")
        .or_else(|| library.strip_prefix("libLLVM-"))
        .unwrap_or(library);
    format!(
        "bpf-linker-{VERSION}-llvm-{}",
        version.strip_suffix(".so").unwrap_or(version)
    )
}

fn file_name(path: &Path) -> String {
    path.file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}

/// The shared LLVM that `compiler` runs on.
fn find_llvm(compiler: &Compiler) -> Result<PathBuf> {
    let directories = library_directories(compiler);
    for directory in &directories {
        let Ok(entries) = directory.read_dir() else {
            continue;
        };
        let names = entries
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
            .collect();
        if let Some(name) = pick_library(names, compiler.version.llvm_major) {
            return Ok(directory.join(name));
        }
    }
    let looked: Vec<_> = directories
        .iter()
        .map(|directory| directory.display().to_string())
        .collect();
    bail!(
        "{compiler} has no shared libLLVM that bpf-linker could use; looked in {}",
        looked.join(", ")
    )
}

/// The compiler's own directories first, those of a distribution last.
fn library_directories(compiler: &Compiler) -> Vec<PathBuf> {
    let multiarch = multiarch(&compiler.version.host);
    let own = ["lib".to_owned(), format!("lib/{multiarch}"), "lib64".to_owned()];
    let mut directories: Vec<_> = own.iter().map(|below| compiler.sysroot.join(below)).collect();
    directories.push(Path::new("/usr/lib").join(multiarch));
    directories.push("/usr/lib64".into());
    directories
}

/// Debian's name of a machine: the triple without its vendor.
fn multiarch(host: &str) -> String {
    let mut parts: Vec<_> = host.split('-').collect();
    if parts.len() == 4 {
        parts.remove(1);
    }
    parts.join("-")
}

/// The file among `names` that is the library itself of this major version.
fn pick_library(mut names: Vec<String>, major: u32) -> Option<String> {
    // `libLLVM.so.N...` is the library; `libLLVM-N....so` beside it may be a linker script that only names it.
    names.sort();
    let of_major = |name: &String, prefix: &str| {
        let rest = name
            .strip_prefix(prefix)
            .and_then(|rest| rest.strip_prefix(&major.to_string()));
        rest.is_some_and(|rest| !rest.starts_with(|next: char| next.is_ascii_digit()))
    };
    let find = |prefix| names.iter().find(|name| of_major(name, prefix)).cloned();
    find("libLLVM.so.").or_else(|| find("libLLVM-"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pick(names: &[&str], major: u32) -> Option<String> {
        pick_library(names.iter().map(|&name| name.to_owned()).collect(), major)
    }

    #[test]
    fn debians_library_of_the_major_version_is_found_among_others() {
        let names = [
            "libLLVM-14.0.6.so.1",
            "libLLVM-14.so",
            "libLLVM-22.so",
            "libLLVM.so.22.1",
            "libc.so.6",
        ];
        assert_eq!(pick(&names, 22).as_deref(), Some("libLLVM.so.22.1"));
        assert_eq!(pick(&names, 21), None);
        assert_eq!(pick(&names, 2), None);
    }

    #[test]
    fn rustups_library_is_found_and_not_the_script_beside_it() {
        let names = [
            "libLLVM-22-rust-1.95.0-stable.so",
            "libLLVM.so.22.1-rust-1.95.0-stable",
        ];
        assert_eq!(
            pick(&names, 22).as_deref(),
            Some("libLLVM.so.22.1-rust-1.95.0-stable")
        );
    }

    #[test]
    fn every_library_has_a_linker_of_its_own() {
        assert_eq!(home_name("libLLVM.so.22.1"), "bpf-linker-0.13.0-llvm-22.1");
        assert_eq!(
            home_name("libLLVM.so.22.1-rust-1.95.0-stable"),
            "bpf-linker-0.13.0-llvm-22.1-rust-1.95.0-stable"
        );
        assert_eq!(
            home_name("libLLVM-22-rust-1.90.0.so"),
            "bpf-linker-0.13.0-llvm-22-rust-1.90.0"
        );
    }

    #[test]
    fn a_triple_without_its_vendor_names_the_directory() {
        assert_eq!(multiarch("x86_64-unknown-linux-gnu"), "x86_64-linux-gnu");
        assert_eq!(multiarch("aarch64-linux-gnu"), "aarch64-linux-gnu");
    }

    #[test]
    fn only_an_llvm_that_the_linker_knows_is_good() {
        assert_eq!(fault_of_llvm(22), None);
        assert!(fault_of_llvm(20).unwrap().contains("21 to 23"));
        assert!(fault_of_llvm(24).is_some());
    }
}

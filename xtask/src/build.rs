//! The eBPF object, and the daemon that carries it.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};

use crate::env::{Scope, restrict};
use crate::npm::{self, Package};
use crate::process::run;
use crate::setup::Toolchain;
use crate::workspace::Workspace;

/// The cargo profile of a host build.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Profile {
    /// Quick to build.
    Dev,
    /// Quick to run.
    Release,
}

impl Profile {
    fn directory(self) -> &'static str {
        match self {
            Self::Dev => "debug",
            Self::Release => "release",
        }
    }
}

/// The object that `lb-user` embeds.
const OBJECT: &str = "holdfast-xdp";

/// What the eBPF program is built for.
pub(crate) const BPF_TARGET: &str = "bpfel-unknown-none";

const BPF_FLAGS: &str = concat!(
    // Types of maps and functions travel with the object: the loader and `bpftool` read them.
    "-Clink-arg=--btf -Cdebuginfo=2",
    // From v3 atomics may return a value.
    " -Ctarget-cpu=v3",
    // Packet headers are `repr(C, packed)`: without this every field is assembled from bytes.
    " -Clink-arg=--cpu-features=+allows-misaligned-mem-access",
);

/// Builds every eBPF binary and says where they are.
pub(crate) fn ebpf(workspace: &Workspace, toolchain: &Toolchain) -> Result<()> {
    let started = Instant::now();
    let mut command = Command::new(&toolchain.cargo);
    command
        .args([
            "build",
            "--release",
            "--target",
            BPF_TARGET,
            "-Zbuild-std=core",
            "--bins",
        ])
        .current_dir(workspace.at("lb-ebpf"));
    restrict(&mut command, Scope::Bare, workspace);
    command
        .env("RUSTC", &toolchain.rustc)
        // Building `core` is an unstable option. Nightly would do without this, but the cargo may be another's.
        .env("RUSTC_BOOTSTRAP", "1")
        .env("RUSTFLAGS", BPF_FLAGS)
        .env("CARGO_TARGET_DIR", workspace.bpf_target())
        .env("PATH", path_with(&toolchain.linker_directory)?);
    run(&mut command).context("the eBPF program did not build")?;

    let took = started.elapsed();
    report(workspace, &workspace.bpf_objects().join(OBJECT), took)?;
    for extra in other_objects(&workspace.bpf_objects())? {
        report(workspace, &extra, took)?;
    }
    Ok(())
}

/// Builds the console, unless what is there was built of what there is.
pub(crate) fn console(workspace: &Workspace) -> Result<()> {
    let (package, stamp) = (
        Package::console(workspace),
        workspace.target().join("console.built"),
    );
    if std::fs::read_to_string(&stamp).is_ok_and(|built| package.fingerprint().is_ok_and(|now| now == built))
    {
        return Ok(());
    }
    if !npm::is_there() {
        println!("kept     lb-user/console/dist, as it came: there is no npm");
        return Ok(());
    }
    let started = Instant::now();
    if !package.is_installed()? {
        package.install()?;
    }
    run(&mut package.npm(&["run", "--silent", "build"])).context("the console did not build")?;
    std::fs::write(&stamp, package.fingerprint()?)?;
    println!(
        "built    lb-user/console/dist  {:.1} s",
        started.elapsed().as_secs_f64()
    );
    Ok(())
}

/// Builds the daemon and says where it is.
pub(crate) fn daemon(workspace: &Workspace, profile: Profile) -> Result<()> {
    let started = Instant::now();
    let mut command = workspace.cargo(&["build", "--package", "lb-user", "--bin", "holdfast"]);
    if profile == Profile::Release {
        command.arg("--release");
    }
    run(&mut command).context("the daemon did not build")?;
    let binary = workspace.target().join(profile.directory()).join("holdfast");
    report(workspace, &binary, started.elapsed())
}

/// `PATH` with `directory` before everything: `bpf-linker` is found there, and no other one.
pub(crate) fn path_with(directory: &Path) -> Result<std::ffi::OsString> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let entries = std::iter::once(directory.to_path_buf()).chain(std::env::split_paths(&path));
    std::env::join_paths(entries).context("PATH")
}

/// Objects beside the one that every build must have: the benchmark's.
fn other_objects(directory: &Path) -> Result<Vec<std::path::PathBuf>> {
    let entries = directory
        .read_dir()
        .with_context(|| directory.display().to_string())?;
    let mut found: Vec<_> = entries
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .filter(|path| path.extension().is_none() && path.is_file())
        .filter(|path| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            name.starts_with("holdfast-") && name != OBJECT
        })
        .collect();
    found.sort();
    Ok(found)
}

/// Says where a file is that was built, and how large it is.
pub(crate) fn report(workspace: &Workspace, file: &Path, took: Duration) -> Result<()> {
    let bytes = file
        .metadata()
        .with_context(|| format!("the build left no {}", file.display()))?
        .len();
    println!(
        "built    {}  {}  {:.1} s",
        workspace.shown(file),
        size(bytes),
        took.as_secs_f64()
    );
    Ok(())
}

/// A size as people read it: `812 B`, `12.5 KiB`, `7.9 MiB`.
#[expect(clippy::cast_precision_loss, reason = "one digit after the point is shown")]
fn size(bytes: u64) -> String {
    const KIB: u64 = 1024;
    const MIB: u64 = 1024 * KIB;
    match bytes {
        0..KIB => format!("{bytes} B"),
        KIB..MIB => format!("{:.1} KiB", bytes as f64 / KIB as f64),
        _ => format!("{:.1} MiB", bytes as f64 / MIB as f64),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_shown_in_the_unit_that_fits() {
        assert_eq!(size(812), "812 B");
        assert_eq!(size(12_800), "12.5 KiB");
        assert_eq!(size(3 << 20), "3.0 MiB");
    }

    #[test]
    fn the_linker_of_our_own_comes_first() {
        let path = path_with(Path::new("/cache/bin")).unwrap();
        assert!(path.to_string_lossy().starts_with("/cache/bin:"));
    }
}

//! `cargo xtask setup`: facts, a plan from them, its application.

mod choice;
mod clients;
mod compiler;
mod linker;
mod observe;
mod plan;
mod programs;
mod rustc;
mod services;
mod tools;

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use self::choice::Attempt;
use self::clients::Clients;
use self::compiler::{Compiler, Origin};
use self::linker::{Linker, State};
use self::plan::{Line, plan};
pub(crate) use self::programs::CARGO_DEB;
use self::programs::{Program, needed_for};
use crate::npm::Package;
use crate::process::run;
use crate::workspace::Workspace;

/// What is about to be done, and so what must be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Need {
    /// Only what builds.
    Build,
    /// Also what makes a package of it.
    Package,
    /// What builds, and what the laboratory calls.
    Test,
    /// Also what only the end-to-end tests call.
    EndToEnd,
    /// Also what the benchmark of layer 4 compares with.
    BenchL4,
    /// What the laboratory calls, and other proxies to compare with.
    BenchL7,
    /// What `setup` sees to unless it is asked for more: all but other proxies.
    Usual,
    /// All there is.
    Everything,
}

impl Need {
    /// Whether the clients of `OpenStack` are called.
    pub(crate) fn is_for_clients(self) -> bool {
        matches!(self, Self::EndToEnd | Self::Usual | Self::Everything)
    }

    /// Whether a package is made.
    pub(crate) fn is_for_package(self) -> bool {
        self == Self::Package || self.is_for_clients()
    }
}

/// What to tell the user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Talk {
    /// A line for each thing.
    Everything,
    /// Only what is installed or missing.
    Changes,
}

/// What builds the eBPF program.
pub(crate) struct Toolchain {
    /// The compiler.
    pub(crate) rustc: PathBuf,
    /// The cargo that belongs to it, or else ours.
    pub(crate) cargo: PathBuf,
    /// The directory with `bpf-linker`.
    pub(crate) linker_directory: PathBuf,
}

/// Sees to it that everything for `need` is there, and says with what to build.
pub(crate) fn ensure(workspace: &Workspace, need: Need, talk: Talk) -> Result<Toolchain> {
    let mut plan = plan(&observe::observe(), need, Attempt::First);
    print(&plan.lines, talk);
    if !plan.packages.is_empty() {
        services::without(&plan.packages, || apt_get(&plan.packages))?;
        plan = self::plan::plan(&observe::observe(), need, Attempt::AfterInstall);
        print(&plan.lines, Talk::Changes);
    }
    let Some(compiler) = plan.compiler else {
        bail!(plan.problems.join("\n"))
    };

    let linker = Linker::of(&compiler)?;
    match linker.observe() {
        State::Ready => print(&[Line::Have(linker.name())], talk),
        State::Absent => {
            print(
                &[Line::Install(format!(
                    "{} (takes a few minutes, once)",
                    linker.name()
                ))],
                talk,
            );
            linker.install(workspace)?;
        }
    }
    // Missing tools come last: whoever only wants to build has all they need by now.
    if !plan.problems.is_empty() {
        bail!(plan.problems.join("\n"));
    }
    for program in needed_for(need) {
        ensure_program(workspace, program, talk)?;
    }
    if need.is_for_clients() {
        ensure_clients(workspace, talk)?;
        for package in [Package::console(workspace), Package::console_tests(workspace)] {
            ensure_package(&package, talk)?;
        }
    }
    let cargo = cargo_of(&compiler).unwrap_or_else(|| workspace.cargo_program().to_path_buf());
    Ok(Toolchain {
        rustc: compiler.rustc,
        cargo,
        linker_directory: linker.directory(),
    })
}

fn ensure_program(workspace: &Workspace, program: &Program, talk: Talk) -> Result<()> {
    let shown = program.shown();
    match program.observe()? {
        State::Ready => print(&[Line::Have(shown)], talk),
        State::Absent => {
            print(
                &[Line::Install(format!("{shown} (takes a few minutes, once)"))],
                talk,
            );
            program.install(workspace)?;
        }
    }
    program.link(workspace)
}

fn ensure_clients(workspace: &Workspace, talk: Talk) -> Result<()> {
    let clients = Clients::of(workspace)?;
    match clients.observe() {
        State::Ready => print(&[Line::Have(Clients::name())], talk),
        State::Absent => {
            print(
                &[Line::Install(format!(
                    "{} (takes a minute, once)",
                    Clients::name()
                ))],
                talk,
            );
            clients.install()?;
        }
    }
    clients.link()
}

fn ensure_package(package: &Package, talk: Talk) -> Result<()> {
    let name = package.name().to_owned();
    if package.is_installed()? {
        print(&[Line::Have(name)], talk);
        return Ok(());
    }
    print(&[Line::Install(name)], talk);
    package.install()
}

/// The cargo that knows how to build this compiler's library. Debian's `rustc-web` comes without one that fits.
fn cargo_of(compiler: &Compiler) -> Option<PathBuf> {
    match compiler.origin {
        Origin::Debian => None,
        Origin::Named | Origin::Rustup(_) => {
            Some(compiler.sysroot.join("bin/cargo")).filter(|cargo| cargo.is_file())
        }
    }
}

fn print(lines: &[Line], talk: Talk) {
    for line in lines {
        match line {
            Line::Have(thing) if talk == Talk::Everything => println!("have     {thing}"),
            Line::Have(_) => {}
            Line::Install(thing) => println!("install  {thing}"),
            Line::Missing(thing) => println!("missing  {thing}"),
        }
    }
}

fn apt_get(packages: &[&str]) -> Result<()> {
    let apt_get = |words: &[&str]| {
        let mut command = Command::new("apt-get");
        command
            .args(["-qq", "-o", "DPkg::Lock::Timeout=120", "-o", "Dpkg::Use-Pty=0"])
            .args(words)
            .env("DEBIAN_FRONTEND", "noninteractive");
        command
    };
    run(&mut apt_get(&["update"]))?;
    run(apt_get(&["install", "--yes", "--no-install-recommends"]).args(packages))
        .with_context(|| format!("could not install {}", packages.join(" ")))
}

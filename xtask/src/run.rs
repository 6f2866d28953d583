//! What runs until it is stopped: the demonstration, the daemon, the benchmark. xtask becomes them.

use std::path::Path;
use std::process::{Command, ExitCode};

use anyhow::{Context as _, Result};

use crate::build::{self, Profile};
use crate::env::{Scope, restrict};
use crate::process::{become_it, run};
use crate::setup::{self, Need, Talk};
use crate::workspace::Workspace;

/// Tells the programs of `lb-tests` which daemon to use.
pub(crate) const BINARY_VARIABLE: &str = "HOLDFAST_BIN";

/// Builds everything and becomes the demonstration.
pub(crate) fn demo(workspace: &Workspace, once: bool) -> Result<ExitCode> {
    build_all(workspace, Need::Test)?;
    let args: &[String] = if once { &["--once".to_owned()] } else { &[] };
    let cargo = ["build", "--release", "--package", "lb-tests", "--bin", "demo"];
    run(&mut workspace.cargo(&cargo)).context("the demonstration did not build")?;
    let program = workspace.target().join("release/demo");
    match become_it(command_for(workspace, &program).args(args))? {}
}

/// Builds everything and becomes `holdfast run`.
pub(crate) fn daemon(workspace: &Workspace, args: &[String]) -> Result<ExitCode> {
    build_all(workspace, Need::Build)?;
    let mut command = command_for(workspace, &workspace.holdfast());
    match become_it(command.arg("run").args(args))? {}
}

/// Builds everything and becomes the benchmark.
pub(crate) fn bench(workspace: &Workspace, args: &[String]) -> Result<ExitCode> {
    let what = args.first().map_or("", String::as_str);
    let (need, cargo, program): (_, &[&str], _) = match what {
        "l7" => {
            let cargo = &["--package", "lb-tests", "--bin", "bench_l7"];
            (Need::BenchL7, cargo, "release/bench_l7")
        }
        "api" => {
            let cargo = &["--package", "lb-tests", "--bin", "bench_api"];
            (Need::Test, cargo, "release/bench_api")
        }
        _ => {
            // An example of the library in cargo's terms, since it uses it as no other program does.
            let cargo = &["--package", "lb-user", "--example", "bench"];
            (Need::BenchL4, cargo, "release/examples/bench")
        }
    };
    build_all(workspace, need)?;
    let mut command = workspace.cargo(&["build", "--release"]);
    run(command.args(cargo)).context("the benchmark did not build")?;
    let program = workspace.target().join(program);
    // The others know what they are by their names.
    let args = if what == "api" { &args[1..] } else { args };
    match become_it(command_for(workspace, &program).args(args))? {}
}

fn build_all(workspace: &Workspace, need: Need) -> Result<()> {
    let toolchain = setup::ensure(workspace, need, Talk::Changes)?;
    build::ebpf(workspace, &toolchain)?;
    build::daemon(workspace, Profile::Release)
}

/// In the caller's own directory, so that the paths they gave mean what they meant.
fn command_for(workspace: &Workspace, program: &Path) -> Command {
    let mut command = Command::new(program);
    restrict(&mut command, Scope::Host, workspace);
    command.env(BINARY_VARIABLE, workspace.holdfast());
    command
}

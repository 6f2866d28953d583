//! The part `lint`: each tool counts as one test.

use std::process::Command;

use anyhow::Result;

use super::count::Counts;
use crate::process::{Outcome, find_program, try_run};
use crate::workspace::Workspace;

/// Runs every tool, also after one complains.
pub(crate) fn run(workspace: &Workspace) -> Result<Counts> {
    let mut counts = Counts::default();
    let fmt = workspace.fmt().map(|mut command| {
        // Only the names of the files: `cargo xtask fmt` puts them right without anybody reading the differences.
        command.args(["--", "--check", "-l"]);
        command
    });
    counts += step("fmt", fmt)?;
    counts += step("clippy", [clippy(workspace)])?;
    counts += step("clippy-ebpf", [clippy_ebpf(workspace)])?;
    counts += deny(workspace)?;
    Ok(counts)
}

fn step(name: &str, commands: impl IntoIterator<Item = Command>) -> Result<Counts> {
    println!("lint {name}");
    let mut counts = Counts::PASSED;
    for mut command in commands {
        if try_run(&mut command)? == Outcome::Failed {
            counts = Counts::FAILED;
        }
    }
    println!(
        "lint {name} ... {}",
        if counts == Counts::PASSED { "ok" } else { "FAILED" }
    );
    Ok(counts)
}

fn clippy(workspace: &Workspace) -> Command {
    workspace.cargo(&["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"])
}

/// The eBPF crate as if it were for the host: the eBPF compiler need not have a clippy, and none is needed, since
/// nothing is linked.
fn clippy_ebpf(workspace: &Workspace) -> Command {
    let mut command = workspace.cargo(&[
        "clippy",
        "--manifest-path",
        "lb-ebpf/Cargo.toml",
        "--",
        "-D",
        "warnings",
    ]);
    command.env("CARGO_TARGET_DIR", workspace.at("target/bpf-clippy"));
    command
}

/// Licences, doubled versions and sources of what we depend on, where the tool for it is there: it takes longer to
/// build than everything else together.
fn deny(workspace: &Workspace) -> Result<Counts> {
    if find_program("cargo-deny").is_none() {
        println!("lint deny ... left out: cargo-deny is not installed (`cargo install cargo-deny --locked`)");
        return Ok(Counts::IGNORED);
    }
    let check = |manifest: &str| {
        let config = workspace.at(".deny.toml");
        let mut command = workspace.cargo(&["deny", "--manifest-path", manifest, "--config"]);
        command.arg(config).args(["check", "licenses", "bans", "sources"]);
        command
    };
    step("deny", [check("Cargo.toml"), check("lb-ebpf/Cargo.toml")])
}

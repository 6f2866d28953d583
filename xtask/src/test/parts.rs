//! What each part of the tests is.

use std::collections::BTreeSet;
use std::process::Command;

use anyhow::{Result, bail};
use clap::ValueEnum;

use super::cargo_test::count;
use super::count::Counts;
use super::lint;
use super::targets::{PACKETS, Targets};
use crate::build::{self, Profile};
use crate::package::{self, Compression};
use crate::process::{User, user};
use crate::run::BINARY_VARIABLE;
use crate::setup::Need;
use crate::workspace::Workspace;

/// A part of the tests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(crate) enum Part {
    /// Formatting, clippy, licences; no test program.
    Lint,
    /// Everything that needs only a compiler: unit, property and documentation tests.
    Unit,
    /// Packets through the XDP program in the kernel, one by one (needs root).
    Packets,
    /// The daemon as a process between real clients and members, in network namespaces (needs root).
    E2e,
    /// The web console in a real browser, beside the daemon between real clients and members (needs root).
    Console,
}

impl Part {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Lint => "lint",
            Self::Unit => "unit",
            Self::Packets => "packets",
            Self::E2e => "e2e",
            Self::Console => "console",
        }
    }

    fn needs_root(self) -> bool {
        match self {
            Self::Lint | Self::Unit => false,
            Self::Packets | Self::E2e | Self::Console => true,
        }
    }
}

/// The parts to run: each once, cheap ones first. All of them where none is named.
pub(crate) fn in_order(wanted: &[Part]) -> BTreeSet<Part> {
    if wanted.is_empty() {
        Part::value_variants().iter().copied().collect()
    } else {
        wanted.iter().copied().collect()
    }
}

/// What must be installed for `wanted`.
pub(crate) fn need(wanted: &[Part]) -> Need {
    let parts = in_order(wanted);
    if parts.contains(&Part::E2e) || parts.contains(&Part::Console) {
        Need::EndToEnd
    } else if parts.iter().any(|part| part.needs_root()) {
        Need::Test
    } else {
        Need::Build
    }
}

/// Runs one part.
pub(crate) fn run(workspace: &Workspace, part: Part, args: &[String]) -> Result<Counts> {
    if part.needs_root() && user() == User::Other {
        bail!("this part loads programs into the kernel and makes network namespaces: it needs root");
    }
    let counts = match part {
        Part::Lint => lint::run(workspace)?,
        Part::Unit => unit(workspace, args)?,
        Part::Packets => packets(workspace, args)?,
        Part::E2e => {
            let mut tests = of_the_daemon(workspace, &Targets::find(workspace)?.e2e, args)?;
            let package = package::assemble(workspace, Compression::Quick)?;
            count(tests.env(package::VARIABLE, package))?
        }
        Part::Console => count(&mut of_the_daemon(
            workspace,
            &Targets::find(workspace)?.console,
            args,
        )?)?,
    };
    // With arguments a filter may have left a part without tests; without, they have got lost.
    if !counts.ran() && args.is_empty() {
        bail!("no test ran");
    }
    Ok(counts)
}

fn unit(workspace: &Workspace, args: &[String]) -> Result<Counts> {
    let targets = Targets::find(workspace)?;
    let mut counts = count(&mut cargo_test(
        workspace,
        &["--lib", "--bins"],
        &targets.unit,
        args,
    ))?;
    counts += count(&mut cargo_test(workspace, &["--doc"], &BTreeSet::new(), args))?;
    Ok(counts)
}

fn packets(workspace: &Workspace, args: &[String]) -> Result<Counts> {
    let targets = Targets::find(workspace)?;
    if targets.packets.is_empty() {
        bail!(
            "there are no packet tests: lb-user/tests/{PACKETS}.rs or lb-user/tests/{PACKETS}/main.rs is missing"
        );
    }
    count(&mut cargo_test(workspace, &[], &targets.packets, args))
}

/// Builds the daemon, and says what tests it.
fn of_the_daemon(workspace: &Workspace, targets: &BTreeSet<String>, args: &[String]) -> Result<Command> {
    if targets.is_empty() {
        bail!("there are no such tests: tests/tests/ has none of them in it");
    }
    build::daemon(workspace, Profile::Release)?;
    let mut tests = cargo_test(workspace, &[], targets, args);
    tests.env(BINARY_VARIABLE, workspace.holdfast());
    Ok(tests)
}

/// A `cargo test` of the whole workspace, of which `kinds` and `targets` choose what runs. Never of one package: the
/// features of a dependency are those that all chosen packages want, so that it would be built once more.
fn cargo_test(workspace: &Workspace, kinds: &[&str], targets: &BTreeSet<String>, args: &[String]) -> Command {
    let mut command = workspace.cargo(&["test", "--workspace", "--no-fail-fast"]);
    command.args(kinds);
    for target in targets {
        command.args(["--test", target]);
    }
    command.arg("--").args(args);
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_parts_run_when_none_is_named() {
        let parts: Vec<_> = in_order(&[]).into_iter().collect();
        assert_eq!(
            parts,
            [Part::Lint, Part::Unit, Part::Packets, Part::E2e, Part::Console]
        );
    }

    #[test]
    fn named_parts_run_once_and_cheap_ones_first() {
        let parts: Vec<_> = in_order(&[Part::E2e, Part::Lint, Part::E2e])
            .into_iter()
            .collect();
        assert_eq!(parts, [Part::Lint, Part::E2e]);
    }

    #[test]
    fn tools_of_the_laboratory_are_only_wanted_where_it_is_used() {
        assert_eq!(need(&[Part::Lint, Part::Unit]), Need::Build);
        assert_eq!(need(&[Part::Packets]), Need::Test);
        assert_eq!(need(&[]), Need::EndToEnd);
    }
}

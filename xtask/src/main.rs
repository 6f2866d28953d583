//! `cargo xtask`: the project's own commands.
//!
//! Everything here follows one shape: facts are observed, a pure function turns them into a plan, and a thin
//! last step applies it. Only the pure middle decides anything, so only it needs unit tests.

mod build;
mod env;
mod npm;
mod package;
mod process;
mod run;
mod setup;
mod test;
mod workspace;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

use crate::build::Profile;
use crate::package::Compression;
use crate::process::passed;
use crate::setup::{Need, Talk};
use crate::test::Part;
use crate::workspace::Workspace;

/// Build, run, test and measure Holdfast.
#[derive(Parser)]
#[command(bin_name = "cargo xtask", disable_version_flag = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Install what is missing to build the eBPF program and to run the tests.
    ///
    /// Chooses the compiler for the eBPF target: the one that `HOLDFAST_BPF_RUSTC` names, else a rustup toolchain
    /// with rust-src, else Debian's rustc-web. Builds bpf-linker against that compiler's own LLVM, once, into the
    /// user's cache directory. Installs system tools with apt-get. All other commands do the part of this that
    /// they need by themselves.
    Setup {
        /// Also the proxies that `bench l7` compares with; their services are not started.
        #[arg(long)]
        bench: bool,
    },

    /// Build the eBPF object and the console, and then the `holdfast` binary that carries them.
    ///
    /// The console is built again where it has changed and there is an npm; what is built of it is in the repository, so that
    /// nobody needs one.
    Build {
        /// Build `holdfast` optimised (the default).
        #[arg(long, conflicts_with = "debug")]
        release: bool,
        /// Build `holdfast` with the dev profile; the eBPF object is always a release build.
        #[arg(long)]
        debug: bool,
    },

    /// Build everything and make a Debian package of it: `target/debian/holdfast_VERSION_ARCHITECTURE.deb`.
    Package,

    /// Run the demonstration, or with arguments after `--` the daemon on this host.
    ///
    /// Without arguments: build everything and run the demonstration, a balancer, its clients and its members in
    /// network namespaces of their own. With arguments: `cargo xtask run -- --config FILE` builds everything and
    /// becomes `holdfast run --config FILE`. Both need root.
    Run {
        /// Let the demonstration end by itself instead of waiting for Ctrl-C.
        #[arg(long, conflicts_with = "args")]
        once: bool,
        /// Arguments of `holdfast run`.
        #[arg(last = true, value_name = "ARGS")]
        args: Vec<String>,
    },

    /// Run the tests: all parts in order, or only those named.
    ///
    /// The last line counts everything: `N passed, N failed`. A part that fails does not keep the later ones from
    /// running.
    Test {
        /// Parts to run; all of them when none is named.
        #[arg(value_enum, value_name = "PART")]
        parts: Vec<Part>,
        /// Arguments for the test programs after `--`: a part of a test's name, `--nocapture`, ...
        #[arg(last = true, value_name = "ARGS")]
        args: Vec<String>,
    },

    /// Measure: `cargo xtask bench l4 [--json FILE]`, or `l7`, or `api`. All arguments go to the benchmark. Needs root.
    Bench {
        /// Arguments of the benchmark.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "ARGS")]
        args: Vec<String>,
    },

    /// The same as `test lint`.
    Lint,

    /// Format the workspace and the eBPF crate.
    Fmt,
}

fn main() -> ExitCode {
    match dispatch(Cli::parse().command) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn dispatch(command: Command) -> Result<ExitCode> {
    let workspace = Workspace::find()?;
    match command {
        Command::Setup { bench } => {
            let need = if bench { Need::Everything } else { Need::Usual };
            setup::ensure(&workspace, need, Talk::Everything).map(|_| ExitCode::SUCCESS)
        }
        Command::Build { debug, .. } => {
            let profile = if debug { Profile::Dev } else { Profile::Release };
            let toolchain = setup::ensure(&workspace, Need::Build, Talk::Changes)?;
            build::ebpf(&workspace, &toolchain)?;
            build::console(&workspace)?;
            build::daemon(&workspace, profile)?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Package => {
            let toolchain = setup::ensure(&workspace, Need::Package, Talk::Changes)?;
            build::ebpf(&workspace, &toolchain)?;
            build::console(&workspace)?;
            build::daemon(&workspace, Profile::Release)?;
            package::assemble(&workspace, Compression::Best).map(|_| ExitCode::SUCCESS)
        }
        Command::Run { once, args } if args.is_empty() => run::demo(&workspace, once),
        Command::Run { args, .. } => run::daemon(&workspace, &args),
        Command::Test { parts, args } => Ok(passed(test::run(&workspace, &parts, &args))),
        Command::Bench { args } => run::bench(&workspace, &args),
        Command::Lint => Ok(passed(test::run(&workspace, &[Part::Lint], &[]))),
        Command::Fmt => {
            for mut command in workspace.fmt() {
                process::run(&mut command)?;
            }
            Ok(ExitCode::SUCCESS)
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    fn parse(line: &str) -> Result<Command, clap::Error> {
        Cli::try_parse_from(line.split_whitespace()).map(|cli| cli.command)
    }

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn the_benchmark_gets_every_argument_as_it_is() {
        let Ok(Command::Bench { args }) = parse("xtask bench l4 --json out.json -v") else {
            panic!("not a bench")
        };
        assert_eq!(args, ["l4", "--json", "out.json", "-v"]);
    }

    #[test]
    fn the_daemon_gets_what_follows_the_dashes() {
        let Ok(Command::Run { once, args }) = parse("xtask run -- --config a.toml") else {
            panic!("not a run")
        };
        assert!(!once);
        assert_eq!(args, ["--config", "a.toml"]);
    }

    #[test]
    fn the_demonstration_takes_no_arguments_of_the_daemon() {
        assert!(parse("xtask run --once -- --config a.toml").is_err());
    }

    #[test]
    fn an_unknown_part_is_refused() {
        assert!(parse("xtask test units").is_err());
    }
}

//! Child processes: run them, read them, become them.

use std::convert::Infallible;
use std::ffi::OsStr;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context as _, Result, bail};

/// Whether everything that was asked for worked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// All of it.
    Passed,
    /// Something did not; it has been said what.
    Failed,
}

/// The exit code that tells `outcome` to the caller of xtask.
pub(crate) fn passed(outcome: Outcome) -> ExitCode {
    match outcome {
        Outcome::Passed => ExitCode::SUCCESS,
        Outcome::Failed => ExitCode::FAILURE,
    }
}

/// The program and its arguments as one would type them, without the environment.
fn typed(command: &Command) -> String {
    let program = Path::new(command.get_program());
    let words = std::iter::once(program.file_name().unwrap_or_default()).chain(command.get_args());
    words.map(OsStr::to_string_lossy).collect::<Vec<_>>().join(" ")
}

fn cannot_start(command: &Command) -> String {
    format!("cannot start {}", command.get_program().to_string_lossy())
}

/// Runs `command` with our own output, and fails when it fails.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    match try_run(command)? {
        Outcome::Passed => Ok(()),
        Outcome::Failed => bail!("this failed: {}", typed(command)),
    }
}

/// Runs `command` with our own output and says how it ended; an error is a command that could not be started.
pub(crate) fn try_run(command: &mut Command) -> Result<Outcome> {
    let status = command
        .stdin(Stdio::null())
        .status()
        .with_context(|| cannot_start(command))?;
    Ok(if status.success() {
        Outcome::Passed
    } else {
        Outcome::Failed
    })
}

/// Runs `command` unseen and gives back what it wrote to its standard output.
pub(crate) fn read(command: &mut Command) -> Result<String> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| cannot_start(command))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("this failed: {}\n{}", typed(command), said.trim());
    }
    String::from_utf8(output.stdout).with_context(|| format!("not text: the output of {}", typed(command)))
}

/// Becomes `command`: signals and the exit status are then its own. Comes back only with an error.
pub(crate) fn become_it(command: &mut Command) -> Result<Infallible> {
    let error = command.exec();
    Err(error).with_context(|| cannot_start(command))
}

/// Where the program `name` is, if it is anywhere.
pub(crate) fn find_program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    // A user's PATH often has no sbin, though what is there can be run by full name and by root.
    std::env::split_paths(&path)
        .chain(["/usr/local/sbin", "/usr/sbin", "/sbin"].map(PathBuf::from))
        .map(|directory| directory.join(name))
        .find(|file| is_executable(file))
}

fn is_executable(file: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    file.metadata()
        .is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

/// Who runs us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum User {
    /// May install packages, make namespaces and load programs.
    Root,
    /// May do none of that.
    Other,
}

/// Who runs us.
pub(crate) fn user() -> User {
    use std::os::unix::fs::MetadataExt as _;
    // /proc/self belongs to the effective user: one stat instead of a crate for geteuid.
    match std::fs::metadata("/proc/self") {
        Ok(meta) if meta.uid() == 0 => User::Root,
        _ => User::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_shown_as_it_is_typed() {
        assert_eq!(
            typed(Command::new("/some/where/cargo").args(["fmt", "--all"])),
            "cargo fmt --all"
        );
    }

    #[test]
    fn a_failing_command_is_an_error_that_says_what_it_said() {
        let error = read(Command::new("sh").args(["-c", "echo broken >&2; exit 3"])).unwrap_err();
        assert!(error.to_string().contains("broken"), "{error}");
    }

    #[test]
    fn programs_are_found_by_name() {
        assert!(find_program("sh").is_some());
        assert_eq!(find_program("no-such-program-of-holdfast"), None);
    }
}

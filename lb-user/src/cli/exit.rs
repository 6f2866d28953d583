//! How a command ends: what it says, and what its process exits with.

use std::process::ExitCode;

use super::escape;

/// How a command ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Exit {
    /// It is done.
    Done,
    /// It was refused, or failed.
    Failed,
    /// There is no such object.
    NotFound,
    /// It does not go with what there is.
    Conflict,
    /// No daemon answers.
    NoDaemon,
    /// Of `diff`: there are differences.
    Different,
    /// Of `diff`: it could not compare, or the file would be refused.
    Trouble,
}

/// For help and manual pages. Wrong arguments exit with what `clap` has for them, which is 2.
pub(super) const EXPLAINED: &str = "\
Exit status: 0: done; 1: refused or failed, and standard error says why; 2: wrong arguments; 3: there is no such object; \
4: it conflicts with what there is, such as a change that is under way; 69: no daemon can be reached. Of `diff`, as of \
diff(1): 0: no difference; 1: differences; 2: trouble, or the file would be refused.";

impl Exit {
    fn status(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed | Self::Different => 1,
            Self::Trouble => 2,
            Self::NotFound => 3,
            Self::Conflict => 4,
            // EX_UNAVAILABLE of sysexits(3).
            Self::NoDaemon => 69,
        }
    }

    /// That of an error: one of no failure in particular is a failure.
    pub(super) fn of(error: &anyhow::Error) -> Self {
        error
            .downcast_ref::<Failure>()
            .map_or(Self::Failed, |failure| failure.exit)
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        exit.status().into()
    }
}

/// Why a command fails, and how it ends by that.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub(super) struct Failure {
    pub(super) exit: Exit,
    pub(super) text: String,
}

impl Failure {
    /// One that is said in a line, whatever of it others have written.
    pub(super) fn new(exit: Exit, text: impl AsRef<str>) -> Self {
        let text = escape::line(text.as_ref()).into_owned();
        Self { exit, text }
    }
}

#[cfg(test)]
mod tests {
    use anyhow::Context as _;

    use super::*;

    #[test]
    fn a_failure_ends_a_command_as_it_says_whatever_is_said_beside_it() {
        let failure = Failure::new(Exit::Conflict, "it is under way");
        let error = anyhow::Error::from(failure.clone()).context("cannot change web");
        assert_eq!(Exit::of(&error), Exit::Conflict);
        let refused: Result<(), _> = Err(std::io::Error::other("refused")).context(failure);
        assert_eq!(Exit::of(&refused.unwrap_err()), Exit::Conflict);
        assert_eq!(Exit::of(&anyhow::anyhow!("whatever")), Exit::Failed);
    }

    #[test]
    fn a_failure_is_said_in_a_line_that_no_terminal_obeys() {
        let failure = Failure::new(Exit::NotFound, "there is no pool \"a\u{1b}[2J\nb\"");
        assert_eq!(failure.text, "there is no pool \"a\\u{1b}[2J\\nb\"");
    }
}

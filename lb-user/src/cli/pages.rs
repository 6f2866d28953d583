//! What goes with an installation: completions of shells, and manual pages.

use std::{fs, path::Path};

use anyhow::Context as _;
use clap::CommandFactory as _;
use clap_complete::Shell;

use super::{arguments::Arguments, output};

/// The shells that completions are written for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum For {
    Bash,
    Zsh,
    Fish,
}

/// Prints what completes the commands in a shell.
pub(super) fn completions(shell: For) -> anyhow::Result<()> {
    let shell = match shell {
        For::Bash => Shell::Bash,
        For::Zsh => Shell::Zsh,
        For::Fish => Shell::Fish,
    };
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "holdfast", &mut text);
    Ok(output::print(String::from_utf8_lossy(&text))?)
}

/// Prints the manual page, or writes those of all commands to a directory.
pub(super) fn manual(directory: Option<&Path>) -> anyhow::Result<()> {
    let command = Arguments::command();
    let Some(directory) = directory else {
        let mut text = Vec::new();
        clap_mangen::Man::new(command).render(&mut text)?;
        return Ok(output::print(String::from_utf8_lossy(&text))?);
    };
    let write = || {
        fs::create_dir_all(directory)?;
        clap_mangen::generate_to(command, directory)
    };
    write().with_context(|| format!("cannot write the pages to {}", directory.display()))
}

//! What goes with an installation: completions of shells, and manual pages.

mod command;
mod configuration;
mod synopsis;
#[cfg(test)]
mod tests;

use std::{fs, path::Path};

use anyhow::Context as _;
use clap::CommandFactory as _;
use clap_complete::Shell;
use clap_mangen::roff::Roff;

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

/// A page, and the file that it goes to.
struct Page {
    file: String,
    text: String,
}

/// That of the program, those of its commands, and that of the configuration file.
fn pages() -> anyhow::Result<Vec<Page>> {
    let mut root = Arguments::command().disable_help_subcommand(true);
    root.build();
    let mut pages = Vec::new();
    add(&mut pages, &[&root])?;
    pages.push(configuration::page());
    Ok(pages)
}

/// Adds the page of a command, the last of these, and those of its own commands.
fn add(pages: &mut Vec<Page>, path: &[&clap::Command]) -> anyhow::Result<()> {
    pages.push(command::page(path)?);
    let below = path
        .last()
        .into_iter()
        .flat_map(|command| command.get_subcommands());
    for command in below.filter(|command| !command.is_hide_set()) {
        add(pages, &[path, &[command]].concat())?;
    }
    Ok(())
}

/// Prints the manual page, or writes all pages to a directory.
pub(super) fn manual(directory: Option<&Path>) -> anyhow::Result<()> {
    let pages = pages()?;
    let Some(directory) = directory else {
        let first = pages.first().context("the program has a page")?;
        return Ok(output::print(&first.text)?);
    };
    let write = || {
        fs::create_dir_all(directory)?;
        pages
            .iter()
            .try_for_each(|page| fs::write(directory.join(&page.file), &page.text))
    };
    write().with_context(|| format!("cannot write the pages to {}", directory.display()))
}

/// What all pages are of.
const MANUAL: &str = "Holdfast";

fn source() -> String {
    format!("holdfast {}", env!("CARGO_PKG_VERSION"))
}

/// A text without marks of code.
fn plain(text: &str) -> String {
    text.replace('`', "")
}

/// A page of several parts, each of which begins with the same definitions, with these once.
fn once(text: &str) -> String {
    let definitions = Roff::new().render();
    definitions.clone() + &text.replace(&definitions, "")
}

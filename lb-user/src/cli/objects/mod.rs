//! The objects of the management API: `holdfast KIND VERB`, alike for each kind.
//!
//! ```text
//! kinds (what there is to say) -> arguments -> find (names to ids) -> verbs (requests) -> view (answers)
//! ```

mod arguments;
mod find;
mod kind;
mod kinds;
mod network;
#[cfg(test)]
mod tests;
mod verbs;
mod view;

use std::path::Path;

use clap::{ArgMatches, FromArgMatches, Subcommand};

use super::{api::Api, format::Format};
use arguments::Verb;
use kind::Kind;

/// A command for objects of one kind.
#[derive(Clone)]
pub(super) struct Command {
    kind: &'static Kind,
    verb: Verb,
    matches: ArgMatches,
}

impl Command {
    pub(super) fn run(&self, socket: &Path) -> anyhow::Result<()> {
        let mut clerk = verbs::Clerk {
            kind: self.kind,
            matches: &self.matches,
            api: Api::at(socket)?,
        };
        match self.verb {
            Verb::Create => clerk.create(self.format()?),
            Verb::List => clerk.list(self.format()?),
            Verb::Show => clerk.show(self.format()?),
            Verb::Set => clerk.set(self.format()?),
            Verb::Unset => clerk.unset(self.format()?),
            Verb::Delete => clerk.delete(),
        }
    }

    fn format(&self) -> Result<Format, clap::Error> {
        Format::from_arg_matches(&self.matches)
    }
}

impl std::fmt::Debug for Command {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {:?}", self.kind.command, self.verb)
    }
}

fn kind_of(word: &str) -> Option<&'static Kind> {
    kinds::KINDS.into_iter().find(|kind| kind.command == word)
}

impl FromArgMatches for Command {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let missing = || clap::Error::new(clap::error::ErrorKind::MissingSubcommand);
        let (kind, matches) = matches.subcommand().ok_or_else(missing)?;
        let (verb, matches) = matches.subcommand().ok_or_else(missing)?;
        Ok(Self {
            kind: kind_of(kind).ok_or_else(missing)?,
            verb: Verb::of(verb).ok_or_else(missing)?,
            matches: matches.clone(),
        })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

impl Subcommand for Command {
    fn augment_subcommands(command: clap::Command) -> clap::Command {
        command.subcommands(kinds::KINDS.map(arguments::of_kind))
    }

    fn augment_subcommands_for_update(command: clap::Command) -> clap::Command {
        Self::augment_subcommands(command)
    }

    fn has_subcommand(name: &str) -> bool {
        kind_of(name).is_some()
    }
}

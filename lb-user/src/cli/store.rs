//! `holdfast store`: backups of what the management API keeps.

use std::path::{Path, PathBuf};

use anyhow::{anyhow, bail};
use clap::Subcommand;

use super::{
    ask::{ask, unexpected},
    output,
};
use crate::{
    config,
    control::{Answer, Command},
    store::{self, Replace, Summary},
};

#[derive(Debug, Subcommand)]
pub(super) enum Store {
    /// Writes all that the API keeps to a file, by the daemon that runs; changes go on meanwhile
    ///
    /// It is text, a record a line. The daemon writes it, with its rights, and for itself alone.
    Backup {
        /// Where to; what is there is replaced
        file: PathBuf,
    },
    /// Makes the store of a daemon of a backup; the daemon has to be ended for that
    Restore {
        /// The backup
        file: PathBuf,
        /// The daemon's configuration file, whose `daemon.state_path` the store is in
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
        /// In place of a store that is there, which is kept beside it
        #[arg(long)]
        replace: bool,
    },
}

pub(super) fn run(socket: &Path, command: Store) -> anyhow::Result<()> {
    match command {
        Store::Backup { file } => {
            // The daemon has a directory of its own to work in.
            let path = std::path::absolute(&file)?;
            match ask(socket, &Command::BackUpStore { path })? {
                Answer::BackedUp(summary) => say("written", &file, summary),
                other => unexpected(&other),
            }
        }
        Store::Restore {
            file,
            config,
            replace,
        } => {
            let config = match config::load(&config) {
                Ok(loaded) => loaded.config,
                Err(mistakes) => bail!("{mistakes:#}"),
            };
            let replace = if replace {
                Replace::Existing
            } else {
                Replace::Nothing
            };
            let restored = store::restore(&file, &config.daemon.state_path, replace);
            let restored = restored.map_err(|error| match error {
                store::BackupError::Exists { .. } => anyhow!("{error}; `--replace` says so"),
                // It says by itself what caused it.
                error => anyhow!("{error}"),
            })?;
            if let Some(kept) = restored.kept {
                output::complain(format_args!(
                    "the store that was there is kept as {}",
                    kept.display()
                ));
            }
            say("restored", &file, restored.summary)
        }
    }
}

fn say(done: &str, file: &Path, summary: Summary) -> anyhow::Result<()> {
    let Summary {
        revision, records, ..
    } = summary;
    let file = file.display();
    Ok(output::print(format_args!(
        "{file}: {done}, {records} records of revision {revision}"
    ))?)
}

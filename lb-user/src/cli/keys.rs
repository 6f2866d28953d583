//! The keys that seal the balancer's cookies. They are looked at and changed in their file: the daemon, which reads it at
//! each reload, need not be there.

use std::path::{Path, PathBuf};

use anyhow::bail;
use clap::{Args, Subcommand};
use serde::Serialize;

use super::{
    output,
    table::{Column, Table},
};
use crate::{
    config,
    model::{self, Config, Persistence},
    persistence::{KeyFile, KeyRing, keys::Key, token},
    proxy::KEY_FILE,
};

#[derive(Debug, Args)]
pub(super) struct Keys {
    /// The daemon's configuration file, whose `daemon.state_path` the keys are in; without it, they are where a daemon
    /// without that setting has them
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Lists the keys, the last to seal first; never their secrets
    Show {
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Adds a key, which seals from then on; the others open what they have sealed
    Rotate {
        /// How long the key only opens: time to copy the file to the other nodes, and to reload them
        #[arg(long, value_name = "SECONDS", default_value_t = 0)]
        lead: u32,
    },
    /// Drops the keys that others have replaced long ago: cookies that they sealed are not taken any more
    Prune {
        /// For how long their successors have to have sealed: longer than any pool holds a client that is away
        #[arg(long, value_name = "SECONDS")]
        older_than: u32,
    },
}

/// A key, without its secret.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Shown {
    id: String,
    created_unix_s: u32,
    seals_from_unix_s: u32,
    /// What it does now.
    does: Does,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Does {
    /// It seals, and opens.
    Seals,
    /// It will seal, and opens already.
    WillSeal,
    /// It sealed, and still opens.
    Opens,
}

pub(super) fn run(keys: Keys, now_s: u32) -> anyhow::Result<()> {
    let config = match keys.config {
        None => Config::default(),
        Some(file) => match config::load(&file) {
            Ok(loaded) => loaded.config,
            Err(mistakes) => bail!("{mistakes:#}"),
        },
    };
    let path = config.daemon.state_path.join(KEY_FILE);
    if let What::Prune { older_than } = keys.what
        && let Some(warning) = too_early(&config, older_than)
    {
        output::complain(warning);
    }
    Ok(output::print(said(&path, &keys.what, now_s)?)?)
}

/// Does it, and says what came of it.
fn said(path: &Path, what: &What, now_s: u32) -> anyhow::Result<String> {
    let file = KeyFile::at(path);
    let place = path.display();
    let known = file.load()?;
    match (what, known) {
        (What::Show { json }, Some(ring)) => {
            let shown = shown(&ring, now_s);
            Ok(if *json {
                serde_json::to_string_pretty(&shown)?
            } else {
                table(&shown, now_s)
            })
        }
        (What::Rotate { lead }, _) => {
            let (ring, dropped) = file.rotate(now_s, *lead)?;
            let new = newest(&ring).map_or(0, Key::id);
            let dropped = dropped.map_or_else(String::new, |id| {
                format!(
                    "\nthe oldest, {id:08x}, made room for it: cookies that it sealed are not taken any more"
                )
            });
            let seals = if *lead == 0 {
                "seals as soon as the daemon takes it: `holdfast reload`".to_owned()
            } else {
                format!(
                    "opens as soon as the daemon takes it, `holdfast reload`, and seals in {lead} s: by then copy \
                     {place} to the nodes that serve the same clients, and reload them"
                )
            };
            Ok(format!("key {new:08x} is in {place}; it {seals}{dropped}"))
        }
        (What::Prune { older_than }, Some(_)) => {
            let (ring, dropped) = file.prune(now_s, *older_than)?;
            let stay = ring.keys().len();
            Ok(match dropped {
                0 => format!("no key was replaced {older_than} s ago or earlier: all {stay} stay"),
                _ => format!(
                    "{dropped} dropped, {stay} left in {place}; the daemon lets go of them with `holdfast reload`"
                ),
            })
        }
        (What::Show { .. } | What::Prune { .. }, None) => bail!(
            "there are no keys at {place} yet: the daemon makes the first one when it first serves HTTP, and \
             `holdfast keys rotate` makes one now"
        ),
    }
}

/// That cookies will be refused whose sessions are not over.
fn too_early(config: &Config, older_than_s: u32) -> Option<String> {
    let held_s = |pool: &model::Pool| {
        let persistence = pool.session_persistence.as_ref()?;
        if !matches!(persistence.persistence, Persistence::HttpCookie(_)) {
            return None;
        }
        let idle_s = persistence.idle_timeout_s;
        Some(idle_s.saturating_add(token::renewal_interval_s(idle_s)))
    };
    let pools = config.pools.iter();
    let (pool, held_s) = pools
        .filter_map(|pool| Some((pool, held_s(pool)?)))
        .max_by_key(|(_, held_s)| *held_s)?;
    (held_s > older_than_s).then(|| {
        format!(
            "pool {} holds a client that is away for up to {held_s} s: those who come back with a cookie of a key that \
             is dropped now are balanced anew",
            pool.name
        )
    })
}

/// That which was made last: of two of one second, the one before which the other seals.
fn newest(ring: &KeyRing) -> Option<&Key> {
    ring.keys().iter().rev().max_by_key(|key| key.created_s())
}

fn shown(ring: &KeyRing, now_s: u32) -> Vec<Shown> {
    let sealing = ring.sealing(now_s).map(Key::id);
    let keys = ring.keys().iter();
    keys.map(|key| Shown {
        id: format!("{:08x}", key.id()),
        created_unix_s: key.created_s(),
        seals_from_unix_s: key.seals_from_s(),
        does: match key.seals_from_s() {
            _ if sealing == Some(key.id()) => Does::Seals,
            from_s if from_s > now_s => Does::WillSeal,
            _ => Does::Opens,
        },
    })
    .collect()
}

fn table(keys: &[Shown], now_s: u32) -> String {
    let mut table = Table::new([
        Column::Left("KEY"),
        Column::Right("CREATED"),
        Column::Right("SEALS FROM"),
        Column::Left("NOW"),
    ]);
    for key in keys {
        table.row([
            key.id.clone(),
            when(key.created_unix_s, now_s),
            when(key.seals_from_unix_s, now_s),
            match key.does {
                Does::Seals => "seals",
                Does::WillSeal => "opens, and will seal",
                Does::Opens => "opens",
            }
            .into(),
        ]);
    }
    table.to_string()
}

fn when(unix_s: u32, now_s: u32) -> String {
    if unix_s > now_s {
        format!("in {} s", unix_s - now_s)
    } else {
        format!("{} s ago", now_s - unix_s)
    }
}

#[cfg(test)]
mod tests;

//! Backups: text for people to read, in which a line is a record. The first line says what it is, and the last one what
//! all before it amounts to, by which one is told that was cut off or changed.

use std::{
    fmt::Write as _,
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

use ring::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use tempfile::NamedTempFile;
use uuid::Uuid;

use super::{
    Contents, Error, Key, Kind, Record, Revision, Store, file,
    schema::{self, MIGRATIONS},
};

/// The version of the text itself; what the records say is of a schema of the store.
const FORMAT: u64 = 1;

/// What a backup holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    /// The schema of the records.
    pub schema: u64,
    /// The last commit.
    pub revision: Revision,
    /// How many records there are.
    pub records: usize,
}

/// The first line.
#[derive(Serialize, Deserialize)]
struct Head {
    holdfast_store_backup: u64,
    #[serde(flatten)]
    summary: Summary,
}

#[derive(Serialize, Deserialize)]
struct Line<'a> {
    kind: Kind,
    id: Uuid,
    revision: Revision,
    #[serde(borrow)]
    value: &'a RawValue,
}

/// The last line.
#[derive(Serialize, Deserialize)]
struct Foot {
    sha256: String,
}

/// What becomes of a store that is there already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Replace {
    /// It stays, and nothing is restored.
    Nothing,
    /// It is kept as `store.redb.before-restore-NUMBER`.
    Existing,
}

/// Why there is no backup, or nothing was restored.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The store is in use or of no use.
    #[error(transparent)]
    Store(#[from] Error),
    /// The system refused something.
    #[error("cannot {what} {path}: {source}")]
    Io {
        /// What was tried.
        what: &'static str,
        /// With what.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
    /// It says of itself what it is, and is not that.
    #[error(
        "{path} is cut off or was changed: only a backup as `holdfast store backup` wrote it is restored"
    )]
    Altered {
        /// The file.
        path: PathBuf,
    },
    /// It is something else.
    #[error("{path}, line {line}: {what}; a backup is what `holdfast store backup` writes")]
    NoBackup {
        /// The file.
        path: PathBuf,
        /// The number of the line.
        line: usize,
        /// What is wrong with it.
        what: String,
    },
    /// A newer version has written it.
    #[error(
        "{path} is a backup of {what} {found}, and this version of holdfast knows none after {known}: use a newer one"
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// What is newer.
        what: &'static str,
        /// What it is.
        found: u64,
        /// The last that is known.
        known: u64,
    },
    /// There is a store already.
    #[error("there is a store already, {path}: say that it is to be replaced; it is kept beside the new one")]
    Exists {
        /// Its file.
        path: PathBuf,
    },
}

/// Writes all that is in a store to a file, in place of one that may be there; commits go on meanwhile. The file is for its
/// owner alone.
pub fn backup(store: &dyn Store, to: &Path) -> Result<Summary, BackupError> {
    let contents = store.load()?;
    let failed = |source| BackupError::Io {
        what: "write",
        path: to.to_owned(),
        source,
    };
    let text = to_text(&contents).map_err(|error| failed(error.into()))?;
    write(&text, to).map_err(failed)?;
    Ok(summary(&contents))
}

fn write(text: &str, to: &Path) -> io::Result<()> {
    let directory = match to.parent() {
        Some(directory) if !directory.as_os_str().is_empty() => directory,
        _ => Path::new("."),
    };
    // Made for its owner alone.
    let file = NamedTempFile::new_in(directory)?;
    io::Write::write_all(&mut file.as_file(), text.as_bytes())?;
    file.as_file().sync_all()?;
    file.persist(to)?;
    file::sync(directory)
}

/// What was restored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restored {
    /// What the backup holds.
    pub summary: Summary,
    /// Where the store is that was there before.
    pub kept: Option<PathBuf>,
}

/// Makes a store of a backup, in a directory in which no daemon works. It goes on from the last commit of the store that
/// was there: what has been written meanwhile has revisions that nothing else ever gets.
pub fn restore(from: &Path, directory: &Path, replace: Replace) -> Result<Restored, BackupError> {
    let text = fs::read_to_string(from).map_err(|source| BackupError::Io {
        what: "read",
        path: from.to_owned(),
        source,
    })?;
    let (schema, mut contents) = from_text(&text, from)?;
    let summary = Summary {
        schema,
        ..summary(&contents)
    };
    let path = file::path(directory);
    let failed = |fault| {
        let path = path.clone();
        BackupError::Store(Error { path, fault })
    };
    let _lock = file::lock(directory, Duration::ZERO).map_err(failed)?;
    let exists = path.try_exists().map_err(|error| failed(error.into()))?;
    let kept = match replace {
        Replace::Nothing if exists => return Err(BackupError::Exists { path }),
        Replace::Existing if exists => Some(file::keep(directory).map_err(failed)?),
        _ => None,
    };
    if kept.is_some() {
        let last = file::last_revision(directory).unwrap_or_default();
        contents.revision = contents.revision.max(last);
    }
    file::create(directory, schema, &contents).map_err(failed)?;
    Ok(Restored { summary, kept })
}

fn summary(contents: &Contents) -> Summary {
    Summary {
        schema: schema::last(MIGRATIONS),
        revision: contents.revision,
        records: contents.records.len(),
    }
}

fn to_text(contents: &Contents) -> serde_json::Result<String> {
    let head = Head {
        holdfast_store_backup: FORMAT,
        summary: summary(contents),
    };
    let mut text = serde_json::to_string(&head)? + "\n";
    for (key, record) in &contents.records {
        let line = Line {
            kind: key.kind,
            id: key.id,
            revision: record.revision,
            value: serde_json::from_slice(&record.value)?,
        };
        text += &serde_json::to_string(&line)?;
        text.push('\n');
    }
    let foot = Foot {
        sha256: sha256(&text),
    };
    Ok(text + &serde_json::to_string(&foot)? + "\n")
}

fn from_text(text: &str, path: &Path) -> Result<(u64, Contents), BackupError> {
    let path = || path.to_owned();
    let altered = || BackupError::Altered { path: path() };
    let newer = |what, found, known| BackupError::Newer {
        path: path(),
        what,
        found,
        known,
    };
    let no_backup = |line, error: serde_json::Error| BackupError::NoBackup {
        path: path(),
        line,
        what: error.to_string(),
    };

    let first = text.lines().next().unwrap_or_default();
    let head: Head = serde_json::from_str(first).map_err(|error| no_backup(1, error))?;
    if head.holdfast_store_backup > FORMAT {
        return Err(newer("format", head.holdfast_store_backup, FORMAT));
    }
    let known = schema::last(MIGRATIONS);
    if head.summary.schema > known {
        return Err(newer("schema", head.summary.schema, known));
    }

    let end = text.trim_end_matches('\n').rfind('\n').map_or(0, |end| end + 1);
    let (summed, last) = text.split_at(end);
    match serde_json::from_str::<Foot>(last) {
        Ok(foot) if foot.sha256 == sha256(summed) => {}
        _ => return Err(altered()),
    }
    let mut contents = Contents {
        revision: head.summary.revision,
        ..Contents::default()
    };
    for (number, line) in summed.lines().enumerate().skip(1) {
        let line: Line = serde_json::from_str(line).map_err(|error| no_backup(number + 1, error))?;
        let key = Key {
            kind: line.kind,
            id: line.id,
        };
        let record = Record {
            revision: line.revision,
            value: line.value.get().as_bytes().to_owned(),
        };
        contents.records.insert(key, record);
    }
    Ok((head.summary.schema, contents))
}

fn sha256(text: &str) -> String {
    let mut hex = String::new();
    for byte in digest(&SHA256, text.as_bytes()).as_ref() {
        let _ = write!(hex, "{byte:02x}");
    }
    hex
}

//! Why something was not read or written.

use std::path::PathBuf;

use super::{Key, MAX_CHANGES, MAX_VALUE_BYTES, Revision};
use crate::lock::{Holder, Refusal};

/// What is wrong with which store.
#[derive(Debug, thiserror::Error)]
#[error("the store {path}: {fault}")]
pub struct Error {
    /// Where it lies.
    pub path: PathBuf,
    /// What is wrong. It is said already: a source would be said once more.
    pub fault: Fault,
}

/// What may be wrong with a store.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// Somebody else has it open.
    #[error(
        "{0} works on it, and only one may: stop that one first (`holdfast stop`), or give this one another `state_path`"
    )]
    Held(Holder),
    /// A newer version has written it.
    #[error(
        "it is of schema {found}, and this version of holdfast knows none after {known}: use the version that wrote it, \
         or restore a backup of this one (`holdfast store restore FILE --config CONFIG --replace`)"
    )]
    Newer {
        /// Its schema.
        found: u64,
        /// The last schema that is known.
        known: u64,
    },
    /// Something else has written it, or it was changed by something else since.
    #[error(
        "it is damaged, or not of holdfast ({0}): restore a backup (`holdfast store restore FILE --config CONFIG --replace`)"
    )]
    Damaged(String),
    /// The system refused something; nothing has changed by it.
    #[error("it cannot be read or written: {0}")]
    Disk(String),
    /// It was closed, since another daemon takes over.
    #[error("it is closed, since another daemon takes over: ask that one")]
    Closed,
}

impl From<redb::Error> for Fault {
    fn from(error: redb::Error) -> Self {
        match error {
            redb::Error::DatabaseAlreadyOpen | redb::Error::LockProtocolMismatch => {
                Self::Held(Holder::Hidden)
            }
            redb::Error::DatabaseClosed => Self::Closed,
            // A file that is no database at all, or too short for what it says.
            redb::Error::Io(error)
                if matches!(
                    error.kind(),
                    std::io::ErrorKind::InvalidData | std::io::ErrorKind::UnexpectedEof
                ) =>
            {
                Self::Damaged(error.to_string())
            }
            redb::Error::Corrupted(_)
            | redb::Error::UpgradeRequired(_)
            | redb::Error::RepairAborted
            | redb::Error::TableTypeMismatch { .. }
            | redb::Error::TypeDefinitionChanged { .. }
            | redb::Error::TableIsMultimap(_)
            | redb::Error::TableDoesNotExist(_) => Self::Damaged(error.to_string()),
            redb::Error::Io(error) => Self::Disk(error.to_string()),
            other => Self::Disk(other.to_string()),
        }
    }
}

/// The errors of redb, each of which is one of `redb::Error`.
macro_rules! from_redb {
    ($($error:ident)+) => {$(
        impl From<redb::$error> for Fault {
            fn from(error: redb::$error) -> Self {
                redb::Error::from(error).into()
            }
        }
    )+};
}
from_redb!(DatabaseError TransactionError TableError StorageError CommitError);

impl From<std::io::Error> for Fault {
    fn from(error: std::io::Error) -> Self {
        redb::Error::Io(error).into()
    }
}

impl From<Refusal> for Fault {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Held(holder) => Self::Held(holder),
            Refusal::Failed(error) => error.into(),
        }
    }
}

/// Why nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum CommitError {
    /// A record is not as it was expected to be.
    #[error("{key} {}", found.map_or("is not there".to_owned(), |revision| format!("is there, of revision {revision}")))]
    Conflict {
        /// Which.
        key: Key,
        /// What it is of, if it is there.
        found: Option<Revision>,
    },
    /// It is too much at once.
    #[error("{0} changes at once; at most {MAX_CHANGES} may be made")]
    TooMany(usize),
    /// A value is too long.
    #[error("{key} would be {length_bytes} bytes long; at most {MAX_VALUE_BYTES} may be kept")]
    TooLong {
        /// Which.
        key: Key,
        /// How long it is.
        length_bytes: usize,
    },
    /// A value is not what a backup could hold.
    #[error("{0} would not be JSON on one line with no blanks around it")]
    NotJson(Key),
    /// The store has failed.
    #[error(transparent)]
    Store(#[from] Error),
}

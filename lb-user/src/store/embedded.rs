//! The store of one node.

use std::{
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use redb::{Database, ReadableDatabase as _, WriteTransaction, backends::InMemoryBackend};
use serde_json::value::RawValue;
use tokio::sync::watch;

use super::{
    Change, CommitError, Contents, Error, Fault, Key, MAX_CHANGES, MAX_VALUE_BYTES, Record, Revision, Store,
    file,
    schema::{self, Changed, MIGRATIONS},
};
use crate::lock::Lock;

/// A store in a file of this host, which is nobody else's as long as it is open.
pub struct Embedded {
    /// What messages call it.
    path: PathBuf,
    /// What is locked while it is open.
    directory: Option<PathBuf>,
    open: Open,
    state: Mutex<Option<Opened>>,
    revision: watch::Sender<Revision>,
}

/// Opens the database that is there.
pub(super) type Open = Box<dyn Fn() -> Result<Database, Fault> + Send + Sync>;

struct Opened {
    /// None: something has failed, after which redb wants to be opened again.
    database: Option<Database>,
    /// What then has to be undone first. A daemon that ends before that leaves its last commit there or not, as one does
    /// that is killed while it commits.
    undo: Option<Undo>,
    _lock: Option<Lock>,
}

/// What there was before a commit that has failed. It may be there all the same: where the last wait for the disk fails,
/// the file is read as if it had not.
struct Undo {
    revision: Revision,
    records: Vec<(Key, Option<Record>)>,
}

/// What became of a commit.
enum Outcome {
    Committed(Revision),
    Conflict { key: Key, found: Option<Revision> },
}

impl Embedded {
    /// Opens the store of a directory, or makes it. Another process that has it is given so much time to let go of it.
    pub fn open(directory: &Path, patience: Duration) -> Result<Self, Error> {
        let path = file::path(directory);
        let open = {
            let path = path.clone();
            move || Ok(file::builder().open(&path)?)
        };
        let store = Self::closed(path, Some(directory.to_owned()), Box::new(open));
        store.reopen(patience)?;
        Ok(store)
    }

    /// An empty store that goes with the process. For tests of what is above it.
    #[must_use]
    pub fn in_memory() -> Self {
        let open = || {
            let database = file::builder().create_with_backend(InMemoryBackend::new())?;
            schema::fill(&database, schema::last(MIGRATIONS), &Contents::default())?;
            Ok(database)
        };
        let store = Self::closed("in memory".into(), None, Box::new(open));
        store.reopen(Duration::ZERO).expect("memory does not fail");
        store
    }

    pub(super) fn closed(path: PathBuf, directory: Option<PathBuf>, open: Open) -> Self {
        Self {
            path,
            directory,
            open,
            state: Mutex::new(None),
            revision: watch::Sender::default(),
        }
    }

    /// Lets go of the file, so that another daemon can open it. Until it is opened again, whatever is asked of it fails by
    /// [`Fault::Closed`].
    pub fn close(&self) {
        *self.state() = None;
    }

    /// Opens the file again, for a daemon that goes on since the other one has failed.
    pub fn reopen(&self, patience: Duration) -> Result<(), Error> {
        let mut state = self.state();
        if state.is_none() {
            *state = Some(self.opened(patience).map_err(|fault| self.error(fault))?);
        }
        Ok(())
    }

    fn opened(&self, patience: Duration) -> Result<Opened, Fault> {
        let lock = match &self.directory {
            Some(directory) => Some(file::lock_or_create(directory, patience)?),
            None => None,
        };
        let mut opened = Opened {
            database: None,
            undo: None,
            _lock: lock,
        };
        self.usable(&mut opened)?;
        Ok(opened)
    }

    /// The database, in which nothing is that has failed.
    fn usable<'a>(&self, opened: &'a mut Opened) -> Result<&'a Database, Fault> {
        let database = match opened.database.take() {
            Some(database) => database,
            None => self.settled(opened.undo.as_ref())?,
        };
        opened.undo = None;
        Ok(opened.database.insert(database))
    }

    fn settled(&self, undo: Option<&Undo>) -> Result<Database, Fault> {
        let database = (self.open)()?;
        let transaction = schema::begin(&database)?;
        let migrated = schema::migrate(&transaction, MIGRATIONS)?;
        let undone = undo.map_or(Ok(Changed::Nothing), |undo| undo.apply(&transaction))?;
        let revision = schema::revision(&transaction)?;
        match (migrated, undone) {
            (Changed::Nothing, Changed::Nothing) => transaction.abort()?,
            _ => transaction.commit()?,
        }
        self.tell(revision);
        Ok(database)
    }

    fn tell(&self, revision: Revision) {
        self.revision
            .send_if_modified(|known| std::mem::replace(known, revision) != revision);
    }

    fn state(&self) -> MutexGuard<'_, Option<Opened>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn error(&self, fault: Fault) -> Error {
        Error {
            path: self.path.clone(),
            fault,
        }
    }
}

impl Store for Embedded {
    fn load(&self) -> Result<Contents, Error> {
        let transaction = {
            let mut state = self.state();
            let opened = state.as_mut().ok_or(Fault::Closed);
            let begun = opened.and_then(|opened| Ok(self.usable(opened)?.begin_read()?));
            begun.map_err(|fault| self.error(fault))?
        };
        // Commits go on meanwhile.
        schema::read(&transaction).map_err(|fault| {
            if let Some(opened) = self.state().as_mut() {
                opened.database = None;
            }
            self.error(fault)
        })
    }

    fn commit(&self, changes: &[Change]) -> Result<Revision, CommitError> {
        check(changes)?;
        let mut state = self.state();
        let opened = state.as_mut().ok_or_else(|| self.error(Fault::Closed))?;
        let database = self.usable(opened).map_err(|fault| self.error(fault))?;
        let mut undo = None;
        match write(database, changes, &mut undo) {
            Ok(Outcome::Committed(revision)) => {
                self.tell(revision);
                Ok(revision)
            }
            Ok(Outcome::Conflict { key, found }) => Err(CommitError::Conflict { key, found }),
            Err(fault) => {
                opened.database = None;
                opened.undo = undo;
                // Where that fails too, it is tried again before anything else is done.
                let _ = self.usable(opened);
                Err(self.error(fault).into())
            }
        }
    }

    fn watch(&self) -> watch::Receiver<Revision> {
        self.revision.subscribe()
    }
}

fn check(changes: &[Change]) -> Result<(), CommitError> {
    if changes.len() > MAX_CHANGES {
        return Err(CommitError::TooMany(changes.len()));
    }
    for Change { key, value, .. } in changes {
        let value = value.as_deref().unwrap_or(b"null");
        if value.len() > MAX_VALUE_BYTES {
            return Err(CommitError::TooLong {
                key: *key,
                length_bytes: value.len(),
            });
        }
        // Line breaks and blanks are what JSON may have that a backup would not give back.
        let json = serde_json::from_slice::<&RawValue>(value);
        if !json.is_ok_and(|json| json.get().len() == value.len() && !value.contains(&b'\n')) {
            return Err(CommitError::NotJson(*key));
        }
    }
    Ok(())
}

fn write(database: &Database, changes: &[Change], undo: &mut Option<Undo>) -> Result<Outcome, Fault> {
    let transaction = schema::begin(database)?;
    let before = schema::revision(&transaction)?;
    let revision = before.next();
    let undo = undo.insert(Undo {
        revision: before,
        records: Vec::new(),
    });
    let mut records = transaction.open_table(schema::RECORDS)?;
    for Change { key, expected, value } in changes {
        let record = schema::get(&records, key)?;
        let found = record.as_ref().map(|record| record.revision);
        if !expected.is_met_by(found) {
            drop(records);
            transaction.abort()?;
            return Ok(Outcome::Conflict { key: *key, found });
        }
        undo.records.push((*key, record));
        let value = value.as_deref().map(|value| (revision, value));
        schema::put(&mut records, key, value)?;
    }
    drop(records);
    schema::set_revision(&transaction, revision)?;
    transaction.commit()?;
    Ok(Outcome::Committed(revision))
}

impl Undo {
    fn apply(&self, transaction: &WriteTransaction) -> Result<Changed, Fault> {
        if schema::revision(transaction)? != self.revision.next() {
            return Ok(Changed::Nothing);
        }
        let mut records = transaction.open_table(schema::RECORDS)?;
        // A record that was changed twice becomes what it was before the first time.
        for (key, record) in self.records.iter().rev() {
            let record = record
                .as_ref()
                .map(|record| (record.revision, record.value.as_slice()));
            schema::put(&mut records, key, record)?;
        }
        schema::set_revision(transaction, self.revision)?;
        Ok(Changed::Something)
    }
}

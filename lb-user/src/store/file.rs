//! The file of the embedded store. It is there as a whole or not at all: a new one is made beside it, and gets its name when
//! all of it is on the disk.

use std::{
    fs::{self, DirBuilder, File},
    io,
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
    time::Duration,
};

use redb::{Builder, backends::FileBackend};
use tempfile::NamedTempFile;

use super::{
    Contents, Fault, Revision,
    schema::{self, MIGRATIONS},
};
use crate::lock::{self, Lock};

const NAME: &str = "store.redb";
/// What comes after the name of a file that was replaced; then a number.
const BEFORE_RESTORE: &str = "before-restore";
/// How many of them are kept.
const MOST_KEPT: u32 = 1000;
/// The objects themselves are in memory already, in the layer above.
const CACHE_BYTES: usize = 8 * 1024 * 1024;

/// The file of a directory.
pub(super) fn path(directory: &Path) -> PathBuf {
    directory.join(NAME)
}

/// How databases are opened.
pub(super) fn builder() -> Builder {
    let mut builder = Builder::new();
    builder.set_cache_size(CACHE_BYTES);
    // Who opens a damaged file finds out then, and not in the middle of something. It also makes the quick repair of redb
    // needless, which has each commit write more.
    builder.set_check_integrity_on_open(true);
    builder
}

/// Makes the directory, for its owner alone, and the file in it, where they are not there. They are nobody else's while the
/// lock is there.
pub(super) fn lock_or_create(directory: &Path, patience: Duration) -> Result<Lock, Fault> {
    let lock = lock(directory, patience)?;
    if !path(directory).try_exists()? {
        create(directory, schema::last(MIGRATIONS), &Contents::default())?;
    }
    Ok(lock)
}

/// Makes the directory, for its owner alone, where it is not there, and locks it.
pub(super) fn lock(directory: &Path, patience: Duration) -> Result<Lock, Fault> {
    DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
    Ok(lock::take(directory, patience)?)
}

/// Makes the file, for its owner alone, in place of one that may be there.
pub(super) fn create(directory: &Path, schema: u64, contents: &Contents) -> Result<(), Fault> {
    let file = NamedTempFile::new_in(directory)?;
    let database = builder().create_with_backend(FileBackend::new(file.reopen()?)?)?;
    schema::fill(&database, schema, contents)?;
    database.close()?;
    file.as_file().sync_all()?;
    file.persist(path(directory)).map_err(|error| error.error)?;
    Ok(sync(directory)?)
}

/// Gives the file a further name, under which it stays when another one takes its place.
pub(super) fn keep(directory: &Path) -> Result<PathBuf, Fault> {
    let names = (1..=MOST_KEPT).map(|number| directory.join(format!("{NAME}.{BEFORE_RESTORE}-{number}")));
    for kept in names {
        match fs::hard_link(path(directory), &kept) {
            Ok(()) => {
                sync(directory)?;
                return Ok(kept);
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(Fault::Disk(format!(
        "{MOST_KEPT} stores that were replaced are kept beside it: move away those that nobody needs"
    )))
}

/// The last commit to the file, as far as it can be read.
pub(super) fn last_revision(directory: &Path) -> Option<Revision> {
    let database = builder().open(path(directory)).ok()?;
    let transaction = schema::begin(&database).ok()?;
    schema::revision(&transaction).ok()
}

/// New names too are to survive a power failure.
pub(super) fn sync(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}

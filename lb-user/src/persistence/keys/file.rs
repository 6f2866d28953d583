//! The file of a key ring.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Read as _, Write as _},
    os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use nix::unistd::geteuid;
use tempfile::NamedTempFile;

use super::{KeyRing, LineError, NoRandomness};

/// A full ring takes a small part of that; the rest is for comments.
const LONGEST: u64 = 64 * 1024;

/// Why there are no keys.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// Others than the owner may do something with the file.
    #[error(
        "{path} is open to others (mode {mode:04o}), who could make cookies: `chmod 600 {path}`, and \
         `holdfast keys rotate` if anyone may have read it"
    )]
    OpenToOthers {
        /// The file.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// The file is of a user who is neither this one nor root.
    #[error("{path} belongs to user {owner}, who could make cookies: `chown {user} {path}`")]
    OtherOwner {
        /// The file.
        path: PathBuf,
        /// Whose it is.
        owner: u32,
        /// Whose it should be.
        user: u32,
    },
    /// Something is wrong with a line.
    #[error("{path}, line {line}: {error}")]
    Line {
        /// The file.
        path: PathBuf,
        /// The number of the line.
        line: usize,
        /// What is wrong.
        error: LineError,
    },
    /// The file is far too long, or not text at all.
    #[error("{path} is no key file: that is text of at most {LONGEST} bytes")]
    NoText {
        /// The file.
        path: PathBuf,
    },
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
    /// There is nothing to make keys of.
    #[error(transparent)]
    NoRandomness(#[from] NoRandomness),
}

/// Where the keys of a node are kept: a file for its owner only, which is replaced as a whole. Who changes it holds a lock,
/// on a file beside it, since the file itself is another one afterwards.
#[derive(Clone, Debug)]
pub struct KeyFile {
    path: PathBuf,
}

impl KeyFile {
    /// The key file at that path. A link is followed, also when the file is replaced.
    #[must_use]
    pub fn at(path: &Path) -> Self {
        Self {
            path: fs::canonicalize(path).unwrap_or_else(|_| path.to_owned()),
        }
    }

    /// Reads the keys. Before the first start there are none: `None`.
    pub fn load(&self) -> Result<Option<KeyRing>, KeyFileError> {
        match File::open(&self.path) {
            Ok(file) => self.read(&file).map(Some),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(self.failed("open", error)),
        }
    }

    /// Reads the keys, or makes the first one.
    pub fn load_or_create(&self, now_s: u32) -> Result<KeyRing, KeyFileError> {
        if let Some(ring) = self.load()? {
            return Ok(ring);
        }
        self.change(now_s, |_| Ok(())).map(|(ring, ())| ring)
    }

    /// Reads the keys. Where the file is gone, it is written anew with these, and there are no others: `None`.
    pub fn load_or_restore(&self, ring: &KeyRing) -> Result<Option<KeyRing>, KeyFileError> {
        if let Some(ring) = self.load()? {
            return Ok(Some(ring));
        }
        self.make_directory()?;
        let _lock = self.lock().map_err(|error| self.failed("lock", error))?;
        self.write(ring).map_err(|error| self.failed("write", error))?;
        Ok(None)
    }

    /// Adds a key that seals in `lead_s` seconds: see [`super`] for how long that has to be. Returns the keys, and the id of
    /// the oldest if it had to make room.
    pub fn rotate(&self, now_s: u32, lead_s: u32) -> Result<(KeyRing, Option<u32>), KeyFileError> {
        self.change(now_s, |ring| ring.rotate(now_s, lead_s))
    }

    /// Drops the keys whose successors have sealed for `age_s` seconds already. Returns the keys, and how many went.
    pub fn prune(&self, now_s: u32, age_s: u32) -> Result<(KeyRing, usize), KeyFileError> {
        self.change(now_s, |ring| Ok(ring.prune(now_s.saturating_sub(age_s))))
    }

    /// Changes the keys as they are by then, so that two that change them at once lose nothing.
    fn change<R>(
        &self,
        now_s: u32,
        change: impl FnOnce(&mut KeyRing) -> Result<R, NoRandomness>,
    ) -> Result<(KeyRing, R), KeyFileError> {
        self.make_directory()?;
        let _lock = self.lock().map_err(|error| self.failed("lock", error))?;
        let mut ring = match self.load()? {
            Some(ring) => ring,
            None => KeyRing::begin(now_s)?,
        };
        let result = change(&mut ring)?;
        self.write(&ring).map_err(|error| self.failed("write", error))?;
        Ok((ring, result))
    }

    fn read(&self, file: &File) -> Result<KeyRing, KeyFileError> {
        self.check_access(file)?;
        let mut text = String::new();
        match file.take(LONGEST + 1).read_to_string(&mut text) {
            Ok(length) if length as u64 <= LONGEST => {}
            Err(error) if error.kind() != io::ErrorKind::InvalidData => {
                return Err(self.failed("read", error));
            }
            _ => {
                return Err(KeyFileError::NoText {
                    path: self.path.clone(),
                });
            }
        }
        KeyRing::parse(&text).map_err(|(line, error)| KeyFileError::Line {
            path: self.path.clone(),
            line,
            error,
        })
    }

    fn check_access(&self, file: &File) -> Result<(), KeyFileError> {
        let found = file.metadata().map_err(|error| self.failed("read", error))?;
        let path = self.path.clone();
        let (owner, user) = (found.uid(), geteuid().as_raw());
        if owner != user && owner != 0 {
            return Err(KeyFileError::OtherOwner { path, owner, user });
        }
        match found.mode() & 0o7777 {
            mode if mode & 0o077 != 0 => Err(KeyFileError::OpenToOthers { path, mode }),
            _ => Ok(()),
        }
    }

    fn make_directory(&self) -> Result<(), KeyFileError> {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(self.directory())
            .map_err(|error| self.failed("make the directory of", error))
    }

    fn lock(&self) -> io::Result<File> {
        let mut path = self.path.clone().into_os_string();
        path.push(".lock");
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(path)?;
        file.lock()?;
        Ok(file)
    }

    fn write(&self, ring: &KeyRing) -> io::Result<()> {
        // With mode 0600 from the beginning.
        let mut file = NamedTempFile::new_in(self.directory())?;
        file.write_all(ring.to_text().as_bytes())?;
        file.as_file().sync_all()?;
        file.persist(&self.path)?;
        // The new name too is to survive a power failure.
        File::open(self.directory())?.sync_all()
    }

    fn directory(&self) -> &Path {
        match self.path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        }
    }

    fn failed(&self, what: &'static str, source: io::Error) -> KeyFileError {
        KeyFileError::Io {
            what,
            path: self.path.clone(),
            source,
        }
    }
}

//! The directory of the pins: whose it is, and what of it was there before.

use std::{
    collections::HashSet,
    ffi::OsString,
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

use nix::sys::statfs::{BPF_FS_MAGIC, statfs};
use tracing::warn;

use super::Error;
use crate::lock::{self, Lock, Refusal};

const LINK: &str = "link-";

/// The directory of the pins, which is nobody else's as long as this lives. Until they are kept, new pins go with it.
pub(super) struct Pins {
    path: PathBuf,
    stay: Stay,
    /// None: another daemon works on it meanwhile.
    lock: Option<Lock>,
}

/// What becomes of new pins.
enum Stay {
    /// They go again: all but those that were there before; and so do the directories that were made for them.
    UntilDropped {
        before: HashSet<OsString>,
        made: Vec<PathBuf>,
    },
    /// They outlive the daemon.
    ForGood,
}

impl Pins {
    /// Makes the directory where it is missing, and locks it.
    pub(super) fn claim(path: &Path) -> Result<Self, Error> {
        let failed = |source| Error::Pin {
            path: path.to_owned(),
            source,
        };
        loop {
            let made = make_directory(path).map_err(failed)?;
            match lock::take(path, lock::TIME_TO_END) {
                Ok(lock) => {
                    let before = names(path).map_err(failed)?;
                    return Ok(Self {
                        path: path.to_owned(),
                        stay: Stay::UntilDropped { before, made },
                        lock: Some(lock),
                    });
                }
                // Whoever had it has removed it at last.
                Err(Refusal::Failed(error)) if error.kind() == io::ErrorKind::NotFound => {}
                Err(refusal) => return Err(refused(path, refusal)),
            }
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Leaves it to another daemon, until it is reclaimed.
    pub(super) fn lend(&mut self) {
        self.lock = None;
    }

    /// Takes it back, if the other daemon has let go of it.
    pub(super) fn reclaim(&mut self) -> Result<(), Error> {
        self.lock =
            Some(lock::take(&self.path, Duration::ZERO).map_err(|refusal| refused(&self.path, refusal))?);
        Ok(())
    }

    /// What is pinned outlives the daemon from now on.
    pub(super) fn keep(&mut self) {
        self.stay = Stay::ForGood;
    }
}

impl Drop for Pins {
    fn drop(&mut self) {
        let Stay::UntilDropped { before, made } = &self.stay else {
            return;
        };
        // There are none where all of it was removed.
        for name in names(&self.path).unwrap_or_default().difference(before) {
            let pin = self.path.join(name);
            if let Err(error) = remove(&pin) {
                warn!("{} is left behind: {error}", pin.display());
            }
        }
        for directory in made {
            let _ = fs::remove_dir(directory);
        }
    }
}

fn refused(path: &Path, refusal: Refusal) -> Error {
    let path = path.to_owned();
    match refusal {
        Refusal::Held(holder) => Error::Held { path, holder },
        Refusal::Failed(source) => Error::Pin { path, source },
    }
}

/// Removes a pin, or a directory of pins.
pub(super) fn remove(pin: &Path) -> io::Result<()> {
    if pin.is_dir() {
        fs::remove_dir_all(pin)
    } else {
        fs::remove_file(pin)
    }
}

/// The pin of the link to an interface. By its index: the link stays with that, whatever the name is; and a BPF file
/// system takes no name with a dot, as VLANs have it.
pub(super) fn of_link(pins: &Path, ifindex: u32) -> PathBuf {
    pins.join(format!("{LINK}{ifindex}"))
}

/// Whether a pin of this name is of a link.
pub(super) fn is_link(name: &str) -> bool {
    name.starts_with(LINK)
}

/// The pins of all links.
pub(super) fn of_links(pins: &Path) -> Vec<PathBuf> {
    let names = names(pins).unwrap_or_default().into_iter();
    let links = names.filter(|name| name.to_str().is_some_and(is_link));
    links.map(|name| pins.join(name)).collect()
}

/// The names in a directory.
pub(super) fn names(directory: &Path) -> io::Result<HashSet<OsString>> {
    fs::read_dir(directory)?
        .map(|entry| Ok(entry?.file_name()))
        .collect()
}

/// Makes a directory, which only a BPF file system can hold; which ones had to be made, the innermost first.
fn make_directory(path: &Path) -> io::Result<Vec<PathBuf>> {
    let missing = path.ancestors().take_while(|path| !path.exists());
    let missing: Vec<PathBuf> = missing.map(Path::to_owned).collect();
    let existing = path.ancestors().nth(missing.len()).unwrap_or(path);
    if statfs(existing)?.filesystem_type() != BPF_FS_MAGIC {
        let reason =
            "is in no BPF file system; /sys/fs/bpf is one, where `mount -t bpf bpf /sys/fs/bpf` was done";
        return Err(io::Error::other(reason));
    }
    fs::create_dir_all(path)?;
    Ok(missing)
}

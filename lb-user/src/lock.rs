//! One daemon at a time works on what lies in a directory. The directory itself is locked: the kernel lets go of it however
//! the daemon ends, and it is the same one in whatever namespace it is seen from.

use std::{
    fmt,
    fs::{self, File},
    io,
    os::unix::fs::MetadataExt as _,
    path::Path,
    thread,
    time::{Duration, Instant},
};

use nix::{
    errno::Errno,
    fcntl::{Flock, FlockArg},
    sys::stat::{major, minor},
};

/// How long a daemon may take to be gone that was told to end, or was killed: the kernel frees its memory first.
pub const TIME_TO_END: Duration = Duration::from_secs(2);
const PAUSE: Duration = Duration::from_millis(10);

/// The lock, for as long as this lives.
pub(crate) struct Lock(#[expect(dead_code, reason = "held")] Flock<File>);

/// The process that works on a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Holder {
    /// Its number, and the command that it was started by.
    Process(u32, String),
    /// One that cannot be seen from here.
    Hidden,
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Process(number, command) => write!(f, "process {number} (`{command}`)"),
            Self::Hidden => f.write_str("a process that cannot be seen from here"),
        }
    }
}

/// Why there is no lock.
pub(crate) enum Refusal {
    Held(Holder),
    Failed(io::Error),
}

impl From<io::Error> for Refusal {
    fn from(error: io::Error) -> Self {
        Self::Failed(error)
    }
}

/// Who works on `directory`, and goes on to do so for so long.
#[must_use]
pub fn holder(directory: &Path, patience: Duration) -> Option<Holder> {
    match take(directory, patience) {
        Err(Refusal::Held(holder)) => Some(holder),
        // What else is wrong is found by who needs the lock.
        Ok(_) | Err(Refusal::Failed(_)) => None,
    }
}

/// Locks a directory.
pub(crate) fn take(directory: &Path, patience: Duration) -> Result<Lock, Refusal> {
    let since = Instant::now();
    loop {
        let opened = File::open(directory)?;
        match Flock::lock(opened, FlockArg::LockExclusiveNonblock) {
            // Who had it may have removed the directory at last, and another one be there.
            Ok(lock) if is_at(&lock, directory)? => return Ok(Lock(lock)),
            Ok(_) => {}
            Err((opened, Errno::EWOULDBLOCK)) => {
                if since.elapsed() >= patience {
                    return Err(Refusal::Held(find_holder(&opened)));
                }
                thread::sleep(PAUSE);
            }
            Err((_, error)) => return Err(Refusal::Failed(error.into())),
        }
    }
}

fn is_at(opened: &File, path: &Path) -> io::Result<bool> {
    let (opened, found) = (opened.metadata()?, fs::metadata(path)?);
    Ok((opened.dev(), opened.ino()) == (found.dev(), found.ino()))
}

fn find_holder(file: &File) -> Holder {
    let found = || {
        let file = file.metadata().ok()?;
        let inode = format!(
            "{:02x}:{:02x}:{}",
            major(file.dev()),
            minor(file.dev()),
            file.ino()
        );
        let number = holder_in(&fs::read_to_string("/proc/locks").ok()?, &inode)?;
        let command = fs::read_to_string(format!("/proc/{number}/cmdline")).ok()?;
        let command = command.trim_end_matches('\0').replace('\0', " ");
        Some(Holder::Process(number, command))
    };
    found().unwrap_or(Holder::Hidden)
}

/// The holder of a file's lock in `/proc/locks` (proc(5)); a process of another namespace is 0 there.
fn holder_in(locks: &str, inode: &str) -> Option<u32> {
    let mut numbers = locks.lines().filter_map(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        match fields[..] {
            // A line that begins with an arrow is of one who waits.
            [_, "FLOCK", _, _, number, found, ..] if found == inode => number.parse().ok(),
            _ => None,
        }
    });
    numbers.find(|number| *number > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_holds_a_lock_is_found_among_the_others() {
        let locks = "\
1: POSIX  ADVISORY  WRITE 17 00:1b:812 0 EOF
2: FLOCK  ADVISORY  WRITE 23 00:1b:812 0 EOF
2: -> FLOCK  ADVISORY  WRITE 29 00:1b:812 0 EOF
3: FLOCK  ADVISORY  WRITE 0 00:1b:900 0 EOF
";
        assert_eq!(holder_in(locks, "00:1b:812"), Some(23));
        assert_eq!(holder_in(locks, "00:1b:900"), None);
        assert_eq!(holder_in(locks, "00:1b:8"), None);
    }

    #[test]
    fn a_directory_is_locked_until_who_holds_it_lets_go() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path();
        let lock = take(path, Duration::ZERO).ok().expect("nobody has it");
        match holder(path, Duration::ZERO) {
            Some(Holder::Process(number, _)) => assert_eq!(number, std::process::id()),
            other => panic!("{other:?}"),
        }
        drop(lock);
        assert_eq!(holder(path, Duration::ZERO), None);
    }

    #[test]
    fn a_directory_that_took_the_place_of_a_locked_one_is_free() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("pins");
        fs::create_dir(&path).unwrap();
        let _lock = take(&path, Duration::ZERO).ok().expect("nobody has it");
        fs::remove_dir(&path).unwrap();
        fs::create_dir(&path).unwrap();
        assert_eq!(holder(&path, Duration::ZERO), None);
    }
}

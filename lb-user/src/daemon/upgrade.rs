//! The upgrade: the binary that is installed now is started, and takes over.

use std::{
    env,
    ffi::OsStr,
    future,
    io::{self, ErrorKind},
    os::unix::ffi::OsStrExt as _,
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
};

use tokio::{
    process::{Child, Command},
    sync::oneshot,
};

use crate::{control::Answer, model::DataPlane};

/// A daemon that was started to take over, and did not yet.
pub(super) struct Upgrade {
    child: Child,
    asked: oneshot::Sender<Answer>,
}

impl Upgrade {
    /// Starts a daemon that takes over from this one. `binary` is what this one was called by.
    pub(super) fn start(
        binary: &Path,
        config: &Path,
        plane: DataPlane,
        asked: oneshot::Sender<Answer>,
    ) -> Option<Self> {
        let started = Command::new(binary)
            .args(["run", "--take-over", "--config"])
            .arg(config)
            .args(kept(plane))
            .stdin(Stdio::null())
            .spawn();
        match started {
            Ok(child) => Some(Self { child, asked }),
            Err(error) => {
                let reason = format!("cannot start {}: {error}", binary.display());
                // Who asked may have gone away.
                let _ = asked.send(Answer::Failed(reason));
                None
            }
        }
    }

    /// Waits until the daemon that was started has ended; where there is none, for ever.
    pub(super) async fn ended(this: &mut Option<Self>) -> io::Result<ExitStatus> {
        match this {
            Some(upgrade) => upgrade.child.wait().await,
            None => future::pending().await,
        }
    }

    /// Says what came of it.
    pub(super) fn answer(self, answer: Answer) {
        let _ = self.asked.send(answer);
    }
}

/// What keeps the data plane: the usual one need not be named, and a release that knows no other may come next.
fn kept(plane: DataPlane) -> &'static [&'static str] {
    match plane {
        DataPlane::Kernel => &[],
        DataPlane::Noop => &["--dataplane", "noop"],
    }
}

/// What this process was started as: where a link was turned to another version since, that is the version that is meant.
pub(super) fn binary() -> io::Result<PathBuf> {
    let name = env::args_os().next().unwrap_or_default();
    if name.as_bytes().contains(&b'/') {
        return std::path::absolute(name);
    }
    let path = env::var_os("PATH").unwrap_or_default();
    found_in(&path, &name).ok_or_else(|| io::Error::new(ErrorKind::NotFound, "it is not in the PATH"))
}

fn found_in(path: &OsStr, name: &OsStr) -> Option<PathBuf> {
    let mut places = env::split_paths(path).map(|directory| directory.join(name));
    places.find(|place| place.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_binary_without_a_directory_is_looked_for_in_the_path() {
        let directory = tempfile::tempdir().unwrap();
        let place = directory.path().join("holdfast");
        std::fs::write(&place, "").unwrap();
        let path = env::join_paths([Path::new("/nowhere"), directory.path()]).unwrap();
        assert_eq!(found_in(&path, OsStr::new("holdfast")), Some(place));
        assert_eq!(found_in(&path, OsStr::new("other")), None);
    }
}

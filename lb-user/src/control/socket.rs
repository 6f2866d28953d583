//! The file of the control socket: whose it is, making it, and taking it away.

use std::{
    fmt, fs, io,
    os::{
        fd::AsRawFd as _,
        unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _},
    },
    path::{Path, PathBuf},
};

use anyhow::{Context, bail};
use nix::{
    errno::Errno,
    sys::socket::{AddressFamily, SockFlag, SockType, UnixAddr, connect, socket},
};
use tempfile::TempPath;
use tokio::net::UnixListener;

/// What is where the control socket should be.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Occupant {
    /// Nothing.
    Nobody,
    /// A socket on which nobody listens: of a daemon that was killed.
    Dead,
    /// A socket on which somebody listens.
    Listening,
    /// A socket of which it cannot be said whether somebody listens.
    Closed(Errno),
    /// Something else, which nobody made for this.
    Other(Kind),
}

/// What a file is that is no socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    File,
    Directory,
    Link,
    /// A device or a pipe.
    Special,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::File => "a regular file",
            Self::Directory => "a directory",
            Self::Link => "a symbolic link",
            Self::Special => "a device or a pipe",
        })
    }
}

/// What is at `path`. Nobody is kept waiting, however busy who listens is.
pub(crate) fn occupant(path: &Path) -> Occupant {
    let Ok(there) = fs::symlink_metadata(path) else {
        return Occupant::Nobody;
    };
    let kind = there.file_type();
    if !kind.is_socket() {
        return Occupant::Other(if kind.is_file() {
            Kind::File
        } else if kind.is_dir() {
            Kind::Directory
        } else if kind.is_symlink() {
            Kind::Link
        } else {
            Kind::Special
        });
    }
    match knock(path) {
        // Again: more are waiting than the socket has room for. Wrong type: it is a socket of datagrams.
        Ok(()) | Err(Errno::EAGAIN | Errno::EPROTOTYPE) => Occupant::Listening,
        Err(Errno::ECONNREFUSED) => Occupant::Dead,
        Err(Errno::ENOENT) => Occupant::Nobody,
        Err(error) => Occupant::Closed(error),
    }
}

/// Whether a daemon answers there, or what looks like one.
pub(crate) fn is_served(path: &Path) -> bool {
    occupant(path) == Occupant::Listening
}

fn knock(path: &Path) -> nix::Result<()> {
    let flags = SockFlag::SOCK_NONBLOCK | SockFlag::SOCK_CLOEXEC;
    let knocker = socket(AddressFamily::Unix, SockType::Stream, flags, None)?;
    connect(knocker.as_raw_fd(), &UnixAddr::new(path)?)
}

/// The daemon's own control socket. Dropped, it takes its file away.
#[derive(Debug)]
pub(crate) struct ControlSocket {
    path: PathBuf,
    /// Where it is until it takes its place.
    beside: Option<TempPath>,
    /// The device and the number of its file.
    identity: (u64, u64),
}

impl ControlSocket {
    /// Listens at `path`: for its owner and group alone. Of what is there, only the socket of a daemon that was killed is
    /// taken away.
    pub(crate) fn listen(path: &Path) -> anyhow::Result<(Self, UnixListener)> {
        match occupant(path) {
            Occupant::Nobody | Occupant::Dead => {}
            Occupant::Listening | Occupant::Closed(_) | Occupant::Other(_) => {
                bail!(
                    "something else is at {}; choose another `control_socket`",
                    path.display()
                );
            }
        }
        let (mut socket, listener) = Self::listen_beside(path)?;
        socket.take_place()?;
        Ok((socket, listener))
    }

    /// Listens beside what is at `path`, where nobody looks, until it [takes its place](Self::take_place).
    pub(crate) fn listen_beside(path: &Path) -> anyhow::Result<(Self, UnixListener)> {
        let directory = path.parent().unwrap_or(Path::new("/"));
        fs::create_dir_all(directory).with_context(|| format!("cannot make {}", directory.display()))?;
        let listening = tempfile::Builder::new()
            .prefix(".")
            .make_in(directory, |path| UnixListener::bind(path))
            .with_context(|| format!("cannot listen at {}", path.display()))?;
        let (listener, beside) = listening.into_parts();
        fs::set_permissions(&beside, fs::Permissions::from_mode(0o660))?;
        let socket = Self {
            path: path.to_owned(),
            identity: identity(&beside)?,
            beside: Some(beside),
        };
        Ok((socket, listener))
    }

    /// Is found at its path from now on, whatever was there.
    pub(crate) fn take_place(&mut self) -> anyhow::Result<()> {
        if let Some(beside) = self.beside.take() {
            beside
                .persist(&self.path)
                .with_context(|| format!("cannot listen at {}", self.path.display()))?;
        }
        Ok(())
    }
}

impl Drop for ControlSocket {
    fn drop(&mut self) {
        // Somebody may have put something else there meanwhile.
        if identity(&self.path).is_ok_and(|there| there == self.identity) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn identity(path: &Path) -> io::Result<(u64, u64)> {
    let there = fs::symlink_metadata(path)?;
    Ok((there.dev(), there.ino()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::{UnixDatagram, UnixListener as Listener};

    use super::*;

    #[tokio::test]
    async fn a_file_is_never_taken_for_a_socket_that_was_left_behind() {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        fs::write(at("file"), "precious").unwrap();
        fs::create_dir(at("directory")).unwrap();
        drop(Listener::bind(at("dead")).unwrap());
        std::os::unix::fs::symlink(at("dead"), at("link")).unwrap();
        let _datagrams = UnixDatagram::bind(at("datagrams")).unwrap();
        let _taken = Listener::bind(at("taken")).unwrap();
        for (name, found) in [
            ("file", Occupant::Other(Kind::File)),
            ("directory", Occupant::Other(Kind::Directory)),
            ("link", Occupant::Other(Kind::Link)),
            ("datagrams", Occupant::Listening),
            ("taken", Occupant::Listening),
        ] {
            let identity_before = identity(&at(name)).unwrap();
            assert_eq!(occupant(&at(name)), found);
            let refused = ControlSocket::listen(&at(name)).unwrap_err().to_string();
            assert!(refused.contains(name), "{refused}");
            assert_eq!(identity(&at(name)).unwrap(), identity_before);
        }
        assert_eq!(fs::read_to_string(at("file")).unwrap(), "precious");
    }

    #[test]
    fn a_listener_that_is_too_busy_to_accept_is_still_somebody() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("busy");
        let busy = socket(
            AddressFamily::Unix,
            SockType::Stream,
            SockFlag::SOCK_CLOEXEC,
            None,
        )
        .unwrap();
        nix::sys::socket::bind(busy.as_raw_fd(), &UnixAddr::new(&path).unwrap()).unwrap();
        nix::sys::socket::listen(&busy, nix::sys::socket::Backlog::new(0).unwrap()).unwrap();
        let _first = std::os::unix::net::UnixStream::connect(&path).unwrap();
        assert_eq!(occupant(&path), Occupant::Listening);
    }

    #[tokio::test]
    async fn the_socket_of_a_daemon_that_was_killed_is_replaced_and_taken_away_at_the_end() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("below/control.sock");
        drop(ControlSocket::listen(&path).unwrap());
        assert_eq!(occupant(&path), Occupant::Nobody);
        drop(Listener::bind(&path).unwrap());
        assert_eq!(occupant(&path), Occupant::Dead);
        let (socket, listener) = ControlSocket::listen(&path).unwrap();
        assert_eq!(occupant(&path), Occupant::Listening);
        drop(listener);
        drop(socket);
        assert!(!path.exists());
    }

    #[tokio::test]
    async fn at_the_end_the_socket_of_another_stays() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("control.sock");
        let (socket, _listener) = ControlSocket::listen(&path).unwrap();
        fs::remove_file(&path).unwrap();
        let _other = Listener::bind(&path).unwrap();
        drop(socket);
        assert_eq!(occupant(&path), Occupant::Listening);
    }
}

//! Where the daemon makes files: its pins and its control socket.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use nix::{
    sys::statfs::{BPF_FS_MAGIC, statfs},
    unistd::{AccessFlags, eaccess},
};

use super::Missing;
use crate::{
    control::socket::{self, Occupant},
    lock,
};

pub(super) fn check_pins(pin_path: &Path) -> Option<Missing> {
    let there = nearest(pin_path);
    let in_bpf_file_system = statfs(there).is_ok_and(|found| found.filesystem_type() == BPF_FS_MAGIC);
    if !in_bpf_file_system {
        return Some(Missing::BpfFileSystem {
            pin_path: pin_path.to_owned(),
            mount: pin_path.parent().unwrap_or(pin_path).to_owned(),
        });
    }
    let unwritable = |path: &Path| {
        let error = writable(path).err()?;
        let path = path.to_owned();
        Some(Missing::Pins { path, error })
    };
    // What an earlier daemon pinned as another user.
    let pins = fs::read_dir(pin_path).into_iter().flatten().flatten();
    unwritable(there).or_else(|| {
        pins.map(|pin| pin.path())
            .find_map(|pin: PathBuf| unwritable(&pin))
    })
}

/// A daemon that is about to end is waited for.
pub(super) fn check_lock(pin_path: &Path) -> Option<Missing> {
    let holder = lock::holder(pin_path, lock::TIME_TO_END)?;
    let path = pin_path.to_owned();
    Some(Missing::Held { path, holder })
}

/// What is in the place of the control socket and will not go by itself.
pub(super) fn check_place(socket: &Path) -> Option<Missing> {
    match socket::occupant(socket) {
        Occupant::Other(kind) => Some(Missing::NoSocket {
            path: socket.to_owned(),
            kind,
        }),
        _ => None,
    }
}

pub(super) fn check_socket(socket: &Path) -> Option<Missing> {
    let path = socket.to_owned();
    match socket::occupant(socket) {
        Occupant::Nobody | Occupant::Dead => {}
        Occupant::Listening => return Some(Missing::OtherDaemon { path }),
        Occupant::Closed(error) => return Some(Missing::ClosedSocket { path, error }),
        Occupant::Other(kind) => return Some(Missing::NoSocket { path, kind }),
    }
    let directory = nearest(socket.parent()?);
    let error = writable(directory).err()?;
    let path = directory.to_owned();
    Some(Missing::Socket { path, error })
}

/// The nearest that is there: the path itself, or the directory in which it would be made.
fn nearest(path: &Path) -> &Path {
    path.ancestors().find(|path| path.exists()).unwrap_or(path)
}

fn writable(path: &Path) -> io::Result<()> {
    let mut wanted = AccessFlags::R_OK | AccessFlags::W_OK;
    wanted.set(AccessFlags::X_OK, path.is_dir());
    Ok(eaccess(path, wanted)?)
}

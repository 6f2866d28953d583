//! What this host is short of, which says nothing about whom it wanted to ask.

use std::io;

use nix::errno::Errno;

/// Whether something failed since this process, or its host, has no more files or memory.
#[must_use]
pub(crate) fn is_shortage(error: &io::Error) -> bool {
    let shortages = [Errno::EMFILE, Errno::ENFILE, Errno::ENOMEM, Errno::ENOBUFS];
    error
        .raw_os_error()
        .is_some_and(|code| shortages.contains(&Errno::from_raw(code)))
}

//! The BPF file system.

use std::fs::File;

use anyhow::{Context as _, Result, bail};
use nix::fcntl::{Flock, FlockArg};
use nix::mount::{MsFlags, mount};
use nix::sys::statfs::{BPF_FS_MAGIC, statfs};

use crate::stale::BPFFS;

/// Mounts the BPF file system where it is looked for, unless it is there.
pub fn mount_bpffs() -> Result<()> {
    // One mounted over another would hide its pins: so one at a time, also of the processes.
    let lock = File::open(BPFFS).with_context(|| format!("this kernel has no {BPFFS}"))?;
    let _lock = Flock::lock(lock, FlockArg::LockExclusive).map_err(|(_, error)| error)?;
    let kind = statfs(BPFFS)?.filesystem_type();
    if kind != BPF_FS_MAGIC
        && let Err(error) = mount(Some("bpf"), BPFFS, Some("bpf"), MsFlags::empty(), None::<&str>)
    {
        bail!("cannot mount the BPF file system on {BPFFS}: {error}");
    }
    Ok(())
}

//! The sessions by thousands: one system call for each would take seconds for a million. Aya has no such call.
#![allow(unsafe_code)]

use std::{
    io,
    os::fd::{AsRawFd as _, OwnedFd},
};

use aya_obj::generated::{bpf_attr, bpf_cmd::BPF_MAP_LOOKUP_BATCH};
use lb_common::tables::{Session, SessionKey};
use nix::{errno::Errno, libc};
use zerocopy::FromBytes as _;

use super::SessionEntry;

/// How many sessions are asked for at a time: reading them takes half a millisecond, forgetting all of them some ten.
const BATCH: usize = 1024;

/// Where a walk over the sessions goes on: the kernel's number of a bucket. What is there all the time is met once.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SessionCursor(Option<u32>);

impl SessionCursor {
    /// The first session.
    pub const START: Self = Self(None);
}

/// Some sessions, and where the rest begins; none: there are no more.
pub(super) fn sessions(
    map: &OwnedFd,
    from: SessionCursor,
) -> io::Result<(Vec<SessionEntry>, Option<SessionCursor>)> {
    let mut room = BATCH;
    loop {
        match lookup(map, from, room) {
            // A bucket that holds more than that: it is given out whole.
            Err(Errno::ENOSPC) => room *= 2,
            other => return other.map_err(io::Error::from),
        }
    }
}

fn lookup(
    map: &OwnedFd,
    from: SessionCursor,
    room: usize,
) -> Result<(Vec<SessionEntry>, Option<SessionCursor>), Errno> {
    let mut keys = vec![[0_u8; size_of::<SessionKey>()]; room];
    let mut values = vec![[0_u8; size_of::<Session>()]; room];
    let mut next = 0_u32;
    // SAFETY: a union of plain numbers, for which zeroes are valid.
    let mut attributes: bpf_attr = unsafe { std::mem::zeroed() };
    // SAFETY: the command reads and writes this part of the union, and all of it is numbers.
    let batch = unsafe { &mut attributes.batch };
    batch.in_batch = from
        .0
        .as_ref()
        .map_or(0, |bucket| std::ptr::from_ref(bucket) as u64);
    batch.out_batch = std::ptr::from_mut(&mut next) as u64;
    batch.keys = keys.as_mut_ptr() as u64;
    batch.values = values.as_mut_ptr() as u64;
    batch.count = room as u32;
    batch.map_fd = map.as_raw_fd().cast_unsigned();
    // SAFETY: `attributes` is a whole `bpf_attr`; what it points at lives until the call is over, and has room for `count`
    // keys and values of the map's sizes.
    let result = unsafe {
        libc::syscall(
            libc::SYS_bpf,
            BPF_MAP_LOOKUP_BATCH,
            &raw mut attributes,
            size_of::<bpf_attr>(),
        )
    };
    let next = match Errno::result(result) {
        Ok(_) => Some(SessionCursor(Some(next))),
        Err(Errno::ENOENT) => None,
        Err(error) => return Err(error),
    };
    // SAFETY: as above; the kernel has written how many there are, also at the end.
    let count = unsafe { attributes.batch.count } as usize;
    let found = keys.iter().zip(&values).take(count);
    let entries =
        found.filter_map(|(key, value)| SessionEntry::read(SessionKey::read_from_bytes(key).ok()?, value));
    Ok((entries.collect(), next))
}

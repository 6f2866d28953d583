//! XDP links: a program on an interface, as the kernel holds it. Aya keeps the descriptors of its links to itself, without
//! which nobody can ask where a link is, or end it at once.
#![allow(unsafe_code)]

use std::{
    ffi::CString,
    mem,
    os::{
        fd::{AsRawFd as _, BorrowedFd, FromRawFd as _, OwnedFd},
        unix::ffi::OsStrExt as _,
    },
    path::Path,
};

use aya_obj::generated::{
    XDP_FLAGS_DRV_MODE, XDP_FLAGS_SKB_MODE, bpf_attach_type::BPF_XDP, bpf_attr, bpf_cmd, bpf_link_info,
};
use nix::{errno::Errno, libc};

use super::AttachMode;

/// A link. One that is not pinned ends with the last process that has it, however that ends.
pub(super) struct Link(OwnedFd);

/// What the kernel says of a link.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Info {
    /// Where it is; 0 where the interface is gone.
    pub(super) ifindex: u32,
    /// The id of its program.
    pub(super) program: u32,
}

impl Link {
    /// Puts a program on an interface that has none.
    pub(super) fn attach(program: BorrowedFd<'_>, ifindex: u32, mode: AttachMode) -> nix::Result<Self> {
        let mut attributes = zeroed();
        attributes.link_create.__bindgen_anon_1.prog_fd = number(program);
        attributes.link_create.__bindgen_anon_2.target_ifindex = ifindex;
        attributes.link_create.attach_type = BPF_XDP as u32;
        attributes.link_create.flags = match mode {
            AttachMode::Native => XDP_FLAGS_DRV_MODE,
            AttachMode::Generic => XDP_FLAGS_SKB_MODE,
        };
        // SAFETY: the command reads this part of the union alone.
        unsafe { open(bpf_cmd::BPF_LINK_CREATE, &mut attributes) }.map(Self)
    }

    /// The link that is pinned there.
    pub(super) fn open(pin: &Path) -> nix::Result<Self> {
        open_pinned(pin).map(Self)
    }

    /// Pins it, where nothing is.
    pub(super) fn pin(&self, pin: &Path) -> nix::Result<()> {
        let path = path(pin)?;
        let mut attributes = zeroed();
        attributes.__bindgen_anon_4.pathname = path.as_ptr() as u64;
        attributes.__bindgen_anon_4.bpf_fd = self.number();
        // SAFETY: the command reads this part of the union alone, and the path until the call is over.
        unsafe { call(bpf_cmd::BPF_OBJ_PIN, &mut attributes) }.map(drop)
    }

    pub(super) fn info(&self) -> nix::Result<Info> {
        // SAFETY: plain numbers, for which zeroes are valid.
        let mut info: bpf_link_info = unsafe { mem::zeroed() };
        let mut attributes = zeroed();
        attributes.info.bpf_fd = self.number();
        attributes.info.info_len = size_of::<bpf_link_info>() as u32;
        attributes.info.info = (&raw mut info) as u64;
        // SAFETY: the command reads this part of the union alone, and writes at most so many bytes there.
        unsafe { call(bpf_cmd::BPF_OBJ_GET_INFO_BY_FD, &mut attributes) }?;
        Ok(Info {
            // SAFETY: plain numbers; it was made as an XDP link, or pinned where those are.
            ifindex: unsafe { info.__bindgen_anon_1.xdp.ifindex },
            program: info.prog_id,
        })
    }

    /// Packets reach another program from now on, and none is missed between the two.
    pub(super) fn replace(&self, program: BorrowedFd<'_>) -> nix::Result<()> {
        let mut attributes = zeroed();
        attributes.link_update.link_fd = self.number();
        attributes.link_update.__bindgen_anon_1.new_prog_fd = number(program);
        // SAFETY: the command reads this part of the union alone.
        unsafe { call(bpf_cmd::BPF_LINK_UPDATE, &mut attributes) }.map(drop)
    }

    /// Takes the program off the interface at once. To remove the pin does so too, but some time later.
    pub(super) fn detach(&self) -> nix::Result<()> {
        let mut attributes = zeroed();
        attributes.link_detach.link_fd = self.number();
        // SAFETY: the command reads this part of the union alone.
        unsafe { call(bpf_cmd::BPF_LINK_DETACH, &mut attributes) }.map(drop)
    }

    fn number(&self) -> u32 {
        self.0.as_raw_fd().cast_unsigned()
    }
}

/// What is pinned there.
pub(super) fn open_pinned(pin: &Path) -> nix::Result<OwnedFd> {
    let path = path(pin)?;
    let mut attributes = zeroed();
    attributes.__bindgen_anon_4.pathname = path.as_ptr() as u64;
    // SAFETY: the command reads this part of the union alone, and the path until the call is over.
    unsafe { open(bpf_cmd::BPF_OBJ_GET, &mut attributes) }
}

/// Returns when every program has come to its end that was running on a packet.
pub(super) fn await_running_programs() -> nix::Result<()> {
    // By the kernel's `synchronize_rcu`, which is all that the command does; `linux/membarrier.h` numbers it.
    const MEMBARRIER_CMD_GLOBAL: libc::c_int = 1;
    // SAFETY: numbers alone.
    Errno::result(unsafe { libc::syscall(libc::SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0) }).map(drop)
}

fn number(program: BorrowedFd<'_>) -> u32 {
    program.as_raw_fd().cast_unsigned()
}

fn path(pin: &Path) -> nix::Result<CString> {
    CString::new(pin.as_os_str().as_bytes()).map_err(|_| Errno::EINVAL)
}

fn zeroed() -> bpf_attr {
    // SAFETY: a union of plain numbers, for which zeroes are valid.
    unsafe { mem::zeroed() }
}

/// # Safety
/// As for [`call`]; the command gives out a descriptor.
unsafe fn open(command: bpf_cmd, attributes: &mut bpf_attr) -> nix::Result<OwnedFd> {
    // SAFETY: as the caller promises.
    let descriptor = unsafe { call(command, attributes) }?;
    // SAFETY: the command has just made it, and nobody else knows of it.
    Ok(unsafe { OwnedFd::from_raw_fd(descriptor) })
}

/// # Safety
/// What `attributes` points at is what the command expects there.
unsafe fn call(command: bpf_cmd, attributes: &mut bpf_attr) -> nix::Result<i32> {
    // SAFETY: a whole `bpf_attr`; for the rest, as the caller promises.
    let result = unsafe {
        libc::syscall(
            libc::SYS_bpf,
            command as libc::c_int,
            std::ptr::from_mut(attributes),
            size_of::<bpf_attr>(),
        )
    };
    Errno::result(result).map(|value| value as i32)
}

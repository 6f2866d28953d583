//! The programs on the interfaces, by links that are pinned: they outlive the daemon.
//!
//! It is done in two steps. The first does what may fail, and is undone unless the second one follows; that one
//! replaces the programs of links that are there.

use std::{
    fs, io,
    os::fd::{AsFd as _, BorrowedFd, OwnedFd},
    path::{Path, PathBuf},
};

use nix::{errno::Errno, net::if_::if_nametoindex};
use tracing::error;

use super::{
    AttachMode, Error, generation,
    link::{self, Link},
    pins::of_link,
};
use crate::model::XdpMode;

/// The program on an interface.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Attachment {
    /// The interface.
    pub interface: String,
    /// How it is attached; none: not any more, since the interface is gone, or has come back and cannot be attached to.
    pub mode: Option<AttachMode>,
    /// How it came there.
    pub origin: Origin,
    /// The interface's index when it was last looked at; none: there was no such interface.
    pub(super) ifindex: Option<u32>,
}

/// How a program came to its interface.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Origin {
    /// There was none of ours.
    Attached,
    /// It replaced that of an earlier daemon, and no packet was missed.
    TakenOver,
    /// That of an earlier daemon had another mode, and was taken off before.
    ModeChanged,
}

/// What is under way on some interfaces. It is undone on drop, unless [`Self::finish`] came first.
pub(super) struct Change {
    pins: PathBuf,
    steps: Vec<Step>,
}

/// What is under way on an interface.
struct Step {
    attachment: Attachment,
    ifindex: u32,
    link: Link,
    was: Before,
    progress: Progress,
}

/// What an interface had before.
enum Before {
    Nothing,
    /// The same link, with this program.
    Program(OwnedFd),
    /// Another link, of this mode and with this program.
    Mode(AttachMode, OwnedFd),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Progress {
    /// What may fail is done: a new link is there, and ends with this process.
    Prepared,
    /// The link is pinned, and leads to the new program.
    Done,
}

impl Change {
    /// Attaches `entry` to the interfaces that have no program of ours, or have it in another mode.
    pub(super) fn prepare(
        entry: BorrowedFd<'_>,
        interfaces: &[&str],
        wanted: XdpMode,
        pins: &Path,
    ) -> Result<Self, Error> {
        let mut change = Self {
            pins: pins.to_owned(),
            steps: Vec::new(),
        };
        let mut other_modes = Vec::new();
        for &interface in interfaces {
            let ifindex = index(interface)?;
            let place = (interface, ifindex);
            let Some((link, program)) = live_link(pins, ifindex) else {
                let attached = attach(entry, place, AttachMode::ways(wanted))?;
                change.push(place, attached, Origin::Attached, Before::Nothing);
                continue;
            };
            let mode = AttachMode::of(ifindex).map_err(|error| failed(interface, error.to_string()))?;
            let program = generation::earlier_entry(pins, program)?;
            if wanted == XdpMode::Auto || AttachMode::ways(wanted).contains(&mode) {
                change.push(place, (link, mode), Origin::TakenOver, Before::Program(program));
            } else {
                other_modes.push((place, link, mode, program));
            }
        }
        // Last, since an interface has no program for a moment.
        for (place, link, mode, program) in other_modes {
            let detached = link.detach();
            detached.map_err(|error| failed(place.0, in_words(place.0, error)))?;
            let attached = attach(entry, place, AttachMode::ways(wanted));
            let attached = attached.inspect_err(|_| put_back(pins, place, mode, program.as_fd()))?;
            change.push(place, attached, Origin::ModeChanged, Before::Mode(mode, program));
        }
        Ok(change)
    }

    fn push(
        &mut self,
        (interface, ifindex): (&str, u32),
        (link, mode): (Link, AttachMode),
        origin: Origin,
        was: Before,
    ) {
        self.steps.push(Step {
            attachment: Attachment {
                interface: interface.to_owned(),
                mode: Some(mode),
                origin,
                ifindex: Some(ifindex),
            },
            ifindex,
            link,
            was,
            progress: Progress::Prepared,
        });
    }

    /// The interfaces that it is about.
    pub(super) fn ifindexes(&self) -> impl Iterator<Item = u32> {
        self.steps.iter().map(|step| step.ifindex)
    }

    /// Pins the new links, and then has the others lead to `entry`.
    pub(super) fn finish(mut self, entry: BorrowedFd<'_>) -> Result<Vec<Attachment>, Error> {
        let (taken, new): (Vec<_>, Vec<_>) = self
            .steps
            .iter_mut()
            .partition(|step| matches!(step.was, Before::Program(_)));
        for step in new {
            pin(&step.link, &of_link(&self.pins, step.ifindex))?;
            step.progress = Progress::Done;
        }
        for step in taken {
            let interface = &step.attachment.interface;
            let replaced = step.link.replace(entry);
            replaced.map_err(|error| failed(interface, in_words(interface, error)))?;
            step.progress = Progress::Done;
        }
        let done = std::mem::take(&mut self.steps);
        Ok(done.into_iter().map(|step| step.attachment).collect())
    }
}

impl Drop for Change {
    fn drop(&mut self) {
        if self.steps.is_empty() {
            return;
        }
        for step in self.steps.drain(..) {
            step.undo(&self.pins);
        }
        // Whoever drops this unloads the new programs, which may have begun with packets.
        let _ = link::await_running_programs();
    }
}

impl Step {
    fn undo(self, pins: &Path) {
        let interface = &self.attachment.interface;
        let undone = match (&self.was, self.progress) {
            (Before::Program(_), Progress::Prepared) => Ok(()),
            (Before::Program(program), Progress::Done) => self.link.replace(program.as_fd()),
            (Before::Nothing, Progress::Prepared) => self.link.detach(),
            (Before::Nothing, Progress::Done) => {
                let _ = fs::remove_file(of_link(pins, self.ifindex));
                self.link.detach()
            }
            (Before::Mode(mode, program), _) => {
                let detached = self.link.detach();
                put_back(pins, (interface.as_str(), self.ifindex), *mode, program.as_fd());
                detached
            }
        };
        if let Err(reason) = undone {
            error!(
                interface,
                "what was done here cannot be undone: {}",
                in_words(interface, reason)
            );
        }
    }
}

/// Attaches the program of an earlier daemon again, as it was.
fn put_back(pins: &Path, place: (&str, u32), mode: AttachMode, program: BorrowedFd<'_>) {
    let (interface, ifindex) = place;
    let attached = attach(program, place, &[mode]);
    if let Err(reason) = attached.and_then(|(link, _)| pin(&link, &of_link(pins, ifindex))) {
        error!(
            interface,
            "what an earlier daemon had attached here cannot be attached again: {reason}"
        );
    }
}

/// The link of an interface that is pinned, with the id of its program; none where it is of an interface that is gone.
fn live_link(pins: &Path, ifindex: u32) -> Option<(Link, u32)> {
    let link = Link::open(&of_link(pins, ifindex)).ok()?;
    let info = link.info().ok().filter(|info| info.ifindex == ifindex)?;
    Some((link, info.program))
}

/// Attaches in the first of these modes that the interface takes.
fn attach(
    program: BorrowedFd<'_>,
    (interface, ifindex): (&str, u32),
    modes: &[AttachMode],
) -> Result<(Link, AttachMode), Error> {
    let mut refusal = Errno::EOPNOTSUPP;
    for mode in modes {
        match Link::attach(program, ifindex, *mode) {
            Ok(link) => return Ok((link, *mode)),
            Err(error) => refusal = error,
        }
    }
    Err(failed(interface, in_words(interface, refusal)))
}

/// Pins a link, in place of one that came to its end.
fn pin(link: &Link, path: &Path) -> Result<(), Error> {
    let removed = match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    };
    let pinned = removed.and_then(|()| Ok(link.pin(path)?));
    pinned.map_err(|source| Error::Pin {
        path: path.to_owned(),
        source,
    })
}

/// Takes a program off its interface, and removes the pin.
pub(super) fn detach(pin: &Path) -> io::Result<()> {
    // One that cannot be opened, or is of no interface any more, is nowhere attached.
    let _ = Link::open(pin).and_then(|link| link.detach());
    fs::remove_file(pin)
}

fn index(interface: &str) -> Result<u32, Error> {
    if_nametoindex(interface).map_err(|error| failed(interface, in_words(interface, error)))
}

fn failed(interface: &str, reason: String) -> Error {
    Error::Attach {
        interface: interface.to_owned(),
        reason,
    }
}

/// What the kernel says, and what would be right where it says no more than a number.
fn in_words(interface: &str, error: Errno) -> String {
    match error {
        Errno::EOPNOTSUPP => {
            "its driver has no XDP, or has not switched it on; `xdp_mode = \"auto\"` would take the kernel's generic path"
                .to_owned()
        }
        Errno::EBUSY | Errno::EEXIST => format!(
            "another XDP program is there (`ip link show {interface}` tells which); end who attached it (what another \
             Holdfast left, with `holdfast stop --detach --config FILE`), or take it off with `ip link set {interface} xdp off`"
        ),
        Errno::ENODEV | Errno::ENOLINK => "it is gone; `interfaces` is to name those that are there".to_owned(),
        other => format!("the kernel says {}", other.desc()),
    }
}

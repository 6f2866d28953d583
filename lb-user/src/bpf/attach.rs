//! Attaching to interfaces, by links that are pinned: they outlive the daemon.

use std::{fmt, io, path::Path};

use aya::{
    Ebpf,
    programs::{
        Xdp, XdpMode as Mode,
        links::{FdLink, PinnedLink},
        xdp::XdpLink,
    },
};
use nix::{errno::Errno, net::if_::if_nametoindex};

use super::{Datapath, ENTRY, Error};
use crate::model::XdpMode;

/// What the pins of links begin with. The interface's index follows: the link stays with that, whatever its name is.
const PIN_PREFIX: &str = "link-";

/// How the program was attached.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AttachMode {
    /// In the driver.
    Native,
    /// In the kernel's generic path, slower: the driver has no XDP.
    Generic,
    /// As an earlier daemon had attached it.
    TakenOver,
    /// Not any more: the interface is gone, or has come back and cannot be attached to.
    Detached,
}

impl fmt::Display for AttachMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Native => "native",
            Self::Generic => "generic",
            Self::TakenOver => "taken over",
            Self::Detached => "detached",
        })
    }
}

/// A program on an interface.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Attachment {
    /// The interface.
    pub interface: String,
    /// How.
    pub mode: AttachMode,
    /// The interface's index when it was last looked at; none: there was no such interface.
    ifindex: Option<u32>,
}

/// What became of an interface while the daemon runs.
#[derive(Debug)]
pub enum Event {
    /// It is gone, and with it the attachment.
    Gone {
        /// Which.
        interface: String,
    },
    /// It is back, or another has its name, and was attached to.
    Back(Attachment),
    /// The same, but it could not be attached to. It is tried again, in silence.
    Refused(Error),
}

impl Datapath {
    /// Attaches to those of the interfaces that it is not attached to yet, or replaces the program that an earlier daemon
    /// left there, and gives these. Where one refuses, none is attached that was not before.
    pub fn attach(&mut self, interfaces: &[String], mode: XdpMode) -> Result<Vec<Attachment>, Error> {
        let is_new = |name: &&String| !self.attachments.iter().any(|known| known.interface == **name);
        let mut added: Vec<Attachment> = Vec::new();
        for interface in interfaces.iter().filter(is_new) {
            match Attachment::new(&mut self.ebpf, interface, mode, &self.pin_path) {
                Ok(attachment) => added.push(attachment),
                Err(error) => {
                    for attachment in &added {
                        // What an earlier daemon had attached stays, as the maps do.
                        if attachment.mode != AttachMode::TakenOver {
                            attachment.unpin(&self.pin_path);
                        }
                    }
                    return Err(error);
                }
            }
        }
        self.attachments.extend_from_slice(&added);
        Ok(added)
    }

    /// Detaches from all but these interfaces: those that it attached to, and those that an earlier daemon did. Gives the
    /// names of its own.
    pub fn detach_others(&mut self, interfaces: &[String]) -> io::Result<Vec<String>> {
        let place =
            |attachment: &Attachment| interfaces.iter().position(|name| *name == attachment.interface);
        let (mut kept, gone): (Vec<_>, Vec<_>) = std::mem::take(&mut self.attachments)
            .into_iter()
            .partition(|attachment| place(attachment).is_some());
        kept.sort_by_key(place);
        self.attachments = kept;
        let pins: Vec<String> = self.attachments.iter().filter_map(Attachment::pin).collect();
        for entry in std::fs::read_dir(&self.pin_path)? {
            let name = entry?.file_name().to_string_lossy().into_owned();
            if name.starts_with(PIN_PREFIX) && !pins.contains(&name) {
                std::fs::remove_file(self.pin_path.join(name))?;
            }
        }
        Ok(gone.into_iter().map(|attachment| attachment.interface).collect())
    }

    /// Attaches again to interfaces that have come back, and says what changed.
    pub fn follow_interfaces(&mut self, mode: XdpMode) -> Vec<Event> {
        let mut events = Vec::new();
        for attachment in &mut self.attachments {
            let ifindex = if_nametoindex(attachment.interface.as_str()).ok();
            if ifindex == attachment.ifindex && attachment.mode != AttachMode::Detached {
                continue;
            }
            if ifindex != attachment.ifindex {
                attachment.unpin(&self.pin_path);
            }
            let before = std::mem::replace(&mut attachment.ifindex, ifindex);
            let attached =
                ifindex.map(|_| Attachment::new(&mut self.ebpf, &attachment.interface, mode, &self.pin_path));
            let was_attached = attachment.mode != AttachMode::Detached;
            attachment.mode = AttachMode::Detached;
            match attached {
                Some(Ok(attached)) => {
                    attachment.clone_from(&attached);
                    events.push(Event::Back(attached));
                }
                Some(Err(error)) if before != ifindex => events.push(Event::Refused(error)),
                None if was_attached => events.push(Event::Gone {
                    interface: attachment.interface.clone(),
                }),
                _ => {}
            }
        }
        events
    }
}

impl Attachment {
    fn new(ebpf: &mut Ebpf, interface: &str, mode: XdpMode, pins: &Path) -> Result<Self, Error> {
        let failed = |reason: String| Error::Attach {
            interface: interface.to_owned(),
            reason,
        };
        let ifindex = if_nametoindex(interface).map_err(|_| failed("there is no such interface".into()))?;
        let program: &mut Xdp = ebpf
            .program_mut(ENTRY)
            .and_then(|program| program.try_into().ok())
            .ok_or_else(|| failed("no such program".into()))?;
        let pin = pins.join(pin_of(ifindex));
        let attached = |mode| Self {
            interface: interface.to_owned(),
            mode,
            ifindex: Some(ifindex),
        };
        if let Ok(pinned) = PinnedLink::from_pin(&pin) {
            let link = XdpLink::try_from(FdLink::from(pinned)).map_err(|error| failed(error.to_string()))?;
            if let Ok(id) = program.attach_to_link(link) {
                // Only the pin is to hold it, so that it ends with that.
                program.take_link(id).map_err(|error| failed(error.to_string()))?;
                return Ok(attached(AttachMode::TakenOver));
            }
            // Of an interface that went away and came back: the link is dead.
            std::fs::remove_file(&pin).map_err(|source| Error::Pin {
                path: pin.clone(),
                source,
            })?;
        }
        let (id, mode) = match mode {
            XdpMode::Native => (program.attach(interface, Mode::Driver), AttachMode::Native),
            XdpMode::Generic => (program.attach(interface, Mode::Skb), AttachMode::Generic),
            XdpMode::Auto => match program.attach(interface, Mode::Driver) {
                Ok(id) => (Ok(id), AttachMode::Native),
                Err(_) => (program.attach(interface, Mode::Skb), AttachMode::Generic),
            },
        };
        let id = id.map_err(|error| failed(in_words(interface, &error)))?;
        let link = program.take_link(id).map_err(|error| failed(error.to_string()))?;
        let link = FdLink::try_from(link).map_err(|error| failed(error.to_string()))?;
        link.pin(&pin).map_err(|error| failed(error.to_string()))?;
        Ok(attached(mode))
    }

    fn pin(&self) -> Option<String> {
        self.ifindex.map(pin_of)
    }

    /// Ends it: nothing but the pin holds the link.
    fn unpin(&self, pins: &Path) {
        if let Some(pin) = self.pin() {
            // Where it is gone already, so is the link.
            let _ = std::fs::remove_file(pins.join(pin));
        }
    }
}

fn pin_of(ifindex: u32) -> String {
    format!("{PIN_PREFIX}{ifindex}")
}

/// What the kernel says, and what would be right where it says no more than a number.
fn in_words(interface: &str, error: &(dyn std::error::Error + 'static)) -> String {
    let causes: Vec<_> = std::iter::successors(Some(error), |error| error.source()).collect();
    let number = causes
        .iter()
        .find_map(|cause| cause.downcast_ref::<std::io::Error>()?.raw_os_error());
    match number.map(Errno::from_raw) {
        Some(Errno::EOPNOTSUPP) => {
            "its driver has no XDP, or has not switched it on; `xdp_mode = \"auto\"` would take the kernel's generic path"
                .to_owned()
        }
        Some(Errno::EBUSY | Errno::EEXIST) => format!(
            "another XDP program is there (`ip link show {interface}` tells which); end the one who attached it, or \
             take it off with `ip link set {interface} xdp off`"
        ),
        _ => {
            let causes: Vec<String> = causes.iter().map(ToString::to_string).collect();
            causes.join(": ")
        }
    }
}

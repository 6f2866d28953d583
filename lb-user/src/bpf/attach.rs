//! Attaching to interfaces, by links that are pinned: they outlive the daemon.

use std::{fmt, path::Path};

use aya::programs::{
    Xdp, XdpMode as Mode,
    links::{FdLink, PinnedLink},
    xdp::XdpLink,
};
use nix::errno::Errno;

use super::Error;
use crate::model::XdpMode;

/// How the program was attached.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AttachMode {
    /// In the driver.
    Native,
    /// In the kernel's generic path, slower: the driver has no XDP.
    Generic,
    /// As an earlier daemon had attached it.
    TakenOver,
}

impl fmt::Display for AttachMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Native => "native",
            Self::Generic => "generic",
            Self::TakenOver => "taken over",
        })
    }
}

/// A program on an interface.
pub struct Attachment {
    /// The interface.
    pub interface: String,
    /// How.
    pub mode: AttachMode,
}

impl Attachment {
    pub(super) fn new(program: &mut Xdp, interface: &str, mode: XdpMode, pins: &Path) -> Result<Self, Error> {
        let failed = |reason: String| Error::Attach {
            interface: interface.to_owned(),
            reason,
        };
        let pin = pins.join(format!("link-{interface}"));
        if let Ok(pinned) = PinnedLink::from_pin(&pin) {
            let link = XdpLink::try_from(FdLink::from(pinned)).map_err(|error| failed(error.to_string()))?;
            if program.attach_to_link(link).is_ok() {
                return Ok(Self {
                    interface: interface.to_owned(),
                    mode: AttachMode::TakenOver,
                });
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
        Ok(Self {
            interface: interface.to_owned(),
            mode,
        })
    }
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

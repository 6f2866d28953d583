//! Attaching to interfaces, by links that are pinned: they outlive the daemon.

use std::path::Path;

use aya::programs::{
    Xdp, XdpMode as Mode,
    links::{FdLink, PinnedLink},
    xdp::XdpLink,
};

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
        let id = id.map_err(|error| failed(with_causes(&error)))?;
        let link = program.take_link(id).map_err(|error| failed(error.to_string()))?;
        let link = FdLink::try_from(link).map_err(|error| failed(error.to_string()))?;
        link.pin(&pin).map_err(|error| failed(error.to_string()))?;
        Ok(Self {
            interface: interface.to_owned(),
            mode,
        })
    }
}

fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

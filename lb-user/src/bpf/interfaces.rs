//! The interfaces come and go: by another configuration, or on the machine.

use std::io;

use nix::{errno::Errno, net::if_::if_nametoindex};

use super::{
    Attachment, Datapath, Error,
    attach::{self, Change},
    generation::Generation,
    pins::{self, Pins, of_link},
};
use crate::model::XdpMode;

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
        let path = self.pins.path();
        let indexes = self
            .attachments
            .iter()
            .filter_map(|attachment| attachment.ifindex);
        let used: Vec<_> = indexes.map(|ifindex| of_link(path, ifindex)).collect();
        for pin in pins::of_links(path) {
            if !used.contains(&pin) {
                attach::detach(&pin)?;
            }
        }
        // Where an earlier daemon had attached, its programs were in use until now.
        self.generation.remove_others(path);
        Ok(gone.into_iter().map(|attachment| attachment.interface).collect())
    }

    /// Attaches again to interfaces that have come back, and says what changed.
    pub fn follow_interfaces(&mut self, mode: XdpMode) -> Vec<Event> {
        let mut events = Vec::new();
        for attachment in &mut self.attachments {
            let ifindex = match if_nametoindex(attachment.interface.as_str()) {
                Ok(ifindex) => Some(ifindex),
                Err(Errno::ENODEV) => None,
                // Asking takes a socket: this process may be short of files, and the interface is there.
                Err(_) => continue,
            };
            if ifindex == attachment.ifindex && attachment.mode.is_some() {
                continue;
            }
            let before = std::mem::replace(&mut attachment.ifindex, ifindex);
            if let Some(before) = before.filter(|_| before != ifindex) {
                // Where the pin is gone already, so is the link.
                let _ = attach::detach(&of_link(self.pins.path(), before));
            }
            let attached =
                ifindex.map(|_| attach_again(&self.generation, &attachment.interface, mode, &self.pins));
            let was_attached = attachment.mode.take().is_some();
            match attached {
                Some(Ok(attached)) => {
                    for again in attached {
                        attachment.clone_from(&again);
                        events.push(Event::Back(again));
                    }
                }
                Some(Err(error)) if before != ifindex => events.push(Event::Refused(error)),
                None if was_attached => events.push(Event::Gone {
                    interface: attachment.interface.clone(),
                }),
                _ => {}
            }
        }
        if !events.is_empty() {
            self.note_redirecting();
        }
        events
    }
}

fn attach_again(
    generation: &Generation,
    interface: &str,
    mode: XdpMode,
    pins: &Pins,
) -> Result<Vec<Attachment>, Error> {
    let entry = generation.entry_fd()?;
    Change::prepare(entry, &[interface], mode, pins.path())?.finish(entry)
}

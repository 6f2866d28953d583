//! The interfaces: which the datapath is attached to, and what is said of that.

use tracing::{error, info, warn};

use crate::{
    bpf::{AttachMode, Attachment, Datapath, Error, Event, Origin},
    model::{Config, XdpMode},
};

/// Attaches to the interfaces of a configuration that the datapath is not attached to yet, and gives their names; where
/// one refuses, to none.
pub(super) fn add(datapath: &mut Datapath, config: &Config) -> Result<Vec<String>, Error> {
    datapath.attach(&config.datapath.interfaces, config.datapath.xdp_mode)?;
    switch(datapath)
}

/// Has what is attached take over from an earlier daemon and outlive this one, and gives the names of what is new.
pub(super) fn switch(datapath: &mut Datapath) -> Result<Vec<String>, Error> {
    let done = datapath.switch()?;
    done.iter().for_each(tell);
    Ok(done.into_iter().map(|attachment| attachment.interface).collect())
}

/// Detaches from all interfaces but these.
pub(super) fn detach_others(datapath: &mut Datapath, interfaces: &[String]) {
    match datapath.detach_others(interfaces) {
        Ok(gone) => gone.iter().for_each(|interface| info!(interface, "detached")),
        Err(error) => warn!("cannot look for interfaces that are not configured any more: {error}"),
    }
}

/// Attaches again to interfaces that have come back.
pub(super) fn follow(datapath: &mut Datapath, mode: XdpMode) {
    for event in datapath.follow_interfaces(mode) {
        match event {
            Event::Gone { interface } => {
                error!(
                    interface,
                    "the interface is gone; it is attached to again when it comes back"
                );
            }
            Event::Back(attachment) => tell(&attachment),
            Event::Refused(reason) => {
                error!("an interface is back, but serves nobody: {reason}; it is tried again");
            }
        }
    }
}

fn tell(attachment: &Attachment) {
    let interface = &attachment.interface;
    match (attachment.origin, attachment.mode) {
        (_, None) => warn!(interface, "not attached"),
        (Origin::Attached, Some(AttachMode::Native)) => info!(interface, "attached in the driver"),
        (Origin::Attached, Some(AttachMode::Generic)) => warn!(
            interface,
            "attached in the kernel's generic path, which is slower than a driver with XDP"
        ),
        (Origin::TakenOver, Some(mode)) => info!(interface, %mode, "took over from an earlier daemon"),
        (Origin::ModeChanged, Some(mode)) => {
            warn!(interface, %mode, "an earlier daemon had attached in another mode: detached, and attached anew");
        }
    }
}

//! What the daemon needs of the machine, looked at before anything is loaded, so that all that is missing is said at
//! once, with what would be right.

mod capabilities;
mod forwarding;
mod interfaces;
mod kernel;
mod paths;
mod ports;
mod vips;

use std::{fmt, io, net::TcpListener, path::PathBuf};

use capabilities::Capability;
use nix::{
    errno::Errno,
    sys::resource::{Resource, getrlimit, setrlimit},
};
use tracing::warn;

use crate::{
    control::socket::Kind,
    daemon::Start,
    lock::Holder,
    model::{Changed, Config},
};

/// Warns of what keeps packets from what is new in a configuration.
pub(crate) fn warn_of(changed: &Changed<'_>) {
    forwarding::warn_of_closed(changed);
    vips::warn_of_hidden(changed);
}

/// Something that is missing.
#[derive(Debug, thiserror::Error)]
enum Missing {
    #[error(
        "missing: {}; run it as root, or with the capabilities {} (setpriv --ambient-caps, or AmbientCapabilities= of \
         systemd)",
        listed(.missing.iter().map(|capability| capability.with_use())),
        listed(.needed)
    )]
    Capabilities {
        missing: Vec<Capability>,
        needed: Vec<Capability>,
    },
    #[error(
        "the kernel {release} has no bpf_loop, with which the datapath looks through its tables: Linux 5.17 or newer \
         is needed"
    )]
    Loops { release: String },
    #[error(
        "the kernel lets this process load no XDP program: {reason}; capabilities in a user namespace of its own, as \
         in a rootless container, do not count"
    )]
    Programs { reason: String },
    #[error(
        "{} is not in a BPF file system, in which `pin_path` must be: mkdir -p {mount} && mount -t bpf bpf {mount}",
        pin_path.display(),
        mount = mount.display()
    )]
    BpfFileSystem { pin_path: PathBuf, mount: PathBuf },
    #[error(
        "no maps can be pinned or taken over, since {} is not writable: {error}; run it as the user who owns that, or \
         choose another `pin_path`",
        path.display()
    )]
    Pins { path: PathBuf, error: io::Error },
    #[error(
        "the control socket cannot be made, since {} is not writable: {error}; choose another `control_socket`, or \
         have the directory made for the user that the daemon runs as (RuntimeDirectory= of systemd)",
        path.display()
    )]
    Socket { path: PathBuf, error: io::Error },
    #[error(
        "another daemon answers at {}: stop it first (`holdfast stop`), have this one take over from it (`--take-over`), or \
         give this one another `control_socket` and `pin_path`",
        path.display()
    )]
    OtherDaemon { path: PathBuf },
    #[error(
        "it cannot be said whether a daemon answers at {}: {error}; choose another `control_socket`, or run it as the \
         user who owns that",
        path.display()
    )]
    ClosedSocket { path: PathBuf, error: Errno },
    #[error(
        "the control socket cannot be made, since {} is {kind}; choose another `control_socket`, or move that away",
        path.display()
    )]
    NoSocket { path: PathBuf, kind: Kind },
    #[error(
        "another daemon works on the datapath that is pinned at {}: {holder}; stop it first (`holdfast stop`), or give \
         this one another `pin_path` and `control_socket`",
        path.display()
    )]
    Held { path: PathBuf, holder: Holder },
    #[error("there is no interface {name:?}{}; there are: {}", question(.meant.as_deref()), listed(.there))]
    Interface {
        name: String,
        meant: Option<String>,
        there: Vec<String>,
    },
}

/// All that is missing, a line each.
#[derive(Debug)]
pub(crate) struct Unready(Vec<Missing>);

impl fmt::Display for Unready {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("this machine or its user is not ready:")?;
        self.0.iter().try_for_each(|missing| write!(f, "\n- {missing}"))
    }
}

impl std::error::Error for Unready {}

/// Whether `config` can be served here by this process, which was passed these sockets. One that takes over finds out by
/// asking whether pins, control socket and ports are left to it.
pub(crate) fn check(config: &Config, start: Start, passed: &[TcpListener]) -> Result<(), Unready> {
    let mut needed = Vec::new();
    if config.has_layer_4() {
        needed.extend(Capability::OF_LAYER_4);
    }
    if start == Start::Alone && ports::are_privileged(config, passed) {
        needed.push(Capability::NetBindService);
    }
    let mut missing = Vec::from_iter(capabilities::check(&needed));
    if config.has_layer_4() {
        missing.extend(check_layer_4(config, start));
    }
    if start == Start::Alone {
        missing.extend(paths::check_socket(&config.daemon.control_socket));
    }
    missing.extend(interfaces::check(&config.datapath.interfaces));
    unready(missing)
}

/// Whether a daemon that serves `old` can serve `new`.
pub(crate) fn check_change(old: &Config, new: &Config) -> Result<(), Unready> {
    let mut missing = Vec::new();
    if new.has_layer_4() && !old.has_layer_4() {
        missing.extend(capabilities::check(&Capability::OF_LAYER_4));
        missing.extend(check_layer_4(new, Start::Alone));
    }
    let known = &old.datapath.interfaces;
    let interfaces = new.datapath.interfaces.iter();
    let added: Vec<String> = interfaces.filter(|name| !known.contains(name)).cloned().collect();
    missing.extend(interfaces::check(&added));
    unready(missing)
}

/// What a datapath needs beside rights and interfaces.
fn check_layer_4(config: &Config, start: Start) -> impl Iterator<Item = Missing> {
    let pins = &config.daemon.pin_path;
    // Asked without the rights, the kernel would only say that they are missing.
    let kernel = match capabilities::check(&Capability::OF_LAYER_4) {
        None => kernel::check(),
        Some(_) => None,
    };
    let lock = match start {
        Start::Alone => paths::check_lock(pins),
        Start::TakingOver => None,
    };
    [kernel, paths::check_pins(pins), lock].into_iter().flatten()
}

fn unready(missing: Vec<Missing>) -> Result<(), Unready> {
    if missing.is_empty() {
        Ok(())
    } else {
        Err(Unready(missing))
    }
}

/// Whether `config` names as its own what is somebody else's: so much can be said without being the daemon.
pub(crate) fn check_places(config: &Config) -> Result<(), impl std::error::Error + Send + Sync + 'static> {
    paths::check_place(&config.daemon.control_socket).map_or(Ok(()), Err)
}

/// Takes as many open files as it may: each probe of a health monitor is one, and the usual limit is 1,024.
pub(crate) fn raise_file_limit() {
    let raised = getrlimit(Resource::RLIMIT_NOFILE)
        .and_then(|(_, hard)| setrlimit(Resource::RLIMIT_NOFILE, hard, hard));
    if let Err(error) = raised {
        warn!("the limit of open files stays what it is: {error}");
    }
}

fn listed(items: impl IntoIterator<Item = impl fmt::Display>) -> String {
    let items: Vec<String> = items.into_iter().map(|item| item.to_string()).collect();
    items.join(", ")
}

fn question(meant: Option<&str>) -> String {
    meant
        .map(|meant| format!(" (did you mean {meant:?}?)"))
        .unwrap_or_default()
}

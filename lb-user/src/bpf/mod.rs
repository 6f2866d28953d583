//! The kernel's side: loading and attaching the programs, and the maps as the daemon sees them.
//!
//! The only module with `unsafe`: shared memory is mapped here, and the kernel called where aya has no function for it.

mod attach;
mod batch;
mod counters;
mod generation;
mod interfaces;
mod link;
mod maps;
mod mode;
mod pins;
mod platform;
mod shared;
mod sizes;
mod trace;

use std::{
    borrow::Cow,
    io::{self, ErrorKind},
    path::{Path, PathBuf},
};

use aya::{
    EbpfError, EbpfLoader,
    programs::{ProgramError, TestRun as _, TestRunOptions, Xdp},
};

use attach::Change;
pub use attach::{Attachment, Origin};
pub use batch::SessionCursor;
pub use counters::Counters;
use generation::{ENTRY, Generation};
pub use interfaces::Event;
pub use maps::{Ended, Maps, SessionEntry};
pub use mode::AttachMode;
use pins::Pins;
pub use shared::{ScheduleSlot, Shared};
use sizes::sizes;
pub use sizes::{Memory, fits};
pub use trace::{Chosen, Stages, Trace};

use zerocopy::IntoBytes as _;

use crate::{lock::Holder, model::DatapathSettings};

/// The compiled programs.
static OBJECT: &[u8] = aya::include_bytes_aligned!(env!("HOLDFAST_XDP"));

/// The maps that outlive the daemon, and that all generations of programs share. The others are each generation's own.
const PINNED: [&str; 16] = [
    "SETTINGS",
    "FILTER",
    "LISTENER_INDEX",
    "LISTENERS",
    "POOLS",
    "MEMBERS",
    "SCHEDULES",
    "SNAT_ADDRESSES",
    "FLOWS",
    "RETURNS",
    "SESSIONS",
    "FRAGMENTS",
    "LISTENER_TRAFFIC",
    "MEMBER_TRAFFIC",
    "SESSION_COUNTS",
    "REASONS",
];

/// Maps that datapaths of earlier layouts pinned: who ends one of these removes them too.
const PINNED_BEFORE: [&str; 1] = ["LISTENER_IDS"];

/// What a frame may grow by in a test run: an outer header and two tags.
const TEST_RUN_ROOM: usize = 64;

/// Why the datapath is not there.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The programs could not be loaded.
    #[error("cannot load the datapath into the kernel: {0}")]
    Load(#[from] EbpfError),
    /// A program was refused.
    #[error("the kernel refused the program `{name}`: {source}")]
    Program {
        /// Which.
        name: &'static str,
        /// Why.
        source: ProgramError,
    },
    /// A map is not as it should be.
    #[error("map {name}: {reason}")]
    Map {
        /// Which.
        name: &'static str,
        /// Why.
        reason: String,
    },
    /// The maps are those of another version of the daemon.
    #[error(
        "a daemon of another version made the maps, which have another layout: end what that one left with `holdfast stop \
         --detach --config FILE` first (open flows and sessions are forgotten)"
    )]
    Layout,
    /// The program could not be attached.
    #[error("cannot attach to the interface `{interface}`: {reason}")]
    Attach {
        /// Where.
        interface: String,
        /// Why.
        reason: String,
    },
    /// Another daemon has the pins.
    #[error(
        "another daemon works on the datapath that is pinned at {}: {holder}; stop it first (`holdfast stop`), or give \
         this one another `pin_path` and `control_socket`",
        path.display()
    )]
    Held {
        /// Where.
        path: PathBuf,
        /// Which.
        holder: Holder,
    },
    /// A file of the BPF file system could not be made or read.
    #[error("{}: {source}", path.display())]
    Pin {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

/// The loaded datapath. Until [`Self::switch`] a drop undoes all of it.
pub struct Datapath {
    // In this order they are dropped: what is attached first, and the lock on the pins last.
    change: Option<Change>,
    generation: Generation,
    /// Its maps.
    pub maps: Maps,
    /// What these cost; none where the kernel does not say.
    pub memory: Option<Memory>,
    /// Where it is attached.
    pub attachments: Vec<Attachment>,
    /// The trace of chosen clients.
    pub trace: Trace,
    pins: Pins,
}

impl Datapath {
    /// Loads the programs and makes the maps, or takes those over that an earlier daemon left at `pin_path`. What that
    /// one has attached goes on as it is.
    pub fn load(settings: &DatapathSettings, pin_path: &Path) -> Result<Self, Error> {
        let pins = Pins::claim(pin_path)?;
        fits(pins.path(), settings)?;
        let mut loader = EbpfLoader::new();
        for (name, size) in sizes(settings) {
            loader.map_max_entries(name, size);
        }
        for name in PINNED {
            loader.map_pin_path(name, Cow::Owned(pin_path.join(name)));
        }
        let mut ebpf = loader.load(OBJECT)?;
        let memory = Memory::measured(ebpf.maps()).ok();
        let maps = Maps::take(&mut ebpf)?;
        maps.initialise()?;
        // That of a daemon that was killed has ended.
        maps.settings[0].traced.set(0);
        let generation = Generation::load(&mut ebpf, pins.path())?;
        let trace = Trace::take(ebpf)?;
        Ok(Self {
            change: None,
            generation,
            maps,
            memory,
            attachments: Vec::new(),
            trace,
            pins,
        })
    }

    /// Attaches to those of the interfaces where neither this daemon has nor an earlier one, or that one in another mode.
    /// What an earlier daemon attached goes on running its own programs until [`Self::switch`]; without that, all is
    /// undone.
    pub fn attach(&mut self, interfaces: &[String], mode: crate::model::XdpMode) -> Result<(), Error> {
        let is_new = |name: &&String| !self.attachments.iter().any(|known| known.interface == **name);
        let new: Vec<&str> = interfaces.iter().filter(is_new).map(String::as_str).collect();
        let entry = self.generation.entry_fd()?;
        let change = Change::prepare(entry, &new, mode, self.pins.path())?;
        let settings = &self.maps.settings[0];
        settings.add_redirecting(change.ifindexes().filter(|ifindex| self.redirects(*ifindex)));
        self.change = Some(change);
        Ok(())
    }

    /// Whether what would be transmitted by an interface is to be redirected there: into veth pairs. Where the kernel does not
    /// say, it stays as it was.
    fn redirects(&self, ifindex: u32) -> bool {
        mode::is_veth(ifindex).unwrap_or(self.maps.settings[0].redirects(ifindex))
    }

    /// Has the programs redirect by those interfaces that it is attached to now, and by no others.
    fn note_redirecting(&self) {
        let attached = self
            .attachments
            .iter()
            .filter_map(|attachment| attachment.ifindex);
        let redirecting = attached.filter(|ifindex| self.redirects(*ifindex));
        self.maps.settings[0].set_redirecting(redirecting);
    }

    /// Has the programs of an earlier daemon replaced, each at once, and all that is attached outlive this one. Gives what
    /// is attached since [`Self::attach`].
    pub fn switch(&mut self) -> Result<Vec<Attachment>, Error> {
        let done = match self.change.take() {
            Some(change) => change.finish(self.generation.entry_fd()?)?,
            None => Vec::new(),
        };
        self.attachments.extend_from_slice(&done);
        self.note_redirecting();
        self.pins.keep();
        self.generation.remove_others(self.pins.path());
        Ok(done)
    }

    /// The program that packets reach first.
    pub fn entry(&self) -> &Xdp {
        self.generation.entry()
    }

    /// Runs a frame that came in by an interface through the programs, without a network: what XDP would do with it, and
    /// the frame as it left.
    pub fn test_run(&self, ingress_ifindex: u32, frame: &[u8]) -> Result<(u32, Vec<u8>), Error> {
        let mut out = vec![0; frame.len() + TEST_RUN_ROOM];
        // The fields of `xdp_md`: data, data_end, data_meta, ingress_ifindex, rx_queue_index, egress_ifindex.
        let context = [0, frame.len() as u32, 0, ingress_ifindex, 0, 0];
        let options = TestRunOptions {
            ctx_in: Some(context.as_bytes()),
            data_in: Some(frame),
            data_out: Some(&mut out),
            ..TestRunOptions::new()
        };
        let result = self
            .entry()
            .test_run(options)
            .map_err(generation::refused(ENTRY))?;
        out.truncate(result.data_size_out as usize);
        Ok((result.return_value, out))
    }

    /// Traces the clients of these networks from now on, instead of others. Whoever cannot wait for the kernel to verify
    /// the stages has them loaded before: [`Stages::load`].
    pub fn start_trace(&mut self, clients: &[Chosen]) -> Result<(), Error> {
        self.stop_trace();
        self.trace.enter_stages()?;
        let number = self.trace.choose(clients)?;
        self.maps.settings[0].traced.set(number);
        Ok(())
    }

    /// Traces nobody any more.
    pub fn stop_trace(&mut self) {
        self.maps.settings[0].traced.set(0);
        self.trace.choose_none();
    }

    /// Leaves the pins to another daemon, which may change all of it.
    pub fn lend(&mut self) {
        self.pins.lend();
    }

    /// Takes the pins back that were lent, if the other daemon has let go of them.
    pub fn reclaim(&mut self) -> Result<(), Error> {
        self.pins.reclaim()
    }

    /// Removes all that is pinned: the programs leave their interfaces, the maps end with this process.
    pub fn unpin(&self) -> io::Result<()> {
        unpin(self.pins.path())
    }
}

/// Whether a datapath is pinned at `pin_path`, as far as this process may see.
#[must_use]
pub fn is_pinned(pin_path: &Path) -> bool {
    pin_path.join(PINNED[0]).exists()
}

/// Ends the datapath that a daemon left at `pin_path` which is there no more; false where there is none.
pub fn end(pin_path: &Path) -> Result<bool, Error> {
    if !pin_path.exists() {
        return Ok(false);
    }
    let pins = Pins::claim(pin_path)?;
    let failed = |source| Error::Pin {
        path: pin_path.to_owned(),
        source,
    };
    unpin(pins.path()).map_err(failed)?;
    Ok(true)
}

fn unpin(pins: &Path) -> io::Result<()> {
    for pin in pins::of_links(pins) {
        // One that stays is in the way below, too.
        let _ = attach::detach(&pin);
    }
    let is_map = |name: &str| PINNED.contains(&name) || PINNED_BEFORE.contains(&name);
    // What others have in the same directory is theirs.
    for name in pins::names(pins)?.iter().filter_map(|name| name.to_str()) {
        if is_map(name) || pins::is_link(name) || generation::is_directory(name) {
            pins::remove(&pins.join(name))?;
        }
    }
    match std::fs::remove_dir(pins).map_err(|error| error.kind()) {
        Ok(()) | Err(ErrorKind::DirectoryNotEmpty | ErrorKind::ResourceBusy) => Ok(()),
        Err(other) => Err(other.into()),
    }
}

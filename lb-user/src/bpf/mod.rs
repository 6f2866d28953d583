//! The kernel's side: loading and attaching the programs, and the maps as the daemon sees them.
//!
//! The only module with `unsafe`: shared memory is mapped here, and the kernel called where aya has no function for it.

mod attach;
mod batch;
mod counters;
mod maps;
mod platform;
mod shared;
mod sizes;
mod trace;

use std::{
    borrow::Cow,
    path::{Path, PathBuf},
};

use aya::{
    Ebpf, EbpfError, EbpfLoader,
    maps::{MapError, ProgramArray},
    programs::{ProgramError, ProgramFd, TestRun as _, TestRunOptions, Xdp},
};

pub use attach::{AttachMode, Attachment, Event};
pub use batch::SessionCursor;
pub use counters::Counters;
pub use maps::{Maps, SessionEntry};
pub use shared::{ScheduleSlot, Shared};
pub use sizes::Memory;
use sizes::sizes;
pub use trace::{Chosen, Trace};

use nix::sys::statfs::{BPF_FS_MAGIC, statfs};
use zerocopy::IntoBytes as _;

use crate::model::DatapathSettings;

/// The compiled programs.
static OBJECT: &[u8] = aya::include_bytes_aligned!(env!("HOLDFAST_XDP"));

/// The program that packets reach first.
const ENTRY: &str = "holdfast";

/// The later stages, in the order of their numbers.
const STAGES: [&str; 6] = [
    ENTRY,
    "holdfast_opening",
    "holdfast_extended",
    "holdfast_others",
    "holdfast_answer",
    "holdfast_opened",
];

/// The maps that outlive the daemon.
const PINNED: [&str; 17] = [
    "SETTINGS",
    "FILTER",
    "LISTENER_IDS",
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
    "STAGES",
];

/// What a frame may grow by in a test run: an outer header and two tags.
const TEST_RUN_ROOM: usize = 64;

/// Source addresses of the balancer that a configuration may use, at most.
pub const MAX_SNAT_ADDRESSES: u32 = 4096;

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
    /// The program could not be attached.
    #[error("cannot attach to the interface `{interface}`: {reason}")]
    Attach {
        /// Where.
        interface: String,
        /// Why.
        reason: String,
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

/// The loaded datapath.
pub struct Datapath {
    ebpf: Ebpf,
    pin_path: PathBuf,
    /// Its maps.
    pub maps: Maps,
    /// What these cost; none where the kernel does not say.
    pub memory: Option<Memory>,
    /// Where it is attached.
    pub attachments: Vec<Attachment>,
    /// The trace of chosen clients.
    pub trace: Trace,
    _stages: ProgramArray<aya::maps::MapData>,
}

impl Datapath {
    /// Loads the programs and makes the maps, or takes those over that an earlier daemon left at `pin_path`.
    pub fn load(settings: &DatapathSettings, pin_path: &Path) -> Result<Self, Error> {
        make_pin_directory(pin_path).map_err(|source| Error::Pin {
            path: pin_path.to_owned(),
            source,
        })?;
        let sizes = sizes(settings);
        let mut loader = EbpfLoader::new();
        for (name, size) in sizes {
            loader.map_max_entries(name, size);
        }
        for name in PINNED {
            loader.map_pin_path(name, Cow::Owned(pin_path.join(name)));
        }
        let mut ebpf = loader.load(OBJECT)?;
        let memory = Memory::measured(ebpf.maps()).ok();
        let maps = Maps::take(&mut ebpf, &sizes)?;
        maps.initialise();
        let trace = Trace::take(&mut ebpf)?;
        // That of a daemon that was killed has ended.
        maps.settings[0].traced.set(0);
        let stages = load_stages(&mut ebpf)?;
        Ok(Self {
            ebpf,
            pin_path: pin_path.to_owned(),
            maps,
            memory,
            attachments: Vec::new(),
            trace,
            _stages: stages,
        })
    }

    /// The program that packets reach first.
    pub fn entry(&self) -> Result<&Xdp, Error> {
        let program = self.ebpf.program(ENTRY);
        program
            .and_then(|program| program.try_into().ok())
            .ok_or_else(|| Error::Map {
                name: "STAGES",
                reason: "the entry program is missing".into(),
            })
    }

    /// Runs a frame that came in by an interface through the programs, without a network: what XDP would do with it, and
    /// the frame as it left.
    pub fn test_run(&self, ingress_ifindex: u32, frame: &[u8]) -> Result<(u32, Vec<u8>), Error> {
        let refused = |source| Error::Program { name: ENTRY, source };
        let mut out = vec![0; frame.len() + TEST_RUN_ROOM];
        // The fields of `xdp_md`: data, data_end, data_meta, ingress_ifindex, rx_queue_index, egress_ifindex.
        let context = [0, frame.len() as u32, 0, ingress_ifindex, 0, 0];
        let options = TestRunOptions {
            ctx_in: Some(context.as_bytes()),
            data_in: Some(frame),
            data_out: Some(&mut out),
            ..TestRunOptions::new()
        };
        let result = self.entry()?.test_run(options).map_err(refused)?;
        out.truncate(result.data_size_out as usize);
        Ok((result.return_value, out))
    }

    /// Traces the clients of these networks from now on, instead of others.
    pub fn start_trace(&mut self, clients: &[Chosen]) -> Result<(), Error> {
        self.stop_trace();
        self.trace.load_stages(&mut self.ebpf)?;
        let number = self.trace.choose(clients)?;
        self.maps.settings[0].traced.set(number);
        Ok(())
    }

    /// Traces nobody any more.
    pub fn stop_trace(&mut self) {
        self.maps.settings[0].traced.set(0);
        self.trace.choose_none();
    }

    /// Removes all that is pinned: the programs leave their interfaces, the maps end with this process.
    pub fn unpin(&self) -> std::io::Result<()> {
        std::fs::remove_dir_all(&self.pin_path)
    }

    /// Whether a daemon has pinned something here.
    #[must_use]
    pub fn is_pinned(pin_path: &Path) -> bool {
        std::fs::read_dir(pin_path).is_ok_and(|mut entries| entries.next().is_some())
    }
}

/// Makes the directory of the pins, which only a BPF file system can hold.
fn make_pin_directory(path: &Path) -> std::io::Result<()> {
    let existing = path.ancestors().find(|path| path.exists()).unwrap_or(path);
    if statfs(existing)?.filesystem_type() != BPF_FS_MAGIC {
        let reason =
            "is in no BPF file system; /sys/fs/bpf is one, where `mount -t bpf bpf /sys/fs/bpf` was done";
        return Err(std::io::Error::other(reason));
    }
    std::fs::create_dir_all(path)
}

fn load_stages(ebpf: &mut Ebpf) -> Result<ProgramArray<aya::maps::MapData>, Error> {
    let map_error = |error: MapError| Error::Map {
        name: "STAGES",
        reason: error.to_string(),
    };
    let map = ebpf.take_map("STAGES").ok_or_else(|| Error::Map {
        name: "STAGES",
        reason: "is missing".into(),
    })?;
    let mut stages = ProgramArray::try_from(map).map_err(map_error)?;
    for (number, name) in STAGES.into_iter().enumerate() {
        let fd = load_program(ebpf, name)?;
        stages.set(number as u32, fd, 0).map_err(map_error)?;
    }
    Ok(stages)
}

fn load_program<'e>(ebpf: &'e mut Ebpf, name: &'static str) -> Result<&'e ProgramFd, Error> {
    let program: &mut Xdp = ebpf
        .program_mut(name)
        .and_then(|program| program.try_into().ok())
        .ok_or_else(|| Error::Map {
            name: "STAGES",
            reason: format!("the program {name} is missing"),
        })?;
    let refused = |source| Error::Program { name, source };
    program.load().map_err(refused)?;
    program.fd().map_err(refused)
}

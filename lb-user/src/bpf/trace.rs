//! The kernel's side of the trace of chosen clients. Nothing of it is pinned: it ends with the daemon.
#![allow(unsafe_code)]

use std::{
    io, mem,
    os::fd::{AsFd as _, OwnedFd},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use aya::{
    Ebpf,
    maps::{
        MapData, ProgramArray,
        lpm_trie::{Key, LpmTrie},
    },
};
use aya_log::EbpfLogger;
use lb_common::{address::Address, trace::TraceState};
use log::{Log, Metadata, Record};
use tokio::io::{Interest, unix::AsyncFd};

use super::{
    Error,
    generation::Generation,
    maps::{failed, shared, typed},
    shared::Shared,
};

/// The ring buffer of aya-log, and its size: a line takes half a KiB, so that a second's lines of one core fit.
pub(super) const LOG: &str = "AYA_LOGS";
pub(super) const LOG_BYTES: u32 = 512 * 1024;

/// The stages while a trace is on, in the order of their numbers.
const STAGES: [&str; 7] = [
    "holdfast_traced_flows",
    "holdfast_traced_opening",
    "holdfast_traced_extended",
    "holdfast_traced_others",
    "holdfast_traced_answer",
    "holdfast_look",
    "holdfast_tell",
];

/// Lines that wait to be read, at most. There is room for fewer in the ring buffer.
const WAITING_LINES: usize = 4096;

/// A network of clients.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Chosen {
    /// An address in it.
    pub address: Address,
    /// The length of its prefix in bits, as of an IPv6 address.
    pub prefix: u32,
}

/// Lines as they come out of the ring buffer: where aya-log puts them, and who reads them.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<String>>>);

impl Lines {
    fn waiting(&self) -> MutexGuard<'_, Vec<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Log for Lines {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &Record<'_>) {
        let mut waiting = self.waiting();
        if waiting.len() < WAITING_LINES {
            waiting.push(record.args().to_string());
        }
    }

    fn flush(&self) {}
}

/// Whether the stages of the trace are in the kernel.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stages {
    /// Nothing was traced yet: they are not verified for nothing.
    NotYet,
    Loaded,
}

/// The trace of chosen clients.
pub struct Trace {
    logger: EbpfLogger<Lines>,
    lines: Lines,
    readable: OwnedFd,
    state: Shared<TraceState>,
    clients: LpmTrie<MapData, [u32; 4], u32>,
    chosen: Vec<Key<[u32; 4]>>,
    number: u32,
    stages: ProgramArray<MapData>,
    loaded: Stages,
}

impl Trace {
    pub(super) fn take(ebpf: &mut Ebpf) -> Result<Self, Error> {
        let lines = Lines::default();
        let logger = EbpfLogger::init_with_logger(ebpf, lines.clone());
        let logger = logger.map_err(|error| failed(LOG, &error))?;
        let readable = logger.as_fd().try_clone_to_owned();
        Ok(Self {
            readable: readable.map_err(|error| failed(LOG, &error))?,
            logger,
            lines,
            state: shared(ebpf, "TRACE_STATE", 1)?,
            clients: typed(ebpf, "TRACED_CLIENTS")?,
            chosen: Vec::new(),
            number: 0,
            stages: typed(ebpf, "TRACE_STAGES")?,
            loaded: Stages::NotYet,
        })
    }

    /// Loads the stages, the first of all last: once it is there, packets may take them.
    pub(super) fn load_stages(&mut self, generation: &mut Generation) -> Result<(), Error> {
        if self.loaded == Stages::NotYet {
            for (number, name) in STAGES.into_iter().enumerate() {
                let fd = generation.load_program(name)?;
                let set = self.stages.set(number as u32, fd, 0);
                set.map_err(|error| failed("TRACE_STAGES", &error))?;
            }
            self.loaded = Stages::Loaded;
        }
        Ok(())
    }

    /// Chooses the clients, and gives the number of a new trace.
    pub(super) fn choose(&mut self, clients: &[Chosen]) -> Result<u32, Error> {
        for client in clients {
            let key = Key::new(client.prefix, client.address.0);
            let chosen = self.clients.insert(&key, 1, 0);
            chosen.map_err(|error| failed("TRACED_CLIENTS", &error))?;
            self.chosen.push(key);
        }
        // Lines of an earlier trace are no one's any more.
        self.lines();
        self.state[0].due.set(0);
        self.number = self.number.wrapping_add(1).max(1);
        Ok(self.number)
    }

    pub(super) fn choose_none(&mut self) {
        for key in self.chosen.drain(..) {
            // Two names of one network are one entry.
            let _ = self.clients.remove(&key);
        }
    }

    /// The number of the trace, with which its lines begin.
    pub fn number(&self) -> u32 {
        self.number
    }

    /// Lines that were due since the trace began, also those for which there was no room.
    pub fn due(&self) -> u32 {
        self.state[0].due.get()
    }

    /// The lines that are there.
    pub fn lines(&mut self) -> Vec<String> {
        self.logger.flush();
        mem::take(&mut *self.lines.waiting())
    }

    /// What becomes readable when there are lines.
    pub fn readable(&self) -> io::Result<AsyncFd<OwnedFd>> {
        let descriptor = self.readable.try_clone()?;
        // SAFETY: the descriptor is owned, and stays the same until it is dropped.
        let registered = unsafe { AsyncFd::register_with_interest(descriptor, Interest::READABLE) };
        Ok(registered?)
    }
}

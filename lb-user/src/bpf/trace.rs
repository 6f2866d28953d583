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
    generation::{load_all, program, refused},
    maps::{failed, shared, typed},
    shared::Shared,
};

/// The ring buffer of aya-log, and its size: a line takes half a KiB, so that a second's lines of one core fit.
pub(super) const LOG: &str = "AYA_LOGS";
pub(super) const LOG_BYTES: u32 = 512 * 1024;

/// The stages while a trace is on, in the order of their numbers.
const NAMES: [&str; 8] = [
    "holdfast_traced_flows",
    "holdfast_traced_opening",
    "holdfast_traced_extended",
    "holdfast_traced_others",
    "holdfast_traced_answer",
    "holdfast_traced_opened",
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

/// The stages while a trace is on. They are not loaded before one is asked for: the kernel takes seconds to verify them.
#[derive(Clone)]
pub struct Stages(Arc<Mutex<Ebpf>>);

impl Stages {
    fn object(&self) -> MutexGuard<'_, Ebpf> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has the kernel verify those that are not loaded yet: a try that failed may have come half way.
    pub fn load(&self) -> Result<(), Error> {
        // One after the other: the daemon goes on meanwhile, and needs a processor for that.
        load_all(&mut self.object(), &NAMES, 1)
    }
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
    array: ProgramArray<MapData>,
    /// What is entered there.
    pub stages: Stages,
}

impl Trace {
    pub(super) fn take(mut ebpf: Ebpf) -> Result<Self, Error> {
        let lines = Lines::default();
        let logger = EbpfLogger::init_with_logger(&mut ebpf, lines.clone());
        let logger = logger.map_err(|error| failed(LOG, &error))?;
        let readable = logger.as_fd().try_clone_to_owned();
        Ok(Self {
            readable: readable.map_err(|error| failed(LOG, &error))?,
            logger,
            lines,
            state: shared(&mut ebpf, "TRACE_STATE")?,
            clients: typed(&mut ebpf, "TRACED_CLIENTS")?,
            chosen: Vec::new(),
            number: 0,
            array: typed(&mut ebpf, "TRACE_STAGES")?,
            stages: Stages(Arc::new(Mutex::new(ebpf))),
        })
    }

    /// Makes the stages those that packets take while a trace is on, and loads them unless they are.
    pub(super) fn enter_stages(&mut self) -> Result<(), Error> {
        self.stages.load()?;
        let mut object = self.stages.object();
        for (number, name) in NAMES.into_iter().enumerate() {
            let fd = program(&mut object, name)?.fd().map_err(refused(name))?;
            let set = self.array.set(number as u32, fd, 0);
            set.map_err(|error| failed("TRACE_STAGES", &error))?;
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

//! A generation of programs: what one start has loaded. Its programs find each other by a program array of their own, so
//! that each generation is whole for itself, while all of them work on the same maps.
//!
//! The kernel empties a program array when neither a process nor a pin refers to it any more. So it is pinned, in a
//! directory of the generation's own, with the program that packets reach first: for as long as a link leads there.

use std::{
    fs,
    num::NonZero,
    os::fd::{AsFd as _, BorrowedFd, OwnedFd},
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
    thread,
    time::Duration,
};

use aya::{
    Ebpf,
    maps::{MapData, MapError, ProgramArray},
    pin::PinError,
    programs::{ProgramError, Xdp},
};
use aya_obj::programs::XdpAttachType;
use tracing::warn;

use super::{
    Error,
    link::{self, Link},
    pins,
};

/// The program that packets reach first.
pub(super) const ENTRY: &str = "holdfast";

/// All programs, in the order of their numbers in the array.
const PROGRAMS: [&str; 6] = [
    ENTRY,
    "holdfast_opening",
    "holdfast_extended",
    "holdfast_others",
    "holdfast_answer",
    "holdfast_opened",
];

/// The program array.
const STAGES: &str = "STAGES";

const DIRECTORY: &str = "generation-";

/// For the programs that run while theirs is replaced, where the kernel cannot be asked to wait for them.
const TIME_TO_RUN: Duration = Duration::from_millis(100);

/// The programs of this start.
pub(super) struct Generation {
    entry: Xdp,
    /// The id of the program that packets reach first, which the array holds too: so no later program gets it as long
    /// as the array is there.
    id: u32,
    _stages: ProgramArray<MapData>,
}

impl Generation {
    /// Has the kernel verify all programs, and pins what they need of each other.
    pub(super) fn load(ebpf: &mut Ebpf, pins: &Path) -> Result<Self, Error> {
        let map_error = |error: MapError| broken(&error);
        let processors = thread::available_parallelism().map_or(1, NonZero::get);
        load_all(ebpf, &PROGRAMS, processors.min(PROGRAMS.len()))?;
        let id = program(ebpf, ENTRY)?.info().map_err(refused(ENTRY))?.id();
        let directory = directory(pins, id);
        fs::create_dir(&directory).map_err(|source| Error::Pin {
            path: directory.clone(),
            source,
        })?;
        let pin_error = |error: PinError| broken(&error);
        let pin = directory.join(ENTRY);
        program(ebpf, ENTRY)?.pin(&pin).map_err(pin_error)?;
        let entry = Xdp::from_pin(pin, XdpAttachType::Interface).map_err(refused(ENTRY))?;
        let map = ebpf.take_map(STAGES).ok_or_else(|| missing(STAGES))?;
        map.pin(directory.join(STAGES)).map_err(pin_error)?;
        let mut stages = ProgramArray::try_from(map).map_err(map_error)?;
        for (number, name) in PROGRAMS.into_iter().enumerate() {
            let fd = program(ebpf, name)?.fd().map_err(refused(name))?;
            stages.set(number as u32, fd, 0).map_err(map_error)?;
        }
        Ok(Self {
            entry,
            id,
            _stages: stages,
        })
    }

    /// The program that packets reach first.
    pub(super) fn entry(&self) -> &Xdp {
        &self.entry
    }

    pub(super) fn entry_fd(&self) -> Result<BorrowedFd<'_>, Error> {
        Ok(self.entry.fd().map_err(refused(ENTRY))?.as_fd())
    }

    /// Removes all generations that no link leads to: whole ones that this one has replaced, and what was left of a
    /// start that was killed.
    pub(super) fn remove_others(&self, pins: &Path) {
        let links = pins::of_links(pins);
        let programs = links
            .iter()
            .filter_map(|pin| Some(Link::open(pin).ok()?.info().ok()?.program));
        let used: Vec<PathBuf> = programs.chain([self.id]).map(|id| directory(pins, id)).collect();
        let names = pins::names(pins).unwrap_or_default();
        let generations = names
            .iter()
            .filter(|name| name.to_str().is_some_and(is_directory))
            .map(|name| pins.join(name));
        let unused: Vec<PathBuf> = generations.filter(|path| !used.contains(path)).collect();
        // A packet that reached the first program before it was replaced may not have come to its last one yet.
        if !unused.is_empty() && link::await_running_programs().is_err() {
            thread::sleep(TIME_TO_RUN);
        }
        for generation in unused {
            if let Err(error) = fs::remove_dir_all(&generation) {
                warn!("{} is left behind: {error}", generation.display());
            }
        }
    }
}

/// The program that packets reached first in an earlier generation.
pub(super) fn earlier_entry(pins: &Path, id: u32) -> Result<OwnedFd, Error> {
    let path = directory(pins, id).join(ENTRY);
    link::open_pinned(&path).map_err(|error| Error::Pin {
        path,
        source: error.into(),
    })
}

/// Whether a pin of this name is the directory of a generation.
pub(super) fn is_directory(name: &str) -> bool {
    name.starts_with(DIRECTORY)
}

fn directory(pins: &Path, id: u32) -> PathBuf {
    pins.join(format!("{DIRECTORY}{id}"))
}

pub(super) fn program<'e>(ebpf: &'e mut Ebpf, name: &'static str) -> Result<&'e mut Xdp, Error> {
    ebpf.program_mut(name)
        .and_then(|program| program.try_into().ok())
        .ok_or_else(|| missing(name))
}

/// Has the kernel verify those of these programs that it has not, some at a time. It takes up to a second for each.
pub(super) fn load_all(ebpf: &mut Ebpf, names: &[&'static str], at_once: usize) -> Result<(), Error> {
    let programs = ebpf.programs_mut().filter_map(|(name, program)| {
        let name = names.iter().find(|wanted| **wanted == name)?;
        Some((*name, <&mut Xdp>::try_from(program).ok()?))
    });
    let unloaded = Mutex::new(programs.filter(|(_, program)| program.fd().is_err()));
    let next = || unloaded.lock().unwrap_or_else(PoisonError::into_inner).next();
    let load = || {
        while let Some((name, program)) = next() {
            program.load().map_err(refused(name))?;
        }
        Ok(())
    };
    thread::scope(|scope| {
        let loading: Vec<_> = (0..at_once).map(|_| scope.spawn(load)).collect();
        let mut loaded = loading.into_iter().map(|one| match one.join() {
            Ok(loaded) => loaded,
            Err(panic) => std::panic::resume_unwind(panic),
        });
        loaded.try_for_each(|loaded| loaded)
    })
}

pub(super) fn refused(name: &'static str) -> impl Fn(ProgramError) -> Error {
    move |source| Error::Program { name, source }
}

fn broken(error: &dyn std::error::Error) -> Error {
    super::maps::failed(STAGES, error)
}

fn missing(name: &'static str) -> Error {
    Error::Map {
        name: STAGES,
        reason: format!("{name} is missing in the compiled object"),
    }
}

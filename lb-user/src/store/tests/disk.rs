//! A disk in memory that notes what is done to it, fails when it is told to, and can be looked at as it would be after a
//! power failure.

use std::{
    io,
    mem::take,
    sync::{Arc, Mutex, MutexGuard},
};

use redb::StorageBackend;

use super::super::{
    Contents, Embedded, Error, file,
    schema::{self, MIGRATIONS},
};

/// What was done to a disk.
#[derive(Clone, Debug)]
pub(super) enum Done {
    Write(u64, Vec<u8>),
    Length(u64),
    Sync,
    /// What had been written since the last one is read as if it were on the disk, and never will be.
    FailedSync,
}

/// What fails of writes, changes of the length, and syncs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Failing {
    Never,
    /// The one after so many more.
    Once(usize),
    /// All after so many more.
    From(usize),
}

#[derive(Clone, Debug)]
pub(super) struct Disk(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    bytes: Vec<u8>,
    done: Vec<Done>,
    failing: Failing,
    unreadable: bool,
}

impl Disk {
    pub(super) fn of(bytes: Vec<u8>) -> Self {
        Self(Arc::new(Mutex::new(State {
            bytes,
            done: Vec::new(),
            failing: Failing::Never,
            unreadable: false,
        })))
    }

    /// One with an empty store.
    pub(super) fn empty() -> Self {
        let disk = Self::of(Vec::new());
        let database = file::builder().create_with_backend(disk.clone()).unwrap();
        schema::fill(&database, schema::last(MIGRATIONS), &Contents::default()).unwrap();
        drop(database);
        Self::of(take(&mut disk.state().bytes))
    }

    /// The store on it.
    pub(super) fn store(&self) -> Result<Embedded, Error> {
        let disk = self.clone();
        let open = move || Ok(file::builder().create_with_backend(disk.clone())?);
        let store = Embedded::closed("disk".into(), None, Box::new(open));
        store.reopen(std::time::Duration::ZERO)?;
        Ok(store)
    }

    pub(super) fn fail(&self, failing: Failing) {
        self.state().failing = failing;
    }

    pub(super) fn be_unreadable(&self, unreadable: bool) {
        self.state().unreadable = unreadable;
    }

    /// What is read of it.
    pub(super) fn bytes(&self) -> Vec<u8> {
        self.state().bytes.clone()
    }

    pub(super) fn done(&self) -> Vec<Done> {
        self.state().done.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }
}

/// What is on a disk for sure, and what may be there as well.
pub(super) struct Image {
    pub(super) bytes: Vec<u8>,
    pub(super) pending: Vec<Done>,
}

impl Image {
    pub(super) fn of(bytes: Vec<u8>) -> Self {
        let pending = Vec::new();
        Self { bytes, pending }
    }

    pub(super) fn note(&mut self, done: &Done) {
        match done {
            Done::Sync => {
                let pending = take(&mut self.pending);
                for done in pending {
                    apply(&mut self.bytes, &done);
                }
            }
            Done::FailedSync => self.pending.clear(),
            other => self.pending.push(other.clone()),
        }
    }
}

pub(super) fn apply(bytes: &mut Vec<u8>, done: &Done) {
    match done {
        Done::Write(offset, data) => {
            let (start, end) = (*offset as usize, *offset as usize + data.len());
            if bytes.len() < end {
                bytes.resize(end, 0);
            }
            bytes[start..end].copy_from_slice(data);
        }
        Done::Length(length) => bytes.resize(*length as usize, 0),
        Done::Sync | Done::FailedSync => {}
    }
}

impl State {
    fn fails(&mut self) -> bool {
        match &mut self.failing {
            Failing::Never => false,
            Failing::Once(0) => {
                self.failing = Failing::Never;
                true
            }
            Failing::From(0) => true,
            Failing::Once(more) | Failing::From(more) => {
                *more -= 1;
                false
            }
        }
    }

    fn apply(&mut self, done: Done) {
        apply(&mut self.bytes, &done);
        self.done.push(done);
    }
}

impl StorageBackend for Disk {
    fn len(&self) -> io::Result<u64> {
        Ok(self.state().bytes.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let state = self.state();
        if state.unreadable {
            return Err(io::ErrorKind::Other.into());
        }
        let start = offset as usize;
        let found = state.bytes.get(start..start + out.len());
        out.copy_from_slice(found.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        let mut state = self.state();
        if state.fails() {
            return Err(io::ErrorKind::StorageFull.into());
        }
        state.apply(Done::Length(length));
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut state = self.state();
        if state.fails() {
            state.apply(Done::FailedSync);
            return Err(io::ErrorKind::Other.into());
        }
        state.apply(Done::Sync);
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut state = self.state();
        if state.fails() {
            // The system has taken a part of it.
            let half = data[..data.len() / 2].to_owned();
            state.apply(Done::Write(offset, half));
            return Err(io::ErrorKind::StorageFull.into());
        }
        state.apply(Done::Write(offset, data.to_owned()));
        Ok(())
    }
}

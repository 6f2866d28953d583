//! The table as a file, so that sessions survive a restart.
//!
//! | bytes | what |
//! | --- | --- |
//! | 8 | `HFCOOKIE` |
//! | 4 | version: 1 |
//! | 32 | the secret of the hashes |
//! | 4 + 40 *n*, repeated | *n* from 1 to 1,024, and as many entries |
//! | 4 | 0: the end |
//! | 32 | SHA-256 of all that |
//!
//! Numbers are little-endian. Who has the file can tell whether a cookie's value is known; so its mode is to be 0600.

use std::io::{self, Read, Write};

use ring::digest::{Context, SHA256};
use zerocopy::{FromZeros as _, IntoBytes as _};

use super::{AppCookies, Entry, HashSecret, locked};

const MAGIC: [u8; 8] = *b"HFCOOKIE";
const VERSION: u32 = 1;
const LONGEST_RUN: usize = 1024;

/// Why a snapshot cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// It begins otherwise.
    #[error("this is no snapshot of application cookies")]
    NoSnapshot,
    /// It is of another release.
    #[error("this is a snapshot of version {0}; this release reads version {VERSION}")]
    OtherVersion(u32),
    /// It says something that is never written.
    #[error("the snapshot is damaged: {0} entries in a row, where at most {LONGEST_RUN} are written")]
    LongRun(u32),
    /// It is not what was written.
    #[error("the snapshot is damaged: its checksum is another")]
    OtherChecksum,
    /// Its hashes are made with another secret.
    #[error("the snapshot is of another table")]
    OtherTable,
    /// It ends before its end.
    #[error("the snapshot is cut off")]
    CutOff,
    /// The system refused to read.
    #[error("cannot read the snapshot: {0}")]
    Io(io::Error),
}

impl From<io::Error> for SnapshotError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::UnexpectedEof => Self::CutOff,
            _ => Self::Io(error),
        }
    }
}

impl AppCookies {
    /// Writes the table a shard at a time, while it is in use: what changes meanwhile is in it or not.
    pub fn write_to(&self, writer: impl Write) -> io::Result<()> {
        let mut out = Summed::new(writer);
        out.write(&MAGIC)?;
        out.write(&VERSION.to_le_bytes())?;
        out.write(&self.secret)?;
        for shard in &self.shards {
            // A copy, so that nobody waits for the file.
            let entries: Vec<Entry> = locked(shard).iter().copied().collect();
            for run in entries.chunks(LONGEST_RUN) {
                out.write(&(run.len() as u32).to_le_bytes())?;
                out.write(run.as_bytes())?;
            }
        }
        out.write(&0_u32.to_le_bytes())?;
        let (mut writer, sum) = out.finish();
        writer.write_all(&sum)?;
        writer.flush()
    }

    /// A table for so many sessions, with those of a snapshot. Where those are more, some of the longer idle are left out.
    pub fn read_from(capacity: usize, reader: impl Read) -> Result<Self, SnapshotError> {
        let snapshot = Snapshot::open(reader)?;
        let table = Self::with_secret(capacity, snapshot.secret);
        snapshot.read(|entries| table.restore(entries))?;
        Ok(table)
    }

    /// Takes in what a later snapshot of the table that this one was read from has beyond it. Of a session that both have,
    /// what was seen last holds.
    pub fn merge_from(&self, reader: impl Read) -> Result<(), SnapshotError> {
        let snapshot = Snapshot::open(reader)?;
        if snapshot.secret != self.secret {
            return Err(SnapshotError::OtherTable);
        }
        let mut all = Vec::new();
        snapshot.read(|entries| all.extend_from_slice(entries))?;
        self.restore(&all);
        Ok(())
    }

    fn restore(&self, entries: &[Entry]) {
        for entry in entries {
            let mut shard = self.shard(entry.id());
            match shard.find(entry.fingerprint()) {
                None => {
                    self.insert(&mut shard, *entry);
                }
                Some(known) if known.seen_s.get() < entry.seen_s.get() => *known = *entry,
                Some(_) => {}
            }
        }
    }
}

/// A snapshot that is being read.
struct Snapshot<R> {
    input: Summed<R>,
    secret: HashSecret,
}

impl<R: Read> Snapshot<R> {
    fn open(reader: R) -> Result<Self, SnapshotError> {
        let mut input = Summed::new(reader);
        if input.read::<8>()? != MAGIC {
            return Err(SnapshotError::NoSnapshot);
        }
        match u32::from_le_bytes(input.read()?) {
            VERSION => {}
            other => return Err(SnapshotError::OtherVersion(other)),
        }
        let secret = input.read()?;
        Ok(Self { input, secret })
    }

    /// Gives out its entries; that they are what was written is known only at the end.
    fn read(mut self, mut take: impl FnMut(&[Entry])) -> Result<(), SnapshotError> {
        let mut run = vec![Entry::new_zeroed(); LONGEST_RUN];
        loop {
            let length = u32::from_le_bytes(self.input.read()?);
            let run = run
                .get_mut(..length as usize)
                .ok_or(SnapshotError::LongRun(length))?;
            if run.is_empty() {
                break;
            }
            self.input.fill(run.as_mut_bytes())?;
            take(run);
        }
        let (mut reader, sum) = self.input.finish();
        let mut expected = [0; 32];
        reader.read_exact(&mut expected)?;
        if sum == expected {
            Ok(())
        } else {
            Err(SnapshotError::OtherChecksum)
        }
    }
}

/// A file, and the sum of what went through.
struct Summed<F> {
    file: F,
    sum: Context,
}

impl<F> Summed<F> {
    fn new(file: F) -> Self {
        Self {
            file,
            sum: Context::new(&SHA256),
        }
    }

    fn finish(self) -> (F, [u8; 32]) {
        let sum = self.sum.finish();
        (self.file, sum.as_ref().first_chunk().copied().unwrap_or_default())
    }
}

impl<W: Write> Summed<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.sum.update(bytes);
        self.file.write_all(bytes)
    }
}

impl<R: Read> Summed<R> {
    fn fill(&mut self, bytes: &mut [u8]) -> io::Result<()> {
        self.file.read_exact(bytes)?;
        self.sum.update(bytes);
        Ok(())
    }

    fn read<const N: usize>(&mut self) -> io::Result<[u8; N]> {
        let mut bytes = [0; N];
        self.fill(&mut bytes)?;
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests;

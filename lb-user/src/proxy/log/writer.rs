//! The thread that writes the access log.

use std::{
    fs::{File, OpenOptions},
    io::{self, Write as _},
    path::{Path, PathBuf},
    sync::{
        atomic::{AtomicU64, Ordering::Relaxed},
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread,
    time::{Duration, Instant},
};

use tracing::warn;

use crate::seldom::Seldom;

/// Pieces that wait to be written, at most: some 8 MiB.
const MOST_WAITING: usize = 256;
const SAID: Duration = Duration::from_secs(10);

/// Hands lines to the thread that writes them.
#[derive(Debug)]
pub(in crate::proxy) struct Writer {
    path: PathBuf,
    pieces: SyncSender<Vec<u8>>,
    lost: AtomicU64,
}

impl Writer {
    /// Opens the file to append to it, and starts the thread, which ends with the writer.
    pub(in crate::proxy) fn open(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new().create(true).append(true).open(path)?;
        let (pieces, receiver) = sync_channel(MOST_WAITING);
        let name = path.to_owned();
        thread::Builder::new()
            .name("access-log".into())
            .spawn(move || write_all(&name, file, &receiver))?;
        Ok(Self {
            path: path.to_owned(),
            pieces,
            lost: AtomicU64::new(0),
        })
    }

    /// Hands lines on, or counts them as lost where too many wait.
    pub(super) fn write(&self, lines: Vec<u8>) {
        if let Err(refused) = self.pieces.try_send(lines) {
            let (std::sync::mpsc::TrySendError::Full(lines)
            | std::sync::mpsc::TrySendError::Disconnected(lines)) = refused;
            let count = memchr::memchr_iter(b'\n', &lines).count();
            self.lost.fetch_add(count as u64, Relaxed);
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        let lost = self.lost.load(Relaxed);
        if lost > 0 {
            warn!(
                "{lost} lines of {} were lost: it was written too slowly",
                self.path.display()
            );
        }
    }
}

fn write_all(path: &Path, mut file: File, pieces: &Receiver<Vec<u8>>) {
    let mut said = Seldom::every(SAID);
    for piece in pieces {
        if let Err(error) = file.write_all(&piece)
            && said.is_due(Instant::now())
        {
            warn!("requests are not noted in {}: {error}", path.display());
        }
    }
}

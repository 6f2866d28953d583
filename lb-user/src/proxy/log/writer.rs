//! The thread that writes the access log.

use std::{
    fs::{File, OpenOptions},
    io,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{Receiver, SyncSender, TrySendError, sync_channel},
    },
    thread,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use tracing::warn;

use crate::{proxy::counts::Count, seldom::Seldom};

/// Pieces that wait to be written, at most: some 8 MiB.
const MOST_WAITING: usize = 256;
const SAID: Duration = Duration::from_secs(10);

/// Hands lines to the thread that writes them.
#[derive(Debug)]
pub(in crate::proxy) struct Writer {
    path: PathBuf,
    pieces: SyncSender<Vec<u8>>,
    next: Next<File>,
    lost_lines: Arc<Count>,
}

/// The file that is written to from the next piece on, where it is another one.
type Next<W> = Arc<Mutex<Option<W>>>;

impl Writer {
    /// Opens the file to append to it, and starts the thread, which ends with the writer. Lines that are lost are counted in
    /// `lost_lines`.
    pub(in crate::proxy) fn open(path: &Path, lost_lines: &Arc<Count>) -> anyhow::Result<Self> {
        let file = open(path)?;
        let (pieces, receiver) = sync_channel(MOST_WAITING);
        let next = Next::default();
        let writing = Writing {
            path: path.to_owned(),
            next: Arc::clone(&next),
            lost_lines: Arc::clone(lost_lines),
        };
        thread::Builder::new()
            .name("access-log".into())
            .spawn(move || writing.write_all(file, &receiver))?;
        Ok(Self {
            path: path.to_owned(),
            pieces,
            next,
            lost_lines: Arc::clone(lost_lines),
        })
    }

    /// Opens the file anew, which is another one where that of before was moved away: all that is written from now on goes
    /// there, also of requests that are under way.
    pub(in crate::proxy) fn reopen(&self) -> anyhow::Result<()> {
        *lock(&self.next) = Some(open(&self.path)?);
        Ok(())
    }

    /// Hands lines on, or counts them as lost where too many wait.
    pub(super) fn write(&self, lines: Vec<u8>) {
        if let Err(refused) = self.pieces.try_send(lines) {
            let (TrySendError::Full(lines) | TrySendError::Disconnected(lines)) = refused;
            self.lost_lines.add(lines_of(&lines));
        }
    }
}

fn open(path: &Path) -> anyhow::Result<File> {
    let open = || {
        // Nobody waits here until somebody reads from a pipe: without, it is refused. The thread may wait.
        let mut options = OpenOptions::new();
        options.create(true).append(true);
        let file = options.custom_flags(OFlag::O_NONBLOCK.bits()).open(path)?;
        fcntl(&file, FcntlArg::F_SETFL(OFlag::O_APPEND))?;
        Ok::<_, io::Error>(file)
    };
    open().with_context(|| format!("cannot open the access log {}", path.display()))
}

fn lock<W>(next: &Next<W>) -> std::sync::MutexGuard<'_, Option<W>> {
    next.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What the thread knows.
struct Writing<W> {
    path: PathBuf,
    next: Next<W>,
    lost_lines: Arc<Count>,
}

impl<W: io::Write> Writing<W> {
    fn write_all(&self, mut file: W, pieces: &Receiver<Vec<u8>>) {
        let mut said = Seldom::every(SAID);
        let mut told = self.lost_lines.get();
        for piece in pieces {
            if let Some(next) = lock(&self.next).take() {
                file = next;
            }
            if let Err(error) = file.write_all(&piece) {
                // Some of them may be there.
                self.lost_lines.add(lines_of(&piece));
                if said.is_due(Instant::now()) {
                    warn!("requests are not noted in {}: {error}", self.path.display());
                    told = self.lost_lines.get();
                }
            } else if self.lost_lines.get() > told && said.is_due(Instant::now()) {
                self.tell_of(&mut told);
            }
        }
        if self.lost_lines.get() > told {
            self.tell_of(&mut told);
        }
    }

    /// Says what was lost since `told`.
    fn tell_of(&self, told: &mut u64) {
        let lost = self.lost_lines.get();
        warn!(
            "{} lines of {} were lost: they could not be written, or not in time",
            lost - *told,
            self.path.display()
        );
        *told = lost;
    }
}

fn lines_of(piece: &[u8]) -> u64 {
    memchr::memchr_iter(b'\n', piece).count() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_come_while_too_many_wait_are_lost_and_counted() {
        let (pieces, receiver) = sync_channel(1);
        let writer = Writer {
            path: "access.log".into(),
            pieces,
            next: Next::default(),
            lost_lines: Arc::default(),
        };
        for _ in 0..3 {
            writer.write(b"one\ntwo\n".to_vec());
        }
        assert_eq!(writer.lost_lines.get(), 4);
        assert_eq!(receiver.try_iter().count(), 1);
    }

    #[test]
    fn lines_that_cannot_be_written_are_lost_and_counted() {
        struct Full;
        impl io::Write for Full {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::StorageFull.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let (pieces, receiver) = sync_channel(2);
        let lost_lines = Arc::<Count>::default();
        let writing = Writing {
            path: "access.log".into(),
            next: Next::default(),
            lost_lines: Arc::clone(&lost_lines),
        };
        pieces.send(b"one\ntwo\n".to_vec()).unwrap();
        pieces.send(b"three\n".to_vec()).unwrap();
        drop(pieces);
        writing.write_all(Full, &receiver);
        assert_eq!(lost_lines.get(), 3);
    }
}

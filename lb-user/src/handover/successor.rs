//! The side of the daemon that is taken over from.

use std::{
    io::{self, IoSlice},
    mem::MaybeUninit,
    net::TcpListener,
    os::fd::{AsFd as _, BorrowedFd},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Interest},
    net::UnixStream,
    sync::mpsc::{self, error::TrySendError},
    task, time,
};
use tracing::warn;

use super::{Estate, MOST_AT_ONCE, Word};
use crate::{health::Health, model::DataPlane, seldom::Seldom};

/// Words that wait to be told.
const MOST_WAITING: usize = 64;
/// How often it is said that some are missed.
const SAID: Duration = Duration::from_secs(10);
/// How long the last ones may take.
const PATIENCE: Duration = Duration::from_secs(2);
/// The longest word that a successor says, in bytes.
const LONGEST_WORD: u64 = 4096;

/// The daemon that takes over.
pub(crate) struct Successor {
    stream: BufReader<UnixStream>,
    pin_path: PathBuf,
    dataplane: DataPlane,
}

impl Successor {
    /// One that has asked over this connection for the datapath that is pinned there.
    pub(crate) fn new(stream: UnixStream, pin_path: PathBuf, dataplane: DataPlane) -> Self {
        Self {
            stream: BufReader::new(stream),
            pin_path,
            dataplane,
        }
    }

    /// Where it works.
    pub(crate) fn pin_path(&self) -> &Path {
        &self.pin_path
    }

    /// What it will have clients served by.
    pub(crate) fn dataplane(&self) -> DataPlane {
        self.dataplane
    }

    /// Tells it that nothing is handed over, and why.
    pub(crate) async fn refuse(mut self, reason: String) -> io::Result<()> {
        self.say(&Word::Failed(reason)).await
    }

    /// Hands over what there is.
    pub(crate) async fn give(
        &mut self,
        sockets: impl Iterator<Item = &TcpListener>,
        health: &Health,
    ) -> io::Result<()> {
        let sockets: Vec<BorrowedFd<'_>> = sockets.map(|socket| socket.as_fd()).collect();
        self.say(&Word::Estate(Estate::new(sockets.len(), health)))
            .await?;
        for some in sockets.chunks(MOST_AT_ONCE) {
            let stream = self.stream.get_ref();
            stream.async_io(Interest::WRITABLE, || send(stream, some)).await?;
        }
        Ok(())
    }

    /// Waits until it could serve.
    pub(crate) async fn ready(&mut self) -> io::Result<()> {
        self.expect(&Word::Ready).await
    }

    /// Tells it that nothing is accepted any more.
    pub(crate) async fn released(&mut self) -> io::Result<()> {
        self.say(&Word::Released).await
    }

    /// Waits until it serves.
    pub(crate) async fn serving(&mut self) -> io::Result<()> {
        self.expect(&Word::Serving).await
    }

    /// Goes on telling it what becomes of sessions.
    pub(crate) fn part(self) -> Heir {
        let (changes, mut told) = mpsc::channel(MOST_WAITING);
        let telling = task::spawn(async move {
            let mut this = self;
            while let Some(changes) = told.recv().await {
                let word = Word::Sessions(STANDARD.encode(changes));
                if let Err(error) = this.say(&word).await {
                    warn!("cannot tell the other daemon what becomes of sessions: {error}");
                    return;
                }
            }
        });
        Heir {
            changes,
            telling,
            said: Seldom::every(SAID),
        }
    }

    async fn say(&mut self, word: &Word) -> io::Result<()> {
        let mut line = Vec::new();
        super::write_line(&mut line, word)?;
        self.stream.get_mut().write_all(&line).await
    }

    async fn expect(&mut self, word: &Word) -> io::Result<()> {
        let mut line = Vec::new();
        let mut limited = tokio::io::AsyncReadExt::take(&mut self.stream, LONGEST_WORD);
        if limited.read_until(b'\n', &mut line).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        match serde_json::from_slice::<Word>(&line) {
            Ok(said) if said == *word => Ok(()),
            _ => Err(io::Error::other(format!(
                "it says {}, where {word:?} was expected",
                String::from_utf8_lossy(&line).trim_end()
            ))),
        }
    }
}

/// A successor that serves, and is told what becomes of sessions as long as this daemon has connections.
pub(crate) struct Heir {
    changes: mpsc::Sender<Vec<u8>>,
    telling: task::JoinHandle<()>,
    /// When it was last said that it misses some.
    said: Seldom,
}

impl Heir {
    /// Tells it of these changes. Where it does not listen it misses some, and their clients are balanced anew.
    pub(crate) fn tell(&mut self, changes: Vec<u8>) {
        // That nobody listens any more, was said.
        if !changes.is_empty()
            && let Err(TrySendError::Full(_)) = self.changes.try_send(changes)
            && self.said.is_due(Instant::now())
        {
            warn!("the other daemon misses some of what becomes of sessions");
        }
    }

    /// Ends when it has been told all of it, or does not listen.
    pub(crate) async fn end(self) {
        drop(self.changes);
        // If it panicked, that was said.
        let _ = time::timeout(PATIENCE, self.telling).await;
    }
}

/// Sends files with a byte that means nothing, since a message of a stream has to have one.
fn send(stream: &UnixStream, files: &[BorrowedFd<'_>]) -> io::Result<()> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST_AT_ONCE))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    control.push(SendAncillaryMessage::ScmRights(files));
    sendmsg(stream, &[IoSlice::new(b"\n")], &mut control, SendFlags::NOSIGNAL)?;
    Ok(())
}

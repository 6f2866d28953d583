//! The side of the daemon that takes over.

use std::{
    io::{self, IoSliceMut},
    mem::MaybeUninit,
    net::TcpListener,
    os::{fd::OwnedFd, unix::net::UnixStream},
    path::Path,
    time::Duration,
};

use anyhow::{Context as _, bail};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};

use super::{Estate, MOST_AT_ONCE, Word};
use crate::{
    health::{Finding, Health},
    model::{DaemonSettings, DataPlane},
};

/// How long the predecessor may take for an answer. It may have to write the sessions of a million clients.
const PATIENCE: Duration = Duration::from_secs(30);
/// No word is longer, in bytes: it names all members that are down.
const LONGEST_WORD: usize = 64 * 1024 * 1024;

/// The daemon that is taken over from.
pub(crate) struct Predecessor {
    stream: UnixStream,
    /// What came and was not looked at yet.
    unread: Vec<u8>,
    sockets: Vec<TcpListener>,
    estate: Estate,
}

impl Predecessor {
    /// Asks the daemon at the control socket to hand over, which leaves the maps alone from here on.
    pub(crate) fn ask(settings: &DaemonSettings, dataplane: DataPlane) -> anyhow::Result<Self> {
        let path = settings.control_socket.display();
        let word = Word::HandOver {
            pin_path: settings.pin_path.clone(),
            dataplane,
        };
        let asked = Self::try_to_ask(&settings.control_socket, &word);
        asked.with_context(|| format!("the daemon that answers at {path} does not hand over"))
    }

    fn try_to_ask(control_socket: &Path, word: &Word) -> anyhow::Result<Self> {
        let stream = UnixStream::connect(control_socket)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let mut this = Self {
            stream,
            unread: Vec::new(),
            sockets: Vec::new(),
            estate: Estate::default(),
        };
        this.say(word)?;
        match this.hear()? {
            Word::Estate(estate) => this.estate = estate,
            Word::Failed(reason) => bail!(reason),
            other => bail!("it answers {other:?}: is it of this version?"),
        }
        while this.sockets.len() < this.estate.sockets {
            this.receive()?;
        }
        Ok(this)
    }

    /// Its listening sockets.
    pub(crate) fn take_sockets(&mut self) -> Vec<TcpListener> {
        std::mem::take(&mut self.sockets)
    }

    /// Adds what it has found of the members.
    pub(crate) fn tell_health(&self, health: &mut Health) {
        for down in &self.estate.down {
            let reason = down.reason.clone();
            health.set(&down.pool, &down.member, Finding::Down { reason });
        }
    }

    /// Has it accept nothing more and leave its sessions. From here on there is no way back.
    pub(crate) fn release(&mut self) -> anyhow::Result<()> {
        self.say(&Word::Ready)?;
        match self.hear()? {
            Word::Released => Ok(()),
            other => bail!("the earlier daemon answers {other:?}: is it of this version?"),
        }
    }

    /// Tells it that all is well. Gives what it goes on telling, up to its end.
    pub(crate) fn part(mut self) -> io::Result<Retiring> {
        self.say(&Word::Serving)?;
        self.stream.set_nonblocking(true)?;
        Ok(Retiring {
            stream: BufReader::new(tokio::net::UnixStream::from_std(self.stream)?),
            line: Vec::new(),
        })
    }

    fn say(&mut self, word: &Word) -> io::Result<()> {
        super::write_line(&mut self.stream, word)
    }

    fn hear(&mut self) -> anyhow::Result<Word> {
        loop {
            // What only carried sockets.
            let filling = self.unread.iter().take_while(|byte| **byte == b'\n').count();
            self.unread.drain(..filling);
            if let Some(end) = self.unread.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.unread.drain(..=end).collect();
                return serde_json::from_slice(&line).with_context(|| {
                    let line = String::from_utf8_lossy(&line);
                    format!("its answer is not understood: {}", line.trim_end())
                });
            }
            if self.unread.len() > LONGEST_WORD {
                bail!("its answer has no end");
            }
            self.receive()?;
        }
    }

    /// Takes what comes next: bytes, and sockets with them.
    fn receive(&mut self) -> anyhow::Result<()> {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST_AT_ONCE))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let mut piece = vec![0; 64 * 1024];
        let mut pieces = [IoSliceMut::new(&mut piece)];
        let received = recvmsg(&self.stream, &mut pieces, &mut control, RecvFlags::CMSG_CLOEXEC)?;
        if received.bytes == 0 {
            bail!("it ended the connection");
        }
        for message in control.drain() {
            if let RecvAncillaryMessage::ScmRights(files) = message {
                self.sockets
                    .extend(files.map(|file: OwnedFd| TcpListener::from(file)));
            }
        }
        self.unread.extend_from_slice(&piece[..received.bytes]);
        Ok(())
    }
}

/// A predecessor that ends with its last connection.
pub(crate) struct Retiring {
    stream: BufReader<tokio::net::UnixStream>,
    /// What there is of its next word.
    line: Vec<u8>,
}

impl Retiring {
    /// What becomes of sessions with it, as it tells of that; nothing once it has ended. Without one it waits for ever.
    pub(crate) async fn next(this: &mut Option<Self>) -> Option<Vec<u8>> {
        let Some(retiring) = this else {
            return std::future::pending().await;
        };
        loop {
            // What was read before something else came in between is still there.
            let room = (LONGEST_WORD - retiring.line.len()) as u64;
            let mut limited = (&mut retiring.stream).take(room);
            let read = limited.read_until(b'\n', &mut retiring.line).await;
            if !retiring.line.ends_with(b"\n") || read.is_err() {
                *this = None;
                return None;
            }
            let line = std::mem::take(&mut retiring.line);
            if let Ok(Word::Sessions(changes)) = serde_json::from_slice(&line)
                && let Ok(changes) = STANDARD.decode(changes)
            {
                return Some(changes);
            }
        }
    }
}

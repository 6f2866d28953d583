//! A connection of a client, in the clear or with TLS: bytes in, bytes out, nothing ever blocks.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr};
use std::sync::Arc;

use anyhow::{Context as _, Result, ensure};
use mio::event::Event;
use mio::net::TcpStream;
use mio::{Interest, Registry, Token};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, HandshakeKind};

use crate::page::HOST;

/// Whether more can come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// It can.
    Open,
    /// The other side has said its last.
    Ended,
}

pub(crate) struct Wire {
    stream: TcpStream,
    tls: Option<Box<ClientConnection>>,
    /// What the socket would not take yet; of TLS, rustls keeps that.
    unsent: Vec<u8>,
}

/// A socket that remembers whether its last read left nothing behind.
struct Gauge<'s> {
    stream: &'s mut TcpStream,
    is_drained: bool,
}

impl Read for Gauge<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let count = self.stream.read(into)?;
        self.is_drained = count < into.len();
        Ok(count)
    }
}

impl Wire {
    /// Begins to connect.
    pub(crate) fn open(
        registry: &Registry,
        token: Token,
        to: SocketAddr,
        tls: Option<&Arc<ClientConfig>>,
    ) -> Result<Self> {
        let mut stream = TcpStream::connect(to).with_context(|| format!("cannot connect to {to}"))?;
        stream.set_nodelay(true)?;
        registry.register(&mut stream, token, Interest::READABLE | Interest::WRITABLE)?;
        let begin = |config: &Arc<ClientConfig>| -> Result<_> {
            let name = ServerName::try_from(HOST)?;
            Ok(Box::new(ClientConnection::new(Arc::clone(config), name)?))
        };
        let mut wire = Self {
            stream,
            tls: tls.map(begin).transpose()?,
            unsent: Vec::new(),
        };
        wire.flush()?;
        Ok(wire)
    }

    /// Whether the handshake is over, if there is one; a handshake that was not a whole one is an error.
    pub(crate) fn is_established(&self) -> Result<bool> {
        let Some(tls) = &self.tls else { return Ok(true) };
        if tls.is_handshaking() {
            return Ok(false);
        }
        ensure!(
            tls.handshake_kind() == Some(HandshakeKind::Full),
            "this was no full handshake"
        );
        Ok(true)
    }

    /// What was agreed to be spoken inside TLS.
    pub(crate) fn agreed_protocol(&self) -> Option<&[u8]> {
        self.tls.as_ref().and_then(|tls| tls.alpn_protocol())
    }

    /// Sends this, now or as soon as it can be.
    pub(crate) fn send(&mut self, bytes: &[u8]) -> Result<()> {
        match &mut self.tls {
            Some(tls) => tls.writer().write_all(bytes)?,
            None if self.unsent.is_empty() => {
                let sent = match self.stream.write(bytes) {
                    Ok(count) => count,
                    // It is still connecting.
                    Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::NotConnected) => {
                        0
                    }
                    Err(error) => return Err(error).context("cannot send"),
                };
                self.unsent.extend_from_slice(&bytes[sent..]);
                return Ok(());
            }
            None => self.unsent.extend_from_slice(bytes),
        }
        self.flush()
    }

    /// Sends what could not be sent before.
    pub(crate) fn flush(&mut self) -> Result<()> {
        loop {
            let outcome = match &mut self.tls {
                Some(tls) if tls.wants_write() => tls.write_tls(&mut self.stream),
                None if !self.unsent.is_empty() => {
                    let outcome = self.stream.write(&self.unsent);
                    if let Ok(count) = outcome {
                        self.unsent.drain(..count);
                    }
                    outcome
                }
                _ => return Ok(()),
            };
            match outcome {
                Ok(_) => {}
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::NotConnected) => {
                    return Ok(());
                }
                Err(error) => return Err(error).context("cannot send"),
            }
        }
    }

    /// Says that nothing more will come from here.
    pub(crate) fn finish(&mut self) -> Result<()> {
        if let Some(tls) = &mut self.tls {
            tls.send_close_notify();
        }
        self.flush()?;
        self.stream.shutdown(Shutdown::Write).context("cannot shut down")
    }

    /// Hands on what has come, piece by piece.
    pub(crate) fn receive(
        &mut self,
        event: &Event,
        scratch: &mut [u8],
        mut take: impl FnMut(&[u8]) -> Result<()>,
    ) -> Result<End> {
        loop {
            let is_drained = if let Some(tls) = &mut self.tls {
                let mut gauge = Gauge {
                    stream: &mut self.stream,
                    is_drained: false,
                };
                let count = match tls.read_tls(&mut gauge) {
                    Ok(count) => count,
                    Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(End::Open),
                    Err(error) => return Err(error).context("cannot receive"),
                };
                let is_drained = gauge.is_drained;
                tls.process_new_packets().context("TLS")?;
                if let End::Ended = decrypted(tls, scratch, &mut take)? {
                    return Ok(End::Ended);
                }
                if count == 0 {
                    return Ok(End::Ended);
                }
                self.flush()?;
                is_drained
            } else {
                let count = match self.stream.read(scratch) {
                    Ok(0) => return Ok(End::Ended),
                    Ok(count) => count,
                    Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(End::Open),
                    Err(error) => return Err(error).context("cannot receive"),
                };
                take(&scratch[..count])?;
                count < scratch.len()
            };
            // What comes later is another event, unless this one already told of the end.
            if is_drained && !event.is_read_closed() {
                return Ok(End::Open);
            }
        }
    }
}

/// What has been decrypted so far.
fn decrypted(
    tls: &mut ClientConnection,
    scratch: &mut [u8],
    take: &mut impl FnMut(&[u8]) -> Result<()>,
) -> Result<End> {
    loop {
        match tls.reader().read(scratch) {
            Ok(0) => return Ok(End::Ended),
            Ok(count) => take(&scratch[..count])?,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(End::Open),
            // Proxies that end a connection on which nothing was under way often leave out the farewell.
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(End::Ended),
            Err(error) => return Err(error).context("TLS"),
        }
    }
}

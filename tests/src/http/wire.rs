//! A client of HTTP/1 that sends whatever bytes it is given.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use nix::sys::socket::{setsockopt, sockopt::IpBindAddressNoPort};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, HandshakeKind, ProtocolVersion, StreamOwned};
use socket2::{Domain, Socket, Type};

use super::{Jar, Reply};
use crate::member::web::fields;
use crate::netns::Namespace;

const PATIENCE: Duration = Duration::from_secs(15);
const MOST_FIELDS: usize = 256;

/// A connection.
#[derive(Debug)]
pub struct Wire {
    stream: Stream,
    buffer: Vec<u8>,
}

#[derive(Debug)]
enum Stream {
    Plain(TcpStream),
    Tls(Box<StreamOwned<ClientConnection, TcpStream>>),
}

/// What a handshake came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tls {
    /// What the server showed.
    pub certificate: CertificateDer<'static>,
    /// The version.
    pub version: ProtocolVersion,
    /// The protocol that was agreed on by ALPN.
    pub alpn: Option<Vec<u8>>,
    /// Whether a session went on.
    pub is_resumed: bool,
}

impl Wire {
    /// Connects from a namespace.
    pub fn connect_in(namespace: &Namespace, source: Option<IpAddr>, to: SocketAddr) -> Result<Self> {
        namespace
            .enter(|| Self::connect(source, to))?
            .context("cannot connect")
    }

    /// Connects from the namespace of this thread.
    pub fn connect(source: Option<IpAddr>, to: SocketAddr) -> io::Result<Self> {
        let socket = Socket::new(Domain::for_address(to), Type::STREAM, None)?;
        if let Some(source) = source {
            setsockopt(&socket, IpBindAddressNoPort, &true)?;
            socket.bind(&SocketAddr::new(source, 0).into())?;
        }
        socket.connect_timeout(&to.into(), PATIENCE)?;
        socket.set_tcp_nodelay(true)?;
        socket.set_read_timeout(Some(PATIENCE))?;
        socket.set_write_timeout(Some(PATIENCE))?;
        Ok(Self {
            stream: Stream::Plain(socket.into()),
            buffer: Vec::new(),
        })
    }

    /// Goes on with TLS, once the handshake is done.
    pub fn tls(self, config: &Arc<ClientConfig>, name: &str) -> Result<Self> {
        let Stream::Plain(mut tcp) = self.stream else {
            anyhow::bail!("it speaks TLS already");
        };
        let name = ServerName::try_from(name.to_owned())?;
        let mut connection = ClientConnection::new(Arc::clone(config), name)?;
        while connection.is_handshaking() {
            connection.complete_io(&mut tcp)?;
        }
        Ok(Self {
            stream: Stream::Tls(Box::new(StreamOwned::new(connection, tcp))),
            buffer: Vec::new(),
        })
    }

    /// What the handshake came to.
    pub fn handshake(&self) -> Result<Tls> {
        let Stream::Tls(tls) = &self.stream else {
            anyhow::bail!("there was no handshake");
        };
        let shown = tls.conn.peer_certificates().and_then(|chain| chain.first());
        Ok(Tls {
            certificate: shown.context("no certificate was shown")?.clone().into_owned(),
            version: tls.conn.protocol_version().context("no version was agreed on")?,
            alpn: tls.conn.alpn_protocol().map(<[u8]>::to_vec),
            is_resumed: tls.conn.handshake_kind() == Some(HandshakeKind::Resumed),
        })
    }

    /// Sends bytes.
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        let bytes = bytes.as_ref();
        match &mut self.stream {
            Stream::Plain(tcp) => tcp.write_all(bytes),
            Stream::Tls(tls) => tls.write_all(bytes).and_then(|()| tls.flush()),
        }
    }

    /// Says that nothing follows, and goes on listening.
    pub fn finish(&mut self) -> io::Result<()> {
        self.tcp().shutdown(std::net::Shutdown::Write)
    }

    /// The socket.
    #[must_use]
    pub fn tcp(&self) -> &TcpStream {
        match &self.stream {
            Stream::Plain(tcp) => tcp,
            Stream::Tls(tls) => tls.get_ref(),
        }
    }

    /// Sends a request without a body, and reads the response.
    pub fn ask(&mut self, method: &str, target: &str, fields: &[(&str, &str)]) -> io::Result<Reply> {
        self.send(request(method, target, fields))?;
        self.reply(method)
    }

    /// Gets a target.
    pub fn get(&mut self, target: &str) -> io::Result<Reply> {
        self.ask("GET", target, &[])
    }

    /// Gets a target with the cookies of a jar, and takes those of the response.
    pub fn browse(&mut self, target: &str, jar: &mut Jar) -> io::Result<Reply> {
        let cookies = jar.field();
        let reply = if cookies.is_empty() {
            self.get(target)?
        } else {
            self.ask("GET", target, &[("Cookie", &cookies)])?
        };
        jar.take(&reply);
        Ok(reply)
    }

    /// Reads a response to a request of that method.
    pub fn reply(&mut self, method: &str) -> io::Result<Reply> {
        let mut reply = Reply::default();
        loop {
            self.head(&mut reply)?;
            if reply.status >= 200 || reply.status == 101 {
                break;
            }
            reply.interim.push(reply.status);
        }
        if method == "HEAD" || matches!(reply.status, 101 | 204 | 304) {
            return Ok(reply);
        }
        let length = reply
            .values("content-length")
            .first()
            .map(|length| length.parse());
        if reply.values("transfer-encoding") == ["chunked"] {
            self.chunks(&mut reply)?;
        } else if let Some(length) = length {
            let length = length.map_err(|_| ErrorKind::InvalidData)?;
            reply.body = self.take(length)?;
        } else {
            reply.body = self.rest()?;
        }
        Ok(reply)
    }

    /// Reads so many bytes.
    pub fn take(&mut self, length: usize) -> io::Result<Vec<u8>> {
        while self.buffer.len() < length {
            self.fill_or_fail()?;
        }
        let rest = self.buffer.split_off(length);
        Ok(std::mem::replace(&mut self.buffer, rest))
    }

    /// Reads all that comes until the connection ends.
    pub fn rest(&mut self) -> io::Result<Vec<u8>> {
        while self.fill()? > 0 {}
        Ok(std::mem::take(&mut self.buffer))
    }

    /// Asserts that nothing more comes, and that the connection ends within the time that a test has.
    pub fn ends(&mut self) -> Result<()> {
        match self.rest() {
            Ok(rest) => anyhow::ensure!(rest.is_empty(), "there came {:?}", String::from_utf8_lossy(&rest)),
            Err(error) if error.kind() == ErrorKind::ConnectionReset => {}
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }

    fn head(&mut self, reply: &mut Reply) -> io::Result<()> {
        loop {
            let mut headers = [httparse::EMPTY_HEADER; MOST_FIELDS];
            let mut response = httparse::Response::new(&mut headers);
            let parsed = response.parse(&self.buffer);
            let parsed = parsed.map_err(|error| io::Error::new(ErrorKind::InvalidData, error))?;
            if let httparse::Status::Complete(length) = parsed {
                reply.status = response.code.unwrap_or_default();
                reply.fields = fields(response.headers);
                self.buffer.drain(..length);
                return Ok(());
            }
            self.fill_or_fail()?;
        }
    }

    fn chunks(&mut self, reply: &mut Reply) -> io::Result<()> {
        loop {
            let size = self.line()?;
            let size = usize::from_str_radix(&size, 16).map_err(|_| ErrorKind::InvalidData)?;
            if size == 0 {
                break;
            }
            reply.body.extend(self.take(size)?);
            self.line()?;
        }
        loop {
            let line = self.line()?;
            let Some((name, value)) = line.split_once(": ") else {
                return Ok(());
            };
            reply.trailers.push((name.to_owned(), value.to_owned()));
        }
    }

    fn line(&mut self) -> io::Result<String> {
        loop {
            if let Some(end) = self.buffer.windows(2).position(|pair| pair == b"\r\n") {
                let line = self.take(end + 2)?;
                return Ok(String::from_utf8_lossy(&line[..end]).into_owned());
            }
            self.fill_or_fail()?;
        }
    }

    fn fill_or_fail(&mut self) -> io::Result<()> {
        match self.fill()? {
            0 => Err(ErrorKind::UnexpectedEof.into()),
            _ => Ok(()),
        }
    }

    fn fill(&mut self) -> io::Result<usize> {
        let start = self.buffer.len();
        self.buffer.resize(start + 16 * 1024, 0);
        let read = match &mut self.stream {
            Stream::Plain(tcp) => tcp.read(&mut self.buffer[start..]),
            Stream::Tls(tls) => tls.read(&mut self.buffer[start..]),
        };
        self.buffer.truncate(start + read.as_ref().copied().unwrap_or(0));
        read
    }
}

/// For clients that are libraries.
impl Read for Wire {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.buffer.is_empty() {
            self.fill()?;
        }
        let count = self.buffer.len().min(into.len());
        into[..count].copy_from_slice(&self.buffer[..count]);
        self.buffer.drain(..count);
        Ok(count)
    }
}

impl Write for Wire {
    fn write(&mut self, from: &[u8]) -> io::Result<usize> {
        self.send(from)?;
        Ok(from.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A request of HTTP/1.1 without a body.
fn request(method: &str, target: &str, fields: &[(&str, &str)]) -> String {
    let line = format!("{method} {target} HTTP/1.1\r\nHost: www.example.com\r\n");
    let fields = fields.iter();
    fields.fold(line, |head, (name, value)| head + name + ": " + value + "\r\n") + "\r\n"
}

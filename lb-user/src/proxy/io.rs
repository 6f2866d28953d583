//! Connections as the proxy reads and writes them, with TLS or without.

use std::{
    cell::RefCell,
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use rustls::ProtocolVersion;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpStream, tcp},
};
use tokio_rustls::TlsStream;

use super::{below_tls::BelowTls, buffer::Buffer, counts::Traffic};

/// Up to so many bytes are gathered before they are written.
const MOST_GATHERED: usize = 16 * 1024;

/// A connection, what goes over which is counted.
#[derive(Debug)]
pub(super) struct Stream {
    transport: Transport,
    traffic: Arc<Traffic>,
}

/// What a connection goes over.
#[derive(Debug)]
pub(super) enum Transport {
    Tcp(TcpStream),
    Tls(Box<TlsStream<BelowTls>>),
}

/// A place for what both halves of a connection share.
#[derive(Default)]
pub(super) struct Shared<'s>(Option<RefCell<&'s mut TlsStream<BelowTls>>>);

impl Stream {
    pub(super) fn new(transport: Transport, traffic: &Arc<Traffic>) -> Self {
        Self {
            transport,
            traffic: Arc::clone(traffic),
        }
    }

    /// The version of TLS, as `1.3`; none where there is none.
    pub(super) fn tls_version(&self) -> Option<&'static str> {
        let Transport::Tls(tls) = &self.transport else {
            return None;
        };
        Some(match tls.get_ref().1.protocol_version() {
            Some(ProtocolVersion::TLSv1_3) => "1.3",
            _ => "1.2",
        })
    }

    /// Both directions by themselves, in one task.
    pub(super) fn split<'a>(&'a mut self, shared: &'a mut Shared<'a>) -> (Reader<'a>, Writer<'a>) {
        let (read, write) = match &mut self.transport {
            Transport::Tcp(tcp) => {
                let (read, write) = tcp.split();
                (ReadHalf::Tcp(read), WriteHalf::Tcp(write))
            }
            Transport::Tls(tls) => {
                let cell = &*shared.0.insert(RefCell::new(&mut **tls));
                (ReadHalf::Tls(cell), WriteHalf::Tls(cell))
            }
        };
        (
            Reader::new(read, &self.traffic),
            Writer::new(write, &self.traffic),
        )
    }

    /// Waits for something to read, be it the end, without memory to read it into.
    pub(super) fn poll_readable(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &self.transport {
            Transport::Tcp(tcp) => tcp.poll_read_ready(context),
            Transport::Tls(tls) => poll_tls_readable(tls, context),
        }
    }
}

fn poll_tls_readable(tls: &TlsStream<BelowTls>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
    let (BelowTls(tcp), session) = tls.get_ref();
    if !session.wants_read() {
        // It was read with what came before it.
        return Poll::Ready(Ok(()));
    }
    tcp.poll_read_ready(context)
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = into.filled().len();
        ready!(match &mut this.transport {
            Transport::Tcp(tcp) => Pin::new(tcp).poll_read(context, into),
            Transport::Tls(tls) => Pin::new(&mut **tls).poll_read(context, into),
        })?;
        this.traffic.read.add((into.filled().len() - before) as u64);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, from: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let count = ready!(match &mut this.transport {
            Transport::Tcp(tcp) => Pin::new(tcp).poll_write(context, from),
            Transport::Tls(tls) => Pin::new(&mut **tls).poll_write(context, from),
        })?;
        this.traffic.written.add(count as u64);
        Poll::Ready(Ok(count))
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().transport {
            Transport::Tcp(tcp) => Pin::new(tcp).poll_flush(context),
            Transport::Tls(tls) => Pin::new(&mut **tls).poll_flush(context),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().transport {
            Transport::Tcp(tcp) => Pin::new(tcp).poll_shutdown(context),
            Transport::Tls(tls) => Pin::new(&mut **tls).poll_shutdown(context),
        }
    }
}

/// A connection of which something was read that belongs to what is read next.
pub(super) struct Rewound {
    stream: Stream,
    unread: Vec<u8>,
}

impl Rewound {
    pub(super) fn new(stream: Stream, unread: Vec<u8>) -> Self {
        Self { stream, unread }
    }

    /// The version of TLS, as [`Stream::tls_version`].
    pub(super) fn tls_version(&self) -> Option<&'static str> {
        self.stream.tls_version()
    }
}

impl AsyncRead for Rewound {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.unread.is_empty() {
            return Pin::new(&mut self.stream).poll_read(context, into);
        }
        let count = self.unread.len().min(into.remaining());
        into.put_slice(&self.unread[..count]);
        self.unread.drain(..count);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Rewound {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        from: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, from)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

/// Writes all that is pending; `gone` of it is already.
pub(super) fn poll_out(
    pending: &mut Vec<u8>,
    gone: &mut usize,
    mut write: impl FnMut(&[u8]) -> Poll<io::Result<usize>>,
) -> Poll<io::Result<()>> {
    while *gone < pending.len() {
        match ready!(write(&pending[*gone..]))? {
            0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
            count => *gone += count,
        }
    }
    pending.clear();
    *gone = 0;
    Poll::Ready(Ok(()))
}

enum ReadHalf<'a> {
    Tcp(tcp::ReadHalf<'a>),
    Tls(&'a RefCell<&'a mut TlsStream<BelowTls>>),
}

enum WriteHalf<'a> {
    Tcp(tcp::WriteHalf<'a>),
    Tls(&'a RefCell<&'a mut TlsStream<BelowTls>>),
}

impl WriteHalf<'_> {
    fn poll_write(
        &mut self,
        traffic: &Traffic,
        context: &mut Context<'_>,
        from: &[u8],
    ) -> Poll<io::Result<usize>> {
        let count = ready!(match self {
            Self::Tcp(half) => Pin::new(half).poll_write(context, from),
            Self::Tls(cell) => Pin::new(&mut **cell.borrow_mut()).poll_write(context, from),
        })?;
        traffic.written.add(count as u64);
        Poll::Ready(Ok(count))
    }
}

/// The direction that comes in, and what has come and was not used yet.
pub(super) struct Reader<'a> {
    half: ReadHalf<'a>,
    traffic: &'a Traffic,
    pub(super) buffer: Buffer,
}

impl<'a> Reader<'a> {
    fn new(half: ReadHalf<'a>, traffic: &'a Traffic) -> Self {
        Self {
            half,
            traffic,
            buffer: Buffer::default(),
        }
    }

    /// Reads more into the buffer; how much: nothing at the end.
    pub(super) fn poll_fill(&mut self, context: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let mut into = ReadBuf::new(self.buffer.room());
        ready!(match &mut self.half {
            ReadHalf::Tcp(half) => Pin::new(half).poll_read(context, &mut into),
            ReadHalf::Tls(cell) => Pin::new(&mut **cell.borrow_mut()).poll_read(context, &mut into),
        })?;
        let count = into.filled().len();
        self.traffic.read.add(count as u64);
        self.buffer.add(count);
        Poll::Ready(Ok(count))
    }

    /// Waits for something to read, be it the end, without memory to read it into.
    pub(super) fn poll_readable(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &self.half {
            ReadHalf::Tcp(half) => half.as_ref().poll_read_ready(context),
            ReadHalf::Tls(cell) => poll_tls_readable(&cell.borrow(), context),
        }
    }

    /// Whether the other side has closed, as far as can be seen without reading; otherwise the task is woken when something
    /// comes, unless something lies there already.
    pub(super) fn is_gone(&mut self, context: &mut Context<'_>) -> bool {
        let tcp = match &self.half {
            ReadHalf::Tcp(half) => half.as_ref(),
            // What TLS has to say at the end is to be decrypted: whether the connection is there is not.
            ReadHalf::Tls(cell) => {
                let tls = cell.borrow();
                let mut octet = [0];
                let mut into = ReadBuf::new(&mut octet);
                return matches!(
                    tls.get_ref().0.0.poll_peek(context, &mut into),
                    Poll::Ready(Ok(0) | Err(_))
                );
            }
        };
        if self.buffer.is_empty() && tcp.poll_read_ready(context).is_pending() {
            return false;
        }
        let mut octet = [0];
        let mut into = ReadBuf::new(&mut octet);
        matches!(tcp.poll_peek(context, &mut into), Poll::Ready(Ok(0) | Err(_)))
    }
}

/// The direction that goes out, and what is to go before anything else.
pub(super) struct Writer<'a> {
    half: WriteHalf<'a>,
    traffic: &'a Traffic,
    pub(super) pending: Vec<u8>,
    /// Of the pending bytes those that are gone.
    gone: usize,
}

impl<'a> Writer<'a> {
    fn new(half: WriteHalf<'a>, traffic: &'a Traffic) -> Self {
        Self {
            half,
            traffic,
            pending: Vec::new(),
            gone: 0,
        }
    }

    /// Takes of `data`; how much. Small pieces are put behind what is pending and go with it, since a call of the kernel
    /// costs more than the copy.
    pub(super) fn poll_write(&mut self, context: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        if self.pending.len() + data.len() <= MOST_GATHERED {
            self.pending.extend_from_slice(data);
            return Poll::Ready(Ok(data.len()));
        }
        ready!(self.poll_pending(context))?;
        self.half.poll_write(self.traffic, context, data)
    }

    /// Writes all that is pending, also what TLS keeps.
    pub(super) fn poll_flush(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_pending(context))?;
        match &mut self.half {
            // The kernel has it.
            WriteHalf::Tcp(_) => Poll::Ready(Ok(())),
            WriteHalf::Tls(cell) => Pin::new(&mut **cell.borrow_mut()).poll_flush(context),
        }
    }

    fn poll_pending(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Self {
            half,
            traffic,
            pending,
            gone,
        } = self;
        poll_out(pending, gone, |from| half.poll_write(traffic, context, from))
    }

    /// Whether the other side is to be told that nothing follows: without TLS it sees that by itself.
    pub(super) fn wants_farewell(&self) -> bool {
        matches!(self.half, WriteHalf::Tls(_))
    }

    /// Writes all that is pending, and says that nothing follows.
    pub(super) fn poll_shutdown(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_flush(context))?;
        match &mut self.half {
            WriteHalf::Tcp(half) => Pin::new(half).poll_shutdown(context),
            WriteHalf::Tls(cell) => Pin::new(&mut **cell.borrow_mut()).poll_shutdown(context),
        }
    }
}

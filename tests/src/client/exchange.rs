//! Questions and answers on the wire.

use std::future::Future;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use nix::sys::socket::setsockopt;
use nix::sys::socket::sockopt::IpBindAddressNoPort;
use socket2::{Domain, Socket, Type};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::net::{TcpSocket, TcpStream, UdpSocket};
use tokio::time::timeout;

use super::{Answer, Closing, Protocol, Settings, UdpRetry};

const QUESTION: &[u8] = b"who\n";

/// Opens a channel, asks and closes, all within the timeout.
pub(super) async fn ask_once(
    protocol: Protocol,
    source: Option<IpAddr>,
    vip: SocketAddr,
    settings: Settings,
) -> io::Result<Answer> {
    let exchange = async {
        Channel::open(protocol, source, vip, settings)
            .await?
            .ask(settings)
            .await
    };
    within(settings.timeout, exchange).await
}

async fn within<T>(limit: Duration, exchange: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    timeout(limit, exchange)
        .await
        .unwrap_or_else(|_| Err(ErrorKind::TimedOut.into()))
}

/// An open flow.
#[derive(Debug)]
pub(super) struct Channel {
    local: SocketAddr,
    wire: Wire,
}

#[derive(Debug)]
enum Wire {
    Tcp(Lines<BufReader<TcpStream>>),
    Udp(UdpSocket),
}

fn unspecified(vip: SocketAddr) -> IpAddr {
    match vip {
        SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    }
}

/// Binds a UDP socket to the next port of all that programs may have, so that its datagrams are of a flow of its own. A port
/// chosen by the kernel can be one that was used a moment ago, whose flow is not over yet.
fn bind_to_new_port(socket: &Socket, source: IpAddr) -> io::Result<()> {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    const FIRST: u16 = 1024;
    const TRIES: usize = 16;
    let mut result = Ok(());
    for _ in 0..TRIES {
        let port = FIRST + NEXT.fetch_add(1, Ordering::Relaxed) % (u16::MAX - FIRST);
        result = socket.bind(&SocketAddr::new(source, port).into());
        match &result {
            Err(error) if error.kind() == ErrorKind::AddrInUse => {}
            _ => break,
        }
    }
    result
}

impl Channel {
    pub(super) async fn open(
        protocol: Protocol,
        source: Option<IpAddr>,
        vip: SocketAddr,
        settings: Settings,
    ) -> io::Result<Self> {
        let kind = match protocol {
            Protocol::Tcp => Type::STREAM,
            Protocol::Udp => Type::DGRAM,
        };
        let socket = Socket::new(Domain::for_address(vip), kind, None)?;
        socket.set_nonblocking(true)?;
        match (protocol, source) {
            (Protocol::Udp, source) => bind_to_new_port(&socket, source.unwrap_or(unspecified(vip)))?,
            (Protocol::Tcp, Some(source)) => {
                // The port is chosen on connecting: it need only be new for this destination.
                setsockopt(&socket, IpBindAddressNoPort, &true)?;
                socket.bind(&SocketAddr::new(source, 0).into())?;
            }
            (Protocol::Tcp, None) => {}
        }
        match protocol {
            Protocol::Tcp => {
                if settings.closing == Closing::Reset {
                    socket.set_linger(Some(Duration::ZERO))?;
                }
                let connecting = TcpSocket::from_std_stream(socket.into()).connect(vip);
                let stream = within(settings.timeout, connecting).await?;
                stream.set_nodelay(true)?;
                let local = stream.local_addr()?;
                Ok(Self {
                    local,
                    wire: Wire::Tcp(BufReader::new(stream).lines()),
                })
            }
            Protocol::Udp => {
                let socket = UdpSocket::from_std(socket.into())?;
                socket.connect(vip).await?;
                Ok(Self {
                    local: socket.local_addr()?,
                    wire: Wire::Udp(socket),
                })
            }
        }
    }

    pub(super) fn local(&self) -> SocketAddr {
        self.local
    }

    pub(super) async fn ask(&mut self, settings: Settings) -> io::Result<Answer> {
        let line = match &mut self.wire {
            Wire::Tcp(lines) => within(settings.timeout, ask_tcp(lines)).await,
            Wire::Udp(socket) => ask_udp(socket, settings).await,
        }?;
        let not_a_member = || io::Error::new(ErrorKind::InvalidData, format!("not an answer: {line:?}"));
        let (member, peer) = line.trim_end().split_once(' ').ok_or_else(not_a_member)?;
        let peer = peer.parse().map_err(|_| not_a_member())?;
        Ok(Answer {
            member: member.to_owned(),
            peer,
            local: self.local,
        })
    }
}

async fn ask_tcp(lines: &mut Lines<BufReader<TcpStream>>) -> io::Result<String> {
    let exchange = async {
        lines.get_mut().write_all(QUESTION).await?;
        lines.next_line().await
    };
    match exchange.await {
        Ok(answer) => answer.ok_or_else(|| ErrorKind::UnexpectedEof.into()),
        // So the kernel tells of a reset that follows a FIN.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Err(ErrorKind::ConnectionReset.into()),
        Err(error) => Err(error),
    }
}

async fn ask_udp(socket: &UdpSocket, settings: Settings) -> io::Result<String> {
    let mut answer = [0; 256];
    // What has come late answers an earlier question.
    while socket.try_recv(&mut answer).is_ok() {}
    let tries = match settings.udp_retry {
        UdpRetry::Never => 1,
        UdpRetry::Once => 2,
    };
    for _ in 0..tries {
        socket.send(QUESTION).await?;
        match within(settings.timeout / tries, socket.recv(&mut answer)).await {
            Ok(length) => return Ok(String::from_utf8_lossy(&answer[..length]).into_owned()),
            Err(late) if late.kind() == ErrorKind::TimedOut => {}
            Err(error) => return Err(error),
        }
    }
    Err(ErrorKind::TimedOut.into())
}

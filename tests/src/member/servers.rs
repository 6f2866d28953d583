//! The tasks of a member: accept, read, answer.

use std::io::{self, ErrorKind};
use std::net::{IpAddr, Shutdown, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use socket2::{Domain, Protocol, SockRef, Socket, Type};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use super::tunnel::Tunnel;
use super::web;
use super::{Health, Running, Services, Shared};
use crate::topology::NOBODYS_PORT;

/// Clients come in crowds, and a connection that waits for its second SYN waits a second.
const BACKLOG: i32 = 8192;

const TIME_TO_BE_FREE: Duration = Duration::from_secs(5);

/// What is spoken on a connection.
#[derive(Clone)]
enum Talk {
    Lines,
    Http,
    /// Over TLS, where there is something to accept it with.
    Web(Option<TlsAcceptor>),
}

/// Starts every server of a member on the current runtime.
pub(super) async fn start(
    addresses: &[IpAddr],
    tunnel_ends: &[IpAddr],
    services: &Services,
    shared: &Arc<Shared>,
) -> io::Result<Running> {
    let (stop, stopped) = watch::channel(());
    let mut tasks = JoinSet::new();
    let mut ports_by_talk = vec![
        (Talk::Lines, services.tcp.clone()),
        (Talk::Http, services.http.clone()),
        (Talk::Web(None), services.web.clone()),
    ];
    if let Some((port, certificate)) = &services.web_over_tls {
        let config = certificate.server().map_err(io::Error::other)?;
        ports_by_talk.push((Talk::Web(Some(config.into())), vec![*port]));
    }
    // A socket for each address rather than one for all, so that an answer leaves from the address that was asked.
    for address in addresses {
        for (talk, ports) in &ports_by_talk {
            for port in ports {
                let listener = once_free(|| listen(SocketAddr::new(*address, *port))).await?;
                tasks.spawn(serve_tcp(
                    listener,
                    talk.clone(),
                    Arc::clone(shared),
                    stopped.clone(),
                ));
            }
        }
        for port in &services.udp {
            let socket = once_free(|| bind_udp(SocketAddr::new(*address, *port))).await?;
            tasks.spawn(serve_udp(socket, Arc::clone(shared), stopped.clone()));
        }
    }
    for end in tunnel_ends {
        for tunnel in Tunnel::open_all(*end)? {
            let mut stopped = stopped.clone();
            tasks.spawn(async move {
                tokio::select! {
                    () = tunnel.unwrap_all() => {}
                    _ = stopped.changed() => {}
                }
            });
        }
    }
    Ok(Running { stop, tasks })
}

/// A port is taken for some moments more after its socket was closed: see [`serve_tcp`].
async fn once_free<T>(bind: impl Fn() -> io::Result<T>) -> io::Result<T> {
    let start = Instant::now();
    loop {
        match bind() {
            Err(error) if error.kind() == ErrorKind::AddrInUse && start.elapsed() < TIME_TO_BE_FREE => {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            outcome => return outcome,
        }
    }
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    // The connections of the one that served here before may still be in TIME_WAIT.
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

fn bind_udp(address: SocketAddr) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_recv_buffer_size(1 << 20)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    UdpSocket::from_std(socket.into())
}

async fn serve_tcp(listener: TcpListener, talk: Talk, shared: Arc<Shared>, mut stopped: watch::Receiver<()>) {
    let mut conversations = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                // A client that has gone again is no concern of the server's.
                let Ok((stream, peer)) = accepted else { continue };
                shared.connections.fetch_add(1, Ordering::Relaxed);
                let (talk, shared) = (talk.clone(), Arc::clone(&shared));
                conversations.spawn(async move {
                    // Nor is one that goes in the middle.
                    let _ = match talk {
                        Talk::Lines => answer_lines(stream, peer, &shared).await,
                        Talk::Http => answer_http(stream, peer, &shared).await,
                        Talk::Web(tls) => web::serve(stream, peer, tls.as_ref(), &shared).await,
                    };
                });
            }
            Some(_) = conversations.join_next() => {}
            _ = stopped.changed() => break,
        }
    }
    // Closing is not enough: a child process that another thread is just starting has the socket too, until it
    // becomes the program that it is to be.
    let _ = SockRef::from(&listener).shutdown(Shutdown::Read);
    drop(listener);
    conversations.shutdown().await;
}

async fn answer_lines(stream: TcpStream, peer: SocketAddr, shared: &Shared) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let answer = shared.answer(peer);
    let mut lines = BufReader::new(stream).lines();
    while lines.next_line().await?.is_some() {
        lines.get_mut().write_all(answer.as_bytes()).await?;
    }
    Ok(())
}

async fn answer_http(stream: TcpStream, peer: SocketAddr, shared: &Shared) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut lines = BufReader::new(stream).lines();
    while let Some(request) = lines.next_line().await? {
        while lines.next_line().await?.is_some_and(|header| !header.is_empty()) {}
        let status = match request.split(' ').nth(1) {
            Some("/health") => shared.health(),
            _ => Health::Passing,
        };
        let status = match status {
            Health::Passing => "200 OK",
            Health::Failing => "503 Service Unavailable",
        };
        let body = shared.answer(peer);
        let length = body.len();
        let response = format!(
            "HTTP/1.1 {status}\r\nContent-Type: text/plain\r\nContent-Length: {length}\r\n\r\n{body}"
        );
        lines.get_mut().write_all(response.as_bytes()).await?;
    }
    Ok(())
}

async fn serve_udp(socket: UdpSocket, shared: Arc<Shared>, mut stopped: watch::Receiver<()>) {
    let mut question = [0; 2048];
    loop {
        tokio::select! {
            received = socket.recv_from(&mut question) => {
                // An error is the ICMP message about an earlier answer, whose client has gone.
                let Ok((_, peer)) = received else { continue };
                shared.datagrams.fetch_add(1, Ordering::Relaxed);
                let _ = socket.send_to(shared.answer(peer).as_bytes(), peer).await;
            }
            _ = stopped.changed() => break,
        }
    }
    // As above. A connected socket takes datagrams from its peer only, and this peer sends none.
    if let Ok(own) = socket.local_addr() {
        let _ = socket.connect((own.ip(), NOBODYS_PORT)).await;
    }
}

impl Shared {
    fn answer(&self, peer: SocketAddr) -> String {
        format!("{} {peer}\n", self.name)
    }

    /// What a probe is answered with.
    pub(super) fn health(&self) -> Health {
        self.health_requests.fetch_add(1, Ordering::Relaxed);
        self.well()
    }

    pub(super) fn well(&self) -> Health {
        if self.unwell.load(Ordering::Relaxed) {
            Health::Failing
        } else {
            Health::Passing
        }
    }
}

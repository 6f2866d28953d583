//! Connections of clients: accepted, told apart by what they speak, and served.

use std::{
    future::Future as _,
    net::{self, SocketAddr},
    rc::Rc,
    sync::Arc,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use socket2::SockRef;
use tokio::{
    io::ReadBuf,
    net::{TcpListener, TcpStream},
    task, time,
};
use tokio_rustls::TlsAcceptor;
use tracing::warn;

use super::{
    asker::Asker,
    below_tls::BelowTls,
    door::Door,
    greeting::{self, Ends},
    http1, http2,
    io::{Rewound, Stream, Transport},
    worker::Worker,
};
use crate::{seldom::Seldom, tls::server};

/// How long no connection is accepted after one could not be.
const PAUSE: Duration = Duration::from_millis(100);
/// How often it is said that none could be.
const SAID: Duration = Duration::from_secs(10);

/// Accepts the connections of a listener at one of its sockets, and serves each.
pub(super) async fn accept(worker: Rc<Worker>, door: Rc<Door>, socket: Rc<TcpListener>) {
    let mut said = Seldom::every(SAID);
    loop {
        match socket.accept().await {
            Ok((stream, peer)) => {
                if !let_in(&worker, &door, stream, peer) {
                    // No more than one waits here, the rest in the kernel's queue.
                    drop(door.listener().room.take().await);
                }
            }
            Err(error) => {
                if said.is_due(Instant::now()) {
                    warn!("cannot accept connections at {}: {error}", door.address);
                }
                time::sleep(PAUSE).await;
            }
        }
    }
}

/// Serves those who are in the kernel's queue of a socket: with the socket they would go, though they have asked already.
pub(super) fn let_rest_in(worker: &Rc<Worker>, door: &Rc<Door>, socket: &TcpListener) {
    // The runtime may not have heard of them yet.
    while let Ok((stream, peer)) = SockRef::from(socket).accept() {
        let stream = net::TcpStream::from(stream);
        let stream = stream
            .set_nonblocking(true)
            .and_then(|()| TcpStream::from_std(stream));
        if let (Ok(stream), Some(peer)) = (stream, peer.as_socket()) {
            let_in(worker, door, stream, peer);
        }
    }
}

/// Serves a connection, as soon as there is a place for it; whether there is one.
fn let_in(worker: &Rc<Worker>, door: &Rc<Door>, stream: TcpStream, peer: SocketAddr) -> bool {
    let listener = door.listener();
    let place = listener.room.try_take();
    let is_in = place.is_some();
    if !is_in {
        listener.counts.had_to_wait.add(1);
    }
    let (open, door) = (Open::note(worker), Rc::clone(door));
    task::spawn_local(async move {
        // Where it waits, it does so here: the kernel's queue ends with the socket.
        let place = match place {
            Some(place) => place,
            None => listener.room.take().await,
        };
        drop(listener);
        serve(&open.worker, &door, stream, peer).await;
        drop((place, open));
    });
    is_in
}

/// A connection that is open, or waits for its place.
struct Open {
    worker: Rc<Worker>,
}

impl Open {
    fn note(worker: &Rc<Worker>) -> Self {
        worker.open.set(worker.open.get() + 1);
        Self {
            worker: Rc::clone(worker),
        }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.worker.open.set(self.worker.open.get() - 1);
    }
}

/// Serves a connection that was accepted: finds out what it speaks first.
async fn serve(worker: &Rc<Worker>, door: &Rc<Door>, tcp: TcpStream, peer: SocketAddr) {
    let listener = door.listener();
    listener.counts.connections.add(1);
    let ends = Ends {
        peer,
        reached: door.address,
    };
    let Some((stream, speaks, ends)) = greet(worker, door, tcp, ends).await else {
        return;
    };
    let asker = Asker::new(ends, listener.scheme(), &listener.identity);
    drop(listener);
    let rewound = match speaks {
        Speaks::Http1 => match http1::serve(worker, door, stream, &asker).await {
            // A client that knew without asking.
            http1::Ended::Http2(rewound) => rewound,
            http1::Ended::Closed => return,
        },
        Speaks::Http2 => Rewound::new(stream, Vec::new()),
    };
    // In memory of its own: most connections are of the other kind, and should not have room for it.
    Box::pin(http2::serve(worker, door, rewound, asker)).await;
}

/// Whether there is something to read, which is left where it is. A socket that was just accepted counts as readable until
/// it is looked.
fn poll_first(tcp: &TcpStream, context: &mut Context<'_>) -> Poll<bool> {
    let mut octet = [0];
    let mut into = ReadBuf::new(&mut octet);
    let seen = tcp.poll_peek(context, &mut into);
    seen.map(|seen| seen.is_ok_and(|count| count > 0))
}

/// What a connection speaks.
enum Speaks {
    Http1,
    Http2,
}

/// Learns from a proxy for whom it speaks, where it owes that, and makes TLS of a connection, where the listener has it.
async fn greet(
    worker: &Worker,
    door: &Rc<Door>,
    mut tcp: TcpStream,
    mut ends: Ends,
) -> Option<(Stream, Speaks, Ends)> {
    let (listener, timer) = (door.listener(), worker.timers.timer(&door.cut));
    timer.set(listener.http.timeouts.header_s);
    if ends.owe_header(&listener.identity) {
        // In memory of its own: most connections owe none.
        match Box::pin(greeting::read_header(&mut tcp, ends, &timer)).await {
            Ok(said) => ends = said,
            Err(error) => {
                listener.counts.refuse(&error);
                worker.note_headerless(&listener, ends, &error);
                return None;
            }
        }
    } else {
        // Without memory to read it into.
        let comes = worker.idle_until(door, &timer, |context| poll_first(&tcp, context));
        if !comes.await {
            return None;
        }
    }
    let traffic = &listener.counts.traffic;
    if let Some(tls) = &listener.tls {
        let mut accepting = Box::pin(TlsAcceptor::from(Arc::clone(&tls.config)).accept(BelowTls(tcp)));
        let tls = timer.within(|context| accepting.as_mut().poll(context)).await;
        let handshakes = &listener.counts.handshakes;
        let tls = match tls {
            Some(Ok(tls)) => tls,
            failed => {
                handshakes.failed.add(1);
                if let Some(Err(error)) = failed {
                    worker.note_handshake(&listener, ends, &error);
                }
                return None;
            }
        };
        let (_, session) = tls.get_ref();
        handshakes.succeed(session.handshake_kind());
        let speaks = if server::is_http2(session.alpn_protocol()) {
            Speaks::Http2
        } else {
            Speaks::Http1
        };
        let transport = Transport::Tls(Box::new(tls.into()));
        return Some((Stream::new(transport, traffic), speaks, ends));
    }
    Some((Stream::new(Transport::Tcp(tcp), traffic), Speaks::Http1, ends))
}

//! Connections of clients: accepted, told apart by what they speak, and served.

use std::{
    cell::Cell,
    future::Future as _,
    net::{self, SocketAddr},
    rc::Rc,
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::{
    net::{TcpListener, TcpStream},
    sync::Notify,
    task, time,
};
use tokio_rustls::TlsAcceptor;
use tracing::warn;

use super::{
    asker::Asker,
    counts::ListenerCounts,
    greeting::{self, Ends},
    http1, http2,
    io::{Rewound, Stream},
    serving::Listener,
    worker::Worker,
};
use crate::{seldom::Seldom, tls::server};

/// How long no connection is accepted after one could not be.
const PAUSE: Duration = Duration::from_millis(100);
/// How often it is said that none could be.
const SAID: Duration = Duration::from_secs(10);

/// Accepts the connections of a listener at one of its sockets, and serves each.
pub(super) async fn accept(
    worker: Rc<Worker>,
    address: SocketAddr,
    socket: net::TcpListener,
    room: Rc<Room>,
) {
    let socket = match TcpListener::from_std(socket) {
        Ok(socket) => socket,
        Err(error) => {
            warn!("cannot accept connections at {address}: {error}");
            return;
        }
    };
    let mut said = Seldom::every(SAID);
    loop {
        if room.taken.get() >= most(&worker, address)
            && let Some(listener) = worker.listener(address)
        {
            listener.counts.limit_reached.add(1);
        }
        room.wait(|| most(&worker, address)).await;
        match socket.accept().await {
            Ok((stream, peer)) => {
                let open = Open::note(&worker, &room, address);
                task::spawn_local(async move {
                    serve(&open.worker, address, stream, peer).await;
                    drop(open);
                });
            }
            Err(error) => {
                if said.is_due(Instant::now()) {
                    warn!("cannot accept connections at {address}: {error}");
                }
                time::sleep(PAUSE).await;
            }
        }
    }
}

/// Connections that a worker may have open of a listener, as is configured now: its part of them.
fn most(worker: &Worker, address: SocketAddr) -> usize {
    worker.listener(address).map_or(1, |listener| {
        (listener.http.max_connections as usize).div_ceil(worker.among)
    })
}

/// How many connections of a listener a worker has open.
#[derive(Default)]
pub(super) struct Room {
    taken: Cell<usize>,
    freed: Notify,
}

impl Room {
    /// Waits until there are fewer than that.
    async fn wait(&self, most: impl Fn() -> usize) {
        while self.taken.get() >= most() {
            // It may also be that more are allowed.
            let _ = time::timeout(PAUSE, self.freed.notified()).await;
        }
    }
}

/// A connection that is open.
struct Open {
    worker: Rc<Worker>,
    room: Rc<Room>,
    /// Where it was counted; none: the listener has just gone.
    counts: Option<Arc<ListenerCounts>>,
}

impl Open {
    fn note(worker: &Rc<Worker>, room: &Rc<Room>, address: SocketAddr) -> Self {
        worker.open.set(worker.open.get() + 1);
        room.taken.set(room.taken.get() + 1);
        let counts = worker.listener(address).map(|listener| {
            listener.counts.connections.add(1);
            Arc::clone(&listener.counts)
        });
        Self {
            worker: Rc::clone(worker),
            room: Rc::clone(room),
            counts,
        }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.worker.open.set(self.worker.open.get() - 1);
        self.room.taken.set(self.room.taken.get() - 1);
        self.room.freed.notify_one();
        if let Some(counts) = &self.counts {
            counts.closed.add(1);
        }
    }
}

/// Serves a connection that was accepted: finds out what it speaks first.
async fn serve(worker: &Rc<Worker>, address: SocketAddr, tcp: TcpStream, peer: SocketAddr) {
    let Some(listener) = worker.listener(address) else {
        return;
    };
    let ends = Ends {
        peer,
        reached: address,
    };
    let Some((stream, speaks, ends)) = greet(worker, &listener, tcp, ends).await else {
        return;
    };
    let asker = Asker::new(ends, listener.scheme(), &listener.identity);
    drop(listener);
    let rewound = match speaks {
        Speaks::Http1 => match http1::serve(worker, address, stream, &asker).await {
            // A client that knew without asking.
            http1::Ended::Http2(rewound) => rewound,
            http1::Ended::Closed => return,
        },
        Speaks::Http2 => Rewound::new(stream, Vec::new()),
    };
    // In memory of its own: most connections are of the other kind, and should not have room for it.
    Box::pin(http2::serve(worker, address, rewound, asker)).await;
}

/// What a connection speaks.
enum Speaks {
    Http1,
    Http2,
}

/// Learns from a proxy for whom it speaks, where it owes that, and makes TLS of a connection, where the listener has it.
async fn greet(
    worker: &Worker,
    listener: &Listener,
    mut tcp: TcpStream,
    mut ends: Ends,
) -> Option<(Stream, Speaks, Ends)> {
    let timer = worker.timers.timer();
    timer.set(listener.http.timeouts.header_s);
    if ends.owe_header(&listener.identity) {
        // In memory of its own: most connections owe none.
        match Box::pin(greeting::read_header(&mut tcp, ends, &timer)).await {
            Ok(said) => ends = said,
            Err(error) => {
                listener.counts.refuse(&error);
                worker.note_headerless(listener, ends, &error);
                return None;
            }
        }
    }
    if let Some(tls) = &listener.tls {
        let mut accepting = Box::pin(TlsAcceptor::from(Arc::clone(tls)).accept(tcp));
        let tls = timer.within(|context| accepting.as_mut().poll(context)).await;
        let handshakes = &listener.counts.handshakes;
        let Some(Ok(tls)) = tls else {
            handshakes.failed.add(1);
            return None;
        };
        let (_, session) = tls.get_ref();
        handshakes.succeed(session.handshake_kind());
        let speaks = if server::is_http2(session.alpn_protocol()) {
            Speaks::Http2
        } else {
            Speaks::Http1
        };
        return Some((Stream::Tls(Box::new(tls.into())), speaks, ends));
    }
    Some((Stream::Tcp(tcp), Speaks::Http1, ends))
}

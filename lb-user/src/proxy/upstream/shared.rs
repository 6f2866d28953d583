//! Connections of HTTP/2 to members, each of which the requests of all clients share.

use std::{
    cell::{Cell, RefCell},
    future::{Future as _, poll_fn},
    io::{self, ErrorKind},
    pin::Pin,
    rc::Rc,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use h2::client::{self, SendRequest};
use tokio::{sync::OnceCell, task};

use super::{OfMember, Whom, in_time, open};
use crate::proxy::{
    fault::Fault,
    gather::{Gathered, Gathering, gather},
    io::{Rewound, Stream},
    pool::{Member, Pool},
    serving::QuickMap,
    stream::LARGEST_FRAME,
    timer::Timer,
    worker::Worker,
};

/// Requests that a connection is given at a time, also where its member would take more: what happens to it happens to all of
/// them.
const MOST_STREAMS: usize = 100;
/// Connections that a worker has to one member. While they are all full, requests wait in `h2` for the one with the fewest.
const MOST_CONNECTIONS: usize = 64;
/// What a member may send of a body before it is taken, in bytes.
const STREAM_WINDOW: u32 = 128 * 1024;
/// The same of all bodies of a connection: the most that there is (RFC 9113, section 6.9.1), since the streams bound it already.
/// With any less, some that no client reads from could use it up, and all others would wait for them.
const CONNECTION_WINDOW: u32 = (1 << 31) - 1;
/// What is kept of requests that a member does not take, for each of them, in bytes.
const MOST_UNSENT: usize = 64 * 1024;
/// The largest header that `h2` hands over, as it counts, with 32 bytes a field. What a listener allows is less, and is seen to
/// with each response: the connection is not one listener's.
const LARGEST_HEADER: u32 = 128 * 1024;

/// A connection, or a place for one.
#[derive(Default)]
struct Connection {
    /// Nothing until it is open: one of those who wait for it opens it, and if that fails the next one tries.
    send: OnceCell<SendRequest<Bytes>>,
    used_s: Cell<u32>,
    /// Whether it is given no more requests. Those that it has go on.
    is_retired: Cell<bool>,
}

impl Connection {
    /// Requests that it has, or that wait for it to be open: the other reference is the list's.
    fn uses(self: &Rc<Self>) -> usize {
        Rc::strong_count(self) - 1
    }

    /// How many it may have, once that is known.
    fn most_uses(&self) -> Option<usize> {
        let send = self.send.get()?;
        Some(send.current_max_send_streams().min(MOST_STREAMS))
    }
}

/// One use of a connection.
pub(in crate::proxy) struct Share {
    pub(in crate::proxy) send: SendRequest<Bytes>,
    connection: Rc<Connection>,
}

impl Share {
    /// Has other requests use other connections.
    pub(in crate::proxy) fn retire(&self) {
        self.connection.is_retired.set(true);
    }
}

/// The connections of a worker, by member.
#[derive(Default)]
pub(super) struct Shared(RefCell<QuickMap<u64, OfMember<Rc<Connection>>>>);

impl Shared {
    /// The first connection to the member that has room: so those that are not needed any more grow old.
    fn take(&self, member: &Arc<Member>, now_s: u32) -> Rc<Connection> {
        let mut shared = self.0.borrow_mut();
        let of_member = shared.entry(member.id);
        let (_, connections) = of_member.or_insert_with(|| (Arc::clone(member), Vec::new()));
        connections.retain(|one| !one.is_retired.get());
        // One that is being opened will hardly have more room than the others.
        let known = connections.iter().find_map(|one| one.most_uses());
        let expected = known.unwrap_or(MOST_STREAMS);
        let with_room = connections
            .iter()
            .find(|one| one.uses() < one.most_uses().unwrap_or(expected));
        let taken = match with_room {
            None if connections.len() >= MOST_CONNECTIONS => connections.iter().min_by_key(|one| one.uses()),
            with_room => with_room,
        };
        let connection = taken.map_or_else(Rc::default, Rc::clone);
        if taken.is_none() {
            connections.push(Rc::clone(&connection));
        }
        connection.used_s.set(now_s);
        connection
    }

    /// Closes what has been unused for too long, and what leads to members that are not served any more.
    pub(super) fn sweep(&self, now_s: u32) {
        self.0.borrow_mut().retain(|_, (member, connections)| {
            let longest_s = member.idle_s();
            connections.retain(|one| {
                let is_used = one.uses() > 0 && longest_s > 0;
                !one.is_retired.get() && (is_used || now_s.saturating_sub(one.used_s.get()) < longest_s)
            });
            !connections.is_empty()
        });
    }
}

/// A use of a connection to a member that can take another request.
pub(in crate::proxy) async fn share(
    worker: &Rc<Worker>,
    pool: &Pool,
    member: &Arc<Member>,
    whom: Whom,
    timer: &Timer,
) -> Result<Share, Fault> {
    timer.set(pool.http.timeouts.connect_s);
    loop {
        let connection = worker.connections.shared.take(member, worker.now_s());
        let is_new = connection.most_uses().is_none();
        let opening = connection.send.get_or_try_init(async || {
            let stream = open(pool, member, whom).await?;
            multiplex(worker, stream).await
        });
        let mut send = in_time(timer, opening).await?.clone();
        // More may have waited for it than its member takes.
        let most = connection.most_uses().unwrap_or(MOST_STREAMS);
        if is_new && connection.uses() > most {
            continue;
        }
        // Of a clone this tells whether the connection is alive, and never waits for room.
        match poll_fn(|context| send.poll_ready(context)).await {
            Ok(()) => return Ok(Share { send, connection }),
            Err(error) if is_new => return Err(Fault::Unreachable(io::Error::other(error))),
            Err(_) => connection.is_retired.set(true),
        }
    }
}

/// Speaks HTTP/2 over a connection, until the member has said how many requests it takes.
async fn multiplex(worker: &Rc<Worker>, stream: Stream) -> io::Result<SendRequest<Bytes>> {
    let mut builder = client::Builder::new();
    builder
        .initial_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_send_buffer_size(MOST_UNSENT)
        .max_frame_size(LARGEST_FRAME)
        .max_header_list_size(LARGEST_HEADER)
        // Until the member says more.
        .initial_max_send_streams(0)
        .enable_push(false);
    let (stream, gathered) = gather(worker, Rewound::new(stream, Vec::new()));
    let (send, connection) = builder.handshake(stream).await.map_err(io::Error::other)?;
    let mut driver = Driver { connection, gathered };
    poll_fn(|context| match driver.poll(context) {
        Poll::Ready(outcome) => Poll::Ready(outcome.and(Err(ErrorKind::UnexpectedEof.into()))),
        Poll::Pending if send.current_max_send_streams() == 0 => Poll::Pending,
        Poll::Pending => Poll::Ready(Ok(())),
    })
    .await?;
    // How it ends, its streams say too.
    task::spawn_local(async move { poll_fn(|context| driver.poll(context)).await });
    Ok(send)
}

/// What has a connection go on.
struct Driver {
    connection: client::Connection<Gathering>,
    gathered: Gathered,
}

impl Driver {
    /// Ready when the connection has ended.
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let connection = Pin::new(&mut self.connection).poll(context);
        let flushed = self.gathered.poll_flush(context);
        match (connection, flushed) {
            (Poll::Ready(outcome), _) => Poll::Ready(outcome.map_err(io::Error::other)),
            (Poll::Pending, Poll::Ready(Err(error))) => Poll::Ready(Err(error)),
            (Poll::Pending, _) => Poll::Pending,
        }
    }
}

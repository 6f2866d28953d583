//! Connections to members, which each worker keeps for itself.

mod shared;

use std::{
    cell::RefCell,
    future::Future,
    io,
    net::SocketAddr,
    pin::pin,
    sync::Arc,
    task::{Context, Waker},
};

use rustls::pki_types::ServerName;
use tokio::{io::AsyncWriteExt as _, net::TcpStream};
use tokio_rustls::TlsConnector;

use super::{
    below_tls::BelowTls,
    fault::Fault,
    io::{Stream, Transport},
    pool::{Member, Pool},
    serving::QuickMap,
    timer::Timer,
};
use crate::{
    http::proxy_protocol::{write_v1, write_v2},
    model::ProxyProtocol,
};
use shared::Shared;
pub(super) use shared::{Share, share};

/// Unused connections that are kept to one member.
const MOST_KEPT: usize = 512;
/// Unused connections that a client's connection keeps for itself. One of HTTP/1 never has more than one.
const MOST_KEPT_ALONE: usize = 8;

#[derive(Debug)]
struct Unused {
    stream: Stream,
    since_s: u32,
}

/// A member, and the connections to it.
type OfMember<C> = (Arc<Member>, Vec<C>);

/// The connections of a worker, by member.
#[derive(Default)]
pub(super) struct Connections {
    /// Of HTTP/1, while no request uses them.
    unused: RefCell<QuickMap<u64, OfMember<Unused>>>,
    /// Of HTTP/2.
    shared: Shared,
}

impl Connections {
    /// An unused connection to the member that it has not closed, as far as is known.
    pub(super) fn take(&self, member: &Member) -> Option<Stream> {
        let mut unused = self.unused.borrow_mut();
        let (_, unused) = unused.get_mut(&member.id)?;
        loop {
            // The one used last: the others grow old, and are closed.
            let Unused { stream, .. } = unused.pop()?;
            if !has_news(&stream) {
                return Some(stream);
            }
        }
    }

    /// Keeps a connection for another request.
    pub(super) fn give(&self, member: &Arc<Member>, stream: Stream, now_s: u32) {
        let mut unused = self.unused.borrow_mut();
        let of_member = unused.entry(member.id);
        let (_, unused) = of_member.or_insert_with(|| (Arc::clone(member), Vec::new()));
        if unused.len() < MOST_KEPT {
            unused.push(Unused {
                stream,
                since_s: now_s,
            });
        }
    }

    /// Closes what has been unused for too long, what its member has closed, and what leads to members that are not
    /// served any more.
    pub(super) fn sweep(&self, now_s: u32) {
        self.unused.borrow_mut().retain(|_, (member, unused)| {
            let longest_s = member.idle_s();
            unused.retain(|one| now_s.saturating_sub(one.since_s) < longest_s && !has_news(&one.stream));
            !unused.is_empty()
        });
        self.shared.sweep(now_s);
    }
}

/// The unused connections that have said to their members whom they are for, of one client's connection. They end with
/// it: nobody else has a use for them, and each client would leave some behind.
#[derive(Debug, Default)]
pub(super) struct Alone {
    unused: RefCell<Vec<(u64, SocketAddr, Unused)>>,
}

impl Alone {
    /// An unused connection to the member for this client, at most so old, that the member has not closed.
    pub(super) fn take(
        &self,
        member: &Member,
        client: SocketAddr,
        now_s: u32,
        idle_s: u32,
    ) -> Option<Stream> {
        let mut unused = self.unused.borrow_mut();
        unused.retain(|(_, _, one)| now_s.saturating_sub(one.since_s) < idle_s && !has_news(&one.stream));
        let place = unused
            .iter()
            .position(|(id, whom, _)| *id == member.id && *whom == client)?;
        let (_, _, Unused { stream, .. }) = unused.swap_remove(place);
        Some(stream)
    }

    /// Keeps a connection for another request.
    pub(super) fn give(&self, member: &Member, client: SocketAddr, stream: Stream, now_s: u32) {
        let mut unused = self.unused.borrow_mut();
        if unused.len() >= MOST_KEPT_ALONE {
            unused.swap_remove(0);
        }
        unused.push((
            member.id,
            client,
            Unused {
                stream,
                since_s: now_s,
            },
        ));
    }
}

/// Whether something came on a connection on which nothing is awaited: most likely its end.
fn has_news(stream: &Stream) -> bool {
    let mut context = Context::from_waker(Waker::noop());
    stream.poll_readable(&mut context).is_ready()
}

/// Whom a connection is for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Whom {
    pub(super) client: SocketAddr,
    /// Where the client has connected to.
    pub(super) reached: SocketAddr,
}

/// Opens a connection to a member, which is told whom it is for where the pool wants that.
pub(super) async fn connect(
    pool: &Pool,
    member: &Member,
    whom: Whom,
    timer: &Timer,
) -> Result<Stream, Fault> {
    timer.set(pool.http.timeouts.connect_s);
    in_time(timer, open(pool, member, whom)).await
}

async fn open(pool: &Pool, member: &Member, whom: Whom) -> io::Result<Stream> {
    member.counts.connections.add(1);
    let mut tcp = TcpStream::connect(member.address).await?;
    tcp.set_nodelay(true)?;
    if let Some(version) = pool.http.send_proxy_protocol {
        let mut header = Vec::new();
        match version {
            ProxyProtocol::V1 => write_v1(whom.client, whom.reached, &mut header),
            ProxyProtocol::V2 => write_v2(whom.client, whom.reached, &mut header),
        }
        tcp.write_all(&header).await?;
    }
    let traffic = &member.counts.traffic;
    let Some(tls) = &pool.tls else {
        return Ok(Stream::new(Transport::Tcp(tcp), traffic));
    };
    let name = pool.http.tls.as_ref().and_then(|tls| tls.server_name.clone());
    let name = match name {
        Some(name) => ServerName::try_from(name).map_err(io::Error::other)?,
        None => ServerName::from(member.address.ip()),
    };
    // In memory of its own, which is not there for members without TLS.
    let connecting = Box::pin(TlsConnector::from(Arc::clone(tls)).connect(name, BelowTls(tcp)));
    let transport = Transport::Tls(Box::new(connecting.await?.into()));
    Ok(Stream::new(transport, traffic))
}

async fn in_time<T>(timer: &Timer, attempt: impl Future<Output = io::Result<T>>) -> Result<T, Fault> {
    let mut attempt = pin!(attempt);
    match timer.within(|context| attempt.as_mut().poll(context)).await {
        Some(outcome) => outcome.map_err(Fault::Unreachable),
        None => Err(Fault::ConnectTimeout.unless_cut(timer)),
    }
}

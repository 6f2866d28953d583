//! Connections to members, which each worker keeps for itself.

use std::{
    cell::RefCell,
    collections::HashMap,
    future::{Future, poll_fn},
    net::SocketAddr,
    pin::pin,
    task::{Context, Poll, Waker},
};

use tokio::net::TcpStream;

use super::{fault::Fault, io::Stream, serving::Member, timer::Timer};
use crate::{
    http::proxy_protocol::{write_v1, write_v2},
    model::{MemberHttp, ProxyProtocol},
};

/// Unused connections that are kept to one member.
const MOST_KEPT: usize = 512;

/// Unused connections that a client's connection keeps for itself. One of HTTP/1 never has more than one.
const MOST_KEPT_ALONE: usize = 8;

/// A connection to a member.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) stream: Stream,
    /// How it is still to say whom it is for, before anything else.
    pub(super) owes: Option<ProxyProtocol>,
}

#[derive(Debug)]
struct Unused {
    stream: Stream,
    since_s: u32,
}

/// The unused connections, by member.
#[derive(Default)]
pub(super) struct Connections {
    unused: RefCell<HashMap<u64, Vec<Unused>>>,
}

impl Connections {
    /// An unused connection to the member that it has not closed, as far as is known.
    pub(super) fn take(&self, member: &Member) -> Option<Connection> {
        let mut unused = self.unused.borrow_mut();
        let unused = unused.get_mut(&member.id)?;
        loop {
            // The one used last: the others grow old, and are closed.
            let Unused { stream, .. } = unused.pop()?;
            if !has_news(&stream) {
                return Some(Connection { stream, owes: None });
            }
        }
    }

    /// Keeps a connection for another request.
    pub(super) fn give(&self, member: &Member, stream: Stream, now_s: u32) {
        let mut unused = self.unused.borrow_mut();
        let unused = unused.entry(member.id).or_default();
        if unused.len() < MOST_KEPT {
            unused.push(Unused {
                stream,
                since_s: now_s,
            });
        }
    }

    /// Closes what has been unused for too long, what its member has closed, and what leads to members that are not
    /// served any more: `longest_s` tells of each.
    pub(super) fn sweep(&self, now_s: u32, longest_s: impl Fn(u64) -> Option<u32>) {
        self.unused.borrow_mut().retain(|id, unused| {
            let longest_s = longest_s(*id).unwrap_or(0);
            unused.retain(|one| now_s.saturating_sub(one.since_s) < longest_s && !has_news(&one.stream));
            !unused.is_empty()
        });
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
    ) -> Option<Connection> {
        let mut unused = self.unused.borrow_mut();
        unused.retain(|(_, _, one)| now_s.saturating_sub(one.since_s) < idle_s && !has_news(&one.stream));
        let place = unused
            .iter()
            .position(|(id, whom, _)| *id == member.id && *whom == client)?;
        let (_, _, Unused { stream, .. }) = unused.swap_remove(place);
        Some(Connection { stream, owes: None })
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

/// Writes what says to a member whom a connection is for.
pub(super) fn introduce(version: ProxyProtocol, client: SocketAddr, reached: SocketAddr, out: &mut Vec<u8>) {
    match version {
        ProxyProtocol::V1 => write_v1(client, reached, out),
        ProxyProtocol::V2 => write_v2(client, reached, out),
    }
}

/// Whether something came on a connection on which nothing is awaited: most likely its end.
fn has_news(stream: &Stream) -> bool {
    let mut context = Context::from_waker(Waker::noop());
    stream.poll_readable(&mut context).is_ready()
}

/// Opens a connection to a member that is spoken to so.
pub(super) async fn connect(member: &Member, http: &MemberHttp, timer: &Timer) -> Result<Connection, Fault> {
    timer.set(http.timeouts.connect_s);
    let mut connecting = pin!(TcpStream::connect(member.address));
    let tcp = poll_fn(|context| match connecting.as_mut().poll(context) {
        Poll::Ready(outcome) => Poll::Ready(outcome.map_err(Fault::Unreachable)),
        Poll::Pending if timer.is_over(context) => Poll::Ready(Err(Fault::ConnectTimeout)),
        Poll::Pending => Poll::Pending,
    })
    .await?;
    tcp.set_nodelay(true).map_err(Fault::Unreachable)?;
    Ok(Connection {
        stream: Stream::Tcp(tcp),
        owes: http.send_proxy_protocol,
    })
}

//! Connections to members, which each worker keeps for itself.

use std::{
    cell::RefCell,
    collections::HashMap,
    future::{Future, poll_fn},
    pin::pin,
    task::{Context, Poll, Waker},
};

use tokio::net::TcpStream;

use super::{fault::Fault, io::Stream, serving::Member, timer::Timer};

/// Unused connections that are kept to one member.
const MOST_KEPT: usize = 512;

/// A connection to a member.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) stream: Stream,
}

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
                return Some(Connection { stream });
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

/// Whether something came on a connection on which nothing is awaited: most likely its end.
fn has_news(stream: &Stream) -> bool {
    let mut context = Context::from_waker(Waker::noop());
    stream.poll_readable(&mut context).is_ready()
}

/// Opens a connection to a member.
pub(super) async fn connect(member: &Member, connect_s: u32, timer: &Timer) -> Result<Connection, Fault> {
    timer.set(connect_s);
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
    })
}

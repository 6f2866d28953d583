//! How a connection begins: with a header of the PROXY protocol, where a trusted proxy owes one.

use std::{
    io,
    net::SocketAddr,
    pin::Pin,
    task::{Context, Poll, ready},
};

use thiserror::Error;
use tokio::{
    io::{AsyncRead as _, ReadBuf},
    net::TcpStream,
};

use super::timer::Timer;
use crate::{
    http::{
        forwarded::Trust,
        proxy_protocol::{Header, LONGEST_HEADER, Parsed, Reason, parse},
    },
    model::ClientIdentity,
};

/// Who has connected, and to what: the connection's own addresses, or those that a proxy says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Ends {
    pub(super) peer: SocketAddr,
    pub(super) reached: SocketAddr,
}

impl Ends {
    /// Whether a header is to come first.
    pub(super) fn owe_header(&self, identity: &ClientIdentity) -> bool {
        identity.accept_proxy_protocol && identity.trusted_proxies.trust(self.peer.ip()) == Trust::Trusted
    }

    /// What they are by this header.
    fn by(self, header: Header) -> Self {
        match header {
            Header::Local | Header::Unknown => self,
            Header::Proxied { source, destination } => Self {
                peer: source,
                reached: destination,
            },
        }
    }
}

/// Why a connection does not begin with the header that is owed.
#[derive(Debug, Error)]
pub(crate) enum NoHeader {
    /// As by the probes of a proxy that only looks whether someone is there.
    #[error("it was closed before one was there")]
    Closed,
    #[error("none came in time")]
    Late,
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error("{0}")]
    Wrong(#[from] Reason),
}

impl NoHeader {
    /// The reasons, as words in metrics.
    pub(crate) const WORDS: [&'static str; 3 + Reason::ALL.len()] = {
        let mut words = [""; 3 + Reason::ALL.len()];
        (words[0], words[1], words[2]) = ("closed", "late", "io");
        let mut index = 0;
        while index < Reason::ALL.len() {
            words[3 + index] = Reason::ALL[index].word();
            index += 1;
        }
        words
    };

    /// Its place among the reasons.
    pub(super) fn place(&self) -> usize {
        match self {
            Self::Closed => 0,
            Self::Late => 1,
            Self::Io(_) => 2,
            Self::Wrong(reason) => 3 + *reason as usize,
        }
    }
}

/// Reads the header before its time is over, and not one byte beyond it: those are left where TLS or HTTP look for them. So
/// what there is is looked at first, and then taken as far as it belongs to the header.
pub(super) async fn read_header(tcp: &mut TcpStream, ends: Ends, timer: &Timer) -> Result<Ends, NoHeader> {
    let mut bytes = [0; LONGEST_HEADER];
    let mut read = 0;
    let header = timer.within(|context| poll_header(tcp, context, &mut bytes, &mut read));
    let header = header.await.unwrap_or(Err(NoHeader::Late))?;
    Ok(ends.by(header))
}

fn poll_header(
    tcp: &mut TcpStream,
    context: &mut Context<'_>,
    bytes: &mut [u8; LONGEST_HEADER],
    read: &mut usize,
) -> Poll<Result<Header, NoHeader>> {
    loop {
        // What is not yet a header is shorter than the longest one.
        let mut ahead = ReadBuf::new(&mut bytes[*read..]);
        let count = ready!(tcp.poll_peek(context, &mut ahead))?;
        if count == 0 {
            return Poll::Ready(Err(NoHeader::Closed));
        }
        let (end, header) = match parse(&bytes[..*read + count]) {
            Parsed::Complete { len, header } => (len, Some(header)),
            // All of it belongs to the header; left where it is, it would wake us again and again.
            Parsed::Incomplete { .. } => (*read + count, None),
            Parsed::Invalid(reason) => return Poll::Ready(Err(reason.into())),
        };
        let mut into = ReadBuf::new(&mut bytes[*read..end]);
        ready!(Pin::new(&mut *tcp).poll_read(context, &mut into))?;
        *read += into.filled().len();
        if let Some(header) = header
            && *read == end
        {
            return Poll::Ready(Ok(header));
        }
    }
}

#[cfg(test)]
mod tests;

//! What clients say on a connection, and what they accept as an answer.

mod http1;
mod http2;

use std::time::Instant;

use anyhow::{Result, bail};

use crate::page::{Connection, Page};

pub(crate) use http1::{Answer, Http1};
pub(crate) use http2::Http2;

/// What holds a client to a member.
#[derive(Clone, Debug)]
pub(crate) struct Held {
    /// `name=value`
    pub(crate) cookie: String,
    pub(crate) member: usize,
}

/// Which talk it is to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Http1(Page, Connection),
    /// So many requests at once.
    Http2(Page, usize),
    /// A TLS handshake and no request.
    Handshake,
}

impl Kind {
    /// How many requests a connection may have under way.
    pub(crate) const fn at_once(self) -> usize {
        match self {
            Self::Http2(_, at_once) => at_once,
            Self::Http1(..) | Self::Handshake => 1,
        }
    }

    /// What ALPN has to agree on.
    pub(crate) const fn protocol(self) -> &'static str {
        match self {
            Self::Http2(..) => "h2",
            Self::Http1(..) | Self::Handshake => "http/1.1",
        }
    }
}

/// A talk on one connection.
#[derive(Debug)]
pub(crate) enum Talk {
    Http1(Http1),
    Http2(Box<Http2>),
    Handshake(Option<Instant>),
}

impl Talk {
    /// `held` is `None` for a client that has no cookie yet: any member may answer it.
    pub(crate) fn new(kind: Kind, held: Option<&Held>) -> Result<Self> {
        Ok(match (kind, held) {
            (Kind::Http1(page, connection), _) => Self::Http1(Http1::new(page, held, connection)),
            (Kind::Http2(page, _), Some(held)) => Self::Http2(Box::new(Http2::new(page, held))),
            (Kind::Http2(..), None) => bail!("clients learn their cookies by HTTP/1.1"),
            (Kind::Handshake, _) => Self::Handshake(None),
        })
    }

    /// What is said first on a connection.
    pub(crate) fn open(&mut self, out: &mut Vec<u8>) {
        if let Self::Http2(talk) = self {
            talk.open(out);
        }
    }

    /// Asks for the page; the time taken counts from `since`.
    pub(crate) fn ask(&mut self, since: Instant, out: &mut Vec<u8>) -> Result<()> {
        match self {
            Self::Http1(talk) => talk.ask(since, out),
            Self::Http2(talk) => talk.ask(since, out)?,
            Self::Handshake(asked) => *asked = Some(since),
        }
        Ok(())
    }

    /// Takes in what has come and says how much of it is done with. Of what was answered by that, `answered` is told when it
    /// was asked. What is to be sent at once goes to `out`.
    pub(crate) fn take(
        &mut self,
        bytes: &[u8],
        out: &mut Vec<u8>,
        answered: &mut Vec<Instant>,
    ) -> Result<usize> {
        match self {
            Self::Http1(talk) => talk.take(bytes, answered),
            Self::Http2(talk) => talk.take(bytes, out, answered),
            Self::Handshake(_) => bail!("an answer to no request"),
        }
    }

    /// The other side has ended the connection: where that is as it should be, it answers what was asked.
    pub(crate) fn end(&mut self) -> Result<Option<Instant>> {
        match self {
            Self::Http1(talk) => talk.end().map(Some),
            Self::Http2(_) => bail!("the connection was ended"),
            Self::Handshake(asked) => Ok(asked.take()),
        }
    }
}

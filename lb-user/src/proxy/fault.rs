//! What can go wrong with a request: whose fault it is, what the client is told, and whether another member may be tried.

use std::io;

use thiserror::Error;

use super::{body::Broken, respond::Own, timer::Timer};
use crate::{
    http::{framing::Unclear, head::Malformed},
    shortage::is_shortage,
};

/// Why a request got no response of a member, or not all of it.
#[derive(Debug, Error)]
pub(super) enum Fault {
    #[error("{0}")]
    Malformed(#[from] Malformed),
    #[error("{0}")]
    Unclear(#[from] Unclear),
    #[error("a request needs exactly one Host that names a host")]
    Host,
    #[error("CONNECT is not for a load balancer")]
    Connect,
    #[error("the target is none that a server has")]
    Target,
    #[error("the pool speaks HTTP/2 to its members, which has no such method or target")]
    Unsayable,
    #[error("the body is too large")]
    BodyTooLarge,
    #[error("the request did not come in time")]
    ClientTimeout,
    #[error("the client went away")]
    ClientGone,
    #[error("the body of the request broke off: {0}")]
    ClientBroken(Broken),
    #[error("a policy of the listener answers it: {}", .0.status)]
    Answered(Own),
    #[error("no member is available")]
    NoMember,
    #[error("no member has room, and as many requests wait as may")]
    QueueFull,
    #[error("no member had room in time")]
    QueueTimeout,
    #[error("the member cannot be reached: {0}")]
    Unreachable(io::Error),
    #[error("the member did not accept the connection in time")]
    ConnectTimeout,
    #[error("the member closed the connection without a response")]
    MemberClosed,
    #[error("the member did not take the request")]
    MemberRefused,
    #[error("the response is not HTTP: {0}")]
    BadResponse(&'static str),
    #[error("the member did not respond in time")]
    MemberTimeout,
    #[error("the response broke off: {0}")]
    ResponseBroken(Broken),
    #[error("the member did not go on with its response in time")]
    ResponseStalled,
    #[error("the client did not take the response in time")]
    ClientStalled,
    #[error("it was under way for longer than a listener, a member or a daemon that goes has left")]
    CutOff,
}

/// When a request may be made again, of another member.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Retry {
    /// The member never had it.
    Always,
    /// The member may have acted on it: where it does no harm to do so twice.
    Idempotent,
    Never,
}

impl Fault {
    /// A limit that ran out: for this, or because all of them do.
    pub(super) fn unless_cut(self, timer: &Timer) -> Self {
        if timer.is_cut() { Self::CutOff } else { self }
    }

    /// What the client is told; none where nobody is there to be told, or a response has begun.
    pub(super) fn status(&self) -> Option<u16> {
        Some(match self {
            Self::Malformed(Malformed::TargetTooLong) => 414,
            Self::Malformed(Malformed::TooLarge | Malformed::TooManyFields) => 431,
            Self::Malformed(Malformed::Version) => 505,
            Self::Malformed(_)
            | Self::Unclear(_)
            | Self::Host
            | Self::Target
            | Self::Unsayable
            | Self::ClientBroken(Broken::BadChunk(_)) => 400,
            Self::Connect => 405,
            Self::BodyTooLarge => 413,
            Self::ClientTimeout => 408,
            Self::ClientGone
            | Self::ClientBroken(_)
            | Self::ClientStalled
            | Self::ResponseBroken(_)
            | Self::ResponseStalled => return None,
            Self::Answered(own) => own.status,
            Self::NoMember | Self::QueueFull | Self::QueueTimeout | Self::CutOff => 503,
            Self::Unreachable(error) if is_shortage(error) => 503,
            Self::Unreachable(_) | Self::MemberClosed | Self::MemberRefused | Self::BadResponse(_) => 502,
            Self::ConnectTimeout | Self::MemberTimeout => 504,
        })
    }

    /// The response that the client is given.
    pub(super) fn response(&self) -> Option<Own> {
        match self {
            Self::Answered(own) => Some(own.clone()),
            fault => fault.status().map(Own::of),
        }
    }

    /// Whether it is the member that failed.
    pub(super) fn is_members(&self) -> bool {
        match self {
            // Where this host is short of files, no member is to blame.
            Self::Unreachable(error) => !is_shortage(error),
            Self::ConnectTimeout
            | Self::MemberClosed
            | Self::MemberRefused
            | Self::BadResponse(_)
            | Self::MemberTimeout
            | Self::ResponseBroken(_)
            | Self::ResponseStalled => true,
            _ => false,
        }
    }

    /// Whether it says that the member cannot serve. A response that broke off does not, since one request may be the cause;
    /// nor does one that was not taken: others are.
    pub(super) fn tells_against_member(&self) -> bool {
        self.is_members()
            && !matches!(
                self,
                Self::ResponseBroken(_) | Self::ResponseStalled | Self::MemberRefused
            )
    }

    pub(super) fn retry(&self) -> Retry {
        match self {
            Self::Unreachable(error) if is_shortage(error) => Retry::Never,
            Self::Unreachable(_) | Self::ConnectTimeout | Self::MemberRefused => Retry::Always,
            Self::MemberClosed => Retry::Idempotent,
            _ => Retry::Never,
        }
    }
}

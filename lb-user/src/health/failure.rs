//! Why a probe failed.

use std::io;

use nix::errno::Errno;

use crate::{model::ExpectedCodes, shortage};

/// How much of an unexpected answer is shown, in characters.
const SHOWN: usize = 40;

/// Why a probe failed, in words that follow "the member is down:".
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// There was no answer in time.
    #[error("timed out after {timeout_s} s")]
    TimedOut {
        /// How long it was waited for.
        timeout_s: u32,
    },
    /// The network or the member's host refused.
    #[error("{}", in_words(.0))]
    Refused(#[from] io::Error),
    /// The member speaks no TLS, or its certificate is not valid.
    #[error("TLS: {}", in_words(.0))]
    Tls(io::Error),
    /// The authorities that the pool trusts cannot be read.
    #[error("{0:#}")]
    NoAuthorities(#[from] anyhow::Error),
    /// The answer is not HTTP, or ended too early.
    #[error("no HTTP response: {}", chain(.0))]
    NotHttp(#[from] hyper::Error),
    /// The request cannot be written.
    #[error("no HTTP request can be made of the monitor's path and host: {0}")]
    NoRequest(#[from] hyper::http::Error),
    /// The status is not one of those that count as success.
    #[error("status {status}, expected {expected}")]
    Status {
        /// What it is.
        status: u16,
        /// What it should be.
        expected: ExpectedCodes,
    },
    /// The member speaks no HTTP/2, or ended it.
    #[error("no gRPC response: {}", chain(.0))]
    NotGrpc(#[from] h2::Error),
    /// What it says about its service.
    #[error("the service does not serve: {0}")]
    NotServing(String),
    /// The answer to a datagram does not begin as it should.
    #[error("answered {}, expected {expected:?}", shown(.answer))]
    Answer {
        /// What it is.
        answer: Vec<u8>,
        /// What it should begin with.
        expected: String,
    },
}

impl Failure {
    /// Whether this host could not even ask: that says nothing about the member.
    #[must_use]
    pub fn is_ours(&self) -> bool {
        let error = match self {
            Self::Refused(error) | Self::Tls(error) => error,
            other => return matches!(other, Self::NoAuthorities(_)),
        };
        // Of ports.
        let is_short_of_ports = error.raw_os_error() == Some(Errno::EADDRNOTAVAIL as i32);
        is_short_of_ports || shortage::is_shortage(error)
    }
}

/// What the kernel says without its number, what anyone else says with all causes.
fn in_words(error: &io::Error) -> String {
    match error.raw_os_error() {
        Some(code) => Errno::from_raw(code).desc().to_lowercase(),
        None => chain(error),
    }
}

/// An error and its causes, each of which only says what it adds.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.ends_with(&more) {
            text = format!("{text}: {more}");
        }
        cause = error.source();
    }
    text
}

fn shown(answer: &[u8]) -> String {
    let text = String::from_utf8_lossy(answer);
    let start: String = text.chars().take(SHOWN).collect();
    let more = if start.len() < text.len() { "..." } else { "" };
    format!("{start:?}{more}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_the_kernel(errno: Errno) -> Failure {
        Failure::Refused(io::Error::from_raw_os_error(errno as i32))
    }

    #[test]
    fn a_failure_is_said_in_plain_words() {
        assert_eq!(
            of_the_kernel(Errno::ECONNREFUSED).to_string(),
            "connection refused"
        );
        let late = Failure::TimedOut { timeout_s: 2 };
        assert_eq!(late.to_string(), "timed out after 2 s");
        let status = Failure::Status {
            status: 503,
            expected: "200-299".parse().unwrap(),
        };
        assert_eq!(status.to_string(), "status 503, expected 200-299");
        let answer = Failure::Answer {
            answer: b"no\xff".to_vec(),
            expected: "pong".into(),
        };
        assert_eq!(answer.to_string(), "answered \"no\u{fffd}\", expected \"pong\"");
    }

    #[test]
    fn a_long_answer_is_cut() {
        assert_eq!(shown(&[b'x'; 2000]), format!("{:?}...", "x".repeat(SHOWN)));
    }

    #[test]
    fn what_this_host_lacks_is_not_the_members_fault() {
        assert!(of_the_kernel(Errno::EMFILE).is_ours());
        assert!(!of_the_kernel(Errno::ECONNREFUSED).is_ours());
        assert!(!Failure::TimedOut { timeout_s: 1 }.is_ours());
    }
}

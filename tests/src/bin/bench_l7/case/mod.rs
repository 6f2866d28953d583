//! What is measured.

pub(crate) mod memory;
pub(crate) mod rate;

use crate::certificate::Key;
use crate::page::{Connection, Page};
use crate::proxy::Listener;
use crate::talk::Kind;

/// Requests that are under way at once, however they share connections.
const CLIENTS: usize = 64;
const STREAMS: usize = 8;
/// 16 MiB under way are enough for any socket buffer.
const LARGE: usize = 16;

/// A rate: how many of something a proxy does with a second of its core.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rate {
    pub(crate) name: &'static str,
    pub(crate) listener: Listener,
    pub(crate) key: Option<Key>,
    pub(crate) kind: Kind,
    pub(crate) connections: usize,
    /// Whether the times that its answers take say something beside the rate.
    pub(crate) latency: Latency,
    pub(crate) bound: Option<Bound>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Latency {
    /// It is measured too, also at a rate that all proxies can do.
    Matters,
    /// It follows from the rate.
    Follows,
}

/// What a result of Holdfast's is to be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Bound {
    /// So many times HAProxy's at least.
    TimesAtLeast(f64),
    /// So many times HAProxy's at most.
    TimesAtMost(f64),
    /// So many bytes at most.
    BytesAtMost(f64),
}

impl Bound {
    /// Why a result is not what it is to be, if it is not.
    pub(crate) fn complaint(self, case: &str, value: f64, ratio: Option<f64>) -> Option<String> {
        let ratio = ratio.unwrap_or(f64::NAN);
        // A result that is no number is beyond any bound.
        match self {
            Self::TimesAtLeast(bound) if ratio >= bound => None,
            Self::TimesAtMost(bound) if ratio <= bound => None,
            Self::BytesAtMost(bound) if value <= bound => None,
            Self::TimesAtLeast(bound) => Some(format!(
                "{case} is {ratio:.2} of HAProxy's, and was to be {bound} at least"
            )),
            Self::TimesAtMost(bound) => Some(format!(
                "{case} is {ratio:.2} of HAProxy's, and was to be {bound} at most"
            )),
            Self::BytesAtMost(bound) => {
                Some(format!("{case} is {value:.0} B, and was to be {bound} at most"))
            }
        }
    }
}

const HTTP1: Rate = Rate {
    name: "http1",
    listener: Listener::Http,
    key: None,
    kind: Kind::Http1(Page::Small, Connection::KeepAlive),
    connections: CLIENTS,
    latency: Latency::Matters,
    bound: Some(Bound::TimesAtLeast(1.2)),
};

const HTTPS: Rate = Rate {
    name: "https",
    listener: Listener::Https,
    key: Some(Key::Ecdsa),
    bound: Some(Bound::TimesAtLeast(1.3)),
    ..HTTP1
};

const HANDSHAKE_ECDSA: Rate = Rate {
    name: "handshake_ecdsa",
    kind: Kind::Handshake,
    latency: Latency::Follows,
    bound: Some(Bound::TimesAtLeast(2.0)),
    ..HTTPS
};

/// All rates, in their order.
pub(crate) const RATES: [Rate; 7] = [
    HTTP1,
    HTTPS,
    Rate {
        name: "http2",
        kind: Kind::Http2(Page::Small, STREAMS),
        connections: CLIENTS / STREAMS,
        bound: Some(Bound::TimesAtLeast(1.0)),
        ..HTTPS
    },
    HANDSHAKE_ECDSA,
    Rate {
        name: "handshake_rsa",
        listener: Listener::HttpsRsa,
        key: Some(Key::Rsa),
        bound: None,
        ..HANDSHAKE_ECDSA
    },
    Rate {
        name: "connection_per_request",
        kind: Kind::Http1(Page::Small, Connection::Close),
        bound: Some(Bound::TimesAtLeast(1.0)),
        ..HTTP1
    },
    Rate {
        name: "body_1m",
        kind: Kind::Http1(Page::Large, Connection::KeepAlive),
        connections: LARGE,
        latency: Latency::Follows,
        bound: None,
        ..HTTP1
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_is_kept_to_up_to_itself() {
        let says = |bound: Bound, value, ratio| bound.complaint("x", value, ratio);
        assert_eq!(says(Bound::TimesAtLeast(1.2), 0.0, Some(1.2)), None);
        assert!(says(Bound::TimesAtLeast(1.2), 0.0, Some(1.19)).is_some());
        assert_eq!(says(Bound::TimesAtMost(1.0), 0.0, Some(1.0)), None);
        assert!(says(Bound::TimesAtMost(1.0), 0.0, None).is_some());
        assert!(says(Bound::BytesAtMost(4096.0), 4097.0, Some(0.1)).is_some());
    }
}

//! The proxies that are compared: how each is started, stopped and looked at.

mod config;
mod process;
mod usage;

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use clap::ValueEnum;

pub(crate) use process::Running;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(crate) enum Proxy {
    Holdfast,
    Haproxy,
    Nginx,
    /// Another build of Holdfast, of before a change: the binary that `HOLDFAST_BASELINE` names.
    Baseline,
}

/// What clients are held by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Persistence {
    /// A cookie of the proxy's.
    Inserted,
    /// A cookie of the members', which the proxy learns.
    Learned,
}

/// What a proxy listens for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Listener {
    Http,
    /// With an ECDSA certificate; HTTP/2 too.
    Https,
    /// With an RSA certificate.
    HttpsRsa,
}

impl Listener {
    pub(crate) const fn port(self) -> u16 {
        match self {
            Self::Http => 8080,
            Self::Https => 8443,
            Self::HttpsRsa => 8444,
        }
    }
}

impl Proxy {
    /// Those that there always are.
    pub(crate) const ALL: [Self; 3] = [Self::Holdfast, Self::Haproxy, Self::Nginx];

    /// All others are compared with it.
    pub(crate) const REFERENCE: Self = Self::Haproxy;

    /// Each has its own, so that all can run at once.
    fn address(self) -> IpAddr {
        IpAddr::V4(Ipv4Addr::new(127, 0, 1, 1 + self as u8))
    }

    pub(crate) fn socket(self, listener: Listener) -> SocketAddr {
        SocketAddr::new(self.address(), listener.port())
    }

    /// What a client says that has no cookie yet. nginx without its commercial part sets none; the nearest thing is that a
    /// cookie which the client has anyway decides by its hash. So there clients try some until each member has one.
    pub(crate) fn first_cookie(self, attempt: usize) -> Option<String> {
        match self {
            Self::Holdfast | Self::Baseline | Self::Haproxy => None,
            Self::Nginx => Some(format!("{}=client{attempt}", config::COOKIE)),
        }
    }

    /// Whether it can hold clients that way at all.
    pub(crate) fn offers(self, persistence: Persistence) -> bool {
        self != Self::Nginx || persistence == Persistence::Inserted
    }
}

impl fmt::Display for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Holdfast => "holdfast",
            Self::Haproxy => "haproxy",
            Self::Nginx => "nginx",
            Self::Baseline => "baseline",
        })
    }
}

//! What is measured: a packet of some kind, of a protocol, by a forwarding mode, in a table of some size.

use std::fmt;

/// What a packet meets.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    /// A flow that is there.
    Established,
    /// No flow, but a session of its client.
    Held,
    /// Neither.
    New,
}

/// Protocol and family.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Traffic {
    Tcp4,
    Tcp6,
    Udp4,
    Udp6,
}

impl Traffic {
    const ALL: [Self; 4] = [Self::Tcp4, Self::Tcp6, Self::Udp4, Self::Udp6];

    pub(crate) const fn is_v6(self) -> bool {
        matches!(self, Self::Tcp6 | Self::Udp6)
    }

    pub(crate) const fn is_tcp(self) -> bool {
        matches!(self, Self::Tcp4 | Self::Tcp6)
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Tcp4 => "tcp4",
            Self::Tcp6 => "tcp6",
            Self::Udp4 => "udp4",
            Self::Udp6 => "udp6",
        }
    }
}

/// The forwarding modes.
pub(crate) const MODES: [&str; 4] = ["full_nat", "nat", "dsr", "ipip"];

/// How many flows and sessions there are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Size(pub u32);

impl Size {
    pub(crate) const ALL: [Self; 4] = [Self(1), Self(1000), Self(131_072), Self(1_000_000)];

    const fn name(self) -> &'static str {
        match self.0 {
            1 => "1",
            1000 => "1k",
            131_072 => "131k",
            _ => "1M",
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Case {
    pub kind: Kind,
    pub traffic: Traffic,
    pub mode: &'static str,
    pub size: Size,
}

impl Case {
    /// All cases of a size; those that others are compared with come first.
    pub(crate) fn all(size: Size) -> impl Iterator<Item = Self> {
        MODES.into_iter().flat_map(move |mode| {
            Traffic::ALL.into_iter().flat_map(move |traffic| {
                [Kind::Established, Kind::Held, Kind::New].map(|kind| Self {
                    kind,
                    traffic,
                    mode,
                    size,
                })
            })
        })
    }

    /// The case of a packet of an established flow with all else the same.
    pub(crate) const fn established(self) -> Self {
        Self {
            kind: Kind::Established,
            ..self
        }
    }

    /// The case itself, and those whose ratio is to it.
    pub(crate) fn compared_with_it(self) -> Vec<Self> {
        let of = |kind| Self { kind, ..self };
        match self.kind {
            Kind::Established => [Kind::Established, Kind::Held, Kind::New].map(of).to_vec(),
            Kind::Held | Kind::New => vec![self],
        }
    }

    /// What its ratio is to be at most: of an established flow alone 8, at a million of them 25, and of a new flow of a client
    /// that is held 2.5.
    pub(crate) const fn bound(self) -> Option<f64> {
        match (self.kind, self.size.0) {
            (Kind::Established, 1) => Some(8.0),
            (Kind::Established, 1_000_000) => Some(25.0),
            (Kind::Held, _) => Some(2.5),
            _ => None,
        }
    }

    /// The port of its listener: each mode has one.
    pub(crate) fn port(self) -> u16 {
        let number = MODES.iter().position(|mode| *mode == self.mode).unwrap_or(0);
        80 + number as u16
    }
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            Kind::Established => "established",
            Kind::Held => "held",
            Kind::New => "new",
        };
        write!(
            f,
            "l4/{kind}/{}/{}/{}",
            self.traffic.name(),
            self.mode,
            self.size.name()
        )
    }
}

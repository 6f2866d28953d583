//! What clients are spread over: pools and their members.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use lb_common::schedule::{maglev, round_robin};
use serde::{Deserialize, Serialize};

use super::{ForwardingMode, HealthMonitor, LbAlgorithm, MemberHttp, SessionPersistence};

/// The most members one pool may have.
pub const MAX_MEMBERS_PER_POOL: usize = 1024;

/// Source addresses of the balancer that a configuration may use, at most. A list of them counts once, whichever pools
/// have it.
pub const MAX_SNAT_ADDRESSES: u32 = 4096;

/// A group of backend servers, and how clients are spread over them and kept there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pool {
    /// Unique among pools.
    pub name: String,
    /// What people call it, where `name` is an id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    /// How the member for a new client is chosen.
    pub algorithm: LbAlgorithm,
    /// How packets get to a member and back.
    #[serde(flatten)]
    pub forwarding: Forwarding,
    /// Which clients stay with their member, and for how long; never with [`LbAlgorithm::SourceIp`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_persistence: Option<SessionPersistence>,
    /// How the pool finds out which members are up; without one all are taken to be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub health_monitor: Option<HealthMonitor>,
    /// How its members are spoken to; only where HTTP or HTTPS listeners use the pool.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http: Option<MemberHttp>,
    /// At most [`MAX_MEMBERS_PER_POOL`]; no two have the same name, or the same address and port.
    #[serde(rename = "member", default, skip_serializing_if = "Vec::is_empty")]
    pub members: Vec<Member>,
}

impl Pool {
    /// The member of that name.
    #[must_use]
    pub fn member(&self, name: &str) -> Option<&Member> {
        self.members.iter().find(|member| member.name == name)
    }

    /// Where `member` is asked whether it is up.
    ///
    /// `None` for a pool without health monitor, and for a `dsr` or `ipip` pool that names no port and has no listener
    /// to take one from.
    #[must_use]
    pub fn probe_target(&self, member: &Member) -> Option<SocketAddr> {
        let monitor = self.health_monitor.as_ref()?;
        let address = member.probe_address.or(monitor.address);
        let port = member.probe_port.or(monitor.port).or(member.port)?;
        Some(SocketAddr::new(address.unwrap_or(member.address), port))
    }

    /// How many slots its schedule takes while all members are up that can be. With fewer members it takes no more.
    #[must_use]
    pub fn schedule_slots(&self) -> usize {
        let members = self.members.iter().filter(|member| member.admin_state_up);
        let weights = members.map(|member| u32::from(member.weight));
        let weights: Vec<u32> = weights.filter(|weight| *weight > 0).collect();
        self.algorithm.schedule_slots(&weights)
    }
}

impl LbAlgorithm {
    /// How many slots a schedule takes for members of these weights, of which none is zero.
    #[must_use]
    pub fn schedule_slots(self, weights: &[u32]) -> usize {
        match self {
            Self::RoundRobin => round_robin::cycle(weights),
            Self::LeastConnections => weights.len() + round_robin::cycle(weights),
            Self::SourceIp => {
                let entry = |&weight| maglev::Entry { identity: 0, weight };
                let entries: Vec<maglev::Entry> = weights.iter().map(entry).collect();
                maglev::size(&entries) as usize
            }
        }
    }
}

/// A backend server, as one pool sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// Unique in its pool; `address:port` unless it was given a name.
    pub name: String,
    /// What people call it, where `name` is an id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    /// Unicast, no VIP, and of the family of the pool's VIPs except with `ipip`.
    pub address: IpAddr,
    /// Where it listens. Always there for `full_nat` and `nat`; with `dsr` and `ipip`, which cannot change the port, it
    /// is that of the listener, and may stand here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// Its share of new clients against the other members', 0 to 256; 0 drains it: held sessions stay, none is added.
    pub weight: u16,
    /// `false` switches it off: its sessions move to other members.
    pub admin_state_up: bool,
    /// Where the health monitor asks this one, if not where it asks the others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probe_address: Option<IpAddr>,
    /// The same of the port.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probe_port: Option<u16>,
}

impl Member {
    /// Where requests for it go; none where the port is that of a listener.
    #[must_use]
    pub fn endpoint(&self) -> Option<SocketAddr> {
        Some(SocketAddr::new(self.address, self.port?))
    }
}

/// How packets get to a member and back, with what each way needs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "forwarding", rename_all = "snake_case")]
pub enum Forwarding {
    /// Both addresses and ports are rewritten.
    FullNat(SourceNat),
    /// The destination is rewritten, the client's address kept.
    Nat,
    /// Only the MAC address is rewritten.
    Dsr,
    /// The packet is wrapped in another IP packet.
    Ipip,
}

impl Forwarding {
    /// Which of the ways it is.
    #[must_use]
    pub fn mode(&self) -> ForwardingMode {
        match self {
            Self::FullNat(_) => ForwardingMode::FullNat,
            Self::Nat => ForwardingMode::Nat,
            Self::Dsr => ForwardingMode::Dsr,
            Self::Ipip => ForwardingMode::Ipip,
        }
    }
}

impl ForwardingMode {
    /// Whether a member may listen on another port than its listener.
    #[must_use]
    pub fn changes_the_port(self) -> bool {
        matches!(self, Self::FullNat | Self::Nat)
    }

    /// Whether members must be of the family of the VIP; else the outer header is of the member's family.
    #[must_use]
    pub fn keeps_the_family(self) -> bool {
        self != Self::Ipip
    }
}

/// The addresses and ports that `full_nat` gives its packets towards the members.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceNat {
    /// At most 64, of the family of the members; empty: the balancer's own address towards each member.
    #[serde(default)]
    pub snat_addresses: Vec<IpAddr>,
    /// The ports taken for them.
    #[serde(default)]
    pub snat_ports: PortRange,
}

/// Ports `low` to `high`, both included; 1,024 <= `low` <= `high`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "[u16; 2]", into = "[u16; 2]")]
pub struct PortRange {
    /// The first port.
    pub low: u16,
    /// The last port.
    pub high: u16,
}

impl PortRange {
    /// The ports that Linux gives its own outgoing connections unless told otherwise.
    pub const EPHEMERAL: Self = Self {
        low: 32_768,
        high: 60_999,
    };

    /// How many ports there are.
    #[must_use]
    pub fn count(self) -> u32 {
        u32::from(self.high) + 1 - u32::from(self.low)
    }

    /// Whether some port is in both.
    #[must_use]
    pub fn overlaps(self, other: Self) -> bool {
        self.low <= other.high && other.low <= self.high
    }
}

impl Default for PortRange {
    /// Ends right below [`PortRange::EPHEMERAL`].
    fn default() -> Self {
        Self {
            low: 10_000,
            high: 32_767,
        }
    }
}

impl From<[u16; 2]> for PortRange {
    fn from([low, high]: [u16; 2]) -> Self {
        Self { low, high }
    }
}

impl From<PortRange> for [u16; 2] {
    fn from(range: PortRange) -> Self {
        [range.low, range.high]
    }
}

impl fmt::Display for PortRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{}, {}]", self.low, self.high)
    }
}

#[cfg(test)]
mod tests {
    use super::super::Word as _;
    use super::*;

    #[test]
    fn forwarding_is_tagged_with_the_word_of_its_mode() {
        let all = [
            Forwarding::FullNat(SourceNat::default()),
            Forwarding::Nat,
            Forwarding::Dsr,
            Forwarding::Ipip,
        ];
        assert!(
            all.iter()
                .map(Forwarding::mode)
                .eq(ForwardingMode::ALL.iter().copied())
        );
        for forwarding in all {
            let json = serde_json::to_value(&forwarding).unwrap();
            assert_eq!(json["forwarding"], forwarding.mode().word());
            assert_eq!(serde_json::from_value::<Forwarding>(json).unwrap(), forwarding);
        }
    }

    #[test]
    fn default_snat_ports_stay_clear_of_the_ports_linux_takes_for_itself() {
        assert!(!PortRange::default().overlaps(PortRange::EPHEMERAL));
        assert!(
            PortRange {
                low: 1024,
                high: 32_768
            }
            .overlaps(PortRange::EPHEMERAL)
        );
        assert_eq!(
            PortRange {
                low: 1024,
                high: u16::MAX
            }
            .count(),
            64_512
        );
    }
}

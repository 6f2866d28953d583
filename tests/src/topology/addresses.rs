//! The address plan.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Of the two families of addresses, one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Family {
    /// IPv4
    V4,
    /// IPv6
    V6,
}

/// How the laboratory is wired.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Topology {
    /// The balancer routes between the client's network and one network per member.
    Routed,
    /// All share one segment.
    Flat,
}

/// Members are numbered 1 to this: they have an octet in the address plan, and the flat segment has other hosts.
pub(super) const MOST_MEMBERS: usize = 80;

/// Where nobody listens or sends: a connection that is refused has been there and back.
pub(crate) const NOBODYS_PORT: u16 = 9;

impl Family {
    /// Both, for tests that hold for either.
    pub const BOTH: [Self; 2] = [Self::V4, Self::V6];

    /// The family of an address.
    #[must_use]
    pub fn of(address: IpAddr) -> Self {
        if address.is_ipv4() { Self::V4 } else { Self::V6 }
    }

    /// The first VIP.
    #[must_use]
    pub fn vip(self) -> IpAddr {
        self.on_client_net(100, 0x100)
    }

    /// The client's own address.
    #[must_use]
    pub fn client(self) -> IpAddr {
        self.on_client_net(2, 2)
    }

    /// The balancer's own address on the client's network.
    #[must_use]
    pub fn balancer(self) -> IpAddr {
        self.on_client_net(1, 1)
    }

    /// One of the further addresses that the client may use: of 10.9.0.0/16 (65,535 of them, then they repeat) or
    /// of `fd00:9::/64`.
    #[must_use]
    pub fn source(self, index: usize) -> IpAddr {
        match self {
            Self::V4 => {
                let [high, low] = ((index % 65_535 + 1) as u16).to_be_bytes();
                Ipv4Addr::new(10, 9, high, low).into()
            }
            Self::V6 => {
                let network = Ipv6Addr::new(0xfd00, 9, 0, 0, 0, 0, 0, 0).to_bits();
                Ipv6Addr::from_bits(network + index as u128 + 1).into()
            }
        }
    }

    /// The network of the further client addresses.
    pub(super) fn sources(self) -> &'static str {
        match self {
            Self::V4 => "10.9.0.0/16",
            Self::V6 => "fd00:9::/64",
        }
    }

    pub(super) fn prefix_length(self) -> u8 {
        match self {
            Self::V4 => 24,
            Self::V6 => 64,
        }
    }

    /// What `ip` calls the destination of a default route of this family.
    pub(super) fn everything(self) -> &'static str {
        match self {
            Self::V4 => "0.0.0.0/0",
            Self::V6 => "::/0",
        }
    }

    fn on_client_net(self, v4: u8, v6: u16) -> IpAddr {
        match self {
            Self::V4 => Ipv4Addr::new(10, 1, 0, v4).into(),
            Self::V6 => Ipv6Addr::new(0xfd00, 1, 0, 0, 0, 0, 0, v6).into(),
        }
    }
}

impl Topology {
    /// The address of a member, numbered from 1.
    pub(super) fn member(self, number: usize, family: Family) -> IpAddr {
        let octet = number as u8;
        match (self, family) {
            (Self::Routed, _) => family.on_member_net(number, 2),
            (Self::Flat, Family::V4) => Ipv4Addr::new(10, 1, 0, 10 + octet).into(),
            (Self::Flat, Family::V6) => Ipv6Addr::new(0xfd00, 1, 0, 0, 0, 0, 1, octet.into()).into(),
        }
    }

    /// The balancer's address on the network of a member.
    pub(super) fn gateway_of(self, number: usize, family: Family) -> IpAddr {
        match self {
            Self::Routed => family.on_member_net(number, 1),
            Self::Flat => family.balancer(),
        }
    }

    pub(super) fn client_interface(self) -> &'static str {
        match self {
            Self::Routed => "client",
            Self::Flat => "lan",
        }
    }

    pub(super) fn balancer_interfaces(self, members: usize) -> Vec<String> {
        let mut interfaces = vec![self.client_interface().to_owned()];
        if self == Self::Routed {
            interfaces.extend((1..=members).map(member_name));
        }
        interfaces
    }
}

impl Family {
    fn on_member_net(self, number: usize, host: u8) -> IpAddr {
        let octet = number as u8;
        match self {
            Self::V4 => Ipv4Addr::new(10, 2, octet, host).into(),
            // The number is written as the decimal is: member 12 is in fd00:2:12::.
            Self::V6 => {
                let number = u16::from(octet / 10) << 4 | u16::from(octet % 10);
                Ipv6Addr::new(0xfd00, 2, number, 0, 0, 0, 0, host.into()).into()
            }
        }
    }
}

/// The name of a member, and of the balancer's interface to it where it has one.
pub(super) fn member_name(number: usize) -> String {
    format!("member{number}")
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn the_sources_are_as_many_as_they_can_be() {
        for (family, distinct) in [(Family::V4, 65_535), (Family::V6, 70_000)] {
            let sources: HashSet<_> = (0..70_000).map(|index| family.source(index)).collect();
            assert_eq!(sources.len(), distinct);
        }
        assert_eq!(Family::V4.source(0).to_string(), "10.9.0.1");
        assert_eq!(Family::V6.source(255).to_string(), "fd00:9::100");
    }

    #[test]
    fn no_address_is_given_twice() {
        for topology in [Topology::Routed, Topology::Flat] {
            for family in Family::BOTH {
                let mut all = vec![family.vip(), family.client(), family.balancer()];
                all.extend((1..=MOST_MEMBERS).map(|number| topology.member(number, family)));
                let distinct: HashSet<_> = all.iter().collect();
                assert_eq!(distinct.len(), all.len(), "{topology:?} {family:?}");
            }
        }
    }
}

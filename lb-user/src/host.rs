//! The addresses of this host.

use std::net::IpAddr;

use nix::{ifaddrs::getifaddrs, sys::socket::SockaddrStorage};

/// An address of this host, with its network.
pub(crate) struct Own {
    pub(crate) interface: String,
    pub(crate) address: IpAddr,
    pub(crate) mask: IpAddr,
}

impl Own {
    pub(crate) fn has_in_its_network(&self, other: IpAddr) -> bool {
        let mask = bits(self.mask);
        self.address.is_ipv4() == other.is_ipv4() && bits(self.address) & mask == bits(other) & mask
    }

    /// Whether its network is itself: so VIPs are given to an interface, to have somebody answer for them.
    pub(crate) fn is_alone(&self) -> bool {
        let width = if self.mask.is_ipv4() { 32 } else { 128 };
        bits(self.mask).count_ones() == width
    }
}

fn bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => v4.to_bits().into(),
        IpAddr::V6(v6) => v6.to_bits(),
    }
}

/// All of them, as they are now; none, where the kernel does not say.
pub(crate) fn addresses() -> Vec<Own> {
    let addresses = getifaddrs().into_iter().flatten();
    let own = addresses.filter_map(|entry| {
        Some(Own {
            interface: entry.interface_name,
            address: ip(entry.address.as_ref()?)?,
            mask: ip(entry.netmask.as_ref()?)?,
        })
    });
    own.collect()
}

fn ip(address: &SockaddrStorage) -> Option<IpAddr> {
    let v4 = address.as_sockaddr_in().map(|v4| v4.ip().into());
    v4.or_else(|| address.as_sockaddr_in6().map(|v6| v6.ip().into()))
}

//! Addresses of single machines.

use std::net::IpAddr;

/// What an address is that is not that of one machine, or means nothing by itself; none, where it is.
#[must_use]
pub fn why_not_unicast(address: IpAddr) -> Option<&'static str> {
    match address {
        _ if address.is_unspecified() => Some("the unspecified address"),
        _ if address.is_multicast() => Some("a multicast address"),
        IpAddr::V4(v4) if v4.is_broadcast() => Some("the broadcast address"),
        IpAddr::V4(v4) if v4.octets()[0] == 0 => Some("an address of \"this network\" (0.0.0.0/8)"),
        IpAddr::V6(v6) if v6.is_unicast_link_local() => {
            Some("a link-local address, which means nothing without an interface")
        }
        _ => None,
    }
}

//! Whom a trace is of, as the datapath compares it: addresses of IPv4 are those that are mapped into IPv6.

use std::net::IpAddr;

use lb_common::address::Address;

use crate::{bpf::Chosen, http::forwarded::Prefix};

/// What an IPv4 address has before it where it is written as an IPv6 address, in bits.
const MAPPED_BITS: u32 = 96;

impl Chosen {
    /// Whether an address is of it.
    pub(super) fn includes(&self, address: IpAddr) -> bool {
        Address::from(address).masked(&Address::mask(self.prefix)) == self.address
    }
}

impl From<Prefix> for Chosen {
    fn from(network: Prefix) -> Self {
        let (address, _) = network.bounds();
        let before = if address.is_ipv4() { MAPPED_BITS } else { 0 };
        Self {
            address: address.into(),
            prefix: before + u32::from(network.length()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_includes_its_addresses_and_no_others() {
        for (client, address, is_of_it) in [
            ("192.0.2.0/24", "192.0.2.255", true),
            ("192.0.2.0/24", "192.0.3.0", false),
            ("192.0.2.7", "192.0.2.7", true),
            ("192.0.2.7", "::ffff:192.0.2.7", true),
            ("192.0.2.7", "192.0.2.6", false),
            ("2001:db8::/64", "2001:db8::1:2", true),
            ("::/0", "2001:db8::1", true),
            ("0.0.0.0/0", "2001:db8::1", false),
        ] {
            let client: Prefix = client.parse().unwrap();
            let includes = Chosen::from(client).includes(address.parse().unwrap());
            assert_eq!(includes, is_of_it, "{client} {address}");
        }
    }

    #[test]
    fn an_ipv4_network_is_one_of_mapped_addresses() {
        let client: Prefix = "10.0.0.0/8".parse().unwrap();
        let network: IpAddr = "10.0.0.0".parse().unwrap();
        let expected = Chosen {
            address: network.into(),
            prefix: 104,
        };
        assert_eq!(Chosen::from(client), expected);
    }
}

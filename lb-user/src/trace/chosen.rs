//! Whom a trace is of, as the datapath compares it: addresses of IPv4 are those that are mapped into IPv6.

use crate::{bpf::Chosen, http::forwarded::Prefix};

/// What an IPv4 address has before it where it is written as an IPv6 address, in bits.
const MAPPED_BITS: u32 = 96;

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
    use std::net::IpAddr;

    use super::*;

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

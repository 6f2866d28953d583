//! Clients that are recognised by their address, where the proxy keeps their sessions.

use std::net::IpAddr;

use lb_common::address::Address;

use crate::model::Granularity;

/// The network of a client, all of which is one client, as a value of the table of application cookies. It begins with a NUL,
/// which no cookie has: no client can show it as one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ByAddress([u8; 17]);

impl ByAddress {
    /// What a client is recognised by under a granularity.
    #[must_use]
    pub fn of(client: IpAddr, granularity: Granularity) -> Self {
        let mut value = [0; 17];
        value[1..].copy_from_slice(&Address::from(network(client, granularity)).octets());
        Self(value)
    }

    /// The value.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// The network that is one client.
#[must_use]
pub fn network(client: IpAddr, granularity: Granularity) -> IpAddr {
    let client = client.to_canonical();
    let length = match client {
        IpAddr::V4(_) => 96 + u32::from(granularity.v4),
        IpAddr::V6(_) => granularity.v6.into(),
    };
    Address::from(client).masked(&Address::mask(length)).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_are_one_as_far_as_the_granularity_goes() {
        let granularity = Granularity { v4: 24, v6: 64 };
        let of = |client: &str| ByAddress::of(client.parse().unwrap(), granularity);
        assert_eq!(of("192.0.2.7"), of("192.0.2.200"));
        assert_eq!(of("192.0.2.7"), of("::ffff:192.0.2.8"));
        assert_ne!(of("192.0.2.7"), of("192.0.3.7"));
        assert_eq!(of("2001:db8::1"), of("2001:db8::ffff:1"));
        assert_ne!(of("2001:db8::1"), of("2001:db8:0:1::1"));
        let none = Granularity { v4: 1, v6: 1 };
        assert_ne!(
            ByAddress::of([127, 0, 0, 1].into(), none),
            ByAddress::of("::1".parse().unwrap(), none)
        );
    }
}

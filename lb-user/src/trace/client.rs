//! Whom a trace is of, as people write it.

use std::{fmt, net::IpAddr, str::FromStr};

use lb_common::address::Address;
use serde::{Deserialize, Serialize};

use crate::bpf::Chosen;

/// What an IPv4 address has before it where it is written as an IPv6 address, in bits.
const MAPPED_BITS: u8 = 96;

/// A network of clients: an address and the length of its prefix.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Client {
    address: IpAddr,
    prefix: u8,
}

/// What is not a [`Client`].
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error(
    "\"{0}\" is no client; write an address or a network, as in 192.0.2.7, 192.0.2.0/24 or 2001:db8::/64"
)]
pub struct NotAClient(String);

const fn bits(address: IpAddr) -> u8 {
    match address {
        IpAddr::V4(_) => 32,
        IpAddr::V6(_) => 128,
    }
}

impl FromStr for Client {
    type Err = NotAClient;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || NotAClient(text.to_owned());
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| wrong())?;
        let prefix = match prefix {
            Some(prefix) => prefix.parse().map_err(|_| wrong())?,
            None => bits(address),
        };
        if prefix > bits(address) {
            return Err(wrong());
        }
        Ok(match address.to_canonical() {
            v4 @ IpAddr::V4(_) if address.is_ipv6() && prefix >= MAPPED_BITS => Self {
                address: v4,
                prefix: prefix - MAPPED_BITS,
            },
            _ => Self { address, prefix },
        })
    }
}

impl TryFrom<String> for Client {
    type Error = NotAClient;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Client> for String {
    fn from(client: Client) -> Self {
        client.to_string()
    }
}

impl fmt::Display for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { address, prefix } = self;
        if *prefix == bits(*address) {
            write!(f, "{address}")
        } else {
            write!(f, "{address}/{prefix}")
        }
    }
}

impl Client {
    /// Whether an address is of it.
    #[must_use]
    pub fn includes(self, address: IpAddr) -> bool {
        let Chosen {
            address: network,
            prefix,
        } = self.into();
        Address::from(address).masked(&Address::mask(prefix)) == network
    }
}

impl From<Client> for Chosen {
    fn from(Client { address, prefix }: Client) -> Self {
        let before = if address.is_ipv4() { MAPPED_BITS } else { 0 };
        let prefix = u32::from(before + prefix);
        Self {
            address: Address::from(address).masked(&Address::mask(prefix)),
            prefix,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_is_an_address_or_a_network_and_is_written_as_it_is_read() {
        for text in [
            "192.0.2.7",
            "192.0.2.0/24",
            "2001:db8::7",
            "2001:db8::/64",
            "0.0.0.0/0",
            "::/0",
        ] {
            assert_eq!(text.parse::<Client>().unwrap().to_string(), text);
        }
        let mapped: Client = "::ffff:192.0.2.7".parse().unwrap();
        assert_eq!(mapped.to_string(), "192.0.2.7");
    }

    #[test]
    fn what_is_neither_is_refused_with_an_example_of_what_would_be_right() {
        for text in [
            "",
            "nobody",
            "192.0.2.7:80",
            "192.0.2.0/33",
            "192.0.2.0/",
            "2001:db8::/129",
            "/24",
        ] {
            let refused = text.parse::<Client>().unwrap_err().to_string();
            assert!(refused.contains("as in 192.0.2.7, 192.0.2.0/24"), "{refused}");
        }
    }

    #[test]
    fn a_network_includes_its_addresses_and_no_others() {
        for (client, address, is_of_it) in [
            ("192.0.2.0/24", "192.0.2.255", true),
            ("192.0.2.0/24", "192.0.3.0", false),
            ("192.0.2.7", "::ffff:192.0.2.7", true),
            ("2001:db8::/64", "2001:db8::1:2", true),
            ("::/0", "2001:db8::1", true),
            ("0.0.0.0/0", "2001:db8::1", false),
        ] {
            let client: Client = client.parse().unwrap();
            assert_eq!(
                client.includes(address.parse().unwrap()),
                is_of_it,
                "{client} {address}"
            );
        }
    }

    #[test]
    fn an_ipv4_network_is_one_of_mapped_addresses() {
        let client: Client = "10.1.2.3/8".parse().unwrap();
        let network: IpAddr = "10.0.0.0".parse().unwrap();
        let expected = Chosen {
            address: network.into(),
            prefix: 104,
        };
        assert_eq!(Chosen::from(client), expected);
    }
}

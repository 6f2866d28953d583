//! Networks, and the proxies that are trusted for being in one.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    str::FromStr,
};

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// A network: all addresses that begin with the same bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Prefix {
    address: IpAddr,
    length: u8,
}

/// Why something is no network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum PrefixMistake {
    /// It does not read as one.
    #[error("a network is an address and the length of its prefix, as in `10.0.0.0/8`, or one address")]
    Form,
    /// The prefix is longer than the address.
    #[error("the prefix has at most {longest} bits")]
    Length {
        /// The length of an address of that family, in bits.
        longest: u8,
    },
    /// The address has bits behind the prefix.
    #[error("behind the prefix all bits are zero: `{right}`")]
    HostBits {
        /// The network that it is in.
        right: Prefix,
    },
}

impl Prefix {
    /// A network of mapped IPv4 addresses is one of IPv4.
    pub fn new(address: IpAddr, length: u8) -> Result<Self, PrefixMistake> {
        let longest = bits(address);
        if length > longest {
            return Err(PrefixMistake::Length { longest });
        }
        let given = Self { address, length }.canonical();
        let right = given.without_host_bits();
        if given == right {
            Ok(given)
        } else {
            Err(PrefixMistake::HostBits { right })
        }
    }

    /// Whether `address` is in it. A mapped IPv4 address is one of IPv4, and the families have nothing in common.
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        let differing = leading(self.address) ^ leading(address);
        self.address.is_ipv4() == address.is_ipv4() && differing & mask(self.length) == 0
    }

    /// The first and the last address in it.
    pub fn bounds(&self) -> (IpAddr, IpAddr) {
        let last = leading(self.address) | !mask(self.length);
        let last = match self.address {
            IpAddr::V4(_) => Ipv4Addr::from_bits((last >> 96) as u32).into(),
            IpAddr::V6(_) => Ipv6Addr::from_bits(last).into(),
        };
        (self.address, last)
    }

    /// How many bits all of its addresses begin with.
    pub fn length(&self) -> u8 {
        self.length
    }

    /// Whether each address of the family is in it.
    pub fn is_everyone(&self) -> bool {
        self.length == 0
    }

    /// Of `::ffff:0:0/96` and what is in it, the IPv4 network.
    fn canonical(self) -> Self {
        let address = self.address.to_canonical();
        let shorter_by = bits(self.address) - bits(address);
        match self.length.checked_sub(shorter_by) {
            Some(length) => Self { address, length },
            None => self,
        }
    }

    fn without_host_bits(self) -> Self {
        let leading = leading(self.address) & mask(self.length);
        let address = match self.address {
            IpAddr::V4(_) => Ipv4Addr::from_bits((leading >> 96) as u32).into(),
            IpAddr::V6(_) => Ipv6Addr::from_bits(leading).into(),
        };
        Self { address, ..self }
    }
}

/// How many an address has.
const fn bits(address: IpAddr) -> u8 {
    match address {
        IpAddr::V4(_) => 32,
        IpAddr::V6(_) => 128,
    }
}

/// The bits of an address, the first one uppermost, so that prefixes of both families are compared alike.
fn leading(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => u128::from(address.to_bits()) << 96,
        IpAddr::V6(address) => address.to_bits(),
    }
}

fn mask(length: u8) -> u128 {
    u128::MAX.checked_shl(128 - u32::from(length)).unwrap_or(0)
}

impl FromStr for Prefix {
    type Err = PrefixMistake;

    fn from_str(text: &str) -> Result<Self, PrefixMistake> {
        let (address, length) = match text.split_once('/') {
            Some((address, length)) => (address, Some(length)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| PrefixMistake::Form)?;
        let length = match length {
            Some(length) if length.bytes().all(|byte| byte.is_ascii_digit()) => {
                length.parse().map_err(|_| PrefixMistake::Form)?
            }
            Some(_) => return Err(PrefixMistake::Form),
            None => bits(address),
        };
        Self::new(address, length)
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.length)
    }
}

impl TryFrom<String> for Prefix {
    type Error = PrefixMistake;

    fn try_from(text: String) -> Result<Self, PrefixMistake> {
        text.parse()
    }
}

impl From<Prefix> for String {
    fn from(prefix: Prefix) -> Self {
        prefix.to_string()
    }
}

/// Whether what a peer says of others is believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trust {
    /// It is a proxy of ours.
    Trusted,
    /// It may be anyone.
    Untrusted,
}

/// The networks in which only proxies are that say the truth. Nobody is trusted by default.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TrustedProxies {
    prefixes: Vec<Prefix>,
}

impl TrustedProxies {
    /// Trusts whoever is in one of these.
    pub fn new(prefixes: Vec<Prefix>) -> Self {
        Self { prefixes }
    }

    /// Whether nobody is trusted.
    pub fn is_empty(&self) -> bool {
        self.prefixes.is_empty()
    }

    /// Whether `address` is trusted.
    pub fn trust(&self, address: IpAddr) -> Trust {
        if self.prefixes.iter().any(|prefix| prefix.contains(address)) {
            Trust::Trusted
        } else {
            Trust::Untrusted
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prefix(text: &str) -> Result<Prefix, PrefixMistake> {
        text.parse()
    }

    #[test]
    fn a_network_contains_what_begins_alike() {
        for (network, address, expected) in [
            ("10.0.0.0/8", "10.255.255.255", true),
            ("10.0.0.0/8", "11.0.0.0", false),
            ("192.0.2.1", "192.0.2.1", true),
            ("192.0.2.1", "192.0.2.0", false),
            ("0.0.0.0/0", "255.255.255.255", true),
            ("2001:db8::/32", "2001:db8:ffff::1", true),
            ("2001:db8::/32", "2001:db9::1", false),
            ("2001:db8::/33", "2001:db8:8000::", false),
            ("::/0", "2001:db8::1", true),
        ] {
            let contains = prefix(network).unwrap().contains(address.parse().unwrap());
            assert_eq!(contains, expected, "{network} {address}");
        }
    }

    #[test]
    fn a_mapped_address_counts_as_ipv4_and_only_as_that() {
        let mapped = "::ffff:10.1.2.3".parse().unwrap();
        assert!(prefix("10.0.0.0/8").unwrap().contains(mapped));
        assert!(!prefix("::/0").unwrap().contains(mapped));
        assert!(
            prefix("::ffff:10.0.0.0/104")
                .unwrap()
                .contains("10.1.2.3".parse().unwrap())
        );
    }

    #[test]
    fn the_families_have_no_address_in_common() {
        assert!(!prefix("0.0.0.0/0").unwrap().contains("::1".parse().unwrap()));
        assert!(!prefix("::/0").unwrap().contains("0.0.0.1".parse().unwrap()));
    }

    #[test]
    fn a_network_is_shown_as_it_is_written() {
        for text in ["10.0.0.0/8", "192.0.2.1/32", "0.0.0.0/0", "2001:db8::/32", "::/0"] {
            assert_eq!(prefix(text).unwrap().to_string(), text);
        }
        assert_eq!(prefix("2001:db8::1").unwrap().to_string(), "2001:db8::1/128");
        assert_eq!(prefix("::ffff:10.0.0.0/104").unwrap().to_string(), "10.0.0.0/8");
    }

    #[test]
    fn what_is_no_network_is_refused() {
        for text in [
            "",
            "/",
            "10.0.0.0/",
            "10.0.0/8",
            "10.0.0.0/+8",
            "10.0.0.0/8/8",
            "10.0.0.0/256",
            "fe80::1%eth0/64",
        ] {
            assert_eq!(prefix(text), Err(PrefixMistake::Form), "{text}");
        }
        assert_eq!(prefix("10.0.0.0/33"), Err(PrefixMistake::Length { longest: 32 }));
        assert_eq!(prefix("::/129"), Err(PrefixMistake::Length { longest: 128 }));
    }

    #[test]
    fn an_address_within_a_network_is_told_the_network() {
        for (text, right) in [
            ("10.1.2.3/8", "10.0.0.0/8"),
            ("2001:db8::1/32", "2001:db8::/32"),
            ("1.2.3.4/0", "0.0.0.0/0"),
        ] {
            let mistake = prefix(text).unwrap_err();
            assert_eq!(
                mistake.to_string(),
                format!("behind the prefix all bits are zero: `{right}`")
            );
        }
    }

    #[test]
    fn nobody_is_trusted_unless_it_is_said() {
        let anyone = "192.0.2.1".parse().unwrap();
        assert_eq!(TrustedProxies::default().trust(anyone), Trust::Untrusted);
        let trusted = TrustedProxies::new(vec![prefix("::/0").unwrap(), prefix("192.0.2.0/24").unwrap()]);
        assert_eq!(trusted.trust(anyone), Trust::Trusted);
    }
}

//! Networks.

use std::net::IpAddr;

use serde_json::{Value as Json, json};

use crate::objects::form::Kind;

/// A network, whose address is given without the bits of hosts.
pub(in crate::objects) struct Network;

impl Kind<String> for Network {
    fn read(&self, given: &Json) -> Result<String, String> {
        let network = given.as_str().and_then(network);
        network.ok_or_else(|| "Value should be IPv4 or IPv6 CIDR format".into())
    }

    fn schema(&self) -> Json {
        json!({"type": "string", "format": "cidr"})
    }
}

fn network(text: &str) -> Option<String> {
    let (address, prefix) = text.split_once('/').map_or((text, None), |(a, p)| (a, Some(p)));
    let address: IpAddr = address.parse().ok()?;
    let width = if address.is_ipv4() { 32 } else { 128 };
    let prefix: u32 = prefix.map_or(Some(width), |prefix| prefix.parse().ok())?;
    let hosts = width.checked_sub(prefix)?;
    let first = match address {
        IpAddr::V4(address) => {
            let mask = u32::MAX.checked_shl(hosts).unwrap_or(0);
            IpAddr::from((address.to_bits() & mask).to_be_bytes())
        }
        IpAddr::V6(address) => {
            let mask = u128::MAX.checked_shl(hosts).unwrap_or(0);
            IpAddr::from((address.to_bits() & mask).to_be_bytes())
        }
    };
    Some(format!("{first}/{prefix}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_has_no_bits_of_hosts() {
        for (given, read) in [
            ("192.0.2.7/24", Some("192.0.2.0/24")),
            ("192.0.2.7", Some("192.0.2.7/32")),
            ("192.0.2.7/0", Some("0.0.0.0/0")),
            ("2001:db8::7/32", Some("2001:db8::/32")),
            ("192.0.2.7/33", None),
            ("x", None),
        ] {
            assert_eq!(network(given).as_deref(), read, "{given}");
        }
    }
}

//! The addresses at which the API itself is reached.

use std::{collections::HashSet, net::IpAddr};

use crate::host::{self, Own};

/// Those of one that listens there.
pub(super) fn addresses(listen: &[IpAddr]) -> HashSet<IpAddr> {
    among(listen, host::addresses)
}

/// Who listens at all addresses is reached at each that the host has, beside those that it was given to answer for VIPs:
/// these are alone in their networks.
fn among(listen: &[IpAddr], host: impl Fn() -> Vec<Own>) -> HashSet<IpAddr> {
    let mut own: HashSet<IpAddr> = listen.iter().copied().collect();
    let named = own.len();
    own.retain(|address| !address.is_unspecified());
    if own.len() < named {
        let host = host().into_iter().filter(|own| !own.is_alone());
        own.extend(host.map(|own| own.address));
    }
    own
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_listens_at_all_addresses_is_reached_at_each_but_those_for_vips() {
        let address = |text: &str| text.parse::<IpAddr>().unwrap();
        let host = || {
            let own = [
                ("192.0.2.1", "255.255.255.0"),
                ("192.0.2.11", "255.255.255.255"),
                ("2001:db8::1", "ffff:ffff:ffff:ffff::"),
                ("2001:db8::11", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
            ];
            let own = own.map(|(own, mask)| Own {
                interface: "eth0".into(),
                address: address(own),
                mask: address(mask),
            });
            own.into()
        };
        for (listen, expected) in [
            (&["192.0.2.11"][..], &["192.0.2.11"][..]),
            (&["0.0.0.0"], &["192.0.2.1", "2001:db8::1"]),
            (&["127.0.0.1", "::"], &["127.0.0.1", "192.0.2.1", "2001:db8::1"]),
        ] {
            let listen: Vec<_> = listen.iter().map(|listen| address(listen)).collect();
            let expected = expected.iter().map(|own| address(own)).collect();
            assert_eq!(among(&listen, host), expected, "{listen:?}");
        }
    }
}

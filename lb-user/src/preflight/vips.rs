//! Whether the VIPs lead here.

use std::{net::IpAddr, sync::Arc};

use tracing::warn;

use crate::{
    host::{self, Own},
    model::{Changed, LoadBalancer},
};

/// Warns of new VIPs in a network of this host of which nobody there can know that they are here. Whether somebody routes
/// others here cannot be seen from here.
pub(super) fn warn_of_hidden(changed: &Changed<'_>) {
    let balancers = &changed.load_balancers.after;
    if balancers.is_empty() {
        return;
    }
    let own = host::addresses();
    for (vip, interface) in hidden(balancers.iter().copied(), &own) {
        let length = if vip.is_ipv4() { 32 } else { 128 };
        // Not chosen as the source of what this host sends.
        let options = if vip.is_ipv4() {
            ""
        } else {
            " nodad preferred_lft 0"
        };
        warn!(
            "nobody answers for the VIP {vip} on the network of {interface}, unless a router leads it here: \
             ip address add {vip}/{length} dev {interface}{options}"
        );
    }
}

/// VIPs that are in a network of an interface and no address of this host, each with that interface.
fn hidden<'b, 'o>(
    balancers: impl Iterator<Item = &'b Arc<LoadBalancer>>,
    own: &'o [Own],
) -> Vec<(IpAddr, &'o str)> {
    let vips = balancers
        .filter(|balancer| balancer.admin_state_up && !balancer.vip.is_loopback())
        .map(|balancer| balancer.vip);
    vips.filter(|vip| own.iter().all(|own| own.address != *vip))
        .filter_map(|vip| {
            let near = own.iter().find(|own| own.has_in_its_network(vip))?;
            Some((vip, near.interface.as_str()))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_vip_in_a_network_of_this_host_that_is_no_address_of_it_is_hidden() {
        let own = [
            ("lo", "127.0.0.1", "255.0.0.0"),
            ("eth0", "192.0.2.1", "255.255.255.0"),
            ("eth0", "192.0.2.11", "255.255.255.255"),
            ("eth1", "2001:db8::1", "ffff:ffff:ffff:ffff::"),
        ];
        let own = own.map(|(interface, address, mask)| Own {
            interface: interface.into(),
            address: address.parse().unwrap(),
            mask: mask.parse().unwrap(),
        });
        for (vip, interface) in [
            ("192.0.2.10", Some("eth0")),
            ("192.0.2.11", None),
            // Somebody has to route it here, and may do so.
            ("198.51.100.1", None),
            ("2001:db8::10", Some("eth1")),
            ("2001:db8:1::10", None),
        ] {
            let text = format!(
                "datapath.interfaces = [\"eth0\"]\nload_balancer = [{{ name = \"a\", vip = \"{vip}\" }}]"
            );
            let config = crate::config::parse(&text, "test.toml").unwrap().config;
            let found = hidden(config.load_balancers.iter(), &own);
            let expected = interface.map(|interface| (vip.parse().unwrap(), interface));
            assert_eq!(found, Vec::from_iter(expected), "{vip}");
        }
    }
}

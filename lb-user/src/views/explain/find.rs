//! Which listener is meant.

use std::net::SocketAddr;

use crate::{
    model::{Config, Listener, LoadBalancer, Titled as _, meant},
    views::Refusal,
};

/// Listeners that are named to who asked for another, at most.
const NAMED: usize = 20;

/// Where a listener is: `TCP://192.0.2.1:80`.
pub(super) fn address(balancer: &LoadBalancer, listener: &Listener) -> String {
    let vip = SocketAddr::new(balancer.vip, listener.port);
    format!("{}://{vip}", listener.protocol())
}

/// The listener of that name, or at that address.
pub(super) fn listener<'c>(
    config: &'c Config,
    wanted: &str,
) -> Result<(&'c LoadBalancer, &'c Listener), Refusal> {
    let at = at(wanted);
    let is_meant = |(balancer, listener): &(&LoadBalancer, &Listener)| {
        at.as_ref().is_some_and(|(protocol, vip)| {
            listener.protocol().to_string() == *protocol
                && balancer.vip == vip.ip()
                && listener.port == vip.port()
        })
    };
    let listeners = config.listeners().map(|(_, listener)| listener);
    let named = meant("listeners", listeners, wanted)?;
    let is_named = |listener: &Listener| named.is_some_and(|named| std::ptr::eq(named, listener));
    config
        .listeners()
        .find(|(_, listener)| is_named(listener))
        .or_else(|| config.listeners().find(is_meant))
        .ok_or_else(|| {
            let mut there: Vec<String> = config
                .listeners()
                .take(NAMED)
                .map(|(balancer, listener)| format!("{} ({})", listener.title(), address(balancer, listener)))
                .collect();
            let more = config.listeners().count() - there.len();
            if more > 0 {
                there.push(format!("and {more} more, which `holdfast status` lists"));
            }
            Refusal::NoSuch(if there.is_empty() {
                format!("there is no listener \"{wanted}\", and no other: the configuration has none")
            } else {
                format!(
                    "there is no listener \"{wanted}\"; there are: {}",
                    there.join(", ")
                )
            })
        })
}

/// `PROTOCOL://VIP:PORT`, taken apart.
fn at(wanted: &str) -> Option<(String, SocketAddr)> {
    let (protocol, vip) = wanted.split_once("://")?;
    Some((protocol.to_ascii_uppercase(), vip.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::model::{Http, LbKind, Protocol, Service};

    fn service(protocol: Protocol) -> Service {
        match protocol {
            Protocol::Udp => Service::Udp,
            Protocol::Http => Service::Http {
                http: Http::default(),
            },
            Protocol::Tcp | Protocol::Https => Service::Tcp,
        }
    }

    fn config(listeners: &[(&str, Protocol, u16)]) -> Config {
        let listener = |&(name, protocol, port): &(&str, Protocol, u16)| Listener {
            name: name.into(),
            display_name: None,
            service: service(protocol),
            port,
            pool: Some("web".into()),
            admin_state_up: true,
            policies: Vec::new(),
        };
        Config {
            load_balancers: vec![Arc::new(LoadBalancer {
                name: "lb".into(),
                display_name: None,
                vip: "2001:db8::1".parse().unwrap(),
                kind: LbKind::Shared,
                admin_state_up: true,
                listeners: listeners.iter().map(listener).collect(),
            })],
            ..Config::default()
        }
    }

    #[test]
    fn a_listener_is_found_by_its_name_and_by_its_address() {
        let config = config(&[("web", Protocol::Tcp, 80), ("dns", Protocol::Udp, 80)]);
        for (wanted, name) in [
            ("dns", "dns"),
            ("tcp://[2001:db8::1]:80", "web"),
            ("UDP://[2001:db8:0::1]:80", "dns"),
        ] {
            assert_eq!(listener(&config, wanted).unwrap().1.name, name);
        }
    }

    #[test]
    fn who_asks_for_another_is_told_which_there_are() {
        let some = config(&[("web", Protocol::Tcp, 80), ("dns", Protocol::Udp, 53)]);
        for wanted in ["wbe", "udp://[2001:db8::1]:80", "tcp://[2001:db8::2]:80"] {
            assert_eq!(
                listener(&some, wanted).unwrap_err().to_string(),
                format!(
                    "there is no listener \"{wanted}\"; there are: web (TCP://[2001:db8::1]:80), \
                     dns (UDP://[2001:db8::1]:53)"
                )
            );
        }
        let many: Vec<_> = (1..=25).map(|port| ("web", Protocol::Tcp, port)).collect();
        let complaint = listener(&config(&many), "x").unwrap_err().to_string();
        assert!(complaint.contains("and 5 more"), "{complaint}");
        assert!(
            listener(&Config::default(), "x")
                .unwrap_err()
                .to_string()
                .contains("has none")
        );
    }
}

//! Whether the kernel forwards: its routing, which knows the ways to members, answers the datapath only then.

use std::{collections::HashSet, fs, net::IpAddr};

use tracing::warn;

use super::listed;
use crate::model::{Changed, Config, Titled as _};

/// What is set to have the kernel forward, and what it is called where it is read.
struct Family {
    name: &'static str,
    directory: &'static str,
    setting: &'static str,
    contains: fn(&IpAddr) -> bool,
}

const FAMILIES: [Family; 2] = [
    Family {
        name: "IPv4",
        directory: "ipv4",
        setting: "net.ipv4.ip_forward",
        contains: IpAddr::is_ipv4,
    },
    Family {
        name: "IPv6",
        directory: "ipv6",
        setting: "net.ipv6.conf.all.forwarding",
        contains: IpAddr::is_ipv6,
    },
];

/// Warns of members that there are now and that packets do not reach, since the kernel does not forward what comes in by the
/// interfaces.
pub(super) fn warn_of_closed(changed: &Changed<'_>) {
    let mut pools = changed.datapath_pools().after;
    if pools.is_empty() {
        return;
    }
    let config = changed.after;
    let served = served(config);
    pools.retain(|pool| served.contains(pool.name.as_str()));
    for family in FAMILIES {
        let pools: Vec<&str> = pools
            .iter()
            .filter(|pool| {
                pool.members
                    .iter()
                    .any(|member| (family.contains)(&member.address))
            })
            .map(|pool| pool.title())
            .collect();
        let interfaces = config.datapath.interfaces.iter();
        let closed: Vec<&String> = interfaces
            .filter(|interface| is_closed(family.directory, interface))
            .collect();
        if !pools.is_empty() && !closed.is_empty() {
            let Family { name, setting, .. } = family;
            warn!(
                "the kernel forwards no {name} that comes in by {}, and so tells the datapath no way to the members \
                 of {}: sysctl -w {setting}=1",
                listed(closed),
                listed(pools),
            );
        }
    }
}

/// The pools of the listeners that are on.
fn served(config: &Config) -> HashSet<&str> {
    let on = config
        .listeners()
        .filter(|(balancer, listener)| balancer.admin_state_up && listener.admin_state_up);
    on.filter_map(|(_, listener)| listener.pool.as_deref()).collect()
}

/// An interface that tells nothing is not complained of.
fn is_closed(directory: &str, interface: &str) -> bool {
    let path = format!("/proc/sys/net/{directory}/conf/{interface}/forwarding");
    fs::read_to_string(path).is_ok_and(|setting| setting.trim() == "0")
}

//! The links, addresses, routes and kernel parameters.

use std::fmt::Display;
use std::net::IpAddr;
use std::path::Path;

use anyhow::Result;

use super::addresses::{Family, Topology, member_name};
use crate::netns::Namespace;
use crate::offload::{self, GRO, Switch, TX_CHECKSUM};

/// Of every namespace, before its links are made: new ones take the `default` values.
const EVERYWHERE: &[(&str, &str)] = &[
    // Addresses can be used at once, and nobody but the laboratory gives any.
    ("ipv6/conf/default/accept_dad", "0"),
    ("ipv6/conf/all/accept_ra", "0"),
    ("ipv6/conf/default/accept_ra", "0"),
    ("ipv6/conf/default/router_solicitations", "0"),
    // A reverse path filter on either is enough to filter.
    ("ipv4/conf/all/rp_filter", "0"),
    ("ipv4/conf/default/rp_filter", "0"),
    // Hosts that learn shorter ways would soon be wired otherwise than the test says.
    ("ipv4/conf/all/accept_redirects", "0"),
    ("ipv4/conf/default/accept_redirects", "0"),
    ("ipv6/conf/all/accept_redirects", "0"),
    ("ipv6/conf/default/accept_redirects", "0"),
    ("ipv4/conf/all/send_redirects", "0"),
    ("ipv4/conf/default/send_redirects", "0"),
    // A test that wants many ICMP errors gets them.
    ("ipv4/icmp_ratelimit", "0"),
    ("ipv6/icmp/ratelimit", "0"),
];

const CLIENT: &[(&str, &str)] = &[
    // Any source of fd00:9::/64 (for IPv4 a local route is enough).
    ("ipv6/ip_nonlocal_bind", "1"),
    // It asks for its neighbours in its own name, not in that of such a source.
    ("ipv4/conf/all/arp_announce", "2"),
    ("ipv4/ip_local_port_range", "10000 65535"),
];

const BALANCER: &[(&str, &str)] = &[
    ("ipv4/ip_forward", "1"),
    ("ipv6/conf/all/forwarding", "1"),
    ("ipv6/conf/default/forwarding", "1"),
];

const MEMBER: &[(&str, &str)] = &[
    ("core/somaxconn", "8192"),
    ("ipv4/tcp_max_syn_backlog", "8192"),
    // The addresses outlive a link that was down.
    ("ipv6/conf/all/keep_addr_on_down", "1"),
    ("ipv6/conf/default/keep_addr_on_down", "1"),
];

/// Members with the VIP on `lo` keep silent about it: the balancer is the one to be asked.
const SILENT: &[(&str, &str)] = &[
    ("ipv4/conf/all/arp_ignore", "1"),
    ("ipv4/conf/all/arp_announce", "2"),
];

pub(super) struct Wiring<'a> {
    pub(super) topology: Topology,
    pub(super) client: &'a Namespace,
    pub(super) balancer: &'a Namespace,
    pub(super) members: &'a [Namespace],
    pub(super) switch: Option<&'a Namespace>,
    pub(super) vips: &'a [IpAddr],
    pub(super) vips_on_members: bool,
}

impl Wiring<'_> {
    /// Makes all connections.
    pub(super) fn connect(&self) -> Result<()> {
        for namespace in [self.client, self.balancer]
            .into_iter()
            .chain(self.members)
            .chain(self.switch)
        {
            namespace.sysctl(EVERYWHERE)?;
        }
        self.client.sysctl(CLIENT)?;
        self.balancer.sysctl(BALANCER)?;
        if let Some(switch) = self.switch {
            self.make_segment(switch)?;
        }
        self.set_up_balancer()?;
        self.set_up_client()?;
        for (namespace, number) in self.members.iter().zip(1..) {
            self.set_up_member(namespace, number)?;
        }
        Ok(())
    }

    fn make_segment(&self, switch: &Namespace) -> Result<()> {
        // Snooping would hold back neighbour solicitations for want of a querier.
        let bridge = "link add segment type bridge stp_state 0 forward_delay 0 mcast_snooping 0";
        let mut lines = vec![bridge.to_owned(), "link set segment up".to_owned()];
        let mut ports = vec!["client".to_owned(), "balancer".to_owned()];
        lines.push(veth("client", "eth0", self.client));
        lines.push(veth("balancer", self.topology.client_interface(), self.balancer));
        for (namespace, number) in self.members.iter().zip(1..) {
            let port = member_name(number);
            lines.push(veth(&port, "eth0", namespace));
            ports.push(port);
        }
        lines.extend(
            ports
                .iter()
                .map(|port| format!("link set {port} master segment up")),
        );
        switch.ip(&lines)?;
        keep_netfilter_out(switch)?;
        face_xdp(switch, &ports)
    }

    fn set_up_balancer(&self) -> Result<()> {
        let device = self.topology.client_interface();
        let mut lines = Vec::new();
        if self.topology == Topology::Routed {
            lines.push(veth(device, "eth0", self.client));
            for (namespace, number) in self.members.iter().zip(1..) {
                let device = member_name(number);
                lines.push(veth(&device, "eth0", namespace));
                lines.extend(
                    Family::BOTH
                        .map(|family| address(self.topology.gateway_of(number, family), family, &device)),
                );
                lines.push(format!("link set {device} up"));
            }
        }
        lines.extend(Family::BOTH.map(|family| address(family.balancer(), family, device)));
        lines.extend(self.vips.iter().map(|vip| host_address(*vip, device)));
        lines.push(format!("link set {device} up"));
        lines.extend(Family::BOTH.map(way_to_sources));
        self.balancer.ip(&lines)?;
        let interfaces = self.topology.balancer_interfaces(self.members.len());
        send_whole_checksums(self.balancer, &interfaces)
    }

    fn set_up_client(&self) -> Result<()> {
        let mut lines = Vec::new();
        lines.extend(Family::BOTH.map(|family| address(family.client(), family, "eth0")));
        lines.push("link set eth0 up".to_owned());
        for family in Family::BOTH {
            lines.push(format!("route add local {} dev lo", family.sources()));
            lines.push(format!(
                "route add {} via {}",
                family.everything(),
                family.balancer()
            ));
        }
        self.client.ip(&lines)?;
        face_xdp(self.client, &["eth0"])
    }

    fn set_up_member(&self, namespace: &Namespace, number: usize) -> Result<()> {
        namespace.sysctl(MEMBER)?;
        let mut lines = Vec::new();
        lines
            .extend(Family::BOTH.map(|family| address(self.topology.member(number, family), family, "eth0")));
        if self.vips_on_members {
            namespace.sysctl(SILENT)?;
            lines.extend(self.vips.iter().map(|vip| host_address(*vip, "lo")));
        }
        lines.extend(uplink(self.topology, number));
        namespace.ip(&lines)?;
        face_xdp(namespace, &["eth0"])
    }
}

/// The `ip` lines that bring a member's link up, with the routes that it had lost while it was down.
pub(super) fn uplink(topology: Topology, number: usize) -> Vec<String> {
    let mut lines = vec!["link set eth0 up".to_owned()];
    for family in Family::BOTH {
        let gateway = topology.gateway_of(number, family);
        lines.push(format!("route replace {} via {gateway}", family.everything()));
        if topology == Topology::Flat {
            lines.push(way_to_sources(family).replace("add", "replace"));
        }
    }
    lines
}

fn veth(device: &str, peer: &str, peer_side: &Namespace) -> String {
    format!(
        "link add {device} type veth peer name {peer} netns {}",
        peer_side.name()
    )
}

fn address(address: IpAddr, family: Family, device: &str) -> String {
    let length = family.prefix_length();
    format!("addr add {address}/{length} dev {device}{}", at_once(family))
}

fn host_address(address: IpAddr, device: &str) -> String {
    // Without a length it is a single host.
    format!("addr add {address} dev {device}{}", at_once(Family::of(address)))
}

fn at_once(family: Family) -> &'static str {
    match family {
        Family::V4 => "",
        Family::V6 => " nodad",
    }
}

fn way_to_sources(family: Family) -> String {
    format!("route add {} via {}", family.sources(), family.client())
}

/// A plain switch: where netfilter is built to look into bridged packets, it would drop the odd ones that tests send.
fn keep_netfilter_out(switch: &Namespace) -> Result<()> {
    for name in [
        "bridge/bridge-nf-call-iptables",
        "bridge/bridge-nf-call-ip6tables",
    ] {
        if switch.enter(|| Path::new("/proc/sys/net").join(name).exists())? {
            switch.sysctl(&[(name, "0")])?;
        }
    }
    Ok(())
}

/// Makes the far ends of the balancer's links, and the ports of the bridge, fit for what XDP sends and is sent.
fn face_xdp<S: Display + Sync>(namespace: &Namespace, devices: &[S]) -> Result<()> {
    send_whole_checksums(namespace, devices)?;
    switch(namespace, devices, GRO, Switch::On)
}

/// On all ends. Real cards complete the checksums that the kernel leaves half done; a veth never does, and XDP cannot
/// rewrite a half. On the balancer's own ends this is for what the kernel forwards, on the ports of the bridge for
/// packets that were merged on receipt.
fn send_whole_checksums<S: Display + Sync>(namespace: &Namespace, devices: &[S]) -> Result<()> {
    switch(namespace, devices, TX_CHECKSUM, Switch::Off)
}

fn switch<S: Display + Sync>(namespace: &Namespace, devices: &[S], feature: &str, to: Switch) -> Result<()> {
    let switch = |device: &S| offload::switch(&device.to_string(), feature, to);
    namespace.enter(|| devices.iter().try_for_each(switch))?
}

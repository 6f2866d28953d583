//! Where the address of a new load balancer is from.

use std::{collections::HashSet, net::IpAddr};

use uuid::Uuid;

use super::own;
use crate::{
    model::{Subnet, why_not_unicast},
    objects::{Asker, Fault, Inventory, LoadBalancer, network_id, port_id, subnet_id},
};

/// What a request says of it.
const ADDRESS: &str = "vip_address";
const SUBNET: &str = "vip_subnet_id";
const NETWORK: &str = "vip_network_id";
const PORT: &str = "vip_port_id";

/// Gives a load balancer its address, or refuses the one that it asks for; then says what that is of.
///
/// Without any subnet in the configuration, what it is of is taken for what the request says, and it has to name an address.
pub(in crate::api) fn place(balancer: &mut LoadBalancer, asker: Asker, all: &Inventory) -> Result<(), Fault> {
    balancer.vip_address = balancer.vip_address.map(|vip| vip.to_canonical());
    if let Some((vip, kind)) = balancer
        .vip_address
        .and_then(|vip| Some((vip, why_not_unicast(vip)?)))
    {
        let text = format!("VIP {vip} is {kind}; name the unicast address of one machine");
        return Err(Fault::invalid(text).at(ADDRESS));
    }
    let address = if all.subnets.is_empty() {
        balancer.vip_address.ok_or_else(|| unknown(balancer))?
    } else {
        let subnet = subnet(balancer, all)?;
        balancer.vip_subnet_id = Some(subnet_id(&subnet.name));
        balancer.vip_network_id = Some(network_id(&subnet.network));
        match balancer.vip_address {
            Some(vip) => {
                check(vip, subnet, asker)?;
                vip
            }
            None => lowest_free(subnet, &taken(all)).ok_or_else(|| {
                let Subnet {
                    name, first, last, ..
                } = subnet;
                let text = format!("all of {first} to {last}, the range of subnet {name}, are taken");
                in_use(&text)
            })?,
        }
    };
    let mut others = all.load_balancers.iter();
    if let Some(other) = others.find(|other| other.vip_address == Some(address)) {
        let other = all.called(other.head.id, &balancer.head.project_id);
        return Err(in_use(&format!("{address} is that of {other}")));
    }
    check_own(address, all)?;
    balancer.vip_address = Some(address);
    balancer.vip_port_id.get_or_insert(port_id(balancer.head.id));
    Ok(())
}

fn in_use(detail: &str) -> Fault {
    Fault::new(409, format!("The VIP IP address is already in use: {detail}")).at(ADDRESS)
}

fn not_found(what: &str, field: &str, id: Uuid) -> Fault {
    Fault::new(400, format!("{what} {id} not found.")).at(field)
}

/// What it names of which there is nothing, or that it names nothing at all.
fn unknown(balancer: &LoadBalancer) -> Fault {
    let named = [
        ("Port", PORT, balancer.vip_port_id),
        ("Network", NETWORK, balancer.vip_network_id),
        ("Subnet", SUBNET, balancer.vip_subnet_id),
    ];
    let mut named = named
        .into_iter()
        .filter_map(|(what, field, id)| Some((what, field, id?)));
    named.next().map_or_else(
        || Fault::invalid("VIP must contain one of: vip_port_id, vip_network_id, vip_subnet_id.").at(SUBNET),
        |(what, field, id)| not_found(what, field, id),
    )
}

/// The subnet that a load balancer asks for: by its port, its network, itself, or (which only we take) by the address alone.
fn subnet<'a>(balancer: &LoadBalancer, all: &'a Inventory) -> Result<&'a Subnet, Fault> {
    let (asked, address) = (balancer.vip_subnet_id, balancer.vip_address);
    if let Some(port) = balancer.vip_port_id {
        return Err(unusable(port, all));
    }
    let is_asked = |subnet: &&Subnet| asked == Some(subnet_id(&subnet.name));
    let has_address = |subnet: &&Subnet| address.is_some_and(|address| subnet.cidr.contains(address));
    let mut every = all.subnets.iter();
    let Some(network) = balancer.vip_network_id else {
        return match asked {
            Some(asked) => every
                .find(is_asked)
                .ok_or_else(|| not_found("Subnet", SUBNET, asked)),
            None => every.find(has_address).ok_or_else(|| unknown(balancer)),
        };
    };
    let of_network: Vec<_> = every
        .filter(|subnet| network_id(&subnet.network) == network)
        .collect();
    let mut subnets = of_network.iter().copied();
    match (asked, address) {
        _ if of_network.is_empty() => Err(not_found("Network", NETWORK, network)),
        (Some(asked), _) => subnets
            .find(is_asked)
            .ok_or_else(|| not_found("Subnet", SUBNET, asked)),
        (None, Some(_)) => subnets.find(has_address).ok_or_else(|| {
            Fault::invalid("Supplied network does not contain a subnet for VIP address specified.")
                .at(ADDRESS)
        }),
        (None, None) => {
            let taken = taken(all);
            let mut with_room: Vec<_> = subnets
                .filter(|subnet| lowest_free(subnet, &taken).is_some())
                .collect();
            // As the service chooses.
            with_room.sort_by_key(|subnet| subnet.first.is_ipv6());
            with_room.first().copied().ok_or_else(|| {
                Fault::invalid("Subnet(s) in the supplied network do not contain enough available IPs.")
                    .at(NETWORK)
            })
        }
    }
}

/// Why a port cannot be used: there are none but those of load balancers.
fn unusable(port: Uuid, all: &Inventory) -> Fault {
    let mut balancers = all.load_balancers.iter();
    match balancers.find(|balancer| balancer.vip_port_id == Some(port)) {
        // With a blank at the end, as the service has it.
        Some(user) => Fault::invalid(format!(
            "Port {port} is already used by device {} ",
            device_of(user.head.id)
        ))
        .at(PORT),
        None => not_found("Port", PORT, port),
    }
}

/// What ports call a load balancer.
pub(super) fn device_of(balancer: Uuid) -> String {
    format!("lb-{balancer}")
}

/// Refuses what is no address of a host in a subnet; and what is not given out, to all but administrators.
fn check(vip: IpAddr, subnet: &Subnet, asker: Asker) -> Result<(), Fault> {
    let Subnet {
        name,
        cidr,
        first,
        last,
        ..
    } = subnet;
    let detail = match asker {
        _ if !can_be_had(vip, subnet) => String::new(),
        Asker::Tenant if !(*first..=*last).contains(&vip) => {
            format!(", of which {first} to {last} are given out")
        }
        _ => return Ok(()),
    };
    let text =
        format!("IP address {vip} is not a valid IP for the specified subnet: {name} is {cidr}{detail}.");
    Err(Fault::invalid(text).at(ADDRESS))
}

/// Refuses the API's own address where the datapath would take all of its ports, and who manages all this would reach it no
/// more. No datapath is inside the host.
fn check_own(vip: IpAddr, all: &Inventory) -> Result<(), Fault> {
    if all.has_layer_4 && !vip.is_loopback() && own::addresses(&all.own_addresses).contains(&vip) {
        let text = format!(
            "VIP {vip} is an address at which this API listens (api.listen), and would take it from the API at all ports; \
             choose another address"
        );
        return Err(Fault::invalid(text).at(ADDRESS));
    }
    Ok(())
}

/// Whether a host can have this address of a subnet: also outside of what is given out.
fn can_be_had(address: IpAddr, subnet: &Subnet) -> bool {
    let (low, high) = subnet.cidr.bounds();
    let is_end = address == low || address == high;
    let is_wide = match (low, high) {
        (IpAddr::V4(low), IpAddr::V4(high)) => high.to_bits() - low.to_bits() > 1,
        _ => false,
    };
    subnet.cidr.contains(address) && !(is_end && is_wide)
}

/// The addresses that nobody gets: those of load balancers, of what they lead to, and of this API.
fn taken(all: &Inventory) -> HashSet<IpAddr> {
    let balancers = all
        .load_balancers
        .iter()
        .filter_map(|balancer| balancer.vip_address);
    let members = all.members.iter().filter_map(|member| member.address);
    let own = own::addresses(&all.own_addresses);
    balancers.chain(members).chain(own).collect()
}

fn lowest_free(subnet: &Subnet, taken: &HashSet<IpAddr>) -> Option<IpAddr> {
    let mut next = Some(subnet.first);
    while let Some(address) = next.filter(|address| *address <= subnet.last) {
        if !taken.contains(&address) {
            return Some(address);
        }
        next = successor(address);
    }
    None
}

fn successor(address: IpAddr) -> Option<IpAddr> {
    Some(match address {
        IpAddr::V4(v4) => IpAddr::V4(v4.to_bits().checked_add(1)?.into()),
        IpAddr::V6(v6) => IpAddr::V6(v6.to_bits().checked_add(1)?.into()),
    })
}

#[cfg(test)]
mod tests;

use std::sync::Arc;

use super::*;
use crate::objects::{Head, Stamp};

fn subnet(name: &str, cidr: &str, range: [&str; 2], network: &str) -> Subnet {
    Subnet {
        name: name.into(),
        cidr: cidr.parse().unwrap(),
        first: range[0].parse().unwrap(),
        last: range[1].parse().unwrap(),
        network: network.into(),
    }
}

/// Two networks: one of both families, and one of two addresses.
fn world() -> Inventory {
    let subnets = [
        subnet("six", "2001:db8::/64", ["2001:db8::1", "2001:db8::ff"], "main"),
        subnet("four", "192.0.2.0/24", ["192.0.2.10", "192.0.2.12"], "main"),
        subnet(
            "tiny",
            "198.51.100.0/31",
            ["198.51.100.0", "198.51.100.1"],
            "other",
        ),
    ];
    let mut world = Inventory::default();
    world.subnets = subnets.into();
    world
}

fn balancer(change: impl FnOnce(&mut LoadBalancer)) -> LoadBalancer {
    let mut balancer = LoadBalancer::new(Head::new(Uuid::new_v4(), Stamp::now()));
    change(&mut balancer);
    balancer
}

fn placed(all: &Inventory, change: impl FnOnce(&mut LoadBalancer)) -> Result<LoadBalancer, Fault> {
    placed_for(Asker::Administrator, all, change)
}

fn placed_for(
    asker: Asker,
    all: &Inventory,
    change: impl FnOnce(&mut LoadBalancer),
) -> Result<LoadBalancer, Fault> {
    let mut balancer = balancer(change);
    place(&mut balancer, asker, all).map(|()| balancer)
}

fn address(all: &Inventory, change: impl FnOnce(&mut LoadBalancer)) -> String {
    placed(all, change).unwrap().vip_address.unwrap().to_string()
}

fn refusal(all: &Inventory, change: impl FnOnce(&mut LoadBalancer)) -> (u16, String) {
    let fault = placed(all, change).unwrap_err();
    (fault.status, fault.text)
}

#[test]
fn the_lowest_address_that_is_free_is_given_out() {
    let mut all = world();
    let ask = |balancer: &mut LoadBalancer| balancer.vip_subnet_id = Some(subnet_id("four"));
    for expected in ["192.0.2.10", "192.0.2.11", "192.0.2.12"] {
        let made = placed(&all, ask).unwrap();
        assert_eq!(made.vip_address.unwrap().to_string(), expected);
        all.load_balancers.put(Arc::new(made));
    }
    let (status, text) = refusal(&all, ask);
    assert_eq!(status, 409);
    assert!(
        text.starts_with("The VIP IP address is already in use: all of 192.0.2.10 to 192.0.2.12"),
        "{text}"
    );
    // The network has another subnet.
    let of_network = |balancer: &mut LoadBalancer| balancer.vip_network_id = Some(network_id("main"));
    assert_eq!(address(&all, of_network), "2001:db8::1");
}

#[test]
fn the_address_of_the_api_itself_is_not_given_out() {
    let mut all = world();
    all.own_addresses = ["192.0.2.10".parse().unwrap()].into();
    let ask = |balancer: &mut LoadBalancer| balancer.vip_subnet_id = Some(subnet_id("four"));
    assert_eq!(address(&all, ask), "192.0.2.11");
}

#[test]
fn the_datapath_takes_nothing_from_the_api() {
    let mut all = Inventory::default();
    let at = |vip: &str| {
        let vip = vip.parse().unwrap();
        move |balancer: &mut LoadBalancer| balancer.vip_address = Some(vip)
    };
    all.own_addresses = ["192.0.2.10", "127.0.0.1"].map(|own| own.parse().unwrap()).into();
    // The proxy takes single ports.
    assert!(placed(&all, at("192.0.2.10")).is_ok());
    all.has_layer_4 = true;
    let fault = placed(&all, at("192.0.2.10")).unwrap_err();
    assert_eq!(
        (fault.status, fault.field.as_deref()),
        (400, Some("vip_address")),
        "{fault}"
    );
    for vip in ["192.0.2.11", "127.0.0.1"] {
        assert!(placed(&all, at(vip)).is_ok(), "{vip}");
    }
}

#[test]
fn only_administrators_have_an_address_beyond_the_range_of_its_subnet() {
    let all = world();
    for (asker, vip, is_had) in [
        (Asker::Administrator, "192.0.2.200", true),
        (Asker::Tenant, "192.0.2.200", false),
        (Asker::Tenant, "192.0.2.9", false),
        (Asker::Tenant, "192.0.2.12", true),
    ] {
        let ask = |balancer: &mut LoadBalancer| balancer.vip_address = Some(vip.parse().unwrap());
        let placed = placed_for(asker, &all, ask);
        assert_eq!(placed.is_ok(), is_had, "{asker:?} {vip}");
        if let Err(fault) = placed {
            let says = "four is 192.0.2.0/24, of which 192.0.2.10 to 192.0.2.12 are given out.";
            assert!(fault.text.ends_with(says), "{fault}");
            assert_eq!(fault.field.as_deref(), Some("vip_address"));
        }
    }
}

#[test]
fn what_is_not_said_is_filled_in() {
    let all = world();
    for ask in [
        |balancer: &mut LoadBalancer| balancer.vip_network_id = Some(network_id("main")),
        |balancer: &mut LoadBalancer| balancer.vip_subnet_id = Some(subnet_id("four")),
        |balancer: &mut LoadBalancer| balancer.vip_address = Some("192.0.2.200".parse().unwrap()),
        |balancer: &mut LoadBalancer| balancer.vip_address = Some("::ffff:192.0.2.200".parse().unwrap()),
    ] {
        let made = placed(&all, ask).unwrap();
        assert_eq!(made.vip_subnet_id, Some(subnet_id("four")));
        assert_eq!(made.vip_network_id, Some(network_id("main")));
        assert_eq!(made.vip_port_id, Some(port_id(made.head.id)));
        assert!(made.vip_address.unwrap().is_ipv4());
    }
}

#[test]
fn what_there_is_not_is_named_as_the_service_names_it() {
    let (all, id) = (world(), Uuid::from_u128(7));
    let must = "Validation failure: VIP must contain one of: vip_port_id, vip_network_id, vip_subnet_id.";
    assert_eq!(refusal(&all, |_| {}), (400, must.into()));
    assert_eq!(refusal(&Inventory::default(), |_| {}), (400, must.into()));
    let elsewhere = Some("203.0.113.1".parse().unwrap());
    assert_eq!(
        refusal(&all, |balancer| balancer.vip_address = elsewhere),
        (400, must.into())
    );
    for (ask, what) in [
        (
            (|balancer, id| balancer.vip_port_id = Some(id)) as fn(&mut LoadBalancer, Uuid),
            "Port",
        ),
        (|balancer, id| balancer.vip_network_id = Some(id), "Network"),
        (|balancer, id| balancer.vip_subnet_id = Some(id), "Subnet"),
    ] {
        let says = (400, format!("{what} {id} not found."));
        assert_eq!(refusal(&all, |balancer| ask(balancer, id)), says);
        assert_eq!(refusal(&Inventory::default(), |balancer| ask(balancer, id)), says);
    }
    let of_another = |balancer: &mut LoadBalancer| {
        balancer.vip_network_id = Some(network_id("other"));
        balancer.vip_subnet_id = Some(subnet_id("four"));
    };
    assert_eq!(
        refusal(&all, of_another),
        (400, format!("Subnet {} not found.", subnet_id("four")))
    );
    let not_there = |balancer: &mut LoadBalancer| {
        balancer.vip_network_id = Some(network_id("other"));
        balancer.vip_address = Some("192.0.2.1".parse().unwrap());
    };
    let says = "Validation failure: Supplied network does not contain a subnet for VIP address specified.";
    assert_eq!(refusal(&all, not_there), (400, says.into()));
}

#[test]
fn an_address_is_one_of_its_subnet_that_nobody_has() {
    let mut all = world();
    let ask = |vip: &str| {
        let vip = vip.parse().unwrap();
        move |balancer: &mut LoadBalancer| {
            balancer.vip_subnet_id = Some(subnet_id("four"));
            balancer.vip_address = Some(vip);
        }
    };
    for wrong in ["192.0.3.1", "192.0.2.0", "192.0.2.255", "2001:db8::1"] {
        let says = format!(
            "Validation failure: IP address {wrong} is not a valid IP for the specified subnet: four is 192.0.2.0/24."
        );
        assert_eq!(refusal(&all, ask(wrong)), (400, says));
    }
    let made = placed(&all, ask("192.0.2.10")).unwrap();
    let (id, port) = (made.head.id, made.vip_port_id.unwrap());
    all.load_balancers.put(made.into());
    let says = format!("The VIP IP address is already in use: 192.0.2.10 is that of load balancer {id}");
    assert_eq!(refusal(&all, ask("192.0.2.10")), (409, says));
    let says = format!("Validation failure: Port {port} is already used by device lb-{id} ");
    assert_eq!(
        refusal(&all, |balancer| balancer.vip_port_id = Some(port)),
        (400, says)
    );
    // Of two addresses each is a host's.
    let tiny = |balancer: &mut LoadBalancer| balancer.vip_address = Some("198.51.100.0".parse().unwrap());
    assert_eq!(address(&all, tiny), "198.51.100.0");
}

#[test]
fn without_any_subnet_an_address_is_taken_as_it_is() {
    let id = Uuid::from_u128(7);
    let made = placed(&Inventory::default(), |balancer| {
        balancer.vip_address = Some("192.0.2.1".parse().unwrap());
        balancer.vip_subnet_id = Some(id);
    });
    let made = made.unwrap();
    assert_eq!((made.vip_subnet_id, made.vip_network_id), (Some(id), None));
    assert_eq!(made.vip_port_id, Some(port_id(made.head.id)));
}

use super::*;
use crate::model::{DataPlane, Listener, SourceNat};

/// A load balancer with a listener and a pool of these names, as a file.
fn file(name: &str, vip: &str, protocol: &str, member: &str) -> Config {
    let interfaces = match protocol {
        "HTTP" => "",
        _ => "datapath.interfaces = [\"eth0\"]",
    };
    let text = format!(
        r#"
        {interfaces}
        [[load_balancer]]
        name = "{name}"
        vip = "{vip}"
        listener = [{{ name = "{name}", protocol = "{protocol}", port = 80, pool = "{name}" }}]
        [[pool]]
        name = "{name}"
        member = [{{ name = "{name}", address = "{member}", port = 80 }}]
        "#
    );
    crate::config::parse(&text, "merge.toml").unwrap().config
}

/// The same of an API, where people call everything by its key with an exclamation mark.
fn managed(config: &Config) -> Arc<Managed> {
    let mut load_balancer = config.load_balancers[0].as_ref().clone();
    load_balancer.display_name = Some(format!("{}!", load_balancer.name));
    for listener in &mut load_balancer.listeners {
        listener.display_name = Some(format!("{}!", listener.name));
    }
    let mut pool = config.pools[0].as_ref().clone();
    pool.display_name = Some(format!("{}!", pool.name));
    pool.members[0].display_name = Some(format!("{}!", pool.members[0].name));
    Arc::new(Managed {
        made: 0,
        load_balancer: load_balancer.into(),
        pools: vec![pool.into()],
    })
}

fn of_api(name: &str, vip: &str, protocol: &str, member: &str) -> Arc<Managed> {
    managed(&file(name, vip, protocol, member))
}

#[track_caller]
fn assert_conflict(merged: Result<Config, Conflict>, load_balancer: Option<&str>, says: &str) {
    let conflict = merged.unwrap_err();
    assert_eq!(conflict.load_balancer.as_deref(), load_balancer);
    assert!(conflict.to_string().contains(says), "{conflict}");
}

#[test]
fn what_a_file_and_an_api_have_is_one_configuration_of_the_very_same_objects() {
    let file = file("a", "192.0.2.1", "TCP", "10.0.0.1");
    let more = [
        of_api("b", "192.0.2.2", "TCP", "10.0.0.1"),
        of_api("c", "192.0.2.3", "HTTP", "127.0.0.1"),
    ];
    let merged = file.with(&more, DataPlane::Kernel).unwrap();
    let names: Vec<&str> = merged.pools.iter().map(|pool| pool.name.as_str()).collect();
    assert_eq!(names, ["a", "b", "c"]);
    assert!(Arc::ptr_eq(&merged.load_balancers[0], &file.load_balancers[0]));
    assert!(Arc::ptr_eq(&merged.pools[2], &more[1].pools[0]));
    assert_eq!(file.with(&[], DataPlane::Kernel), Ok(file));
}

#[test]
fn nothing_has_a_key_that_another_has() {
    let file = file("a", "192.0.2.1", "TCP", "10.0.0.1");
    let of_both = of_api("a", "192.0.2.2", "TCP", "10.0.0.1");
    assert_conflict(
        file.with(&[of_both], DataPlane::Kernel),
        Some("a"),
        "load balancer \"a!\" has the id a, which is that of load balancer \"a\" already",
    );
    let mut pool_of_file = of_api("b", "192.0.2.2", "TCP", "10.0.0.1").as_ref().clone();
    pool_of_file.pools = vec![Arc::clone(&file.pools[0])];
    assert_conflict(
        file.with(&[pool_of_file.into()], DataPlane::Kernel),
        Some("b"),
        "pool \"a\" has the id a, which is that of pool \"a\" already",
    );
}

#[test]
fn a_vip_is_that_of_one_load_balancer_and_of_no_member() {
    let file = file("a", "192.0.2.1", "TCP", "10.0.0.1");
    for (one, key, says) in [
        (
            of_api("b", "192.0.2.1", "TCP", "10.0.0.1"),
            "b",
            "VIP 192.0.2.1 of load balancer \"b!\" is that of load balancer \"a\" already",
        ),
        (
            of_api("b", "192.0.2.2", "TCP", "192.0.2.1"),
            "b",
            "member \"b\" of pool \"b\" has the address 192.0.2.1, which is the VIP of load balancer \"a\"",
        ),
        (
            of_api("b", "10.0.0.1", "TCP", "10.0.0.2"),
            "b",
            "member \"a\" of pool \"a\" has the address 10.0.0.1, which is the VIP of load balancer \"b\"",
        ),
    ] {
        assert_conflict(file.with(&[one], DataPlane::Kernel), Some(key), says);
    }
}

#[test]
fn the_datapath_serves_what_comes_over_its_interfaces() {
    let proxied = file("a", "192.0.2.1", "HTTP", "10.0.0.1");
    let one = of_api("b", "192.0.2.2", "TCP", "10.0.0.1");
    assert_conflict(
        proxied.with(std::slice::from_ref(&one), DataPlane::Kernel),
        Some("b"),
        "listener \"b!\" of load balancer \"b!\" is served by the datapath, which is attached to no interface",
    );
    let file = file("a", "192.0.2.1", "TCP", "10.0.0.1");
    let mut inside = one.as_ref().clone();
    Arc::make_mut(&mut inside.load_balancer).vip = [127, 0, 0, 1].into();
    assert_conflict(
        file.with(&[inside.into()], DataPlane::Kernel),
        Some("b"),
        "VIP 127.0.0.1 of load balancer \"b!\"",
    );
    let mut inside = one.as_ref().clone();
    Arc::make_mut(&mut inside.pools[0]).members[0].address = [127, 0, 0, 1].into();
    assert_conflict(
        file.with(&[inside.into()], DataPlane::Kernel),
        Some("b"),
        "member \"b!\" of pool \"b!\" has the address 127.0.0.1",
    );
}

#[test]
fn all_together_have_to_have_room() {
    let file = file("a", "192.0.2.1", "TCP", "10.0.0.1");
    let one = [of_api("b", "192.0.2.2", "TCP", "10.0.0.1")];
    let with = |settings: fn(&mut Config)| {
        let mut file = file.clone();
        settings(&mut file);
        file.with(&one, DataPlane::Kernel)
    };
    for (settings, says) in [
        (
            (|file| file.datapath.max_listeners = 1) as fn(&mut Config),
            "no room for 2 load balancers: datapath.max_listeners is 1; write 2 or more",
        ),
        (
            |file| file.datapath.max_pools = 1,
            "2 pools: datapath.max_pools is 1",
        ),
        (
            |file| file.datapath.max_members = 1,
            "2 members: datapath.max_members is 1",
        ),
        (
            |file| file.datapath.schedule_slots = 1,
            "2 slots of schedules: datapath.schedule_slots is 1",
        ),
        (
            |file| {
                let snat_addresses =
                    (0..MAX_SNAT_ADDRESSES).map(|number| IpAddr::from((number + 1).to_be_bytes()));
                let pool = Arc::make_mut(&mut file.pools[0]);
                pool.forwarding = Forwarding::FullNat(SourceNat {
                    snat_addresses: snat_addresses.chain([IpAddr::from([10, 0, 0, 9])]).collect(),
                    ..SourceNat::default()
                });
            },
            "no room for 4097 source addresses",
        ),
    ] {
        assert_conflict(with(settings), None, says);
    }
}

#[test]
fn nobody_gets_what_is_sent_to_the_api() {
    let of_api = |vip: &str, protocol: &str| of_api("b", vip, protocol, "10.0.0.1");
    let with = |listen: &str, one: Arc<Managed>| {
        let mut file = file("a", "192.0.2.1", "TCP", "10.0.0.1");
        file.api.listen = vec![listen.parse().unwrap()];
        file.with(&[one], DataPlane::Kernel)
    };
    let port = of_api("192.0.2.2", "TCP").load_balancer.listeners[0].port;
    let says = format!("listener \"b!\" of load balancer \"b!\" would get what is sent to 192.0.2.2:{port}");
    let listen = format!("192.0.2.2:{port}");
    for protocol in ["TCP", "HTTP"] {
        assert_conflict(with(&listen, of_api("192.0.2.2", protocol)), Some("b"), &says);
    }
    for listen in [format!("0.0.0.0:{port}"), "192.0.2.2:9876".into()] {
        assert_conflict(
            with(&listen, of_api("192.0.2.2", "TCP")),
            Some("b"),
            "would get what is sent to",
        );
    }
    // The proxy takes one port alone, and another address is another machine's.
    for (listen, one) in [
        ("192.0.2.2:9876", of_api("192.0.2.2", "HTTP")),
        (&*listen, of_api("192.0.2.3", "TCP")),
    ] {
        assert!(with(listen, one).is_ok(), "{listen}");
    }
    let mut of_file = file("a", "192.0.2.1", "HTTP", "10.0.0.1");
    of_file.api.listen = vec![format!("192.0.2.1:{port}").parse().unwrap()];
    assert_conflict(
        of_file.with(&[], DataPlane::Kernel),
        Some("a"),
        "would get what is sent to",
    );
}

#[test]
fn the_datapath_takes_no_address_from_the_api() {
    let mut file = file("a", "192.0.2.1", "TCP", "10.0.0.1");
    file.api.listen = vec!["192.0.2.2:9876".parse().unwrap()];
    let with = |file: &Config, change: &dyn Fn(&mut LoadBalancer)| {
        let mut one = Managed::clone(&of_api("b", "192.0.2.2", "HTTP", "10.0.0.1"));
        change(Arc::make_mut(&mut one.load_balancer));
        file.with(&[one.into()], DataPlane::Kernel)
    };
    let says =
        "VIP 192.0.2.2 of load balancer \"b!\" would take 192.0.2.2:9876, where the management API listens";
    assert_conflict(with(&file, &|one| one.listeners.clear()), Some("b"), says);
    let way_out = "or switch the load balancer off first";
    assert_conflict(with(&file, &|one| one.listeners.clear()), Some("b"), way_out);
    let none_is_on = |one: &mut LoadBalancer| one.listeners[0].admin_state_up = false;
    assert_conflict(with(&file, &none_is_on), Some("b"), says);
    // With a port of the host's, the others are too; and what is off takes nothing.
    assert!(with(&file, &|_| ()).is_ok());
    assert!(
        with(&file, &|one| (one.admin_state_up, one.listeners) =
            (false, Vec::new()))
        .is_ok()
    );
    file.datapath.interfaces.clear();
    assert!(with(&file, &|one| one.listeners.clear()).is_ok());
}

/// One of an API whose pool forwards like that, with listeners of these ports.
fn forwarding(mode: Forwarding, vip: &str, member: &str, ports: &[u16]) -> Arc<Managed> {
    let mut one = Managed::clone(&of_api("b", vip, "TCP", member));
    let balancer = Arc::make_mut(&mut one.load_balancer);
    let listener = balancer.listeners[0].clone();
    balancer.listeners = ports
        .iter()
        .map(|port| Listener {
            name: format!("b{port}"),
            display_name: None,
            port: *port,
            ..listener.clone()
        })
        .collect();
    Arc::make_mut(&mut one.pools[0]).forwarding = mode;
    one.into()
}

#[test]
fn packets_get_to_members_of_their_family_unless_they_are_wrapped() {
    let file = file("a", "192.0.2.1", "TCP", "10.0.0.1");
    let with = |mode| {
        let mut one = Managed::clone(&forwarding(mode, "192.0.2.2", "10.0.0.1", &[80]));
        // A file that said so would be refused.
        Arc::make_mut(&mut one.pools[0]).members[0].address = "2001:db8::1".parse().unwrap();
        file.with(&[one.into()], DataPlane::Kernel)
    };
    let full_nat = Forwarding::FullNat(SourceNat::default());
    for (mode, word) in [
        (full_nat, "full_nat"),
        (Forwarding::Nat, "nat"),
        (Forwarding::Dsr, "dsr"),
    ] {
        let says = format!(
            "member \"b!\" of pool \"b!\" has the address 2001:db8::1, which is of another family than VIP 192.0.2.2 of \
             listener \"b80\", and {word} forwarding keeps the family of a packet; choose an address of the VIP's"
        );
        assert_conflict(with(mode), Some("b"), &says);
    }
    with(Forwarding::Ipip).unwrap();
}

#[test]
fn packets_get_to_the_port_that_they_were_sent_to_unless_they_are_rewritten() {
    let file = file("a", "192.0.2.1", "TCP", "10.0.0.1");
    let with = |mode, ports: &[u16]| {
        let one = forwarding(mode, "192.0.2.2", "10.0.0.1", ports);
        file.with(&[one], DataPlane::Kernel)
    };
    with(Forwarding::Nat, &[81, 82]).unwrap();
    for (mode, word) in [(Forwarding::Dsr, "dsr"), (Forwarding::Ipip, "ipip")] {
        with(mode.clone(), &[80]).unwrap();
        let says = format!(
            "member \"b!\" of pool \"b!\" has port 80, and {word} forwarding cannot change that of listener \"b81\", which \
             is 81; give the member that port"
        );
        assert_conflict(with(mode.clone(), &[81]), Some("b"), &says);
        let says = format!(
            "pool \"b!\" is that of listeners \"b80\" and \"b81\", which have different ports, and {word} forwarding cannot \
             change the port; give each a pool of its own"
        );
        assert_conflict(with(mode, &[80, 81]), Some("b"), &says);
    }
}

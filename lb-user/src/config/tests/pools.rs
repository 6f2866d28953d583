//! Pools and members.

use super::{BASE, Case, INTERFACES, check, loaded, parse, says_about};
use crate::config::Severity;
use crate::model::{Forwarding, PortRange, SourceNat};

#[test]
fn pools_have_rules() {
    check(&[
        Case {
            when: "a pool has no name",
            change: ("[[pool]]\nname = \"web\"", "[[pool]]"),
            says: &[
                "10:8: there is no pool \"web\"",
                "11:1: pool #1: name is missing",
                "11:1: warning: pool #1: no listener uses it",
            ],
        },
        Case {
            when: "an algorithm is unknown",
            change: (
                "[[pool.member]]",
                "algorithm = \"LEAST_CONNECTION\"\n[[pool.member]]",
            ),
            says: &[
                "13:13: algorithm \"LEAST_CONNECTION\" is not one of ROUND_ROBIN, LEAST_CONNECTIONS, SOURCE_IP; did you mean \"LEAST_CONNECTIONS\"?",
            ],
        },
        Case {
            when: "a way of forwarding is unknown",
            change: ("[[pool.member]]", "forwarding = \"fullnat\"\n[[pool.member]]"),
            says: &[
                "13:14: forwarding \"fullnat\" is not one of full_nat, nat, dsr, ipip; did you mean \"full_nat\"?",
            ],
        },
        Case {
            when: "two pools have one name",
            change: (
                "[[pool]]",
                "[[pool]]\nname = \"web\"\n[[pool.member]]\naddress = \"10.0.0.9\"\nport = 1\n[[pool]]",
            ),
            says: &[
                "16:1: warning: pool \"web\": no listener uses it",
                "17:8: name \"web\" is already that of the pool on line 12; give each pool a name of its own",
            ],
        },
        Case {
            when: "no listener uses a pool",
            change: (
                "[[pool]]",
                "[[pool]]\nname = \"b\"\nmember = [{ address = \"10.0.0.1\", port = 1 }]\n[[pool]]",
            ),
            says: &["11:1: warning: pool \"b\": no listener uses it"],
        },
        Case {
            when: "a pool has no member",
            change: ("[[pool.member]]\naddress = \"10.0.0.11\"\nport = 8080\n", ""),
            says: &["11:1: warning: pool \"web\": it has no member, so that its clients are refused"],
        },
        Case {
            when: "all members of a pool drain",
            change: ("port = 8080", "port = 8080\nweight = 0"),
            says: &["11:1: warning: pool \"web\": every member has weight 0: all drain"],
        },
    ]);
}

#[test]
fn members_have_rules() {
    check(&[
        Case {
            when: "a member has no address",
            change: ("address = \"10.0.0.11\"\n", ""),
            says: &["13:1: pool \"web\", member #1: address is missing"],
        },
        Case {
            when: "a member has no port",
            change: ("port = 8080", "name = \"a\""),
            says: &[
                "13:1: pool \"web\", member \"a\": port is missing; full_nat forwarding needs the port the member listens on",
            ],
        },
        Case {
            when: "a member has the port 65536",
            change: ("8080", "65536"),
            says: &["15:8: port 65536 is out of range; a member's port is 1 to 65535"],
        },
        Case {
            when: "a weight is negative",
            change: ("port = 8080", "port = 8080\nweight = -1"),
            says: &["16:10: weight -1 is out of range; a member's weight is 0 to 256"],
        },
        Case {
            when: "a member is on this machine",
            change: ("10.0.0.11", "127.0.0.1"),
            says: &[
                "14:11: pool \"web\", member \"127.0.0.1\": address 127.0.0.1 is a loopback address, which is inside each machine; write the unicast",
            ],
        },
        Case {
            when: "a member is a VIP",
            change: ("10.0.0.11", "192.0.2.10"),
            says: &[
                "14:11: address 192.0.2.10 is the VIP of load balancer \"web\"; write the address of a backend server",
            ],
        },
        Case {
            when: "a server is a member twice",
            change: (
                "[[pool.member]]",
                "[[pool.member]]\naddress = \"10.0.0.11\"\nport = 8080\n[[pool.member]]",
            ),
            says: &[
                "17:11: 10.0.0.11:8080 is already the member on line 14; a server is a member of a pool once",
            ],
        },
        Case {
            when: "two ports of a server are two members",
            change: (
                "[[pool.member]]",
                "[[pool.member]]\naddress = \"10.0.0.11\"\nport = 8081\n[[pool.member]]",
            ),
            says: &[],
        },
        Case {
            when: "two members have one name",
            change: (
                "[[pool.member]]",
                "[[pool.member]]\nname = \"a\"\naddress = \"10.0.0.1\"\nport = 1\n[[pool.member]]\nname = \"a\"",
            ),
            says: &["18:8: name \"a\" is already that of the member on line 14; names are unique in a pool"],
        },
        Case {
            when: "a member has the name that another has by default",
            change: (
                "[[pool.member]]",
                "[[pool.member]]\nname = \"10.0.0.11:8080\"\naddress = \"10.0.0.1\"\nport = 1\n[[pool.member]]",
            ),
            says: &["17:1: name \"10.0.0.11:8080\" is already that of the member on line 14"],
        },
    ]);
}

#[test]
fn a_pool_has_at_most_1024_members() {
    let members: Vec<_> = (1..=1025)
        .map(|port| format!("[[pool.member]]\naddress = \"10.0.0.1\"\nport = {port}"))
        .collect();
    let (base, _) = BASE.split_once("[[pool.member]]").unwrap();
    loaded(&format!("{base}{}", members[1..].join("\n")));
    says_about(
        "one too many",
        &format!("{base}{}", members.join("\n")),
        &["11:1: it has 1025 members; a pool has at most 1024: use several pools"],
    );
}

#[test]
fn source_nat_has_rules() {
    check(&[
        Case {
            when: "packets keep their source",
            change: (
                "[[pool.member]]",
                "forwarding = \"nat\"\nsnat_addresses = [\"10.0.0.2\"]\nsnat_ports = [1024, 2048]\n[[pool.member]]",
            ),
            says: &[
                "14:1: snat_addresses is for forwarding = \"full_nat\" only; leave it out here",
                "15:1: snat_ports is for forwarding = \"full_nat\" only",
            ],
        },
        Case {
            when: "an address is wrong, and another stands twice",
            change: (
                "[[pool.member]]",
                "snat_addresses = [\"10.0.0.2\", \"::1\"]\n[[pool.member]]",
            ),
            says: &["13:31: snat_addresses \"::1\" is a loopback address"],
        },
        Case {
            when: "an address stands twice",
            change: (
                "[[pool.member]]",
                "snat_addresses = [\"10.0.0.2\", \"10.0.0.2\"]\n[[pool.member]]",
            ),
            says: &["13:31: snat_addresses has 10.0.0.2 already on line 13; write it once"],
        },
        Case {
            when: "an address is of the other family",
            change: (
                "[[pool.member]]",
                "snat_addresses = [\"2001:db8::2\"]\n[[pool.member]]",
            ),
            says: &[
                "13:19: pool \"web\": snat_addresses 2001:db8::2 is IPv6, but load balancer \"web\", listener \"http\" uses the pool for VIP 192.0.2.10, and full_nat keeps the family of a packet; write an IPv4 address",
            ],
        },
        Case {
            when: "ports are privileged or too high",
            change: ("[[pool.member]]", "snat_ports = [1023, 65536]\n[[pool.member]]"),
            says: &[
                "13:15: snat_ports 1023 is out of range; a pool's snat_ports is 1024 to 65535",
                "13:21: snat_ports 65536 is out of range",
            ],
        },
        Case {
            when: "ports are the wrong way round",
            change: ("[[pool.member]]", "snat_ports = [2000, 1999]\n[[pool.member]]"),
            says: &["13:14: snat_ports are the wrong way round; write [1999, 2000]"],
        },
        Case {
            when: "there is one port",
            change: ("[[pool.member]]", "snat_ports = [2000]\n[[pool.member]]"),
            says: &["13:14: snat_ports must be two ports, as in [10000, 32767], not an array"],
        },
        Case {
            when: "ports are those of Linux",
            change: ("[[pool.member]]", "snat_ports = [20000, 40000]\n[[pool.member]]"),
            says: &[
                "13:14: warning: pool \"web\": snat_ports [20000, 40000] overlap [32768, 60999], which Linux gives its own",
            ],
        },
    ]);
    let addresses: Vec<_> = (1..=65).map(|last| format!("\"10.0.0.{last}\"")).collect();
    let many = BASE.replace(
        "[[pool.member]]",
        &format!("snat_addresses = [{}]\n[[pool.member]]", addresses.join(",")),
    );
    says_about(
        "there are too many addresses",
        &many,
        &["13:18: snat_addresses has 65 values; at most 64 are allowed"],
    );
    let text = BASE.replace("[[pool.member]]", "snat_ports = [1024, 65535]\n[[pool.member]]");
    let expected = SourceNat {
        snat_addresses: vec![],
        snat_ports: PortRange {
            low: 1024,
            high: 65_535,
        },
    };
    assert_eq!(
        loaded(&text).config.pools[0].forwarding,
        Forwarding::FullNat(expected)
    );
}

#[test]
fn the_family_of_a_packet_is_kept_except_by_ipip() {
    let second = "[[load_balancer]]\nname=\"six\"\nvip=\"2001:db8::10\"\n[[load_balancer.listener]]\nname=\"six\"\nprotocol=\"TCP\"\nport=80\npool=\"web\"\n";
    let text = BASE.replace("[[pool]]", &format!("{second}[[pool]]"));
    says_about(
        "a pool has VIPs of two families",
        &text,
        &[
            "18:6: load balancer \"six\", listener \"six\": pool \"web\" cannot serve VIP 2001:db8::10: load balancer \"web\", listener \"http\" uses the pool for VIP 192.0.2.10, and full_nat keeps the family of a packet; use another pool for IPv6",
        ],
    );
    let text = text.replace("port = 8080", "");
    loaded(&text.replace("[[pool.member]]", "forwarding = \"ipip\"\n[[pool.member]]"));
    for mode in ["full_nat", "nat", "dsr"] {
        let port = if mode == "dsr" { "" } else { "port = 8080" };
        let text = BASE
            .replace("10.0.0.11", "2001:db8::11")
            .replace("port = 8080", port)
            .replace(
                "[[pool.member]]",
                &format!("forwarding = \"{mode}\"\n[[pool.member]]"),
            );
        let says = format!(
            "15:11: address 2001:db8::11 is IPv6, but load balancer \"web\", listener \"http\" uses the pool for VIP 192.0.2.10, and {mode} keeps the family of a packet; write an IPv4 address, or forwarding = \"ipip\""
        );
        says_about(mode, &text, &[&says]);
    }
    let unused = "[[pool]]\nname = \"a\"\nmember = [{ address = \"10.0.0.1\", port = 1 }, { address = \"2001:db8::1\", port = 1 }]";
    says_about(
        "a pool without listener has members of two families",
        &(unused.to_owned() + INTERFACES),
        &[
            "1:1: warning: pool \"a\": no listener uses it",
            "3:59: address 2001:db8::1 is IPv6, but its first member is 10.0.0.1, and",
        ],
    );
}

#[test]
fn dsr_and_ipip_cannot_change_the_port() {
    for mode in ["dsr", "ipip"] {
        let with = |port: &str| {
            let forwarding = format!("forwarding = \"{mode}\"\n[[pool.member]]");
            BASE.replace("[[pool.member]]", &forwarding)
                .replace("port = 8080", port)
        };
        loaded(&with(""));
        loaded(&with("port = 80"));
        let says = format!(
            "16:8: pool \"web\", member \"10.0.0.11\": port 8080 is not the port of load balancer \"web\", listener \"http\", 80, and {mode} forwarding cannot change the port; leave port out"
        );
        says_about(mode, &with("port = 8080"), &[&says]);
        says_about(
            "one address, with the port and without",
            &with("port = 80\n[[pool.member]]\naddress = \"10.0.0.11\""),
            &["18:11: 10.0.0.11 is already the member on line 15"],
        );
    }
}

#[test]
fn a_monitor_asks_the_port_of_the_listener_where_a_member_has_none() {
    let text = BASE.replace("port = 8080", "").replace(
        "[[pool.member]]",
        "forwarding = \"dsr\"\nhealth_monitor = { type = \"TCP\" }\n[[pool.member]]",
    );
    let pool = &loaded(&text).config.pools[0];
    assert_eq!(
        pool.probe_target(&pool.members[0]),
        Some("10.0.0.11:80".parse().unwrap())
    );

    let second = "[[load_balancer.listener]]\nname = \"tls\"\nprotocol = \"TCP\"\nport = 443\npool = \"web\"\n[[pool]]";
    let text = text.replace("[[pool]]", second);
    says_about(
        "the listeners have different ports",
        &text,
        &[
            "19:18: pool \"web\", health monitor: port is missing; load balancer \"web\", listener \"http\" has port 80, load balancer \"web\", listener \"tls\" has port 443, and dsr members have none of their own: write the port to ask",
        ],
    );
    let pool = &loaded(&text.replace("{ type", "{ port = 9, type")).config.pools[0];
    assert_eq!(
        pool.probe_target(&pool.members[0]),
        Some("10.0.0.11:9".parse().unwrap())
    );
}

#[test]
fn a_member_can_be_asked_elsewhere_than_the_others() {
    let text = BASE.replace(
        "port = 8080",
        "port = 8080\nprobe_address = \"10.0.1.11\"\nprobe_port = 9",
    );
    let text = text.replace(
        "[[pool.member]]",
        "health_monitor = { type = \"TCP\" }\n[[pool.member]]",
    );
    let pool = &loaded(&text).config.pools[0];
    assert_eq!(
        pool.probe_target(&pool.members[0]),
        Some("10.0.1.11:9".parse().unwrap())
    );
}

#[test]
fn there_must_be_room_for_the_source_addresses_of_all_pools() {
    let pool = |name: u8, list: u8| {
        let addresses: Vec<_> = (1..=64).map(|last| format!("\"10.0.{list}.{last}\"")).collect();
        format!(
            "[[pool]]\nname = \"pool{name}\"\nsnat_addresses = [{}]\nmember = [{{ address = \"10.1.0.1\", port = 80 }}]\n",
            addresses.join(",")
        )
    };
    let file = |lists: &[u8]| {
        let pools = (0..).zip(lists).map(|(name, list)| pool(name, *list));
        format!(
            "[datapath]\ninterfaces = [\"eth0\"]\n{}",
            pools.collect::<String>()
        )
    };
    let fits: Vec<u8> = (0..64).chain([0, 63]).collect();
    assert_eq!(loaded(&file(&fits)).config.pools.len(), 66);

    let beyond: Vec<u8> = (0..66).collect();
    let mistakes = parse(&file(&beyond), "test.toml").unwrap_err();
    let errors = mistakes.as_slice().iter();
    let errors: Vec<_> = errors.filter(|said| said.severity == Severity::Error).collect();
    assert_eq!(errors.len(), 1);
    // The pool that is one too many begins after two lines of settings and 64 pools of four each.
    let expected = "test.toml:261:18: pool \"pool64\": the pools of this file have 4224 snat_addresses, and there is \
                    room for 4096; name fewer, or the same list in several pools, which counts once";
    assert_eq!(errors[0].to_string(), expected);
}

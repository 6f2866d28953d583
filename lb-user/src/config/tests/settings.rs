//! The daemon, the datapath, load balancers and listeners.

use super::{Case, INTERFACES, check, loaded, says_about};

#[test]
fn the_daemon_has_rules() {
    check(&[
        Case {
            when: "the socket has a relative path",
            change: (
                "[datapath]",
                "[daemon]\ncontrol_socket = \"control.sock\"\n[datapath]",
            ),
            says: &[
                "2:18: daemon: control_socket \"control.sock\" is not an absolute path; begin it with \"/\"",
            ],
        },
        Case {
            when: "the path of the pins is empty",
            change: ("[datapath]", "[daemon]\npin_path = \"\"\n[datapath]"),
            says: &["2:12: daemon: pin_path \"\" is empty"],
        },
        Case {
            when: "a path has a NUL",
            change: ("[datapath]", "[daemon]\npin_path = \"/a\\u0000\"\n[datapath]"),
            says: &["2:12: has a NUL character"],
        },
    ]);
    let long = format!("[daemon]\ncontrol_socket = \"/{}\"{INTERFACES}", "a".repeat(107));
    says_about(
        "the socket has a path longer than the kernel takes",
        &long,
        &["2:18: is too long: 108 bytes, where at most 107"],
    );
}

#[test]
fn the_datapath_has_rules() {
    check(&[
        Case {
            when: "there is a load balancer and no interface",
            change: ("interfaces = [\"eth0\"]", ""),
            says: &[
                "1:1: datapath: interfaces is missing; name those where clients and members are reached, as in interfaces = [\"eth0\"]",
            ],
        },
        Case {
            when: "there is no datapath at all",
            change: ("[datapath]\ninterfaces = [\"eth0\"]\n", ""),
            says: &["1:1: datapath: interfaces is missing"],
        },
        Case {
            when: "an interface stands twice",
            change: ("[\"eth0\"]", "[\"eth0\", \"eth1\", \"eth0\"]"),
            says: &["2:31: interfaces has \"eth0\" already on line 2; write it once"],
        },
        Case {
            when: "interfaces have impossible names",
            change: (
                "[\"eth0\"]",
                "[\"\", \"a/b\", \"a b\", \"..\", \"sixteen-letters-\"]",
            ),
            says: &[
                "2:15: interfaces \"\" is not the name of an interface",
                "2:19: interfaces \"a/b\" is not the name",
                "2:26: interfaces \"a b\" is not the name",
                "2:33: interfaces \"..\" is not the name",
                "2:39: interfaces \"sixteen-letters-\" is not the name of an interface; write 1 to 15 bytes",
            ],
        },
        Case {
            when: "numbers are out of range",
            change: (
                "interfaces",
                "max_flows = 1023\nmax_sessions = 65535\nmax_listeners = 65537\nmax_pools = 0\nmax_members = 1048577\nschedule_slots = -1\ninterfaces",
            ),
            says: &[
                "2:13: max_flows 1023 is out of range; the datapath's max_flows is 1024 to 67108864",
                "3:16: max_sessions is 65536 to 67108864",
                "4:17: max_listeners is 1 to 65536",
                "5:13: max_pools is 1 to 65536",
                "6:15: max_members is 1 to 1048576",
                "7:18: schedule_slots -1 is out of range; the datapath's schedule_slots is 1024 to 67108864",
            ],
        },
        Case {
            when: "a number is too large for any integer",
            change: ("interfaces", "max_flows = 0xffff_ffff_ffff_ffff_ffff\ninterfaces"),
            says: &["2:13: max_flows 0xffff_ffff_ffff_ffff_ffff is out of range"],
        },
        Case {
            when: "words are unknown",
            change: (
                "interfaces",
                "xdp_mode = \"skb\"\nclosed_port = \"reject\"\ninterfaces",
            ),
            says: &[
                "2:12: xdp_mode \"skb\" is not one of auto, native, generic",
                "3:15: closed_port \"reject\" is not one of REJECT, DROP; did you mean \"REJECT\"?",
            ],
        },
        Case {
            when: "idle times are out of range",
            change: (
                "[[load_balancer]]",
                "[datapath.flow_idle_timeout]\ntcp_syn_s = 0\nudp_s = 86401\n[[load_balancer]]",
            ),
            says: &[
                "4:13: datapath, flow idle timeout: tcp_syn_s 0 is out of range; the flow idle timeout's tcp_syn_s is 1 to 86400",
                "5:9: udp_s 86401 is out of range",
            ],
        },
        Case {
            when: "there is just room enough",
            change: ("interfaces", "max_members = 1\ninterfaces"),
            says: &[],
        },
    ]);
    let names: Vec<_> = (0..65).map(|index| format!("\"eth{index}\"")).collect();
    let many = format!("[datapath]\ninterfaces = [{}]", names.join(","));
    says_about(
        "there are too many interfaces",
        &many,
        &["2:14: interfaces has 65 values; at most 64 are allowed"],
    );
}

#[test]
fn there_must_be_room_for_what_a_file_has() {
    let room = "max_listeners = 1\nmax_pools = 1\nmax_members = 1\n";
    let more = r#"
        [[load_balancer]]
        name = "dns"
        vip = "192.0.2.11"
        listener = [{ name = "a", protocol = "UDP", port = 1, pool = "b" }, { name = "b", protocol = "UDP", port = 2, pool = "b" }]
        [[pool]]
        name = "b"
        member = [{ address = "10.0.0.1", port = 1 }, { address = "10.0.0.2", port = 1 }]
    "#;
    let text = super::BASE.replace("interfaces", &format!("{room}interfaces")) + more;
    says_about(
        "there are more objects than room",
        &text,
        &[
            "2:17: max_listeners 1 has no room for the 2 load balancers of this file; write max_listeners = 2 or more",
            "2:17: max_listeners 1 has no room for the 3 listeners of this file; write max_listeners = 3 or more",
            "3:13: max_pools 1 has no room for the 2 pools",
            "4:15: max_members 1 has no room for the 3 members",
        ],
    );
}

#[test]
fn there_must_be_room_for_the_schedules_that_a_file_comes_to() {
    let with = |turns: [u16; 5], algorithm: &str| {
        let member = |(number, weight): (usize, u16)| {
            format!("{{ address = \"10.0.1.{number}\", port = 1, weight = {weight} }}")
        };
        let members: Vec<String> = (1..).zip(turns).map(member).collect();
        let room = super::BASE.replace("interfaces", "schedule_slots = 1024\ninterfaces");
        let pool = format!("[[pool]]\nname = \"b\"\nalgorithm = \"{algorithm}\"\n");
        format!("{room}\n{pool}member = [{}]\n", members.join(", "))
    };
    let unused = "18:1: warning: pool \"b\": no listener uses it";
    // One is the base's.
    says_about(
        "turns do not fit",
        &with([256, 256, 256, 255, 1], "ROUND_ROBIN"),
        &[
            "2:18: schedule_slots 1024 has no room for the 1025 slots that the schedules of this file take; \
             write schedule_slots = 1025 or more",
            unused,
        ],
    );
    says_about(
        "a hash does not fit",
        &with([1, 2, 3, 4, 5], "SOURCE_IP"),
        &["2:18: schedule_slots 1024 has no room for the 4094 slots", unused],
    );
    for fits in [[256, 256, 256, 254, 1], [256; 5]] {
        let text = with(fits, "ROUND_ROBIN");
        assert_eq!(loaded(&text).config.datapath.schedule_slots, 1024);
    }
}

#[test]
fn load_balancers_have_rules() {
    check(&[
        Case {
            when: "a load balancer has no name and no VIP",
            change: ("name = \"web\"\nvip = \"192.0.2.10\"\n", ""),
            says: &[
                "3:1: load balancer #1: name is missing",
                "3:1: load balancer #1: vip is missing",
            ],
        },
        Case {
            when: "a kind is unknown",
            change: ("vip =", "kind = \"private\"\nvip ="),
            says: &["5:8: kind \"private\" is not one of shared, dedicated"],
        },
        Case {
            when: "a load balancer has no listener",
            change: (
                "[[pool]]",
                "[[load_balancer]]\nname = \"b\"\nvip = \"192.0.2.11\"\n[[pool]]",
            ),
            says: &["11:1: warning: load balancer \"b\": it has no listener"],
        },
        Case {
            when: "two load balancers have one name, and one VIP",
            change: (
                "[[pool]]",
                "[[load_balancer]]\nname = \"web\"\nvip = \"192.0.2.10\"\nlistener = [{name=\"b\", protocol=\"UDP\", port=1, pool=\"web\"}]\n[[pool]]",
            ),
            says: &[
                "12:8: name \"web\" is already that of the load balancer on line 4; give each load balancer a name of its own",
                "13:7: vip 192.0.2.10 is already that of the load balancer on line 5; add the listeners to that one",
            ],
        },
    ]);
}

#[test]
fn a_vip_is_the_unicast_address_of_one_machine() {
    for (address, says) in [
        (
            "localhost",
            "is not an IP address; write for example \"192.0.2.10\"",
        ),
        ("192.0.2.010", "is not an IP address"),
        (
            "192.0.2.1:80",
            "has a port; write the address alone, \"192.0.2.1\"",
        ),
        (
            "[2001:db8::1]:80",
            "has a port; write the address alone, \"2001:db8::1\"",
        ),
        (
            "192.0.2.1/32",
            "has a prefix length; write the address alone, \"192.0.2.1\"",
        ),
        ("fe80::1%eth0", "has a zone; write the address alone"),
        ("0.0.0.0", "is the unspecified address"),
        ("::", "is the unspecified address"),
        ("0.1.2.3", "is an address of \"this network\""),
        ("224.0.0.1", "is a multicast address"),
        (
            "ff02::1",
            "is a multicast address; write the unicast address of one machine",
        ),
        ("255.255.255.255", "is the broadcast address"),
        ("fe80::1", "is a link-local address"),
        (
            "::ffff:192.0.2.1",
            "is an IPv4 address mapped into IPv6; write the IPv4 address, \"192.0.2.1\"",
        ),
    ] {
        let text = super::BASE.replace("192.0.2.10", address);
        says_about(address, &text, &[&format!("5:7: vip \"{address}\" {says}")]);
    }
    for address in ["127.0.0.1", "::1"] {
        let text = super::BASE.replace("192.0.2.10", address);
        let says = format!(
            "5:7: load balancer \"web\": vip {address} is a loopback address, which is inside each machine, and load \
             balancer \"web\", listener \"http\" is served for other machines"
        );
        // One of the families differs from the member's.
        let diagnostics = super::diagnostics(&text);
        assert!(
            super::one_line(&diagnostics[0]).starts_with(&says),
            "{diagnostics:?}"
        );
    }
}

#[test]
fn names_are_for_people() {
    let long = "n".repeat(256);
    for (name, says) in [
        ("", "is empty"),
        (" web", "begins or ends with a space"),
        ("a\\tb", "has a control character"),
        (
            long.as_str(),
            "is too long: 256 bytes, where at most 255 are allowed",
        ),
    ] {
        let text = super::BASE.replace("\"http\"", &format!("\"{name}\""));
        says_about(name, &text, &[&format!("7:8: {says}")]);
    }
    for name in ["Ü-1", "shop / front", "a.b:c", &long[1..]] {
        loaded(&super::BASE.replace("\"http\"", &format!("\"{name}\"")));
    }
}

#[test]
fn listeners_have_rules() {
    check(&[
        Case {
            when: "a listener lacks what it must have",
            change: (
                "name = \"http\"\nprotocol = \"TCP\"\nport = 80\npool = \"web\"\n",
                "",
            ),
            says: &[
                "6:1: load balancer \"web\", listener #1: name is missing",
                "6:1: protocol is missing",
                "6:1: port is missing",
                "6:1: warning: load balancer \"web\", listener #1: it has no pool, so that its clients are refused; write the name of a [[pool]] as pool",
                "7:1: warning: pool \"web\": no listener uses it",
            ],
        },
        Case {
            when: "HTTPS has no certificate",
            change: ("\"TCP\"", "\"HTTPS\""),
            says: &["6:1: load balancer \"web\", listener \"http\", tls: certificates is missing"],
        },
        Case {
            when: "a protocol is unknown",
            change: ("\"TCP\"", "\"SCTP\""),
            says: &["8:12: protocol \"SCTP\" is not one of TCP, UDP, HTTP, HTTPS"],
        },
        Case {
            when: "port 0 is asked for",
            change: ("port = 80\n", "port = 0\n"),
            says: &["9:8: port 0 is out of range; a listener's port is 1 to 65535"],
        },
        Case {
            when: "there is no such pool",
            change: ("pool = \"web\"", "pool = \"mail\""),
            says: &[
                "10:8: there is no pool \"mail\"; write the name of a [[pool]]",
                "11:1: warning: pool \"web\": no listener uses it",
            ],
        },
        Case {
            when: "two listeners have one name and one port",
            change: (
                "[[pool]]",
                "[[load_balancer.listener]]\nname=\"http\"\nprotocol=\"TCP\"\nport=80\npool=\"web\"\n[[pool]]",
            ),
            says: &[
                "12:6: name \"http\" is already that of the listener on line 7",
                "14:6: port 80 of TCP is already that of the listener on line 9; choose another",
            ],
        },
        Case {
            when: "TCP and UDP share a port",
            change: (
                "[[pool]]",
                "[[load_balancer.listener]]\nname=\"b\"\nprotocol=\"UDP\"\nport=80\npool=\"web\"\n[[pool]]",
            ),
            says: &[],
        },
        Case {
            when: "HTTP and TCP share a port",
            change: (
                "[[pool]]",
                "[[load_balancer.listener]]\nname=\"b\"\nprotocol=\"HTTP\"\nport=80\npool=\"web\"\n[[pool]]",
            ),
            says: &[
                "14:6: port 80 of TCP is already that of",
                "16:1: pool \"web\": load balancer \"web\", listener \"http\" hands out its connections packet by packet, load balancer \"web\", listener \"b\" request by request; give each a pool of its own",
            ],
        },
        Case {
            when: "a listener of another load balancer has that name",
            change: (
                "[[pool]]",
                "[[load_balancer]]\nname=\"b\"\nvip=\"192.0.2.11\"\nlistener=[{name=\"http\", protocol=\"TCP\", port=80, pool=\"web\"}]\n[[pool]]",
            ),
            says: &[
                "14:17: load balancer \"b\", listener \"http\": name \"http\" is already that of the listener on line 7",
            ],
        },
    ]);
}

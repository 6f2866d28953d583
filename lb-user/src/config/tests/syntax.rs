//! Texts that are no TOML, keys that nobody knows, values of the wrong type.

use super::{Case, check, diagnostics, says_about};

#[test]
fn what_is_not_toml_is_reported_with_its_place() {
    for (when, text, says) in [
        (
            "a key twice",
            "[daemon]\npin_path = \"/a\"\npin_path = \"/b\"",
            &["3:1: not valid TOML at \"pin_path\": duplicate key"][..],
        ),
        (
            "a table twice",
            "[daemon]\n[daemon]",
            &["2:2: not valid TOML at \"daemon\": duplicate key"],
        ),
        (
            "an open header",
            "[daemon\n",
            &["1:8: not valid TOML: unclosed table"],
        ),
        (
            "a string without quotes",
            "[[pool]]\nname = web\n",
            &["2:8: not valid TOML at \"web\": string values must be quoted"],
        ),
        (
            "an open string at the end",
            "[[pool]]\nname = \"web",
            &["2:12: not valid TOML: invalid basic string"],
        ),
        (
            "no value",
            "[[pool]]\nname =\n",
            &["2:7: not valid TOML: string values must be quoted"],
        ),
        (
            "several mistakes",
            "[daemon\n[[pool]]\nname = web\nname = \"a\"",
            &["1:8: unclosed table", "3:8: must be quoted", "4:1: duplicate key"],
        ),
    ] {
        says_about(when, text, says);
    }
}

#[test]
fn junk_is_refused_and_nesting_is_bounded() {
    for text in [
        "\0",
        "\u{1b}[31m",
        "=",
        "[[[[",
        "]]",
        "\r",
        "a = {",
        "a = [[[[",
        "'''",
        "\u{feff}\u{feff}",
    ] {
        assert!(!diagnostics(text).is_empty(), "{text:?}");
    }
    for deep in [
        "a.".repeat(100_000) + "b = 1",
        "a = ".to_owned() + &"[".repeat(100_000),
        format!("[{}b]", "a.".repeat(100_000)),
    ] {
        assert!(!diagnostics(&deep).is_empty());
    }
}

#[test]
fn a_megabyte_of_mistakes_is_reported_in_part() {
    for junk in [
        "=".repeat(2 << 20),
        "a\n".repeat(1 << 20),
        "[[pool]]\n".repeat(50_000),
        "[[load_balancer]]\nname=\"a\"\n".repeat(9000),
    ] {
        let diagnostics = super::parse(&junk, "junk.toml").unwrap_err();
        assert!((1..=1000).contains(&diagnostics.as_slice().len()));
    }
}

#[test]
fn unknown_keys_are_mistakes_everywhere() {
    check(&[
        Case {
            when: "a key is unknown in the file",
            change: ("[datapath]", "pools = 3\n[datapath]"),
            says: &[
                "1:1: unknown key \"pools\"; known here: daemon, datapath, proxy, api, load_balancer, pool",
            ],
        },
        Case {
            when: "a section is misspelt",
            change: ("[datapath]", "[deamon]\n[datapath]"),
            says: &["1:2: unknown key \"deamon\"; did you mean `daemon`?"],
        },
        Case {
            when: "a key of a listener is misspelt",
            change: ("pool = \"web\"", "pool = \"web\"\nadmin_state = true"),
            says: &[
                "11:1: load balancer \"web\", listener \"http\": unknown key \"admin_state\"; did you mean `admin_state_up`?",
            ],
        },
        Case {
            when: "a required key is misspelt",
            change: ("vip =", "VIP ="),
            says: &[
                "3:1: load balancer \"web\": vip is missing",
                "5:1: unknown key \"VIP\"; did you mean `vip`?",
            ],
        },
        Case {
            when: "a key is called as in Octavia",
            change: ("port = 8080", "protocol_port = 8080"),
            says: &[
                "13:1: port is missing; full_nat forwarding needs",
                "15:1: unknown key \"protocol_port\"; did you mean `port`?",
            ],
        },
        Case {
            when: "a monitor is called as in Octavia",
            change: (
                "[[pool.member]]",
                "[pool.health_monitor]\ntype = \"TCP\"\nmax_retries = 3\n[[pool.member]]",
            ),
            says: &["15:1: pool \"web\", health monitor: unknown key \"max_retries\"; did you mean `rise`?"],
        },
        Case {
            when: "a key has quotes and a line break in it",
            change: ("port = 8080", "port = 8080\n\"a\\nb\" = 1"),
            says: &["16:1: unknown key \"a\\nb\"; known here"],
        },
    ]);
}

#[test]
fn values_of_the_wrong_type_are_mistakes() {
    check(&[
        Case {
            when: "a float stands for an integer",
            change: ("port = 80\n", "port = 80.0\n"),
            says: &["9:8: port must be an integer, not the float 80.0"],
        },
        Case {
            when: "a string stands for an array",
            change: ("[\"eth0\"]", "\"eth0\""),
            says: &["2:14: datapath: interfaces must be an array, not the string \"eth0\""],
        },
        Case {
            when: "an element of an array is no string",
            change: ("[\"eth0\"]", "[\"eth0\", 1, {}]"),
            says: &[
                "2:23: interfaces must be a string, not the integer 1",
                "2:26: interfaces must be a string, not a table",
            ],
        },
        Case {
            when: "a date stands for a name",
            change: ("name = \"http\"", "name = 2026-01-01"),
            says: &["7:8: listener #1: name must be a string, not the datetime 2026-01-01"],
        },
        Case {
            when: "one table stands for an array of tables",
            change: ("[[pool.member]]", "[pool.member]"),
            says: &[
                "13:1: pool \"web\": member must be an array of tables (write [[pool.member]] above each), not a table",
            ],
        },
        Case {
            when: "an array of tables stands for one table",
            change: ("[datapath]", "[[datapath]]"),
            says: &["1:1: datapath must be one table (write [datapath] above it), not an array"],
        },
        Case {
            when: "a value stands for a table",
            change: (
                "[[pool.member]]",
                "session_persistence = \"SOURCE_IP\"\n[[pool.member]]",
            ),
            says: &[
                "13:23: session_persistence must be one table (write [pool.session_persistence] above it), not the string",
            ],
        },
        Case {
            when: "an array has something else than tables",
            change: (
                "[[pool.member]]\naddress = \"10.0.0.11\"\nport = 8080",
                "member = [3]",
            ),
            says: &[
                "11:1: warning: pool \"web\": it has no member",
                "13:11: pool \"web\": member must be an array of tables (write [[pool.member]] above each), not the integer 3",
            ],
        },
    ]);
}

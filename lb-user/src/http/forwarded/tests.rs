//! Who the client is, and what members are told.

use std::net::IpAddr;

use super::*;

/// The proxies are those of 10.0.0.0/8 and `2001:db8:a::/48`.
fn trusted() -> TrustedProxies {
    TrustedProxies::new(vec![
        "10.0.0.0/8".parse().unwrap(),
        "2001:db8:a::/48".parse().unwrap(),
    ])
}

fn client_by(header: ClientHeader, peer: &str, values: &[&str]) -> String {
    let values = values.iter().map(|value| value.as_bytes());
    let client = client_address(peer.parse().unwrap(), &trusted(), header, values);
    let port = client.port.map_or(String::new(), |port| format!(" {port}"));
    format!("{}{port}", client.address)
}

fn by_x_forwarded_for(values: &[&str]) -> String {
    client_by(ClientHeader::XForwardedFor, "10.0.0.1:4711", values)
}

fn by_forwarded(values: &[&str]) -> String {
    client_by(ClientHeader::Forwarded, "10.0.0.1:4711", values)
}

/// What all mean to whom the peer is all there is.
const PEER: &str = "10.0.0.1 4711";

#[test]
fn a_peer_that_is_not_trusted_is_the_client_whatever_it_says() {
    for peer in ["192.0.2.1:4711", "[::ffff:192.0.2.1]:4711"] {
        assert_eq!(
            client_by(ClientHeader::XForwardedFor, peer, &["10.0.0.2"]),
            "192.0.2.1 4711"
        );
        assert_eq!(
            client_by(ClientHeader::Forwarded, peer, &["for=10.0.0.2"]),
            "192.0.2.1 4711"
        );
    }
}

#[test]
fn a_trusted_peer_says_who_the_client_is() {
    for peer in ["10.0.0.1:4711", "[::ffff:10.0.0.1]:4711", "[2001:db8:a::1]:4711"] {
        assert_eq!(
            client_by(ClientHeader::XForwardedFor, peer, &["192.0.2.1"]),
            "192.0.2.1"
        );
        assert_eq!(
            client_by(ClientHeader::Forwarded, peer, &["for=192.0.2.1"]),
            "192.0.2.1"
        );
    }
}

#[test]
fn a_trusted_peer_that_says_nothing_is_the_client() {
    for values in [&[][..], &[""], &[" , ,"]] {
        assert_eq!(by_x_forwarded_for(values), PEER);
        assert_eq!(by_forwarded(values), PEER);
    }
}

#[test]
fn the_nearest_that_is_not_trusted_is_the_client() {
    for values in [
        &["198.51.100.1, 192.0.2.1:80, 10.0.0.3, [2001:db8:a::2]:80"][..],
        &["198.51.100.1", "192.0.2.1:80,10.0.0.3", ",2001:db8:a::2 , "],
        &["10.0.0.4, 192.0.2.1:80"],
        &["garbage, 192.0.2.1:80"],
    ] {
        assert_eq!(by_x_forwarded_for(values), "192.0.2.1 80", "{values:?}");
    }
}

#[test]
fn of_proxies_only_the_farthest_is_the_client() {
    assert_eq!(
        by_x_forwarded_for(&["10.0.0.4, 10.0.0.3", "10.0.0.2"]),
        "10.0.0.4"
    );
}

#[test]
fn a_proxy_that_does_not_say_an_address_is_the_client() {
    for party in ["unknown", "_hidden", "192.0.2", "\"192.0.2.1\"", "192.0.2.1:x"] {
        assert_eq!(
            by_x_forwarded_for(&[&format!("192.0.2.9, {party}, 10.0.0.3")]),
            "10.0.0.3",
            "{party}"
        );
        assert_eq!(
            by_x_forwarded_for(&[&format!("192.0.2.9, {party}")]),
            PEER,
            "{party}"
        );
    }
}

#[test]
fn only_the_nearest_64_parties_count() {
    let with = |proxies: usize| format!("192.0.2.1{}", ", 10.0.0.3".repeat(proxies));
    assert_eq!(by_x_forwarded_for(&[&with(63)]), "192.0.2.1");
    assert_eq!(by_x_forwarded_for(&[&with(64)]), "10.0.0.3");
}

#[test]
fn forwarded_is_read_as_rfc_7239_writes_it() {
    for (values, client) in [
        (&["for=192.0.2.1"][..], "192.0.2.1"),
        (&["For=\"192.0.2.1:4711\""], "192.0.2.1 4711"),
        (&["For=\"[2001:db8:cafe::17]:4711\""], "2001:db8:cafe::17 4711"),
        (&["for=192.0.2.60;proto=http;by=203.0.113.43"], "192.0.2.60"),
        (
            &["proto=http ; for=192.0.2.60 ; host=\"a, \\\"b\\\";for=192.0.2.9\""],
            "192.0.2.60",
        ),
        (&["for=192.0.2.43, for=10.0.0.2"], "192.0.2.43"),
        (
            &["for=198.51.100.1", "for=192.0.2.43,for=\"[2001:db8:a::1]\""],
            "192.0.2.43",
        ),
        (&[";for=192.0.2.43;;"], "192.0.2.43"),
    ] {
        assert_eq!(by_forwarded(values), client, "{values:?}");
    }
}

#[test]
fn whom_forwarded_hides_is_not_guessed() {
    for element in [
        "for=unknown",
        "for=_SEVKISEK",
        "for=\"_gazonk:80\"",
        "proto=http",
        "for=\"\"",
        "for=\"192.0.2.1\\0\"",
    ] {
        assert_eq!(
            by_forwarded(&[&format!("for=192.0.2.9, {element}")]),
            PEER,
            "{element}"
        );
        assert_eq!(
            by_forwarded(&[&format!("for=192.0.2.9, {element}, for=10.0.0.3")]),
            "10.0.0.3",
            "{element}"
        );
    }
}

#[test]
fn of_a_forwarded_that_breaks_the_grammar_nothing_is_believed() {
    for value in [
        "for=192.0.2.9, for=\"192.0.2.1",
        "for=192.0.2.9, for=",
        "for=192.0.2.9, for",
        "for = 192.0.2.9",
        "for=192.0.2.9:80",
        "for=[2001:db8::1]",
        "for=192.0.2.9;for=192.0.2.9",
        "for=192.0.2.9 for=192.0.2.9",
        "for=\"192.0.2.9\"x",
        "for=192.0.2.9, =",
        "a b, for=192.0.2.9",
        "for=\", for=192.0.2.9",
        "for=\"\x01\", for=192.0.2.9",
    ] {
        assert_eq!(by_forwarded(&[value]), PEER, "{value}");
        assert_eq!(by_forwarded(&[value, "for=10.0.0.3"]), "10.0.0.3", "{value}");
    }
}

#[test]
fn an_open_quote_does_not_turn_a_quoted_host_into_an_element() {
    // The client sends the first part, and a host that the proxy quotes in the second.
    let host = ", for=192.0.2.9, x=";
    let value = format!("for=\", for=198.51.100.1;host=\"{host}\";proto=https");
    assert_eq!(by_forwarded(&[&value]), PEER);
    let host = "\\\", for=192.0.2.9;x=\\\"";
    let value = format!("for=\", for=198.51.100.1;host=\"{host}\"");
    assert_eq!(by_forwarded(&[&value]), PEER);
}

fn hop() -> Hop<'static> {
    Hop {
        peer: IpAddr::from([192, 0, 2, 1]),
        by: None,
        port: 443,
        scheme: Scheme::Https,
        host: Some(b"example.com:8443"),
        version: HttpVersion::Http11,
    }
}

fn element(hop: &Hop<'_>) -> String {
    let mut out = Vec::new();
    write_element(hop, &mut out);
    String::from_utf8(out).unwrap()
}

#[test]
fn an_element_says_what_is_known_and_quotes_what_needs_it() {
    assert_eq!(
        element(&hop()),
        "for=192.0.2.1;host=\"example.com:8443\";proto=https"
    );
    let v6 = Hop {
        peer: "2001:db8::1".parse().unwrap(),
        by: Some("::ffff:192.0.2.2".parse().unwrap()),
        host: Some(b"example.com"),
        scheme: Scheme::Http,
        ..hop()
    };
    assert_eq!(
        element(&v6),
        "for=\"[2001:db8::1]\";by=192.0.2.2;host=example.com;proto=http"
    );
    assert_eq!(element(&Hop { host: None, ..hop() }), "for=192.0.2.1;proto=https");
}

#[test]
fn no_host_says_more_in_an_element_than_a_host() {
    let with = |host| {
        element(&Hop {
            host: Some(host),
            ..hop()
        })
    };
    assert_eq!(
        with(b"a\";for=\"b\\"),
        "for=192.0.2.1;host=\"a\\\";for=\\\"b\\\\\";proto=https"
    );
    assert_eq!(with(b"a, for=b"), "for=192.0.2.1;host=\"a, for=b\";proto=https");
    assert_eq!(with(b""), "for=192.0.2.1;host=\"\";proto=https");
    for host in [&b"a\r\nb"[..], b"a\0", b"a\x7f"] {
        assert_eq!(with(host), "for=192.0.2.1;proto=https");
    }
}

fn written(policy: &ForwardedPolicy, field: Field, received: &[&str], trust: Trust) -> Option<String> {
    let mut out = b"before".to_vec();
    let received = received.iter().map(|value| value.as_bytes());
    let written = policy.write(field, received, trust, &hop(), &mut out);
    let out = String::from_utf8(out)
        .unwrap()
        .strip_prefix("before")
        .unwrap()
        .to_owned();
    assert_eq!(written == Written::Nothing, out.is_empty());
    (written == Written::Value).then_some(out)
}

fn all(mode: Mode) -> ForwardedPolicy {
    ForwardedPolicy {
        x_forwarded_for: mode,
        x_forwarded_proto: mode,
        x_forwarded_port: mode,
        x_forwarded_host: mode,
        forwarded: mode,
        via: None,
    }
}

/// What we say ourselves.
const OWN: [(Field, &str); 5] = [
    (Field::XForwardedFor, "192.0.2.1"),
    (Field::XForwardedProto, "https"),
    (Field::XForwardedPort, "443"),
    (Field::XForwardedHost, "example.com:8443"),
    (
        Field::Forwarded,
        "for=192.0.2.1;host=\"example.com:8443\";proto=https",
    ),
];

#[test]
fn what_an_untrusted_peer_says_reaches_no_member_in_any_mode() {
    for (field, own) in OWN {
        for (mode, expected) in [
            (Mode::Remove, None),
            (Mode::Preserve, None),
            (Mode::Replace, Some(own)),
            (Mode::Append, Some(own)),
        ] {
            let written = written(&all(mode), field, &["forged"], Trust::Untrusted);
            assert_eq!(written.as_deref(), expected, "{field:?} {mode:?}");
        }
    }
}

#[test]
fn what_a_trusted_peer_says_is_handed_on_as_the_mode_says() {
    for (field, own) in OWN {
        let is_list = matches!(field, Field::XForwardedFor | Field::Forwarded);
        let appended = if is_list {
            format!("a, b, {own}")
        } else {
            "a, b".to_owned()
        };
        for (mode, expected) in [
            (Mode::Remove, None),
            (Mode::Preserve, Some("a, b")),
            (Mode::Replace, Some(own)),
            (Mode::Append, Some(&*appended)),
        ] {
            let written = written(&all(mode), field, &["a ", "", "b"], Trust::Trusted);
            assert_eq!(written.as_deref(), expected, "{field:?} {mode:?}");
        }
    }
}

#[test]
fn what_a_trusted_peer_does_not_say_we_say_where_that_is_wanted() {
    for (field, own) in OWN {
        assert_eq!(
            written(&all(Mode::Append), field, &[], Trust::Trusted).as_deref(),
            Some(own)
        );
        assert_eq!(written(&all(Mode::Preserve), field, &[" "], Trust::Trusted), None);
    }
}

#[test]
fn by_default_members_get_address_scheme_and_port() {
    let policy = ForwardedPolicy::default();
    let got = Field::ALL.map(|field| written(&policy, field, &["forged"], Trust::Untrusted));
    let got = got.each_ref().map(Option::as_deref);
    assert_eq!(
        got,
        [
            Some("192.0.2.1"),
            Some("https"),
            Some("443"),
            None,
            None,
            Some("forged")
        ]
    );
}

#[test]
fn via_is_a_list_of_all_proxies_trusted_or_not() {
    let named = ForwardedPolicy {
        via: Some("holdfast".parse().unwrap()),
        ..ForwardedPolicy::default()
    };
    for trust in [Trust::Trusted, Trust::Untrusted] {
        assert_eq!(
            written(&named, Field::Via, &["1.0 fred"], trust).unwrap(),
            "1.0 fred, 1.1 holdfast"
        );
        assert_eq!(written(&named, Field::Via, &[], trust).unwrap(), "1.1 holdfast");
    }
}

#[test]
fn a_name_in_via_is_a_token() {
    for name in ["", "a b", "a,b", "a\r\n", "a:80"] {
        assert_eq!(name.parse::<Pseudonym>(), Err(PseudonymMistake), "{name:?}");
    }
}

#[test]
fn a_host_that_would_be_two_values_is_not_handed_on() {
    for host in [&b"a, b"[..], b"a b", b"a\r\nb", b"\xff"] {
        let mut out = Vec::new();
        let hop = Hop {
            host: Some(host),
            ..hop()
        };
        let none = std::iter::empty();
        let written = all(Mode::Replace).write(Field::XForwardedHost, none, Trust::Untrusted, &hop, &mut out);
        assert_eq!(written, Written::Nothing);
    }
}

#[test]
fn headers_are_known_in_any_case_and_only_as_a_whole() {
    for field in Field::ALL {
        assert_eq!(
            Field::of(field.name().to_ascii_uppercase().as_bytes()),
            Some(field)
        );
    }
    assert_eq!(Field::of(b"x-forwarded"), None);
    assert_eq!(Field::of(b"x-forwarded-for-"), None);
}

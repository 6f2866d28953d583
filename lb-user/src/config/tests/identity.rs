//! Who the client is, and what members are told of it.

use super::super::render;
use super::{BASE, Loaded, all_say, loaded, parse, says_about};
use crate::http::forwarded::{ForwardedPolicy, Trust};
use crate::model::{ClientHeader, ClientIdentity, ForwardedMode, ProxyProtocol, Service};

/// The base with an HTTP listener that has these settings, from line 12 on.
fn with(lines: &str) -> String {
    let lines = format!("[load_balancer.listener.http]\n{lines}\n[[pool]]");
    BASE.replace("\"TCP\"", "\"HTTP\"").replace("[[pool]]", &lines)
}

fn identity(lines: &str) -> ClientIdentity {
    let config = loaded(&with(lines)).config;
    let Service::Http { http } = &config.load_balancers[0].listeners[0].service else {
        panic!("it is an HTTP listener");
    };
    http.identity.clone()
}

const ALL: &str = "trusted_proxies = [\"10.0.0.0/8\", \"2001:db8::1\"]\nclient_address_from = \"Forwarded\"\n\
                   accept_proxy_protocol = true\n[load_balancer.listener.http.forwarded]\nx_forwarded_for = \"replace\"\n\
                   x_forwarded_proto = \"remove\"\nx_forwarded_port = \"preserve\"\nx_forwarded_host = \"append\"\n\
                   forwarded = \"append\"\nvia = \"holdfast\"";

#[test]
fn nobody_is_trusted_unless_it_is_said() {
    let identity = identity("");
    assert_eq!(identity, ClientIdentity::default());
    assert!(identity.trusted_proxies.is_empty());
    assert_eq!(identity.client_address_from, ClientHeader::XForwardedFor);
}

#[test]
fn proxies_are_trusted_by_their_networks() {
    let ClientIdentity {
        trusted_proxies,
        client_address_from,
        accept_proxy_protocol,
        forwarded,
    } = identity(ALL);
    for (address, trust) in [
        ("10.9.8.7", Trust::Trusted),
        ("2001:db8::1", Trust::Trusted),
        ("2001:db8::2", Trust::Untrusted),
    ] {
        assert_eq!(
            trusted_proxies.trust(address.parse().unwrap()),
            trust,
            "{address}"
        );
    }
    assert_eq!(client_address_from, ClientHeader::Forwarded);
    assert!(accept_proxy_protocol);
    let expected = ForwardedPolicy {
        x_forwarded_for: ForwardedMode::Replace,
        x_forwarded_proto: ForwardedMode::Remove,
        x_forwarded_port: ForwardedMode::Preserve,
        x_forwarded_host: ForwardedMode::Append,
        forwarded: ForwardedMode::Append,
        via: Some("holdfast".parse().unwrap()),
    };
    assert_eq!(forwarded, expected);
}

#[test]
fn what_was_read_is_the_same_when_it_is_rendered_and_read_again() {
    let text = with(ALL).replace(
        "[[pool.member]]",
        "http = { send_proxy_protocol = \"v1\" }\n[[pool.member]]",
    );
    let Loaded { config, warnings } = loaded(&text);
    assert_eq!(warnings, []);
    let rendered = render(&config).unwrap();
    assert_eq!(parse(&rendered, "").unwrap().config, config, "{rendered}");
}

#[test]
fn members_are_sent_either_version_of_the_proxy_protocol() {
    for (version, expected) in [("v1", ProxyProtocol::V1), ("v2", ProxyProtocol::V2)] {
        let lines = format!("http = {{ send_proxy_protocol = \"{version}\" }}\n[[pool.member]]");
        let config = loaded(&with("").replace("[[pool.member]]", &lines)).config;
        let http = config.pools[0].http.as_ref().unwrap();
        assert_eq!(http.send_proxy_protocol, Some(expected));
    }
}

#[test]
fn a_network_that_is_none_is_told_what_is_one() {
    all_say([
        (
            "a name",
            with("trusted_proxies = [\"proxy\"]"),
            &[
                "12:20: load balancer \"web\", listener \"http\", http: trusted_proxies \"proxy\" is not a network; write an address and the length of its prefix",
            ][..],
        ),
        (
            "bits behind the prefix",
            with("trusted_proxies = [\"10.0.0.1/8\", \"10.0.0.0/33\"]"),
            &[
                "12:20: trusted_proxies \"10.0.0.1/8\" has bits behind its prefix; write the network, \"10.0.0.0/8\"",
                "12:34: trusted_proxies \"10.0.0.0/33\" has too long a prefix; write at most /32",
            ],
        ),
        (
            "one network twice",
            with("trusted_proxies = [\"10.0.0.0/8\", \"10.0.0.0/8\"]"),
            &["12:34: trusted_proxies has 10.0.0.0/8 already on line 12; write it once"],
        ),
        (
            "everyone",
            with("trusted_proxies = [\"::/0\"]"),
            &[
                "12:20: warning: load balancer \"web\", listener \"http\", http: trusted_proxies ::/0 is everyone",
            ],
        ),
        (
            "one text",
            with("trusted_proxies = \"10.0.0.0/8\""),
            &["12:19: trusted_proxies must be an array, not the string \"10.0.0.0/8\""],
        ),
    ]);
}

#[test]
fn there_are_at_most_256_trusted_networks() {
    let networks = |count: usize| {
        let networks: Vec<_> = (0..count)
            .map(|n| format!("\"10.0.{}.{}\"", n / 256, n % 256))
            .collect();
        with(&format!("trusted_proxies = [{}]", networks.join(", ")))
    };
    loaded(&networks(256));
    says_about(
        "one more",
        &networks(257),
        &["12:19: trusted_proxies has 257 values; at most 256 are allowed"],
    );
}

#[test]
fn what_is_of_trusted_proxies_needs_some() {
    all_say([
        (
            "the PROXY protocol of nobody",
            with("accept_proxy_protocol = true"),
            &[
                "12:25: accept_proxy_protocol is for connections of trusted proxies, and there are none; write trusted_proxies = [\"10.0.0.0/8\"]",
            ][..],
        ),
        (
            "a header of nobody",
            with("client_address_from = \"Forwarded\""),
            &[
                "12:23: warning: load balancer \"web\", listener \"http\", http: client_address_from Forwarded is believed of trusted proxies only",
            ],
        ),
        (
            "networks that are wrong are not missing as well",
            with("accept_proxy_protocol = true\ntrusted_proxies = [1]"),
            &["13:20: trusted_proxies must be a string, not the integer 1"],
        ),
    ]);
}

#[test]
fn words_and_names_are_told_what_is_right() {
    all_say([
        (
            "a header of another kind",
            with("trusted_proxies = [\"10.0.0.0/8\"]\nclient_address_from = \"X-Real-IP\""),
            &["13:23: client_address_from \"X-Real-IP\" is not one of"][..],
        ),
        (
            "modes and a name that are none",
            with("forwarded = { x_forwarded_for = \"add\", x_forwarded_hots = \"remove\", via = \"a b\" }"),
            &[
                "12:33: listener \"http\", http, forwarded: x_forwarded_for \"add\" is not one of",
                "12:40: load balancer \"web\", listener \"http\", http, forwarded: unknown key \"x_forwarded_hots\"; did you mean `x_forwarded_host`?",
                "12:75: via \"a b\" is not a name for Via: a name in `Via` has letters, digits",
            ],
        ),
        (
            "a version that is none",
            with("").replace(
                "[[pool.member]]",
                "http = { send_proxy_protocol = 2 }\n[[pool.member]]",
            ),
            &["15:32: pool \"web\", http: send_proxy_protocol must be a string"],
        ),
    ]);
}

//! Who the client is, and what members are told.

use std::net::{IpAddr, SocketAddr};

use lb_user::http::forwarded::{
    ClientAddress, ClientHeader, Field, ForwardedPolicy, Hop, HttpVersion, Mode, Prefix, Scheme, Trust,
    TrustedProxies, Written, client_address, write_element,
};

use crate::spelling::{ITERATIONS, for_each_text, halves, spell};

/// Of the addresses, 10.0.0.0/8 is trusted.
const WORDS: &[&[u8]] = &[
    b"192.0.2.1",
    b"10.0.0.2",
    b"2001:db8::1",
    b"[2001:db8::1]:80",
    b"10.0.0.3:80",
    b", ",
    b",",
    b"for=",
    b"for=192.0.2.2",
    b"for=10.0.0.4",
    b"for=\"[2001:db8::2]:80\"",
    b"host=\"",
    b"\"",
    b";",
    b"=",
    b"\\",
    b" ",
    b"proto=https",
    b"unknown",
    b"_x",
    b"\n",
];

const PEER: [u8; 4] = [10, 0, 0, 1];

fn trusted() -> TrustedProxies {
    TrustedProxies::new(vec!["10.0.0.0/8".parse().expect("it is a network")])
}

fn client(header: ClientHeader, peer: SocketAddr, values: &[&[u8]]) -> ClientAddress {
    client_address(peer, &trusted(), header, values.iter().copied())
}

fn client_of_proxy(header: ClientHeader, values: &[&[u8]]) -> ClientAddress {
    client(header, (PEER, 4711).into(), values)
}

/// An element that names a client which nobody trusts.
fn naming(header: ClientHeader, address: &str) -> Vec<u8> {
    let name = match header {
        ClientHeader::XForwardedFor => "",
        ClientHeader::Forwarded => "for=",
    };
    format!("{name}{address}").into_bytes()
}

#[test]
fn whom_no_one_trusts_is_the_client_whatever_it_says() {
    for_each_text!(WORDS, |value: &[u8]| {
        let peer = SocketAddr::from(([192, 0, 2, 9], 4711));
        for header in [ClientHeader::XForwardedFor, ClientHeader::Forwarded] {
            assert_eq!(client(header, peer, &[value]), peer.into());
        }
    });
}

#[test]
fn nothing_that_comes_before_an_untrusted_party_changes_who_the_client_is() {
    for_each_text!(WORDS, |value: &[u8]| {
        let is_untrusted = |client: ClientAddress| trusted().trust(client.address) == Trust::Untrusted;
        for header in [ClientHeader::XForwardedFor, ClientHeader::Forwarded] {
            let alone = client_of_proxy(header, &[value]);
            let before = naming(header, "192.0.2.77");
            // In a line of its own, and in the same one.
            let joined = [&before[..], b", ", value].concat();
            for values in [&[&before[..], value][..], &[&joined]] {
                let with = client_of_proxy(header, values);
                assert!(
                    with == alone || (!is_untrusted(alone) && is_untrusted(with)),
                    "{with:?} {alone:?}"
                );
            }
        }
    });
}

#[test]
fn the_walk_from_the_right_finds_the_same_client() {
    for_each_text!(WORDS, |value: &[u8]| {
        let peer = ClientAddress::from(SocketAddr::from((PEER, 4711)));
        let mut expected = peer;
        for element in value.rsplit(|&byte| byte == b',') {
            let element: Vec<u8> = element.to_vec();
            if element.iter().all(|&byte| byte == b' ' || byte == b'\t') {
                continue;
            }
            // What one element by itself says; the peer stands for one that says nothing.
            let said = client_of_proxy(ClientHeader::XForwardedFor, &[&element]);
            if said == peer {
                break;
            }
            expected = said;
            if trusted().trust(said.address) == Trust::Untrusted {
                break;
            }
        }
        assert_eq!(client_of_proxy(ClientHeader::XForwardedFor, &[value]), expected);
    });
}

#[test]
fn whatever_a_client_sends_the_proxy_that_appends_to_it_is_believed_or_nobody() {
    bolero::check!()
        .with_iterations(ITERATIONS)
        .with_max_len(32)
        .for_each(|input: &[u8]| {
            // What came with the request, and the host, which the client chooses as well.
            let (sent, host) = halves(input);
            let (sent, host) = (spell(sent, WORDS), spell(host, WORDS));
            let hop = Hop {
                host: Some(&host),
                ..hop([192, 0, 2, 50].into())
            };
            let mut value = [&sent[..], b", "].concat();
            write_element(&hop, &mut value);
            let found = client_of_proxy(ClientHeader::Forwarded, &[&value]).address;
            assert!(found == hop.peer || found == IpAddr::from(PEER), "{found}");
            let value = [&sent[..], b", 192.0.2.50"].concat();
            assert_eq!(
                client_of_proxy(ClientHeader::XForwardedFor, &[&value]).address,
                hop.peer
            );
        });
}

#[test]
fn what_we_say_of_a_client_is_what_we_would_believe() {
    for_each_text!(WORDS, |host: &[u8]| {
        for peer in ["192.0.2.50", "2001:db8::50"] {
            let hop = Hop {
                host: Some(host),
                ..hop(peer.parse().expect("it is an address"))
            };
            let policy = ForwardedPolicy {
                forwarded: Mode::Append,
                ..ForwardedPolicy::default()
            };
            for (field, header) in [
                (Field::XForwardedFor, ClientHeader::XForwardedFor),
                (Field::Forwarded, ClientHeader::Forwarded),
            ] {
                let mut value = Vec::new();
                let written = policy.write(field, std::iter::empty(), Trust::Trusted, &hop, &mut value);
                assert_eq!(written, Written::Value);
                assert!(
                    !value.iter().any(|byte| b"\r\n\0".contains(byte)),
                    "no host adds a line"
                );
                assert_eq!(client_of_proxy(header, &[&value]).address, hop.peer);
            }
        }
    });
}

#[test]
fn nothing_that_an_untrusted_peer_says_reaches_a_member() {
    for_each_text!(WORDS, |value: &[u8]| {
        for mode in [Mode::Remove, Mode::Preserve, Mode::Replace, Mode::Append] {
            let policy = ForwardedPolicy {
                x_forwarded_for: mode,
                x_forwarded_proto: mode,
                x_forwarded_port: mode,
                x_forwarded_host: mode,
                forwarded: mode,
                via: None,
            };
            for field in Field::ALL.into_iter().filter(|&field| field != Field::Via) {
                let write = |received: &[&[u8]]| {
                    let mut out = Vec::new();
                    let received = received.iter().copied();
                    (
                        policy.write(
                            field,
                            received,
                            Trust::Untrusted,
                            &hop([192, 0, 2, 50].into()),
                            &mut out,
                        ),
                        out,
                    )
                };
                assert_eq!(write(&[value]), write(&[]));
            }
        }
    });
}

#[test]
fn a_network_reads_as_it_is_shown_and_contains_its_own_address() {
    const WORDS: &[&[u8]] = &[
        b"10", b".", b"0", b"/", b"8", b"::", b":", b"ffff", b"2001", b"128", b"255", b"1", b"96",
    ];
    for_each_text!(WORDS, |text: &[u8]| {
        let Ok(prefix) = str::from_utf8(text).unwrap_or_default().parse::<Prefix>() else {
            return;
        };
        let shown = prefix.to_string();
        assert_eq!(shown.parse(), Ok(prefix));
        let (address, _) = shown.split_once('/').expect("it is shown with a length");
        assert!(prefix.contains(address.parse().expect("it is shown with an address")));
    });
}

fn hop(peer: IpAddr) -> Hop<'static> {
    Hop {
        peer,
        by: None,
        port: 443,
        scheme: Scheme::Https,
        host: None,
        version: HttpVersion::Http11,
    }
}

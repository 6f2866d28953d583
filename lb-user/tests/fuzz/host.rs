//! The host that a request is for.

use std::net::Ipv6Addr;

use lb_user::http::host::{Authority, LONGEST_HOST, matches_wildcard};

use crate::spelling::{ITERATIONS, for_each_text, halves, spell};

const WORDS: &[&[u8]] = &[
    b"a",
    b"B-",
    b"_c",
    b"example",
    b".",
    b".com",
    b":",
    b"80",
    b"65535",
    b"[",
    b"]",
    b"::1",
    b"2001:DB8",
    b"@",
    b" ",
    b"*.",
    b"1.2",
    b"0",
];

fn written(authority: Authority<'_>) -> Vec<u8> {
    let port = authority.port.map_or(String::new(), |port| format!(":{port}"));
    [authority.host, port.as_bytes()].concat()
}

#[test]
fn what_is_normal_is_its_own_normal_form() {
    for_each_text!(WORDS, |value: &[u8]| {
        let (mut first, mut second) = ([0; LONGEST_HOST], [0; LONGEST_HOST]);
        if let Ok(authority) = Authority::parse(value, &mut first) {
            assert_eq!(Authority::parse(&written(authority), &mut second), Ok(authority));
        }
    });
}

#[test]
fn a_normal_host_has_nothing_that_means_anything_elsewhere() {
    for_each_text!(WORDS, |value: &[u8]| {
        let mut buffer = [0; LONGEST_HOST];
        let Ok(Authority { host, .. }) = Authority::parse(value, &mut buffer) else {
            return;
        };
        let host = str::from_utf8(host).expect("a host is ASCII");
        if let Some(address) = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
            address.parse::<Ipv6Addr>().expect("brackets hold an address");
        } else {
            let is_right = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_');
            assert!(
                host.split('.')
                    .all(|label| !label.is_empty() && label.bytes().all(is_right))
            );
        }
    });
}

#[test]
fn the_case_of_a_host_does_not_matter() {
    for_each_text!(WORDS, |value: &[u8]| {
        let (mut first, mut second) = ([0; LONGEST_HOST], [0; LONGEST_HOST]);
        let upper = value.to_ascii_uppercase();
        assert_eq!(
            Authority::parse(value, &mut first),
            Authority::parse(&upper, &mut second)
        );
    });
}

#[test]
fn what_a_star_matches_is_one_label_and_the_rest_of_the_pattern() {
    bolero::check!()
        .with_iterations(ITERATIONS)
        .with_max_len(16)
        .for_each(|input: &[u8]| {
            let (pattern, host) = halves(input);
            let (pattern, host) = (spell(pattern, WORDS), spell(host, WORDS));
            if !matches_wildcard(&pattern, &host) {
                return;
            }
            let label = host.split(|&byte| byte == b'.').next().unwrap_or_default();
            let is_starred = pattern.strip_prefix(b"*").is_some_and(|domain| {
                !label.is_empty() && [label, domain].concat().eq_ignore_ascii_case(&host)
            });
            assert!(is_starred || pattern.eq_ignore_ascii_case(&host));
        });
}

//! Finding cookies, and taking one out.

use lb_user::http::cookies::{self, Removed};

use crate::spelling::for_each_text;

const WORDS: &[&[u8]] = &[
    b"s", b"=", b"; ", b";", b" ", b"\t", b"s=1", b"a=2", b"b=\"3\"", b"\"", b"ss", b"S=4", b",",
];

/// The cookies byte for byte, as they stand in a header.
fn texts(header: &[u8]) -> Vec<&[u8]> {
    cookies::pairs(header).map(|pair| &header[pair.range]).collect()
}

#[test]
fn all_other_cookies_are_left_in_order_and_byte_for_byte() {
    for_each_text!(WORDS, |header: &[u8]| {
        let others: Vec<&[u8]> = cookies::pairs(header)
            .filter(|pair| pair.name != b"s")
            .map(|pair| &header[pair.range])
            .collect();
        let mut left = Vec::new();
        let removed = cookies::without(header, |pair| pair.name == b"s", &mut left);
        assert_eq!(texts(&left), others);
        assert_eq!(cookies::find(&left, b"s"), None);
        let expected = match cookies::find(header, b"s") {
            None => Removed::Nothing,
            Some(_) if others.is_empty() => Removed::All,
            Some(_) => Removed::Some,
        };
        assert_eq!(removed, expected);
    });
}

#[test]
fn what_nothing_is_taken_from_stays_as_it_is_and_what_all_is_taken_from_is_empty() {
    for_each_text!(WORDS, |header: &[u8]| {
        let mut left = Vec::new();
        match cookies::without(header, |pair| pair.name == b"s", &mut left) {
            Removed::Nothing => assert_eq!(left, header),
            Removed::All => assert_eq!(left, b""),
            // RFC 9113 section 8.2.1: no value ends with a space.
            Removed::Some => assert!(!left.ends_with(b" ") && !left.ends_with(b"\t")),
        }
    });
}

#[test]
fn cookies_stand_where_it_is_said_without_what_separates_them() {
    for_each_text!(WORDS, |header: &[u8]| {
        let mut before = 0;
        for pair in cookies::pairs(header) {
            assert!(before <= pair.range.start && pair.range.start < pair.range.end);
            before = pair.range.end + 1;
            let text = &header[pair.range];
            assert!(text.starts_with(pair.name) && !text.contains(&b';'));
            // A cookie is the same wherever it stands.
            let alone = cookies::pairs(text).next().expect("it is a cookie by itself too");
            assert_eq!((alone.name, alone.value), (pair.name, pair.value));
        }
    });
}

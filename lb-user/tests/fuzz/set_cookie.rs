//! What is learned of a session.

use lb_user::http::{
    cookies,
    set_cookie::{Learned, learn},
};

use crate::spelling::for_each_text;

const WORDS: &[&[u8]] = &[
    b"s=1",
    b"s=",
    b"s",
    b"=",
    b"; ",
    b";",
    b"Max-Age=",
    b"Expires=",
    b"0",
    b"-",
    b"19",
    b"94",
    b"06 Nov ",
    b"08:49:37",
    b" ",
    b"\"",
    b"2077",
    b"; Path=/",
    b"jan",
    b":",
    b",",
];

/// Long before and long after any date that a cookie says.
const TIMES_S: [u64; 5] = [0, 784_111_777, 1_704_067_200, 253_402_300_800, u64::MAX];

#[test]
fn what_is_learned_is_what_the_client_sends_back() {
    for_each_text!(WORDS, |header: &[u8]| {
        let pair = header.split(|&byte| byte == b';').next().unwrap_or_default();
        if let Some(Learned::Value(value)) = learn(header, b"s", TIMES_S[2]) {
            assert!(!value.is_empty());
            assert_eq!(cookies::find(pair, b"s"), Some(value));
        }
    });
}

#[test]
fn a_session_that_has_ended_does_not_come_back_with_time() {
    for_each_text!(WORDS, |header: &[u8]| {
        let learned = TIMES_S.map(|now_s| learn(header, b"s", now_s));
        assert!(learned.is_sorted_by_key(|learned| matches!(learned, Some(Learned::Ends { .. }))));
        // Whether it is the right cookie does not depend on the time.
        assert!(learned.iter().all(Option::is_some) || learned.iter().all(Option::is_none));
    });
}

#[test]
fn the_last_max_age_overrules_all_that_was_said_before() {
    for_each_text!(WORDS, |header: &[u8]| {
        let with = |attribute: &[u8]| [header, attribute].concat();
        if let Some(Learned::Value(value)) = learn(header, b"s", 0) {
            assert!(matches!(
                learn(&with(b"; max-age=0"), b"s", 0),
                Some(Learned::Ends { .. })
            ));
            assert_eq!(
                learn(&with(b"; max-age=1"), b"s", u64::MAX),
                Some(Learned::Value(value))
            );
        }
    });
}

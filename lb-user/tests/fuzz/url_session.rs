//! The session in a request target.

use lb_user::http::url_session::{find, path_parameter, query_parameter};

use crate::spelling::for_each_text;

const WORDS: &[&[u8]] = &[
    b"/", b"/a", b";", b"?", b"&", b"=", b"#", b"sid", b"SID", b";sid=1", b";SID=2", b"?sid=3", b"&sid=4",
    b"http://", b"@", b":", b"x",
];

/// Whether `text` occurs in `target`.
fn occurs(text: &[u8], target: &[u8]) -> bool {
    target.windows(text.len()).any(|window| window == text)
}

#[test]
fn a_session_is_the_value_of_a_parameter_and_ends_where_that_does() {
    for_each_text!(WORDS, |target: &[u8]| {
        if let Some(value) = path_parameter(target, b"sid") {
            assert!(!value.is_empty() && !value.iter().any(|byte| b";/?#".contains(byte)));
            let parameter = [b";sid=", value].concat().to_ascii_lowercase();
            assert!(occurs(&parameter, &target.to_ascii_lowercase()));
        }
        if let Some(value) = query_parameter(target, b"sid") {
            assert!(!value.is_empty() && !value.iter().any(|byte| b"&#".contains(byte)));
            let written = |mark: &[u8]| occurs(&[mark, b"sid=", value].concat(), target);
            assert!(written(b"?") || written(b"&"));
        }
    });
}

#[test]
fn what_is_put_into_a_target_is_found_in_it() {
    for_each_text!(WORDS, |target: &[u8]| {
        let path: Vec<u8> = target
            .iter()
            .copied()
            .filter(|byte| !b"?#".contains(byte))
            .collect();
        let path = [b"/", &path[..]].concat();
        if path_parameter(&path, b"sid").is_none() {
            let with = |suffix: &[u8]| [&path, suffix].concat();
            assert_eq!(find(&with(b";sid=9/b?c"), b"sid"), Some(&b"9"[..]));
            assert_eq!(find(&with(b"?a&sid=9#b"), b"sid"), Some(&b"9"[..]));
        }
    });
}

#[test]
fn the_fragment_does_not_matter() {
    for_each_text!(WORDS, |target: &[u8]| {
        let with = [target, b"#;sid=8?sid=8&sid=8"].concat();
        assert_eq!(find(&with, b"sid"), find(target, b"sid"));
    });
}

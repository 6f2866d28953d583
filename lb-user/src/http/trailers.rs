//! Trailers: which of them may be passed on.

use std::borrow::Cow;

use memchr::memchr;

use super::{fields::Name, forwarded};

/// Those of these lines that are for who gets the message, and that nobody may take for its header: RFC 9110, section 6.5.1, has
/// none about framing, routing, authentication or the form of the content there, and some programs merge both.
pub fn permitted(lines: &[u8]) -> Cow<'_, [u8]> {
    if split(lines).all(is_permitted) {
        return Cow::Borrowed(lines);
    }
    Cow::Owned(
        split(lines)
            .filter(|line| is_permitted(line))
            .flatten()
            .copied()
            .collect(),
    )
}

fn split(lines: &[u8]) -> impl Iterator<Item = &[u8]> {
    lines.split_inclusive(|byte| *byte == b'\n')
}

fn is_permitted(line: &[u8]) -> bool {
    let label = &line[..memchr(b':', line).unwrap_or(line.len())];
    let forbidden = [
        "authorization",
        "proxy-authorization",
        "content-encoding",
        "content-range",
        "content-type",
        "max-forwards",
    ];
    // For some programs, `_` and `-` are one.
    let plain: Vec<u8> = label
        .iter()
        .map(|byte| if *byte == b'_' { b'-' } else { *byte })
        .collect();
    Name::of(&plain) == Name::Other
        && !forwarded::Field::is_imitated_by(label)
        && !forbidden
            .iter()
            .any(|name| plain.eq_ignore_ascii_case(name.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_about_the_message_goes_on_and_what_would_change_it_does_not() {
        let good = b"X-Sum: 7\r\ngrpc-status: 0\r\n".as_slice();
        assert!(matches!(permitted(good), Cow::Borrowed(lines) if lines == good));
        assert!(permitted(b"").is_empty());
        for bad in [
            "Content-Length: 9",
            "content_length: 9",
            "Transfer-Encoding: chunked",
            "Host: evil",
            "X-Forwarded-For: 6.6.6.6",
            "X_Forwarded_For: 6.6.6.6",
            "Connection: close",
            "Authorization: Basic x",
            "Cookie: a=b",
            "Content-Type: text/html",
        ] {
            let all = [b"X-Sum: 7\r\n", bad.as_bytes(), b"\r\ngrpc-status: 0\r\n"].concat();
            assert_eq!(permitted(&all).as_ref(), good, "{bad}");
        }
    }
}

//! Heads that are right, and what is refused.

use super::*;

const LIMITS: Limits = Limits {
    bytes: 1000,
    fields: 5,
    target: 40,
};

fn request(text: &str) -> Result<Head, Malformed> {
    let mut head = Head::default();
    let end = Search::default().end(text.as_bytes(), &LIMITS)?;
    head.read_request(&text.as_bytes()[..end.expect("it is whole")], &LIMITS)?;
    Ok(head)
}

#[test]
fn a_request_is_its_parts() {
    let head =
        request("GET /a?b=c HTTP/1.1\r\nHost: example.com\r\nX-Thing:  two words \r\n\r\nbody").unwrap();
    assert_eq!(
        (head.method(), head.target()),
        (b"GET".as_slice(), b"/a?b=c".as_slice())
    );
    assert_eq!(head.version, Version::Http11);
    assert_eq!(head.values(Name::Host).collect::<Vec<_>>(), [b"example.com"]);
    let thing = head.fields[1];
    assert_eq!(thing.value.of(&head.bytes), b"two words");
    let line = Span {
        start: thing.label.start,
        end: thing.end,
    };
    assert_eq!(line.of(&head.bytes), b"X-Thing:  two words \r\n");
}

#[test]
fn what_requests_are_smuggled_by_is_refused() {
    for (what, text, error) in [
        (
            "a bare line feed",
            "GET / HTTP/1.1\nHost: a\r\n\r\n",
            Malformed::BareLineFeed,
        ),
        (
            "one at the end",
            "GET / HTTP/1.1\r\nHost: a\r\n\n",
            Malformed::BareLineFeed,
        ),
        (
            "a bare carriage return",
            "GET / HTTP/1.1\r\nHost: a\rb\r\n\r\n",
            Malformed::Syntax,
        ),
        (
            "a space before a colon",
            "GET / HTTP/1.1\r\nHost : a\r\n\r\n",
            Malformed::Syntax,
        ),
        (
            "a folded line",
            "GET / HTTP/1.1\r\nHost: a\r\n b\r\n\r\n",
            Malformed::Syntax,
        ),
        (
            "a space before the first field",
            "GET / HTTP/1.1\r\n Host: a\r\n\r\n",
            Malformed::Syntax,
        ),
        (
            "a field without colon",
            "GET / HTTP/1.1\r\nHost\r\n\r\n",
            Malformed::Syntax,
        ),
        (
            "an empty name",
            "GET / HTTP/1.1\r\n: a\r\n\r\n",
            Malformed::Syntax,
        ),
        (
            "a NUL in a value",
            "GET / HTTP/1.1\r\nHost: a\0\r\n\r\n",
            Malformed::Syntax,
        ),
        ("no version", "GET /\r\n\r\n", Malformed::Syntax),
        ("another version", "GET / HTTP/1.2\r\n\r\n", Malformed::Version),
        ("two spaces", "GET  / HTTP/1.1\r\n\r\n", Malformed::Syntax),
        (
            "many fields",
            "GET / HTTP/1.1\r\na:\r\na:\r\na:\r\na:\r\na:\r\na:\r\n\r\n",
            Malformed::TooManyFields,
        ),
        (
            "a long target",
            "GET /aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa HTTP/1.1\r\n\r\n",
            Malformed::TargetTooLong,
        ),
    ] {
        assert_eq!(request(text).err(), Some(error), "{what}");
    }
}

#[test]
fn a_head_is_found_however_it_is_cut() {
    let text = b"GET / HTTP/1.1\r\nHost: a\r\n\r\nrest";
    for cut in 0..text.len() {
        let mut search = Search::default();
        let first = search.end(&text[..cut], &LIMITS).unwrap();
        let end = search.end(text, &LIMITS).unwrap();
        assert_eq!(end, Some(text.len() - 4), "cut at {cut}");
        assert_eq!(first.is_some(), cut >= text.len() - 4);
    }
}

#[test]
fn a_head_without_end_is_too_large() {
    let long = [b'a'; 1000];
    let end = |text: &[u8]| Search::default().end(text, &LIMITS);
    assert_eq!(
        end(&[b"GET / HTTP/1.1\r\n", &long[..]].concat()),
        Err(Malformed::TooLarge)
    );
    assert_eq!(
        end(&long),
        Err(Malformed::TargetTooLong),
        "it is still the first line"
    );
    assert_eq!(end(&long[..999]), Ok(None));
}

#[test]
fn of_what_is_no_request_method_and_target_are_salvaged() {
    let mut head = Head::default();
    for (text, method, target) in [
        ("GET /a HTTP/1.1\r\nHost : a\r\n\r\n", "GET", "/a"),
        ("GET /a b HTTP/1.1\r\n", "GET", "/a"),
        ("nonsense\r\n\r\n", "nonsense", ""),
        ("", "", ""),
    ] {
        head.salvage(text.as_bytes());
        assert_eq!(
            (head.method(), head.target()),
            (method.as_bytes(), target.as_bytes()),
            "{text}"
        );
    }
    head.salvage(&[b"GET /".as_slice(), &[b'a'; 1000]].concat());
    assert_eq!(head.target().len(), 512);
}

#[test]
fn a_response_is_its_parts() {
    let mut head = Head::default();
    let text = b"HTTP/1.0 404 Not Found\r\nContent-Length: 0\r\n\r\n";
    head.read_response(text, &LIMITS).unwrap();
    assert_eq!((head.status, head.version), (404, Version::Http10));
    assert_eq!(head.method(), b"Not Found");
    head.read_response(b"HTTP/1.1 200\r\n\r\n", &LIMITS).unwrap();
    assert_eq!((head.status, head.method()), (200, b"".as_slice()));
}

#[test]
fn what_connection_names_stays_on_the_connection() {
    let head = request(
        "GET / HTTP/1.1\r\nConnection: close, X-Own\r\nx-own: 1\r\nx-other: 2\r\nte: trailers\r\n\r\n",
    )
    .unwrap();
    let kept: Vec<&[u8]> = head
        .end_to_end()
        .map(|field| field.label.of(&head.bytes))
        .collect();
    assert_eq!(kept, [b"x-other"]);
}

#[test]
fn what_the_proxy_itself_goes_by_is_not_taken_away_by_connection() {
    let head = request(
        "POST / HTTP/1.1\r\nConnection: content-length, host, cookie, x-own\r\nhost: a\r\ncontent-length: 1\r\nx-own: 1\r\n\
         cookie: a=b\r\n\r\n",
    )
    .unwrap();
    let kept: Vec<&[u8]> = head
        .end_to_end()
        .map(|field| field.label.of(&head.bytes))
        .collect();
    assert_eq!(kept, [b"host".as_slice(), b"content-length", b"cookie"]);
}

#[test]
fn a_field_that_is_added_is_like_one_that_came() {
    let mut head = Head::default();
    head.push(b"Host", b"a");
    assert_eq!(head.values(Name::Host).collect::<Vec<_>>(), [b"a"]);
    assert_eq!(head.bytes, b"Host: a\r\n");
    assert_eq!(head.fields[0].end, 9);
}

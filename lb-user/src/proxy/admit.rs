//! The first look at a request: whether it is one that may be passed on at all.

use super::fault::Fault;
use crate::http::{
    fields::{Name, Span},
    forwarded::HttpVersion,
    framing::{self, Framing},
    head::{Head, Version},
    host::{Authority, LONGEST_HOST},
    upgrade,
};

/// What a request asks of its connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Admitted {
    /// How its body ends.
    pub(super) framing: Framing,
    /// Whether the connection is to last beyond the response.
    pub(super) keep_alive: bool,
    /// Whether it asks for another protocol on the connection.
    pub(super) is_upgrade: bool,
    /// The host that it asks for, where that is not in its `Host`.
    pub(super) authority: Option<Span>,
    /// Path and query.
    pub(super) path: Span,
    /// What the client speaks.
    pub(super) version: HttpVersion,
}

impl Admitted {
    /// The path that a request asks for, without the query.
    pub(super) fn path<'h>(&self, head: &'h Head) -> &'h [u8] {
        let path = self.path.of(&head.bytes);
        let end = memchr::memchr(b'?', path).unwrap_or(path.len());
        &path[..end]
    }
}

/// Admits a request, or says what is wrong with it.
pub(super) fn admit(head: &Head, most_body: Option<u64>) -> Result<Admitted, Fault> {
    if head.method() == b"CONNECT" {
        return Err(Fault::Connect);
    }
    let framing = framing::of_request(head)?;
    if let (Framing::Length(length), Some(most)) = (framing, most_body)
        && length > most
    {
        return Err(Fault::BodyTooLarge);
    }
    let mut hosts = head.values(Name::Host);
    let host = hosts.next();
    if hosts.next().is_some() || (host.is_none() && head.version == Version::Http11) {
        return Err(Fault::Host);
    }
    if !host.is_none_or(is_host) {
        return Err(Fault::Host);
    }
    let (authority, path) = parts(head)?;
    let keep_alive = match head.version {
        Version::Http11 => !head.lists(Name::Connection, b"close"),
        Version::Http10 => head.lists(Name::Connection, b"keep-alive"),
    };
    let is_upgrade = head.version == Version::Http11
        && matches!(framing, Framing::None | Framing::Length(0))
        && head.lists(Name::Connection, b"upgrade")
        && upgrade::protocols(head).next().is_some();
    Ok(Admitted {
        framing,
        keep_alive,
        is_upgrade,
        authority,
        path,
        version: match head.version {
            Version::Http10 => HttpVersion::Http10,
            Version::Http11 => HttpVersion::Http11,
        },
    })
}

/// Host and path of a target (RFC 9112, section 3.2).
fn parts(head: &Head) -> Result<(Option<Span>, Span), Fault> {
    let target = head.target();
    // Section 3.2.1: a fragment is for the client alone. Who is to have one reads another path in it.
    if memchr::memchr(b'#', target).is_some() {
        return Err(Fault::Target);
    }
    if target.first() == Some(&b'/') || (target == b"*" && head.method() == b"OPTIONS") {
        return Ok((None, head.target));
    }
    let scheme = [b"http://".as_slice(), b"https://"]
        .into_iter()
        .find(|scheme| {
            target
                .get(..scheme.len())
                .is_some_and(|start| start.eq_ignore_ascii_case(scheme))
        })
        .ok_or(Fault::Target)?;
    let rest = &target[scheme.len()..];
    let length = rest
        .iter()
        .position(|byte| matches!(byte, b'/' | b'?'))
        .unwrap_or(rest.len());
    if length == 0 || !is_host(&rest[..length]) {
        return Err(Fault::Target);
    }
    let start = head.target.start + scheme.len() as u32;
    let end = start + length as u32;
    let path = Span {
        start: end,
        end: head.target.end,
    };
    Ok((Some(Span { start, end }), path))
}

/// Whether a value names a host and a port (RFC 9110, section 7.2), by the same rules as policies read it: what these could not
/// read would pass them by. Empty is allowed there.
fn is_host(value: &[u8]) -> bool {
    value.is_empty() || Authority::parse(value, &mut [0; LONGEST_HOST]).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::head::{Limits, Search};

    fn head(text: &str) -> Head {
        let limits = Limits {
            bytes: 4096,
            fields: 32,
            target: 1024,
        };
        let mut head = Head::default();
        let end = Search::default().end(text.as_bytes(), &limits).unwrap().unwrap();
        head.read_request(&text.as_bytes()[..end], &limits).unwrap();
        head
    }

    fn status(text: &str) -> Option<u16> {
        admit(&head(text), Some(100)).err()?.status()
    }

    #[test]
    fn a_request_needs_one_host() {
        assert_eq!(status("GET / HTTP/1.1\r\nHost: a\r\n\r\n"), None);
        assert_eq!(status("GET / HTTP/1.0\r\n\r\n"), None);
        for text in [
            "GET / HTTP/1.1\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a b\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: user@a\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a:99999\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a:80a\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a,b\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a..\r\n\r\n",
            "GET http://a:99999/ HTTP/1.1\r\nHost: a\r\n\r\n",
        ] {
            assert_eq!(status(text), Some(400), "{text}");
        }
    }

    #[test]
    fn a_target_is_a_path_or_names_a_host_too() {
        let parts = |text| {
            let head = head(text);
            let admitted = admit(&head, None).unwrap();
            let authority = admitted.authority.map(|span| span.of(&head.bytes).to_vec());
            let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
            (
                authority.map(|host| text(&host)),
                text(admitted.path.of(&head.bytes)),
            )
        };
        let path = |path: &str| path.to_owned();
        assert_eq!(
            parts("GET /a?b HTTP/1.1\r\nHost: a\r\n\r\n"),
            (None, path("/a?b"))
        );
        assert_eq!(parts("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n"), (None, path("*")));
        assert_eq!(
            parts("GET HTTP://b:80/a HTTP/1.1\r\nHost: a\r\n\r\n"),
            (Some(path("b:80")), path("/a"))
        );
        assert_eq!(
            parts("GET http://b?c HTTP/1.1\r\nHost: a\r\n\r\n"),
            (Some(path("b")), path("?c"))
        );
        for target in [
            "*",
            "a",
            "http:///a",
            "ftp://b/",
            "http://u@b/",
            "b:80",
            "/a#b",
            "http://b#c",
        ] {
            let text = format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n");
            assert_eq!(status(&text), Some(400), "{target}");
        }
    }

    #[test]
    fn connections_last_as_their_version_says() {
        let keeps = |text| admit(&head(text), None).unwrap().keep_alive;
        assert!(keeps("GET / HTTP/1.1\r\nHost: a\r\n\r\n"));
        assert!(!keeps(
            "GET / HTTP/1.1\r\nHost: a\r\nConnection: x, Close\r\n\r\n"
        ));
        assert!(!keeps("GET / HTTP/1.0\r\n\r\n"));
        assert!(keeps("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n"));
    }

    #[test]
    fn what_is_too_large_and_what_is_not_for_us_is_refused() {
        assert_eq!(
            status("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 101\r\n\r\n"),
            Some(413)
        );
        assert_eq!(status("CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n"), Some(405));
    }
}

//! Responses of the balancer's own.

use std::io::Write as _;

use crate::http::head::{Head, Version};

/// A response of the balancer's own.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Own {
    pub(super) status: u16,
    /// Where the client is sent: a URL, with visible characters of ASCII only.
    pub(super) location: Option<Vec<u8>>,
}

/// What a request says of the form of its response.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Asked {
    pub(super) version: Version,
    pub(super) body: Body,
}

/// Whether a response has its body.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Body {
    Sent,
    /// There is none in a response to HEAD (RFC 9110, section 9.3.2): what followed would be the next response.
    LeftOut,
}

impl Body {
    /// Of the response to a request of this method.
    pub(super) fn of(method: &[u8]) -> Self {
        if method == b"HEAD" {
            Self::LeftOut
        } else {
            Self::Sent
        }
    }
}

impl Asked {
    /// Of a request that was read.
    pub(super) fn by(head: &Head) -> Self {
        Self {
            version: head.version,
            body: Body::of(head.method()),
        }
    }

    /// Of one that could not be: the connection ends with its response.
    pub(super) const UNREAD: Self = Self {
        version: Version::Http11,
        body: Body::Sent,
    };
}

impl Own {
    /// One that sends nobody elsewhere.
    pub(super) fn of(status: u16) -> Self {
        Self {
            status,
            location: None,
        }
    }

    /// The reason that goes with its status (RFC 9110, section 15).
    fn reason(&self) -> &'static str {
        match self.status {
            301 => "Moved Permanently",
            302 => "Found",
            303 => "See Other",
            307 => "Temporary Redirect",
            308 => "Permanent Redirect",
            400 => "Bad Request",
            403 => "Forbidden",
            405 => "Method Not Allowed",
            408 => "Request Timeout",
            413 => "Content Too Large",
            414 => "URI Too Long",
            431 => "Request Header Fields Too Large",
            502 => "Bad Gateway",
            503 => "Service Unavailable",
            504 => "Gateway Timeout",
            505 => "HTTP Version Not Supported",
            _ => "Error",
        }
    }

    /// What its body says.
    pub(super) fn text(&self) -> String {
        format!("{} {}\n", self.status, self.reason())
    }

    /// How long its body is, in bytes.
    pub(super) fn body_bytes(&self, body: Body) -> u64 {
        match body {
            Body::Sent => self.text().len() as u64,
            Body::LeftOut => 0,
        }
    }

    /// Its fields, as lines of HTTP/1, without `Date` and those of a connection.
    pub(super) fn lines(&self, out: &mut Vec<u8>) {
        // Writing to memory does not fail.
        let _ = write!(
            out,
            "Content-Type: text/plain\r\nContent-Length: {}\r\n",
            self.text().len()
        );
        // What holds for good, clients are to remember.
        if !matches!(self.status, 301 | 308) {
            out.extend_from_slice(b"Cache-Control: no-store\r\n");
        }
        // Of the methods that a target has, CONNECT is not one (RFC 9110, section 15.5.6).
        if self.status == 405 {
            out.extend_from_slice(b"Allow: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS, TRACE\r\n");
        }
        if let Some(location) = &self.location {
            out.extend_from_slice(b"Location: ");
            out.extend_from_slice(location);
            out.extend_from_slice(b"\r\n");
        }
    }

    /// Writes it as a whole response of HTTP/1, with the line that says the date.
    pub(super) fn write(
        &self,
        asked: Asked,
        keep_alive: bool,
        date: impl FnOnce(&mut Vec<u8>),
        out: &mut Vec<u8>,
    ) {
        let _ = write!(out, "HTTP/1.1 {} {}\r\n", self.status, self.reason());
        date(out);
        self.lines(out);
        out.extend_from_slice(match (asked.version, keep_alive) {
            (Version::Http11, true) | (Version::Http10, false) => b"",
            (Version::Http11, false) => b"Connection: close\r\n",
            (Version::Http10, true) => b"Connection: keep-alive\r\n",
        });
        out.extend_from_slice(b"\r\n");
        if asked.body == Body::Sent {
            out.extend_from_slice(self.text().as_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(own: &Own, method: &str, version: Version, keep_alive: bool) -> String {
        let asked = Asked {
            version,
            body: Body::of(method.as_bytes()),
        };
        let mut out = Vec::new();
        let date = |out: &mut Vec<u8>| out.extend_from_slice(b"Date: now\r\n");
        own.write(asked, keep_alive, date, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_response_says_what_it_is_and_is_not_kept() {
        assert_eq!(
            written(&Own::of(503), "GET", Version::Http11, true),
            "HTTP/1.1 503 Service Unavailable\r\nDate: now\r\nContent-Type: text/plain\r\nContent-Length: 24\r\n\
             Cache-Control: no-store\r\n\r\n503 Service Unavailable\n"
        );
    }

    #[test]
    fn a_response_to_head_has_no_body() {
        let with = written(&Own::of(403), "GET", Version::Http11, true);
        let without = written(&Own::of(403), "HEAD", Version::Http11, true);
        assert_eq!(format!("{without}403 Forbidden\n"), with);
    }

    #[test]
    fn what_becomes_of_the_connection_is_said_where_it_has_to_be() {
        for (version, keep_alive, says) in [
            (Version::Http11, true, None),
            (Version::Http11, false, Some("\r\nConnection: close\r\n")),
            (Version::Http10, true, Some("\r\nConnection: keep-alive\r\n")),
            (Version::Http10, false, None),
        ] {
            let written = written(&Own::of(403), "GET", version, keep_alive);
            assert_eq!(
                written.contains("Connection"),
                says.is_some(),
                "{version:?} {keep_alive}"
            );
            assert!(written.contains(says.unwrap_or_default()), "{written}");
        }
    }

    #[test]
    fn a_redirection_names_its_place_and_is_remembered_where_it_holds_for_good() {
        for (status, is_kept) in [(301, true), (302, false), (303, false), (307, false), (308, true)] {
            let own = Own {
                status,
                location: Some(b"https://a/b".to_vec()),
            };
            let written = written(&own, "GET", Version::Http11, true);
            assert!(written.contains("\r\nLocation: https://a/b\r\n"), "{written}");
            assert_eq!(!written.contains("no-store"), is_kept, "{written}");
            assert!(!written.contains("Error"), "{written}");
        }
    }
}

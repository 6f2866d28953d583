//! Responses of the balancer's own.

use std::io::Write as _;

use crate::http::head::Version;

/// The reason that goes with a status (RFC 9110, section 15).
pub(super) fn reason(status: u16) -> &'static str {
    match status {
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

/// What the body of such a response says.
pub(super) fn text(status: u16) -> String {
    format!("{status} {}\n", reason(status))
}

/// Writes a whole response of HTTP/1.
pub(super) fn write(status: u16, version: Version, keep_alive: bool, out: &mut Vec<u8>) {
    let body = text(status);
    let connection = match (version, keep_alive) {
        (Version::Http11, true) | (Version::Http10, false) => "",
        (Version::Http11, false) => "Connection: close\r\n",
        (Version::Http10, true) => "Connection: keep-alive\r\n",
    };
    // Of the methods that a target has, CONNECT is not one (RFC 9110, section 15.5.6).
    let allow = if status == 405 {
        "Allow: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS, TRACE\r\n"
    } else {
        ""
    };
    // Writing to memory does not fail.
    let _ = write!(
        out,
        "HTTP/1.1 {status} {}\r\nContent-Type: text/plain\r\nContent-Length: {}\r\nCache-Control: no-store\r\n{allow}{connection}\r\n{body}",
        reason(status),
        body.len(),
    );
}

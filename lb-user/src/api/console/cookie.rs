//! The cookie by which a browser shows who has signed in: a token like those of the identity service.

use axum::http::{HeaderMap, HeaderValue, header::COOKIE};

use crate::api::list::origin;

/// What it is called over TLS: so that browsers take it from nobody else, and send it nowhere else (RFC 6265bis, section 4.1.3.2).
const SECURE: &str = "__Host-holdfast-console";
/// The same at a loopback address, without TLS.
const PLAIN: &str = "holdfast-console";

fn is_secure(headers: &HeaderMap) -> bool {
    origin(headers).starts_with("https:")
}

/// Browsers keep the cookies of a host for all of its ports together: each port has its own, so that consoles of several daemons,
/// such as behind tunnels, do not sign each other out.
fn name(headers: &HeaderMap) -> String {
    let name = if is_secure(headers) { SECURE } else { PLAIN };
    let origin = origin(headers);
    let port = origin
        .rsplit(':')
        .next()
        .and_then(|port| port.parse::<u16>().ok());
    port.map_or_else(|| name.to_owned(), |port| format!("{name}-{port}"))
}

/// The token that a request has in its cookie.
pub(in crate::api) fn of(headers: &HeaderMap) -> Option<String> {
    let name = name(headers);
    let lines = headers
        .get_all(COOKIE)
        .iter()
        .filter_map(|line| line.to_str().ok());
    let mut pairs = lines.flat_map(|line| line.split(';')).map(str::trim);
    let value = pairs.find_map(|pair| pair.strip_prefix(name.as_str())?.strip_prefix('='))?;
    (!value.is_empty()).then(|| value.to_owned())
}

/// Has the browser keep a token for so many seconds; for none, forget it.
pub(super) fn kept(token: &str, age_s: i64, headers: &HeaderMap) -> Option<HeaderValue> {
    let name = name(headers);
    let secure = if is_secure(headers) { "; Secure" } else { "" };
    let cookie = format!("{name}={token}; Path=/; Max-Age={age_s}; HttpOnly; SameSite=Strict{secure}");
    HeaderValue::from_str(&cookie).ok()
}

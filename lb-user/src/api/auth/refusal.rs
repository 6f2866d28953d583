//! Why somebody is not let in, as clients want to hear it.

use std::time::Duration;

use axum::{
    http::{
        HeaderMap, HeaderName, HeaderValue, StatusCode,
        header::{RETRY_AFTER, WWW_AUTHENTICATE},
    },
    response::Response,
};
use serde_json::json;

use crate::api::{answer, console, list::origin};

/// Why somebody is not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::api) enum Refusal {
    /// They do not say who they are, or not rightly.
    Unknown,
    /// Somebody at their address has failed too often: after this time they may try again.
    TooMany(Duration),
    /// Too many others are being looked at.
    Busy,
}

/// An answer of the identity service, which speaks of errors in its own way.
pub(in crate::api) fn error(status: StatusCode, message: &str) -> Response {
    let title = status.canonical_reason().unwrap_or_default();
    answer::json_of(
        status,
        &json!({"error": {"code": status.as_u16(), "title": title, "message": message}}),
    )
}

impl Refusal {
    /// What is answered to a request with these headers.
    pub(in crate::api) fn to(self, headers: &HeaderMap) -> Response {
        match self {
            Self::Unknown => {
                let mut response = error(
                    StatusCode::UNAUTHORIZED,
                    "The request you have made requires authentication.",
                );
                // The first is what the service's own clients look for, the second what all others know.
                let ours = format!("Keystone uri=\"{}/identity/v3\"", origin(headers));
                with(&mut response, &WWW_AUTHENTICATE, &ours);
                // The console asks for the password itself: by this browsers would, over it.
                if !console::is_of_a_browser(headers) {
                    let known = "Basic realm=\"holdfast\", charset=\"UTF-8\"";
                    with(&mut response, &WWW_AUTHENTICATE, known);
                }
                response
            }
            Self::TooMany(wait) => {
                let wait_s = wait.as_secs_f64().ceil().max(1.0);
                let message = format!(
                    "Passwords or tokens from your address were wrong too often; try again in {wait_s} s."
                );
                let mut response = error(StatusCode::TOO_MANY_REQUESTS, &message);
                with(&mut response, &RETRY_AFTER, &wait_s.to_string());
                response
            }
            Self::Busy => {
                let message = "Too many passwords are being verified; try again in a second.";
                let mut response = error(StatusCode::SERVICE_UNAVAILABLE, message);
                with(&mut response, &RETRY_AFTER, "1");
                response
            }
        }
    }
}

fn with(response: &mut Response, name: &HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().append(name, value);
    }
}

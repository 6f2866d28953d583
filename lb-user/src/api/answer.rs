//! What is answered.

use axum::{
    body::Body,
    http::{
        HeaderValue, StatusCode,
        header::{CACHE_CONTROL, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS},
    },
    response::{IntoResponse, Response},
};
use serde::Serialize;
use serde_json::json;
use uuid::Uuid;

use crate::objects::{Fault, Shape};

impl IntoResponse for Fault {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut fault = match self.shape {
            Shape::Faultstring => json!({
                "faultcode": if status.is_server_error() { "Server" } else { "Client" },
                "faultstring": self.text,
                "debuginfo": null,
            }),
            Shape::Description(title) => json!({
                "code": self.status,
                "title": title,
                "description": self.text,
            }),
        };
        // The service says so in words alone.
        if let Some(field) = self.field {
            fault["field"] = field.into();
        }
        json_of(status, &fault)
    }
}

/// An answer in JSON.
pub(super) fn json_of(status: StatusCode, value: &impl Serialize) -> Response {
    match serde_json::to_vec(value) {
        Ok(body) => with_body(status, body.into()),
        Err(error) => {
            tracing::error!("an answer cannot be written as JSON: {error}");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

/// An answer of this body, which is JSON.
pub(super) fn with_body(status: StatusCode, body: Body) -> Response {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(CONTENT_TYPE, json);
    response
}

pub(super) async fn not_found() -> Fault {
    Fault::described(
        404,
        "Not Found",
        "There is nothing at this address; the API is at /v2.0/lbaas.",
    )
}

pub(super) async fn method_not_allowed() -> Fault {
    Fault::described(405, "Method Not Allowed", "This cannot be done at this address.")
}

/// Gives an answer what all have, unless it has another one: the number by which it can be spoken of, under the name that
/// clients know; and that nobody keeps it, or takes it for something else.
pub(super) async fn with_usual_headers(mut response: Response) -> Response {
    let headers = response.headers_mut();
    let id = format!("req-{}", Uuid::new_v4());
    if let Ok(id) = HeaderValue::from_str(&id) {
        headers.entry("x-openstack-request-id").or_insert(id);
    }
    for (name, value) in [(CACHE_CONTROL, "no-store"), (X_CONTENT_TYPE_OPTIONS, "nosniff")] {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    response
}

//! As much of the identity service (Keystone, v3) as clients need to get a token for a password, and to find projects.

mod projects;
mod tokens;

pub(super) use tokens::{SUBJECT, written};

use axum::{
    Router,
    http::{HeaderMap, StatusCode},
    response::Response,
    routing::get,
};
use serde_json::{Value as Json, json};

use super::{Shared, answer, list::origin};

/// The only domain.
const DOMAIN: (&str, &str) = ("default", "Default");

pub(super) fn routes() -> Router<Shared> {
    let identity = Router::new().merge(projects::routes()).merge(tokens::routes());
    Router::new()
        .route("/identity", get(versions))
        .route("/identity/", get(versions))
        .route("/identity/v3", get(version))
        .route("/identity/v3/", get(version))
        .nest("/identity/v3", identity)
}

/// Projects, where clients look that have no catalog: right below what they were given for an endpoint.
pub(super) fn beside() -> Router<Shared> {
    Router::new()
        .merge(projects::routes())
        .nest("/v2.0", projects::routes())
        .nest("/v2", projects::routes())
}

fn v3(headers: &HeaderMap) -> Json {
    let href = format!("{}/identity/v3/", origin(headers));
    json!({
        "id": "v3.14",
        "status": "stable",
        "updated": "2020-04-07T00:00:00Z",
        "links": [{"rel": "self", "href": href}],
        "media-types": [],
    })
}

async fn versions(headers: HeaderMap) -> Response {
    let versions = json!({"versions": {"values": [v3(&headers)]}});
    answer::json_of(StatusCode::MULTIPLE_CHOICES, &versions)
}

async fn version(headers: HeaderMap) -> Response {
    answer::json_of(StatusCode::OK, &json!({"version": v3(&headers)}))
}

fn domain() -> Json {
    json!({"id": DOMAIN.0, "name": DOMAIN.1})
}

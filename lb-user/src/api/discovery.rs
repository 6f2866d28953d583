//! What the service says of itself before anything is asked of it.

use axum::{
    Router,
    extract::OriginalUri,
    http::{HeaderMap, StatusCode, Uri},
    response::Response,
    routing::get,
};
use serde_json::{Value as Json, json};

use super::{Shared, answer, list::origin};

/// The last of the versions from v2.0 that it speaks, and when each was made.
const UPDATED: [&str; 31] = [
    "2016-12-11T00:00:00Z",
    "2018-04-20T00:00:00Z",
    "2018-07-31T00:00:00Z",
    "2018-12-18T00:00:00Z",
    "2018-12-19T00:00:00Z",
    "2019-01-21T00:00:00Z",
    "2019-01-25T00:00:00Z",
    "2018-01-25T12:00:00Z",
    "2019-02-12T00:00:00Z",
    "2019-03-04T00:00:00Z",
    "2019-03-05T00:00:00Z",
    "2019-06-24T00:00:00Z",
    "2019-09-11T00:00:00Z",
    "2019-09-13T00:00:00Z",
    "2019-11-10T00:00:00Z",
    "2020-03-10T00:00:00Z",
    "2020-03-15T00:00:00Z",
    "2020-04-29T00:00:00Z",
    "2020-04-29T01:00:00Z",
    "2020-05-12T00:00:00Z",
    "2020-08-02T00:00:00Z",
    "2020-09-03T00:00:00Z",
    "2020-09-04T00:00:00Z",
    "2020-09-07T00:00:00Z",
    "2020-10-15T00:00:00Z",
    "2021-10-02T00:00:00Z",
    "2022-08-29T00:00:00Z",
    "2023-05-05T00:00:00Z",
    "2023-11-08T00:00:00Z",
    "2024-10-15T00:00:00Z",
    "2025-02-26T00:00:00Z",
];

pub(super) fn routes() -> Router<Shared> {
    Router::new()
        .route("/", get(versions))
        .route("/v2", get(version))
        .route("/v2.0", get(version))
        .route("/v2/lbaas", get(version))
        .route("/v2.0/lbaas", get(version))
}

/// Where the API is, as the client has written it.
fn base(headers: &HeaderMap, uri: &Uri) -> String {
    let prefix = if uri.path().starts_with("/load-balancer") {
        "/load-balancer"
    } else {
        ""
    };
    format!("{}{prefix}/v2", origin(headers))
}

/// The service answers with a string here, `"v2"`, which the usual clients break at; what they look for is this.
async fn version(headers: HeaderMap, OriginalUri(uri): OriginalUri) -> Response {
    let href = format!("{}.0", base(&headers, &uri));
    let version = json!({
        "id": "v2.0",
        "status": "CURRENT",
        "links": [{"href": href, "rel": "self"}],
    });
    answer::json_of(StatusCode::OK, &json!({ "version": version }))
}

async fn versions(headers: HeaderMap, OriginalUri(uri): OriginalUri) -> Response {
    let href = base(&headers, &uri);
    let last = UPDATED.len() - 1;
    let versions: Vec<Json> = UPDATED
        .iter()
        .enumerate()
        .map(|(minor, updated)| {
            json!({
                "id": format!("v2.{minor}"),
                "status": if minor == last { "CURRENT" } else { "SUPPORTED" },
                "updated": updated,
                "links": [{"href": href, "rel": "self"}],
            })
        })
        .collect();
    answer::json_of(StatusCode::OK, &json!({ "versions": versions }))
}

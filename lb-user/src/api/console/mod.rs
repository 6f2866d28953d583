//! The web console: pages that ask the same API as all other clients, for people who have signed in.
//!
//! ```text
//! browser -> assets (anybody) -> session (a password or a token becomes a cookie) -> API (the cookie says who asks)
//! ```

mod assets;
mod cookie;
mod origin;
mod session;

use std::sync::Arc;

use axum::{
    Router,
    extract::Request,
    http::{HeaderName, HeaderValue, Method, header::ACCEPT},
    middleware::{Next, from_fn, map_response},
    response::{IntoResponse as _, Redirect, Response},
    routing::get,
};

use super::Api;
pub(super) use cookie::of as cookie_of;
pub(super) use origin::{check_change, check_local, is_of_a_browser};

/// What each request of the console has, and no page of anybody else can send along.
pub(super) const MARK: &str = "x-holdfast-console";

/// Where it is.
const AT: &str = "/console/";

/// What browsers are told of everything that comes from here.
const HEADERS: [(&str, &str); 6] = [
    (
        "content-security-policy",
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; \
         base-uri 'none'; frame-ancestors 'none'",
    ),
    ("x-frame-options", "DENY"),
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "no-referrer"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
];

/// The console, and the API behind it.
pub(super) fn before(api: &Arc<Api>, guarded: Router) -> Router {
    let session = Router::new().route(
        "/console/session",
        get(session::show)
            .post(session::sign_in)
            .delete(session::sign_out),
    );
    Router::new()
        .route("/console", get(async || Redirect::permanent(AT)))
        .route(AT, get(assets::index))
        .route("/console/{*path}", get(assets::asset))
        .merge(session)
        .with_state(Arc::clone(api))
        .layer(map_response(hardened))
        .fallback_service(guarded.layer(from_fn(people_to_pages)))
}

/// Browsers that are given the address of the API want to see something.
async fn people_to_pages(request: Request, next: Next) -> Response {
    let accept = request
        .headers()
        .get(ACCEPT)
        .and_then(|accept| accept.to_str().ok());
    let is_for_people = accept.is_some_and(|accept| accept.contains("text/html"));
    if is_for_people && request.method() == Method::GET && request.uri().path() == "/" {
        return Redirect::to(AT).into_response();
    }
    next.run(request).await
}

async fn hardened(mut response: Response) -> Response {
    for (name, value) in HEADERS {
        let name = HeaderName::from_static(name);
        response
            .headers_mut()
            .insert(name, HeaderValue::from_static(value));
    }
    response
}

//! The files of the console, which the program has in it (`build.rs`).

use axum::{
    body::Body,
    extract::Path,
    http::{
        HeaderMap, HeaderValue, StatusCode,
        header::{CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, ETAG, IF_NONE_MATCH, VARY},
    },
    response::{IntoResponse as _, Response},
};

use crate::api::negotiation::takes_gzip;

/// A file.
struct Asset {
    /// Below the console.
    path: &'static str,
    content_type: &'static str,
    /// Another one for other content.
    etag: &'static str,
    plain: &'static [u8],
    gzip: &'static [u8],
}

include!(concat!(env!("OUT_DIR"), "/console.rs"));

pub(super) async fn index(headers: HeaderMap) -> Response {
    asset(Path("index.html".to_owned()), headers).await
}

pub(super) async fn asset(Path(path): Path<String>, headers: HeaderMap) -> Response {
    let Some(asset) = ASSETS.iter().find(|asset| asset.path == path) else {
        return (StatusCode::NOT_FOUND, "There is nothing at this address.\n").into_response();
    };
    let header = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let is_known = header(&IF_NONE_MATCH).is_some_and(|known| known.contains(asset.etag));
    let takes_gzip = takes_gzip(&headers);
    let (status, body) = match (is_known, takes_gzip) {
        (true, _) => (StatusCode::NOT_MODIFIED, Body::empty()),
        (false, true) => (StatusCode::OK, Body::from(asset.gzip)),
        (false, false) => (StatusCode::OK, Body::from(asset.plain)),
    };
    let mut response = (status, body).into_response();
    let mut has = |name, value: &'static str| {
        response
            .headers_mut()
            .insert(name, HeaderValue::from_static(value));
    };
    has(CONTENT_TYPE, asset.content_type);
    has(ETAG, asset.etag);
    has(VARY, "accept-encoding");
    // The next daemon may have others: what a browser has is asked for again, and not sent again.
    has(CACHE_CONTROL, "no-cache");
    if takes_gzip && !is_known {
        has(CONTENT_ENCODING, "gzip");
    }
    response
}

//! Signing in and out.

use axum::{
    Extension,
    body::Body,
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, header::SET_COOKIE},
    response::{IntoResponse as _, Response},
};
use serde::Deserialize;
use serde_json::json;
use time::OffsetDateTime;

use super::{cookie, origin};
use crate::{
    api::{
        Shared, answer,
        auth::{Admitted, CONSOLE_LIFE, Credential, Issued, Peer, Refusal, error, small_body},
        identity::written,
    },
    model::{ApiRole, Word as _},
    objects::DEFAULT_PROJECT,
};

/// What somebody signs in by.
#[derive(Deserialize)]
#[serde(untagged)]
enum Shown {
    Password { name: String, password: String },
    Token { token: String },
}

impl Shown {
    fn credential(self) -> Option<Credential> {
        match self {
            Self::Password { name, password } => Credential::password(&name, &password),
            Self::Token { token } => Credential::token(&token),
        }
    }
}

/// Who has signed in; nobody, which is an answer like any other.
pub(super) async fn show(State(api): State<Shared>, headers: HeaderMap) -> Response {
    if !api.access.is_required() {
        return match origin::check_local(&headers) {
            Ok(()) => shown(StatusCode::OK, None),
            Err(fault) => fault.into_response(),
        };
    }
    let issued = cookie::of(&headers).and_then(|token| api.access.issued(&token));
    match issued {
        Some(issued) => shown(StatusCode::OK, Some(&issued)),
        None => answer::json_of(StatusCode::OK, &json!({"session": null})),
    }
}

/// What is told of a session; none: nobody has to sign in.
fn shown(status: StatusCode, issued: Option<&Issued>) -> Response {
    let session = match issued {
        Some(Issued {
            admitted, expires_at, ..
        }) => json!({
            "name": admitted.person.name,
            "project_id": admitted.project_id,
            "role": admitted.person.role.word(),
            "auth": "required",
            "expires_at": written(*expires_at),
        }),
        None => json!({
            "name": "anybody",
            "project_id": DEFAULT_PROJECT,
            "role": ApiRole::Admin.word(),
            "auth": "none",
            "expires_at": null,
        }),
    };
    answer::json_of(status, &json!({ "session": session }))
}

pub(super) async fn sign_in(
    State(api): State<Shared>,
    peer: Option<Extension<Peer>>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    if let Err(fault) = origin::check_change(&headers) {
        return fault.into_response();
    }
    let body = match small_body(body).await {
        Ok(body) => body,
        Err(refused) => return refused,
    };
    let Ok(given) = serde_json::from_slice::<Shown>(&body) else {
        let text = "Write {\"name\": ..., \"password\": ...} or {\"token\": ...}.";
        return error(StatusCode::BAD_REQUEST, text);
    };
    // Who has a token for an hour has no more by this.
    let before = match &given {
        Shown::Token { token } => api.access.issued(token),
        Shown::Password { .. } => None,
    };
    let Some(credential) = given.credential() else {
        return Refusal::Unknown.to(&headers);
    };
    let peer = peer.map(|Extension(peer)| peer);
    match api.access.authenticate(credential, peer).await {
        Ok(admitted) => signed_in(&api, admitted, before.as_ref(), &headers),
        Err(refusal) => refusal.to(&headers),
    }
}

fn signed_in(api: &Shared, admitted: Admitted, before: Option<&Issued>, headers: &HeaderMap) -> Response {
    let issued = api.access.issue(admitted, CONSOLE_LIFE, before);
    let Some((token, issued)) = issued else {
        return error(StatusCode::INTERNAL_SERVER_ERROR, "There are no random numbers.");
    };
    // A session before this one has ended.
    end(api, headers);
    let age_s = (issued.expires_at - OffsetDateTime::now_utc()).whole_seconds();
    with_cookie(
        shown(StatusCode::CREATED, Some(&issued)),
        cookie::kept(&token, age_s, headers),
    )
}

fn end(api: &Shared, headers: &HeaderMap) {
    if let Some(token) = cookie::of(headers) {
        api.access.revoke(&token);
    }
}

fn with_cookie(mut response: Response, cookie: Option<HeaderValue>) -> Response {
    if let Some(cookie) = cookie {
        response.headers_mut().insert(SET_COOKIE, cookie);
    }
    response
}

pub(super) async fn sign_out(State(api): State<Shared>, headers: HeaderMap) -> Response {
    if let Err(fault) = origin::check_change(&headers) {
        return fault.into_response();
    }
    end(&api, &headers);
    let forgotten = cookie::kept("", 0, &headers);
    with_cookie(StatusCode::NO_CONTENT.into_response(), forgotten)
}

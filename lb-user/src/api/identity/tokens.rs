//! A token for a password.

use axum::{
    Extension, Router,
    body::Body,
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode},
    response::{IntoResponse as _, Response},
    routing::{get, post},
};
use serde_json::{Value as Json, json};
use time::{OffsetDateTime, format_description::BorrowedFormatItem, macros::format_description};
use uuid::Uuid;

use super::{DOMAIN, domain, projects::project};
use crate::api::{
    Caller, Role, Shared, answer,
    auth::{Admitted, Credential, Issued, Peer, Refusal, TOKEN_LIFE, error, small_body},
    list::origin,
};

pub(in crate::api) const SUBJECT: &str = "x-subject-token";
/// The services that are here, and where.
const SERVICES: [(&str, &str); 3] = [
    ("identity", "/identity"),
    ("load-balancer", "/load-balancer"),
    ("network", "/network"),
];
const REGION: &str = "RegionOne";
const FORMAT: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].000000Z");

pub(super) fn routes() -> Router<Shared> {
    Router::new()
        .route("/auth/tokens", post(issue).get(show).delete(revoke))
        .route("/auth/catalog", get(catalog_alone))
        .route("/auth/projects", get(own_projects))
}

async fn issue(
    State(api): State<Shared>,
    peer: Option<Extension<Peer>>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let body = match small_body(body).await {
        Ok(body) => body,
        Err(refused) => return refused,
    };
    let request: Json = serde_json::from_slice(&body).unwrap_or_default();
    let Some(auth) = request.get("auth").filter(|auth| auth.is_object()) else {
        return error(StatusCode::BAD_REQUEST, "Expecting to find auth in request body.");
    };
    let peer = peer.map(|Extension(peer)| peer);
    let identified = identified(&api, &auth["identity"], peer).await;
    let issued = identified.and_then(|(admitted, before)| {
        let admitted = scoped(admitted, auth.get("scope"))?;
        Ok(api.access.issue(admitted, TOKEN_LIFE, before.as_ref()))
    });
    let method = auth["identity"]["methods"][0].as_str().unwrap_or("password");
    match issued {
        Ok(Some((token, issued))) => {
            let mut response = answer::json_of(StatusCode::CREATED, &body_of(&issued, method, &headers));
            if let Ok(token) = HeaderValue::from_str(&token) {
                response.headers_mut().insert(SUBJECT, token);
            }
            response
        }
        Ok(None) => error(StatusCode::INTERNAL_SERVER_ERROR, "There are no random numbers."),
        Err(refusal) => refusal.to(&headers),
    }
}

/// Who it is of: by a password, or by a token, perhaps one that was given out before.
async fn identified(
    api: &Shared,
    identity: &Json,
    peer: Option<Peer>,
) -> Result<(Admitted, Option<Issued>), Refusal> {
    let methods = identity["methods"].as_array().map_or(&[][..], Vec::as_slice);
    let has = |method: &str| methods.iter().any(|given| given == method);
    if has("password") {
        let user = &identity["password"]["user"];
        if !is_ours(user.get("domain")) {
            return Err(Refusal::Unknown);
        }
        let called = user["name"].as_str().or(user["id"].as_str());
        let credential = called
            .zip(user["password"].as_str())
            .and_then(|(name, password)| Credential::password(name, password));
        let credential = credential.ok_or(Refusal::Unknown)?;
        return Ok((api.access.authenticate(credential, peer).await?, None));
    }
    let token = identity["token"]["id"].as_str().filter(|_| has("token"));
    let token = token.ok_or(Refusal::Unknown)?;
    if let Some(before) = api.access.issued(token) {
        return Ok((before.admitted.clone(), Some(before)));
    }
    let credential = Credential::Token(token.to_owned());
    Ok((api.access.authenticate(credential, peer).await?, None))
}

/// Whether a domain is the one that there is.
fn is_ours(domain: Option<&Json>) -> bool {
    domain.is_none_or(|domain| domain["id"] == DOMAIN.0 || domain["name"] == DOMAIN.1)
}

/// The project that they come for: where they name none, their own.
fn scoped(admitted: Admitted, scope: Option<&Json>) -> Result<Admitted, Refusal> {
    let Some(scope) = scope.filter(|scope| scope.is_object()) else {
        return Ok(admitted);
    };
    let is_admin = admitted.person.role == Role::Admin;
    if scope["system"]["all"] == true && is_admin {
        return Ok(admitted);
    }
    let project = &scope["project"];
    let id = project["id"].as_str().or(project["name"].as_str());
    let id = id.filter(|id| is_ours(project.get("domain")) && admitted.person.may_come_for(id));
    Ok(Admitted {
        project_id: id.ok_or(Refusal::Unknown)?.to_owned(),
        ..admitted
    })
}

fn body_of(issued: &Issued, method: &str, headers: &HeaderMap) -> Json {
    let Issued {
        admitted,
        made_at,
        expires_at,
        ..
    } = issued;
    let project = &admitted.project_id;
    let name = &admitted.person.name;
    // Whoever may do more may do all that is less.
    let roles = [
        (Role::Admin, "admin"),
        (Role::Member, "member"),
        (Role::Observer, "reader"),
    ];
    let roles = roles
        .into_iter()
        .filter(|(role, _)| *role <= admitted.person.role);
    let roles: Vec<Json> = roles.map(|(_, name)| json!({"id": name, "name": name})).collect();
    json!({"token": {
        "methods": [method],
        "user": {"id": name, "name": name, "domain": domain(), "password_expires_at": null},
        "audit_ids": [Uuid::new_v4().simple().to_string()],
        "issued_at": written(*made_at),
        "expires_at": written(*expires_at),
        "project": {"id": project, "name": project, "domain": domain()},
        "is_domain": false,
        "roles": roles,
        "catalog": catalog(headers),
    }})
}

/// A time, as the service writes it.
pub(in crate::api) fn written(time: OffsetDateTime) -> String {
    time.format(FORMAT).unwrap_or_default()
}

/// Where the services are: all at the address that the client has come to.
fn catalog(headers: &HeaderMap) -> Json {
    let origin = origin(headers);
    let service = |(kind, path): (&str, &str)| {
        let endpoint = |interface: &str| {
            json!({
                "id": format!("{kind}-{interface}"),
                "interface": interface,
                "region": REGION,
                "region_id": REGION,
                "url": format!("{origin}{path}"),
            })
        };
        let endpoints = ["public", "internal", "admin"].map(endpoint);
        json!({"id": kind, "type": kind, "name": kind, "endpoints": endpoints})
    };
    SERVICES.into_iter().map(service).collect()
}

async fn catalog_alone(headers: HeaderMap) -> Response {
    answer::json_of(StatusCode::OK, &json!({"catalog": catalog(&headers)}))
}

async fn own_projects(Extension(caller): Extension<Caller>, headers: HeaderMap) -> Response {
    let projects = [project(&caller.project_id, &headers)];
    let links = json!({"self": "", "next": null, "previous": null});
    answer::json_of(StatusCode::OK, &json!({"projects": projects, "links": links}))
}

/// The token that a request is about, where whoever asks may know of it.
fn subject(api: &Shared, caller: &Caller, headers: &HeaderMap) -> Option<(String, Issued)> {
    let token = headers.get(SUBJECT)?.to_str().ok()?;
    let issued = api.access.issued(token)?;
    let may_know = caller.role == Role::Admin || issued.admitted.person.name == caller.name;
    may_know.then(|| (token.to_owned(), issued))
}

fn no_subject() -> Response {
    error(
        StatusCode::NOT_FOUND,
        "There is no such token, or it is good no more.",
    )
}

async fn show(
    State(api): State<Shared>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
) -> Response {
    match subject(&api, &caller, &headers) {
        Some((_, issued)) => answer::json_of(StatusCode::OK, &body_of(&issued, "password", &headers)),
        None => no_subject(),
    }
}

async fn revoke(
    State(api): State<Shared>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
) -> Response {
    match subject(&api, &caller, &headers) {
        Some((token, _)) => {
            api.access.revoke(&token);
            StatusCode::NO_CONTENT.into_response()
        }
        None => no_subject(),
    }
}

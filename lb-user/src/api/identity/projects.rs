//! Projects: whose objects are whose. Their names are their ids.

use std::collections::BTreeSet;

use axum::{
    Extension, Router,
    extract::{OriginalUri, State},
    http::{HeaderMap, StatusCode},
    response::Response,
    routing::get,
};
use serde_json::{Value as Json, json};

use super::{super::path::Path, DOMAIN};
use crate::{
    api::{
        Caller, Role, Shared, answer,
        auth::error,
        list::{address, origin},
        query::parameters,
    },
    objects::DEFAULT_PROJECT,
};

/// The longest id of a project that objects may have.
const LONGEST: usize = 36;

pub(super) fn routes() -> Router<Shared> {
    Router::new()
        .route("/projects", get(list))
        .route("/projects/{id}", get(show))
}

pub(super) fn project(id: &str, headers: &HeaderMap) -> Json {
    let href = format!("{}/identity/v3/projects/{id}", origin(headers));
    json!({
        "id": id,
        "name": id,
        "description": "",
        "domain_id": DOMAIN.0,
        "parent_id": DOMAIN.0,
        "enabled": true,
        "is_domain": false,
        "tags": [],
        "links": {"self": href},
    })
}

/// Administrators may have objects in any project: there is each that can be named. Others are told of their own.
fn may_be(id: &str, caller: &Caller) -> bool {
    let can_be = (1..=LONGEST).contains(&id.len()) && !id.contains(char::is_control);
    can_be && (caller.role == Role::Admin || caller.project_id == id)
}

async fn show(Extension(caller): Extension<Caller>, Path(id): Path<String>, headers: HeaderMap) -> Response {
    if may_be(&id, &caller) {
        return answer::json_of(StatusCode::OK, &json!({"project": project(&id, &headers)}));
    }
    let id: String = id.chars().take(100).collect();
    error(StatusCode::NOT_FOUND, &format!("Could not find project: {id}."))
}

async fn list(
    State(api): State<Shared>,
    Extension(caller): Extension<Caller>,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
) -> Response {
    let parameters = parameters(&uri);
    let named = parameters.iter().find(|(key, _)| key == "name");
    let ids: BTreeSet<String> = match named {
        Some((_, name)) => [name.clone()].into(),
        None => known(&api, &caller),
    };
    let ids = ids.iter().filter(|id| may_be(id, &caller));
    let projects: Vec<Json> = ids.map(|id| project(id, &headers)).collect();
    let links = json!({"self": address(&uri, &headers), "next": null, "previous": null});
    answer::json_of(StatusCode::OK, &json!({"projects": projects, "links": links}))
}

/// The projects that somebody or something is of.
fn known(api: &Shared, caller: &Caller) -> BTreeSet<String> {
    let inventory = api.manager.read();
    let of_objects = inventory
        .load_balancers
        .iter()
        .map(|balancer| balancer.head.project_id.clone());
    let others = [DEFAULT_PROJECT.to_owned(), caller.project_id.clone()];
    of_objects.chain(others).chain(api.access.projects()).collect()
}

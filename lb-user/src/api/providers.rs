//! Providers: there is one, and it is this program.

use axum::{
    Extension, Router,
    extract::OriginalUri,
    http::{StatusCode, Uri},
    response::Response,
    routing::get,
};
use serde_json::{Map, Value as Json, json};

use super::{Shared, answer, caller::Caller, list::fields, objects::short, path::Path, query::parameters};
use crate::objects::{Fault, PROVIDER};

pub(super) fn routes() -> Router<Shared> {
    Router::new()
        .route("/providers", get(list))
        .route(
            "/providers/{provider}/flavor_capabilities",
            get(flavor_capabilities),
        )
        .route(
            "/providers/{provider}/availability_zone_capabilities",
            get(availability_zone_capabilities),
        )
}

async fn list(OriginalUri(uri): OriginalUri) -> Response {
    let about = "Holdfast: session-keeping load balancing, by XDP at layer 4 and by a proxy at layer 7.";
    listed("providers", &[(PROVIDER, about)], &uri)
}

/// What there is of a kind, as far as it is asked for.
fn listed(kind: &str, all: &[(&str, &str)], uri: &Uri) -> Response {
    let parameters = parameters(uri);
    let fields = fields(&parameters);
    let is_wanted = |one: &[(&str, &str)]| {
        one.iter().all(|(field, value)| {
            let mut filters = parameters.iter().filter(|(key, _)| key == field);
            filters.all(|(_, wanted)| wanted == value)
        })
    };
    let shown: Vec<Json> = all
        .iter()
        .map(|(name, about)| [("name", *name), ("description", *about)])
        .filter(|one| is_wanted(one))
        .map(|one| {
            let shown = one.into_iter();
            let shown =
                shown.filter(|(field, _)| fields.is_empty() || fields.iter().any(|wanted| wanted == field));
            let shown: Map<String, Json> = shown
                .map(|(field, value)| (field.to_owned(), json!(value)))
                .collect();
            Json::Object(shown)
        })
        .collect();
    answer::json_of(StatusCode::OK, &json!({ kind: shown }))
}

/// Refuses providers that there are not.
pub(super) fn check_provider(provider: &str) -> Result<(), Fault> {
    if provider == PROVIDER {
        return Ok(());
    }
    let provider = short(provider);
    Err(Fault::new(400, format!("Provider '{provider}' is not enabled.")))
}

async fn flavor_capabilities(
    Extension(caller): Extension<Caller>,
    Path(provider): Path<String>,
    OriginalUri(uri): OriginalUri,
) -> Result<Response, Fault> {
    caller.must_be_admin()?;
    check_provider(&provider)?;
    let about = "\"shared\" (all types of session persistence) or \"dedicated\" (all but APP_COOKIE).";
    Ok(listed("flavor_capabilities", &[("kind", about)], &uri))
}

async fn availability_zone_capabilities(
    Extension(caller): Extension<Caller>,
    Path(provider): Path<String>,
    OriginalUri(uri): OriginalUri,
) -> Result<Response, Fault> {
    caller.must_be_admin()?;
    check_provider(&provider)?;
    Ok(listed("availability_zone_capabilities", &[], &uri))
}

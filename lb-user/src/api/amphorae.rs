//! Amphorae, the machines that load balancers of the service run on: there are none, and clients that ask hear so.

use axum::{
    Extension, Router,
    http::StatusCode,
    response::Response,
    routing::{get, put},
};
use serde_json::json;

use super::{Shared, answer, caller::Caller, objects::short, path::Path};
use crate::objects::Fault;

pub(super) fn routes() -> Router<Shared> {
    Router::new()
        .route("/amphorae", get(list))
        .route("/amphorae/{id}", get(none).delete(none))
        .route("/amphorae/{id}/failover", put(none))
        .route("/amphorae/{id}/config", put(none))
        .route("/amphorae/{id}/stats", get(no_statistics))
}

async fn list(Extension(caller): Extension<Caller>) -> Result<Response, Fault> {
    caller.must_be_admin()?;
    Ok(answer::json_of(
        StatusCode::OK,
        &json!({"amphorae": [], "amphorae_links": []}),
    ))
}

async fn none(Path(id): Path<String>) -> Fault {
    Fault::not_found("Amphora", short(&id))
}

async fn no_statistics(Path(id): Path<String>) -> Fault {
    Fault::not_found("Amphora stats for", short(&id))
}

//! What is asked of load balancers and listeners beside what is asked of all objects.

use std::sync::Arc;

use axum::{
    Extension, Router,
    extract::{OriginalUri, State},
    http::{HeaderMap, StatusCode},
    response::Response,
    routing::{get, put},
};
use serde_json::{Value as Json, json};

use super::{
    Shared, answer,
    caller::Caller,
    objects,
    path::Path,
    query::{check_if_match, only},
    show::status_tree,
};
use crate::{
    manager::Statistics,
    objects::{Fault, Inventory, Listener, LoadBalancer, Object, changeable},
};

pub(super) fn routes() -> Router<Shared> {
    Router::new()
        .route("/loadbalancers/{id}/status", get(status))
        .route("/loadbalancers/{id}/statuses", get(status))
        .route("/loadbalancers/{id}/stats", get(statistics))
        .route("/loadbalancers/{id}/failover", put(fail_over))
        .route("/listeners/{id}/stats", get(statistics_of_listener))
}

/// What a path calls so, if `caller` may see it.
fn find<T: Object>(id: &str, caller: &Caller, inventory: &Inventory) -> Result<Arc<T>, Fault> {
    let found = objects::find::<T>(id, inventory)?;
    caller.may_see(&found.head().project_id)?;
    Ok(found)
}

async fn status(
    State(api): State<Shared>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    OriginalUri(uri): OriginalUri,
) -> Result<Response, Fault> {
    only(&[], &uri)?;
    let inventory = api.manager.read();
    let balancer = find::<LoadBalancer>(&id, &caller, &inventory)?;
    let tree = status_tree(&balancer, &inventory);
    Ok(answer::json_of(
        StatusCode::OK,
        &json!({"statuses": {"loadbalancer": tree}}),
    ))
}

fn shown(statistics: Statistics) -> Json {
    json!({"stats": {
        "bytes_in": statistics.bytes_in,
        "bytes_out": statistics.bytes_out,
        "active_connections": statistics.active_connections,
        "total_connections": statistics.total_connections,
        "request_errors": statistics.request_errors,
    }})
}

async fn statistics(
    State(api): State<Shared>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    OriginalUri(uri): OriginalUri,
) -> Result<Response, Fault> {
    only(&[], &uri)?;
    let listeners: Vec<_> = {
        let inventory = api.manager.read();
        let balancer = find::<LoadBalancer>(&id, &caller, &inventory)?;
        let listeners = inventory.listeners.of(balancer.head.id);
        listeners.map(|listener| listener.head.id).collect()
    };
    let statistics = api.manager.statistics(listeners).await?;
    Ok(answer::json_of(StatusCode::OK, &shown(statistics)))
}

async fn statistics_of_listener(
    State(api): State<Shared>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    OriginalUri(uri): OriginalUri,
) -> Result<Response, Fault> {
    only(&[], &uri)?;
    let listener = find::<Listener>(&id, &caller, &api.manager.read())?.head.id;
    let statistics = api.manager.statistics(vec![listener]).await?;
    Ok(answer::json_of(StatusCode::OK, &shown(statistics)))
}

/// There is nothing to fail over to: what serves is this host, and stays it. What it is to serve, it is told again.
async fn fail_over(
    State(api): State<Shared>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<StatusCode, Fault> {
    let balancer = objects::find::<LoadBalancer>(&id, &api.manager.read())?;
    caller.must_be_admin()?;
    changeable(balancer.as_ref())?;
    check_if_match(&headers, balancer.as_ref())?;
    api.manager.apply_again(&balancer).await?;
    Ok(StatusCode::ACCEPTED)
}

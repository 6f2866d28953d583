//! What passes now, and what passed in the last hour: what consoles draw.

use std::{collections::BTreeSet, convert::Infallible, time::Duration};

use axum::{
    Extension, Router,
    extract::{OriginalUri, State},
    http::{StatusCode, Uri},
    response::{Response, sse},
    routing::get,
};
use futures_util::{Stream, stream};
use serde_json::{Map, Value as Json, json};
use tokio::time;
use uuid::Uuid;

use super::{
    Shared, answer,
    caller::Caller,
    objects,
    path::Path,
    query::{only, only_one, parameters},
};
use crate::{
    manager::{INTERVAL, Recent, SAMPLES, unix_ms},
    objects::{
        Fault, Inventory, Listener, LoadBalancer, Object, Pool, listener_id, load_balancer_id, member_id,
        pool_id,
    },
    views,
};

/// How often what passes is told to those who listen.
const EVERY: Duration = Duration::from_secs(2);
/// The most objects whose last hour is shown at a time.
const MOST: usize = 100;

pub(super) fn routes() -> Router<Shared> {
    Router::new()
        .route("/loadbalancers/{id}/traffic", get(traffic))
        .route("/history", get(history))
}

async fn traffic(
    State(api): State<Shared>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    OriginalUri(uri): OriginalUri,
) -> Result<Response, Fault> {
    only(&[], &uri)?;
    let balancer = visible::<LoadBalancer>(&id, &caller, &api.manager.read())?;
    let recent = api.manager.recent().await?;
    let told = told(balancer, &recent, &api.manager.read());
    Ok(answer::json_of(StatusCode::OK, &json!({"traffic": told})))
}

/// The id of what a request names so, if the caller may see it.
fn visible<T: Object>(id: &str, caller: &Caller, inventory: &Inventory) -> Result<Uuid, Fault> {
    let found = objects::find::<T>(id, inventory)?;
    caller.may_see(&found.head().project_id)?;
    Ok(found.head().id)
}

/// What passes at the load balancer that the query of a request for events names, now and then.
pub(super) fn told_of(
    api: &Shared,
    caller: &Caller,
    uri: &Uri,
) -> Result<Option<impl Stream<Item = Result<sse::Event, Infallible>> + use<>>, Fault> {
    let Some(id) = only_one("traffic", uri)? else {
        return Ok(None);
    };
    let balancer = visible::<LoadBalancer>(&id, caller, &api.manager.read())?;
    let ticks = time::interval(EVERY);
    let api = Shared::clone(api);
    let told = stream::unfold((api, ticks), move |(api, mut ticks)| async move {
        ticks.tick().await;
        // Where the daemon ends, so does this.
        let recent = api.manager.recent().await.ok()?;
        let data = {
            let inventory = api.manager.read();
            inventory.load_balancers.get(balancer)?;
            json!({"traffic": told(balancer, &recent, &inventory)}).to_string()
        };
        let event = sse::Event::default().event("traffic").data(data);
        Some((Ok(event), (api, ticks)))
    });
    Ok(Some(told))
}

/// What passes at a load balancer.
fn told(balancer: Uuid, recent: &Recent, inventory: &Inventory) -> Json {
    let status = &recent.status;
    let mut balancers = status.load_balancers.iter();
    let listeners = balancers
        .find(|one| load_balancer_id(&one.name) == balancer)
        .map_or(&[][..], |one| &one.listeners);
    let pools: BTreeSet<String> = inventory.pools.of(balancer).map(|pool| pool.head.key()).collect();
    let pools = status.pools.iter().filter(|pool| pools.contains(&pool.name));
    json!({
        "loadbalancer_id": balancer,
        "at_ms": recent.at_unix_ms,
        "listeners": listeners.iter().map(of_listener).collect::<Vec<_>>(),
        "pools": pools.map(of_pool).collect::<Vec<_>>(),
    })
}

fn of_listener(listener: &views::Listener) -> Json {
    let id = listener_id(&listener.name);
    match &listener.proxied {
        Some(proxied) => json!({
            "id": id,
            "connections": proxied.connections,
            "open": proxied.open_connections,
            "requests": proxied.requests,
            "errors": proxied.responses[4],
            "bytes_in": proxied.bytes_in,
            "bytes_out": proxied.bytes_out,
        }),
        None => json!({
            "id": id,
            "connections": listener.traffic.new_flows,
            "open": listener.active_flows,
            "requests": null,
            "errors": null,
            "bytes_in": listener.traffic.bytes_in,
            "bytes_out": listener.traffic.bytes_out,
        }),
    }
}

fn of_pool(pool: &views::Pool) -> Json {
    let sessions = match (&pool.sessions, &pool.proxied_sessions) {
        (Some(counts), _) => json!({
            "now": counts.now,
            "created": counts.events.created,
            "held": counts.events.held,
            "moved": counts.events.moved,
            "expired": counts.events.expired,
            "evicted": counts.evicted,
        }),
        // How many there are may be known to their clients alone.
        (None, Some(counts)) => json!({
            "now": pool.remembered,
            "created": counts.created,
            "held": counts.held,
            "moved": counts.moved,
            "expired": counts.expired,
            "evicted": counts.evicted,
        }),
        (None, None) => Json::Null,
    };
    let members = pool.members.iter().map(|member| {
        json!({
            "id": member_id(&pool.name, &member.name),
            "open": member.proxied.map_or(member.active_flows, |proxied| proxied.active),
            "begun": member.proxied.map_or(member.traffic.new_flows, |proxied| proxied.requests),
            "sessions": member.sessions_now(),
            "why_down": member.why_down,
        })
    });
    json!({
        "id": pool_id(&pool.name),
        "sessions": sessions,
        "members": members.collect::<Vec<_>>(),
    })
}

async fn history(
    State(api): State<Shared>,
    Extension(caller): Extension<Caller>,
    OriginalUri(uri): OriginalUri,
) -> Result<Response, Fault> {
    only(&["loadbalancer_id", "listener_id", "pool_id"], &uri)?;
    let parameters = parameters(&uri);
    if parameters.len() > MOST {
        return Err(Fault::of_query(format!(
            "The history of at most {MOST} objects can be asked for at a time."
        )));
    }
    let ids = {
        let inventory = api.manager.read();
        let id = |(kind, id): &(String, String)| match kind.as_str() {
            "loadbalancer_id" => visible::<LoadBalancer>(id, &caller, &inventory),
            "listener_id" => visible::<Listener>(id, &caller, &inventory),
            _ => visible::<Pool>(id, &caller, &inventory),
        };
        parameters.iter().map(id).collect::<Result<Vec<_>, _>>()?
    };
    let history = api.manager.history();
    let objects = ids.iter().map(|id| {
        let series = history.of(*id).into_iter();
        let series: Map<String, Json> = series
            .map(|(name, values)| (name.to_owned(), json!(values)))
            .collect();
        json!({"id": id, "series": series})
    });
    let body = json!({"history": {
        "interval_s": INTERVAL.as_secs(),
        "samples": SAMPLES,
        "until_ms": unix_ms(),
        "objects": objects.collect::<Vec<_>>(),
    }});
    drop(history);
    Ok(answer::json_of(StatusCode::OK, &body))
}

//! What a load balancer can be told: for consoles, which offer that and nothing else. It is found by asking the rules, so that
//! nothing is offered that they refuse.

use axum::{
    Extension,
    extract::{OriginalUri, State},
    http::StatusCode,
    response::Response,
};
use serde_json::{Value as Json, json};

use super::{Shared, answer, caller::Caller, objects, query::only_one};
use crate::{
    model::{self, LbKind, PersistenceType, Word as _},
    objects::{
        Algorithm, Fault, Inventory, LONGEST_NAME, ListenerProtocol, LoadBalancer, MONITOR_TIMES_S,
        MonitorType, Offered as _, PERSISTENCE_TIMEOUT_S, PORT, PoolProtocol, RETRIES, SessionPersistence,
        WEIGHT, subnet_id,
    },
};

/// Of one load balancer, or of any.
const OF: &str = "loadbalancer_id";

pub(super) async fn capabilities(
    State(api): State<Shared>,
    Extension(caller): Extension<Caller>,
    OriginalUri(uri): OriginalUri,
) -> Result<Response, Fault> {
    let of = only_one(OF, &uri)?;
    let inventory = api.manager.read();
    let kinds = match of {
        None => LbKind::ALL.to_vec(),
        Some(id) => {
            let balancer = objects::find::<LoadBalancer>(&id, &inventory)?;
            caller.may_see(&balancer.head.project_id)?;
            vec![balancer.kind]
        }
    };
    let all = json!({"capabilities": all(&kinds, &inventory)});
    Ok(answer::json_of(StatusCode::OK, &all))
}

fn all(kinds: &[LbKind], inventory: &Inventory) -> Json {
    json!({
        "version": env!("CARGO_PKG_VERSION"),
        "dataplane": inventory.plane(),
        "kinds": kinds,
        "listener_protocols": listener_protocols(),
        "pool_protocols": pool_protocols().map(|protocol| json!({
            "name": protocol,
            "alias_of": (protocol == PoolProtocol::Https).then_some(PoolProtocol::Tcp),
            "layer": layer(protocol.is_layer_7()),
            "session_persistence": persistence_types(protocol, kinds),
            "default_health_monitor_type": protocol.usual_monitor(),
        })).collect::<Vec<_>>(),
        "lb_algorithms": algorithms(kinds),
        "default_lb_algorithm": Algorithm::RoundRobin,
        "health_monitor_types": monitor_types(),
        "ranges": {
            "weight": {"minimum": WEIGHT.low, "maximum": WEIGHT.high, "default": 1},
            "protocol_port": {"minimum": PORT.low, "maximum": PORT.high},
            "delay": {"minimum": MONITOR_TIMES_S.start(), "maximum": MONITOR_TIMES_S.end()},
            "timeout": {"minimum": MONITOR_TIMES_S.start(), "maximum": MONITOR_TIMES_S.end()},
            "max_retries": {"minimum": RETRIES.low, "maximum": RETRIES.high, "default": 3},
        },
        "name": {"maximum_length": LONGEST_NAME},
        "subnets": inventory.subnets.iter().map(|subnet| json!({
            "id": subnet_id(&subnet.name),
            "name": subnet.name,
            "cidr": subnet.cidr,
        })).collect::<Vec<_>>(),
    })
}

fn layer(is_layer_7: bool) -> u8 {
    if is_layer_7 { 7 } else { 4 }
}

/// What there is. Connections that carry TLS to the members, `HTTPS`, are those of TCP by another name, which says so: for people
/// one of the two is enough.
fn listener_protocols() -> Vec<Json> {
    let all = ListenerProtocol::ALL.iter().copied();
    all.filter(|protocol| protocol.is_offered())
        .map(|protocol| {
            let is_layer_7 = protocol.is_layer_7();
            let pools: Vec<_> = pool_protocols()
                .filter(|pool| protocol.goes_with(*pool) && pool.is_layer_7() == is_layer_7)
                .collect();
            json!({
                "name": protocol,
                "alias_of": (protocol == ListenerProtocol::Https).then_some(ListenerProtocol::Tcp),
                "layer": layer(is_layer_7),
                "pool_protocols": pools,
                "certificate": protocol == ListenerProtocol::TerminatedHttps,
            })
        })
        .collect()
}

fn pool_protocols() -> impl Iterator<Item = PoolProtocol> {
    let all = PoolProtocol::ALL.iter().copied();
    all.filter(|protocol| protocol.is_offered())
}

fn persistence_types(protocol: PoolProtocol, kinds: &[LbKind]) -> Vec<Json> {
    let timeouts_s = protocol.persistence_timeouts_s();
    let absolute_s = model::SessionPersistence::ABSOLUTE_TIMEOUTS_S;
    let all = PersistenceType::ALL.iter().copied();
    all.filter(|kind| is_offered(*kind, protocol, Algorithm::RoundRobin, kinds))
        .map(|kind| {
            json!({
                "type": kind,
                "persistence_timeout": {
                    "minimum": timeouts_s.start(),
                    "maximum": timeouts_s.end(),
                    "default": PERSISTENCE_TIMEOUT_S,
                },
                "absolute_timeout": {"minimum": absolute_s.start(), "maximum": absolute_s.end()},
                "cookie_name": kind == PersistenceType::AppCookie,
            })
        })
        .collect()
}

/// Whether people are offered it on one of these kinds of load balancers. (Persistence by the address of those who make requests is
/// for clients of the API that rely on it.)
fn is_offered(
    kind: PersistenceType,
    protocol: PoolProtocol,
    algorithm: Algorithm,
    balancers: &[LbKind],
) -> bool {
    let persistence = SessionPersistence {
        kind,
        cookie_name: (kind == PersistenceType::AppCookie).then(|| "session".into()),
        ..SessionPersistence::blank()
    };
    let is_for_clients_of_the_api = kind == PersistenceType::SourceIp && protocol.is_layer_7();
    let mut balancers = balancers.iter();
    !is_for_clients_of_the_api
        && balancers.any(|balancer| persistence.check(protocol, algorithm, *balancer).is_ok())
}

fn algorithms(kinds: &[LbKind]) -> Vec<Json> {
    let all = Algorithm::ALL.iter().copied();
    all.filter(|algorithm| algorithm.is_offered())
        .map(|algorithm| {
            let may_persist = PersistenceType::ALL
                .iter()
                .any(|kind| is_offered(*kind, PoolProtocol::Tcp, algorithm, kinds));
            json!({"name": algorithm, "session_persistence": may_persist})
        })
        .collect()
}

fn monitor_types() -> Vec<Json> {
    let types = MonitorType::ALL.iter().copied().filter_map(|kind| {
        let pools: Vec<_> = pool_protocols()
            .filter(|protocol| kind.check_offered(*protocol).is_ok())
            .collect();
        (!pools.is_empty()).then(|| {
            json!({
                "name": kind,
                "pool_protocols": pools,
                "request": kind.makes_requests(),
                "delay": {"minimum": kind.least_delay_s(), "maximum": MONITOR_TIMES_S.end()},
            })
        })
    });
    types.collect()
}

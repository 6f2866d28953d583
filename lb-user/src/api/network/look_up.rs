//! The network service, as far as it is looked at: lists that can be filtered, and single objects by id or name.

use axum::{
    Extension, Router,
    extract::{OriginalUri, State},
    http::{HeaderMap, StatusCode, Uri},
    response::Response,
    routing::get,
};
use serde_json::{Value as Json, json};

use super::{super::path::Path, place::device_of};
use crate::{
    api::{Caller, Shared, answer, list::origin, query::parameters},
    model::Subnet,
    objects::{DEFAULT_PROJECT, Inventory, LoadBalancer, network_id, port_id, subnet_id},
};

/// What is asked for of lists, and is no field to filter by.
const NO_FILTERS: [&str; 8] = [
    "fields",
    "limit",
    "marker",
    "page_reverse",
    "sort",
    "sort_key",
    "sort_dir",
    "shared",
];

/// A kind of objects of the network service.
struct Kind {
    path: &'static str,
    singular: &'static str,
    plural: &'static str,
    /// What errors call one.
    title: &'static str,
    all: fn(&Inventory, &Caller) -> Vec<Json>,
}

const KINDS: [Kind; 7] = [
    Kind {
        path: "/subnets",
        singular: "subnet",
        plural: "subnets",
        title: "Subnet",
        all: |inventory, _| inventory.subnets.iter().map(subnet).collect(),
    },
    Kind {
        path: "/networks",
        singular: "network",
        plural: "networks",
        title: "Network",
        all: |inventory, _| networks(&inventory.subnets),
    },
    Kind {
        path: "/ports",
        singular: "port",
        plural: "ports",
        title: "Port",
        all: ports,
    },
    Kind {
        path: "/security-groups",
        singular: "security_group",
        plural: "security_groups",
        title: "SecurityGroup",
        all: nothing,
    },
    Kind {
        path: "/qos/policies",
        singular: "policy",
        plural: "policies",
        title: "QosPolicy",
        all: nothing,
    },
    Kind {
        path: "/floatingips",
        singular: "floatingip",
        plural: "floatingips",
        title: "FloatingIP",
        all: nothing,
    },
    Kind {
        path: "/extensions",
        singular: "extension",
        plural: "extensions",
        title: "Extension",
        all: nothing,
    },
];

/// Where objects of each kind are, and what one and several are called.
pub(in crate::api) fn kinds() -> impl Iterator<Item = [&'static str; 3]> {
    KINDS.iter().map(|kind| [kind.path, kind.singular, kind.plural])
}

fn nothing(_: &Inventory, _: &Caller) -> Vec<Json> {
    Vec::new()
}

fn look_ups() -> Router<Shared> {
    KINDS.iter().fold(Router::new(), |router, kind| {
        let list =
            move |State(api): State<Shared>,
                  Extension(caller): Extension<Caller>,
                  OriginalUri(uri): OriginalUri| async move { list(kind, &api, &caller, &uri) };
        let show = move |State(api): State<Shared>,
                         Extension(caller): Extension<Caller>,
                         Path(id): Path<String>| async move { show(kind, &api, &caller, &id) };
        router
            .route(kind.path, get(list))
            .route(&format!("{}/{{id}}", kind.path), get(show))
    })
}

/// The look-ups beside the objects of the API: where clients look that have no catalog.
pub(in crate::api) fn routes() -> Router<Shared> {
    Router::new().nest("/v2.0", look_ups()).nest("/v2", look_ups())
}

/// The network service by itself, as the catalog has it.
pub(in crate::api) fn service() -> Router<Shared> {
    Router::new()
        .route("/network", get(versions))
        .route("/network/", get(versions))
        .route("/network/v2.0", get(versions))
        .nest("/network/v2.0", look_ups())
}

async fn versions(headers: HeaderMap) -> Response {
    let href = format!("{}/network/v2.0/", origin(&headers));
    let version = json!({"id": "v2.0", "status": "CURRENT", "links": [{"rel": "self", "href": href}]});
    answer::json_of(StatusCode::OK, &json!({"versions": [version]}))
}

fn list(kind: &Kind, api: &Shared, caller: &Caller, uri: &Uri) -> Response {
    let mut all = (kind.all)(&api.manager.read(), caller);
    let parameters = parameters(uri);
    let filters = parameters
        .iter()
        .filter(|(key, _)| !NO_FILTERS.contains(&key.as_str()));
    for (key, wanted) in filters {
        // What has no such field is not filtered by it, as the service does it.
        all.retain(|object| object.get(key).is_none_or(|value| is(value, wanted)));
    }
    answer::json_of(StatusCode::OK, &json!({kind.plural: all}))
}

fn is(value: &Json, wanted: &str) -> bool {
    match value {
        Json::String(text) => text == wanted,
        Json::Null => wanted.is_empty(),
        other => other.to_string().eq_ignore_ascii_case(wanted),
    }
}

fn show(kind: &Kind, api: &Shared, caller: &Caller, id: &str) -> Response {
    let all = (kind.all)(&api.manager.read(), caller);
    let by = |key: &str| all.iter().find(|object| object[key] == id);
    if let Some(found) = by("id").or_else(|| by("name")) {
        return answer::json_of(StatusCode::OK, &json!({kind.singular: found}));
    }
    let id: String = id.chars().take(100).collect();
    let title = kind.title;
    let fault = json!({"NeutronError": {
        "type": format!("{title}NotFound"),
        "message": format!("{title} {id} could not be found."),
        "detail": "",
    }});
    answer::json_of(StatusCode::NOT_FOUND, &fault)
}

fn subnet(subnet: &Subnet) -> Json {
    json!({
        "id": subnet_id(&subnet.name),
        "name": subnet.name,
        "description": "",
        "network_id": network_id(&subnet.network),
        "cidr": subnet.cidr,
        "ip_version": if subnet.first.is_ipv4() { 4 } else { 6 },
        "allocation_pools": [{"start": subnet.first, "end": subnet.last}],
        "gateway_ip": null,
        "enable_dhcp": false,
        "dns_nameservers": [],
        "host_routes": [],
        "tags": [],
        "project_id": DEFAULT_PROJECT,
        "tenant_id": DEFAULT_PROJECT,
    })
}

fn networks(subnets: &[Subnet]) -> Vec<Json> {
    let mut names: Vec<&str> = subnets.iter().map(|subnet| subnet.network.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    let network = |name| {
        let of_it = subnets.iter().filter(|subnet| subnet.network == name);
        let of_it: Vec<_> = of_it.map(|subnet| subnet_id(&subnet.name)).collect();
        json!({
            "id": network_id(name),
            "name": name,
            "description": "",
            "status": "ACTIVE",
            "admin_state_up": true,
            "shared": true,
            "router:external": false,
            "subnets": of_it,
            "tags": [],
            "project_id": DEFAULT_PROJECT,
            "tenant_id": DEFAULT_PROJECT,
        })
    };
    names.into_iter().map(network).collect()
}

/// The ports that stand for the addresses of load balancers.
fn ports(inventory: &Inventory, caller: &Caller) -> Vec<Json> {
    let balancers = inventory
        .load_balancers
        .iter()
        .filter(|balancer| caller.may_see(&balancer.head.project_id).is_ok());
    let mut ports: Vec<_> = balancers
        .map(|balancer| (balancer.head.created_at, port(balancer)))
        .collect();
    ports.sort_by_key(|(made, _)| *made);
    ports.into_iter().map(|(_, port)| port).collect()
}

fn port(balancer: &LoadBalancer) -> Json {
    let head = &balancer.head;
    let fixed = json!({"subnet_id": balancer.vip_subnet_id, "ip_address": balancer.vip_address});
    json!({
        "id": balancer.vip_port_id.unwrap_or(port_id(head.id)),
        "name": format!("octavia-lb-{}", head.id),
        "description": "",
        "network_id": balancer.vip_network_id,
        "device_id": device_of(head.id),
        "device_owner": "Octavia",
        "status": "ACTIVE",
        "admin_state_up": head.admin_state_up,
        "mac_address": null,
        "fixed_ips": [fixed],
        "allowed_address_pairs": [],
        "security_groups": [],
        "tags": [],
        "project_id": head.project_id,
        "tenant_id": head.project_id,
    })
}

mod bodies;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use axum::{
    Router,
    body::Body,
    http::{Method, Request},
};
use tower_service::Service as _;

use super::{
    conformance::{ITEMS, canonical},
    *,
};
use crate::{
    api::{Api, trusted},
    manager::Manager,
    model::DataPlane,
    store::Embedded,
    translate::Certificates,
};

const METHODS: [Method; 5] = [
    Method::GET,
    Method::POST,
    Method::PUT,
    Method::DELETE,
    Method::PATCH,
];

fn at(pointer: &str) -> &'static Json {
    DOCUMENT.pointer(pointer).unwrap_or_else(|| panic!("{pointer}"))
}

/// All operations, by the methods and the paths that they have.
fn operations() -> BTreeMap<(String, String), &'static Json> {
    let operations = ITEMS.iter().flat_map(|(path, item)| {
        let of_path = METHODS.iter().filter_map(move |method| {
            let operation = item.get(&method.as_str().to_ascii_lowercase())?;
            Some(((method.to_string(), path.clone()), operation))
        });
        of_path.collect::<Vec<_>>()
    });
    operations.collect()
}

fn api() -> Arc<Api> {
    let certificates = Certificates {
        directory: "/nowhere".into(),
    };
    let store = Arc::new(Embedded::in_memory());
    let (manager, _) = Manager::open(store, DataPlane::Noop, certificates).unwrap();
    Api::new(manager)
}

async fn status_of(router: &Router, method: &Method, path: &str) -> u16 {
    let request = Request::builder().method(method).uri(path).body(Body::empty());
    let answer = router.clone().call(request.unwrap()).await.unwrap();
    answer.status().as_u16()
}

/// The same path whatever its parameters are called.
fn anonymous(path: &str) -> String {
    let parts = path.split('/');
    let parts = parts.map(|part| if part.starts_with('{') { "{}" } else { part });
    parts.collect::<Vec<_>>().join("/")
}

/// The paths of the router, which shows them to those who debug it, and to nobody else.
fn paths_of(router: &Router) -> BTreeSet<String> {
    let shown = format!("{router:?}");
    let quoted = shown.split('"').skip(1).step_by(2);
    let paths = quoted.filter(|text| text.starts_with('/') && !text.contains("__private"));
    paths.map(str::to_owned).collect()
}

#[tokio::test]
async fn the_document_has_what_the_router_has_and_nothing_else() {
    let api = api();
    let paths = paths_of(&api.routes());
    assert!(paths.len() > 100, "{paths:?}");
    let router = trusted(api.router());
    let mut answered = BTreeSet::new();
    for path in &paths {
        let sample = anonymous(path).replace("{}", "00000000-0000-0000-0000-000000000007");
        for method in &METHODS {
            if status_of(&router, method, &sample).await != 405 {
                answered.insert((method.to_string(), anonymous(&canonical(path))));
            }
        }
    }
    let documented: BTreeSet<_> = operations()
        .into_keys()
        .map(|(method, path)| (method, anonymous(&path)))
        .collect();
    let missing: Vec<_> = answered.difference(&documented).collect();
    let false_ones: Vec<_> = documented.difference(&answered).collect();
    assert!(
        missing.is_empty() && false_ones.is_empty(),
        "not there: {missing:?}, only there: {false_ones:?}"
    );
}

#[tokio::test]
async fn lists_take_each_parameter_that_the_document_has() {
    let router = trusted(api().router());
    for ((method, path), operation) in operations() {
        let looks_something_up = operation["responses"].get("404").is_some();
        if method != "GET" || looks_something_up {
            continue;
        }
        let parameters = operation["parameters"].as_array().into_iter().flatten();
        for parameter in parameters {
            let parameter = match parameter["$ref"].as_str() {
                Some(named) => at(&named[1..]),
                None => parameter,
            };
            let name = parameter["name"].as_str().unwrap();
            let value = match name {
                "sort_key" => parameter["schema"]["items"]["enum"][0].as_str().unwrap(),
                "sort_dir" => "desc",
                "limit" => "infinite",
                // Refused where they are of nothing; and each kind of objects is sorted by others.
                "marker" | "x-subject-token" | "sort" => continue,
                _ => "7",
            };
            let asked = format!("{path}?{name}={value}");
            assert_eq!(status_of(&router, &Method::GET, &asked).await, 200, "{asked}");
        }
    }
}

#[test]
fn a_filter_is_of_one_value_that_is_there() {
    for parameter in operations()
        .values()
        .filter_map(|operation| operation["parameters"].as_array())
        .flatten()
    {
        let schema = &parameter["schema"];
        assert!(!schema["type"].is_array(), "{parameter}");
        assert!(
            schema["type"] != "array" || parameter["explode"] == false,
            "{parameter}"
        );
    }
}

#[test]
fn each_operation_has_a_name_of_its_own() {
    let mut names = BTreeSet::new();
    for (at, operation) in operations() {
        let name = operation["operationId"].as_str().unwrap();
        assert!(names.insert(name), "{name} of {at:?}");
    }
}

#[test]
fn all_that_the_document_refers_to_is_there() {
    let text = DOCUMENT.to_string();
    for reference in text.split("\"$ref\":\"#").skip(1) {
        let pointer = reference.split('"').next().unwrap();
        at(pointer);
    }
    for section in ["schemas", "responses", "parameters", "headers"] {
        for name in at(&format!("/components/{section}")).as_object().unwrap().keys() {
            let reference = format!("\"#/components/{section}/{name}\"");
            assert!(text.contains(&reference), "nothing refers to {reference}");
        }
    }
}

#[test]
fn nothing_is_of_older_versions_or_says_nothing() {
    assert!(!DOCUMENT.to_string().contains("nullable"));
    for name in [
        "loadbalancer",
        "listener",
        "pool",
        "member",
        "healthmonitor",
        "l7policy",
        "rule",
        "quota",
        "flavor",
    ] {
        let fields = at(&format!("/components/schemas/{name}/properties"));
        for (field, schema) in fields.as_object().unwrap() {
            assert_ne!(*schema, json!({}), "{name}: {field}");
        }
    }
}

#[test]
fn the_document_says_of_each_field_what_a_request_is_held_to() {
    let member = "/components/schemas/member_create";
    assert_eq!(
        at(&format!("{member}/properties/weight")),
        &json!({"type": ["integer", "null"], "minimum": 0, "maximum": 256, "default": 1})
    );
    assert_eq!(
        at(&format!("{member}/properties/address")),
        &json!({"type": "string", "format": "ip"})
    );
    assert_eq!(
        at(&format!("{member}/required")),
        &json!(["address", "protocol_port"])
    );
    let pool = at("/components/schemas/pool_update/properties");
    assert!(pool.get("protocol").is_none());
    assert!(pool.get("session_persistence").is_some());
    let zone = at("/components/schemas/availability_zone_update/properties");
    assert!(zone.get("name").is_none());
    let on = at("/components/schemas/loadbalancer_create/properties/admin_state_up");
    assert_eq!(on["default"], true);
}

#[test]
fn objects_are_shown_with_fields_of_their_types() {
    for (field, schema) in [
        ("pool/properties/name", json!({"type": "string"})),
        (
            "pool/properties/members",
            json!({"type": "array", "items": {"$ref": "#/components/schemas/reference"}}),
        ),
        (
            "member/properties/monitor_port",
            json!({"type": ["integer", "null"]}),
        ),
        (
            "member/properties/address",
            json!({"type": "string", "format": "ip"}),
        ),
        ("member/properties/backup", json!({"type": "boolean"})),
        ("listener/properties/allowed_cidrs/type", json!(["array", "null"])),
        ("loadbalancer/properties/revision", json!({"type": "integer"})),
        (
            "l7policy_whole/properties/rules/items",
            json!({"$ref": "#/components/schemas/rule"}),
        ),
    ] {
        assert_eq!(at(&format!("/components/schemas/{field}")), &schema, "{field}");
    }
}

#[test]
fn statuses_are_those_of_the_handlers() {
    let operations = operations();
    let has = |method: &str, path: &str, status: &str| {
        let operation = operations[&(method.to_owned(), format!("{OBJECTS}{path}"))];
        operation["responses"].get(status).is_some()
    };
    for (method, path, status) in [
        ("PUT", "/quotas/{project_id}", "202"),
        ("DELETE", "/quotas/{project_id}", "202"),
        ("PUT", "/quotas/{project_id}", "412"),
        ("PUT", "/pools/{pool_id}/members", "412"),
        ("PUT", "/loadbalancers/{id}/failover", "412"),
        ("DELETE", "/pools/{id}", "400"),
        ("POST", "/pools", "415"),
        ("GET", "/pools", "401"),
    ] {
        assert!(has(method, path, status), "{method} {path} {status}");
    }
    assert!(!has("PUT", "/quotas/{project_id}", "200"));
    assert!(!has("DELETE", "/quotas/{project_id}", "204"));
    assert!(!has("POST", "/flavors", "501"));
}

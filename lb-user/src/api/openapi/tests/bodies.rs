//! Which bodies the document has.

use serde_json::{Value as Json, json};
use uuid::Uuid;

use super::operations;
use crate::api::openapi::{
    DOCUMENT,
    check::{Checker, Reading},
};

/// Whether a body is one that the document has for an operation.
fn takes(operation: &str, body: &Json) -> Result<(), String> {
    let operations = operations();
    let mut operations = operations.values();
    let operation = operations.find(|one| one["operationId"] == operation).unwrap();
    let schema = operation.pointer("/requestBody/content/application~1json/schema");
    let checker = Checker {
        document: &DOCUMENT,
        reading: Reading::ToTheLetter,
    };
    checker.check(schema.unwrap(), body)
}

#[test]
fn bodies_that_are_taken_are_those_of_the_document() {
    let pool = json!({"name": "web", "protocol": "HTTP", "lb_algorithm": "ROUND_ROBIN"});
    for (operation, body) in [
        (
            "update_pool",
            json!({"pool": {"session_persistence": {"persistence_timeout": 600}}}),
        ),
        (
            "update_pool",
            json!({"pool": {"session_persistence": null, "tls_ciphers": null, "name": null}}),
        ),
        ("update_pool", json!({"pool": {}})),
        (
            "update_healthmonitor",
            json!({"healthmonitor": {"delay": 7, "http_method": null}}),
        ),
        (
            "create_loadbalancer",
            json!({"loadbalancer": {
                "vip_address": "192.0.2.1",
                "listeners": [{
                    "protocol": "HTTP", "protocol_port": 80, "default_pool": {"name": "web"},
                    "l7policies": [{
                        "action": "REDIRECT_TO_POOL", "redirect_pool": pool,
                        "rules": [{"type": "PATH", "compare_type": "STARTS_WITH", "value": "/api"}],
                    }],
                }],
                "pools": [{
                    "name": "web", "protocol": "HTTP", "lb_algorithm": "ROUND_ROBIN", "session_persistence": {"type": "HTTP_COOKIE"},
                    "healthmonitor": {"type": "HTTP", "delay": 5, "timeout": 3, "max_retries": 2},
                    "members": [{"address": "10.0.0.1", "protocol_port": 80, "weight": 2}],
                }],
            }}),
        ),
        (
            "create_listener",
            json!({"listener": {
                "loadbalancer_id": Uuid::nil(), "protocol": "HTTP", "protocol_port": 80, "default_pool": pool, "l7policies": [],
            }}),
        ),
        (
            "create_pool",
            json!({"pool": {
                "protocol": "TCP", "lb_algorithm": "ROUND_ROBIN", "loadbalancer_id": Uuid::nil(), "members": null,
            }}),
        ),
        (
            "create_l7policy",
            json!({"l7policy": {"listener_id": Uuid::nil(), "action": "REJECT", "rules": []}}),
        ),
        (
            "replace_members",
            json!({"members": [{"address": "10.0.0.1", "protocol_port": 80}]}),
        ),
        (
            "update_quota",
            json!({"quota": {"load_balancer": null, "healthmonitor": -1}}),
        ),
    ] {
        takes(operation, &body).unwrap_or_else(|why| panic!("{operation}: {why}"));
    }
}

#[test]
fn bodies_that_are_refused_are_not() {
    for (operation, body) in [
        ("create_pool", json!({"pool": {"protocol": "TCP"}})),
        (
            "create_pool",
            json!({"pool": {"protocol": null, "lb_algorithm": "ROUND_ROBIN"}}),
        ),
        (
            "create_pool",
            json!({"pool": {
                "protocol": "TCP", "lb_algorithm": "ROUND_ROBIN", "session_persistence": {"persistence_timeout": 600},
            }}),
        ),
        ("update_pool", json!({"pool": {"lb_algorithm": null}})),
        ("update_pool", json!({"pool": {"protocol": "TCP"}})),
        ("update_pool", json!({"pool": {"members": []}})),
        (
            "update_pool",
            json!({"pool": {"session_persistence": {"type": null}}}),
        ),
        (
            "create_listener",
            json!({"listener": {"protocol": "HTTP", "protocol_port": 80}}),
        ),
        (
            "create_l7policy",
            json!({"l7policy": {
                "listener_id": Uuid::nil(), "action": "REDIRECT_TO_POOL", "redirect_pool": {"name": "web"},
            }}),
        ),
        (
            "create_loadbalancer",
            json!({"loadbalancer": {"listeners": [{"bogus": 1}]}}),
        ),
        (
            "create_loadbalancer",
            json!({"loadbalancer": {"pools": [{"name": "web"}]}}),
        ),
        ("create_loadbalancer", json!({"listener": {}})),
        (
            "replace_members",
            json!({"members": [{"address": null, "protocol_port": 80}]}),
        ),
        (
            "replace_members",
            json!({"members": [{"address": "10.0.0.1", "protocol_port": 0}]}),
        ),
        ("replace_members", json!({})),
        (
            "update_availability_zone",
            json!({"availability_zone": {"name": "other"}}),
        ),
        ("update_quota", json!({"quota": {"pool": -2}})),
    ] {
        assert!(takes(operation, &body).is_err(), "{operation} {body}");
    }
}

//! Which field of a request is wrong, in words that forms need not read.

use serde_json::{Value as Json, json};

use super::{World, harness::Client};

/// A request to make something is refused, and the refusal names this field.
async fn names(admin: &Client, path: &str, body: &Json, field: Option<&str>) {
    let answer = admin.tries_to_make(path, body).await;
    assert!(answer.status >= 400, "{path} {body}: {}", answer.text);
    assert_eq!(
        answer.body["field"].as_str(),
        field,
        "{path} {body}: {}",
        answer.text
    );
}

fn with(fields: &Json, others: Json) -> Json {
    let mut all = fields.clone();
    let Json::Object(others) = others else {
        panic!("{others} are no fields")
    };
    all.as_object_mut().unwrap().extend(others);
    all
}

#[tokio::test]
async fn of_a_load_balancer() {
    let world = World::new();
    let admin = world.admin();
    admin.makes_a_load_balancer(1).await;
    for (body, field) in [
        (json!({"vip_address": "nowhere"}), "vip_address"),
        (json!({"vip_address": "224.0.0.1"}), "vip_address"),
        (json!({"vip_address": "192.0.2.1"}), "vip_address"),
        (json!({}), "vip_subnet_id"),
        (json!({"colour": "red"}), "colour"),
    ] {
        names(&admin, "loadbalancers", &body, Some(field)).await;
    }
}

#[tokio::test]
async fn of_a_listener() {
    let world = World::new();
    let admin = world.admin();
    let balancer = admin.makes_a_load_balancer(1).await;
    let pool = admin.makes_a_pool(&balancer, "HTTP").await;
    let listener = json!({"loadbalancer_id": balancer, "protocol": "TCP", "protocol_port": 80});
    admin.makes("listeners", &listener).await;
    let secure = json!({"loadbalancer_id": balancer, "protocol": "TERMINATED_HTTPS", "protocol_port": 443});
    let shop = "default_tls_container_ref";
    for (body, field) in [
        (listener.clone(), "protocol_port"),
        (with(&listener, json!({"protocol_port": 0})), "protocol_port"),
        (with(&listener, json!({"protocol": "SCTP"})), "protocol"),
        (secure.clone(), shop),
        (with(&secure, json!({shop: "nothing"})), shop),
        (
            with(&secure, json!({shop: "shop", "sni_container_refs": ["no"]})),
            "sni_container_refs",
        ),
        (
            with(&listener, json!({"protocol": "UDP", "default_pool_id": pool})),
            "default_pool_id",
        ),
    ] {
        names(&admin, "listeners", &body, Some(field)).await;
    }
}

#[tokio::test]
async fn of_a_pool_and_of_its_session_persistence() {
    let world = World::new();
    let admin = world.admin();
    let balancer = admin.makes_a_load_balancer(1).await;
    let pool = json!({"loadbalancer_id": balancer, "protocol": "HTTP", "lb_algorithm": "ROUND_ROBIN"});
    let persisted = |persistence: Json| with(&pool, json!({ "session_persistence": persistence }));
    let by_source = |further: Json| persisted(with(&json!({"type": "SOURCE_IP"}), further));
    for (body, field) in [
        (with(&pool, json!({"lb_algorithm": "BEST"})), "lb_algorithm"),
        (persisted(json!(7)), "session_persistence"),
        (persisted(json!({"type": "COOKIE"})), "session_persistence.type"),
        (persisted(json!({"colour": "red"})), "session_persistence.colour"),
        (
            persisted(json!({"type": "APP_COOKIE"})),
            "session_persistence.cookie_name",
        ),
        (
            by_source(json!({"cookie_name": "a"})),
            "session_persistence.cookie_name",
        ),
        (
            by_source(json!({"persistence_timeout": 1})),
            "session_persistence.persistence_timeout",
        ),
        (
            with(&by_source(json!({})), json!({"lb_algorithm": "SOURCE_IP"})),
            "session_persistence",
        ),
    ] {
        names(&admin, "pools", &body, Some(field)).await;
    }
}

#[tokio::test]
async fn of_a_member_and_of_a_health_monitor() {
    let world = World::new();
    let admin = world.admin();
    let balancer = admin.makes_a_load_balancer(1).await;
    let pool = admin.makes_a_pool(&balancer, "HTTP").await;
    let members = format!("pools/{pool}/members");
    let member = json!({"address": "192.0.2.7", "protocol_port": 80});
    admin.makes(&members, &member).await;
    let monitor = json!({"pool_id": pool, "type": "HTTP", "delay": 5, "timeout": 5, "max_retries": 3});
    for (path, body, field) in [
        (members.as_str(), member.clone(), "address"),
        (
            &members,
            with(&member, json!({"address": "224.0.0.1"})),
            "address",
        ),
        (&members, json!({"address": "192.0.2.2"}), "protocol_port"),
        (&members, with(&member, json!({"weight": 257})), "weight"),
        ("healthmonitors", with(&monitor, json!({"type": "PING"})), "type"),
        ("healthmonitors", with(&monitor, json!({"delay": 3601})), "delay"),
        (
            "healthmonitors",
            with(&monitor, json!({"http_method": "TRACE"})),
            "http_method",
        ),
    ] {
        names(&admin, path, &body, Some(field)).await;
    }
    // There is no such pool: that is about the path to it, so to speak, and about no field.
    let nowhere = with(&monitor, json!({"pool_id": uuid::Uuid::nil()}));
    names(&admin, "healthmonitors", &nowhere, None).await;
}

/// Where it is in the request, however deep.
#[tokio::test]
async fn of_what_is_made_together_with_another_object() {
    let world = World::new();
    let admin = world.admin();
    let balancer = admin.makes_a_load_balancer(1).await;
    let pool = json!({"name": "a", "protocol": "HTTP", "lb_algorithm": "ROUND_ROBIN"});
    let listener = json!({"loadbalancer_id": balancer, "protocol": "HTTP", "protocol_port": 81});
    let short = json!({"type": "SOURCE_IP", "persistence_timeout": 1});
    let members = json!([{"address": "192.0.2.1", "protocol_port": 1}, {"address": "a", "protocol_port": 1}]);
    let monitor = json!({"type": "HTTP", "delay": 0, "timeout": 1, "max_retries": 1});
    for (others, field) in [
        (json!({"protocol": "UDP"}), "default_pool_id"),
        (json!({"lb_algorithm": 1}), "default_pool.lb_algorithm"),
        (
            json!({ "session_persistence": short }),
            "default_pool.session_persistence.persistence_timeout",
        ),
        (json!({ "members": members }), "default_pool.members.1.address"),
        (
            json!({ "healthmonitor": monitor }),
            "default_pool.healthmonitor.delay",
        ),
    ] {
        let body = with(&listener, json!({"default_pool": with(&pool, others)}));
        names(&admin, "listeners", &body, Some(field)).await;
    }
    let listener = json!({"protocol": "HTTP", "protocol_port": 80, "default_pool": with(&pool, json!({"lb_algorithm": 1}))});
    let whole = json!({"vip_address": "192.0.2.2", "listeners": [listener]});
    let field = "listeners.0.default_pool.lb_algorithm";
    names(&admin, "loadbalancers", &whole, Some(field)).await;
}

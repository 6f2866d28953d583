//! The session persistence of pools.

use serde_json::{Value as Json, json};

use super::{
    World,
    harness::{Client, Refusal, id_of},
};
use crate::{
    model::{self, PersistenceType},
    objects::SessionPersistence,
};

async fn pool_with(client: &Client, protocol: &str, persistence: Json) -> String {
    let balancer = client.makes_a_load_balancer(1).await;
    let port = json!({"loadbalancer_id": balancer, "protocol": protocol, "protocol_port": 80});
    let listener = id_of(&client.makes("listeners", &port).await);
    let fields = json!({
        "listener_id": listener, "protocol": protocol, "lb_algorithm": "ROUND_ROBIN", "session_persistence": persistence,
    });
    id_of(&client.makes("pools", &fields).await)
}

#[tokio::test]
async fn persistence_that_cannot_be_is_refused_with_what_would_be_right() {
    let world = World::new();
    let admin = world.admin();
    let balancer = admin.makes_a_load_balancer(1).await;
    for refusal in Refusal::all(include_str!("refused/persistence.txt")) {
        let fields =
            json!({"loadbalancer_id": balancer, "protocol": refusal.of, "lb_algorithm": "ROUND_ROBIN"});
        admin.is_refused("pools", fields, &refusal).await;
    }
}

#[tokio::test]
async fn each_layer_has_its_kinds_of_persistence_and_the_proxy_has_all() {
    for (protocol, kind, name) in [
        ("TCP", "SOURCE_IP", None),
        ("UDP", "SOURCE_IP", None),
        ("HTTP", "SOURCE_IP", None),
        ("HTTP", "HTTP_COOKIE", None),
        ("HTTP", "APP_COOKIE", Some("JSESSIONID")),
    ] {
        let world = World::new();
        let admin = world.admin();
        let pool = pool_with(&admin, protocol, json!({"type": kind, "cookie_name": name})).await;
        let shown = admin.gets(&format!("pools/{pool}")).await;
        let expected = json!({
            "type": kind, "cookie_name": name, "persistence_timeout": null, "persistence_granularity": null,
            "absolute_timeout": null,
        });
        assert!(shown.text.contains(&expected.to_string()), "{}", shown.text);
    }
}

#[tokio::test]
async fn a_timeout_may_be_a_string_and_is_shown_as_a_number() {
    for (protocol, longest_s) in [("TCP", 3600), ("UDP", 3600), ("HTTP", 86_400)] {
        let world = World::new();
        let admin = world.admin();
        let persistence = json!({"type": "SOURCE_IP", "persistence_timeout": longest_s.to_string()});
        let pool = pool_with(&admin, protocol, persistence).await;
        let shown = admin.sees(&format!("pools/{pool}")).await;
        assert_eq!(shown["session_persistence"]["persistence_timeout"], longest_s);
        let fields = json!({"session_persistence": {"persistence_timeout": 60}});
        admin.changes("pools", &pool, &fields).await;
    }
}

async fn served(world: &World, pool: &str) -> model::SessionPersistence {
    let shown = world.admin().sees(&format!("pools/{pool}")).await;
    let balancer = shown["loadbalancers"][0]["id"].as_str().unwrap().parse().unwrap();
    let managed = world
        .plane
        .last_of(balancer)
        .expect("a load balancer that is served");
    managed.pools[0].session_persistence.clone().expect("persistence")
}

#[tokio::test]
async fn what_is_asked_for_is_what_is_served() {
    let world = World::new();
    let admin = world.admin();
    let pool = pool_with(&admin, "TCP", json!({"type": "SOURCE_IP"})).await;
    assert_eq!(served(&world, &pool).await.idle_timeout_s, 1200, "the default");
    let fields = json!({"session_persistence": {
        "persistence_timeout": 61, "persistence_granularity": "255.255.255.0",
    }});
    admin.changes("pools", &pool, &fields).await;
    let persistence = served(&world, &pool).await;
    assert_eq!(persistence.idle_timeout_s, 61);
    let model::Persistence::SourceIp(granularity) = persistence.persistence else {
        panic!("{persistence:?}");
    };
    assert_eq!((granularity.v4, granularity.v6), (24, 128));
}

#[tokio::test]
async fn sessions_may_be_ended_however_busy_their_clients_are() {
    let world = World::new();
    let admin = world.admin();
    let persistence = json!({"type": "SOURCE_IP", "absolute_timeout": "28800"});
    let pool = pool_with(&admin, "TCP", persistence).await;
    assert_eq!(served(&world, &pool).await.absolute_timeout_s, Some(28_800));
    let shown = admin.sees(&format!("pools/{pool}")).await;
    assert_eq!(shown["session_persistence"]["absolute_timeout"], 28_800);
    for absolute in [1199, 604_801] {
        let fields = json!({"session_persistence": {"absolute_timeout": absolute}});
        let answer = admin.tries_to_change("pools", &pool, &fields).await;
        assert_eq!(answer.body["field"], "session_persistence.absolute_timeout");
        let says = format!(
            "Validation failure: absolute_timeout {absolute} is out of range; with persistence_timeout 1200 it is 1200 to \
             604800 seconds."
        );
        answer.says(400, &says);
    }
    let without = json!({"session_persistence": {"persistence_timeout": 60}});
    admin.changes("pools", &pool, &without).await;
    assert_eq!(served(&world, &pool).await.absolute_timeout_s, None);
}

#[test]
fn what_was_stored_without_an_absolute_timeout_has_none() {
    let stored = json!({
        "type": "SOURCE_IP", "cookie_name": null, "persistence_timeout": 60, "persistence_granularity": null,
    });
    let read: SessionPersistence = serde_json::from_value(stored).unwrap();
    assert_eq!(read.absolute_timeout, None);
}

#[tokio::test]
async fn what_is_left_out_of_a_change_is_gone_but_for_the_type() {
    let world = World::new();
    let admin = world.admin();
    let persistence = json!({
        "type": "SOURCE_IP", "persistence_timeout": 600, "persistence_granularity": "255.255.0.0",
    });
    let pool = pool_with(&admin, "HTTP", persistence).await;
    let shown = |kind: &str, name: Json, timeout: Json| {
        json!({
            "type": kind, "cookie_name": name, "persistence_timeout": timeout, "persistence_granularity": null,
            "absolute_timeout": null,
        })
    };
    for (change, expected) in [
        (
            json!({"persistence_timeout": 120}),
            shown("SOURCE_IP", json!(null), json!(120)),
        ),
        (
            json!({"type": "APP_COOKIE", "cookie_name": "SID"}),
            shown("APP_COOKIE", json!("SID"), json!(null)),
        ),
        (
            json!({"cookie_name": "sid"}),
            shown("APP_COOKIE", json!("sid"), json!(null)),
        ),
        (
            json!({"type": "HTTP_COOKIE"}),
            shown("HTTP_COOKIE", json!(null), json!(null)),
        ),
        (json!({}), shown("HTTP_COOKIE", json!(null), json!(null))),
    ] {
        let changed = admin
            .changes("pools", &pool, &json!({"session_persistence": change}))
            .await;
        assert_eq!(changed["session_persistence"], expected, "{change}");
    }
    assert_eq!(
        served(&world, &pool).await.persistence.persistence_type(),
        PersistenceType::HttpCookie
    );
}

#[tokio::test]
async fn null_switches_persistence_off_and_only_a_type_switches_it_on() {
    let world = World::new();
    let admin = world.admin();
    let pool = pool_with(&admin, "TCP", json!({"type": "SOURCE_IP"})).await;
    let changed = admin
        .changes("pools", &pool, &json!({"session_persistence": null}))
        .await;
    assert_eq!(changed["session_persistence"], json!(null));
    for fields in [json!({}), json!({"persistence_timeout": 60})] {
        let change = admin
            .tries_to_change("pools", &pool, &json!({"session_persistence": fields}))
            .await;
        change.says(400, "Validation failure: Invalid session_persistence provided.");
    }
    let fields = json!({"session_persistence": {"type": "SOURCE_IP"}});
    let changed = admin.changes("pools", &pool, &fields).await;
    assert_eq!(changed["session_persistence"]["type"], "SOURCE_IP");
    let change = admin
        .tries_to_change("pools", &pool, &json!({"lb_algorithm": "SOURCE_IP"}))
        .await;
    change.says(
        400,
        "Validation failure: session_persistence is not for lb_algorithm SOURCE_IP, which already keeps a client on its \
         server; leave it out, or use ROUND_ROBIN or LEAST_CONNECTIONS.",
    );
    let fields = json!({"lb_algorithm": "SOURCE_IP", "session_persistence": null});
    admin.changes("pools", &pool, &fields).await;
}

#[tokio::test]
async fn a_dedicated_load_balancer_has_no_application_cookies() {
    let world = World::new();
    let admin = world.admin();
    let fields = json!({
        "name": "own", "provider_name": "holdfast", "flavor_data": "{\"kind\": \"dedicated\"}",
    });
    let profile = id_of(&admin.makes("flavorprofiles", &fields).await);
    let fields = json!({"name": "own", "flavor_profile_id": profile});
    let flavor = id_of(&admin.makes("flavors", &fields).await);
    let fields = json!({"vip_address": "192.0.2.1", "flavor_id": flavor});
    let balancer = id_of(&admin.makes("loadbalancers", &fields).await);
    let pool = |kind: &str, name: Option<&str>| {
        json!({
            "loadbalancer_id": balancer, "protocol": "HTTP", "lb_algorithm": "ROUND_ROBIN",
            "session_persistence": {"type": kind, "cookie_name": name},
        })
    };
    admin.makes("pools", &pool("HTTP_COOKIE", None)).await;
    admin.makes("pools", &pool("SOURCE_IP", None)).await;
    admin.tries_to_make("pools", &pool("APP_COOKIE", Some("SID"))).await.says(
        400,
        "Validation failure: Session persistence of type APP_COOKIE is not supported for dedicated load balancers.",
    );
}

#[tokio::test]
async fn cookies_are_for_pools_behind_listeners_that_read_requests() {
    let world = World::new();
    let admin = world.admin();
    let balancer = admin.makes_a_load_balancer(1).await;
    let listener = admin.makes_a_listener(&balancer, "TCP", 80).await;
    let fields = json!({
        "listener_id": listener, "protocol": "HTTP", "lb_algorithm": "ROUND_ROBIN",
        "session_persistence": {"type": "HTTP_COOKIE"},
    });
    let answer = admin.tries_to_make("pools", &fields).await.is(400);
    assert!(answer.text.contains("HTTP_COOKIE"), "{}", answer.text);
    let fields = json!({
        "listener_id": listener, "protocol": "HTTP", "lb_algorithm": "ROUND_ROBIN",
        "session_persistence": {"type": "SOURCE_IP", "persistence_timeout": 3601},
    });
    let answer = admin.tries_to_make("pools", &fields).await.is(400);
    assert!(answer.text.contains("3600"), "{}", answer.text);
}

//! Listeners.

use serde_json::{Value as Json, json};

use super::{
    World,
    harness::{Refusal, fields_of, id_of, unknown},
};
use crate::model::{ForwardedMode, Service};

#[tokio::test]
async fn a_listener_is_shown_with_its_defaults() {
    let world = World::new();
    let admin = world.admin();
    let balancer = admin.makes_a_load_balancer(1).await;
    let made = admin
        .makes(
            "listeners",
            &json!({"loadbalancer_id": balancer, "protocol": "TCP", "protocol_port": "443"}),
        )
        .await;
    assert_eq!(made["provisioning_status"], "PENDING_CREATE");
    assert_eq!(made["operating_status"], "OFFLINE");
    let shown = admin.sees(&format!("listeners/{}", id_of(&made))).await;
    let expected = json!({
        "id": made["id"],
        "name": "",
        "description": "",
        "provisioning_status": "ACTIVE",
        "operating_status": "ONLINE",
        "admin_state_up": true,
        "protocol": "TCP",
        "protocol_port": 443,
        "connection_limit": -1,
        "default_tls_container_ref": null,
        "sni_container_refs": [],
        "project_id": "admins",
        "default_pool_id": null,
        "l7policies": [],
        "insert_headers": {},
        "created_at": made["created_at"],
        "updated_at": null,
        "loadbalancers": [{"id": balancer}],
        "timeout_client_data": 50_000,
        "timeout_member_connect": 5000,
        "timeout_member_data": 50_000,
        "timeout_tcp_inspect": 0,
        "tags": [],
        "client_ca_tls_container_ref": null,
        "client_authentication": "NONE",
        "client_crl_container_ref": null,
        "allowed_cidrs": null,
        "tls_ciphers": null,
        "tls_versions": null,
        "alpn_protocols": null,
        "hsts_max_age": null,
        "hsts_include_subdomains": false,
        "hsts_preload": false,
        "tenant_id": "admins",
        "revision": 2,
        "declared_in": null,
    });
    assert_eq!(shown, expected);
    assert_eq!(fields_of(&shown), fields_of(&expected));
}

#[tokio::test]
async fn a_listener_that_ends_tls_says_how_it_speaks_it() {
    let world = World::new();
    let admin = world.admin();
    let balancer = admin.makes_a_load_balancer(1).await;
    let fields = json!({
        "loadbalancer_id": balancer,
        "protocol": "TERMINATED_HTTPS",
        "protocol_port": 443,
        "sni_container_refs": ["shop", "https://keys.example.org/v1/shop", "shop"],
    });
    let made = admin.makes("listeners", &fields).await;
    assert_eq!(made["tls_versions"], json!(["TLSv1.2", "TLSv1.3"]));
    assert_eq!(made["alpn_protocols"], json!(["h2", "http/1.1", "http/1.0"]));
    assert!(
        made["tls_ciphers"]
            .as_str()
            .unwrap()
            .starts_with("TLS_AES_128_GCM_SHA256:")
    );
    assert_eq!(
        made["sni_container_refs"],
        json!(["https://keys.example.org/v1/shop", "shop"])
    );
    let id = id_of(&made);
    let changed = admin
        .changes("listeners", &id, &json!({"alpn_protocols": ["http/1.1"]}))
        .await;
    assert_eq!(changed["alpn_protocols"], json!(["http/1.1"]));
    let changed = admin
        .changes(
            "listeners",
            &id,
            &json!({"alpn_protocols": null, "tls_versions": null}),
        )
        .await;
    assert_eq!(changed["alpn_protocols"], json!(["h2", "http/1.1", "http/1.0"]));
}

#[tokio::test]
async fn null_makes_a_listener_what_it_was_at_first() {
    let world = World::new();
    let admin = world.admin();
    let balancer = admin.makes_a_load_balancer(1).await;
    let listener = admin.makes_a_listener(&balancer, "HTTP", 80).await;
    let pool = admin.makes_a_pool(&balancer, "HTTP").await;
    let fields = json!({
        "name": "shop",
        "description": "of all",
        "connection_limit": "1000",
        "default_pool_id": pool,
        "insert_headers": {"X-Forwarded-For": "true"},
        "timeout_client_data": 1000,
        "timeout_member_connect": 1001,
        "timeout_member_data": 1002,
        "timeout_tcp_inspect": 1003,
        "tags": ["b", "a", "b"],
    });
    let changed = admin.changes("listeners", &listener, &fields).await;
    assert_eq!(changed["connection_limit"], 1000);
    assert_eq!(changed["default_pool_id"], json!(pool));
    assert_eq!(changed["tags"], json!(["a", "b"]));
    assert_eq!(changed["provisioning_status"], "PENDING_UPDATE");
    assert!(changed["updated_at"].is_string());
    let nothing: serde_json::Map<String, Json> = fields
        .as_object()
        .unwrap()
        .keys()
        .map(|key| (key.clone(), Json::Null))
        .collect();
    let changed = admin.changes("listeners", &listener, &nothing.into()).await;
    for (field, value) in [
        ("name", json!("")),
        ("description", json!("")),
        ("connection_limit", json!(-1)),
        ("default_pool_id", json!(null)),
        ("insert_headers", json!({})),
        ("timeout_client_data", json!(50_000)),
        ("timeout_member_connect", json!(5000)),
        ("timeout_member_data", json!(50_000)),
        ("timeout_tcp_inspect", json!(0)),
        // Of tags it says nothing.
        ("tags", json!(["a", "b"])),
    ] {
        assert_eq!(changed[field], value, "{field}");
    }
    let changed = admin
        .changes("listeners", &listener, &json!({"admin_state_up": null}))
        .await;
    assert_eq!(
        changed["admin_state_up"], false,
        "null has always been taken for false"
    );
    let changed = admin.changes("listeners", &listener, &json!({"tags": []})).await;
    assert_eq!(changed["tags"], json!([]));
}

#[tokio::test]
async fn what_a_listener_cannot_be_is_refused_in_the_words_of_the_service() {
    let world = World::new();
    let admin = world.admin();
    let balancer = admin.makes_a_load_balancer(1).await;
    for refusal in Refusal::all(include_str!("refused/listeners.txt")) {
        let fields = json!({"loadbalancer_id": balancer, "protocol": refusal.of, "protocol_port": 80});
        admin.is_refused("listeners", fields, &refusal).await;
    }
    assert_eq!(
        admin.sees("listeners").await,
        json!([]),
        "nothing is left of what was refused"
    );
}

#[tokio::test]
async fn what_has_to_be_said_of_a_listener_is_asked_for_in_turn() {
    let world = World::new();
    let admin = world.admin();
    let id = unknown();
    for (fields, field) in [
        (json!({}), "protocol"),
        (json!({"protocol": "TCP"}), "protocol_port"),
        (json!({"protocol": "TCP", "protocol_port": 1}), "loadbalancer_id"),
    ] {
        let says =
            format!("Invalid input for field/attribute {field}. Value: 'None'. Mandatory field missing.");
        admin.tries_to_make("listeners", &fields).await.says(400, &says);
    }
    let fields = json!({"protocol": "TCP", "protocol_port": 1, "loadbalancer_id": id});
    let says = format!("Load Balancer {id} not found.");
    admin.tries_to_make("listeners", &fields).await.says(404, &says);
}

#[tokio::test]
async fn a_port_is_one_listeners_of_each_transport() {
    let world = World::new();
    let admin = world.admin();
    let balancer = admin.makes_a_load_balancer(1).await;
    admin.makes_a_listener(&balancer, "TCP", 80).await;
    admin.makes_a_listener(&balancer, "UDP", 80).await;
    let fields = json!({"loadbalancer_id": balancer, "protocol": "HTTP", "protocol_port": 80});
    admin.tries_to_make("listeners", &fields).await.says(
        409,
        "Another Listener on this Load Balancer is already using protocol TCP and protocol_port 80",
    );
    let other = admin.makes_a_load_balancer(2).await;
    admin.makes_a_listener(&other, "HTTP", 80).await;
}

#[tokio::test]
async fn listeners_lead_to_pools_that_they_can_speak_to() {
    let world = World::new();
    let admin = world.admin();
    let balancer = admin.makes_a_load_balancer(1).await;
    for (listener, pool) in [
        ("HTTP", "TCP"),
        ("HTTP", "HTTPS"),
        ("HTTPS", "HTTP"),
        ("UDP", "TCP"),
        ("TCP", "UDP"),
    ] {
        let pool_id = admin.makes_a_pool(&balancer, pool).await;
        let fields = json!({
            "loadbalancer_id": balancer, "protocol": listener, "protocol_port": 80, "default_pool_id": pool_id,
        });
        let says = format!(
            "Validation failure: The pool protocol '{pool}' is invalid while the listener protocol is '{listener}'."
        );
        admin.tries_to_make("listeners", &fields).await.says(400, &says);
    }
    let other = admin.makes_a_load_balancer(2).await;
    let pool = admin.makes_a_pool(&balancer, "TCP").await;
    let fields = json!({
        "loadbalancer_id": other, "protocol": "TCP", "protocol_port": 80, "default_pool_id": pool,
    });
    let says = format!("Pool {pool} not found.");
    admin.tries_to_make("listeners", &fields).await.says(404, &says);
}

#[tokio::test]
async fn what_a_listener_is_stays() {
    let world = World::new();
    let admin = world.admin();
    let balancer = admin.makes_a_load_balancer(1).await;
    let listener = admin.makes_a_listener(&balancer, "TCP", 80).await;
    for field in ["protocol", "protocol_port", "loadbalancer_id", "project_id", "id"] {
        let says = format!("Unknown attribute for argument listener_.listener: {field}");
        let change = admin
            .tries_to_change("listeners", &listener, &json!({field: "HTTP"}))
            .await;
        change.says(400, &says);
    }
    for fields in [json!({}), json!({"listener": null})] {
        let change = admin.puts(&format!("listeners/{listener}"), &fields).await;
        change.says(400, "Validation failure: No listener object supplied.");
    }
    admin.changes("listeners", &listener, &json!({})).await;
}

#[tokio::test]
async fn a_listener_that_goes_takes_its_policies_along_and_leaves_its_pool() {
    let world = World::new();
    let admin = world.admin();
    let balancer = admin.makes_a_load_balancer(1).await;
    let listener = admin.makes_a_listener(&balancer, "HTTP", 80).await;
    let pool = admin.makes_a_pool_for(&listener, "HTTP").await;
    let policy = admin.makes_a_rejecting_policy(&listener).await;
    let answer = admin.deletes(&format!("listeners/{listener}")).await.is(204);
    assert_eq!(answer.text, "");
    let says = format!("Listener {listener} not found.");
    admin
        .gets(&format!("listeners/{listener}"))
        .await
        .says(404, &says);
    let says = format!("L7 Policy {policy} not found.");
    admin.gets(&format!("l7policies/{policy}")).await.says(404, &says);
    assert_eq!(admin.sees(&format!("pools/{pool}")).await["listeners"], json!([]));
}

#[tokio::test]
async fn members_get_the_usual_headers_but_for_those_that_are_said_to_be_false() {
    let world = World::new();
    let admin = world.admin();
    let balancer = admin.makes_a_load_balancer(1).await;
    let listener = admin.makes_a_listener(&balancer, "HTTP", 80).await;
    let id = balancer.parse().unwrap();
    let modes = || {
        let managed = world.plane.last_of(id).expect("it is served");
        let Service::Http { http } = &managed.load_balancer.listeners[0].service else {
            panic!("it reads requests");
        };
        let policy = &http.identity.forwarded;
        [
            policy.x_forwarded_for,
            policy.x_forwarded_proto,
            policy.x_forwarded_port,
        ]
    };
    let usual = modes();
    assert!(!usual.contains(&ForwardedMode::Remove));
    for (headers, removed) in [
        (json!({"X-Forwarded-For": "true"}), [false; 3]),
        (
            json!({"X-Forwarded-For": "False", "X-Forwarded-Port": "true"}),
            [true, false, false],
        ),
        (
            json!({"X-Forwarded-Proto": "false", "X-Forwarded-Port": "false"}),
            [false, true, true],
        ),
        (json!({}), [false; 3]),
    ] {
        admin
            .changes("listeners", &listener, &json!({"insert_headers": headers}))
            .await;
        let expected: Vec<_> = usual
            .into_iter()
            .zip(removed)
            .map(|(usual, removed)| if removed { ForwardedMode::Remove } else { usual })
            .collect();
        assert_eq!(modes().to_vec(), expected, "{headers}");
    }
}

//! Health monitors.

use serde_json::json;

use super::{
    World,
    harness::{Refusal, fields_of, id_of},
};

#[tokio::test]
async fn a_monitor_of_requests_is_shown_with_its_defaults() {
    let world = World::new();
    let admin = world.admin();
    let balancer = admin.makes_a_load_balancer(1).await;
    let pool = admin.makes_a_pool(&balancer, "HTTP").await;
    let fields = json!({"pool_id": pool, "type": "HTTP", "delay": "5", "timeout": 9, "max_retries": 2});
    let made = admin.makes("healthmonitors", &fields).await;
    assert_eq!(made["operating_status"], "OFFLINE");
    let shown = admin.sees(&format!("healthmonitors/{}", id_of(&made))).await;
    let expected = json!({
        "id": made["id"],
        "name": "",
        "type": "HTTP",
        "delay": 5,
        "timeout": 9,
        "max_retries": 2,
        "max_retries_down": 3,
        "http_method": "GET",
        "url_path": "/",
        "expected_codes": "200",
        "admin_state_up": true,
        "project_id": "admins",
        "pools": [{"id": pool}],
        "provisioning_status": "ACTIVE",
        "operating_status": "ONLINE",
        "created_at": made["created_at"],
        "updated_at": null,
        "tags": [],
        "http_version": null,
        "domain_name": null,
        "tenant_id": "admins",
        "revision": 3,
        "declared_in": null,
    });
    assert_eq!(shown, expected);
    assert_eq!(fields_of(&shown), fields_of(&expected));
}

#[tokio::test]
async fn a_monitor_that_makes_no_requests_has_nothing_to_say_of_them() {
    let world = World::new();
    let admin = world.admin();
    let balancer = admin.makes_a_load_balancer(1).await;
    for (protocol, kind) in [("TCP", "TCP"), ("UDP", "UDP-CONNECT"), ("UDP", "TCP")] {
        let pool = admin.makes_a_pool(&balancer, protocol).await;
        let monitor = admin.makes_a_monitor(&pool, kind).await;
        let shown = admin.sees(&format!("healthmonitors/{monitor}")).await;
        for field in ["http_method", "url_path", "expected_codes"] {
            assert_eq!(shown[field], json!(null), "{kind}: {field}");
        }
        let change = admin
            .tries_to_change("healthmonitors", &monitor, &json!({"url_path": "/"}))
            .await;
        change.says(
            400,
            &format!("url_path is not a valid option for health monitors of type {kind}"),
        );
    }
}

#[tokio::test]
async fn what_a_monitor_cannot_be_is_refused_in_the_words_of_the_service() {
    let world = World::new();
    let admin = world.admin();
    let balancer = admin.makes_a_load_balancer(1).await;
    for refusal in Refusal::all(include_str!("refused/health_monitors.txt")) {
        let (kind, protocol) = refusal.of.split_once(' ').unwrap();
        let pool = admin.makes_a_pool(&balancer, protocol).await;
        let fields = json!({"pool_id": pool, "type": kind, "delay": 5, "timeout": 3, "max_retries": 2});
        admin.is_refused("healthmonitors", fields, &refusal).await;
    }
    assert_eq!(admin.sees("healthmonitors").await, json!([]));
}

#[tokio::test]
async fn what_has_to_be_said_of_a_monitor_is_asked_for_in_turn() {
    let world = World::new();
    let mut fields = json!({});
    for (field, value) in [
        ("type", json!("TCP")),
        ("delay", json!(5)),
        ("timeout", json!(3)),
        ("max_retries", json!(2)),
        ("pool_id", json!("")),
    ] {
        let says =
            format!("Invalid input for field/attribute {field}. Value: 'None'. Mandatory field missing.");
        world
            .admin()
            .tries_to_make("healthmonitors", &fields)
            .await
            .says(400, &says);
        fields[field] = value;
    }
}

#[tokio::test]
async fn a_pool_has_one_monitor() {
    let world = World::new();
    let admin = world.admin();
    let balancer = admin.makes_a_load_balancer(1).await;
    let pool = admin.makes_a_pool(&balancer, "TCP").await;
    let monitor = admin.makes_a_monitor(&pool, "TCP").await;
    let fields = json!({"pool_id": pool, "type": "TCP", "delay": 5, "timeout": 3, "max_retries": 2});
    let second = admin.tries_to_make("healthmonitors", &fields).await;
    second.says(409, "This pool already has a health monitor");
    admin.deletes(&format!("healthmonitors/{monitor}")).await.is(204);
    admin.makes("healthmonitors", &fields).await;
}

#[tokio::test]
async fn null_makes_a_monitor_what_it_was_at_first() {
    let world = World::new();
    let admin = world.admin();
    let balancer = admin.makes_a_load_balancer(1).await;
    let pool = admin.makes_a_pool(&balancer, "HTTP").await;
    let fields = json!({
        "pool_id": pool, "type": "HTTPS", "delay": 5, "timeout": 3, "max_retries": 2, "max_retries_down": 4,
        "http_method": "HEAD", "url_path": "/up?a=b", "expected_codes": "200, 204", "http_version": "1.1",
        "domain_name": "shop.example.org", "tags": ["a"],
    });
    let made = admin.makes("healthmonitors", &fields).await;
    assert_eq!(made["http_version"], json!(1.1));
    assert_eq!(
        made["expected_codes"], "200, 204",
        "clients compare with what they have sent"
    );
    let fields = json!({
        "max_retries_down": null, "http_method": null, "url_path": null, "expected_codes": null,
        "http_version": null, "domain_name": null, "tags": null,
    });
    let changed = admin.changes("healthmonitors", &id_of(&made), &fields).await;
    for (field, value) in [
        ("max_retries_down", json!(3)),
        ("http_method", json!("GET")),
        ("url_path", json!("/")),
        ("expected_codes", json!("200")),
        ("http_version", json!(null)),
        ("domain_name", json!(null)),
        ("tags", json!(["a"])),
    ] {
        assert_eq!(changed[field], value, "{field}");
    }
    for field in ["delay", "timeout", "max_retries"] {
        let change = admin
            .tries_to_change("healthmonitors", &id_of(&made), &json!({field: null}))
            .await;
        change.says(400, &format!("None is not a valid option for {field}"));
    }
    for field in ["type", "pool_id"] {
        let says = format!("Unknown attribute for argument health_monitor_.healthmonitor: {field}");
        let change = admin
            .tries_to_change("healthmonitors", &id_of(&made), &json!({field: "TCP"}))
            .await;
        change.says(400, &says);
    }
}

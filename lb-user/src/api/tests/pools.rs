//! Pools.

use serde_json::json;

use super::{
    World,
    harness::{Refusal, fields_of, id_of},
};

#[tokio::test]
async fn a_pool_is_shown_with_its_defaults() {
    let world = World::new();
    let admin = world.admin();
    let balancer = admin.makes_a_load_balancer(1).await;
    let listener = admin.makes_a_listener(&balancer, "TCP", 80).await;
    let pool = admin.makes_a_pool_for(&listener, "TCP").await;
    let shown = admin.sees(&format!("pools/{pool}")).await;
    let expected = json!({
        "id": pool,
        "name": "",
        "description": "",
        "provisioning_status": "ACTIVE",
        "operating_status": "OFFLINE",
        "admin_state_up": true,
        "protocol": "TCP",
        "lb_algorithm": "ROUND_ROBIN",
        "session_persistence": null,
        "project_id": "admins",
        "loadbalancers": [{"id": balancer}],
        "listeners": [{"id": listener}],
        "created_at": shown["created_at"],
        "updated_at": null,
        "members": [],
        "tags": [],
        "tls_container_ref": null,
        "ca_tls_container_ref": null,
        "crl_container_ref": null,
        "tls_enabled": false,
        "tls_ciphers": null,
        "tls_versions": null,
        "alpn_protocols": null,
        "tenant_id": "admins",
        "revision": 3,
        "declared_in": null,
    });
    assert_eq!(shown, expected);
    assert_eq!(fields_of(&shown), fields_of(&expected));
    let monitor = admin.makes_a_monitor(&pool, "TCP").await;
    let member = admin.makes_a_member(&pool, 1).await;
    let shown = admin.sees(&format!("pools/{pool}")).await;
    assert_eq!(shown["healthmonitor_id"], json!(monitor));
    assert_eq!(shown["members"], json!([{"id": member}]));
    assert_eq!(shown["operating_status"], "ONLINE");
}

#[tokio::test]
async fn what_a_pool_cannot_be_is_refused_in_the_words_of_the_service() {
    let world = World::new();
    let admin = world.admin();
    let balancer = admin.makes_a_load_balancer(1).await;
    for refusal in Refusal::all(include_str!("refused/pools.txt")) {
        let fields =
            json!({"loadbalancer_id": balancer, "protocol": refusal.of, "lb_algorithm": "ROUND_ROBIN"});
        admin.is_refused("pools", fields, &refusal).await;
    }
    for (fields, field) in [
        (json!({}), "protocol"),
        (json!({"protocol": "TCP"}), "lb_algorithm"),
    ] {
        let says =
            format!("Invalid input for field/attribute {field}. Value: 'None'. Mandatory field missing.");
        admin.tries_to_make("pools", &fields).await.says(400, &says);
    }
    assert_eq!(admin.sees("pools").await, json!([]));
}

#[tokio::test]
async fn a_listener_has_one_pool_of_its_own_that_it_can_speak_to() {
    let world = World::new();
    let admin = world.admin();
    let balancer = admin.makes_a_load_balancer(1).await;
    let listener = admin.makes_a_listener(&balancer, "UDP", 53).await;
    let fields = json!({"listener_id": listener, "protocol": "TCP", "lb_algorithm": "ROUND_ROBIN"});
    admin.tries_to_make("pools", &fields).await.says(
        400,
        "Validation failure: The pool protocol 'TCP' is invalid while the listener protocol is 'UDP'.",
    );
    let pool = admin.makes_a_pool_for(&listener, "UDP").await;
    assert_eq!(
        admin.sees(&format!("listeners/{listener}")).await["default_pool_id"],
        json!(pool)
    );
    let fields = json!({"listener_id": listener, "protocol": "UDP", "lb_algorithm": "ROUND_ROBIN"});
    admin
        .tries_to_make("pools", &fields)
        .await
        .says(409, "This listener already has a default pool");
}

#[tokio::test]
async fn a_pool_of_both_ids_is_of_a_listener_of_that_load_balancer() {
    let world = World::new();
    let admin = world.admin();
    let balancer = admin.makes_a_load_balancer(1).await;
    let other = admin.makes_a_load_balancer(2).await;
    let listener = admin.makes_a_listener(&other, "TCP", 80).await;
    let fields = json!({
        "listener_id": listener, "loadbalancer_id": balancer, "protocol": "TCP", "lb_algorithm": "ROUND_ROBIN",
    });
    let says = format!("Listener {listener} not found.");
    admin.tries_to_make("pools", &fields).await.says(404, &says);
}

#[tokio::test]
async fn null_makes_a_pool_what_it_was_at_first() {
    let world = World::new();
    let admin = world.admin();
    let balancer = admin.makes_a_load_balancer(1).await;
    let fields = json!({
        "loadbalancer_id": balancer, "protocol": "HTTP", "lb_algorithm": "ROUND_ROBIN", "name": "web",
        "tls_enabled": true, "tags": ["a"], "session_persistence": {"type": "HTTP_COOKIE"},
    });
    let made = admin.makes("pools", &fields).await;
    assert_eq!(made["tls_versions"], json!(["TLSv1.2", "TLSv1.3"]));
    assert_eq!(made["alpn_protocols"], json!(["h2", "http/1.1", "http/1.0"]));
    let fields = json!({
        "name": null, "tls_enabled": null, "tls_versions": null, "alpn_protocols": null, "tls_ciphers": null,
        "session_persistence": null, "tags": null,
    });
    let changed = admin.changes("pools", &id_of(&made), &fields).await;
    for (field, value) in [
        ("name", json!("")),
        ("tls_enabled", json!(false)),
        ("alpn_protocols", json!(null)),
        ("session_persistence", json!(null)),
        ("tags", json!(["a"])),
    ] {
        assert_eq!(changed[field], value, "{field}");
    }
    let change = admin
        .tries_to_change("pools", &id_of(&made), &json!({"lb_algorithm": null}))
        .await;
    change.says(400, "None is not a valid option for lb_algorithm");
}

#[tokio::test]
async fn what_a_pool_speaks_and_where_it_is_stays() {
    let world = World::new();
    let admin = world.admin();
    let balancer = admin.makes_a_load_balancer(1).await;
    let pool = admin.makes_a_pool(&balancer, "TCP").await;
    for field in [
        "protocol",
        "loadbalancer_id",
        "listener_id",
        "project_id",
        "members",
        "healthmonitor",
    ] {
        let says = format!("Unknown attribute for argument pool_.pool: {field}");
        admin
            .tries_to_change("pools", &pool, &json!({field: "UDP"}))
            .await
            .says(400, &says);
    }
}

#[tokio::test]
async fn a_pool_goes_with_its_members_unless_a_policy_leads_to_it() {
    let world = World::new();
    let admin = world.admin();
    let balancer = admin.makes_a_load_balancer(1).await;
    let listener = admin.makes_a_listener(&balancer, "HTTP", 80).await;
    let pool = admin.makes_a_pool_for(&listener, "HTTP").await;
    admin.makes_a_member(&pool, 1).await;
    let monitor = admin.makes_a_monitor(&pool, "HTTP").await;
    let fields = json!({"listener_id": listener, "action": "REDIRECT_TO_POOL", "redirect_pool_id": pool});
    let policy = id_of(&admin.makes("l7policies", &fields).await);
    let says = format!("Pool {pool} is in use by L7 policy {policy}");
    admin.deletes(&format!("pools/{pool}")).await.says(409, &says);
    admin.deletes(&format!("l7policies/{policy}")).await.is(204);
    admin.deletes(&format!("pools/{pool}")).await.is(204);
    assert_eq!(
        admin.sees(&format!("listeners/{listener}")).await["default_pool_id"],
        json!(null)
    );
    let says = format!("Health Monitor {monitor} not found.");
    admin
        .gets(&format!("healthmonitors/{monitor}"))
        .await
        .says(404, &says);
}

#[tokio::test]
async fn a_pool_is_that_of_all_listeners_that_lead_to_it() {
    let world = World::new();
    let admin = world.admin();
    let balancer = admin.makes_a_load_balancer(1).await;
    let pool = admin.makes_a_pool(&balancer, "HTTP").await;
    let own = admin.makes_a_listener(&balancer, "HTTP", 80).await;
    let other = admin.makes_a_listener(&balancer, "HTTP", 81).await;
    let fields = json!({"listener_id": other, "action": "REDIRECT_TO_POOL", "redirect_pool_id": pool});
    let policy = id_of(&admin.makes("l7policies", &fields).await);
    admin
        .changes("listeners", &own, &json!({"default_pool_id": pool}))
        .await;
    let path = format!("pools/{pool}");
    assert_eq!(
        admin.sees(&path).await["listeners"],
        json!([{"id": own}]),
        "a policy without rules leads nowhere"
    );
    admin.makes_a_rule(&policy).await;
    assert_eq!(
        admin.sees(&path).await["listeners"],
        json!([{"id": own}, {"id": other}])
    );
}

//! Load balancers.

use serde_json::json;

use super::{
    Plane, World,
    harness::{Refusal, fields_of, id_of, unknown},
};

#[tokio::test]
async fn a_load_balancer_is_shown_with_its_defaults() {
    let world = World::new();
    let admin = world.admin();
    let made = admin
        .makes("loadbalancers", &json!({"vip_address": "192.0.2.1"}))
        .await;
    assert_eq!(
        fields_of(&made)[..3],
        ["listeners", "pools", "id"],
        "what was made is answered as a whole"
    );
    assert_eq!(made["provisioning_status"], "PENDING_CREATE");
    assert_eq!(made["operating_status"], "OFFLINE");
    let shown = admin.sees(&format!("loadbalancers/{}", id_of(&made))).await;
    for (field, value) in [
        ("name", json!("")),
        ("description", json!("")),
        ("provisioning_status", json!("ACTIVE")),
        ("operating_status", json!("ONLINE")),
        ("admin_state_up", json!(true)),
        ("project_id", json!("admins")),
        ("updated_at", json!(null)),
        ("vip_address", json!("192.0.2.1")),
        ("vip_sg_ids", json!([])),
        ("additional_vips", json!([])),
        ("listeners", json!([])),
        ("pools", json!([])),
        ("provider", json!("holdfast")),
        ("flavor_id", json!(null)),
        ("vip_qos_policy_id", json!(null)),
        ("tags", json!([])),
        ("availability_zone", json!(null)),
        ("vip_vnic_type", json!("normal")),
        ("tenant_id", json!("admins")),
        ("status_reason", json!(null)),
    ] {
        assert_eq!(shown[field], value, "{field}");
    }
    let expected = "id name description provisioning_status operating_status admin_state_up project_id created_at \
                    updated_at vip_address vip_port_id vip_subnet_id vip_network_id vip_sg_ids additional_vips \
                    listeners pools provider flavor_id vip_qos_policy_id tags availability_zone vip_vnic_type \
                    tenant_id revision declared_in status_reason";
    assert_eq!(fields_of(&shown).join(" "), expected);
    let times = shown["created_at"].as_str().unwrap();
    assert_eq!(
        times.len(),
        "2026-11-26T09:06:45".len(),
        "clients want no zone: {times}"
    );
}

#[tokio::test]
async fn what_a_load_balancer_cannot_be_is_refused_in_the_words_of_the_service() {
    let world = World::new();
    let admin = world.admin();
    for refusal in Refusal::all(include_str!("refused/load_balancers.txt")) {
        let fields = json!({"vip_address": "192.0.2.1"});
        admin.is_refused("loadbalancers", fields, &refusal).await;
    }
    assert_eq!(admin.sees("loadbalancers").await, json!([]));
}

#[tokio::test]
async fn null_makes_a_load_balancer_what_it_was_at_first() {
    let world = World::new();
    let admin = world.admin();
    let fields =
        json!({"vip_address": "192.0.2.1", "name": "shop", "description": "of all", "tags": ["b", "a"]});
    let id = id_of(&admin.makes("loadbalancers", &fields).await);
    let fields = json!({"name": null, "description": null, "vip_sg_ids": null, "tags": null});
    let changed = admin.changes("loadbalancers", &id, &fields).await;
    assert_eq!(changed["name"], "");
    assert_eq!(changed["description"], "");
    assert_eq!(changed["tags"], json!(["a", "b"]), "of tags null says nothing");
    assert_eq!(changed["provisioning_status"], "PENDING_UPDATE");
    assert_eq!(changed["listeners"], json!([]));
    let changed = admin
        .changes("loadbalancers", &id, &json!({"admin_state_up": null}))
        .await;
    assert_eq!(changed["admin_state_up"], false);
    let shown = admin.sees(&format!("loadbalancers/{id}")).await;
    assert_eq!(
        shown["operating_status"], "OFFLINE",
        "who is switched off serves nobody"
    );
}

#[tokio::test]
async fn what_a_load_balancer_stands_on_stays() {
    let world = World::new();
    let admin = world.admin();
    let id = admin.makes_a_load_balancer(1).await;
    for field in [
        "vip_address",
        "vip_port_id",
        "vip_subnet_id",
        "vip_network_id",
        "additional_vips",
        "project_id",
        "provider",
        "flavor_id",
        "availability_zone",
        "listeners",
        "pools",
    ] {
        let says = format!("Unknown attribute for argument load_balancer.loadbalancer: {field}");
        let change = admin
            .tries_to_change("loadbalancers", &id, &json!({field: null}))
            .await;
        change.says(400, &says);
    }
    admin.changes("loadbalancers", &id, &json!({})).await;
}

#[tokio::test]
async fn a_load_balancer_with_something_below_it_goes_only_with_all_of_that() {
    let world = World::new();
    let admin = world.admin();
    let id = admin.makes_a_load_balancer(1).await;
    let path = format!("loadbalancers/{id}");
    let listener = admin.makes_a_listener(&id, "HTTP", 80).await;
    let pool = admin.makes_a_pool_for(&listener, "HTTP").await;
    admin.makes_a_member(&pool, 1).await;
    admin.makes_a_monitor(&pool, "HTTP").await;
    let policy = admin.makes_a_rejecting_policy(&listener).await;
    admin.makes_a_rule(&policy).await;
    for query in ["", "?cascade=false", "?cascade=garbage"] {
        let says = format!("Validation failure: Cannot delete Load Balancer {id} - it has children");
        admin.deletes(&format!("{path}{query}")).await.says(400, &says);
    }
    let wrong = admin.deletes(&format!("{path}?foo=1")).await;
    wrong.says(400, "Unknown argument: \"foo\"");
    admin.deletes(&format!("{path}?cascade=True")).await.is(204);
    for list in [
        "loadbalancers",
        "listeners",
        "pools",
        "healthmonitors",
        "l7policies",
    ] {
        assert_eq!(admin.sees(list).await, json!([]), "{list}");
    }
    assert_eq!(
        world.plane.last_of(id.parse().unwrap()),
        None,
        "nothing is served of it"
    );
    let says = format!("Load Balancer {id} not found.");
    admin.gets(&path).await.says(404, &says);
    admin.deletes(&path).await.says(404, &says);
}

#[tokio::test]
async fn the_tree_of_states_has_what_serves() {
    let world = World::new();
    let admin = world.admin();
    let id = admin.makes_a_load_balancer(1).await;
    let listener = admin.makes_a_listener(&id, "HTTP", 80).await;
    let pool = admin.makes_a_pool_for(&listener, "HTTP").await;
    let member = admin.makes_a_member(&pool, 1).await;
    let monitor = admin.makes_a_monitor(&pool, "HTTP").await;
    let other = admin.makes_a_pool(&id, "HTTP").await;
    let fields = json!({"listener_id": listener, "action": "REDIRECT_TO_POOL", "redirect_pool_id": other});
    let policy = id_of(&admin.makes("l7policies", &fields).await);
    let states = |pools: serde_json::Value| {
        json!({"statuses": {"loadbalancer": {
            "id": id, "name": "", "operating_status": "ERROR", "provisioning_status": "ACTIVE",
            "listeners": [{
                "id": listener, "name": "", "operating_status": "ERROR", "provisioning_status": "ACTIVE",
                "pools": pools,
            }],
        }}})
    };
    let of_pool = json!({
        "id": pool, "name": "", "provisioning_status": "ACTIVE", "operating_status": "ERROR",
        "health_monitor": {
            "id": monitor, "name": "", "type": "HTTP", "provisioning_status": "ACTIVE", "operating_status": "ONLINE",
        },
        "members": [{
            "id": member, "name": "", "operating_status": "ERROR", "provisioning_status": "ACTIVE",
            "address": "10.0.0.1", "protocol_port": 80,
        }],
    });
    let down = Some("connection refused".to_owned());
    world.manager.note_health([(member.parse().unwrap(), down)]);
    for path in ["status", "statuses"] {
        let answer = admin.gets(&format!("loadbalancers/{id}/{path}")).await.is(200);
        assert_eq!(
            answer.text,
            states(json!([of_pool])).to_string(),
            "a policy without rules leads nowhere"
        );
    }
    admin.makes_a_rule(&policy).await;
    let of_other = json!({
        "id": other, "name": "", "provisioning_status": "ACTIVE", "operating_status": "OFFLINE",
        "health_monitor": null, "members": [],
    });
    let answer = admin.gets(&format!("loadbalancers/{id}/status")).await.is(200);
    assert_eq!(answer.text, states(json!([of_pool, of_other])).to_string());
    let wrong = admin.gets(&format!("loadbalancers/{id}/status?fields=id")).await;
    wrong.says(400, "Unknown argument: \"fields\"");
}

#[tokio::test]
async fn what_listeners_have_done_is_told_of_each_and_of_all() {
    let world = World::new();
    let admin = world.admin();
    let id = admin.makes_a_load_balancer(1).await;
    let stats = |times: u64| {
        let one = Plane::STATISTICS;
        json!({"stats": {
            "bytes_in": times * one.bytes_in,
            "bytes_out": times * one.bytes_out,
            "active_connections": times * one.active_connections,
            "total_connections": times * one.total_connections,
            "request_errors": times * one.request_errors,
        }})
    };
    let path = format!("loadbalancers/{id}/stats");
    assert_eq!(admin.gets(&path).await.is(200).text, stats(0).to_string());
    let listener = admin.makes_a_listener(&id, "TCP", 80).await;
    admin.makes_a_listener(&id, "UDP", 80).await;
    assert_eq!(admin.gets(&path).await.body, stats(2));
    assert_eq!(
        admin.gets(&format!("listeners/{listener}/stats")).await.body,
        stats(1)
    );
    admin
        .gets(&format!("{path}?x=1"))
        .await
        .says(400, "Unknown argument: \"x\"");
    let says = format!("Listener {} not found.", unknown());
    admin
        .gets(&format!("listeners/{}/stats", unknown()))
        .await
        .says(404, &says);
}

#[tokio::test]
async fn a_failover_has_the_load_balancer_served_anew_when_an_administrator_asks() {
    let world = World::new();
    let id = world.member_of("shop").makes_a_load_balancer(1).await;
    let path = format!("loadbalancers/{id}/failover");
    let refused = world.member_of("shop").puts(&path, &json!({})).await;
    refused.says(403, "Policy does not allow this request to be performed.");
    let answer = world.admin().puts(&path, &json!({})).await.is(202);
    assert_eq!(answer.text, "");
    world.admin().waits_for(&id, "ACTIVE").await;
    let says = format!("Load Balancer {} not found.", unknown());
    let path = format!("loadbalancers/{}/failover", unknown());
    world
        .member_of("shop")
        .puts(&path, &json!({}))
        .await
        .says(404, &says);
}

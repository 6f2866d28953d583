//! Addresses that members and load balancers cannot have: for what else there is, or for who asks.

use axum::http::Method;
use serde_json::{Value as Json, json};

use super::{World, harness::id_of};

fn member(address: &str) -> Json {
    json!({"address": address, "protocol_port": 80})
}

#[tokio::test]
async fn only_administrators_lead_clients_and_monitors_into_the_host() {
    let world = World::new();
    let (admin, tenant) = (world.admin(), world.member_of("shop"));
    let balancer = tenant.makes_a_load_balancer(1).await;
    let listener = tenant.makes_a_listener(&balancer, "HTTP", 80).await;
    let pool = tenant.makes_a_pool_for(&listener, "HTTP").await;
    let members = format!("pools/{pool}/members");
    let monitored =
        json!({"address": "10.0.0.1", "protocol_port": 80, "monitor_address": "::ffff:127.0.0.1"});
    let below =
        |members: Json| json!({"protocol": "HTTP", "lb_algorithm": "ROUND_ROBIN", "members": members});
    let pool_below = |mut pool: Json| {
        pool["loadbalancer_id"] = json!(balancer);
        json!({ "pool": pool })
    };
    let mut whole = below(json!([member("::1")]));
    whole["name"] = json!("web");
    for (method, path, body, field) in [
        (
            Method::POST,
            &*members,
            json!({"member": member("127.0.0.1")}),
            "address",
        ),
        (
            Method::POST,
            &members,
            json!({"member": member("127.9.9.9")}),
            "address",
        ),
        (
            Method::POST,
            &members,
            json!({"member": member("::ffff:127.0.0.1")}),
            "address",
        ),
        (
            Method::POST,
            &members,
            json!({"member": monitored}),
            "monitor_address",
        ),
        (
            Method::PUT,
            &members,
            json!({"members": [member("10.0.0.1"), member("::1")]}),
            "members.1.address",
        ),
        (
            Method::POST,
            "pools",
            pool_below(below(json!([member("::1")]))),
            "members.0.address",
        ),
        (
            Method::POST,
            "loadbalancers",
            json!({"loadbalancer": {"vip_address": "192.0.2.2", "pools": [whole]}}),
            "pools.0.members.0.address",
        ),
    ] {
        let answer = tenant.sends(method, path, body.to_string()).await.is(400);
        assert_eq!(answer.body["field"], field, "{}", answer.text);
        assert!(
            answer.text.contains("only administrators may lead"),
            "{}",
            answer.text
        );
    }
    let made = id_of(&admin.makes(&members, &member("127.0.0.1")).await);
    // What an administrator has made may be drained by whose it is.
    tenant.changes(&members, &made, &json!({"weight": 0})).await;
    let inside = json!({"monitor_address": "127.0.0.1"});
    tenant.tries_to_change(&members, &made, &inside).await.is(400);
    admin.changes(&members, &made, &inside).await;
    tenant.changes(&members, &made, &json!({"weight": 1})).await;
}

#[tokio::test]
async fn an_address_that_is_a_vip_is_refused_at_its_field_by_names_that_the_caller_knows() {
    let world = World::new();
    let (one, other) = (world.member_of("one"), world.member_of("other"));
    let named = json!({"vip_address": "192.0.2.1", "name": "shop"});
    let balancer = id_of(&one.makes("loadbalancers", &named).await);
    let listener = one.makes_a_listener(&balancer, "TCP", 80).await;
    let members = format!("pools/{}/members", one.makes_a_pool_for(&listener, "TCP").await);
    let elsewhere = json!({"vip_address": "192.0.2.2", "name": "secret"});
    let elsewhere = id_of(&other.makes("loadbalancers", &elsewhere).await);
    for (vip, owner) in [
        ("192.0.2.1", "load balancer \"shop\"".to_owned()),
        ("192.0.2.2", format!("load balancer {elsewhere}")),
    ] {
        let answer = one.tries_to_make(&members, &member(vip)).await;
        assert_eq!(answer.body["field"], "address");
        let says = format!(
            "Validation failure: address {vip} is the VIP of {owner}; choose the address of a backend server"
        );
        answer.says(400, &says);
        let answer = one
            .tries_to_make("loadbalancers", &json!({"vip_address": vip}))
            .await;
        assert_eq!(answer.body["field"], "vip_address");
        answer.says(
            409,
            &format!("The VIP IP address is already in use: {vip} is that of {owner}"),
        );
    }
    // Among several, and below what is made with them, it says which.
    let both = json!([member("10.0.0.1"), member("192.0.2.2")]);
    let all = json!({"members": both}).to_string();
    let answer = one.sends(Method::PUT, &members, all).await.is(400);
    assert_eq!(answer.body["field"], "members.1.address", "{}", answer.text);
    let pool = |name: &str, members: Json| json!({"name": name, "protocol": "TCP", "lb_algorithm": "ROUND_ROBIN", "members": members});
    let tree = json!({
        "vip_address": "192.0.2.4",
        "pools": [pool("spare", json!([]))],
        "listeners": [{"protocol": "TCP", "protocol_port": 80, "default_pool": pool("web", both)}],
    });
    let answer = one.tries_to_make("loadbalancers", &tree).await.is(400);
    let field = "listeners.0.default_pool.members.1.address";
    assert_eq!(answer.body["field"], field, "{}", answer.text);

    one.makes(&members, &member("192.0.2.3")).await;
    let answer = other
        .tries_to_make("loadbalancers", &json!({"vip_address": "192.0.2.3"}))
        .await;
    assert_eq!(answer.body["field"], "vip_address");
    let says = "Validation failure: VIP 192.0.2.3 is the address of a member already; choose another address";
    answer.says(400, says);
}

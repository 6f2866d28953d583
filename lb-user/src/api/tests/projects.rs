//! Who may see and do what.

use serde_json::json;

use super::{World, harness::id_of};

const FORBIDDEN: &str = "Policy does not allow this request to be performed.";

#[tokio::test]
async fn what_is_another_projects_is_neither_seen_nor_changed() {
    let world = World::new();
    let (shop, other) = (world.member_of("shop"), world.member_of("other"));
    let balancer = shop.makes_a_load_balancer(1).await;
    let listener = shop.makes_a_listener(&balancer, "HTTP", 80).await;
    let pool = shop.makes_a_pool_for(&listener, "HTTP").await;
    let member = shop.makes_a_member(&pool, 1).await;
    let monitor = shop.makes_a_monitor(&pool, "HTTP").await;
    let policy = shop.makes_a_rejecting_policy(&listener).await;
    let rule = shop.makes_a_rule(&policy).await;
    for path in [
        format!("loadbalancers/{balancer}"),
        format!("listeners/{listener}"),
        format!("pools/{pool}"),
        format!("pools/{pool}/members/{member}"),
        format!("healthmonitors/{monitor}"),
        format!("l7policies/{policy}"),
        format!("l7policies/{policy}/rules/{rule}"),
    ] {
        shop.gets(&path).await.is(200);
        world.admin().gets(&path).await.is(200);
        other.gets(&path).await.says(403, FORBIDDEN);
        other.deletes(&path).await.says(403, FORBIDDEN);
        world.observer_of("shop").gets(&path).await.is(200);
        world
            .observer_of("shop")
            .deletes(&path)
            .await
            .says(403, FORBIDDEN);
    }
    for path in [
        format!("loadbalancers/{balancer}/status"),
        format!("loadbalancers/{balancer}/stats"),
        format!("listeners/{listener}/stats"),
        format!("pools/{pool}/members"),
        format!("l7policies/{policy}/rules"),
    ] {
        other.gets(&path).await.says(403, FORBIDDEN);
        world.observer_of("shop").gets(&path).await.is(200);
    }
    let fields = json!({"loadbalancer_id": balancer, "protocol": "TCP", "protocol_port": 81});
    other
        .tries_to_make("listeners", &fields)
        .await
        .says(403, FORBIDDEN);
    world
        .observer_of("shop")
        .tries_to_make("listeners", &fields)
        .await
        .says(403, FORBIDDEN);
    let members = json!({"members": []});
    other
        .puts(&format!("pools/{pool}/members"), &members)
        .await
        .says(403, FORBIDDEN);
}

#[tokio::test]
async fn a_list_has_what_is_the_callers() {
    let world = World::new();
    let shop = world.member_of("shop");
    shop.makes_a_load_balancer(1).await;
    world.member_of("other").makes_a_load_balancer(2).await;
    let count = async |client: super::harness::Client, query: &str| {
        let list = client.sees(&format!("loadbalancers{query}")).await;
        list.as_array().unwrap().len()
    };
    assert_eq!(count(world.admin(), "").await, 2);
    assert_eq!(count(world.admin(), "?project_id=shop").await, 1);
    assert_eq!(count(shop.clone(), "").await, 1);
    assert_eq!(count(shop.clone(), "?project_id=shop").await, 1);
    assert_eq!(count(world.member_of("third"), "").await, 0);
    shop.gets("loadbalancers?project_id=other")
        .await
        .says(403, FORBIDDEN);
}

#[tokio::test]
async fn objects_are_of_the_project_of_their_load_balancer() {
    let world = World::new();
    let admin = world.admin();
    let fields = json!({"vip_address": "192.0.2.1", "project_id": "a", "tenant_id": "shop"});
    let balancer = id_of(&admin.makes("loadbalancers", &fields).await);
    let shown = admin.sees(&format!("loadbalancers/{balancer}")).await;
    assert_eq!(
        (&shown["project_id"], &shown["tenant_id"]),
        (&json!("shop"), &json!("shop"))
    );
    let fields = json!({
        "loadbalancer_id": balancer, "protocol": "TCP", "protocol_port": 80, "project_id": "else",
    });
    assert_eq!(admin.makes("listeners", &fields).await["project_id"], "shop");
    let fields = json!({"vip_address": "192.0.2.2", "project_id": "other"});
    world
        .member_of("shop")
        .tries_to_make("loadbalancers", &fields)
        .await
        .says(403, FORBIDDEN);
    let wrong = json!({"vip_address": "192.0.2.2", "project_id": "other", "bogus": 1});
    let says = "Unknown attribute for argument load_balancer.loadbalancer: bogus";
    world
        .member_of("shop")
        .tries_to_make("loadbalancers", &wrong)
        .await
        .says(400, says);
}

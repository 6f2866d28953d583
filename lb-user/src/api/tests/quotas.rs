//! How much projects may have.

use serde_json::{Value as Json, json};

use super::{World, harness::fields_of};

const FORBIDDEN: &str = "Policy does not allow this request to be performed.";

fn quota(project: &str, balancers: i64, members: i64, revision: u64) -> Json {
    json!({
        "project_id": project,
        "loadbalancer": balancers,
        "load_balancer": balancers,
        "listener": -1,
        "member": members,
        "pool": -1,
        "healthmonitor": -1,
        "health_monitor": -1,
        "l7policy": -1,
        "l7rule": -1,
        "tenant_id": project,
        "revision": revision,
    })
}

#[tokio::test]
async fn a_quota_is_set_shown_and_taken_back() {
    let world = World::new();
    let admin = world.admin();
    let none = quota("shop", -1, -1, 0);
    let shown = admin.sees("quotas/shop").await;
    assert_eq!(shown, none);
    assert_eq!(fields_of(&shown), fields_of(&none));
    assert_eq!(admin.sees("quotas/shop/default").await, none);
    assert_eq!(admin.sees("quotas/defaults").await, quota("defaults", -1, -1, 0));
    admin
        .deletes("quotas/shop")
        .await
        .says(404, "Quotas shop not found.");
    let fields = json!({"quota": {"load_balancer": "10", "member": 5}});
    let answer = admin.puts("quotas/shop", &fields).await.is(202);
    assert_eq!(answer.headers["etag"], "\"1\"");
    assert_eq!(answer.text, json!({"quota": quota("shop", 10, 5, 1)}).to_string());
    let fields = json!({"quota": {"loadbalancer": 11, "member": null}});
    assert_eq!(
        admin.puts("quotas/shop", &fields).await.is(202).inside(),
        quota("shop", 11, -1, 2)
    );
    assert_eq!(admin.sees("quotas").await, json!([quota("shop", 11, -1, 2)]));
    assert_eq!(admin.deletes("quotas/shop").await.is(202).text, "");
    assert_eq!(admin.sees("quotas/shop").await, none);
    assert_eq!(admin.sees("quotas").await, json!([]));
}

#[tokio::test]
async fn what_a_quota_cannot_be_is_refused() {
    let world = World::new();
    let admin = world.admin();
    for (fields, says) in [
        (
            json!({"bogus": 1}),
            "Unknown attribute for argument quotas.quota: bogus",
        ),
        (
            json!({"pool": -2}),
            "Invalid input for field/attribute pool. Value: '-2'. Value should be greater or equal to -1",
        ),
        (
            json!({"pool": 2_000_000_001}),
            "Invalid input for field/attribute pool. Value: '2000000001'. Value should be lower or equal to 2000000000",
        ),
    ] {
        admin
            .puts("quotas/shop", &json!({"quota": fields}))
            .await
            .says(400, says);
    }
    admin
        .gets("quotas/shop?fields=pool")
        .await
        .says(400, "Unknown argument: \"fields\"");
}

#[tokio::test]
async fn administrators_set_quotas_and_projects_see_their_own() {
    let world = World::new();
    let shop = world.member_of("shop");
    shop.gets("quotas/shop").await.is(200);
    shop.gets("quotas/other").await.says(403, FORBIDDEN);
    shop.puts("quotas/shop", &json!({"quota": {}}))
        .await
        .says(403, FORBIDDEN);
    shop.deletes("quotas/shop").await.says(403, FORBIDDEN);
    world
        .admin()
        .puts("quotas/other", &json!({"quota": {}}))
        .await
        .is(202);
    assert_eq!(shop.sees("quotas").await, json!([]));
    shop.gets("quotas?project_id=other").await.says(403, FORBIDDEN);
}

#[tokio::test]
async fn nobody_makes_more_than_the_quota_of_the_project_says() {
    let world = World::new();
    let (admin, shop) = (world.admin(), world.member_of("shop"));
    let balancer = shop.makes_a_load_balancer(1).await;
    let listener = shop.makes_a_listener(&balancer, "HTTP", 80).await;
    let pool = shop.makes_a_pool(&balancer, "HTTP").await;
    shop.makes_a_member(&pool, 1).await;
    let policy = shop.makes_a_rejecting_policy(&listener).await;
    shop.makes_a_rule(&policy).await;
    let bounds = json!({"quota": {
        "loadbalancer": 1, "listener": 1, "pool": 1, "member": 1, "healthmonitor": 0, "l7policy": 1, "l7rule": 1,
    }});
    admin.puts("quotas/shop", &bounds).await.is(202);
    for (path, fields, kind) in [
        (
            "loadbalancers".to_owned(),
            json!({"vip_address": "192.0.2.2"}),
            "Load Balancer",
        ),
        (
            "listeners".to_owned(),
            json!({"loadbalancer_id": balancer, "protocol": "TCP", "protocol_port": 81}),
            "Listener",
        ),
        (
            "pools".to_owned(),
            json!({"loadbalancer_id": balancer, "protocol": "TCP", "lb_algorithm": "ROUND_ROBIN"}),
            "Pool",
        ),
        (
            format!("pools/{pool}/members"),
            json!({"address": "10.0.0.2", "protocol_port": 80}),
            "Member",
        ),
        (
            "healthmonitors".to_owned(),
            json!({"pool_id": pool, "type": "HTTP", "delay": 5, "timeout": 3, "max_retries": 2}),
            "Health Monitor",
        ),
        (
            "l7policies".to_owned(),
            json!({"listener_id": listener, "action": "REJECT"}),
            "L7 Policy",
        ),
        (
            format!("l7policies/{policy}/rules"),
            json!({"type": "PATH", "compare_type": "EQUAL_TO", "value": "/"}),
            "L7 Rule",
        ),
    ] {
        let says = format!("Quota has been met for resources: {kind}");
        shop.tries_to_make(&path, &fields).await.says(403, &says);
    }
    let member = |last: u8| json!({"address": format!("10.0.0.{last}"), "protocol_port": 80});
    let path = format!("pools/{pool}/members");
    shop.puts(&path, &json!({"members": [member(2)]})).await.is(202);
    let both = shop
        .puts(&path, &json!({"members": [member(2), member(3)]}))
        .await;
    both.says(403, "Quota has been met for resources: Member");
    world.member_of("other").makes_a_load_balancer(9).await;
}

#[tokio::test]
async fn a_whole_load_balancer_counts_as_what_it_has() {
    let world = World::new();
    let (admin, shop) = (world.admin(), world.member_of("shop"));
    admin
        .puts("quotas/shop", &json!({"quota": {"listener": 1}}))
        .await
        .is(202);
    let whole = json!({
        "vip_address": "192.0.2.1",
        "listeners": [{"protocol": "TCP", "protocol_port": 80}, {"protocol": "TCP", "protocol_port": 81}],
    });
    let answer = shop.tries_to_make("loadbalancers", &whole).await;
    answer.says(403, "Quota has been met for resources: Listener");
    assert_eq!(shop.sees("loadbalancers").await, json!([]));
}

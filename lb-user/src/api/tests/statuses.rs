//! Changes that take their time, and changes that are refused.

use std::time::Duration;

use serde_json::json;

use super::{
    World,
    harness::{Client, id_of},
};

/// A load balancer with one of everything below it.
struct Shop {
    balancer: String,
    listener: String,
    pool: String,
    member: String,
    monitor: String,
    policy: String,
    rule: String,
}

impl Shop {
    async fn of(client: &Client) -> Self {
        let balancer = client.makes_a_load_balancer(1).await;
        let listener = client.makes_a_listener(&balancer, "HTTP", 80).await;
        let pool = client.makes_a_pool_for(&listener, "HTTP").await;
        let policy = client.makes_a_rejecting_policy(&listener).await;
        Self {
            member: client.makes_a_member(&pool, 1).await,
            monitor: client.makes_a_monitor(&pool, "HTTP").await,
            rule: client.makes_a_rule(&policy).await,
            balancer,
            listener,
            pool,
            policy,
        }
    }

    fn paths(&self) -> [String; 7] {
        [
            format!("loadbalancers/{}", self.balancer),
            format!("listeners/{}", self.listener),
            format!("pools/{}", self.pool),
            format!("pools/{}/members/{}", self.pool, self.member),
            format!("healthmonitors/{}", self.monitor),
            format!("l7policies/{}", self.policy),
            format!("l7policies/{}/rules/{}", self.policy, self.rule),
        ]
    }

    /// Which of it is being changed: its load balancer, listener, pool, member, monitor, policy and rule, by their letters.
    async fn pending(&self, client: &Client) -> String {
        let mut pending = String::new();
        for (path, letter) in self.paths().iter().zip("LlpmhPr".chars()) {
            let status = client.sees(path).await["provisioning_status"].clone();
            match status.as_str() {
                Some("PENDING_UPDATE") => pending.push(letter),
                other => assert_eq!(other, Some("ACTIVE"), "{path}"),
            }
        }
        pending
    }
}

#[tokio::test]
async fn while_a_change_is_applied_what_it_belongs_to_says_so() {
    let world = World::new();
    let admin = world.admin();
    let shop = Shop::of(&admin).await;
    assert_eq!(shop.pending(&admin).await, "");
    let paths = shop.paths();
    for (index, envelope, pending) in [
        (0, "loadbalancer", "L"),
        (1, "listener", "Ll"),
        (2, "pool", "Llp"),
        (3, "member", "Llpm"),
        (4, "healthmonitor", "Llph"),
        (5, "l7policy", "LlP"),
        (6, "rule", "LlPr"),
    ] {
        world.plane.holds_changes();
        let fields = json!({envelope: {"admin_state_up": false}});
        let changed = admin.puts(&paths[index], &fields).await.is(200).inside();
        assert_eq!(changed["provisioning_status"], "PENDING_UPDATE", "{envelope}");
        assert_eq!(shop.pending(&admin).await, pending, "{envelope}");
        world.plane.accepts();
        admin.waits_for(&shop.balancer, "ACTIVE").await;
        assert_eq!(shop.pending(&admin).await, "", "{envelope}");
    }
}

#[tokio::test]
async fn while_a_change_is_applied_there_is_no_other_one() {
    let world = World::new();
    let admin = world.admin();
    let shop = Shop::of(&admin).await;
    world.plane.holds_changes();
    admin
        .changes("loadbalancers", &shop.balancer, &json!({"name": "a"}))
        .await;
    let of_balancer = format!(
        "Invalid state PENDING_UPDATE of loadbalancer resource {}",
        shop.balancer
    );
    let of_others = format!(
        "Load Balancer {} is immutable and cannot be updated.",
        shop.balancer
    );
    let paths = shop.paths();
    for (index, envelope, says) in [
        (0, "loadbalancer", &of_balancer),
        (1, "listener", &of_others),
        (2, "pool", &of_others),
        (3, "member", &of_others),
        (4, "healthmonitor", &of_others),
        (5, "l7policy", &of_others),
        (6, "rule", &of_others),
    ] {
        admin
            .puts(&paths[index], &json!({envelope: {}}))
            .await
            .says(409, says);
        admin.deletes(&paths[index]).await.says(409, says);
        let wrong = admin
            .puts(&paths[index], &json!({envelope: {"bogus": 1}}))
            .await
            .is(400);
        assert!(
            wrong.text.contains("Unknown attribute"),
            "what is wrong by itself is said at once"
        );
    }
    admin
        .puts(&format!("{}/failover", paths[0]), &json!({}))
        .await
        .says(409, &of_balancer);
    let fields = json!({"loadbalancer_id": shop.balancer, "protocol": "TCP", "protocol_port": 81});
    admin
        .tries_to_make("listeners", &fields)
        .await
        .says(409, &of_others);
    let other = admin
        .posts(
            "loadbalancers",
            &json!({"loadbalancer": {"vip_address": "192.0.2.9"}}),
        )
        .await;
    other.is(201);
}

#[tokio::test]
async fn what_is_nearest_to_a_change_is_named_when_another_one_has_to_wait() {
    let world = World::new();
    let admin = world.admin();
    let shop = Shop::of(&admin).await;
    let members = format!("pools/{}/members", shop.pool);
    let rules = format!("l7policies/{}/rules", shop.policy);
    world.plane.holds_changes();
    admin.changes(&members, &shop.member, &json!({"weight": 2})).await;
    let says = format!("Pool {} is immutable and cannot be updated.", shop.pool);
    admin
        .tries_to_change(&members, &shop.member, &json!({}))
        .await
        .says(409, &says);
    admin
        .tries_to_change("healthmonitors", &shop.monitor, &json!({}))
        .await
        .says(409, &says);
    admin
        .puts(&members, &json!({"members": []}))
        .await
        .says(409, &says);
    let of_balancer = format!(
        "Load Balancer {} is immutable and cannot be updated.",
        shop.balancer
    );
    admin
        .tries_to_change("pools", &shop.pool, &json!({}))
        .await
        .says(409, &of_balancer);
    admin
        .tries_to_change(&rules, &shop.rule, &json!({}))
        .await
        .says(409, &of_balancer);
    world.plane.accepts();
    admin.waits_for(&shop.balancer, "ACTIVE").await;
    world.plane.holds_changes();
    admin.changes(&rules, &shop.rule, &json!({"value": "/b"})).await;
    let says = format!("L7Policy {} is immutable and cannot be updated.", shop.policy);
    admin
        .tries_to_change(&rules, &shop.rule, &json!({}))
        .await
        .says(409, &says);
}

#[tokio::test]
async fn what_is_deleted_is_gone_at_once_while_the_rest_waits() {
    let world = World::new();
    let admin = world.admin();
    let shop = Shop::of(&admin).await;
    world.plane.holds_changes();
    admin
        .deletes(&format!("pools/{}/members/{}", shop.pool, shop.member))
        .await
        .is(204);
    admin
        .gets(&format!("pools/{}/members/{}", shop.pool, shop.member))
        .await
        .is(404);
    let pool = admin.sees(&format!("pools/{}", shop.pool)).await;
    assert_eq!(pool["provisioning_status"], "PENDING_UPDATE");
    world.plane.accepts();
    admin.waits_for(&shop.balancer, "ACTIVE").await;
}

#[tokio::test]
async fn an_answer_waits_for_what_is_quick_and_not_for_what_is_slow() {
    let world = World::new();
    let admin = world.admin();
    let id = admin.makes_a_load_balancer(1).await;
    assert_eq!(
        admin.sees(&format!("loadbalancers/{id}")).await["provisioning_status"],
        "ACTIVE"
    );
    world.plane.holds_changes();
    let fields = json!({"name": "a"});
    let change = admin.changes("loadbalancers", &id, &fields);
    tokio::time::timeout(Duration::from_secs(10), change)
        .await
        .expect("an answer all the same");
}

#[tokio::test]
async fn a_change_that_is_refused_says_why_and_may_be_followed_by_another_one() {
    let world = World::new();
    let admin = world.admin();
    let balancer = admin.makes_a_load_balancer(1).await;
    world.plane.refuses("192.0.2.1 is not an address of this host");
    let listener = admin.makes_a_listener(&balancer, "TCP", 80).await;
    admin.waits_for(&balancer, "ERROR").await;
    let shown = admin.sees(&format!("loadbalancers/{balancer}")).await;
    assert_eq!(shown["status_reason"], "192.0.2.1 is not an address of this host");
    assert_eq!(
        shown["listeners"],
        json!([{"id": listener}]),
        "what was asked for is kept"
    );
    world.plane.accepts();
    admin.changes("listeners", &listener, &json!({"name": "a"})).await;
    let shown = admin.sees(&format!("loadbalancers/{balancer}")).await;
    assert_eq!(
        (&shown["provisioning_status"], &shown["status_reason"]),
        (&json!("ACTIVE"), &json!(null))
    );
    world.plane.refuses("it is odd");
    admin.changes("listeners", &listener, &json!({"name": "b"})).await;
    admin.waits_for(&balancer, "ERROR").await;
    world.plane.accepts();
    admin
        .deletes(&format!("loadbalancers/{balancer}?cascade=true"))
        .await
        .is(204);
}

#[tokio::test]
async fn a_certificate_that_is_gone_keeps_nobody_from_changing_something_else() {
    let world = World::new();
    let admin = world.admin();
    let balancer = admin.makes_a_load_balancer(1).await;
    let secure = |port: u16| {
        json!({
            "loadbalancer_id": balancer, "protocol": "TERMINATED_HTTPS", "protocol_port": port,
            "default_tls_container_ref": "shop",
        })
    };
    let listener = id_of(&admin.makes("listeners", &secure(443)).await);
    world.loses_its_certificate();
    let plain = admin.makes_a_listener(&balancer, "HTTP", 80).await;
    admin
        .changes("listeners", &listener, &json!({"description": "for shops"}))
        .await;
    let refused = admin.tries_to_make("listeners", &secure(444)).await.is(400);
    assert!(refused.text.contains("Could not retrieve certificate: ['shop']"));
    // Whoever reads it finds out; what is there is to be served as ever.
    let world = world.restarted();
    let managed = world.manager.managed();
    let [(_, Ok(managed))] = &managed[..] else {
        panic!("{managed:?}");
    };
    let listeners = managed.load_balancer.listeners.iter();
    let names: Vec<&str> = listeners.map(|listener| listener.name.as_str()).collect();
    assert_eq!(names, [&listener, &plain]);
}

#[tokio::test]
async fn what_was_never_served_does_not_work() {
    let world = World::new();
    let admin = world.admin();
    let balancer = admin.makes_a_load_balancer(1).await;
    let path = format!("loadbalancers/{balancer}");
    let served = admin.makes_a_listener(&balancer, "HTTP", 80).await;
    world.plane.refuses("the port is taken");
    let refused = admin.makes_a_listener(&balancer, "HTTP", 81).await;
    let status = async |path: String| admin.sees(&path).await["operating_status"].clone();
    assert_eq!(status(format!("listeners/{refused}")).await, "ERROR");
    assert_eq!(status(format!("listeners/{served}")).await, "ONLINE");
    assert_eq!(status(path.clone()).await, "DEGRADED");
    let other = admin.makes_a_load_balancer(2).await;
    let other = format!("loadbalancers/{other}");
    assert_eq!(status(other.clone()).await, "ERROR");
    world.plane.accepts();
    // Whoever asks for nothing else asks for that again.
    admin.puts(&other, &json!({"loadbalancer": {}})).await.is(200);
    assert_eq!(status(other).await, "ONLINE");
    admin.deletes(&format!("listeners/{refused}")).await.is(204);
    assert_eq!(status(path).await, "ONLINE");
}

#[tokio::test]
async fn what_was_refused_is_tried_again_where_something_else_has_changed() {
    let world = World::new();
    let admin = world.admin();
    let served = admin.makes_a_load_balancer(1).await;
    world.plane.refuses("192.0.2.2 is that of load balancer \"web\"");
    let refused = admin.makes_a_load_balancer(2).await;
    admin.waits_for(&refused, "ERROR").await;
    world.plane.accepts();
    let applied = world.plane.times_applied();
    world.manager.apply_refused().await;
    admin.waits_for(&refused, "ACTIVE").await;
    admin.waits_for(&served, "ACTIVE").await;
    assert_eq!(world.plane.times_applied(), applied + 1, "that one alone");
}

//! Who is held where, as clients see it.

use serde_json::json;

use super::{World, harness::unknown};

#[tokio::test]
async fn sessions_are_shown_page_by_page_with_a_link_to_the_next_one() {
    let world = World::new();
    let admin = world.admin();
    let balancer = admin.makes_a_load_balancer(1).await;
    let listener = admin.makes_a_listener(&balancer, "TCP", 80).await;
    let pool = admin.makes_a_pool_for(&listener, "TCP").await;
    let member = admin.makes_a_member(&pool, 7).await;
    world
        .plane
        .holds(&pool, &member, &["203.0.113.1", "203.0.113.2", "203.0.113.3"]);
    let first = admin
        .gets(&format!("pools/{pool}/sessions?limit=2"))
        .await
        .is(200);
    let sessions = first.body["sessions"].as_array().unwrap();
    assert_eq!(
        sessions[0],
        json!({
            "id": "203.0.113.1", "client": "203.0.113.1", "cookie": null, "member_id": member, "member": member,
            "age_s": 60, "idle_s": 5, "ends_in_s": 1195,
        })
    );
    assert_eq!((sessions.len(), &first.body["total"]), (2, &json!(3)));
    let of_network = admin
        .gets(&format!("pools/{pool}/sessions?client=203.0.113.2/31"))
        .await
        .is(200);
    assert_eq!(of_network.body["total"], 2);
    let next = first.body["sessions_links"][0]["href"].as_str().unwrap();
    let next = next.split("/v2.0/lbaas/").nth(1).unwrap();
    let last = admin.gets(next).await.is(200).body;
    assert_eq!(last["sessions"][0]["id"], "203.0.113.3");
    assert_eq!(last["sessions_links"], json!([]));
}

#[tokio::test]
async fn a_session_is_dropped_by_its_id_once() {
    let world = World::new();
    let admin = world.admin();
    let balancer = admin.makes_a_load_balancer(1).await;
    let listener = admin.makes_a_listener(&balancer, "TCP", 80).await;
    let pool = admin.makes_a_pool_for(&listener, "TCP").await;
    world.plane.holds(&pool, "gone", &["2001:db8::7"]);
    let path = format!("pools/{pool}/sessions/2001:db8::7");
    world.observer_of("admins").deletes(&path).await.is(403);
    admin.deletes(&path).await.is(204);
    admin.deletes(&path).await.is(404);
    admin
        .deletes(&format!("pools/{pool}/sessions/nobody"))
        .await
        .is(404);
}

#[tokio::test]
async fn a_session_is_found_by_the_value_of_a_cookie_that_is_in_no_address() {
    let world = World::new();
    let admin = world.admin();
    let balancer = admin.makes_a_load_balancer(1).await;
    let listener = admin.makes_a_listener(&balancer, "HTTP", 80).await;
    let pool = admin.makes_a_pool_for(&listener, "HTTP").await;
    world.plane.holds(&pool, "gone", &["203.0.113.1"]);
    let path = format!("pools/{pool}/sessions/search");
    for (value, total) in [("held", 1), ("unknown", 0)] {
        let found = world
            .observer_of("admins")
            .posts(&path, &json!({"cookie": value}))
            .await;
        let found = found.is(200).body;
        assert_eq!(
            (&found["total"], &found["sessions_links"]),
            (&json!(total), &json!([]))
        );
    }
    for (body, field) in [
        (json!({}), "cookie"),
        (json!({"cookie": ["secret"]}), "cookie"),
        (json!({"cookie": "secret", "client": "secret"}), "client"),
    ] {
        let answer = admin.posts(&path, &body).await.is(400);
        assert_eq!(answer.body["field"], field);
        assert!(!answer.text.contains("secret"), "{}", answer.text);
    }
    world
        .observer_of("others")
        .posts(&path, &json!({"cookie": "held"}))
        .await
        .is(403);
}

#[tokio::test]
async fn questions_about_sessions_that_make_no_sense_are_told_what_would() {
    let world = World::new();
    let admin = world.admin();
    let balancer = admin.makes_a_load_balancer(1).await;
    let pool = admin.makes_a_pool(&balancer, "TCP").await;
    for (query, says) in [
        ("limit=0", "a number from 1 to 1000"),
        ("limit=1001", "a number from 1 to 1000"),
        ("marker=x", "the id of a session"),
        ("client=10.0.0", "an address or a network"),
        ("client=10.0.0.1/24", "an address or a network"),
        ("cookie=12", "16 hexadecimal digits"),
        ("colour=red", "Unknown argument"),
    ] {
        let answer = admin
            .gets(&format!("pools/{pool}/sessions?{query}"))
            .await
            .is(400);
        assert!(answer.text.contains(says), "{query}: {}", answer.text);
    }
    let of_nobody = format!("pools/{pool}/sessions?member_id={}", unknown());
    admin.gets(&of_nobody).await.is(404);
    // One of another pool is as good as none, whoever's it is.
    let other = admin.makes_a_pool(&balancer, "TCP").await;
    let member = admin.makes_a_member(&other, 7).await;
    let of_another = format!("pools/{pool}/sessions?member_id={member}");
    admin.gets(&of_another).await.is(404);
    // Nothing leads to it: nobody is held there.
    let none = admin.gets(&format!("pools/{pool}/sessions")).await.is(200).body;
    assert_eq!(
        (&none["total"], &none["carried_by_clients"]),
        (&json!(0), &json!(false))
    );
    world
        .observer_of("others")
        .gets(&format!("pools/{pool}/sessions"))
        .await
        .is(403);
}

//! Who is let in.

use std::time::Duration;

use serde_json::json;

use super::*;
use crate::model::Config;

#[tokio::test]
async fn whoever_shows_a_password_or_a_token_is_let_in_and_nobody_else() {
    let world = World::new(&settings());
    let (right, wrong) = (basic("alice", PASSWORD), basic("alice", "wrong"));
    let nobody = basic("nobody", PASSWORD);
    let own = world.token("alice").await;
    let other_way = basic("robot", TOKEN);
    for (headers, status) in [
        (vec![], 401),
        (vec![("authorization", right.as_str())], 200),
        (vec![("authorization", wrong.as_str())], 401),
        (vec![("authorization", nobody.as_str())], 401),
        (vec![("authorization", other_way.as_str())], 401),
        (vec![("x-auth-token", TOKEN)], 200),
        (vec![("x-auth-token", PASSWORD)], 401),
        (vec![("x-auth-token", own.as_str())], 200),
        (vec![("x-auth-token", "notused")], 401),
    ] {
        let answer = world.get(LIST, &headers).await;
        assert_eq!(answer.status, status, "{headers:?}");
    }
}

#[tokio::test]
async fn who_is_not_let_in_hears_how_to_be() {
    let world = World::new(&settings());
    for path in [LIST, "/nowhere", "/v2.0/subnets", "/identity/v3/projects"] {
        let answer = world.get(path, &[]).await;
        assert_eq!(answer.status, 401, "{path}");
        let message = "The request you have made requires authentication.";
        assert_eq!(
            answer.body,
            json!({"error": {"code": 401, "title": "Unauthorized", "message": message}})
        );
        let ways = answer.headers.get_all("www-authenticate").iter();
        let ways: Vec<_> = ways.map(|way| way.to_str().unwrap()).collect();
        assert_eq!(
            ways,
            [
                "Keystone uri=\"http://lb.example.org/identity/v3\"",
                "Basic realm=\"holdfast\", charset=\"UTF-8\""
            ]
        );
    }
}

#[tokio::test]
async fn what_the_service_says_of_itself_anybody_may_know() {
    let world = World::new(&settings());
    for (path, status) in [
        ("/", 200),
        ("/v2", 200),
        ("/v2.0", 200),
        ("/v2.0/lbaas", 200),
        ("/load-balancer", 200),
        ("/load-balancer/v2.0", 200),
        ("/identity", 300),
        ("/identity/", 300),
        ("/identity/v3", 200),
        ("/identity/v3/", 200),
        ("/network", 200),
    ] {
        assert_eq!(world.get(path, &[]).await.status, status, "{path}");
    }
}

#[tokio::test]
async fn without_authentication_whoever_comes_may_do_all() {
    let world = World::new(&ApiSettings {
        auth: ApiAuth::None,
        ..ApiSettings::default()
    });
    let here = ("host", "localhost:9876");
    for headers in [&[here][..], &[here, ("x-auth-token", "notused")]] {
        assert_eq!(world.get("/v2.0/lbaas/flavorprofiles", headers).await.status, 200);
    }
    // But for whatever page somebody looks at.
    let body = json!({"loadbalancer": {"vip_address": "192.0.2.9"}});
    for (headers, status) in [
        (&[here, ("origin", "http://example.org")][..], 403),
        (&[here], 201),
    ] {
        let path = "/v2.0/lbaas/loadbalancers";
        assert_eq!(
            world.send("POST", path, headers, body.clone()).await.status,
            status
        );
    }
}

#[tokio::test]
async fn an_observer_looks_a_member_changes_and_an_administrator_does_all() {
    let world = World::new(&settings());
    let subnet = crate::model::Subnet {
        name: "public".into(),
        cidr: "192.0.2.0/24".parse().unwrap(),
        first: "192.0.2.10".parse().unwrap(),
        last: "192.0.2.20".parse().unwrap(),
        network: "holdfast".into(),
    };
    let api = crate::model::ApiSettings {
        subnets: vec![subnet],
        ..Default::default()
    };
    let config = Config {
        api,
        ..Config::default()
    };
    world.api.manager.declare(Vec::new(), &config);
    let make = |user: &'static str, project: &'static str| {
        let header = basic(user, PASSWORD);
        let world = &world;
        async move {
            let balancer = json!({
                "vip_subnet_id": crate::objects::subnet_id("public"),
                "project_id": project,
            });
            let body = json!({ "loadbalancer": balancer });
            world
                .send("POST", LIST, &[("authorization", &header)], body)
                .await
                .status
        }
    };
    // The data plane is gone, which keeps nobody from asking.
    for (user, project, status) in [
        ("olga", "shop", 403),
        ("alice", "shop", 201),
        ("alice", "other", 403),
        ("adam", "other", 201),
    ] {
        assert_eq!(make(user, project).await, status, "{user} {project}");
    }
    for (user, sees) in [("olga", 1), ("alice", 1), ("adam", 2)] {
        let header = basic(user, PASSWORD);
        let answer = world.get(LIST, &[("authorization", &header)]).await;
        assert_eq!(
            answer.body["loadbalancers"].as_array().unwrap().len(),
            sees,
            "{user}"
        );
        let ports = world.get("/v2.0/ports", &[("authorization", &header)]).await;
        assert_eq!(ports.body["ports"].as_array().unwrap().len(), sees, "{user}");
    }
}

#[tokio::test]
async fn who_fails_too_often_waits_and_others_do_not() {
    let world = World::new(&settings());
    let (right, wrong) = (basic("alice", PASSWORD), basic("alice", "wrong"));
    let try_from = |peer: &'static str, header: &str| {
        let header = header.to_owned();
        let world = &world;
        async move {
            world
                .send_from(peer, "GET", LIST, &[("authorization", &header)], json!({}))
                .await
        }
    };
    for _ in 0..10 {
        assert_eq!(try_from("192.0.2.1", &wrong).await.status, 401);
    }
    let answer = try_from("192.0.2.1", &right).await;
    assert_eq!(answer.status, 429);
    let wait_s: u64 = answer.header("retry-after").parse().unwrap();
    assert!((1..=6).contains(&wait_s), "{wait_s}");
    assert_eq!(try_from("192.0.2.2", &right).await.status, 200);
    // What anybody may know, they may know too.
    assert_eq!(world.get("/", &[]).await.status, 200);
}

#[tokio::test]
async fn a_password_is_verified_once() {
    let world = World::new(&settings());
    let header = basic("alice", PASSWORD);
    let headers = [("authorization", header.as_str())];
    assert_eq!(world.get(LIST, &headers).await.status, 200);
    let taken = world
        .api
        .access
        .verifying
        .acquire_many(AT_A_TIME as u32)
        .await
        .unwrap();
    assert_eq!(world.get(LIST, &headers).await.status, 200);
    drop(taken);
    // Another configuration is another beginning.
    world.api.access.take(&settings());
    let _taken = world
        .api
        .access
        .verifying
        .acquire_many(AT_A_TIME as u32)
        .await
        .unwrap();
    let waits = tokio::time::timeout(Duration::from_millis(50), world.get(LIST, &headers));
    assert!(waits.await.is_err());
}

#[tokio::test]
async fn who_goes_from_the_configuration_or_gets_another_password_is_let_in_no_more() {
    let world = World::new(&settings());
    let header = basic("alice", PASSWORD);
    let token = world.token("alice").await;
    for headers in [
        [("authorization", header.as_str())],
        [("x-auth-token", token.as_str())],
    ] {
        assert_eq!(world.get(LIST, &headers).await.status, 200);
    }
    let mut changed = settings();
    changed.users[0].password = password::hash(b"another").unwrap();
    for settings in [changed, ApiSettings::default()] {
        world.api.access.take(&settings);
        for headers in [
            [("authorization", header.as_str())],
            [("x-auth-token", token.as_str())],
        ] {
            assert_eq!(world.get(LIST, &headers).await.status, 401);
        }
    }
}

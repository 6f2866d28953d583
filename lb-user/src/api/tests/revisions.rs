//! Changes by those who have seen something, which may be another by now.

use axum::http::{Method, Request, header};
use serde_json::{Value as Json, json};

use super::{
    World,
    harness::{Client, id_of},
};

/// A change of who has seen a certain revision.
async fn changes_if(client: &Client, path: &str, method: Method, seen: &str) -> super::harness::Answer {
    let body = match method {
        Method::PUT => json!({"loadbalancer": {"name": seen}}).to_string(),
        _ => String::new(),
    };
    let request = Request::builder()
        .method(method)
        .uri(format!("/v2.0/lbaas/{path}"))
        .header(header::IF_MATCH, seen)
        .body(body.into());
    client.send(request.unwrap()).await
}

#[tokio::test]
async fn who_has_seen_something_else_changes_nothing() {
    let world = World::new();
    let admin = world.admin();
    let made = admin
        .makes("loadbalancers", &json!({"vip_address": "192.0.2.1"}))
        .await;
    let path = format!("loadbalancers/{}", id_of(&made));
    let answer = admin.gets(&path).await;
    assert_eq!(answer.headers[header::ETAG], "\"1\"");
    assert_eq!(answer.inside()["revision"], 1);
    let stale = "It has changed meanwhile: its revision is 1. Look at it again.";
    changes_if(&admin, &path, Method::PUT, "\"7\"")
        .await
        .says(412, stale);
    changes_if(&admin, &path, Method::DELETE, "\"7\"")
        .await
        .says(412, stale);
    for seen in ["\"1\"", "\"7\", \"2\"", "*"] {
        changes_if(&admin, &path, Method::PUT, seen).await.is(200);
    }
    assert_eq!(
        admin.sees(&path).await["revision"],
        4,
        "each change is a revision"
    );
    let same = json!({"loadbalancer": {"name": "*"}});
    assert_eq!(
        admin.puts(&path, &same).await.is(200).inside()["revision"],
        4,
        "and nothing is none"
    );
    changes_if(&admin, &path, Method::DELETE, "\"4\"").await.is(204);
}

#[tokio::test]
async fn what_changes_several_things_too_asks_what_was_seen() {
    let world = World::new();
    let admin = world.admin();
    let balancer = admin.makes_a_load_balancer(1).await;
    let pool = admin.makes_a_pool(&balancer, "TCP").await;
    let puts = async |path: &str, body: &Json, seen: &str| {
        let request = Request::put(format!("/v2.0/lbaas/{path}"))
            .header(header::IF_MATCH, seen)
            .body(body.to_string().into());
        admin.send(request.unwrap()).await
    };
    let failover = format!("loadbalancers/{balancer}/failover");
    for (path, body, revision) in [
        (&*failover, json!(null), 1),
        ("quotas/shop", json!({"quota": {"pool": 5}}), 0),
    ] {
        let stale = format!("It has changed meanwhile: its revision is {revision}. Look at it again.");
        puts(path, &body, "\"99\"").await.says(412, &stale);
        puts(path, &body, &format!("\"{revision}\"")).await.is(202);
    }
    let members = format!("pools/{pool}/members");
    let tag = async || {
        let list = admin.gets(&members).await.is(200);
        list.headers[header::ETAG].to_str().unwrap().to_owned()
    };
    let none = json!({"members": []});
    let mut seen = vec![tag().await];
    let member = admin.makes_a_member(&pool, 1).await;
    seen.push(tag().await);
    admin.changes(&members, &member, &json!({"weight": 7})).await;
    seen.push(tag().await);
    admin.makes_a_member(&pool, 2).await;
    admin.deletes(&format!("{members}/{member}")).await.is(204);
    for stale in seen {
        let says = "They have changed meanwhile. Look at them again.";
        puts(&members, &none, &stale).await.says(412, says);
    }
    puts(&members, &none, &tag().await).await.is(202);
    assert_eq!(admin.sees(&members).await, json!([]));
}

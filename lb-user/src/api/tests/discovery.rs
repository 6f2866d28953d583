//! What the service says of itself, and ways that lead nowhere.

use axum::{
    body::Body,
    http::{Method, Request},
};
use serde_json::json;

use super::{
    World,
    harness::{Answer, Client},
};

async fn asks(client: &Client, method: Method, path: &str) -> Answer {
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header("host", "lb.example.org:9876")
        .body(Body::empty());
    client.send(request.unwrap()).await
}

#[tokio::test]
async fn all_versions_are_listed_and_the_last_is_current() {
    let world = World::new();
    let admin = world.admin();
    for (path, base) in [
        ("/", "http://lb.example.org:9876/v2"),
        ("/load-balancer", "http://lb.example.org:9876/load-balancer/v2"),
        ("/load-balancer/", "http://lb.example.org:9876/load-balancer/v2"),
    ] {
        let versions = asks(&admin, Method::GET, path).await.is(200).inside();
        let versions = versions.as_array().unwrap();
        assert_eq!(versions.len(), 31);
        assert_eq!(
            versions[30].to_string(),
            json!({
                "id": "v2.30", "status": "CURRENT", "updated": "2025-02-26T00:00:00Z",
                "links": [{"href": base, "rel": "self"}],
            })
            .to_string()
        );
        assert_eq!(versions[7]["updated"], "2018-01-25T12:00:00Z");
        assert!(
            versions[..30]
                .iter()
                .all(|version| version["status"] == "SUPPORTED")
        );
    }
}

#[tokio::test]
async fn a_version_is_described_rather_than_named() {
    let world = World::new();
    for path in [
        "/v2",
        "/v2/",
        "/v2.0",
        "/v2.0/",
        "/v2/lbaas",
        "/load-balancer/v2.0",
    ] {
        let version = asks(&world.admin(), Method::GET, path).await.is(200).inside();
        assert_eq!(version["id"], "v2.0", "{path}");
        assert!(
            version["links"][0]["href"].as_str().unwrap().ends_with("/v2.0"),
            "{path}"
        );
    }
}

#[tokio::test]
async fn each_object_has_several_addresses() {
    let world = World::new();
    let admin = world.admin();
    let id = admin.makes_a_load_balancer(1).await;
    for base in ["/v2", "/v2.0", "/load-balancer/v2", "/load-balancer/v2.0"] {
        for end in ["", "/"] {
            let one = asks(
                &admin,
                Method::GET,
                &format!("{base}/lbaas/loadbalancers/{id}{end}"),
            )
            .await;
            assert_eq!(one.is(200).inside()["id"], json!(id));
            let list = asks(
                &admin,
                Method::GET,
                &format!("{base}/lbaas/loadbalancers{end}?id={id}"),
            )
            .await;
            assert_eq!(list.is(200).inside()[0]["id"], json!(id));
        }
    }
}

#[tokio::test]
async fn ways_that_lead_nowhere_say_so() {
    let world = World::new();
    let admin = world.admin();
    for path in ["/nope", "/v3", "/v2/lbaas/nope", "/v2/lbaas/amphorae", "//"] {
        let says = "There is nothing at this address; the API is at /v2.0/lbaas.";
        asks(&admin, Method::GET, path)
            .await
            .describes(404, "Not Found", says);
    }
    for (method, path) in [
        (Method::POST, "/v2/lbaas"),
        (Method::PATCH, "/v2/lbaas/loadbalancers"),
        (Method::POST, "/v2/lbaas/providers"),
        (Method::POST, "/v2/lbaas/quotas"),
        (Method::POST, "/v2/octavia/amphorae"),
    ] {
        let says = "This cannot be done at this address.";
        asks(&admin, method, path)
            .await
            .describes(405, "Method Not Allowed", says);
    }
}

#[tokio::test]
async fn there_are_no_amphorae() {
    let world = World::new();
    let path = "/v2.0/octavia/amphorae";
    let answer = asks(&world.admin(), Method::GET, path).await.is(200);
    assert_eq!(answer.text, r#"{"amphorae":[],"amphorae_links":[]}"#);
    let answer = asks(&world.member_of("shop"), Method::GET, path).await;
    answer.says(403, "Policy does not allow this request to be performed.");
    let answer = asks(&world.admin(), Method::PUT, &format!("{path}/abc/failover")).await;
    answer.says(404, "Amphora abc not found.");
}

#[tokio::test]
async fn there_is_one_provider_and_administrators_hear_what_it_can_do() {
    let world = World::new();
    let answer = world.observer_of("shop").gets("providers").await.is(200);
    assert_eq!(answer.body["providers"][0]["name"], "holdfast");
    assert!(answer.body.get("providers_links").is_none());
    let admin = world.admin();
    let path = "providers/holdfast/flavor_capabilities";
    assert_eq!(admin.gets(path).await.is(200).inside()[0]["name"], "kind");
    let named = admin.gets(&format!("{path}?fields=name")).await.is(200);
    assert_eq!(named.inside(), json!([{"name": "kind"}]));
    assert_eq!(admin.sees("providers?name=other").await, json!([]));
    let forbidden = "Policy does not allow this request to be performed.";
    world.member_of("shop").gets(path).await.says(403, forbidden);
    assert_eq!(
        admin
            .gets("providers/holdfast/availability_zone_capabilities")
            .await
            .text,
        r#"{"availability_zone_capabilities":[]}"#
    );
    let wrong = admin.gets("providers/amphora/flavor_capabilities").await;
    wrong.says(400, "Provider 'amphora' is not enabled.");
}

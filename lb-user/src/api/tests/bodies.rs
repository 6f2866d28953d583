//! Requests that are not what they should be.

use axum::{
    body::Body,
    http::{Method, Request, header},
};
use serde_json::json;

use super::{
    World,
    harness::{Client, unknown},
};

#[tokio::test]
async fn what_is_no_body_is_refused() {
    let world = World::new();
    let admin = world.admin();
    for (body, says) in [
        ("", "Missing argument: \"load_balancer\""),
        ("{", "Request is not in valid JSON format"),
        (
            "{\"loadbalancer\": {\"name\": \"\u{0}\"}}",
            "Request is not in valid JSON format",
        ),
        ("nonsense", "Request is not in valid JSON format"),
        ("{}", "Validation failure: No loadbalancer object supplied."),
        (
            "{\"loadbalancer\": null}",
            "Validation failure: No loadbalancer object supplied.",
        ),
        (
            "{\"loadbalancer\": []}",
            "Invalid input for field/attribute loadbalancer. Value: '[]'. Value should be an object",
        ),
        (
            "[]",
            "Invalid input for field/attribute load_balancer. Value: '[]'. Value should be an object",
        ),
        (
            "null",
            "Invalid input for field/attribute load_balancer. Value: 'None'. Value should be an object",
        ),
        (
            "{\"listener\": {}}",
            "Unknown attribute for argument load_balancer: listener",
        ),
    ] {
        admin
            .sends(Method::POST, "loadbalancers", body)
            .await
            .says(400, says);
    }
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let answer = admin.sends(Method::POST, "loadbalancers", deep).await;
    answer.says(400, "Request is not in valid JSON format");
    let answer = admin
        .sends(Method::POST, "loadbalancers", vec![b'{', 0xff, b'}'])
        .await;
    answer.says(400, "Request is not in valid JSON format");
}

#[tokio::test]
async fn each_kind_of_object_asks_for_its_body_by_its_name() {
    let world = World::new();
    let admin = world.admin();
    let balancer = admin.makes_a_load_balancer(1).await;
    let listener = admin.makes_a_listener(&balancer, "HTTP", 80).await;
    let pool = admin.makes_a_pool(&balancer, "HTTP").await;
    let policy = admin.makes_a_rejecting_policy(&listener).await;
    let rule = admin.makes_a_rule(&policy).await;
    for (method, path, argument) in [
        (Method::POST, "listeners".to_owned(), "listener_"),
        (Method::POST, "pools".to_owned(), "pool_"),
        (Method::POST, format!("pools/{pool}/members"), "member_"),
        (Method::PUT, format!("pools/{pool}/members"), "members_"),
        (Method::POST, "healthmonitors".to_owned(), "health_monitor_"),
        (Method::POST, "l7policies".to_owned(), "l7policy_"),
        (Method::POST, format!("l7policies/{policy}/rules"), "rule_"),
        (
            Method::PUT,
            format!("l7policies/{policy}/rules/{rule}"),
            "l7rule_",
        ),
        (Method::PUT, "quotas/shop".to_owned(), "quotas"),
        (Method::POST, "flavors".to_owned(), "flavor_"),
        (Method::POST, "flavorprofiles".to_owned(), "flavor_profile_"),
        (Method::POST, "availabilityzones".to_owned(), "availability_zone_"),
        (
            Method::POST,
            "availabilityzoneprofiles".to_owned(),
            "availability_zone_profile_",
        ),
    ] {
        let says = format!("Missing argument: \"{argument}\"");
        admin.sends(method, &path, Body::empty()).await.says(400, &says);
    }
}

#[tokio::test]
async fn what_is_too_long_is_refused() {
    let world = World::new();
    let admin = world.admin();
    let fine = json!({"vip_address": "192.0.2.1", "name": "ü".repeat(255)});
    admin.makes("loadbalancers", &fine).await;
    let long = json!({"vip_address": "192.0.2.2", "name": "ü".repeat(256)});
    let says = format!(
        "Invalid input for field/attribute name. Value: '{}...'. Value should have a maximum character requirement of 255",
        "ü".repeat(200)
    );
    admin.tries_to_make("loadbalancers", &long).await.says(400, &says);
    let huge = " ".repeat(super::super::LARGEST_BODY + 1);
    let says = "Request is too large. Larger than max_request_body_size (4194304).";
    admin
        .sends(Method::POST, "loadbalancers", huge)
        .await
        .says(413, says);
    let many: Vec<_> = (0..1000).map(|tag| tag.to_string()).collect();
    let answer = admin
        .tries_to_make("loadbalancers", &json!({"tags": many}))
        .await
        .is(400);
    assert!(
        answer.text.contains("Value should have at most 100 elements"),
        "{}",
        answer.text
    );
}

async fn sends_as(client: &Client, name: header::HeaderName, value: &str) -> super::harness::Answer {
    let body = json!({"loadbalancer": {"bogus": 1}}).to_string();
    let request = Request::post("/v2/lbaas/loadbalancers")
        .header(name, value)
        .body(body.into());
    client.send(request.unwrap()).await
}

#[tokio::test]
async fn bodies_are_json_and_so_are_answers() {
    let world = World::new();
    let admin = world.admin();
    for kind in [
        "application/json; charset=utf-8",
        "text/javascript",
        "APPLICATION/JSON",
    ] {
        let says = "Unknown attribute for argument load_balancer.loadbalancer: bogus";
        sends_as(&admin, header::CONTENT_TYPE, kind).await.says(400, says);
    }
    for kind in [
        "text/plain",
        "application/xml",
        "application/x-www-form-urlencoded",
    ] {
        let says = format!("Unknown mimetype: {kind}");
        sends_as(&admin, header::CONTENT_TYPE, kind)
            .await
            .says(415, &says);
    }
    for accept in [
        "application/json",
        "*/*",
        "text/html, application/*;q=0.5",
        "",
        "nonsense",
    ] {
        sends_as(&admin, header::ACCEPT, accept).await.is(400);
    }
    for accept in ["text/html", "application/xml, image/png"] {
        let answer = sends_as(&admin, header::ACCEPT, accept).await;
        answer.describes(
            406,
            "Not Acceptable",
            "Only content type application/json is accepted.",
        );
    }
    let answer = admin.gets("loadbalancers").await;
    assert_eq!(answer.headers[header::CONTENT_TYPE], "application/json");
    assert!(
        answer.headers["x-openstack-request-id"]
            .to_str()
            .unwrap()
            .starts_with("req-")
    );
}

#[tokio::test]
async fn an_id_that_is_none_is_that_of_nothing() {
    let world = World::new();
    let admin = world.admin();
    let unknown = unknown();
    for (path, title) in [
        ("loadbalancers", "Load Balancer"),
        ("listeners", "Listener"),
        ("pools", "Pool"),
        ("healthmonitors", "Health Monitor"),
        ("l7policies", "L7 Policy"),
        ("flavors", "Flavor"),
        ("flavorprofiles", "Flavor Profile"),
        ("availabilityzones", "Availability Zone"),
        ("availabilityzoneprofiles", "Availability Zone Profile"),
    ] {
        for id in ["abc", unknown.as_str(), "%00", "..%2f"] {
            let answer = admin.gets(&format!("{path}/{id}")).await.is(404);
            let begins = format!("{{\"faultcode\":\"Client\",\"faultstring\":\"{title} ");
            assert!(answer.text.starts_with(&begins), "{}", answer.text);
        }
    }
    let long = "x".repeat(5000);
    let answer = admin.gets(&format!("pools/{long}")).await.is(404);
    assert!(answer.text.len() < 200, "{}", answer.text);
    let fields = json!({"loadbalancer_id": "not-a-uuid", "protocol": "TCP", "protocol_port": 80});
    admin.tries_to_make("listeners", &fields).await.says(
        400,
        "Invalid input for field/attribute loadbalancer_id. Value: 'not-a-uuid'. Value should be UUID format",
    );
}

#[tokio::test]
async fn parameters_that_mean_nothing_are_refused_where_something_changes() {
    let world = World::new();
    let admin = world.admin();
    let balancer = admin.makes_a_load_balancer(1).await;
    let says = "Unknown argument: \"foo\"";
    let path = format!("loadbalancers/{balancer}?foo=1");
    admin
        .puts(&path, &json!({"loadbalancer": {}}))
        .await
        .says(400, says);
    admin
        .posts("loadbalancers?foo=1", &json!({"loadbalancer": {}}))
        .await
        .says(400, says);
    admin.deletes(&path).await.says(400, says);
    admin.gets(&path).await.is(200);
}

#[tokio::test]
async fn ids_may_be_written_without_dashes() {
    let world = World::new();
    let admin = world.admin();
    let balancer = admin.makes_a_load_balancer(1).await;
    let fields = json!({
        "loadbalancer_id": balancer.replace('-', "").to_uppercase(), "protocol": "TCP", "protocol_port": 80.7,
    });
    let made = admin.makes("listeners", &fields).await;
    assert_eq!(made["loadbalancers"], json!([{"id": balancer}]));
    assert_eq!(made["protocol_port"], 80);
}

#[tokio::test]
async fn there_is_nothing_at_an_address_that_is_no_text() {
    let world = World::new();
    let admin = world.admin();
    for path in [
        "loadbalancers/%ff",
        "pools/%ff/members",
        "l7policies/%ff/rules/%ff",
        "quotas/%ff",
    ] {
        admin.gets(path).await.describes(
            404,
            "Not Found",
            "There is nothing at this address, which is not of UTF-8.",
        );
    }
}

//! Rules of policies.

use serde_json::json;

use super::{
    World,
    harness::{Client, Refusal, fields_of, id_of, unknown},
};

async fn rules_of(client: &Client) -> String {
    let balancer = client.makes_a_load_balancer(1).await;
    let listener = client.makes_a_listener(&balancer, "HTTP", 80).await;
    format!(
        "l7policies/{}/rules",
        client.makes_a_rejecting_policy(&listener).await
    )
}

#[tokio::test]
async fn a_rule_is_shown_with_its_defaults() {
    let world = World::new();
    let admin = world.admin();
    let path = rules_of(&admin).await;
    let fields = json!({"type": "PATH", "compare_type": "STARTS_WITH", "value": "/api"});
    let rule = id_of(&admin.makes(&path, &fields).await);
    let shown = admin.sees(&format!("{path}/{rule}")).await;
    let expected = json!({
        "id": rule,
        "type": "PATH",
        "compare_type": "STARTS_WITH",
        "key": null,
        "value": "/api",
        "invert": false,
        "provisioning_status": "ACTIVE",
        "operating_status": "ONLINE",
        "created_at": shown["created_at"],
        "updated_at": null,
        "project_id": "admins",
        "admin_state_up": true,
        "tags": [],
        "tenant_id": "admins",
        "revision": 4,
        "declared_in": null,
    });
    assert_eq!(shown, expected);
    assert_eq!(fields_of(&shown), fields_of(&expected));
}

#[tokio::test]
async fn what_a_rule_cannot_be_is_refused_in_the_words_of_the_service() {
    let world = World::new();
    let admin = world.admin();
    let path = rules_of(&admin).await;
    for refusal in Refusal::all(include_str!("refused/l7rules.txt")) {
        let fields = json!({"type": "PATH", "compare_type": "STARTS_WITH", "value": "/api"});
        admin.is_refused(&path, fields, &refusal).await;
    }
    let fields = json!({"type": "PATH", "compare_type": "REGEX", "value": "["});
    let answer = admin.tries_to_make(&path, &fields).await.is(400);
    let says = "\"faultstring\":\"Error parsing L7Rule: Unable to parse regular expression: ";
    assert!(answer.text.contains(says), "{}", answer.text);
    assert_eq!(admin.sees(&path).await, json!([]));
}

#[tokio::test]
async fn a_change_of_a_rule_has_to_go_with_what_it_is() {
    let world = World::new();
    let admin = world.admin();
    let path = rules_of(&admin).await;
    let fields = json!({"type": "HEADER", "compare_type": "EQUAL_TO", "key": "X-A", "value": "\"a b\"", "tags": ["a"]});
    let rule = id_of(&admin.makes(&path, &fields).await);
    for (fields, says) in [
        (
            json!({"key": null}),
            "Error parsing L7Rule: Invalid L7 Rule: L7 rule type requires a key",
        ),
        (
            json!({"value": null}),
            "Error parsing L7Rule: Invalid L7 Rule: L7 rule type requires a value",
        ),
        (
            json!({"type": "COOKIE"}),
            "Error parsing L7Rule: Invalid characters in cookie value",
        ),
        (
            json!({"name": "a"}),
            "Unknown attribute for argument l7rule_.rule: name",
        ),
    ] {
        admin.tries_to_change(&path, &rule, &fields).await.says(400, says);
    }
    let fields = json!({"type": "PATH", "value": "/a", "invert": "true", "tags": null});
    let changed = admin.changes(&path, &rule, &fields).await;
    for (field, value) in [
        ("key", json!(null)),
        ("value", json!("/a")),
        ("invert", json!(true)),
        ("tags", json!([])),
    ] {
        assert_eq!(changed[field], value, "{field}");
    }
    let changed = admin.changes(&path, &rule, &json!({"invert": null})).await;
    assert_eq!(changed["invert"], false);
}

#[tokio::test]
async fn a_policy_has_so_many_rules_and_no_more() {
    let world = World::new();
    let admin = world.admin();
    let path = rules_of(&admin).await;
    let policy = path.split('/').nth(1).unwrap();
    for _ in 0..crate::model::MAX_RULES_PER_POLICY {
        admin.makes_a_rule(policy).await;
    }
    let fields = json!({"type": "PATH", "compare_type": "STARTS_WITH", "value": "/api"});
    let says = format!("Too many rules on L7 policy {policy}");
    admin.tries_to_make(&path, &fields).await.says(409, &says);
}

#[tokio::test]
async fn rules_are_looked_for_behind_their_policy() {
    let world = World::new();
    let admin = world.admin();
    let path = rules_of(&admin).await;
    let says = format!("L7Policy {} not found.", unknown());
    let nowhere = format!("l7policies/{}/rules", unknown());
    admin.gets(&nowhere).await.describes(404, "Bad Request", &says);
    let says = format!("L7 Rule {} not found.", unknown());
    admin
        .gets(&format!("{path}/{}", unknown()))
        .await
        .says(404, &says);
    admin
        .gets(&format!("{path}?l7policy_id={}", path.split('/').nth(1).unwrap()))
        .await
        .is(200);
}

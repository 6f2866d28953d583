//! Policies.

use serde_json::{Value as Json, json};

use super::{
    World,
    harness::{Client, Refusal, fields_of, id_of},
};

async fn listener_of(client: &Client) -> String {
    let balancer = client.makes_a_load_balancer(1).await;
    client.makes_a_listener(&balancer, "HTTP", 80).await
}

#[tokio::test]
async fn a_policy_is_shown_with_its_defaults() {
    let world = World::new();
    let admin = world.admin();
    let listener = listener_of(&admin).await;
    let policy = admin.makes_a_rejecting_policy(&listener).await;
    let shown = admin.sees(&format!("l7policies/{policy}")).await;
    let expected = json!({
        "id": policy,
        "name": "",
        "description": "",
        "provisioning_status": "ACTIVE",
        "operating_status": "ONLINE",
        "admin_state_up": true,
        "project_id": "admins",
        "action": "REJECT",
        "listener_id": listener,
        "redirect_pool_id": null,
        "redirect_url": null,
        "redirect_prefix": null,
        "position": 1,
        "rules": [],
        "created_at": shown["created_at"],
        "updated_at": null,
        "tags": [],
        "redirect_http_code": null,
        "tenant_id": "admins",
        "revision": 3,
        "declared_in": null,
    });
    assert_eq!(shown, expected);
    assert_eq!(fields_of(&shown), fields_of(&expected));
}

#[tokio::test]
async fn what_a_policy_cannot_be_is_refused_in_the_words_of_the_service() {
    let world = World::new();
    let admin = world.admin();
    let listener = listener_of(&admin).await;
    for refusal in Refusal::all(include_str!("refused/l7policies.txt")) {
        let fields = json!({"listener_id": listener, "action": refusal.of});
        admin.is_refused("l7policies", fields, &refusal).await;
    }
    assert_eq!(admin.sees("l7policies").await, json!([]));
}

#[tokio::test]
async fn policies_are_for_listeners_that_read_requests() {
    let world = World::new();
    let admin = world.admin();
    let balancer = admin.makes_a_load_balancer(1).await;
    let listener = admin.makes_a_listener(&balancer, "TCP", 80).await;
    let fields = json!({"listener_id": listener, "action": "REJECT"});
    admin.tries_to_make("l7policies", &fields).await.says(
        501,
        "Provider 'holdfast' does not support a requested option: TCP protocol listeners do not support L7 policies; use \
         HTTP or TERMINATED_HTTPS",
    );
}

/// An action and where a policy is to lead to, and which action it then has, by the fields that are left of it.
fn outcomes(pool: &str) -> Vec<(Json, &'static str, &'static str)> {
    let (url, prefix) = ("http://example.org/a", "https://example.org");
    vec![
        (json!({"action": "REJECT", "redirect_url": url}), "REJECT", ""),
        (
            json!({"action": "REJECT", "redirect_prefix": prefix}),
            "REDIRECT_PREFIX",
            "redirect_prefix",
        ),
        (
            json!({"action": "REDIRECT_PREFIX", "redirect_prefix": prefix}),
            "REDIRECT_PREFIX",
            "redirect_prefix",
        ),
        (
            json!({"action": "REDIRECT_PREFIX", "redirect_prefix": prefix, "redirect_url": url}),
            "REDIRECT_TO_URL",
            "redirect_url",
        ),
        (
            json!({"action": "REDIRECT_TO_URL", "redirect_url": url, "redirect_pool_id": pool}),
            "REDIRECT_TO_URL",
            "redirect_url",
        ),
        (
            json!({"action": "REDIRECT_TO_POOL", "redirect_url": url, "redirect_pool_id": pool}),
            "REDIRECT_TO_POOL",
            "redirect_pool_id",
        ),
    ]
}

#[tokio::test]
async fn where_a_policy_leads_decides_what_it_is() {
    let world = World::new();
    let admin = world.admin();
    let balancer = admin.makes_a_load_balancer(1).await;
    let listener = admin.makes_a_listener(&balancer, "HTTP", 80).await;
    let pool = admin.makes_a_pool(&balancer, "HTTP").await;
    for (mut fields, action, left) in outcomes(&pool) {
        fields["listener_id"] = json!(listener);
        let made = admin.makes("l7policies", &fields).await;
        assert_eq!(made["action"], action, "{fields}");
        for field in ["redirect_url", "redirect_prefix", "redirect_pool_id"] {
            assert_eq!(made[field].is_null(), field != left, "{fields}: {field}");
        }
        let code = match action {
            "REDIRECT_TO_URL" | "REDIRECT_PREFIX" => json!(302),
            _ => json!(null),
        };
        assert_eq!(made["redirect_http_code"], code, "{fields}");
    }
}

#[tokio::test]
async fn a_change_of_where_a_policy_leads_changes_what_it_is() {
    let world = World::new();
    let admin = world.admin();
    let balancer = admin.makes_a_load_balancer(1).await;
    let listener = admin.makes_a_listener(&balancer, "HTTP", 80).await;
    let pool = admin.makes_a_pool(&balancer, "HTTP").await;
    let policy = admin.makes_a_rejecting_policy(&listener).await;
    for (fields, action, code) in [
        (
            json!({"redirect_url": "http://example.org", "redirect_http_code": "301"}),
            "REDIRECT_TO_URL",
            json!(301),
        ),
        (json!({"redirect_http_code": null}), "REDIRECT_TO_URL", json!(302)),
        (json!({"redirect_pool_id": pool}), "REDIRECT_TO_POOL", json!(null)),
        (
            json!({"redirect_prefix": "http://example.org"}),
            "REDIRECT_PREFIX",
            json!(302),
        ),
        (json!({"action": "REJECT"}), "REJECT", json!(null)),
    ] {
        let changed = admin.changes("l7policies", &policy, &fields).await;
        assert_eq!(changed["action"], action, "{fields}");
        assert_eq!(changed["redirect_http_code"], code, "{fields}");
    }
    for (fields, says) in [
        (
            json!({"action": "REDIRECT_TO_URL"}),
            "Invalid L7 Policy arguments: redirect_url must not be None",
        ),
        (
            json!({"action": null}),
            "Invalid L7 Policy action specified: None",
        ),
        (
            json!({"listener_id": listener}),
            "Unknown attribute for argument l7policy_.l7policy: listener_id",
        ),
    ] {
        admin
            .tries_to_change("l7policies", &policy, &fields)
            .await
            .says(400, says);
    }
}

/// The names of the policies of a listener, in the order in which they stand.
async fn order(client: &Client) -> String {
    let policies = client.sees("l7policies").await;
    let mut policies: Vec<_> = policies.as_array().unwrap().iter().collect();
    policies.sort_by_key(|policy| policy["position"].as_u64());
    let positions: Vec<_> = policies
        .iter()
        .map(|policy| policy["position"].as_u64().unwrap())
        .collect();
    let all: Vec<u64> = (1..=policies.len() as u64).collect();
    assert_eq!(positions, all, "positions have no gaps");
    policies
        .iter()
        .map(|policy| policy["name"].as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn policies_stand_in_an_order_without_gaps() {
    let world = World::new();
    let admin = world.admin();
    let listener = listener_of(&admin).await;
    let mut ids = Vec::new();
    for (name, position, expected) in [
        ("a", json!(null), "a"),
        ("b", json!(9), "ab"),
        ("c", json!(1), "cab"),
        ("d", json!("2"), "cdab"),
    ] {
        let fields = json!({"listener_id": listener, "action": "REJECT", "name": name, "position": position});
        ids.push(id_of(&admin.makes("l7policies", &fields).await));
        assert_eq!(order(&admin).await, expected);
    }
    for (index, fields, expected) in [
        (2, json!({"position": 3}), "dacb"),
        (2, json!({"position": null}), "dacb"),
        (2, json!({"name": "C"}), "daCb"),
        (0, json!({"position": 2_147_483_647}), "dCba"),
        (1, json!({"position": 1}), "bdCa"),
    ] {
        admin.changes("l7policies", &ids[index], &fields).await;
        assert_eq!(order(&admin).await, expected, "{fields}");
    }
    admin.deletes(&format!("l7policies/{}", ids[3])).await.is(204);
    assert_eq!(order(&admin).await, "bCa");
    let shown = admin.sees(&format!("listeners/{listener}")).await;
    let expected: Vec<Json> = [1, 2, 0].map(|index| json!({"id": ids[index]})).into();
    assert_eq!(shown["l7policies"], Json::from(expected));
}

#[tokio::test]
async fn null_takes_the_tags_of_a_policy_away() {
    let world = World::new();
    let admin = world.admin();
    let listener = listener_of(&admin).await;
    let fields = json!({"listener_id": listener, "action": "REJECT", "tags": ["a"]});
    let policy = id_of(&admin.makes("l7policies", &fields).await);
    let changed = admin.changes("l7policies", &policy, &json!({"tags": null})).await;
    assert_eq!(changed["tags"], json!([]));
}

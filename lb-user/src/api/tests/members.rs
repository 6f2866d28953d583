//! Members, one by one and all at once.

use serde_json::{Value as Json, json};

use super::{
    World,
    harness::{Client, Refusal, fields_of, id_of, unknown},
};

async fn pool_of(client: &Client) -> String {
    let balancer = client.makes_a_load_balancer(1).await;
    let listener = client.makes_a_listener(&balancer, "TCP", 80).await;
    client.makes_a_pool_for(&listener, "TCP").await
}

#[tokio::test]
async fn a_member_is_shown_with_its_defaults() {
    let world = World::new();
    let admin = world.admin();
    let pool = pool_of(&admin).await;
    let path = format!("pools/{pool}/members");
    let made = admin
        .makes(&path, &json!({"address": "10.0.0.1", "protocol_port": 80}))
        .await;
    assert_eq!(made["provisioning_status"], "PENDING_CREATE");
    assert_eq!(made["operating_status"], "NO_MONITOR");
    let shown = admin.sees(&format!("{path}/{}", id_of(&made))).await;
    let expected = json!({
        "id": made["id"],
        "name": "",
        "operating_status": "NO_MONITOR",
        "provisioning_status": "ACTIVE",
        "admin_state_up": true,
        "address": "10.0.0.1",
        "protocol_port": 80,
        "weight": 1,
        "backup": false,
        "subnet_id": null,
        "project_id": "admins",
        "created_at": made["created_at"],
        "updated_at": null,
        "monitor_address": null,
        "monitor_port": null,
        "tags": [],
        "vnic_type": "normal",
        "tenant_id": "admins",
        "revision": 4,
        "declared_in": null,
    });
    assert_eq!(shown, expected);
    assert_eq!(fields_of(&shown), fields_of(&expected));
    admin.makes_a_monitor(&pool, "TCP").await;
    let made = admin
        .makes(&path, &json!({"address": "10.0.0.2", "protocol_port": 80}))
        .await;
    assert_eq!(
        made["operating_status"], "OFFLINE",
        "what is watched is not up before it is there"
    );
}

#[tokio::test]
async fn what_a_member_cannot_be_is_refused_in_the_words_of_the_service() {
    let world = World::new();
    let admin = world.admin();
    let path = format!("pools/{}/members", pool_of(&admin).await);
    for refusal in Refusal::all(include_str!("refused/members.txt")) {
        let fields = json!({"address": "10.0.0.1", "protocol_port": 80});
        admin.is_refused(&path, fields, &refusal).await;
    }
    for (fields, field) in [
        (json!({}), "address"),
        (json!({"address": "10.0.0.1"}), "protocol_port"),
    ] {
        let says =
            format!("Invalid input for field/attribute {field}. Value: 'None'. Mandatory field missing.");
        admin.tries_to_make(&path, &fields).await.says(400, &says);
    }
    assert_eq!(admin.sees(&path).await, json!([]));
}

#[tokio::test]
async fn an_address_and_port_is_one_member_of_a_pool() {
    let world = World::new();
    let admin = world.admin();
    let balancer = json!({"vip_address": "2001:db8::80"});
    let balancer = id_of(&admin.makes("loadbalancers", &balancer).await);
    let listener = admin.makes_a_listener(&balancer, "TCP", 80).await;
    let path = format!("pools/{}/members", admin.makes_a_pool_for(&listener, "TCP").await);
    admin
        .makes(&path, &json!({"address": "2001:DB8::1", "protocol_port": 80}))
        .await;
    admin
        .makes(&path, &json!({"address": "2001:db8::1", "protocol_port": 81}))
        .await;
    let fields = json!({"address": "2001:db8:0::1", "protocol_port": "80"});
    admin.tries_to_make(&path, &fields).await.says(
        409,
        "Another member on this pool is already using ip 2001:db8::1 on protocol_port 80",
    );
}

#[tokio::test]
async fn null_makes_a_member_what_it_was_at_first() {
    let world = World::new();
    let admin = world.admin();
    let pool = pool_of(&admin).await;
    let path = format!("pools/{pool}/members");
    let member = admin.makes_a_member(&pool, 1).await;
    let fields = json!({"name": "a", "weight": "256", "tags": ["x"]});
    let changed = admin.changes(&path, &member, &fields).await;
    assert_eq!((&changed["name"], &changed["weight"]), (&json!("a"), &json!(256)));
    let fields = json!({
        "name": null, "weight": null, "backup": null, "monitor_port": null, "monitor_address": null, "tags": null,
    });
    let changed = admin.changes(&path, &member, &fields).await;
    assert_eq!((&changed["name"], &changed["weight"]), (&json!(""), &json!(1)));
    assert_eq!(
        (&changed["backup"], &changed["tags"]),
        (&json!(false), &json!(["x"]))
    );
    for field in [
        "address",
        "protocol_port",
        "subnet_id",
        "request_sriov",
        "project_id",
    ] {
        let says = format!("Unknown attribute for argument member_.member: {field}");
        admin
            .tries_to_change(&path, &member, &json!({field: 1}))
            .await
            .says(400, &says);
    }
}

#[tokio::test]
async fn a_member_does_as_its_weight_and_its_switch_say() {
    let world = World::new();
    let admin = world.admin();
    let pool = pool_of(&admin).await;
    let path = format!("pools/{pool}/members");
    let member = admin.makes_a_member(&pool, 1).await;
    for (fields, status) in [
        (json!({"weight": 0}), "DRAINING"),
        (json!({"admin_state_up": false}), "OFFLINE"),
        (json!({"admin_state_up": true, "weight": 3}), "NO_MONITOR"),
    ] {
        admin.changes(&path, &member, &fields).await;
        let shown = admin.sees(&format!("{path}/{member}")).await;
        assert_eq!(shown["operating_status"], status, "{fields}");
    }
}

#[tokio::test]
async fn members_are_found_only_in_their_pool() {
    let world = World::new();
    let admin = world.admin();
    let pool = pool_of(&admin).await;
    let member = admin.makes_a_member(&pool, 1).await;
    let balancer = admin.makes_a_load_balancer(2).await;
    let other = admin.makes_a_pool(&balancer, "TCP").await;
    let says = format!("Member {member} not found.");
    admin
        .gets(&format!("pools/{other}/members/{member}"))
        .await
        .says(404, &says);
    admin
        .deletes(&format!("pools/{other}/members/{member}"))
        .await
        .says(404, &says);
    admin
        .gets(&format!("pools/{pool}/members/{member}?pool_id={pool}"))
        .await
        .is(200);
    let says = format!("Pool {} not found.", unknown());
    let path = format!("pools/{}/members", unknown());
    let fields = json!({"address": "10.0.0.1", "protocol_port": 80});
    admin.gets(&path).await.describes(404, "Bad Request", &says);
    admin
        .tries_to_make(&path, &fields)
        .await
        .describes(404, "Bad Request", &says);
    let all = json!({"members": []});
    admin.puts(&path, &all).await.describes(404, "Bad Request", &says);
}

#[tokio::test]
async fn a_member_is_asked_where_it_says() {
    let world = World::new();
    let admin = world.admin();
    let pool = pool_of(&admin).await;
    admin.makes_a_monitor(&pool, "TCP").await;
    let path = format!("pools/{pool}/members");
    let member = admin.makes_a_member(&pool, 1).await;
    for (fields, expected) in [
        (json!({"monitor_port": "9003"}), "10.0.0.1:9003"),
        (json!({"monitor_address": "10.0.0.7"}), "10.0.0.7:9003"),
        (
            json!({"monitor_address": null, "monitor_port": null}),
            "10.0.0.1:80",
        ),
    ] {
        admin.changes(&path, &member, &fields).await;
        let shown = admin.sees(&format!("pools/{pool}")).await;
        let balancer = shown["loadbalancers"][0]["id"].as_str().unwrap().parse().unwrap();
        let managed = world.plane.last_of(balancer).expect("it is served");
        let asked = managed.pools[0].probe_target(&managed.pools[0].members[0]);
        assert_eq!(asked, Some(expected.parse().unwrap()), "{fields}");
    }
}

/// The members of a pool by their addresses, with some of their fields.
async fn weights(client: &Client, path: &str) -> Vec<(Json, Json, Json)> {
    let members = client.sees(path).await;
    let members = members.as_array().expect("members").iter();
    members
        .map(|member| {
            (
                member["address"].clone(),
                member["weight"].clone(),
                member["name"].clone(),
            )
        })
        .collect()
}

fn at(last: u8, weight: u16, name: &str) -> (Json, Json, Json) {
    (json!(format!("10.0.0.{last}")), json!(weight), json!(name))
}

#[tokio::test]
async fn all_members_at_once_are_those_of_the_request() {
    let world = World::new();
    let admin = world.admin();
    let path = format!("pools/{}/members", pool_of(&admin).await);
    let first = json!({"members": [
        {"address": "10.0.0.1", "protocol_port": 80, "weight": 5, "name": "one"},
        {"address": "10.0.0.2", "protocol_port": 80},
    ]});
    let answer = admin.puts(&path, &first).await.is(202);
    assert_eq!(answer.text, "");
    assert_eq!(weights(&admin, &path).await, [at(1, 5, "one"), at(2, 1, "")]);
    let before = admin.sees(&path).await;
    let second = json!({"members": [
        {"address": "10.0.0.1", "protocol_port": 80, "subnet_id": null},
        {"address": "10.0.0.3", "protocol_port": 80},
    ]});
    admin.puts(&path, &second).await.is(202);
    let after = admin.sees(&path).await;
    assert_eq!(
        weights(&admin, &path).await,
        [at(1, 1, "one"), at(3, 1, "")],
        "of what is left out only the name stays"
    );
    assert_eq!(before[0]["id"], after[0]["id"], "who stays is the same member");
    let more = json!({"members": [{"address": "10.0.0.4", "protocol_port": 80}]});
    admin
        .puts(&format!("{path}?additive_only=True"), &more)
        .await
        .is(202);
    assert_eq!(weights(&admin, &path).await.len(), 3);
    admin.puts(&path, &json!({"members": []})).await.is(202);
    assert_eq!(weights(&admin, &path).await, []);
}

#[tokio::test]
async fn one_mistake_among_all_members_changes_none() {
    let world = World::new();
    let admin = world.admin();
    let path = format!("pools/{}/members", pool_of(&admin).await);
    let known = json!({"address": "10.0.0.1", "protocol_port": 80});
    admin.makes(&path, &known).await;
    let new = json!({"address": "10.0.0.2", "protocol_port": 80});
    for (members, status, says) in [
        (
            json!([known, known]),
            400,
            "Validation failure: Member must be updated only once in the same request.",
        ),
        (
            json!([new, new]),
            409,
            "Another member on this pool is already using ip 10.0.0.2 on protocol_port 80",
        ),
        (
            json!([new, {"address": "10.0.0.3"}]),
            400,
            "Invalid input for field/attribute protocol_port. Value: 'None'. Mandatory field missing.",
        ),
        (
            json!([new, {"address": "10.0.0.3", "protocol_port": 1, "bogus": 1}]),
            400,
            "Unknown attribute for argument members_.members: bogus",
        ),
        (
            json!([new, {"address": "169.254.169.254", "protocol_port": 1}]),
            400,
            "169.254.169.254 is not a valid option for member address",
        ),
        (
            json!([1]),
            400,
            "Invalid input for field/attribute members. Value: '1'. Value should be a list of objects",
        ),
        (
            json!(null),
            400,
            "Invalid input for field/attribute members. Value: 'None'. Value should be a list of objects",
        ),
    ] {
        admin
            .puts(&path, &json!({"members": members}))
            .await
            .says(status, says);
        assert_eq!(weights(&admin, &path).await, [at(1, 1, "")]);
    }
    let extra = json!({"members": [], "more": 1});
    admin
        .puts(&path, &extra)
        .await
        .says(400, "Unknown attribute for argument members_: more");
    let wrong = admin
        .puts(&format!("{path}?bogus=1"), &json!({"members": []}))
        .await;
    wrong.says(400, "Unknown argument: \"bogus\"");
}

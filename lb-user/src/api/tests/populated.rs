//! Load balancers that are made as a whole.

use serde_json::{Value as Json, json};

use super::{
    World,
    harness::{fields_of, unknown},
};

fn whole() -> Json {
    json!({
        "vip_address": "192.0.2.1",
        "name": "shop",
        "listeners": [
            {
                "name": "web", "protocol": "HTTP", "protocol_port": 80,
                "default_pool": {"name": "web"},
                "l7policies": [
                    {
                        "name": "api", "action": "REDIRECT_TO_POOL",
                        "redirect_pool": {
                            "name": "api", "protocol": "HTTP", "lb_algorithm": "LEAST_CONNECTIONS",
                            "members": [{"address": "10.0.0.9", "protocol_port": 8080}],
                        },
                        "rules": [{"type": "PATH", "compare_type": "STARTS_WITH", "value": "/api"}],
                    },
                    {"name": "old", "action": "REDIRECT_TO_URL", "redirect_url": "http://example.org", "position": 1},
                ],
            },
            {"protocol": "UDP", "protocol_port": 53, "admin_state_up": false},
        ],
        "pools": [{
            "name": "web", "protocol": "HTTP", "lb_algorithm": "ROUND_ROBIN",
            "session_persistence": {"type": "HTTP_COOKIE"},
            "healthmonitor": {"type": "HTTP", "delay": 5, "timeout": 3, "max_retries": 2},
            "members": [
                {"address": "10.0.0.1", "protocol_port": 80, "weight": 2},
                {"address": "10.0.0.2", "protocol_port": 80},
            ],
        }],
    })
}

#[tokio::test]
async fn a_load_balancer_is_made_and_answered_with_all_below_it() {
    let world = World::new();
    let admin = world.admin();
    let made = admin.makes("loadbalancers", &whole()).await;
    assert_eq!(fields_of(&made)[..4], ["listeners", "pools", "id", "name"]);
    let (web, dns) = (&made["listeners"][0], &made["listeners"][1]);
    assert_eq!(fields_of(web)[..2], ["l7policies", "id"]);
    assert!(!fields_of(web).contains(&"loadbalancers"));
    assert_eq!(
        (&web["provisioning_status"], &web["operating_status"]),
        (&json!("PENDING_CREATE"), &json!("OFFLINE"))
    );
    assert_eq!(
        (&dns["protocol"], &dns["admin_state_up"]),
        (&json!("UDP"), &json!(false))
    );
    let policies: Vec<_> = web["l7policies"]
        .as_array()
        .unwrap()
        .iter()
        .map(|policy| &policy["name"])
        .collect();
    assert_eq!(policies, ["old", "api"], "by their positions");
    let (pool, api) = (&made["pools"][0], &made["pools"][1]);
    assert_eq!(fields_of(pool)[..3], ["members", "healthmonitor", "id"]);
    assert!(!fields_of(pool).contains(&"healthmonitor_id"));
    assert_eq!(pool["members"][0]["weight"], 2);
    assert_eq!(fields_of(&pool["healthmonitor"])[..3], ["id", "name", "type"]);
    assert!(!fields_of(&pool["healthmonitor"]).contains(&"pools"));
    assert_eq!(api["healthmonitor"], json!(null));
    assert_eq!(web["default_pool_id"], pool["id"]);
    assert_eq!(web["l7policies"][1]["redirect_pool_id"], api["id"]);
    assert_eq!(web["l7policies"][1]["rules"][0]["value"], "/api");
    let managed = world.plane.last_of(made["id"].as_str().unwrap().parse().unwrap());
    let managed = managed.expect("it is served");
    assert_eq!(
        (managed.load_balancer.listeners.len(), managed.pools.len()),
        (2, 2)
    );
    let shown = admin.sees("loadbalancers").await;
    assert_eq!(
        shown[0]["listeners"],
        json!([{"id": web["id"]}, {"id": dns["id"]}])
    );
}

#[tokio::test]
async fn what_is_wrong_anywhere_leaves_nothing() {
    let world = World::new();
    let admin = world.admin();
    let pool = |fields: Json| {
        let mut pool = json!({"name": "a", "protocol": "HTTP", "lb_algorithm": "ROUND_ROBIN"});
        for (field, value) in fields.as_object().unwrap() {
            pool[field] = value.clone();
        }
        pool
    };
    let leading_to = |pool: Json| json!([{"protocol": "HTTP", "protocol_port": 80, "default_pool": pool}]);
    for (below, status, says) in [
        (
            json!({"listeners": leading_to(json!({}))}),
            400,
            "Validation failure: Pools must be named when creating a fully populated loadbalancer.",
        ),
        (
            json!({"pools": [pool(json!({})), pool(json!({}))]}),
            400,
            "Validation failure: Pool names must be unique when creating a fully populated loadbalancer.",
        ),
        (
            json!({"listeners": leading_to(pool(json!({}))), "pools": [pool(json!({}))]}),
            400,
            "Validation failure: Pool names must be unique when creating a fully populated loadbalancer.",
        ),
        (
            json!({"listeners": leading_to(json!({"name": "b"})), "pools": [pool(json!({}))]}),
            400,
            "Validation failure: Pool 'b' was referenced but no full definition was found.",
        ),
        (
            json!({"pools": [{"name": "a", "lb_algorithm": "ROUND_ROBIN"}]}),
            400,
            "Validation failure: Pool definition for 'a' missing required attribute: protocol",
        ),
        (
            json!({"pools": [{"name": "a", "protocol": "HTTP"}]}),
            400,
            "Validation failure: Pool definition for 'a' missing required attribute: lb_algorithm",
        ),
        (
            json!({"pools": [pool(json!({"bogus": 1}))]}),
            400,
            "Unknown attribute for argument load_balancer.loadbalancer.pools: bogus",
        ),
        (
            json!({"pools": [pool(json!({"members": [{"bogus": 1}]}))]}),
            400,
            "Unknown attribute for argument load_balancer.loadbalancer.pools.members: bogus",
        ),
        (
            json!({"listeners": [{"bogus": 1}]}),
            400,
            "Unknown attribute for argument load_balancer.loadbalancer.listeners: bogus",
        ),
        (
            json!({"listeners": [{"protocol": "TCP"}]}),
            400,
            "Invalid input for field/attribute protocol_port. Value: 'None'. Mandatory field missing.",
        ),
        (
            json!({"listeners": leading_to(pool(json!({"protocol": "TCP"})))}),
            400,
            "Validation failure: The pool protocol 'TCP' is invalid while the listener protocol is 'HTTP'.",
        ),
        (
            json!({"listeners": [{"protocol": "TCP", "protocol_port": 80}, {"protocol": "HTTP", "protocol_port": 80}]}),
            409,
            "Another Listener on this Load Balancer is already using protocol TCP and protocol_port 80",
        ),
        (
            json!({"pools": [pool(json!({"members": [{"address": "10.0.0.1", "protocol_port": 1}, {"address": "10.0.0.1", "protocol_port": 1}]}))]}),
            409,
            "Another member on this pool is already using ip 10.0.0.1 on protocol_port 1",
        ),
        (
            json!({"pools": [pool(json!({"healthmonitor": {"type": "PING", "delay": 1, "timeout": 1, "max_retries": 1}}))]}),
            400,
            "The selected type is not allowed in this deployment: PING",
        ),
    ] {
        let mut fields = json!({"vip_address": "192.0.2.1"});
        for (field, value) in below.as_object().unwrap() {
            fields[field] = value.clone();
        }
        println!("{below}");
        admin
            .tries_to_make("loadbalancers", &fields)
            .await
            .says(status, says);
        for list in ["loadbalancers", "listeners", "pools"] {
            assert_eq!(admin.sees(list).await, json!([]), "{list}");
        }
    }
}

#[tokio::test]
async fn what_is_made_below_something_does_not_say_where_it_belongs() {
    let world = World::new();
    let admin = world.admin();
    let id = unknown();
    let listener = |more: Json| {
        let mut listener = json!({"protocol": "HTTP", "protocol_port": 80});
        listener
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        json!({"listeners": [listener]})
    };
    let pool = |more: Json| {
        let mut pool = json!({"name": "a", "protocol": "HTTP", "lb_algorithm": "ROUND_ROBIN"});
        pool.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        json!({"pools": [pool]})
    };
    let monitor = json!({"type": "HTTP", "delay": 5, "timeout": 3, "max_retries": 3, "pool_id": id});
    let policy = |key: &str| listener(json!({"l7policies": [{"action": "REJECT", key: id}]}));
    for (below, called) in [
        (
            listener(json!({"loadbalancer_id": id})),
            "listeners: loadbalancer_id",
        ),
        (
            listener(json!({"project_id": "another"})),
            "listeners: project_id",
        ),
        (pool(json!({"listener_id": id})), "pools: listener_id"),
        (pool(json!({"tenant_id": "another"})), "pools: tenant_id"),
        (
            pool(json!({"healthmonitor": monitor})),
            "pools.healthmonitor: pool_id",
        ),
        (policy("listener_id"), "listeners.l7policies: listener_id"),
        (
            policy("redirect_pool_id"),
            "listeners.l7policies: redirect_pool_id",
        ),
    ] {
        let mut balancer = below;
        balancer["vip_address"] = json!("192.0.2.1");
        let says = format!("Unknown attribute for argument load_balancer.loadbalancer.{called}");
        admin
            .tries_to_make("loadbalancers", &balancer)
            .await
            .says(400, &says);
    }
}

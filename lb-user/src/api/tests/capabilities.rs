//! What people are offered: the tables of the requirements.

use serde_json::{Value as Json, json};

use super::{World, harness::unknown};

fn named<'j>(list: &'j Json, name: &str) -> &'j Json {
    let mut all = list.as_array().expect("a list").iter();
    all.find(|one| one["name"] == name)
        .unwrap_or_else(|| panic!("{name}: {list}"))
}

/// The types of session persistence of a protocol, each with its least, greatest and usual duration in minutes.
fn persistence(capabilities: &Json, protocol: &str) -> Vec<(String, [u64; 3])> {
    let types = named(&capabilities["pool_protocols"], protocol)["session_persistence"].as_array();
    let types = types.expect("a list").iter().map(|one| {
        let range = &one["persistence_timeout"];
        let minutes =
            ["minimum", "maximum", "default"].map(|bound| range[bound].as_u64().expect("seconds") / 60);
        (one["type"].as_str().expect("a word").to_owned(), minutes)
    });
    types.collect()
}

#[tokio::test]
async fn the_types_and_durations_of_session_persistence_are_those_of_the_layer_and_the_kind() {
    let world = World::new();
    let admin = world.admin();
    let all = admin.sees("capabilities").await;
    let by = |name: &str, minutes| (name.to_owned(), minutes);
    for protocol in ["TCP", "UDP"] {
        assert_eq!(persistence(&all, protocol), [by("SOURCE_IP", [1, 60, 20])]);
    }
    let (ours, application) = (by("HTTP_COOKIE", [1, 1440, 20]), by("APP_COOKIE", [1, 1440, 20]));
    assert_eq!(persistence(&all, "HTTP"), [ours.clone(), application]);

    let profile =
        json!({"name": "d", "provider_name": "holdfast", "flavor_data": r#"{"kind": "dedicated"}"#});
    let profile = admin.makes("flavorprofiles", &profile).await;
    let flavor = json!({"name": "d", "flavor_profile_id": profile["id"]});
    let flavor = admin.makes("flavors", &flavor).await;
    let dedicated = json!({"vip_address": "192.0.2.9", "flavor_id": flavor["id"]});
    let dedicated = admin.makes("loadbalancers", &dedicated).await["id"].clone();
    let path = format!("capabilities?loadbalancer_id={}", dedicated.as_str().unwrap());
    let of_it = admin.sees(&path).await;
    assert_eq!(
        (&all["kinds"], &of_it["kinds"]),
        (&json!(["shared", "dedicated"]), &json!(["dedicated"]))
    );
    assert_eq!(persistence(&of_it, "HTTP"), [ours]);
    assert_eq!(persistence(&of_it, "TCP"), [by("SOURCE_IP", [1, 60, 20])]);
}

#[tokio::test]
async fn the_source_ip_algorithm_goes_without_session_persistence() {
    let all = World::new().admin().sees("capabilities").await;
    let persists: Vec<_> = all["lb_algorithms"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (one["name"].as_str().unwrap(), one["session_persistence"] == true))
        .collect();
    assert_eq!(
        persists,
        [
            ("LEAST_CONNECTIONS", true),
            ("ROUND_ROBIN", true),
            ("SOURCE_IP", false)
        ]
    );
}

#[tokio::test]
async fn who_says_nothing_is_offered_what_mostly_fits() {
    let world = World::new();
    let all = world.admin().sees("capabilities").await;
    assert_eq!(all["default_lb_algorithm"], "ROUND_ROBIN");
    for (protocol, monitor) in [
        ("TCP", "TCP"),
        ("UDP", "UDP-CONNECT"),
        ("HTTP", "HTTP"),
        ("HTTPS", "HTTPS"),
        ("PROXY", "TCP"),
        ("PROXYV2", "TCP"),
    ] {
        let offered = named(&all["pool_protocols"], protocol);
        assert_eq!(offered["default_health_monitor_type"], monitor);
        for persistence in offered["session_persistence"].as_array().unwrap() {
            let absolute = json!({"minimum": 60, "maximum": 604_800});
            assert_eq!(persistence["absolute_timeout"], absolute);
        }
        let pools = &named(&all["health_monitor_types"], monitor)["pool_protocols"];
        assert!(pools.as_array().unwrap().contains(&json!(protocol)), "{protocol}");
    }
}

#[tokio::test]
async fn listeners_lead_to_pools_of_their_layer() {
    let all = World::new().admin().sees("capabilities").await;
    // What carries TLS to the members is there, and says that it is TCP.
    for (protocol, alias, layer, pools, certificate) in [
        ("TCP", Json::Null, 4, json!(["HTTPS", "TCP"]), false),
        ("UDP", Json::Null, 4, json!(["UDP"]), false),
        ("HTTP", Json::Null, 7, json!(["HTTP", "PROXY", "PROXYV2"]), false),
        ("HTTPS", json!("TCP"), 4, json!(["HTTPS", "TCP"]), false),
        (
            "TERMINATED_HTTPS",
            Json::Null,
            7,
            json!(["HTTP", "PROXY", "PROXYV2"]),
            true,
        ),
    ] {
        let expected = json!({
            "name": protocol, "alias_of": alias, "layer": layer, "pool_protocols": pools, "certificate": certificate,
        });
        assert_eq!(*named(&all["listener_protocols"], protocol), expected);
    }
    assert_eq!(all["listener_protocols"].as_array().unwrap().len(), 5);
    for (protocol, alias) in [("HTTPS", json!("TCP")), ("TCP", Json::Null)] {
        assert_eq!(named(&all["pool_protocols"], protocol)["alias_of"], alias);
    }
    let kinds = all["health_monitor_types"].as_array().unwrap();
    let kinds: Vec<_> = kinds.iter().map(|kind| kind["name"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["HTTP", "HTTPS", "TCP", "UDP-CONNECT"]);
    assert_eq!(
        all["ranges"]["weight"],
        json!({"minimum": 0, "maximum": 256, "default": 1})
    );
}

#[tokio::test]
async fn only_those_who_may_see_a_load_balancer_are_told_what_it_offers() {
    let world = World::new();
    let balancer = world.admin().makes_a_load_balancer(1).await;
    let path = format!("capabilities?loadbalancer_id={balancer}");
    world.observer_of("others").gets(&path).await.is(403);
    world.observer_of("admins").gets(&path).await.is(200);
    let twice = format!("{path}&loadbalancer_id={balancer}");
    let says = "loadbalancer_id can be given once, and is there several times";
    world
        .admin()
        .gets(&twice)
        .await
        .describes(400, "Bad Request", says);
    let of_nothing = format!("capabilities?loadbalancer_id={}", unknown());
    world.admin().gets(&of_nothing).await.is(404);
}

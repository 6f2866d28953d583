//! What passes, and what has passed.

use std::time::Instant;

use serde_json::{Value as Json, json};

use super::{World, harness::unknown};
use crate::manager::{INTERVAL, SAMPLES, Sample};

#[tokio::test]
async fn the_last_hour_of_a_load_balancer_is_that_of_its_listeners() {
    let world = World::new();
    let admin = world.admin();
    let balancer = admin.makes_a_load_balancer(1).await;
    let listener = admin.makes_a_listener(&balancer, "TCP", 80).await;
    let sample = |connections| Sample {
        id: listener.parse().unwrap(),
        load_balancer: Some(balancer.parse().unwrap()),
        counters: vec![("connections_per_s", connections)],
        gauges: Vec::new(),
    };
    let begun = Instant::now();
    world.manager.note_samples(begun, vec![sample(0)]);
    world.manager.note_samples(begun + INTERVAL, vec![sample(60)]);
    let path = format!("history?loadbalancer_id={balancer}&listener_id={listener}");
    let history = admin.gets(&path).await.is(200).body["history"].take();
    assert_eq!(history["interval_s"], 30);
    let ids: Vec<&Json> = history["objects"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["id"])
        .collect();
    assert_eq!(ids, [&json!(balancer), &json!(listener)]);
    for object in history["objects"].as_array().unwrap() {
        let values = object["series"]["connections_per_s"].as_array().unwrap();
        assert_eq!(values.len(), SAMPLES);
        assert_eq!(values[SAMPLES - 2..], [json!(null), json!(2.0)]);
    }
}

#[tokio::test]
async fn nobody_sees_what_passes_at_what_is_not_theirs() {
    let world = World::new();
    let admin = world.admin();
    let balancer = admin.makes_a_load_balancer(1).await;
    let stranger = world.observer_of("others");
    for path in [
        format!("loadbalancers/{balancer}/traffic"),
        format!("history?loadbalancer_id={balancer}"),
        format!("events?traffic={balancer}"),
    ] {
        stranger.gets(&path).await.is(403);
    }
    let nothing = unknown();
    admin
        .gets(&format!("loadbalancers/{nothing}/traffic"))
        .await
        .is(404);
    admin.gets(&format!("history?pool_id={nothing}")).await.is(404);
    admin.gets("history?member_id=x").await.is(400);
    let many = ["pool_id=x"; 101].join("&");
    admin.gets(&format!("history?{many}")).await.is(400);
}

#[tokio::test]
async fn what_passes_names_all_that_is_served() {
    let world = World::new();
    let admin = world.admin();
    let balancer = admin.makes_a_load_balancer(1).await;
    let traffic = admin.sees(&format!("loadbalancers/{balancer}/traffic")).await;
    assert_eq!(traffic["loadbalancer_id"], json!(balancer));
    assert!(traffic["at_ms"].as_u64() > Some(1_700_000_000_000));
}

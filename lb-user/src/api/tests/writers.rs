//! Many who change the same at once.

use std::{collections::BTreeSet, time::Duration};

use serde_json::json;

use super::{World, harness::Client};

/// Does what a client does that is told to wait: it asks again.
async fn insists(client: Client, pool: String, last: u8) {
    let path = format!("pools/{pool}/members");
    let fields = json!({"address": format!("10.0.0.{last}"), "protocol_port": 80});
    loop {
        let answer = client.tries_to_make(&path, &fields).await;
        match answer.status {
            201 => return,
            409 if answer.text.contains("immutable") => tokio::time::sleep(Duration::from_millis(1)).await,
            _ => panic!("{}", answer.text),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_members_that_are_added_at_once_none_is_lost_and_none_is_there_twice() {
    let world = World::new();
    let admin = world.admin();
    let balancer = admin.makes_a_load_balancer(1).await;
    let pool = admin.makes_a_pool(&balancer, "TCP").await;
    let writers = (1..=30).map(|last| tokio::spawn(insists(admin.clone(), pool.clone(), last)));
    for writer in writers.collect::<Vec<_>>() {
        writer.await.unwrap();
    }
    let members = admin.sees(&format!("pools/{pool}/members")).await;
    let addresses: Vec<&str> = members
        .as_array()
        .unwrap()
        .iter()
        .map(|member| member["address"].as_str().unwrap())
        .collect();
    let all: BTreeSet<String> = (1..=30).map(|last| format!("10.0.0.{last}")).collect();
    assert_eq!(addresses.len(), 30);
    assert_eq!(
        addresses.into_iter().map(str::to_owned).collect::<BTreeSet<_>>(),
        all
    );
    let shown = admin.sees(&format!("pools/{pool}")).await;
    assert_eq!(shown["members"].as_array().unwrap().len(), 30);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_asked_for_is_done_also_where_its_client_goes_away() {
    let world = World::new();
    let admin = world.admin();
    let balancer = admin.makes_a_load_balancer(1).await;
    let path = format!("loadbalancers/{balancer}");
    for name in ["a", "b", "c", "d"] {
        let fields = json!({"name": name});
        let change = admin.changes("loadbalancers", &balancer, &fields);
        // It is begun, and then nobody waits for it.
        let _ = tokio::time::timeout(Duration::ZERO, change).await;
        let is_done = async || {
            let shown = admin.sees(&path).await;
            shown["name"] == name && shown["provisioning_status"] == "ACTIVE"
        };
        let done = async {
            while !is_done().await {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(10), done)
            .await
            .expect(name);
    }
    admin
        .changes("loadbalancers", &balancer, &json!({"name": "e"}))
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_who_want_the_same_address_one_gets_it() {
    let world = World::new();
    let admin = world.admin();
    let wanted = json!({"vip_address": "192.0.2.1"});
    let writers = (0..8).map(|_| {
        let (client, wanted) = (admin.clone(), wanted.clone());
        tokio::spawn(async move { client.tries_to_make("loadbalancers", &wanted).await.status })
    });
    let mut answers = Vec::new();
    for writer in writers.collect::<Vec<_>>() {
        answers.push(writer.await.unwrap());
    }
    answers.sort_unstable();
    assert_eq!(answers, [201, 409, 409, 409, 409, 409, 409, 409]);
}

#[tokio::test(flavor = "multi_thread")]
async fn load_balancers_do_not_wait_for_each_other() {
    let world = World::new();
    let admin = world.admin();
    world.plane.holds_changes();
    let first = admin.makes_a_load_balancer(1).await;
    let second = admin.makes_a_load_balancer(2).await;
    let lists = admin
        .sees("loadbalancers?provisioning_status=PENDING_CREATE")
        .await;
    assert_eq!(lists.as_array().unwrap().len(), 2);
    world.plane.accepts();
    admin.waits_for(&first, "ACTIVE").await;
    admin.waits_for(&second, "ACTIVE").await;
}

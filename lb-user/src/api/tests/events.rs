//! What is told to those who listen.

use std::{collections::BTreeSet, path::Path, sync::Arc, time::Duration};

use axum::{
    body::{Body, BodyDataStream},
    http::Request,
};
use futures_util::{FutureExt as _, StreamExt as _};
use serde_json::{Value as Json, json};
use tokio::sync::watch;

use super::{Client, World};
use crate::{
    api::events::{Ending, OF_ONE_CALLER, Rights},
    config,
    model::{ApiSettings, Config, LbKind, LoadBalancer},
    objects::{declared, member_id},
};

/// Somebody who listens.
struct Listening(BodyDataStream);

impl Listening {
    async fn as_one(client: &Client) -> Self {
        let request = Request::get("/v2.0/lbaas/events").body(Body::empty());
        Self(client.stream(request.expect("a request")).await)
    }

    /// What was told until now.
    fn told(&mut self) -> Vec<Json> {
        let mut told = Vec::new();
        while let Some(Some(piece)) = self.0.next().now_or_never() {
            let piece = String::from_utf8(piece.expect("a stream").to_vec()).expect("text");
            let data = piece.trim().strip_prefix("data: ").expect("data");
            told.push(serde_json::from_str(data).expect("JSON"));
        }
        told
    }
}

#[tokio::test]
async fn changes_are_told_to_those_who_may_see_them() {
    let world = World::new();
    let admin = world.admin();
    let mut listening = Listening::as_one(&admin).await;
    let mut stranger = Listening::as_one(&world.observer_of("others")).await;
    let id = admin.makes_a_load_balancer(1).await;
    let of_balancer = |provisioning: &str, operating: &str| {
        json!({
            "event": "changed", "kind": "load_balancer", "id": id, "name": "", "project_id": "admins",
            "provisioning_status": provisioning, "operating_status": operating,
        })
    };
    assert_eq!(
        listening.told(),
        [
            of_balancer("PENDING_CREATE", "OFFLINE"),
            of_balancer("ACTIVE", "ONLINE")
        ]
    );
    admin.deletes(&format!("loadbalancers/{id}")).await.is(204);
    let gone =
        json!({"event": "gone", "kind": "load_balancer", "id": id, "name": "", "project_id": "admins"});
    assert_eq!(listening.told(), [gone]);
    assert_eq!(stranger.told(), [json!(null); 0]);
}

#[tokio::test]
async fn what_a_file_declares_is_told_of_where_it_changes_and_was_made_when_it_came() {
    let world = World::new();
    let admin = world.admin();
    let mut listening = Listening::as_one(&admin).await;
    let balancer = |name: &str, vip: &str| {
        Arc::new(LoadBalancer {
            name: name.into(),
            vip: vip.parse().unwrap(),
            display_name: None,
            kind: LbKind::Shared,
            admin_state_up: true,
            listeners: Vec::new(),
        })
    };
    let declare = |load_balancers: &[_]| {
        let config = Config {
            load_balancers: load_balancers.into(),
            ..Config::default()
        };
        world
            .manager
            .declare(declared(&config, Path::new("/file")), &config);
    };
    let told = |listening: &mut Listening| {
        let told = listening.told().into_iter();
        told.map(|event| event["event"].as_str().map(str::to_owned))
            .collect::<Vec<_>>()
    };
    let [changed, gone] = ["changed", "gone"].map(|event| Some(event.to_owned()));
    declare(&[balancer("a", "192.0.2.1"), balancer("b", "192.0.2.2")]);
    assert_eq!(told(&mut listening), [changed.clone(), changed.clone()]);
    let of_file = async || {
        let answer = admin.gets("loadbalancers").await.is(200);
        answer.body["loadbalancers"].as_array().unwrap().clone()
    };
    let before = of_file().await;

    declare(&[balancer("a", "192.0.2.1"), balancer("b", "192.0.2.2")]);
    assert_eq!(told(&mut listening), []);
    assert_eq!(of_file().await, before);

    declare(&[balancer("b", "192.0.2.3")]);
    assert_eq!(told(&mut listening), [changed, gone]);
    let after = of_file().await;
    assert_eq!(after.len(), 1);
    assert_eq!(after[0]["vip_address"], "192.0.2.3");
    assert_eq!(after[0]["created_at"], before[1]["created_at"]);
    assert!(after[0]["updated_at"].is_string() && before[1]["updated_at"].is_null());
    assert_eq!(
        (&before[1]["revision"], &after[0]["revision"]),
        (&json!(0), &json!(1))
    );
}

#[tokio::test]
async fn whatever_is_doing_otherwise_by_something_else_is_told_of_too() {
    let world = World::new();
    let admin = world.admin();
    let id = admin.makes_a_load_balancer(1).await;
    let listener = admin.makes_a_listener(&id, "HTTP", 80).await;
    let pool = admin.makes_a_pool_for(&listener, "HTTP").await;
    let members = [
        admin.makes_a_member(&pool, 1).await,
        admin.makes_a_member(&pool, 2).await,
    ];
    let mut listening = Listening::as_one(&admin).await;
    let mut said = || {
        let told = listening.told().into_iter();
        told.map(|event| {
            let text = |field: &str| event[field].as_str().unwrap_or_default().to_owned();
            (text("id"), text("provisioning_status"), text("operating_status"))
        })
        .collect::<BTreeSet<_>>()
    };
    let active = |id: &String, operating: &str| (id.clone(), "ACTIVE".to_owned(), operating.to_owned());
    admin.makes_a_monitor(&pool, "HTTP").await;
    let told = said();
    for member in &members {
        assert!(told.contains(&active(member, "ONLINE")), "{told:?}");
    }
    let down = || Some("connection refused".to_owned());
    world.manager.note_health([(members[0].parse().unwrap(), down())]);
    let mut expected = BTreeSet::from([active(&members[0], "ERROR")]);
    expected.extend([&id, &listener, &pool].map(|id| active(id, "DEGRADED")));
    assert_eq!(said(), expected);
    world.manager.note_health([(members[0].parse().unwrap(), down())]);
    assert_eq!(said(), BTreeSet::new(), "nothing new");
}

#[tokio::test]
async fn a_stream_ends_with_its_connection_and_when_others_are_let_in() {
    let world = World::new();
    let admin = world.admin();
    let ends_by = async |fires: fn(&watch::Sender<()>, &watch::Sender<ApiSettings>)| {
        let (end, ending) = watch::channel(());
        let (others, rights) = watch::channel(ApiSettings::default());
        let request = Request::get("/v2.0/lbaas/events")
            .extension(Ending(ending))
            .extension(Rights(rights))
            .body(Body::empty());
        let mut stream = admin.stream(request.expect("a request")).await;
        assert!(stream.next().now_or_never().is_none(), "it goes on");
        fires(&end, &others);
        let told = tokio::time::timeout(Duration::from_secs(10), stream.next()).await;
        assert!(told.expect("it ends").is_none());
    };
    ends_by(|end, _| end.send_replace(())).await;
    ends_by(|_, others| {
        others.send_replace(ApiSettings::default());
    })
    .await;
}

#[tokio::test]
async fn streams_leave_places_for_others() {
    let world = World::new();
    let admin = world.admin();
    let mut streams = Vec::new();
    for _ in 0..OF_ONE_CALLER {
        streams.push(Listening::as_one(&admin).await);
    }
    let says = "You have 32 streams of events already; try again later.";
    admin.gets("events").await.says(503, says);
    Listening::as_one(&world.observer_of("others")).await;
    streams.pop();
    Listening::as_one(&admin).await;
}

#[tokio::test]
async fn a_reload_tells_of_what_is_doing_otherwise_by_it() {
    const FILE: &str = "
        [[load_balancer]]
        name = \"web\"
        vip = \"192.0.2.1\"
        listener = [{ name = \"web\", protocol = \"HTTP\", port = 80, pool = \"web\" }]
        [[pool]]
        name = \"web\"
        member = [{ name = \"one\", address = \"10.0.0.1\", port = 80 }]
    ";
    let world = World::new();
    let mut listening = Listening::as_one(&world.admin()).await;
    let declare = |text: &str| {
        let config = config::parse(text, "file.toml").expect("a file").config;
        world
            .manager
            .declare(declared(&config, Path::new("/file")), &config);
    };
    declare(&format!("{FILE}health_monitor = {{ type = \"TCP\" }}"));
    let down = Some("connection refused".to_owned());
    world.manager.note_health([(member_id("web", "one"), down)]);
    listening.told();
    declare(FILE);
    let told = listening.told().into_iter();
    let told: BTreeSet<_> = told
        .map(|event| {
            let text = |field: &str| event[field].as_str().unwrap_or_default().to_owned();
            (text("event"), text("kind"), text("operating_status"))
        })
        .collect();
    let expected = [
        ("changed", "load_balancer", "ONLINE"),
        ("changed", "listener", "ONLINE"),
        ("changed", "pool", "ONLINE"),
        ("changed", "member", "NO_MONITOR"),
        ("gone", "health_monitor", ""),
    ];
    let expected = expected.map(|(event, kind, status)| (event.into(), kind.into(), status.into()));
    assert_eq!(told, BTreeSet::from(expected));
}

#[tokio::test]
async fn a_member_that_nobody_watches_any_more_is_not_said_to_be_down() {
    let world = World::new();
    let admin = world.admin();
    let id = admin.makes_a_load_balancer(1).await;
    let listener = admin.makes_a_listener(&id, "HTTP", 80).await;
    let pool = admin.makes_a_pool_for(&listener, "HTTP").await;
    let member = admin.makes_a_member(&pool, 1).await;
    let path = format!("pools/{pool}/members/{member}");
    let status = async || admin.sees(&path).await["operating_status"].clone();
    let monitor = admin.makes_a_monitor(&pool, "HTTP").await;
    let down = Some("connection refused".to_owned());
    world.manager.note_health([(member.parse().unwrap(), down)]);
    assert_eq!(status().await, "ERROR");
    admin.deletes(&format!("healthmonitors/{monitor}")).await.is(204);
    assert_eq!(status().await, "NO_MONITOR");
    admin.makes_a_monitor(&pool, "HTTP").await;
    assert_eq!(status().await, "ONLINE", "it is looked at anew");
}

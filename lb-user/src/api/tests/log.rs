//! What has happened, as people read it afterwards.

use std::path::Path;

use serde_json::{Value as Json, json};

use super::{Client, World};
use crate::{
    config,
    manager::Refusal,
    objects::{declared, member_id},
};

/// A load balancer with a listener, a watched pool and a member, and what has happened since they were made.
struct Shop {
    world: World,
    admin: Client,
    balancer: String,
    listener: String,
    pool: String,
    monitor: String,
    member: String,
    /// How many rows there were before.
    seen: usize,
}

impl Shop {
    async fn open() -> Self {
        let world = World::new();
        let admin = world.admin();
        let balancer = admin.makes_a_load_balancer(1).await;
        let listener = admin.makes_a_listener(&balancer, "HTTP", 80).await;
        let pool = admin.makes_a_pool_for(&listener, "HTTP").await;
        let monitor = admin.makes_a_monitor(&pool, "HTTP").await;
        let member = admin.makes_a_member(&pool, 1).await;
        let seen = rows(&admin).await.len();
        Self {
            world,
            admin,
            balancer,
            listener,
            pool,
            monitor,
            member,
            seen,
        }
    }

    fn members(&self) -> String {
        format!("pools/{}/members", self.pool)
    }

    fn is_down(&self, why: Option<&str>) {
        let found = (self.member.parse().unwrap(), why.map(str::to_owned));
        self.world.manager.note_health([found]);
    }

    /// What is new in the log, each row as a line, the newest first.
    async fn happened(&mut self) -> Vec<String> {
        let rows = rows(&self.admin).await;
        let new = rows.len() - self.seen;
        self.seen = rows.len();
        rows[..new].iter().map(line).collect()
    }
}

async fn rows(client: &Client) -> Vec<Json> {
    let answer = client.gets("events/latest").await.is(200);
    answer.body["events"].as_array().unwrap().clone()
}

/// What a row says: which kind of object, what happened, how it is doing and was before, how far what was asked for is, and why.
fn line(row: &Json) -> String {
    let fields = [
        "kind",
        "event",
        "previous_operating_status",
        "operating_status",
        "provisioning_status",
        "reason",
    ];
    let said = fields.iter().filter_map(|field| row[*field].as_str());
    said.collect::<Vec<_>>().join(" ")
}

#[tokio::test]
async fn a_member_that_the_data_plane_gives_nothing_is_said_to_fail_with_the_reason() {
    let mut shop = Shop::open().await;
    let member = shop.member.parse().unwrap();
    let fails = |why: Option<&str>| {
        let found = (member, why.map(str::to_owned));
        shop.world.manager.note_failures([found]);
    };
    fails(Some("there is no route to it"));
    fails(None);
    let happened = shop.happened().await;
    assert_eq!(
        (happened[3].as_str(), happened[7].as_str()),
        (
            "member status_changed ERROR ONLINE ACTIVE",
            "member status_changed ONLINE ERROR ACTIVE there is no route to it"
        )
    );
}

#[tokio::test]
async fn what_was_asked_for_is_one_row_once_it_has_settled() {
    let mut shop = Shop::open().await;
    let other = shop.admin.makes_a_member(&shop.pool, 2).await;
    assert_eq!(shop.happened().await, ["member created ONLINE ACTIVE"]);
    let drained = json!({"weight": 0});
    shop.admin.changes(&shop.members(), &other, &drained).await;
    assert_eq!(shop.happened().await, ["member updated ONLINE DRAINING ACTIVE"]);
    let path = format!("{}/{other}", shop.members());
    shop.admin.deletes(&path).await.is(204);
    assert_eq!(shop.happened().await, ["member deleted"]);
}

#[tokio::test]
async fn a_member_that_fails_is_said_to_with_the_reason_and_so_is_what_is_doing_otherwise_by_it() {
    let mut shop = Shop::open().await;
    shop.is_down(Some("connection refused"));
    assert_eq!(
        shop.happened().await,
        [
            "load_balancer status_changed ONLINE ERROR ACTIVE",
            "listener status_changed ONLINE ERROR ACTIVE",
            "pool status_changed ONLINE ERROR ACTIVE",
            "member status_changed ONLINE ERROR ACTIVE connection refused",
        ]
    );
    shop.is_down(Some("connection refused"));
    assert_eq!(shop.happened().await, [""; 0], "nothing new");
    shop.is_down(None);
    let up = shop.happened().await;
    assert_eq!(up.len(), 4);
    assert_eq!(up[3], "member status_changed ERROR ONLINE ACTIVE");
}

#[tokio::test]
async fn of_what_is_under_way_nothing_is_said_until_it_has_settled() {
    let mut shop = Shop::open().await;
    shop.world.plane.holds_changes();
    let fields = json!({"description": "for shops"});
    shop.admin.changes("listeners", &shop.listener, &fields).await;
    shop.is_down(Some("timed out"));
    assert_eq!(shop.happened().await, [""; 0]);
    shop.world.plane.accepts();
    shop.admin.waits_for(&shop.balancer, "ACTIVE").await;
    assert_eq!(
        shop.happened().await,
        [
            "load_balancer status_changed ONLINE ERROR ACTIVE",
            "listener updated ONLINE ERROR ACTIVE",
            "pool status_changed ONLINE ERROR ACTIVE",
            "member status_changed ONLINE ERROR ACTIVE timed out",
        ]
    );
}

#[tokio::test]
async fn what_the_data_plane_refused_says_why() {
    let mut shop = Shop::open().await;
    shop.world.plane.refuses("the port is taken");
    shop.admin.makes_a_listener(&shop.balancer, "HTTP", 81).await;
    assert_eq!(
        shop.happened().await,
        [
            "load_balancer status_changed ONLINE DEGRADED ERROR the port is taken",
            "listener created ERROR ERROR the port is taken",
        ]
    );
    shop.world.plane.accepts();
    shop.world.manager.apply_refused().await;
    shop.admin.waits_for(&shop.balancer, "ACTIVE").await;
    assert_eq!(
        shop.happened().await,
        [
            "load_balancer status_changed DEGRADED ONLINE ACTIVE",
            "listener status_changed ERROR ONLINE ACTIVE",
        ]
    );
}

#[tokio::test]
async fn what_is_refused_when_the_daemon_starts_is_in_the_log() {
    let shop = Shop::open().await;
    let world = shop.world.restarted();
    assert_eq!(rows(&world.admin()).await, [json!(null); 0]);
    let refusal = Refusal {
        reason: "the port is taken".into(),
        served: Vec::new(),
    };
    world
        .manager
        .note_refused(shop.balancer.parse().unwrap(), refusal);
    let rows = rows(&world.admin()).await;
    let said: Vec<_> = rows.iter().map(line).collect();
    assert_eq!(
        said,
        [
            "load_balancer status_changed ONLINE ERROR ERROR the port is taken",
            "listener status_changed ONLINE ERROR ACTIVE the port is taken",
        ]
    );
}

#[tokio::test]
async fn each_row_says_whose_it_is_and_where_also_of_what_is_gone() {
    let shop = Shop::open().await;
    let policy = shop.admin.makes_a_rejecting_policy(&shop.listener).await;
    let rule = shop.admin.makes_a_rule(&policy).await;
    let path = format!("loadbalancers/{}?cascade=true", shop.balancer);
    shop.admin.deletes(&path).await.is(204);
    let rows = rows(&shop.admin).await;
    let none = json!(null);
    let pool = json!(shop.pool);
    for (kind, id, pool_id) in [
        ("load_balancer", &shop.balancer, &none),
        ("listener", &shop.listener, &none),
        ("pool", &shop.pool, &pool),
        ("member", &shop.member, &pool),
        ("health_monitor", &shop.monitor, &pool),
        ("l7policy", &policy, &none),
        ("l7rule", &rule, &none),
    ] {
        for event in ["created", "deleted"] {
            let mut rows = rows.iter();
            let row = rows.find(|row| row["id"] == json!(id) && row["event"] == event);
            let row = row.unwrap_or_else(|| panic!("{kind} {event}"));
            assert_eq!(row["kind"], kind);
            assert_eq!(row["project_id"], "admins", "{row}");
            assert_eq!(row["loadbalancer_id"], json!(shop.balancer), "{row}");
            assert_eq!(row["pool_id"], *pool_id, "{row}");
            assert!(row["at"].as_str().unwrap().ends_with('Z'));
        }
    }
    let of_member = rows.iter().find(|row| row["kind"] == "member").unwrap();
    assert_eq!(
        (&of_member["address"], &of_member["protocol_port"]),
        (&json!("10.0.0.1"), &json!(80)),
        "it has no name"
    );
    let stranger = shop.world.observer_of("others");
    assert_eq!(self::rows(&stranger).await, [none; 0]);
}

/// A file with a watched pool of so many members.
fn file(members: std::ops::RangeInclusive<u8>, weight: u8) -> String {
    let members = members.map(|n| {
        format!(
            "[[pool.member]]\nname = \"m{n:03}\"\naddress = \"10.0.0.{n}\"\nport = 80\nweight = {weight}\n"
        )
    });
    let members: String = members.collect();
    format!(
        "[[load_balancer]]
        name = \"web\"
        vip = \"192.0.2.1\"
        listener = [{{ name = \"web\", protocol = \"HTTP\", port = 80, pool = \"web\" }}]
        [[pool]]
        name = \"web\"
        health_monitor = {{ type = \"TCP\" }}
        {members}"
    )
}

fn declares(world: &World, text: &str) {
    let config = config::parse(text, "file.toml").expect("a file").config;
    let objects = declared(&config, Path::new("/file"));
    world.manager.declare(objects, &config);
}

#[tokio::test]
async fn a_reload_is_in_the_log_by_what_it_changes_and_what_a_file_says_at_the_start_is_not() {
    let world = World::new();
    let admin = world.admin();
    let said = async || rows(&admin).await.iter().map(line).collect::<Vec<_>>();
    declares(&world, &file(1..=2, 1));
    assert_eq!(said().await, [""; 0], "the daemon starts");
    declares(&world, &file(1..=2, 1));
    assert_eq!(said().await, [""; 0], "nothing has changed");
    declares(&world, &file(2..=3, 5));
    assert_eq!(
        said().await,
        [
            "member updated ONLINE ACTIVE",
            "member created ONLINE ACTIVE",
            "member deleted",
        ]
    );
}

#[tokio::test]
async fn however_many_members_fail_at_once_the_load_balancer_that_has_them_is_not_lost_among_them() {
    let world = World::new();
    let admin = world.admin();
    let quiet = admin.makes_a_load_balancer(2).await;
    declares(&world, &file(1..=250, 1));
    for why in ["no answer", "", "no answer"] {
        let why = (!why.is_empty()).then(|| why.to_owned());
        let members = (1..=250).map(|n| member_id("web", &format!("m{n:03}")));
        world
            .manager
            .note_health(members.map(|member| (member, why.clone())));
    }
    let of_file = world.observer_of("default");
    let rows_of_file = rows(&of_file).await;
    assert_eq!(rows_of_file.len(), 500);
    let kinds: Vec<_> = rows_of_file[..4].iter().map(|row| &row["kind"]).collect();
    assert_eq!(kinds, ["load_balancer", "listener", "pool", "member"]);
    assert_eq!(rows_of_file[3]["name"], "m001");
    let of_admins = world.observer_of("admins");
    let rows_of_admins = rows(&of_admins).await;
    assert_eq!(rows_of_admins.len(), 1);
    assert_eq!(
        rows_of_admins[0]["id"],
        json!(quiet),
        "others keep what is theirs"
    );
}

//! Lists: which objects, in which order, and a page after the other.

use serde_json::{Value as Json, json};

use super::{
    World,
    harness::{Client, fields_of, id_of, unknown},
};

/// The names of what a list has, in its order.
async fn names(client: &Client, path: &str) -> String {
    let list = client.sees(path).await;
    let list = list.as_array().expect("a list").iter();
    list.map(|shown| shown["name"].as_str().expect("a name"))
        .collect()
}

/// Load balancers of these names and tags, and their ids.
async fn made(client: &Client, all: &[(&str, Json)]) -> Vec<String> {
    let mut ids = Vec::new();
    for ((name, tags), last) in all.iter().zip(1..) {
        let vip = format!("192.0.2.{last}");
        let fields = json!({"vip_address": vip, "name": name, "tags": tags});
        ids.push(id_of(&client.makes("loadbalancers", &fields).await));
    }
    ids
}

#[tokio::test]
async fn a_list_has_a_name_and_links() {
    let world = World::new();
    for (path, text) in [
        (
            "loadbalancers",
            r#"{"loadbalancers":[],"loadbalancers_links":[]}"#,
        ),
        ("listeners", r#"{"listeners":[],"listeners_links":[]}"#),
        ("pools", r#"{"pools":[],"pools_links":[]}"#),
        (
            "healthmonitors",
            r#"{"healthmonitors":[],"healthmonitors_links":[]}"#,
        ),
        ("l7policies", r#"{"l7policies":[],"l7policies_links":[]}"#),
        ("quotas", r#"{"quotas":[],"quotas_links":[]}"#),
        ("flavors", r#"{"flavors":[],"flavors_links":[]}"#),
        (
            "flavorprofiles",
            r#"{"flavorprofiles":[],"flavorprofile_links":[]}"#,
        ),
        (
            "availabilityzones",
            r#"{"availability_zones":[],"availability_zones_links":[]}"#,
        ),
        (
            "availabilityzoneprofiles",
            r#"{"availability_zone_profiles":[],"availability_zone_profile_links":[]}"#,
        ),
    ] {
        assert_eq!(world.admin().gets(path).await.is(200).text, text);
    }
}

#[tokio::test]
async fn filters_say_which_objects_are_wanted() {
    let world = World::new();
    let admin = world.admin();
    let ids = made(&admin, &[("a", json!([])), ("b", json!([])), ("a", json!([]))]).await;
    admin
        .changes("loadbalancers", &ids[0], &json!({"admin_state_up": false}))
        .await;
    for (query, expected) in [
        ("name=a", "aa"),
        ("name=A", ""),
        ("name=a&vip_address=192.0.2.3", "a"),
        ("admin_state_up=True", "ba"),
        ("admin_state_up=no", "a"),
        ("enabled=1", "ba"),
        ("provisioning_status=ACTIVE", "aba"),
        ("provisioning_status=ERROR", ""),
        ("operating_status=OFFLINE", "a"),
        ("provider=holdfast&project_id=admins", "aba"),
    ] {
        assert_eq!(
            names(&admin, &format!("loadbalancers?{query}")).await,
            expected,
            "{query}"
        );
    }
    let by_id = admin.sees(&format!("loadbalancers?id={}", ids[1])).await;
    assert_eq!(by_id[0]["id"], json!(ids[1]));
    for query in [
        "bogus=1",
        "name=a&name=b",
        "listeners=x",
        "tenant_id=x",
        "listener_id=x",
    ] {
        let wrong = admin.gets(&format!("loadbalancers?{query}")).await;
        wrong.says(400, "One or more arguments are either duplicate or invalid");
    }
}

#[tokio::test]
async fn objects_are_found_by_a_part_of_their_name_or_address() {
    let world = World::new();
    let admin = world.admin();
    let named = |name: &str, vip: &str| json!({"name": name, "vip_address": vip});
    let shop = id_of(
        &admin
            .makes("loadbalancers", &named("Web-Shop", "192.0.2.1"))
            .await,
    );
    admin.makes("loadbalancers", &named("mail", "192.0.2.25")).await;
    for (query, expected) in [
        ("search=shop", "Web-Shop"),
        ("search=.25", "mail"),
        ("search=A&limit=1", "mail"),
        ("search=192.0.2&name=mail", "mail"),
        ("search=ftp", ""),
    ] {
        assert_eq!(
            names(&admin, &format!("loadbalancers?{query}")).await,
            expected,
            "{query}"
        );
    }
    let pool = admin.makes_a_pool(&shop, "TCP").await;
    let path = format!("pools/{pool}/members");
    for (name, address) in [("one", "10.0.0.1"), ("two", "10.0.0.11"), ("six", "2001:DB8::1")] {
        let member = json!({"name": name, "address": address, "protocol_port": 80});
        admin.makes(&path, &member).await;
    }
    for (query, expected) in [
        ("search=0.0.1", "onetwo"),
        ("search=10.0.0.1:80", "one"),
        ("search=DB8%3A%3A1]:8", "six"),
        (
            "search=0.0.1&operating_status=NO_MONITOR&sort=name:desc",
            "twoone",
        ),
        ("search=0.0.1&operating_status=ERROR", ""),
    ] {
        assert_eq!(
            names(&admin, &format!("{path}?{query}")).await,
            expected,
            "{query}"
        );
    }
    admin.gets("quotas?search=x").await.is(400);
}

#[tokio::test]
async fn objects_are_found_by_what_they_belong_to() {
    let world = World::new();
    let admin = world.admin();
    let balancer = admin.makes_a_load_balancer(1).await;
    let listener = admin.makes_a_listener(&balancer, "HTTP", 80).await;
    let pool = admin.makes_a_pool_for(&listener, "HTTP").await;
    let member = admin.makes_a_member(&pool, 1).await;
    let monitor = admin.makes_a_monitor(&pool, "HTTP").await;
    let policy = admin.makes_a_rejecting_policy(&listener).await;
    let rule = admin.makes_a_rule(&policy).await;
    for (path, filter, owner, found) in [
        ("listeners".to_owned(), "loadbalancer_id", &balancer, &listener),
        ("listeners".to_owned(), "load_balancer_id", &balancer, &listener),
        ("listeners".to_owned(), "default_pool_id", &pool, &listener),
        ("pools".to_owned(), "loadbalancer_id", &balancer, &pool),
        ("pools".to_owned(), "healthmonitor_id", &monitor, &pool),
        (format!("pools/{pool}/members"), "pool_id", &pool, &member),
        ("healthmonitors".to_owned(), "pool_id", &pool, &monitor),
        ("l7policies".to_owned(), "listener_id", &listener, &policy),
        (
            format!("l7policies/{policy}/rules"),
            "l7policy_id",
            &policy,
            &rule,
        ),
    ] {
        let list = admin.sees(&format!("{path}?{filter}={owner}")).await;
        assert_eq!(list[0]["id"], json!(found), "{path}?{filter}");
        let other = unknown();
        assert_eq!(
            admin.sees(&format!("{path}?{filter}={other}")).await,
            json!([]),
            "{path}?{filter}"
        );
    }
}

#[tokio::test]
async fn tags_say_which_objects_are_wanted_in_four_ways() {
    let world = World::new();
    let admin = world.admin();
    let all = [
        ("a", json!(["x"])),
        ("b", json!(["x", "y"])),
        ("c", json!(["z"])),
        ("d", json!([])),
    ];
    made(&admin, &all).await;
    for (query, expected) in [
        ("tags=x", "ab"),
        ("tags=x,y", "b"),
        ("tags=x&tags=y", "b"),
        ("tags-any=y,z", "bc"),
        ("not-tags=x,y", "acd"),
        ("not-tags-any=x,z", "d"),
        ("tags=x&not-tags-any=y", "a"),
    ] {
        assert_eq!(
            names(&admin, &format!("loadbalancers?{query}")).await,
            expected,
            "{query}"
        );
    }
}

#[tokio::test]
async fn lists_stand_in_the_order_that_is_asked_for() {
    let world = World::new();
    let admin = world.admin();
    made(
        &admin,
        &[
            ("b", json!([])),
            ("c", json!([])),
            ("a", json!([])),
            ("b", json!([])),
        ],
    )
    .await;
    for (query, expected) in [
        ("", "bcab"),
        ("sort=name", "abbc"),
        ("sort=name:DESC", "cbba"),
        ("sort=name:desc,vip_address:desc", "cbba"),
        ("sort_key=name&sort_dir=desc", "cbba"),
        ("sort_key=name", "abbc"),
        ("sort_dir=desc", "bcab"),
        ("sort=created_at:desc", "bacb"),
    ] {
        assert_eq!(
            names(&admin, &format!("loadbalancers?{query}")).await,
            expected,
            "{query}"
        );
    }
    for key in ["bogus", "listeners", "tags"] {
        let says = format!("Supplied sort key '{key}' is not valid.");
        admin
            .gets(&format!("loadbalancers?sort={key}"))
            .await
            .says(400, &says);
    }
    for (query, says) in [
        ("sort=name:Foo", "Supplied sort direction 'foo' is not valid."),
        ("sort=a:b:c", "Supplied sort key '['a', 'b', 'c']' is not valid."),
        ("limit=x", "Supplied pagination limit 'x' is not valid."),
        ("limit=", "Supplied pagination limit '' is not valid."),
        ("limit=1.5", "Supplied pagination limit '1.5' is not valid."),
    ] {
        let answer = admin.gets(&format!("loadbalancers?{query}")).await;
        answer.describes(400, "Bad Request", says);
    }
    let wrong = admin.gets("loadbalancers?marker=x").await;
    wrong.says(400, "Supplied pagination marker 'x' is not valid.");
}

/// The path of a link, as a client follows it.
fn followed(list: &Json, rel: &str) -> Option<String> {
    let links = list["loadbalancers_links"].as_array().expect("links").iter();
    let link = links.clone().find(|link| link["rel"] == rel)?;
    assert_eq!(fields_of(link), ["href", "rel"]);
    let href = link["href"].as_str().expect("an address");
    let path = href
        .strip_prefix("http://lb.example.org/v2.0/lbaas/")
        .expect("where the client asked");
    Some(path.to_owned())
}

#[tokio::test]
async fn pages_follow_each_other_forwards_and_back() {
    let world = World::new();
    let admin = world.admin();
    let all = ["a", "b", "c", "d", "e"].map(|name| (name, json!(["t"])));
    made(&admin, &all).await;
    let (mut path, mut pages) = (
        Some("loadbalancers?limit=2&tags=t&sort=name:desc".to_owned()),
        Vec::new(),
    );
    let mut last = None;
    while let Some(next) = path {
        pages.push(names(&admin, &next).await);
        let shown = admin.gets(&next).await.body;
        path = followed(&shown, "next");
        last = Some(shown);
    }
    assert_eq!(pages, ["ed", "cb", "a"], "filters and order are kept");
    let previous = followed(&last.unwrap(), "previous").expect("a page before");
    assert_eq!(names(&admin, &previous).await, "cb", "the ones just before");
    let full = admin.gets("loadbalancers?limit=5").await.body;
    let after = followed(&full, "next").expect("nothing says that a full page is the last one");
    assert_eq!(names(&admin, &after).await, "");
    for query in ["limit=0", "limit=-1", "limit=infinite", "limit=5000"] {
        assert_eq!(
            names(&admin, &format!("loadbalancers?{query}")).await,
            "abcde",
            "{query}"
        );
    }
}

#[tokio::test]
async fn a_marker_need_not_be_among_what_is_wanted() {
    let world = World::new();
    let admin = world.admin();
    let ids = made(
        &admin,
        &[("a", json!(["t"])), ("b", json!([])), ("c", json!(["t"]))],
    )
    .await;
    let path = format!("loadbalancers?tags=t&marker={}", ids[1]);
    assert_eq!(names(&admin, &path).await, "c");
}

#[tokio::test]
async fn only_fields_that_are_asked_for_are_shown() {
    let world = World::new();
    let admin = world.admin();
    let id = admin.makes_a_load_balancer(1).await;
    for (query, expected) in [
        ("fields=name&fields=id", "id name"),
        ("fields=project_id", "project_id"),
        ("fields=project_id&fields=tenant_id", "project_id tenant_id"),
        ("fields=bogus", ""),
    ] {
        let one = admin.sees(&format!("loadbalancers/{id}?{query}")).await;
        assert_eq!(fields_of(&one).join(" "), expected, "{query}");
        let list = admin.sees(&format!("loadbalancers?{query}")).await;
        assert_eq!(list[0], one, "{query}");
    }
}

#[tokio::test]
async fn a_long_list_is_whole() {
    let world = World::new();
    let admin = world.admin();
    let balancer = admin.makes_a_load_balancer(1).await;
    let pool = admin.makes_a_pool(&balancer, "TCP").await;
    let members: Vec<Json> = (1..=250)
        .map(|last| json!({"address": format!("10.0.0.{last}"), "protocol_port": 80}))
        .collect();
    let path = format!("pools/{pool}/members");
    admin.puts(&path, &json!({"members": members})).await.is(202);
    let shown = admin.sees(&path).await;
    let addresses: Vec<_> = shown
        .as_array()
        .unwrap()
        .iter()
        .map(|member| &member["address"])
        .collect();
    let expected: Vec<_> = members.iter().map(|member| &member["address"]).collect();
    assert_eq!(addresses, expected);
}

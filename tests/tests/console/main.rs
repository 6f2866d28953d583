//! The web console in a real browser: what people do there, and what clients notice of it.

mod alone;
mod looks;
mod served;
mod together;
mod traffic;
mod world;

use anyhow::{Context as _, Result, ensure};
use lb_tests::{Family, Member, eventually};
use serde_json::{Value, json};

use world::{LINES_PORT, WEB_PORT, WITHIN, World};

impl World {
    /// What is built by hand: a listener of each layer, with all members behind both.
    fn plan(&self) -> Value {
        let members: Vec<Value> = self
            .members
            .iter()
            .map(|member| json!({"name": member.name(), "address": member.address(Family::V4)}))
            .collect();
        json!({
            "vip": self.vip(0).ip(),
            "members": members,
            "listeners": [
                {"name": "lines", "protocol": "TCP", "port": 81, "group": "lines", "memberPort": LINES_PORT},
                {"name": "pages", "protocol": "HTTP", "port": 80, "group": "pages", "memberPort": WEB_PORT},
                {"name": "held", "protocol": "TCP", "port": 82, "group": "held", "memberPort": LINES_PORT,
                 "persistence": {"type": "sourceIp", "minutes": 7, "lifetime": 480}},
            ],
        })
    }

    /// The session persistence of a group, as the API has it.
    fn persistence(&self, group: &str) -> Result<Value> {
        Ok(self.named("pools", group)?["session_persistence"].clone())
    }
}

fn are_one(members: &[String]) -> bool {
    members.iter().all(|member| *member == members[0])
}

/// The flow as it is written, at both layers; and traffic is held as it was chosen, each time at once.
fn the_flow_in(language: &'static str) -> Result<()> {
    let world = World::start()?;
    let people = world.visitor(language);
    people.does("build", world.plan())?;
    let choose = |group: &str, persistence: Value| {
        people.does("persist", json!({"group": group, "persistence": persistence}))
    };

    // Chosen while the listener was being added.
    assert_eq!(world.persistence("held")?["persistence_timeout"], 420);
    assert_eq!(world.persistence("held")?["absolute_timeout"], 28_800);
    world.lines_at(82).assert_nobody_moved();

    let types = json!({"group": "lines", "types": ["SOURCE_IP"], "most": 60});
    people.does("offers", types)?;
    let before = world.lines();
    assert_eq!(before.by_member().len(), 3, "{before:?}");
    ensure!(
        before.moved_clients().next().is_some(),
        "nobody is held: {before:?}"
    );
    choose(
        "lines",
        json!({"type": "sourceIp", "minutes": 30, "lifetime": 60}),
    )?;
    assert_eq!(world.persistence("lines")?["type"], "SOURCE_IP");
    assert_eq!(world.persistence("lines")?["persistence_timeout"], 1800);
    assert_eq!(world.persistence("lines")?["absolute_timeout"], 3600);
    choose(
        "lines",
        json!({"type": "sourceIp", "minutes": 30, "lifetime": ""}),
    )?;
    assert_eq!(world.persistence("lines")?["absolute_timeout"], Value::Null);
    world.lines().assert_nobody_moved();

    let types = json!({"group": "pages", "types": ["HTTP_COOKIE", "APP_COOKIE"], "most": 1440});
    people.does("offers", types)?;
    ensure!(!are_one(&world.pages()?), "nobody is held");
    choose("pages", json!({"type": "balancerCookie", "minutes": 1440}))?;
    assert_eq!(world.persistence("pages")?["persistence_timeout"], 86_400);
    ensure!(are_one(&world.pages()?), "held by the balancer's cookie");
    let application = json!({"type": "applicationCookie", "minutes": 20, "cookieName": "JSESSIONID"});
    choose("pages", application)?;
    assert_eq!(world.persistence("pages")?["cookie_name"], "JSESSIONID");
    ensure!(!are_one(&world.pages()?), "the application has made no cookie");
    let signed_in = world.pages_beginning_at("/?set=JSESSIONID=basket")?;
    ensure!(
        are_one(&signed_in),
        "held by the application's cookie: {signed_in:?}"
    );
    choose("pages", Value::Null)?;
    assert_eq!(world.persistence("pages")?, Value::Null);
    ensure!(!are_one(&world.pages()?), "nobody is held any more");

    let group = json!({"group": "more", "protocol": "UDP", "persistence": {"type": "sourceIp", "minutes": 5, "lifetime": 5}});
    people.does("addGroup", group)?;
    assert_eq!(world.persistence("more")?["persistence_timeout"], 300);
    assert_eq!(world.persistence("more")?["absolute_timeout"], 300);
    Ok(())
}

#[test]
fn the_flow_works_as_written_and_traffic_is_held_as_chosen() -> Result<()> {
    the_flow_in("en")
}

#[test]
fn the_flow_works_in_chinese_and_traffic_is_held_as_chosen() -> Result<()> {
    the_flow_in("zh")
}

#[test]
fn who_is_held_where_is_seen_as_it_happens_and_a_session_is_dropped() -> Result<()> {
    let world = World::start()?;
    world.hold_and_watch()?;
    let people = world.visitor("en");
    let names: Vec<&str> = world.members.iter().map(Member::name).collect();
    people.sees(
        "watchSessions",
        json!({"group": "lines", "members": names}),
        || {
            world.lines();
            Ok(())
        },
    )?;
    let client = Family::V4.source(3);
    people.does("dropSession", json!({"group": "lines", "client": client}))?;
    let pool = world.named("pools", "lines")?;
    let sessions = format!("/pools/{}/sessions", pool["id"].as_str().context("an id")?);
    let left = world
        .daemon
        .api("GET", &format!("{sessions}?client={client}"), None)?;
    assert_eq!(left.body["total"], 0, "{left:?}");
    Ok(())
}

#[test]
fn a_server_that_fails_is_said_to_without_loading_the_page_again_and_one_is_drained() -> Result<()> {
    let world = World::start()?;
    world.hold_and_watch()?;
    let people = world.visitor("en");
    let seen = |member: usize, state: &str| json!({"group": "lines", "member": world.members[member].name(), "state": state});
    people.sees("watchFailing", seen(0, "Error"), || {
        world.members[0].stop();
        Ok(())
    })?;
    people.does("watchHealth", seen(0, "Error"))?;
    people.sees("watchHealth", seen(0, "Online"), || world.members[0].restart())?;
    people.does("drain", seen(1, ""))?;
    eventually("the drained member to be said to be so", WITHIN, || {
        let status = world.daemon.status()?;
        let members = &status["pools"][0]["members"];
        let drained = members.as_array().into_iter().flatten();
        let drained = drained.filter(|member| member["status"] == "DRAINING").count();
        ensure!(drained == 1, "{status}");
        Ok(())
    });
    Ok(())
}

#[test]
fn events_are_there_before_and_while_the_page_is() -> Result<()> {
    let world = World::start()?;
    world.hold_and_watch()?;
    let watched = json!({"group": "lines", "member": world.members[0].name()});
    world.visitor("en").sees("events", watched, || {
        let pool = world.named("pools", "lines")?;
        let path = format!("/pools/{}", pool["id"].as_str().context("an id")?);
        world
            .daemon
            .change(&path, "pool", &json!({"description": "other"}))?;
        world.members[0].stop();
        Ok(())
    })?;
    Ok(())
}

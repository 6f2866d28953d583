//! The web console in a real browser: what people do there, and what clients notice of it.

mod alone;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use lb_tests::console::Visitor;
use lb_tests::{Curl, Daemon, Family, Laboratory, Member, Scheme, Services, Tally, eventually};
use serde_json::{Value, json};

const WITHIN: Duration = Duration::from_secs(20);
const LINES_PORT: u16 = 8090;
const WEB_PORT: u16 = 8080;
/// Of the balancer's own loopback address, which no other test has.
const URL: &str = "http://127.0.0.1:9876/console/";
const FILE: &str = "max_flows = 4096\nmax_sessions = 65536\nmax_listeners = 64\nmax_pools = 64\nmax_members = 256\n\
                    schedule_slots = 16384\n[api]\nlisten = [\"127.0.0.1:9876\"]\nauth = \"none\"\n";

/// Members that serve, a daemon whose file says nothing of them, and people at its console.
struct World {
    // First, so that it ends before what it balances.
    daemon: Daemon,
    members: Vec<Member>,
    lab: Laboratory,
}

impl World {
    fn start() -> Result<Self> {
        let lab = Laboratory::routed().members(3).build()?;
        let services = Services::new().tcp([LINES_PORT]).web([WEB_PORT]);
        Ok(Self {
            members: lab.serve_all(&services)?,
            daemon: Daemon::start(&lab, FILE)?,
            lab,
        })
    }

    fn visitor(&self, language: &'static str) -> Visitor<'_> {
        Visitor::new(URL, |program| self.lab.balancer().command(program)).speaking(language)
    }

    fn vip(&self, port: u16) -> SocketAddr {
        SocketAddr::new(self.lab.vip(Family::V4), port)
    }

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
                 "persistence": {"type": "sourceIp", "minutes": 7}},
            ],
        })
    }

    /// Where so many clients are served at layer 4, each four times.
    fn lines(&self) -> Tally {
        self.lines_at(81)
    }

    fn lines_at(&self, port: u16) -> Tally {
        let sources = |index| Family::V4.source(index);
        let ask = || {
            self.lab
                .client()
                .sweep_connections(20, sources, self.vip(port), 8)
        };
        let rounds = (0..4).map(|_| ask());
        let rounds = rounds.fold(Tally::default(), Tally::merge);
        rounds.assert_no_failures();
        rounds
    }

    /// Where a browser with cookies is served, again and again.
    fn pages(&self) -> Result<Vec<String>> {
        let jar = tempfile::NamedTempFile::new()?;
        let curl = Curl::new(self.lab.client_namespace(), self.vip(80)).with_jar(jar.path());
        (0..6)
            .map(|_| Ok(curl.get(Scheme::Http, "shop.example", "/")?.echo()?.member))
            .collect()
    }

    /// The session persistence of a group, as the API has it.
    fn persistence(&self, group: &str) -> Result<Value> {
        let pools = self.daemon.api("GET", &format!("/pools?name={group}"), None)?;
        Ok(pools.body["pools"][0]["session_persistence"].clone())
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
    world.lines_at(82).assert_nobody_moved();

    let types = json!({"group": "lines", "types": ["SOURCE_IP"], "most": 60});
    people.does("offers", types)?;
    let before = world.lines();
    assert_eq!(before.by_member().len(), 3, "{before:?}");
    ensure!(
        before.moved_clients().next().is_some(),
        "nobody is held: {before:?}"
    );
    choose("lines", json!({"type": "sourceIp", "minutes": 30}))?;
    assert_eq!(world.persistence("lines")?["type"], "SOURCE_IP");
    assert_eq!(world.persistence("lines")?["persistence_timeout"], 1800);
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
    choose("pages", Value::Null)?;
    assert_eq!(world.persistence("pages")?, Value::Null);
    ensure!(!are_one(&world.pages()?), "nobody is held any more");

    let group =
        json!({"group": "more", "protocol": "UDP", "persistence": {"type": "sourceIp", "minutes": 5}});
    people.does("addGroup", group)?;
    assert_eq!(world.persistence("more")?["persistence_timeout"], 300);
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

/// A group that holds its clients by their addresses, and whose members are watched.
fn held_and_watched(world: &World) -> Result<()> {
    let members: Vec<Value> = world
        .members
        .iter()
        .map(|member| {
            json!({"name": member.name(), "address": member.address(Family::V4), "protocol_port": LINES_PORT})
        })
        .collect();
    let pool = json!({
        "name": "lines", "protocol": "TCP", "lb_algorithm": "ROUND_ROBIN", "members": members,
        "session_persistence": {"type": "SOURCE_IP"},
        "healthmonitor": {"type": "TCP", "delay": 1, "timeout": 1, "max_retries": 1, "max_retries_down": 1},
    });
    let listener = json!({"name": "lines", "protocol": "TCP", "protocol_port": 81, "default_pool": pool});
    let balancer = json!({"name": "web", "vip_address": world.vip(0).ip(), "listeners": [listener]});
    let made = world
        .daemon
        .api("POST", "/loadbalancers", Some(&json!({"loadbalancer": balancer})))?;
    made.object("loadbalancer").map(drop)
}

#[test]
fn who_is_held_where_is_seen_as_it_happens_and_a_session_is_dropped() -> Result<()> {
    let world = World::start()?;
    held_and_watched(&world)?;
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
    let pools = world.daemon.api("GET", "/pools?name=lines", None)?;
    let pool = pools.body["pools"][0]["id"].as_str().context("an id")?;
    let left = world
        .daemon
        .api("GET", &format!("/pools/{pool}/sessions?client={client}"), None)?;
    assert_eq!(left.body["total"], 0, "{left:?}");
    Ok(())
}

#[test]
fn a_server_that_fails_is_said_to_without_loading_the_page_again_and_one_is_drained() -> Result<()> {
    let world = World::start()?;
    held_and_watched(&world)?;
    let people = world.visitor("en");
    let seen = |member: usize, state: &str| json!({"group": "lines", "member": world.members[member].name(), "state": state});
    people.sees("watchHealth", seen(0, "Error"), || {
        world.members[0].stop();
        Ok(())
    })?;
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
fn the_last_hour_is_drawn_and_events_are_there_before_and_while_the_page_is() -> Result<()> {
    let world = World::start()?;
    held_and_watched(&world)?;
    world.lines();
    let people = world.visitor("en");
    people.does("history", json!({}))?;
    people.sees("events", json!({"name": "web"}), || {
        let pools = world.daemon.api("GET", "/pools?name=lines", None)?;
        let path = format!(
            "/pools/{}",
            pools.body["pools"][0]["id"].as_str().context("an id")?
        );
        world
            .daemon
            .change(&path, "pool", &json!({"description": "other"}))?;
        Ok(())
    })?;
    Ok(())
}

/// Pages with something to see on each.
fn shown_in(language: &'static str, scenarios: &[&str]) -> Result<()> {
    let world = World::start()?;
    held_and_watched(&world)?;
    world.lines();
    for scenario in scenarios {
        world
            .visitor(language)
            .does(scenario, json!({"group": "lines"}))?;
    }
    Ok(())
}

#[test]
fn nobody_trips_over_anything_in_light_and_dark_by_keyboard_or_on_a_phone() -> Result<()> {
    shown_in("en", &["access", "keyboard", "phone"])
}

#[test]
fn nobody_who_reads_chinese_trips_over_anything() -> Result<()> {
    shown_in("zh", &["access", "phone"])
}

#[test]
fn the_pictures_of_the_readme_are_taken_while_clients_come() -> Result<()> {
    for language in ["en", "zh"] {
        let world = World::start()?;
        held_and_watched(&world)?;
        let picture = json!({"group": "lines"});
        world.visitor(language).sees("pictures", picture, || {
            // Until what passes has been told a few times, every two seconds.
            let begun = Instant::now();
            while begun.elapsed() < Duration::from_secs(8) {
                world.lines();
            }
            Ok(())
        })?;
    }
    Ok(())
}

//! What passes and who is held where, as it is shown while clients come.

use std::net::SocketAddr;

use anyhow::{Context as _, Error, Result, ensure};
use lb_tests::{Family, Protocol, Scheme, UdpRetry, Wire, eventually, try_eventually};
use serde_json::json;

use crate::world::{DATAGRAMS_PORT, LINES_PORT, WEB_PORT, WITHIN, World};

const CLIENTS: usize = 400;

impl World {
    /// A group that holds its clients, of which one member takes half, beside one that holds nobody.
    fn weighted(&self) -> Result<()> {
        let places = |port, weights| self.places(Family::V4, port, str::to_owned, weights);
        let watched =
            json!({"type": "TCP", "delay": 1, "timeout": 1, "max_retries": 1, "max_retries_down": 1});
        let lines = json!({
            "name": "lines", "protocol": "TCP", "lb_algorithm": "ROUND_ROBIN", "healthmonitor": watched,
            "members": places(LINES_PORT, [2, 1, 1]),
            "session_persistence": {"type": "SOURCE_IP", "persistence_timeout": 600},
        });
        let pages = json!({
            "name": "pages", "protocol": "HTTP", "lb_algorithm": "ROUND_ROBIN", "healthmonitor": watched,
            "members": places(WEB_PORT, [1; 3]),
        });
        self.make(&json!({
            "name": "web", "description": "of the laboratory", "vip_address": self.vip(0).ip(),
            "listeners": [
                {"name": "lines", "protocol": "TCP", "protocol_port": 81, "default_pool": lines},
                {"name": "pages", "protocol": "HTTP", "protocol_port": 80, "default_pool": pages},
            ],
        }))
    }

    /// Waits until what passes is told anew: whoever comes faster is seen no better.
    fn await_news(&self) -> Result<()> {
        let id = self.named("loadbalancers", "web")?["id"].clone();
        let path = format!("/loadbalancers/{}/traffic", id.as_str().context("an id")?);
        let told =
            || Ok::<_, Error>(self.daemon.api("GET", &path, None)?.object("traffic")?["at_ms"].clone());
        let before = told()?;
        try_eventually("what passes to be told anew", WITHIN, || {
            ensure!(told()? != before, "it was told at {before}");
            Ok(())
        })
    }

    /// Waits until the load balancer is in this state.
    fn await_state(&self, state: &str) {
        eventually(&format!("the load balancer to be {state}"), WITHIN, || {
            let balancer = self.named("loadbalancers", "web")?;
            ensure!(balancer["operating_status"] == state, "{balancer}");
            Ok(())
        });
    }
}

#[test]
fn all_that_is_said_of_a_load_balancer_is_true_and_changes_while_clients_come() -> Result<()> {
    let world = World::start()?;
    world.weighted()?;
    world.await_state("ONLINE");
    let people = world.visitor("en");

    let names = [0, 1, 2].map(|number| world.members[number].name());
    let first = world.clients(0..CLIENTS, 81);
    first.assert_no_failures();
    // Of those who have come, the ones that the first member holds come again.
    let expected = json!({names[0]: [50, 100], names[1]: [25, 0], names[2]: [25, 0]});
    let held = json!({"group": "lines", "clients": CLIENTS, "expected": expected});
    people.sees("shares", held, || {
        for index in 0..CLIENTS {
            if first.member_of(Family::V4.source(index)) == Some(names[0]) {
                world.clients(index..index + 1, 81).assert_no_failures();
            }
        }
        Ok(())
    })?;

    let mut come = CLIENTS;
    let counted = json!({"group": "lines", "listeners": ["lines", "pages"]});
    people.sees_while("liveCounts", counted, || {
        for _ in 0..2 {
            world.clients(come..come + 20, 81).assert_no_failures();
        }
        come += 20;
        let mut wire = Wire::connect_in(world.lab.client_namespace(), None, world.vip(80))?;
        for _ in 0..10 {
            wire.get("/")?;
        }
        world.await_news()
    })?;
    people.does("history", json!({}))?;

    let groups = json!({"groups": {"lines": "Source IP address · 10 minutes", "pages": "Off"}});
    assert_eq!(people.does("truth", groups.clone())?, "ONLINE");
    world.members[0].stop();
    world.await_state("DEGRADED");
    assert_eq!(people.does("truth", groups)?, "DEGRADED");
    Ok(())
}

/// As many as are promised to be looked at without waiting.
const MANY: usize = 100_000;
/// For so many, with room: the table forgets those that came first before it is quite full.
const ROOM: &str = "max_flows = 262144\nmax_sessions = 262144\nmax_listeners = 64\nmax_pools = 64\nmax_members = 256\n\
                    schedule_slots = 16384\n";

#[test]
fn a_hundred_thousand_sessions_are_shown_page_by_page_and_each_is_found() -> Result<()> {
    let world = World::with(ROOM, "")?;
    let pool = json!({
        "name": "datagrams", "protocol": "UDP", "lb_algorithm": "ROUND_ROBIN", "tags": ["forwarding=nat"],
        "members": world.places(Family::V6, DATAGRAMS_PORT, str::to_owned, [1; 3]),
        "session_persistence": {"type": "SOURCE_IP", "persistence_timeout": 3600},
    });
    let vip = SocketAddr::new(world.lab.vip(Family::V6), 82);
    world.make(&json!({
        "name": "web", "vip_address": vip.ip(),
        "listeners": [{"name": "datagrams", "protocol": "UDP", "protocol_port": 82, "default_pool": pool}],
    }))?;
    let client = world.lab.client().clone().with_udp_retry(UdpRetry::Once);
    let source = |index| Family::V6.source(index);
    let served = client.sweep(Protocol::Udp, MANY, source, vip, 64);
    served.assert_no_failures();
    let seen = json!({
        "group": "datagrams", "pages": 4, "total": MANY, "member": world.members[1].name(),
        "sought": source(MANY / 2), "network": format!("{}/124", source(MANY / 2 - 1)),
    });
    world.visitor("en").does("pageThroughSessions", seen)?;
    Ok(())
}

#[test]
fn sessions_by_cookie_are_shown_page_by_page_and_found_by_value_and_by_what_stands_for_it() -> Result<()> {
    const COOKIES: usize = 90;
    let world = World::start()?;
    let pool = json!({
        "name": "pages", "protocol": "HTTP", "lb_algorithm": "ROUND_ROBIN",
        "members": world.places(Family::V4, WEB_PORT, str::to_owned, [1; 3]),
        "session_persistence": {"type": "APP_COOKIE", "cookie_name": "JSESSIONID"},
    });
    world.make(&json!({
        "name": "web", "vip_address": world.vip(0).ip(),
        "listeners": [{"name": "pages", "protocol": "HTTP", "protocol_port": 80, "default_pool": pool}],
    }))?;
    for number in 0..COOKIES {
        let set = format!("/?set=JSESSIONID=secret-{number}");
        let page = world.curl(80).get(Scheme::Http, "shop.example", &set)?;
        page.echo().context("it was served")?;
    }
    let seen = json!({"group": "pages", "pages": 5, "total": COOKIES, "cookie": "secret-44"});
    world.visitor("en").does("pageThroughSessions", seen)?;
    Ok(())
}

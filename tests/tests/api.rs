//! What the management API makes carries traffic, as it says, and goes on through whatever becomes of the daemon.

use std::fmt::Display;
use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use anyhow::{Context as _, Result};
use lb_tests::http::Authority;
use lb_tests::{Config, Daemon, Family, Laboratory, Member, Scheme, Services, Tally, eventually};
use serde_json::{Value, json};

const PORT: u16 = 80;
const MEMBER_PORT: u16 = 8080;
const WITHIN: Duration = Duration::from_secs(10);
const SMALL: &str = "max_flows = 4096\nmax_sessions = 65536\nmax_listeners = 64\nmax_pools = 64\nmax_members = 256\n\
                     schedule_slots = 16384\n";

/// Members that serve, and a daemon whose file says nothing of them.
struct World {
    // First, so that it ends before what it balances.
    daemon: Daemon,
    _members: Vec<Member>,
    lab: Laboratory,
}

impl World {
    fn start(members: usize) -> Result<Self> {
        Self::with_file(members, &Config::new())
    }

    fn with_file(members: usize, file: &impl Display) -> Result<Self> {
        let lab = Laboratory::routed().members(members).build()?;
        let services = Services::new().tcp([8090]).web([MEMBER_PORT]);
        Ok(Self {
            _members: lab.serve_all(&services)?,
            daemon: Daemon::start(&lab, format!("{SMALL}\n{file}"))?,
            lab,
        })
    }

    fn vip(&self) -> SocketAddr {
        SocketAddr::new(self.lab.vip(Family::V4), PORT)
    }

    /// A load balancer with all that it takes to serve, made by one call; its pool is what `pool` says.
    fn make(&self, protocol: &str, member_port: u16, pool: &Value) -> Result<Made> {
        let members: Vec<Value> = (1..=self.lab.members())
            .map(|number| {
                let address = self.lab.member_address(number, Family::V4);
                json!({"name": self.lab.member_name(number), "address": address, "protocol_port": member_port})
            })
            .collect();
        let mut whole =
            json!({"name": "web", "protocol": protocol, "lb_algorithm": "ROUND_ROBIN", "members": members});
        for (key, value) in pool.as_object().context("a pool is an object")? {
            whole[key] = value.clone();
        }
        let listener =
            json!({"name": "web", "protocol": protocol, "protocol_port": PORT, "default_pool": whole});
        let balancer = json!({"name": "web", "vip_address": self.vip().ip(), "listeners": [listener]});
        let body = json!({ "loadbalancer": balancer });
        let made = self.daemon.api("POST", "/loadbalancers", Some(&body))?;
        let balancer = made.object("loadbalancer")?;
        let id = |value: &Value| value["id"].as_str().map(str::to_owned).context("no id");
        Ok(Made {
            balancer: id(balancer)?,
            pool: id(&balancer["pools"][0])?,
            members: balancer["pools"][0]["members"]
                .as_array()
                .context("no members")?
                .iter()
                .map(id)
                .collect::<Result<_>>()?,
        })
    }

    /// Where so many clients are served, each once.
    fn ask(&self, clients: usize) -> Tally {
        let sources = |index| Family::V4.source(index);
        let tally = self
            .lab
            .client()
            .sweep_connections(clients, sources, self.vip(), 8);
        tally.assert_no_failures();
        tally
    }

    fn show(&self, path: &str, name: &str) -> Result<Value> {
        Ok(self.daemon.api("GET", path, None)?.object(name)?.clone())
    }
}

struct Made {
    balancer: String,
    pool: String,
    members: Vec<String>,
}

fn held() -> Value {
    json!({"session_persistence": {"type": "SOURCE_IP", "persistence_timeout": "600"}})
}

#[test]
fn what_one_call_makes_is_served_as_soon_as_it_is_answered() -> Result<()> {
    let world = World::start(3)?;
    let made = world.make("TCP", 8090, &held())?;
    let before = world.ask(60);
    assert_eq!(before.by_member().len(), 3, "{before:?}");
    before.merge(world.ask(60)).assert_nobody_moved();
    let balancer = world.show(&format!("/loadbalancers/{}", made.balancer), "loadbalancer")?;
    assert_eq!(balancer["provisioning_status"], "ACTIVE");
    assert_eq!(balancer["operating_status"], "ONLINE");
    let stats = world.show(&format!("/loadbalancers/{}/stats", made.balancer), "stats")?;
    assert_eq!(stats["total_connections"], 120, "{stats}");
    Ok(())
}

#[test]
fn persistence_is_switched_off_and_on_at_a_live_pool() -> Result<()> {
    let world = World::start(3)?;
    let made = world.make("TCP", 8090, &held())?;
    let path = format!("/pools/{}", made.pool);
    let off = world
        .daemon
        .change(&path, "pool", &json!({"session_persistence": null}))?;
    assert_eq!(off.object("pool")?["session_persistence"], Value::Null);
    let rounds = (0..4).map(|_| world.ask(20)).fold(Tally::default(), Tally::merge);
    assert!(rounds.moved_clients().next().is_some(), "{rounds:?}");
    world.daemon.change(&path, "pool", &held())?.object("pool")?;
    let rounds = (0..4).map(|_| world.ask(20)).fold(Tally::default(), Tally::merge);
    rounds.assert_nobody_moved();
    Ok(())
}

#[test]
fn a_weight_counts_from_the_next_connection_on_and_a_member_that_goes_gets_none() -> Result<()> {
    let world = World::start(2)?;
    let made = world.make("TCP", 8090, &json!({}))?;
    let member = |index: usize| format!("/pools/{}/members/{}", made.pool, made.members[index]);
    world
        .daemon
        .change(&member(0), "member", &json!({"weight": "3"}))?
        .object("member")?;
    let names = |weights: [u32; 2]| {
        [
            (world.lab.member_name(1), weights[0]),
            (world.lab.member_name(2), weights[1]),
        ]
    };
    world.ask(80).assert_proportions(&names([3, 1]), 1.0);
    world
        .daemon
        .change(&member(0), "member", &json!({"weight": 0}))?
        .object("member")?;
    assert_eq!(world.show(&member(0), "member")?["operating_status"], "DRAINING");
    assert_eq!(world.ask(20).served_by(world.lab.member_name(2)), 20);
    assert_eq!(world.daemon.api("DELETE", &member(1), None)?.status, 204);
    world
        .daemon
        .change(&member(0), "member", &json!({"weight": 1}))?
        .object("member")?;
    assert_eq!(world.ask(20).served_by(world.lab.member_name(1)), 20);
    Ok(())
}

#[test]
fn sessions_and_objects_outlive_a_kill_a_restart_and_an_upgrade() -> Result<()> {
    let mut world = World::start(3)?;
    let made = world.make("TCP", 8090, &held())?;
    let mut all = world.ask(60);
    world.daemon.kill9()?;
    all = all.merge(world.ask(60));
    world.daemon.launch()?;
    all = all.merge(world.ask(60));
    world.daemon.restart()?;
    all = all.merge(world.ask(60));
    world.daemon.upgrade()?;
    all = all.merge(world.ask(60));
    all.assert_nobody_moved();
    let path = format!("/pools/{}", made.pool);
    // What took over has the store.
    world
        .daemon
        .change(&path, "pool", &json!({"name": "other"}))?
        .object("pool")?;
    assert_eq!(world.show(&path, "pool")?["name"], "other");
    world.ask(60).merge(all).assert_nobody_moved();
    Ok(())
}

#[test]
fn a_cookie_keeps_a_browser_on_its_member() -> Result<()> {
    let world = World::start(3)?;
    let cookie = json!({"session_persistence": {"type": "HTTP_COOKIE"}});
    world.make("HTTP", MEMBER_PORT, &cookie)?;
    let jar = lb_tests::temporary_directory()?;
    let jar = jar.path().join("jar");
    let curl = lb_tests::Curl::new(world.lab.client_namespace(), world.vip()).with_jar(&jar);
    let first = curl.get(Scheme::Http, "shop.example", "/")?.echo()?.member;
    for _ in 0..5 {
        assert_eq!(curl.get(Scheme::Http, "shop.example", "/")?.echo()?.member, first);
    }
    Ok(())
}

#[test]
fn a_load_balancer_that_is_deleted_serves_nobody_and_its_address_can_be_taken_again() -> Result<()> {
    let world = World::start(1)?;
    let made = world.make("TCP", 8090, &json!({}))?;
    world.ask(3);
    let path = format!("/loadbalancers/{}", made.balancer);
    let refused = world.daemon.api("DELETE", &path, None)?;
    assert_eq!(refused.status, 400, "{refused:?}");
    assert_eq!(
        world
            .daemon
            .api("DELETE", &format!("{path}?cascade=true"), None)?
            .status,
        204
    );
    assert_eq!(world.daemon.api("GET", &path, None)?.status, 404);
    assert!(world.lab.client().ask_tcp(None, world.vip()).is_err());
    world.make("TCP", 8090, &json!({}))?;
    world.ask(3);
    Ok(())
}

#[test]
fn a_member_that_fails_its_monitor_is_told_of() -> Result<()> {
    let world = World::start(2)?;
    let monitor = json!({"type": "TCP", "delay": 1, "timeout": 1, "max_retries": 1, "max_retries_down": 1});
    let made = world.make("TCP", 8090, &json!({ "healthmonitor": monitor }))?;
    let path = format!("/pools/{}/members", made.pool);
    let nobody = json!({"address": world.lab.member_address(1, Family::V4), "protocol_port": 9});
    let id = world.daemon.make(&path, "member", &nobody)?;
    eventually("the member to be down", WITHIN, || {
        let member = world.show(&format!("{path}/{id}"), "member");
        member.is_ok_and(|member| member["operating_status"] == "ERROR")
    });
    let pool = world.show(&format!("/pools/{}", made.pool), "pool")?;
    assert_eq!(pool["operating_status"], "DEGRADED");
    world.ask(10);
    Ok(())
}

#[test]
fn what_the_data_plane_refuses_says_why_and_what_was_served_goes_on() -> Result<()> {
    let mut world = World::start(1)?;
    let made = world.make("TCP", 8090, &json!({}))?;
    let occupied = SocketAddr::new(world.vip().ip(), 8000);
    world
        .lab
        .balancer()
        .ip(&[format!("address add {}/32 dev lo", occupied.ip())])?;
    let _occupier = world.lab.balancer().enter(|| TcpListener::bind(occupied))??;
    let listener = json!({
        "name": "refused", "loadbalancer_id": made.balancer, "protocol": "HTTP", "protocol_port": occupied.port(),
    });
    let id = world.daemon.make("/listeners", "listener", &listener)?;
    let path = format!("/loadbalancers/{}", made.balancer);
    let refused = |world: &World| -> Result<()> {
        let balancer = world.show(&path, "loadbalancer")?;
        assert_eq!(balancer["provisioning_status"], "ERROR", "{balancer}");
        assert_eq!(balancer["operating_status"], "DEGRADED", "{balancer}");
        let listener = world.show(&format!("/listeners/{id}"), "listener")?;
        assert_eq!(listener["operating_status"], "ERROR", "{listener}");
        let reason = balancer["status_reason"].as_str().unwrap_or_default();
        assert!(reason.contains(&occupied.to_string()), "{reason}");
        Ok(())
    };
    refused(&world)?;
    // So it does over a restart.
    world.daemon.restart()?;
    refused(&world)?;
    // What is served follows a change all the same.
    let member = format!("/pools/{}/members/{}", made.pool, made.members[0]);
    world
        .daemon
        .change(&member, "member", &json!({"weight": 7}))?
        .object("member")?;
    eventually(
        "the change to be made, and the rest to be refused",
        WITHIN,
        || {
            let weight = |status: Value| status["pools"][0]["members"][0]["weight"].as_u64();
            world
                .daemon
                .status()
                .is_ok_and(|status| weight(status) == Some(7))
                && refused(&world).is_ok()
        },
    );
    world
        .lab
        .balancer()
        .ip(&[format!("address del {}/32 dev lo", occupied.ip())])?;
    world.ask(10);
    // What is in the way can be taken away.
    assert_eq!(
        world
            .daemon
            .api("DELETE", &format!("/listeners/{id}"), None)?
            .status,
        204
    );
    assert_eq!(
        world.show(&path, "loadbalancer")?["provisioning_status"],
        "ACTIVE"
    );
    Ok(())
}

#[test]
fn a_certificate_that_is_gone_takes_its_listener_away_at_a_start_and_nothing_else() -> Result<()> {
    let authority = Authority::new()?;
    let certificate = authority.certify("shop", &["web.test"])?;
    let directory = certificate.file.parent().context("it is in none")?;
    let api = format!("[api]\ncertificates_path = \"{}\"\n", directory.display());
    let mut world = World::with_file(1, &format!("{api}{}", Config::new()))?;
    let made = world.make("TCP", 8090, &json!({}))?;
    let listener = json!({
        "loadbalancer_id": made.balancer, "protocol": "TERMINATED_HTTPS", "protocol_port": 443,
        "default_tls_container_ref": "shop",
    });
    let id = world.daemon.make("/listeners", "listener", &listener)?;
    let path = format!("/loadbalancers/{}", made.balancer);
    let state = |world: &World| -> Result<(Value, Value)> {
        let balancer = world.show(&path, "loadbalancer")?;
        let listener = world.show(&format!("/listeners/{id}"), "listener")?;
        Ok((
            balancer["provisioning_status"].clone(),
            listener["operating_status"].clone(),
        ))
    };
    fs::remove_file(&certificate.file)?;
    let other = json!({"loadbalancer_id": made.balancer, "protocol": "HTTP", "protocol_port": 81});
    world.daemon.make("/listeners", "listener", &other)?;
    assert_eq!(
        state(&world)?,
        (json!("ACTIVE"), json!("ONLINE")),
        "it is served as before"
    );

    world.daemon.restart()?;
    assert_eq!(state(&world)?, (json!("ERROR"), json!("ERROR")));
    let reason = world.show(&path, "loadbalancer")?["status_reason"].to_string();
    assert!(reason.contains("shop.pem"), "{reason}");
    world.ask(10);

    authority.certify("shop", &["web.test"])?;
    world.daemon.reload()?;
    eventually("it to be served again", WITHIN, || {
        state(&world).is_ok_and(|state| state == (json!("ACTIVE"), json!("ONLINE")))
    });
    Ok(())
}

#[test]
fn what_the_file_says_stands_beside_and_is_changed_there_alone() -> Result<()> {
    let lab = Laboratory::routed().members(1).build()?;
    let vip = SocketAddr::new(lab.vip(Family::V6), PORT);
    let member = SocketAddr::new(lab.member_address(1, Family::V6), 8090);
    drop(lab);
    let file = Config::new()
        .listener(lb_tests::Protocol::Tcp, vip, "filed")
        .pool(lb_tests::Pool::new("filed").member("one", member, 1));
    let world = World::with_file(1, &file)?;
    world.make("TCP", 8090, &json!({}))?;
    let pools = world.daemon.api("GET", "/pools?name=filed", None)?;
    let pool = pools.object("pools")?[0]["id"]
        .as_str()
        .context("no pool of the file")?
        .to_owned();
    let refused = world
        .daemon
        .change(&format!("/pools/{pool}"), "pool", &json!({"name": "mine"}))?;
    assert_eq!(refused.status, 409);
    let path = world.daemon.config_path();
    assert!(
        refused.fault().contains(&path.display().to_string()),
        "{refused:?}"
    );
    world.daemon.reconfigure(format!("{SMALL}\n{}", Config::new()))?;
    eventually("the pool of the file to be gone", WITHIN, || {
        world
            .daemon
            .api("GET", &format!("/pools/{pool}"), None)
            .is_ok_and(|gone| gone.status == 404)
    });
    world.ask(5);
    Ok(())
}

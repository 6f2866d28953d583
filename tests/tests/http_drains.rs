//! What is under way where something goes: it may go on for a while, and is told that it ended.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use lb_tests::http::frames::{self, Outcome};
use lb_tests::http::{Ask, Wire};
use lb_tests::site::MEMBER_PORT;
use lb_tests::{Config, Family, Plan, Pool, Scheme, Site, eventually, temporary_directory};
use serde_json::Value;

const WITHIN: Duration = Duration::from_secs(10);
/// Longer than anything is left that goes.
const SLOW: &str = "/?size=1000&drip_ms=60000";

fn other() -> SocketAddr {
    SocketAddr::new(Family::V4.vip(), 8000)
}

fn plan(drain_s: u32, log: &Path) -> Plan {
    let log = log.display();
    Plan::new(&[1, 1]).proxy(&format!(
        "drain_s = {drain_s}\n[proxy.access_log]\npath = \"{log}\""
    ))
}

/// The same with a listener more, and a pool of its own for member 1.
fn with_other(plan: Plan) -> Plan {
    let pool = Pool::web("other").member("member1", ([10, 2, 1, 2], MEMBER_PORT).into(), 1);
    let config = Config::new().web_listener(Scheme::Http, other(), "other", "");
    plan.further(config.pool(pool))
}

fn connect(site: &Site, to: SocketAddr) -> Result<Wire> {
    Wire::connect_in(site.lab().client_namespace(), None, to)
}

/// One that speaks another protocol.
fn upgraded(site: &Site, to: SocketAddr) -> Result<Wire> {
    let mut wire = connect(site, to)?;
    let reply = wire.ask("GET", "/", &[("Connection", "upgrade"), ("Upgrade", "echo")])?;
    ensure!(reply.status == 101, "{reply:?}");
    Ok(wire)
}

/// Whether what is said there comes back.
fn echoes(wire: &mut Wire) -> Result<bool> {
    wire.send("hello")?;
    Ok(wire.take(5)? == b"hello")
}

/// The line of the access log about a target.
fn noted(log: &Path, target: &str) -> Value {
    eventually("its line in the log", WITHIN, || {
        let lines = fs::read_to_string(log)?;
        let mut lines = lines
            .lines()
            .filter_map(|line| serde_json::from_str::<Value>(line).ok());
        lines.find(|line| line["target"] == target).context(lines.count())
    })
}

fn is_broken_off(line: &Value) -> bool {
    line["fault"]
        .as_str()
        .is_some_and(|fault| fault.contains("for longer than"))
}

#[test]
fn what_is_under_way_at_a_listener_that_went_goes_on_and_ends_in_time() -> Result<()> {
    let directory = temporary_directory()?;
    let log = directory.path().join("access.log");
    let site = Site::start(&with_other(plan(3, &log)))?;
    let mut tunnel = upgraded(&site, other())?;
    let mut slow = connect(&site, other())?;
    slow.send(format!("GET {SLOW} HTTP/1.1\r\nHost: a\r\n\r\n"))?;
    let mut waiting = connect(&site, other())?;
    waiting.send("GET /?delay_ms=60000 HTTP/1.1\r\nHost: a\r\n\r\n")?;
    let mut staying = upgraded(&site, site.vip(Family::V4, Scheme::Http))?;
    let http2 = site.lab().client().http2(other())?;
    let _streaming = http2.begin(Ask::get("/?delay_ms=60001"))?;
    let active = || {
        site.daemon()
            .status()
            .map(|status| status["pools"][0]["proxied"]["active"].clone())
    };
    eventually("all to be under way", WITHIN, || {
        let active = active()?;
        ensure!(active == 4, "{active}");
        Ok(())
    });
    site.turn_to(&plan(3, &log))?;
    assert!(connect(&site, other()).is_err(), "nobody listens");
    assert!(echoes(&mut tunnel)?, "it goes on");
    tunnel.ends()?;
    assert_eq!(waiting.reply("GET")?.status, 503);
    // It had begun: what came of it is not whole.
    assert!(slow.reply("GET").is_err());
    assert!(echoes(&mut staying)?, "of another listener");
    for target in [SLOW, "/?delay_ms=60000", "/?delay_ms=60001"] {
        let line = noted(&log, target);
        assert!(is_broken_off(&line), "{line}");
    }
    Ok(())
}

#[test]
fn what_is_under_way_at_a_member_that_went_goes_on_and_ends_in_time() -> Result<()> {
    let directory = temporary_directory()?;
    let log = directory.path().join("access.log");
    let site = Site::start(&plan(3, &log))?;
    let vip = site.vip(Family::V4, Scheme::Http);
    let mut tunnels = [upgraded(&site, vip)?, upgraded(&site, vip)?];
    site.turn_to(&plan(3, &log).without(1))?;
    for tunnel in &mut tunnels {
        assert!(echoes(tunnel)?, "it goes on");
    }
    // They are dealt in turn: one is at the member that went.
    let mut ended = 0;
    for tunnel in &mut tunnels {
        tunnel.tcp().set_read_timeout(Some(Duration::from_secs(6)))?;
        ended += usize::from(tunnel.ends().is_ok());
    }
    assert_eq!(ended, 1);
    Ok(())
}

#[test]
fn what_is_under_way_at_a_member_that_comes_back_is_not_broken_off() -> Result<()> {
    let directory = temporary_directory()?;
    let log = directory.path().join("access.log");
    let plan = || plan(60, &log);
    let site = Site::start(&plan())?;
    let vip = site.vip(Family::V4, Scheme::Http);
    let mut tunnels: Vec<(String, Wire)> = Vec::new();
    for _ in 0..2 {
        let mut wire = connect(&site, vip)?;
        let reply = wire.ask("GET", "/", &[("Connection", "upgrade"), ("Upgrade", "echo")])?;
        tunnels.push((reply.member().to_owned(), wire));
    }
    tunnels.sort_by(|(one, _), (other, _)| one.cmp(other));
    site.turn_to(&plan().without(1))?;
    site.turn_to(&plan())?;
    site.turn_to(&plan().without(2))?;
    site.daemon().pass_time(100)?;
    let [(first, back), (second, gone)] = &mut tunnels[..] else {
        anyhow::bail!("there are two");
    };
    assert_eq!((first.as_str(), second.as_str()), ("member1", "member2"));
    gone.ends()?;
    assert!(echoes(back)?);
    Ok(())
}

#[test]
fn connections_that_have_sent_nothing_hold_nobody_up() -> Result<()> {
    let directory = temporary_directory()?;
    let log = directory.path().join("access.log");
    let mut site = Site::start(&plan(3600, &log).patient())?;
    let mut silent = site.wire()?;
    let mut idle = site.wire()?;
    assert_eq!(idle.get("/")?.status, 200);
    site.daemon_mut().terminate()?;
    silent.ends()?;
    idle.ends()?;
    Ok(())
}

#[test]
fn a_client_that_is_answered_by_the_balancer_itself_is_told_to_leave_too() -> Result<()> {
    let directory = temporary_directory()?;
    let log = directory.path().join("access.log");
    let mut site = Site::start(&plan(60, &log).listener("redirect_to_https = 443"))?;
    let mut wire = site.wire()?;
    let reply = wire.get("/")?;
    assert_eq!((reply.status, reply.values("connection").len()), (301, 0));
    let before = site.daemon_mut().take_over()?;
    let reply = wire.get("/")?;
    assert_eq!((reply.status, reply.values("connection")), (301, vec!["close"]));
    wire.ends()?;
    assert!(before.await_end()?.success());
    Ok(())
}

#[test]
fn a_request_that_comes_over_http2_to_a_listener_that_went_is_served() -> Result<()> {
    let directory = temporary_directory()?;
    let log = directory.path().join("access.log");
    let site = Site::start(&with_other(plan(30, &log)))?;
    let mut wire = connect(&site, other())?;
    let request: [(&str, &[u8]); 4] = [
        (":method", b"GET"),
        (":scheme", b"http"),
        (":path", b"/"),
        (":authority", b"a"),
    ];
    assert_eq!(frames::ask(&mut wire, &request)?, Outcome::Served);
    site.turn_to(&plan(30, &log))?;
    assert!(connect(&site, other()).is_err(), "nobody listens");
    assert_eq!(frames::ask_again(&mut wire, 3, &request)?, Outcome::Served);
    Ok(())
}

#[test]
fn what_a_daemon_that_ends_breaks_off_is_told_so_and_noted() -> Result<()> {
    let directory = temporary_directory()?;
    let log = directory.path().join("access.log");
    let mut site = Site::start(&plan(1, &log))?;
    let mut waiting = site.wire()?;
    waiting.send("GET /?delay_ms=60000 HTTP/1.1\r\nHost: a\r\n\r\n")?;
    eventually("it to be under way", WITHIN, || {
        let active = site.pool()?["proxied"]["active"].clone();
        ensure!(active == 1, "{active}");
        Ok(())
    });
    site.daemon_mut().terminate()?;
    assert_eq!(waiting.reply("GET")?.status, 503);
    let line = noted(&log, "/?delay_ms=60000");
    assert!(is_broken_off(&line), "{line}");
    Ok(())
}

#[test]
fn those_who_wait_for_a_place_at_a_listener_that_goes_are_served() -> Result<()> {
    let directory = temporary_directory()?;
    let log = directory.path().join("access.log");
    let plan = plan(30, &log);
    let pool = Pool::web("other").member("member1", ([10, 2, 1, 2], MEMBER_PORT).into(), 1);
    let limit = "[load_balancer.listener.http]\nmax_connections = 1\n";
    let config = Config::new().web_listener(Scheme::Http, other(), "other", limit);
    let site = Site::start(&plan.clone().further(config.pool(pool)))?;
    let mut there = connect(&site, other())?;
    assert_eq!(there.get("/")?.status, 200);
    let mut waiting = Vec::new();
    for _ in 0..6 {
        let mut wire = connect(&site, other())?;
        wire.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")?;
        waiting.push(wire);
    }
    site.turn_to(&plan)?;
    assert!(connect(&site, other()).is_err(), "nobody listens");
    // Who is there and asks for nothing makes room.
    there.ends()?;
    for mut wire in waiting {
        assert_eq!(wire.reply("GET")?.status, 200);
    }
    Ok(())
}

//! Members that have so many requests under way at most: the others wait.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use lb_tests::http::{Ask, Jar, pattern};
use lb_tests::{Plan, Site, Wire, eventually};

const WITHIN: Duration = Duration::from_secs(10);
const QUEUE_S: u32 = 2;

/// Members that take one request at a time.
fn one_at_a_time(weights: &[u32], queue: u32, queue_s: u32) -> Plan {
    let limit = format!("max_connections = 1\nqueue = {queue}\ntimeouts = {{ queue_s = {queue_s} }}");
    Plan::new(weights).pool(&limit)
}

/// How many requests the members have got.
fn at_members(site: &Site) -> u32 {
    let members = 1..=site.lab().members();
    members.map(|number| site.member(number).seen().requests).sum()
}

/// Begins a request that its member has under way until it is [let go](let_go): it waits for the end of the body.
fn hold(site: &Site, fields: &str) -> Result<Wire> {
    let before = at_members(site);
    let mut wire = site.wire()?;
    wire.send(format!(
        "POST /held HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n{fields}\r\nhel"
    ))?;
    eventually("a member to have the request", WITHIN, || {
        at_members(site) > before
    });
    Ok(wire)
}

/// Ends such a request.
fn let_go(mut wire: Wire) -> Result<()> {
    wire.send("lo")?;
    assert_eq!(wire.reply("POST")?.status, 200);
    Ok(())
}

/// How many requests the listener has read.
fn arrived(site: &Site) -> Result<u64> {
    let status = site.daemon().status()?;
    let balancers = status["load_balancers"].as_array().context("none")?;
    let listeners = balancers.iter().map(|balancer| &balancer["listeners"][0]);
    let counts = listeners.map(|listener| listener["proxied"]["requests"].as_u64().context("no count"));
    counts.sum()
}

/// Begins a request for which there is no room, and returns when the balancer has it.
fn wait_in_line(site: &Site, target: &str, fields: &str) -> Result<Wire> {
    let before = arrived(site)?;
    let mut wire = site.wire()?;
    wire.send(format!("GET {target} HTTP/1.1\r\nHost: a\r\n{fields}\r\n"))?;
    eventually("the request to have arrived", WITHIN, || {
        arrived(site).is_ok_and(|now| now > before)
    });
    Ok(wire)
}

#[test]
fn requests_wait_for_room_and_are_answered_in_the_order_in_which_they_came() -> Result<()> {
    let site = Site::start(&one_at_a_time(&[1], 10, 60))?;
    let held = hold(&site, "")?;
    let waiting = (0..5).map(|number| wait_in_line(&site, &format!("/{number}"), ""));
    let waiting = waiting.collect::<Result<Vec<_>>>()?;
    assert_eq!(at_members(&site), 1, "the others wait");
    assert_eq!(site.requests("active")?, 1);
    let_go(held)?;
    for (place, mut wire) in (2..).zip(waiting) {
        let reply = wire.reply("GET")?;
        assert_eq!((reply.status, reply.echo()?.number), (200, place));
    }
    assert_eq!(site.member(1).seen().most_at_once, 1);
    Ok(())
}

#[test]
fn however_many_come_at_once_no_member_has_more_than_it_takes() -> Result<()> {
    let site = Site::start(&Plan::new(&[1, 1]).pool("max_connections = 3"))?;
    let replies = site
        .http2()?
        .ask_all(vec![Ask::get("/?size=100&delay_ms=10"); 90]);
    for reply in replies {
        let reply = reply?;
        assert_eq!((reply.status, reply.body), (200, pattern(100)));
    }
    for number in [1, 2] {
        assert_eq!(site.member(number).seen().most_at_once, 3, "member {number}");
    }
    Ok(())
}

#[test]
fn who_finds_the_line_full_is_told_503_at_once_and_who_waits_when_the_time_is_over() -> Result<()> {
    let site = Site::start(&one_at_a_time(&[1], 1, QUEUE_S))?;
    let held = hold(&site, "")?;
    let start = Instant::now();
    let mut waiting = wait_in_line(&site, "/", "")?;
    let mut late = site.wire()?;
    let refused = late.get("/")?;
    assert_eq!(
        (refused.status, refused.values("cache-control")),
        (503, vec!["no-store"])
    );
    // That one waits still: one place is all there is.
    waiting.tcp().set_nonblocking(true)?;
    let nothing = waiting.tcp().peek(&mut [0]).map_err(|error| error.kind());
    assert_eq!(nothing, Err(std::io::ErrorKind::WouldBlock));
    waiting.tcp().set_nonblocking(false)?;
    assert_eq!(waiting.reply("GET")?.status, 503);
    // The balancer looks at its clock ten times a second.
    let least = Duration::from_secs(QUEUE_S.into()).saturating_sub(Duration::from_millis(200));
    assert!(start.elapsed() >= least, "{:?}", start.elapsed());
    assert_eq!(at_members(&site), 1, "neither came through");
    assert_eq!(site.requests("failures")?, 0, "no fault of the member's");
    // The connections go on, and are served when there is room.
    let_go(held)?;
    for wire in [&mut waiting, &mut late] {
        assert_eq!(wire.get("/")?.status, 200);
    }
    Ok(())
}

#[test]
fn without_a_queue_nobody_waits() -> Result<()> {
    let site = Site::start(&one_at_a_time(&[1], 0, 60))?;
    let held = hold(&site, "")?;
    assert_eq!(site.get("/")?.status, 503);
    assert_eq!(site.http2()?.ask(Ask::get("/"))?.status, 503);
    let_go(held)?;
    assert_eq!(site.get("/")?.status, 200);
    Ok(())
}

#[test]
fn a_session_waits_for_its_own_member_while_others_are_served_beside_it() -> Result<()> {
    let site = Site::start(&one_at_a_time(&[1, 1], 10, 60).cookie(20, ""))?;
    let mut jar = Jar::default();
    let own = site.browse("/", &mut jar)?.member().to_owned();
    let cookie = format!("Cookie: {}\r\n", jar.field());
    let held = hold(&site, &cookie)?;
    let mut waiting = wait_in_line(&site, "/", &cookie)?;
    for _ in 0..4 {
        let reply = site.get("/")?;
        assert_eq!(reply.status, 200);
        assert_ne!(reply.member(), own, "it has no room");
    }
    let_go(held)?;
    assert_eq!(waiting.reply("GET")?.member(), own);
    assert_eq!(site.sessions("moved")?, 0);
    Ok(())
}

#[test]
fn more_room_lets_those_in_who_wait() -> Result<()> {
    let site = Site::start(&one_at_a_time(&[1], 10, 60))?;
    let held = hold(&site, "")?;
    let mut waiting = wait_in_line(&site, "/", "")?;
    assert_eq!(at_members(&site), 1, "it waits");
    site.turn_to(&Plan::new(&[1]).pool("max_connections = 2"))?;
    assert_eq!(waiting.reply("GET")?.status, 200);
    let_go(held)
}

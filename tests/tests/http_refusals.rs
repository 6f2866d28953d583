//! Requests that cannot be served are refused with the status that says why, and nothing of them gets through.

use std::io::Write as _;
use std::net::Shutdown;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use lb_tests::http::refusals::{answer, assert_refused};
use lb_tests::http::{Ask, pattern};
use lb_tests::site::Shared;
use lb_tests::{Plan, Site};

const LIMITS: &str = "\
timeouts = { header_s = 1, idle_s = 2, body_s = 1 }
limits = { header_bytes = 2048, headers = 16, uri_bytes = 256, body_bytes = 1000 }";

/// Small limits and little patience.
fn strict() -> Result<Arc<Site>> {
    static SITE: Shared = Shared::new();
    SITE.of(&Plan::new(&[1, 1]).listener(LIMITS))
}

#[test]
fn a_load_balancer_is_no_tunnel_to_anywhere() -> Result<()> {
    let site = strict()?;
    let request = "CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\n\r\n";
    assert_refused(&site, 405, request);
    assert!(answer(&site, request)?.contains("\r\nAllow: GET, "));
    Ok(())
}

#[test]
fn clients_that_take_too_long_are_told_so() -> Result<()> {
    let site = strict()?;
    let head = "POST / HTTP/1.1\r\nHost: a\r\n";
    assert_refused(&site, 408, "GET / HT");
    assert_refused(&site, 408, format!("{head}Content-Length: 5\r\n\r\nhel"));
    assert_refused(
        &site,
        408,
        format!("{head}Transfer-Encoding: chunked\r\n\r\n5\r\nhel"),
    );
    // Nor does it help to send a little all the time.
    let mut wire = site.wire()?;
    let mut drip = wire.tcp().try_clone()?;
    std::thread::scope(|scope| {
        scope.spawn(move || {
            while drip.write_all(b"X").is_ok() {
                std::thread::sleep(Duration::from_millis(200));
            }
        });
        let told = wire.reply("GET").map(|reply| reply.status);
        wire.tcp().shutdown(Shutdown::Both)?;
        assert_eq!(told?, 408);
        Ok::<_, anyhow::Error>(())
    })?;
    // Who has asked for nothing is told nothing.
    assert_eq!(answer(&site, "")?, "");
    let mut wire = site.wire()?;
    assert_eq!(wire.get("/")?.status, 200);
    let idle = Instant::now();
    wire.ends()?;
    assert!(
        idle.elapsed() > Duration::from_millis(1500),
        "it may be idle for longer"
    );
    Ok(())
}

#[test]
fn bodies_that_are_too_large_are_refused_however_they_come() -> Result<()> {
    let site = strict()?;
    let head = "POST / HTTP/1.1\r\nHost: a\r\n";
    let body = |length| String::from_utf8(vec![b'x'; length]);
    assert_refused(&site, 413, format!("{head}Content-Length: 1001\r\n\r\n"));
    let chunked = format!("{head}Transfer-Encoding: chunked\r\n\r\n");
    let chunks = format!("1f4\r\n{}\r\n1f5\r\n{}\r\n0\r\n\r\n", body(500)?, body(501)?);
    assert_refused(&site, 413, chunked + &chunks);
    let http2 = site.http2()?;
    let post = |length| Ask {
        method: "POST".to_owned(),
        body: pattern(length),
        ..Ask::get("/")
    };
    assert_eq!(http2.ask(post(1001))?.status, 413);
    assert_eq!(http2.ask(post(1000))?.status, 200);
    let mut wire = site.wire()?;
    wire.send(format!("{head}Content-Length: 1000\r\n\r\n{}", body(1000)?))?;
    assert_eq!(wire.reply("POST")?.echo()?.length, 1000);
    wire.send(format!(
        "{head}Transfer-Encoding: chunked\r\n\r\n3e8\r\n{}\r\n0\r\n\r\n",
        body(1000)?
    ))?;
    assert_eq!(wire.reply("POST")?.echo()?.length, 1000);
    Ok(())
}

#[test]
fn heads_that_are_too_large_are_refused() -> Result<()> {
    let site = strict()?;
    let long = "x".repeat(257);
    assert_refused(&site, 414, format!("GET /{long} HTTP/1.1\r\nHost: a\r\n\r\n"));
    let fields = |count| "X: y\r\n".repeat(count);
    assert_refused(
        &site,
        431,
        format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", fields(16)),
    );
    let huge = "y".repeat(2048);
    assert_refused(
        &site,
        431,
        format!("GET / HTTP/1.1\r\nHost: a\r\nX: {huge}\r\n\r\n"),
    );
    // One that never ends.
    assert_refused(&site, 431, format!("GET / HTTP/1.1\r\nHost: a\r\nX: {huge}"));
    assert_refused(&site, 505, "GET / HTTP/2.1\r\nHost: a\r\n\r\n");
    let http2 = site.http2()?;
    assert_eq!(http2.ask(Ask::get(&format!("/{long}")))?.status, 414);
    let many = (0..17).fold(Ask::get("/"), |ask, number| ask.with(&format!("x-{number}"), "y"));
    assert_eq!(http2.ask(many)?.status, 431);
    assert_eq!(http2.ask(Ask::get("/"))?.status, 200);
    Ok(())
}

#[test]
fn members_that_do_not_answer_as_they_should_are_told_of_by_502_and_504() -> Result<()> {
    let site =
        Site::start(&Plan::new(&[1, 1]).pool("retries = 1\ntimeouts = { connect_s = 1, response_s = 1 }"))?;
    let mut wire = site.wire()?;
    for (target, status) in [("/?garbage", 502), ("/?gone", 502), ("/?silent", 504)] {
        // The connection goes on: it is not the client that has done something.
        assert_eq!(wire.get(target)?.status, status, "{target}");
    }
    let http2 = site.http2()?;
    for (target, status) in [("/?garbage", 502), ("/?gone", 502), ("/?silent", 504)] {
        assert_eq!(http2.ask(Ask::get(target))?.status, status, "{target}");
    }
    // What may have been done is not done twice.
    let before = site.member(1).seen().requests + site.member(2).seen().requests;
    assert_eq!(wire.ask("POST", "/?gone", &[])?.status, 502);
    let after = site.member(1).seen().requests + site.member(2).seen().requests;
    assert_eq!(after - before, 1);

    site.member(1).stop();
    site.member(2).stop();
    assert_eq!(site.get("/")?.status, 502, "both refuse the connection");
    let log = site.daemon().log();
    assert!(
        log.contains("a request failed: the member closed the connection")
            || log.contains("a request failed: the response is not HTTP"),
        "{log}"
    );
    site.member(1).restart()?;
    site.member(2).freeze()?;
    for _ in 0..4 {
        assert_eq!(
            site.get("/")?.member(),
            "member1",
            "the other one does not take it"
        );
    }
    site.member(1).freeze()?;
    assert_eq!(site.get("/")?.status, 504);
    Ok(())
}

#[test]
fn a_client_is_told_how_the_only_member_failed() -> Result<()> {
    let site = Site::start(&Plan::new(&[1, 0]))?;
    site.member(1).stop();
    assert_eq!(
        site.get("/")?.status,
        502,
        "it is there, and refuses the connection"
    );
    Ok(())
}

#[test]
fn a_request_goes_to_another_member_where_one_refuses_the_connection() -> Result<()> {
    let site = Site::start(&Plan::new(&[1, 1, 1]))?;
    site.member(2).stop();
    let mut wire = site.wire()?;
    for number in 0..30 {
        // Also one that is not to be made twice: its member never had it.
        wire.send(format!(
            "POST /{number} HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello"
        ))?;
        let reply = wire.reply("POST")?;
        assert_eq!((reply.status, reply.echo()?.length), (200, 5));
    }
    assert!(site.requests("failures")? >= 10);
    assert_eq!(site.member(2).seen().requests, 0);
    Ok(())
}

#[test]
fn without_a_member_to_serve_them_clients_are_told_503() -> Result<()> {
    let site = Site::start(&Plan::new(&[0, 0]))?;
    let mut wire = site.wire()?;
    for _ in 0..3 {
        let reply = wire.get("/")?;
        assert_eq!(
            (reply.status, reply.values("cache-control")),
            (503, vec!["no-store"])
        );
    }
    assert_eq!(site.http2()?.ask(Ask::get("/"))?.status, 503);
    site.turn_to(&Plan::new(&[0, 1]))?;
    assert_eq!(wire.get("/")?.member(), "member2");
    let status = site.daemon().status()?;
    let listener = &status["load_balancers"][0]["listeners"][0]["proxied"];
    let own = listener["own_responses"].as_u64().context("no count")?;
    assert_eq!(own, 4, "{listener}");
    Ok(())
}

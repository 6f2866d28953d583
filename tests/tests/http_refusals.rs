//! Requests that cannot be served are refused with the status that says why, and nothing of them gets through.

use std::io::Write as _;
use std::net::Shutdown;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use lb_tests::http::frames::{self, Outcome};
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

/// All that comes back for these bytes, until the connection ends.
fn answer(site: &Site, bytes: impl AsRef<[u8]>) -> Result<String> {
    let mut wire = site.wire()?;
    wire.send(bytes)?;
    Ok(String::from_utf8_lossy(&wire.rest()?).into_owned())
}

#[track_caller]
fn assert_refused(site: &Site, status: u16, bytes: impl AsRef<[u8]>) {
    let sent = String::from_utf8_lossy(bytes.as_ref()).into_owned();
    let sent = sent.get(..300).unwrap_or(&sent);
    let answer = answer(site, &bytes).unwrap_or_else(|error| panic!("{sent:?}: {error:#}"));
    assert!(
        answer.starts_with(&format!("HTTP/1.1 {status} ")),
        "{sent:?}: {answer:?}"
    );
    assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{sent:?}: {answer:?}");
}

#[test]
fn what_requests_are_smuggled_by_is_refused_and_the_connection_ends() -> Result<()> {
    let site = strict()?;
    let smuggled = "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n";
    let heads = [
        "Content-Length: 5\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nContent-Length: 5",
        "Content-Length: 5\r\nContent-Length: 5",
        "Content-Length: 5\r\nContent-Length: 6",
        "Content-Length: 5, 5",
        "Content-Length: +5",
        "Content-Length: -5",
        "Content-Length: 0x5",
        "Content-Length: 5 5",
        "Content-Length:",
        "Content-Length: 99999999999999999999999",
        "Content-Length : 5",
        "Content-Length\t: 5",
        "Transfer-Encoding : chunked",
        "Transfer-Encoding: xchunked",
        "Transfer-Encoding: chunked, identity",
        "Transfer-Encoding: identity, chunked",
        "Transfer-Encoding: chunked, chunked",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
        "Transfer-Encoding: \u{b}chunked",
        "Transfer-Encoding: chunked;q=1",
        "Transfer-Encoding: \"chunked\"",
        "Transfer-Encoding:",
        "Transfer-Encoding:\r\n chunked",
        "X: one\r\n two",
        "X: one\rtwo",
        "X: one\0two",
        "X: one\nContent-Length: 5",
        " X: one",
        ": nameless",
        "no colon",
        "X[]: one",
        "Host: b",
    ];
    for head in heads {
        let request = format!("POST / HTTP/1.1\r\nHost: a\r\n{head}\r\n\r\n{smuggled}");
        assert_refused(&site, 400, request);
    }
    let requests = [
        "GET / HTTP/1.1\nHost: a\n\n",
        "GET / HTTP/1.1\r\nHost: a\r\n\n",
        "GET / HTTP/1.1\r\n\r\n",
        "GET  / HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET nowhere HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a b\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: user@a\r\n\r\n",
        "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "\0\0\0\0\r\n\r\n",
    ];
    for request in requests {
        assert_refused(&site, 400, format!("{request}{smuggled}"));
    }
    Ok(())
}

#[test]
fn what_requests_of_http_2_are_smuggled_by_is_refused() -> Result<()> {
    let site = strict()?;
    let good: [(&str, &[u8]); 4] = [
        (":method", b"POST"),
        (":scheme", b"http"),
        (":path", b"/"),
        (":authority", b"a"),
    ];
    let outcome =
        |fields: &[(&str, &[u8])]| -> Result<Outcome> { Ok(frames::ask(&mut site.wire()?, fields)?) };
    assert_eq!(outcome(&good)?, Outcome::Served);
    let before = site.member(1).seen().requests + site.member(2).seen().requests;
    let further: [(&str, &[u8]); 19] = [
        (":path", b"/other"),
        (":method", b"GET"),
        (":authority", b"b"),
        (":status", b"200"),
        (":unknown", b"1"),
        ("host", b"b"),
        ("connection", b"close"),
        ("transfer-encoding", b"chunked"),
        ("upgrade", b"h2c"),
        ("keep-alive", b"timeout=5"),
        ("proxy-connection", b"close"),
        ("te", b"gzip"),
        ("content-length", b"5"),
        ("content-length", b"x"),
        ("Upper", b"1"),
        ("a b", b"1"),
        ("a", b"b\r\nc: d"),
        ("a", b"b\nc"),
        ("a", b"b\0c"),
    ];
    for field in further {
        let fields = [&good[..], &[field]].concat();
        let refused = outcome(&fields)?;
        assert!(
            !matches!(refused, Outcome::Served | Outcome::Answered),
            "{field:?}: {refused:?}"
        );
    }
    for (missing, _) in &good[..3] {
        let fields: Vec<_> = good.into_iter().filter(|(name, _)| name != missing).collect();
        let refused = outcome(&fields)?;
        assert!(
            !matches!(refused, Outcome::Served | Outcome::Answered),
            "{missing}: {refused:?}"
        );
    }
    for target in ["a", "http://b/", "", "/a b", "/a\r\nb: c"] {
        let mut fields = good;
        fields[2].1 = target.as_bytes();
        let refused = outcome(&fields)?;
        assert!(
            !matches!(refused, Outcome::Served | Outcome::Answered),
            "{target:?}: {refused:?}"
        );
    }
    let after = site.member(1).seen().requests + site.member(2).seen().requests;
    assert_eq!(after, before, "nothing of it reached a member");
    Ok(())
}

#[test]
fn connection_takes_nothing_away_by_which_the_next_request_is_found() -> Result<()> {
    let site = strict()?;
    let smuggled = "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n";
    let length = smuggled.len();
    for named in [
        "content-length",
        "Content-Length, host",
        "host",
        "transfer-encoding",
    ] {
        let mut wire = site.wire()?;
        wire.send(format!(
            "POST / HTTP/1.1\r\nHost: a\r\nConnection: {named}\r\nContent-Length: {length}\r\n\r\n{smuggled}"
        ))?;
        let echo = wire.reply("POST")?.echo()?;
        assert_eq!(echo.length, length, "{named}");
        assert_eq!(
            (echo.values("host"), echo.values("content-length")),
            (vec!["a"], vec![length.to_string().as_str()])
        );
        let echo = wire.get("/next")?.echo()?;
        assert!(echo.line.starts_with("GET /next "), "{named}: {}", echo.line);
    }
    // A response keeps its length too: otherwise its client would wait for more.
    let mut wire = site.wire()?;
    let reply = wire.get("/?size=100&named=content-length")?;
    assert_eq!(
        (reply.values("content-length"), reply.body.len()),
        (vec!["100"], 100)
    );
    Ok(())
}

#[test]
fn a_request_without_a_host_is_passed_on_with_the_address_that_it_was_sent_to() -> Result<()> {
    let site = strict()?;
    for host in ["", "Host:\r\n"] {
        let mut wire = site.wire()?;
        wire.send(format!("GET / HTTP/1.0\r\n{host}\r\n"))?;
        let echo = wire.reply("GET")?.echo()?;
        let reached = site.vip(lb_tests::Family::V4, lb_tests::Scheme::Http).to_string();
        assert_eq!(echo.values("host"), [reached.as_str()]);
    }
    Ok(())
}

#[test]
fn trailers_change_nothing_of_what_the_header_said() -> Result<()> {
    let site = strict()?;
    let mut wire = site.wire()?;
    wire.send(
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX-Sum: 7\r\nContent-Length: 9\r\n\
         X-Forwarded-For: 192.0.2.9\r\nHost: evil\r\n\r\n",
    )?;
    let echo = wire.reply("POST")?.echo()?;
    let trailers: Vec<_> = echo.trailers.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(trailers, ["X-Sum"]);
    Ok(())
}

#[test]
fn chunks_that_can_be_read_in_two_ways_are_refused() -> Result<()> {
    let site = strict()?;
    let bodies = [
        "0x5\r\nhello\r\n0\r\n\r\n",
        "5\nhello\r\n0\r\n\r\n",
        "5\r\nhello\n0\r\n\r\n",
        "5\r\nhello0\r\n\r\n",
        "+5\r\nhello\r\n0\r\n\r\n",
        "-1\r\nhello\r\n0\r\n\r\n",
        " 5\r\nhello\r\n0\r\n\r\n",
        "\r\nhello\r\n0\r\n\r\n",
        "ffffffffffffffffff\r\nhello\r\n0\r\n\r\n",
        "5;a=\nb\r\nhello\r\n0\r\n\r\n",
        "g\r\nhello\r\n0\r\n\r\n",
    ];
    for body in bodies {
        let head = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
        let smuggled = "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n";
        assert_refused(&site, 400, format!("{head}{body}{smuggled}"));
    }
    Ok(())
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

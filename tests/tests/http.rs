//! Requests reach the members, over HTTP/1.1 and HTTP/2, and come back as they should.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use lb_tests::http::{Ask, digest, pattern};
use lb_tests::site::{Shared, TCP_PORT};
use lb_tests::{Config, Family, Plan, Pool, Protocol, Scheme, Site, Tally, eventually};

/// For the tests that only want members behind a listener.
fn any() -> Result<Arc<Site>> {
    static SITE: Shared = Shared::new();
    SITE.of(&Plan::new(&[1, 1]))
}

const WEIGHTS: [u32; 3] = [5, 3, 2];
const WITHIN: Duration = Duration::from_secs(10);

/// Who serves so many requests of one connection.
fn tally(site: &Site, count: usize, mut ask: impl FnMut() -> Result<String>) -> Result<Tally> {
    let client = site.lab().vip(Family::V4);
    let mut tally = Tally::default();
    for _ in 0..count {
        tally.record(client, &ask()?);
    }
    Ok(tally)
}

#[test]
fn requests_of_either_version_are_balanced_by_weight() -> Result<()> {
    let site = Site::start(&Plan::new(&WEIGHTS))?;
    assert_balanced_one_by_one(&site, 1.0)?;
    // Many at once.
    let replies = site.http2()?.ask_all(vec![Ask::get("/?size=1000"); 500]);
    let mut at_once = Tally::default();
    for reply in replies {
        let reply = reply?;
        assert_eq!((reply.status, reply.body == pattern(1000)), (200, true));
        at_once.record(site.lab().vip(Family::V4), reply.member());
    }
    at_once.assert_proportions(&site.named(&WEIGHTS), 1.0);
    Ok(())
}

#[test]
fn least_connections_balances_by_weight_where_hardly_anything_is_under_way() -> Result<()> {
    let site = Site::start(&Plan::new(&WEIGHTS).algorithm("LEAST_CONNECTIONS"))?;
    // A client may have its answer a moment before its request is over.
    assert_balanced_one_by_one(&site, 5.0)
}

fn assert_balanced_one_by_one(site: &Site, within_points: f64) -> Result<()> {
    let mut wire = site.wire()?;
    let over_http1 = tally(site, 200, || Ok(wire.get("/")?.member().to_owned()))?;
    over_http1.assert_proportions(&site.named(&WEIGHTS), within_points);
    let http2 = site.http2()?;
    let over_http2 = tally(site, 200, || Ok(http2.ask(Ask::get("/"))?.member().to_owned()))?;
    over_http2.assert_proportions(&site.named(&WEIGHTS), within_points);
    Ok(())
}

#[test]
fn curl_is_served_over_either_version_and_family() -> Result<()> {
    let site = any()?;
    for family in Family::BOTH {
        for (option, version) in [("--http1.1", "1.1"), ("--http2-prior-knowledge", "2")] {
            let curl = site.curl(family, Scheme::Http).with(&[option]);
            for target in ["/one?a=b", "/two"] {
                let page = curl.get(Scheme::Http, "www.example.com", target)?;
                assert_eq!((page.version.as_str(), page.status), (version, 200));
                let echo = page.echo()?;
                assert_eq!(echo.line, format!("GET {target} HTTP/1.1"));
                assert_eq!(echo.values("host"), ["www.example.com"]);
                assert_eq!(echo.values("x-forwarded-for"), [family.client().to_string()]);
                assert_eq!(echo.values("x-forwarded-proto"), ["http"]);
            }
        }
    }
    Ok(())
}

#[test]
fn listeners_of_layer_4_and_7_work_side_by_side_on_one_vip() -> Result<()> {
    let vip = (Family::V4.vip(), 7000).into();
    let member = |number| (Ipv4Addr::new(10, 2, number, 2), TCP_PORT).into();
    let lines = Pool::new("lines")
        .member("member1", member(1), 1)
        .member("member2", member(2), 1);
    let lines = Config::new().listener(Protocol::Tcp, vip, "lines").pool(lines);
    let site = Site::start(&Plan::new(&[1, 1]).further(lines))?;
    for _ in 0..20 {
        assert_eq!(site.get("/")?.status, 200);
        site.lab().client().ask_tcp(None, vip)?;
    }
    let status = site.daemon().status()?;
    let packets = status["packets"].as_array().cloned().unwrap_or_default();
    let own = packets
        .iter()
        .find(|packets| packets["reason"] == "served_by_host");
    assert!(own.is_some_and(|own| own["fate"] == "passed"), "{packets:?}");
    assert_eq!(site.requests("requests")?, 20);
    // The last one is timed when its client has it.
    eventually("all to be timed", WITHIN, || {
        let status = site.daemon().status().ok()?;
        let listeners = status["load_balancers"].as_array()?.iter();
        let listeners = listeners.flat_map(|balancer| balancer["listeners"].as_array().into_iter().flatten());
        let timed = listeners.filter_map(|listener| listener["proxied"]["request_times"]["count"].as_u64());
        let responses = site.pool().ok()?["response_times"]["count"].as_u64();
        (timed.sum::<u64>() == 20 && responses == Some(20)).then_some(())
    });
    Ok(())
}

#[test]
fn bodies_arrive_whole_in_both_directions_however_they_are_framed() -> Result<()> {
    const LENGTH: usize = 4 << 20;
    let site = any()?;
    let body = pattern(LENGTH);
    let mut wire = site.wire()?;
    for size in [0, 1, 16_384, LENGTH] {
        for framing in ["", "&chunked"] {
            let reply = wire.get(&format!("/?size={size}{framing}"))?;
            assert!(reply.body == body[..size], "{size}{framing}");
        }
    }
    wire.send(format!(
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {LENGTH}\r\n\r\n"
    ))?;
    wire.send(&body)?;
    let echo = wire.reply("POST")?.echo()?;
    assert_eq!((echo.length, echo.digest), (LENGTH, digest(&body)));
    let ask = Ask {
        method: "POST".to_owned(),
        body: body.clone(),
        ..Ask::get("/")
    };
    let echo = site.http2()?.ask(ask)?.echo()?;
    assert_eq!((echo.length, echo.digest), (LENGTH, digest(&body)));
    let reply = site.http2()?.ask(Ask::get(&format!("/?size={LENGTH}")))?;
    assert!(reply.body == body);
    Ok(())
}

#[test]
fn trailers_arrive_in_both_directions() -> Result<()> {
    let site = any()?;
    let expected = [("X-Sum".to_owned(), "42".to_owned())];
    let mut wire = site.wire()?;
    wire.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n")?;
    wire.send("5\r\nhello\r\n6\r\n world\r\n0\r\nX-Sum: 42\r\n\r\n")?;
    let echo = wire.reply("POST")?.echo()?;
    assert_eq!((echo.length, echo.digest), (11, digest(b"hello world")));
    assert_eq!(echo.trailers, expected);
    let sum = digest(&pattern(1000)).to_string();
    let reply = wire.get("/?size=1000&chunked")?;
    assert_eq!(reply.trailers, [("X-Digest".to_owned(), sum.clone())]);

    let http2 = site.http2()?;
    let ask = Ask {
        method: "POST".to_owned(),
        body: b"hello world".to_vec(),
        trailers: vec![("x-sum".to_owned(), "42".to_owned())],
        ..Ask::get("/?chunked")
    };
    let reply = http2.ask(ask)?;
    let echo = reply.echo()?;
    assert_eq!(echo.digest, digest(b"hello world"));
    assert_eq!(echo.trailers, [("x-sum".to_owned(), "42".to_owned())]);
    let reply = http2.ask(Ask::get("/?size=1000&chunked"))?;
    assert_eq!(reply.trailers, [("x-digest".to_owned(), sum)]);
    Ok(())
}

#[test]
fn responses_that_have_no_body_leave_the_connection_as_it_was() -> Result<()> {
    let site = any()?;
    let mut wire = site.wire()?;
    for _ in 0..3 {
        let head = wire.ask("HEAD", "/?size=100", &[])?;
        assert_eq!((head.status, head.values("content-length")), (200, vec!["100"]));
        for status in [204, 304] {
            assert_eq!(wire.get(&format!("/?status={status}"))?.status, status);
        }
        assert_eq!(wire.get("/?size=7")?.body, pattern(7));
    }
    let http2 = site.http2()?;
    for target in ["/?status=204", "/?status=304", "/?size=0"] {
        assert_eq!(http2.ask(Ask::get(target))?.body, b"", "{target}");
    }
    Ok(())
}

#[test]
fn a_client_that_asks_first_is_told_to_go_on_and_sends_its_body_then() -> Result<()> {
    let site = any()?;
    let mut wire = site.wire()?;
    wire.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n")?;
    assert_eq!(wire.take(25)?, b"HTTP/1.1 100 Continue\r\n\r\n");
    wire.send("hello")?;
    assert_eq!(wire.reply("POST")?.echo()?.digest, digest(b"hello"));
    // A member that does not want it says so at once.
    wire.send(
        "POST /?early&status=413 HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n",
    )?;
    assert_eq!(wire.reply("POST")?.status, 413);
    Ok(())
}

#[test]
fn interim_responses_arrive_before_the_final_one() -> Result<()> {
    let site = any()?;
    let mut wire = site.wire()?;
    let reply = wire.get("/?hints")?;
    assert_eq!((reply.interim, reply.status), (vec![103], 200));
    // At once: the final one is a while away.
    wire.send("GET /?hints&delay_ms=60000 HTTP/1.1\r\nHost: a\r\n\r\n")?;
    assert_eq!(wire.take(12)?, b"HTTP/1.1 103");
    Ok(())
}

#[test]
fn connections_of_http_1_0_last_only_where_the_client_asks_for_it() -> Result<()> {
    let site = any()?;
    let mut wire = site.wire()?;
    for _ in 0..2 {
        wire.send("GET /?size=9 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")?;
        let reply = wire.reply("GET")?;
        assert_eq!(reply.values("connection"), ["keep-alive"]);
        assert_eq!(reply.body, pattern(9));
    }
    wire.send("GET /?size=9 HTTP/1.0\r\n\r\n")?;
    assert_eq!(wire.reply("GET")?.body, pattern(9));
    wire.ends()?;
    // It knows no chunks: the body ends with the connection.
    let mut wire = site.wire()?;
    wire.send("GET /?size=9&chunked HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")?;
    let reply = wire.reply("GET")?;
    assert_eq!(reply.values("transfer-encoding"), Vec::<&str>::new());
    assert_eq!(reply.body, pattern(9));
    // And one of HTTP/1.1 that asks for the end gets it.
    let mut wire = site.wire()?;
    let reply = wire.ask("GET", "/?size=9", &[("Connection", "close")])?;
    assert_eq!(
        (reply.values("connection"), &reply.body),
        (vec!["close"], &pattern(9))
    );
    wire.ends()
}

#[test]
fn requests_that_come_before_they_are_asked_for_are_answered_in_their_order() -> Result<()> {
    let site = any()?;
    let mut wire = site.wire()?;
    let sizes = (1..=50).collect::<Vec<usize>>();
    let all = sizes.iter().fold(String::new(), |all, size| {
        all + &format!("POST /?size={size}&chunked HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc")
    });
    wire.send(all)?;
    for size in sizes {
        assert_eq!(wire.reply("POST")?.body, pattern(size));
    }
    Ok(())
}

#[test]
fn an_upgraded_connection_passes_bytes_both_ways_until_either_side_ends_it() -> Result<()> {
    let site = any()?;
    let mut wire = site.wire()?;
    // The first words come with the request.
    wire.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\nfirst words")?;
    let reply = wire.reply("GET")?;
    assert_eq!((reply.status, reply.values("upgrade")), (101, vec!["echo"]));
    assert_eq!(wire.take(11)?, b"first words");
    for length in [1, 100, 100_000] {
        wire.send(pattern(length))?;
        assert!(wire.take(length)? == pattern(length), "{length}");
    }
    wire.finish()?;
    wire.ends()?;
    let mut wire = site.wire()?;
    wire.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: once\r\n\r\n")?;
    assert_eq!(wire.reply("GET")?.status, 101);
    wire.send("the only words")?;
    assert_eq!(wire.take(14)?, b"the only words");
    wire.ends()
}

#[test]
fn a_response_says_when_it_was_and_what_its_client_is_to_go_over_to() -> Result<()> {
    let site = any()?;
    let reply = site.get("/?status=426&upgrade=websocket")?;
    assert_eq!((reply.status, reply.values("upgrade")), (426, vec!["websocket"]));
    for reply in [
        reply,
        site.get("/")?,
        site.http2()?.ask(Ask::get("/"))?,
        site.wire()?.ask("CONNECT", "a:1", &[])?,
    ] {
        let dates = reply.values("date");
        assert!(matches!(dates[..], [date] if date.ends_with(" GMT")), "{reply:?}");
    }
    let echo = site
        .wire()?
        .ask("OPTIONS", "http://www.example.com", &[])?
        .echo()?;
    assert_eq!(echo.line, "OPTIONS * HTTP/1.1");
    Ok(())
}

//! What two parties could read in two ways is refused, or does not get through.

use std::sync::Arc;

use anyhow::Result;
use lb_tests::http::frames::{self, Outcome};
use lb_tests::http::refusals::assert_refused;
use lb_tests::site::Shared;
use lb_tests::{Family, Plan, Reply, Scheme, Site};

/// Requests that come to no end are not waited for.
fn any() -> Result<Arc<Site>> {
    static SITE: Shared = Shared::new();
    SITE.of(&Plan::new(&[1, 1]).listener("timeouts = { header_s = 1, idle_s = 2, body_s = 1 }"))
}

#[test]
fn what_requests_are_smuggled_by_is_refused_and_the_connection_ends() -> Result<()> {
    let site = any()?;
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
    let site = any()?;
    let good: [(&str, &[u8]); 4] = [
        (":method", b"POST"),
        (":scheme", b"http"),
        (":path", b"/"),
        (":authority", b"a"),
    ];
    let outcome =
        |fields: &[(&str, &[u8])]| -> Result<Outcome> { Ok(frames::ask(&mut site.wire()?, fields)?) };
    let of_scheme = |scheme| [&good[..1], &[(":scheme", scheme)], &good[2..]].concat();
    for served in [&good[..], &of_scheme(b"https")] {
        assert_eq!(outcome(served)?, Outcome::Served);
    }
    let before = site.member(1).seen().requests + site.member(2).seen().requests;
    let further: [(&str, &[u8]); 21] = [
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
        ("a", b" b"),
        ("a", b"b\t"),
    ];
    for field in further {
        let fields = [&good[..], &[field]].concat();
        let refused = outcome(&fields)?;
        assert!(
            !matches!(refused, Outcome::Served | Outcome::Answered),
            "{field:?}: {refused:?}"
        );
    }
    assert_eq!(outcome(&of_scheme(b"ftp"))?, Outcome::Refused);
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
    let site = any()?;
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
    let site = any()?;
    for host in ["", "Host:\r\n"] {
        let mut wire = site.wire()?;
        wire.send(format!("GET / HTTP/1.0\r\n{host}\r\n"))?;
        let echo = wire.reply("GET")?.echo()?;
        let reached = site.vip(Family::V4, Scheme::Http).to_string();
        assert_eq!(echo.values("host"), [reached.as_str()]);
    }
    Ok(())
}

#[test]
fn trailers_change_nothing_of_what_the_header_said() -> Result<()> {
    let site = any()?;
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
    let site = any()?;
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
fn nobody_goes_over_to_a_protocol_that_requests_could_hide_in() -> Result<()> {
    let site = any()?;
    let ask = |target: &str, protocol: &str| -> Result<Reply> {
        let fields = [
            ("Connection", "upgrade, http2-settings"),
            ("Upgrade", protocol),
            ("HTTP2-Settings", "AAMAAABkAAQCAAAAAAIAAAAA"),
        ];
        Ok(site.wire()?.ask("GET", target, &fields)?)
    };
    let reply = ask("/", "h2c")?;
    assert_eq!(reply.status, 200, "it is a request like any other");
    let echo = reply.echo()?;
    for name in ["upgrade", "http2-settings", "connection"] {
        assert_eq!(echo.values(name), Vec::<&str>::new(), "{name}");
    }
    let reply = ask("/", "h2c, echo")?;
    assert_eq!((reply.status, reply.values("upgrade")), (101, vec!["echo"]));
    // A member that goes over to what nobody asked for.
    for other in ["h2c", "other"] {
        assert_eq!(ask(&format!("/?upgrade={other}"), "echo")?.status, 502);
    }
    Ok(())
}

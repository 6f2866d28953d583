//! HTTP/2 and TLS towards members.

use anyhow::{Result, ensure};
use lb_tests::http::{Ask, Authority, Certificate, digest, pattern};
use lb_tests::{Plan, Reply, Site, Tally, eventually};

const LENGTH: usize = 1 << 20;
const WITHIN: std::time::Duration = std::time::Duration::from_secs(10);
const HTTP2: &str = "protocol = \"HTTP/2\"";

fn post(target: &str) -> Ask {
    Ask {
        method: "POST".to_owned(),
        body: pattern(LENGTH),
        ..Ask::get(target)
    }
}

/// Whatever a member is asked over, clients of either version get the same through it.
fn assert_served(site: &Site, version: &str) -> Result<()> {
    let mut wire = site.wire()?;
    let http2 = site.http2()?;
    wire.send(format!(
        "POST /a?b=c HTTP/1.1\r\nHost: www.example.com\r\nContent-Length: {LENGTH}\r\n\r\n"
    ))?;
    wire.send(pattern(LENGTH))?;
    for reply in [wire.reply("POST")?, http2.ask(post("/a?b=c"))?] {
        let echo = reply.echo()?;
        assert_eq!(echo.line, format!("POST /a?b=c {version}"));
        assert_eq!(echo.values("host"), ["www.example.com"]);
        assert_eq!(echo.values("x-forwarded-proto"), ["http"]);
        assert_eq!((echo.length, echo.digest), (LENGTH, digest(&pattern(LENGTH))));
    }
    let target = format!("/?size={LENGTH}");
    assert!(wire.get(&target)?.body == pattern(LENGTH));
    assert!(http2.ask(Ask::get(&target))?.body == pattern(LENGTH));
    Ok(())
}

#[test]
fn members_are_asked_over_http_2_that_they_are_known_to_speak() -> Result<()> {
    let site = Site::start(&Plan::new(&[3, 1]).pool(HTTP2))?;
    assert_served(&site, "HTTP/2.0")?;
    let mut tally = Tally::default();
    let http2 = site.http2()?;
    // As many at once as one connection to a member takes.
    for _ in 0..2 {
        for reply in http2.ask_all(vec![Ask::get("/?size=1000"); 100]) {
            let reply = reply?;
            assert_eq!((reply.status, &reply.body), (200, &pattern(1000)));
            tally.record(lb_tests::Family::V4.client(), reply.member());
        }
    }
    tally.assert_proportions(&site.named(&[3, 1]), 1.0);
    // So each worker needs one, and they begin them at their leisure.
    let workers = std::thread::available_parallelism()?.get();
    for number in [1, 2] {
        let open = site.member(number).seen().open as usize;
        ensure!(open <= workers, "{open} connections to member {number}");
    }
    Ok(())
}

#[test]
fn trailers_interim_responses_and_those_without_a_body_come_through_http_2() -> Result<()> {
    let site = Site::start(&Plan::new(&[1]).pool(HTTP2))?;
    let http2 = site.http2()?;
    let with_trailers = Ask {
        trailers: vec![("x-sum".to_owned(), "42".to_owned())],
        ..post("/?chunked")
    };
    let echo = http2.ask(with_trailers)?.echo()?;
    assert_eq!(echo.trailers, [("x-sum".to_owned(), "42".to_owned())]);

    let mut wire = site.wire()?;
    wire.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n")?;
    wire.send("5\r\nhello\r\n0\r\nX-Sum: 42\r\n\r\n")?;
    let echo = wire.reply("POST")?.echo()?;
    assert_eq!(echo.trailers, [("x-sum".to_owned(), "42".to_owned())]);
    assert_eq!(wire.get("/?hints")?.interim, [103]);
    for _ in 0..2 {
        let head = wire.ask("HEAD", "/?size=100", &[])?;
        assert_eq!((head.status, head.values("content-length")), (200, vec!["100"]));
        for status in [204, 304] {
            assert_eq!(wire.get(&format!("/?status={status}"))?.status, status);
        }
        assert_eq!(wire.get("/?size=7")?.body, pattern(7));
    }
    Ok(())
}

#[test]
fn trailers_follow_a_body_of_which_was_said_how_long_it_is() -> Result<()> {
    let site = Site::start(&Plan::new(&[1]).pool(HTTP2))?;
    // Together with the end of the body, some time later, and without a body.
    for (length, later) in [(LENGTH, ""), (LENGTH, "&drip_ms=100"), (0, "")] {
        let reply = site
            .http2()?
            .ask(Ask::get(&format!("/?size={length}&chunked{later}")))?;
        assert_eq!(reply.values("content-length"), [length.to_string()]);
        assert!(reply.body == pattern(length), "{length}{later}");
        let sum = digest(&pattern(length)).to_string();
        assert_eq!(reply.trailers, [("x-digest".to_owned(), sum)], "{length}{later}");
    }
    // HTTP/1.1 has room for them in chunks only.
    let reply = site.get(&format!("/?size={LENGTH}&chunked"))?;
    assert!(reply.body == pattern(LENGTH));
    let reply = site.get("/?size=0&chunked")?;
    assert_eq!(
        (reply.values("content-length"), reply.values("transfer-encoding")),
        (vec![], vec!["chunked"])
    );
    assert!(reply.body.is_empty() && reply.trailers.len() == 1, "{reply:?}");
    Ok(())
}

#[test]
fn a_stream_that_a_member_does_not_take_goes_to_another_one_whatever_it_asks_for() -> Result<()> {
    let site = Site::start(&Plan::new(&[1, 1]).pool(HTTP2))?;
    let http2 = site.http2()?;
    for _ in 0..6 {
        let ask = Ask {
            method: "POST".to_owned(),
            ..Ask::get("/?refused_by=member1")
        };
        let reply = http2.ask(ask)?;
        assert_eq!((reply.status, reply.member()), (200, "member2"));
    }
    assert!(site.member(1).seen().requests > 0, "it was asked");
    Ok(())
}

#[test]
fn streams_that_members_break_off_or_leave_unanswered_fail_alone() -> Result<()> {
    let site = Site::start(
        &Plan::new(&[1]).pool(&format!("{HTTP2}\nretries = 0\ntimeouts = {{ response_s = 1 }}")),
    )?;
    let http2 = site.http2()?;
    let asks = ["/?gone", "/?silent", "/?size=10"].map(Ask::get);
    let statuses = http2
        .ask_all(asks.to_vec())
        .into_iter()
        .map(|reply| Ok(reply?.status));
    assert_eq!(statuses.collect::<Result<Vec<_>>>()?, [502, 504, 200]);
    assert!(http2.ask(Ask::get("/"))?.echo()?.line.ends_with("HTTP/2.0"));
    // A member whose process ends takes them all with it, and is asked anew when it is back.
    site.member(1).stop();
    assert_eq!(http2.ask(Ask::get("/"))?.status, 502);
    site.member(1).restart()?;
    eventually("the member to be asked again", WITHIN, || {
        let status = http2.ask(Ask::get("/"))?.status;
        ensure!(status == 200, "{status}");
        Ok(())
    });
    Ok(())
}

/// A member with a certificate for these names, and who has signed it.
fn secured(names: &[&str]) -> Result<(Authority, Certificate, Plan)> {
    let authority = Authority::new()?;
    let certificate = authority.certify("member", names)?;
    let plan = Plan::new(&[1]).over_tls(&certificate);
    Ok((authority, certificate, plan))
}

fn tls(protocol: &str, lines: &str) -> String {
    format!("protocol = \"{protocol}\"\n[pool.http.tls]\n{lines}")
}

#[test]
fn members_are_asked_over_tls_in_either_version_of_http() -> Result<()> {
    let (authority, _, plan) = secured(&["10.2.1.2"])?;
    let ca = format!("ca = \"{}\"", authority.file().display());
    let site = Site::start(&plan.clone().pool(&tls("HTTP/1.1", &ca)))?;
    assert_served(&site, "HTTP/1.1")?;
    site.turn_to(&plan.pool(&tls("HTTP/2", &ca)))?;
    assert_served(&site, "HTTP/2.0")
}

#[test]
fn a_member_whose_certificate_is_wrong_gets_no_request() -> Result<()> {
    let (authority, certificate, plan) = secured(&["site.internal"])?;
    let stranger = Authority::new()?;
    let ca = |file: &std::path::Path| format!("ca = \"{}\"", file.display());
    let own = ca(&authority.file());
    let strangers = ca(&stranger.file());
    let named = "server_name = \"site.internal\"";
    let site = Site::start(&plan.clone().pool(&tls("HTTP/1.1", "verify = false")))?;
    for protocol in ["HTTP/1.1", "HTTP/2"] {
        for (lines, expected) in [
            ("verify = false".to_owned(), 200),
            // It is for a name, and not for the address.
            (own.clone(), 502),
            (format!("{own}\n{named}"), 200),
            (format!("{own}\nserver_name = \"other.internal\""), 502),
            (format!("{strangers}\n{named}"), 502),
            // By those that the system trusts.
            (named.to_owned(), 502),
            // It is known itself.
            (format!("{}\n{named}", ca(&certificate.file)), 200),
            (ca(&certificate.file), 502),
        ] {
            site.turn_to(&plan.clone().pool(&tls(protocol, &lines)))?;
            let before = site.member(1).seen().requests;
            let replies: [Reply; 2] = [site.get("/")?, site.http2()?.ask(Ask::get("/"))?];
            assert_eq!(
                replies.map(|reply| reply.status),
                [expected; 2],
                "{protocol} {lines}"
            );
            if expected == 502 {
                assert_eq!(site.member(1).seen().requests, before, "{protocol} {lines}");
            }
        }
    }
    let log = site.daemon().log();
    assert!(
        log.contains("the member cannot be reached: invalid peer certificate"),
        "{log}"
    );
    Ok(())
}

#[test]
fn members_that_speak_no_tls_get_no_request_that_is_for_it() -> Result<()> {
    let site = Site::start(&Plan::new(&[1]).pool(&tls("HTTP/1.1", "verify = false")))?;
    assert_eq!(site.get("/")?.status, 502);
    // Nor does one that only speaks it, without.
    let (_authority, certificate, _) = secured(&["site.internal"])?;
    let site = Site::start(&Plan::new(&[1]).over_tls(&certificate))?;
    assert_eq!(site.get("/")?.status, 502);
    assert_eq!(site.member(1).seen().requests, 0);
    Ok(())
}

#[test]
fn members_are_watched_over_https_and_by_the_health_service_of_grpc() -> Result<()> {
    let authority = Authority::new()?;
    let certificate = authority.certify("members", &["10.2.1.2"])?;
    let plan = Plan::new(&[1]).over_tls(&certificate);
    let over_https = |status: u16, expected: u16| {
        format!("type = \"HTTPS\"\nurl_path = \"/?status={status}\"\nexpected_codes = \"{expected}\"")
    };
    let by_grpc = |service: &str| format!("type = \"GRPC\"\nport = 8080\n{service}");
    let site = Site::start(&plan)?;
    for (monitor, status) in [
        (over_https(503, 200), "ERROR"),
        (over_https(204, 204), "ONLINE"),
        (by_grpc("grpc_service = \"unknown\""), "ERROR"),
        (by_grpc(""), "ONLINE"),
    ] {
        site.turn_to(&plan.clone().monitor(&format!(
            "{monitor}\ndelay_s = 1\ntimeout_s = 1\nfall = 1\nrise = 1"
        )))?;
        site.await_member(1, status)?;
    }
    Ok(())
}

#[test]
fn members_are_watched_by_what_their_pool_trusts() -> Result<()> {
    let (authority, _, plan) = secured(&["site.internal"])?;
    let stranger = Authority::new()?;
    let site = Site::start(&plan)?;
    for monitor in ["type = \"HTTPS\"", "type = \"GRPC\"\ngrpc_tls = true"] {
        for (trusted, status) in [(&stranger, "ERROR"), (&authority, "ONLINE")] {
            let ca = trusted.file();
            let lines = format!("ca = \"{}\"\nserver_name = \"site.internal\"", ca.display());
            let pool = tls("HTTP/1.1", &lines);
            site.turn_to(&plan.clone().pool(&pool).monitor(&format!(
                "{monitor}\ntls_verify = true\ndelay_s = 1\ntimeout_s = 1\nfall = 1\nrise = 1"
            )))?;
            site.await_member(1, status)?;
        }
    }
    Ok(())
}

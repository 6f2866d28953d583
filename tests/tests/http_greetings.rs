//! The PROXY protocol: of proxies in front of the balancer, and towards members.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use anyhow::{Context as _, Result};
use lb_tests::http::{Ask, Authority, Echo, Greeting, Version};
use lb_tests::site::{HTTP_PORT, Shared};
use lb_tests::{Family, Plan, Scheme, Site, Wire};

/// Clients that come by way of a proxy; they are nowhere in the laboratory.
fn behind(number: u8) -> SocketAddr {
    SocketAddr::new([203, 0, 113, number].into(), 40_000)
}

fn proxy() -> IpAddr {
    Family::V4.source(0)
}

/// Believes the proxy.
fn believing(further: &str) -> String {
    format!(
        "trusted_proxies = [\"{}\"]\naccept_proxy_protocol = true\n{further}",
        proxy()
    )
}

/// For the tests that only want somebody behind it.
fn believer() -> Result<Arc<Site>> {
    static SITE: Shared = Shared::new();
    SITE.of(&Plan::new(&[1]).listener(&believing("")))
}

fn greeting(version: Version, client: SocketAddr) -> Greeting {
    let reached = match client {
        SocketAddr::V4(_) => ([198, 51, 100, 1], 8000).into(),
        SocketAddr::V6(_) => "[2001:db8::1]:8000".parse().expect("an address"),
    };
    Greeting {
        version,
        client,
        reached,
    }
}

/// A connection from an address.
fn wire_from(site: &Site, source: IpAddr) -> Result<Wire> {
    let vip = site.vip(Family::V4, Scheme::Http);
    Wire::connect_in(site.lab().client_namespace(), Some(source), vip)
}

/// What a member gets of a client behind the proxy.
fn echo_of(site: &Site, said: Greeting) -> Result<Echo> {
    let mut wire = wire_from(site, proxy())?;
    wire.send(said.header())?;
    wire.get("/")?.echo()
}

#[test]
fn a_trusted_proxy_says_who_the_client_is_in_either_version() -> Result<()> {
    let site = believer()?;
    let six: SocketAddr = "[2001:db8::7]:40000".parse()?;
    for version in Version::BOTH {
        for client in [behind(7), six] {
            let echo = echo_of(&site, greeting(version, client))?;
            assert_eq!(
                echo.values("x-forwarded-for"),
                [client.ip().to_string()],
                "{version:?}"
            );
            assert_eq!(echo.values("x-forwarded-port"), ["8000"], "{version:?}");
            assert_eq!(echo.greeting, None, "{version:?}: it is for the balancer alone");
        }
        // In pieces, and then with more than the header in one of them.
        let mut wire = wire_from(&site, proxy())?;
        let header = greeting(version, behind(8)).header();
        let (last, most) = header.split_last().context("it is not empty")?;
        for byte in most {
            wire.send([*byte])?;
        }
        wire.send([&[*last], &b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"[..]].concat())?;
        let echo = wire.reply("GET")?.echo()?;
        assert_eq!(echo.values("x-forwarded-for"), ["203.0.113.8"], "{version:?}");
        // What the client says of itself is as little believed as without a proxy.
        let spoofed = [("X-Forwarded-For", "192.0.2.1")];
        let echo = wire.ask("GET", "/", &spoofed)?.echo()?;
        assert_eq!(echo.values("x-forwarded-for"), ["203.0.113.8"], "{version:?}");
    }
    Ok(())
}

#[test]
fn members_are_chosen_by_the_address_that_the_proxy_says() -> Result<()> {
    let plan = Plan::new(&[1, 1, 1])
        .algorithm("SOURCE_IP")
        .listener(&believing(""));
    let site = Site::start(&plan)?;
    let mut members = BTreeSet::new();
    for number in 0..40 {
        let [one, two] = Version::BOTH.map(|version| echo_of(&site, greeting(version, behind(number))));
        let member = one?.member;
        assert_eq!(two?.member, member, "{number}");
        let explained = site
            .daemon()
            .cli(&["explain", &behind(number).ip().to_string(), "listener-1"])?;
        let explained = String::from_utf8(explained.stdout)?;
        assert!(explained.contains(&member), "{number}: {explained}");
        members.insert(member);
    }
    assert_eq!(members.len(), 3, "though all came from one address");
    Ok(())
}

#[test]
fn a_trusted_proxy_that_owes_a_header_is_closed_without_one() -> Result<()> {
    let site = Site::start(&Plan::new(&[1]).listener(&believing("timeouts = { header_s = 1 }")))?;
    let request = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    for nonsense in [
        request.to_owned(),
        format!("PROXY TCP4 203.0.113.7\r\n{request}"),
        format!("PROXY TCP4 203.0.113.7 198.51.100.1 40000 80 more\r\n{request}"),
        format!("\r\n\r\n\0\r\nQUIT\n\x31\x11\0\x0c{request}"),
        // Nothing more comes, until the time is over.
        "PROXY TCP4 203.0.113.7".to_owned(),
    ] {
        let mut wire = wire_from(&site, proxy())?;
        wire.send(&nonsense)?;
        wire.ends().with_context(|| format!("{nonsense:?}"))?;
    }
    assert_eq!(site.member(1).seen().requests, 0);
    let log = site.daemon().log();
    assert!(
        log.contains("closed a connection of the trusted proxy 10.9.0.1"),
        "{log}"
    );
    Ok(())
}

#[test]
fn nobody_else_can_say_that_they_are_another_client() -> Result<()> {
    let site = believer()?;
    // The line of version 1 is one of a request, but for what stands where the version of HTTP is to stand.
    for (version, status) in [(Version::V1, "505"), (Version::V2, "400")] {
        let mut wire = site.wire()?;
        wire.send(greeting(version, behind(7)).header())?;
        wire.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")?;
        let answer = String::from_utf8_lossy(&wire.rest()?).into_owned();
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
        assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{answer}");
    }
    // Without a header they are served as who they are.
    let echo = site.get("/")?.echo()?;
    assert_eq!(echo.values("x-forwarded-for"), [Family::V4.client().to_string()]);
    Ok(())
}

#[test]
fn curl_s_header_is_understood_before_http_of_any_version_and_before_tls() -> Result<()> {
    let authority = Authority::new()?;
    let certificate = authority.certify("server", &["shop.example.com"])?;
    let plan = Plan::new(&[1]).listener(&believing("")).tls(&[&certificate], "");
    let site = Site::start(&plan)?;
    let own = proxy().to_string();
    for (scheme, option) in [
        (Scheme::Http, "--http1.1"),
        (Scheme::Http, "--http2-prior-knowledge"),
        (Scheme::Https, "--http1.1"),
        (Scheme::Https, "--http2"),
    ] {
        let curl =
            site.curl(Family::V4, scheme)
                .trusting(&authority.file())
                .with(&["--interface", &own, option]);
        let refused = curl.get(scheme, "shop.example.com", "/");
        assert!(refused.is_err(), "{option}: it owes a header: {refused:?}");
        let page = curl
            .with(&["--haproxy-protocol"])
            .get(scheme, "shop.example.com", "/")?;
        assert_eq!(page.echo()?.values("x-forwarded-for"), [own.as_str()], "{option}");
    }
    Ok(())
}

#[test]
fn members_are_told_who_a_connection_is_for_in_the_version_that_they_want() -> Result<()> {
    let plan = |version: &str| Plan::new(&[1]).pool(&format!("send_proxy_protocol = \"{version}\""));
    let site = Site::start(&plan("v1"))?;
    for (word, version) in [("v1", Version::V1), ("v2", Version::V2)] {
        site.turn_to(&plan(word))?;
        for family in Family::BOTH {
            let vip = site.vip(family, Scheme::Http);
            let mut wire = Wire::connect_in(site.lab().client_namespace(), None, vip)?;
            let expected = Greeting {
                version,
                client: wire.tcp().local_addr()?,
                reached: SocketAddr::new(family.vip(), HTTP_PORT),
            };
            let first = wire.get("/")?.echo()?;
            assert_eq!(first.greeting, Some(expected));
            let second = wire.get("/")?.echo()?;
            assert_eq!(
                (second.greeting, second.peer),
                (Some(expected), first.peer.clone()),
                "its connection serves it again"
            );
            // And nobody else.
            let mut other = Wire::connect_in(site.lab().client_namespace(), None, vip)?;
            let echo = other.get("/")?.echo()?;
            let told = echo.greeting.context("there is no header")?;
            assert_eq!(told.client, other.tcp().local_addr()?);
            assert_ne!(echo.peer, first.peer);
        }
        // Streams of one connection are one client's.
        let http2 = site.http2()?;
        let clients: BTreeSet<_> = http2
            .ask_all(vec![Ask::get("/"); 8])
            .into_iter()
            .map(|reply| Ok(reply?.echo()?.greeting.context("there is no header")?.client))
            .collect::<Result<_>>()?;
        assert_eq!(clients.len(), 1, "{clients:?}");
    }
    Ok(())
}

#[test]
fn members_are_told_of_the_client_that_a_proxy_has_told_of() -> Result<()> {
    let authority = Authority::new()?;
    let certificate = authority.certify("member", &["10.2.1.2"])?;
    let tls = format!(
        "send_proxy_protocol = \"v2\"\n[pool.http.tls]\nca = \"{}\"",
        authority.file().display()
    );
    let plan = Plan::new(&[1]).listener(&believing(""));
    let site = Site::start(&plan.clone().over_tls(&certificate).pool(&tls))?;
    let said = greeting(Version::V1, behind(7));
    let expected = Greeting {
        version: Version::V2,
        ..said
    };
    assert_eq!(echo_of(&site, said)?.greeting, Some(expected), "before TLS");
    site.turn_to(&plan.pool("send_proxy_protocol = \"v2\""))?;
    assert_eq!(echo_of(&site, said)?.greeting, Some(expected));
    Ok(())
}

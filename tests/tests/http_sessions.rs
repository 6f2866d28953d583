//! What becomes of sessions by cookie when members fail, drain, go and come back.

use std::time::Duration;

use anyhow::{Context as _, Result};
use lb_tests::http::Jar;
use lb_tests::member::Health;
use lb_tests::{Plan, Site, eventually};

const WITHIN: Duration = Duration::from_secs(10);

/// Either kind of session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Own,
    App,
}

impl Kind {
    const BOTH: [Self; 2] = [Self::Own, Self::App];

    fn plan(self, weights: &[u32]) -> Plan {
        let plan = Plan::new(weights);
        match self {
            Self::Own => plan.cookie(20, ""),
            Self::App => plan.app_cookie("SESSION", ""),
        }
    }

    /// So many clients, each with the member that it is held to.
    fn clients(self, site: &Site, count: usize) -> Result<Vec<(Jar, String)>> {
        let client = |number| {
            let mut jar = Jar::default();
            let target = match self {
                Self::Own => "/".to_owned(),
                Self::App => format!("/?set=SESSION=of-client-{number}"),
            };
            let reply = site.browse(&target, &mut jar)?;
            Ok((jar, reply.member().to_owned()))
        };
        (0..count).map(client).collect()
    }
}

/// Where a client is served now.
fn member(site: &Site, jar: &mut Jar) -> Result<String> {
    let reply = site.browse("/", jar)?;
    anyhow::ensure!(reply.status == 200, "{reply:?}");
    Ok(reply.member().to_owned())
}

#[test]
fn a_session_whose_member_is_down_moves_and_stays_where_it_went() -> Result<()> {
    for kind in Kind::BOTH {
        let monitor =
            "type = \"HTTP\"\nurl_path = \"/health\"\ndelay_s = 1\ntimeout_s = 1\nrise = 1\nfall = 1";
        let site = Site::start(&kind.plan(&[1, 1, 1]).monitor(monitor))?;
        let mut clients = kind.clients(&site, 9)?;
        site.member(1).set_health(Health::Failing);
        site.await_member(1, "ERROR")?;
        for (jar, held) in &mut clients {
            let now = member(&site, jar)?;
            if held == "member1" {
                assert_ne!(now, "member1", "{kind:?}");
                *held = now;
            } else {
                assert_eq!(now, *held, "{kind:?}: nothing has happened to it");
            }
        }
        assert_eq!(site.sessions("moved")?, 3, "{kind:?}");
        site.member(1).set_health(Health::Passing);
        site.await_member(1, "ONLINE")?;
        for (jar, held) in &mut clients {
            assert_eq!(member(&site, jar)?, *held, "{kind:?}: it stays");
        }
        assert_eq!(site.sessions("moved")?, 3, "{kind:?}");
    }
    Ok(())
}

#[test]
fn a_draining_member_keeps_its_sessions_and_gets_no_new_ones_and_a_removed_one_keeps_none() -> Result<()> {
    for kind in Kind::BOTH {
        let site = Site::start(&kind.plan(&[1, 1, 1]))?;
        let mut clients = kind.clients(&site, 9)?;
        site.turn_to(&kind.plan(&[0, 1, 1]))?;
        for (jar, held) in &mut clients {
            assert_eq!(member(&site, jar)?, *held, "{kind:?}: it stays");
        }
        for _ in 0..10 {
            assert_ne!(site.get("/")?.member(), "member1", "{kind:?}");
        }
        // All of them drain: who is there is served, and nobody else.
        site.turn_to(&kind.plan(&[0, 0, 0]))?;
        for (jar, held) in &mut clients {
            assert_eq!(member(&site, jar)?, *held, "{kind:?}: it stays");
        }
        assert_eq!(site.get("/")?.status, 503, "{kind:?}");

        site.turn_to(&kind.plan(&[1, 1, 1]).without(1))?;
        for (jar, held) in &mut clients {
            let now = member(&site, jar)?;
            if held == "member1" {
                *held = now;
            }
            assert_eq!(member(&site, jar)?, *held, "{kind:?}: it stays where it went");
            assert_ne!(held, "member1", "{kind:?}");
        }
        assert_eq!(site.sessions("moved")?, 3, "{kind:?}");
        site.turn_to(&kind.plan(&[1, 1, 1]))?;
        for (jar, held) in &mut clients {
            assert_eq!(
                member(&site, jar)?,
                *held,
                "{kind:?}: also when the other comes back"
            );
        }
    }
    Ok(())
}

#[test]
fn a_session_moves_at_once_where_its_member_refuses_the_connection() -> Result<()> {
    for kind in Kind::BOTH {
        let site = Site::start(&kind.plan(&[1, 1]))?;
        let mut clients = kind.clients(&site, 4)?;
        // No monitor has found out yet.
        site.member(1).stop();
        for (jar, held) in &mut clients {
            assert_eq!(member(&site, jar)?, "member2", "{kind:?}");
            "member2".clone_into(held);
        }
        site.member(1).restart()?;
        for (jar, held) in &mut clients {
            assert_eq!(member(&site, jar)?, *held, "{kind:?}: it stays");
        }
    }
    Ok(())
}

#[test]
fn an_application_s_cookie_is_learned_and_holds_until_the_application_ends_it() -> Result<()> {
    let site = Site::start(&Plan::new(&[1, 1, 1]).app_cookie("JSESSIONID", "cookie_in_url = true"))?;
    let mut jar = Jar::default();
    let first = site.browse("/?set=JSESSIONID=abc123", &mut jar)?;
    let set = first.values("set-cookie");
    assert_eq!(
        set,
        ["JSESSIONID=abc123; Path=/; HttpOnly"],
        "it arrives as it was set"
    );
    for _ in 0..6 {
        let reply = site.browse("/", &mut jar)?;
        assert_eq!(reply.member(), first.member());
        assert_eq!(reply.echo()?.values("cookie"), ["JSESSIONID=abc123"]);
    }
    // The same session where the application writes it into its URLs.
    for target in [
        "/shop;jsessionid=abc123",
        "/shop;JSESSIONID=abc123?a=b",
        "/shop?a=b&JSESSIONID=abc123",
    ] {
        for _ in 0..3 {
            let reply = site.get(target)?;
            assert_eq!(reply.member(), first.member(), "{target}");
            assert_eq!(reply.echo()?.line, format!("GET {target} HTTP/1.1"));
        }
    }
    let counts = ["created", "ended"].map(|count| site.sessions(count));
    assert!(matches!(counts, [Ok(1), Ok(0)]), "{counts:?}");
    site.browse("/?clear=JSESSIONID", &mut jar)?;
    assert_eq!(site.sessions("ended")?, 1);
    let held = site.sessions("held")?;
    for _ in 0..3 {
        site.wire()?.ask("GET", "/", &[("Cookie", "JSESSIONID=abc123")])?;
    }
    assert_eq!(site.sessions("held")?, held, "it is over");
    Ok(())
}

#[test]
fn an_application_s_session_ends_when_its_client_stays_away() -> Result<()> {
    let site = Site::start(&Plan::new(&[1, 1]).app_cookie("SESSION", "idle_timeout_min = 1"))?;
    let mut clients = Kind::App.clients(&site, 2)?;
    let (jar, held) = clients.first_mut().context("there is a client")?;
    // A moment later the proxy knows of the time.
    let expired = || site.sessions("expired");
    for _ in 0..3 {
        site.daemon().pass_time(50)?;
        assert_eq!(member(&site, jar)?, *held);
        assert_eq!(expired()?, 0);
    }
    eventually("the session to be over", WITHIN, || {
        site.daemon().pass_time(70).map_err(|error| error.to_string())?;
        member(&site, jar).map_err(|error| error.to_string())?;
        match expired() {
            Ok(0) => Err("it is not".to_owned()),
            _ => Ok(()),
        }
    });
    Ok(())
}

#[test]
fn an_upgrade_begins_a_session_and_moves_it_as_any_request_does() -> Result<()> {
    for kind in Kind::BOTH {
        let site = Site::start(&kind.plan(&[1, 1, 1]))?;
        let upgrade = |target: &str, jar: &mut Jar| -> Result<String> {
            let cookies = jar.field();
            let mut fields = vec![("Connection", "upgrade"), ("Upgrade", "echo")];
            if !cookies.is_empty() {
                fields.push(("Cookie", &cookies));
            }
            let reply = site.wire()?.ask("GET", target, &fields)?;
            anyhow::ensure!(reply.status == 101, "{reply:?}");
            jar.take(&reply);
            Ok(reply.member().to_owned())
        };
        let mut jar = Jar::default();
        let held = upgrade("/?set=SESSION=of-an-upgrade", &mut jar)?;
        for _ in 0..4 {
            assert_eq!(member(&site, &mut jar)?, held, "{kind:?}");
            assert_eq!(upgrade("/", &mut jar)?, held, "{kind:?}");
        }
        let counts = ["created", "held", "moved"].map(|count| site.sessions(count));
        assert!(matches!(counts, [Ok(1), Ok(8), Ok(0)]), "{kind:?} {counts:?}");
        site.member_named(&held).stop();
        let moved = upgrade("/", &mut jar)?;
        assert_ne!(moved, held, "{kind:?}");
        assert_eq!(site.sessions("moved")?, 1, "{kind:?}");
        for _ in 0..4 {
            assert_eq!(member(&site, &mut jar)?, moved, "{kind:?}: it stays");
        }
    }
    Ok(())
}

#[test]
fn a_session_moves_where_its_member_refuses_the_connection_though_nothing_is_tried_again() -> Result<()> {
    for kind in Kind::BOTH {
        let site = Site::start(&kind.plan(&[1, 1]).pool("retries = 0"))?;
        let mut clients = kind.clients(&site, 4)?;
        site.member(1).stop();
        for (jar, _) in &mut clients {
            assert_eq!(member(&site, jar)?, "member2", "{kind:?}");
        }
        // Who has none is told of it.
        let statuses = [site.get("/")?.status, site.get("/")?.status];
        assert!(
            statuses.contains(&200) && statuses.contains(&502),
            "{kind:?} {statuses:?}"
        );
    }
    Ok(())
}

#[test]
fn the_end_of_another_cookie_of_the_name_ends_no_session() -> Result<()> {
    let site = Site::start(&Kind::App.plan(&[1, 1, 1]))?;
    for (target, goes_on) in [
        ("/?clear_other=SESSION", true),
        ("/?clear=SESSION&set=SESSION=one", true),
        ("/?set=SESSION=one&clear_other=SESSION", true),
        ("/other/page?clear_other=SESSION", false),
        ("/?clear=SESSION", false),
    ] {
        let held = site.get("/?set=SESSION=one")?.member().to_owned();
        let shown = [("Cookie", "SESSION=one")];
        let ended = site.sessions("ended")?;
        let asked = |target: &str| {
            site.wire()?
                .ask("GET", target, &shown)
                .map_err(anyhow::Error::from)
        };
        assert_eq!(asked(target)?.member(), held);
        assert_eq!(site.sessions("ended")? == ended, goes_on, "{target}");
        if goes_on {
            for _ in 0..3 {
                assert_eq!(asked("/")?.member(), held, "{target}");
            }
        }
    }
    Ok(())
}

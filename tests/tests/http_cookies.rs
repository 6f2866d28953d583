//! The balancer's own cookie: who gets it, who is held by it, and what of it others see.

use std::collections::BTreeSet;
use std::fs;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use lb_tests::http::{Ask, Jar, Wire};
use lb_tests::site::{MEMBER_PORT, POOL, Shared};
use lb_tests::{Config, Family, Plan, Pool, Reply, Scheme, Site, eventually};

const NAME: &str = "HOLDFAST";
const WITHIN: Duration = Duration::from_secs(10);

fn plan() -> Plan {
    Plan::new(&[1, 1, 1]).cookie(20, "")
}

fn any() -> Result<Arc<Site>> {
    static SITE: Shared = Shared::new();
    SITE.of(&plan())
}

/// A request that shows this cookie.
fn show(site: &Site, value: &str) -> Result<Reply> {
    let cookie = format!("{NAME}={value}");
    Ok(site.wire()?.ask("GET", "/", &[("Cookie", &cookie)])?)
}

/// A client that has just got its cookie, and the member that it is held to.
fn client(site: &Site) -> Result<(Jar, String)> {
    let mut jar = Jar::default();
    let reply = site.browse("/", &mut jar)?;
    Ok((jar, reply.member().to_owned()))
}

fn value(jar: &Jar) -> Result<String> {
    Ok(jar.value(NAME).context("it got no cookie")?.to_owned())
}

fn refused(site: &Site, why: &str) -> Result<u64> {
    let pool = site.pool()?;
    Ok(pool["proxied_sessions"]["refused"][why].as_u64().unwrap_or(0))
}

#[test]
fn it_is_set_on_the_first_response_only_and_holds_the_client_afterwards() -> Result<()> {
    let site = any()?;
    let mut members = BTreeSet::new();
    for _ in 0..12 {
        let mut jar = Jar::default();
        let first = site.browse("/", &mut jar)?;
        let set = first.values("set-cookie");
        let expected = format!("{NAME}={}; Path=/; HttpOnly; SameSite=Lax", value(&jar)?);
        assert_eq!(set, [expected]);
        assert_eq!(first.values("cache-control"), ["private"]);
        for _ in 0..4 {
            let next = site.browse("/", &mut jar)?;
            assert_eq!(next.values("set-cookie"), Vec::<&str>::new());
            assert_eq!(next.values("cache-control"), Vec::<&str>::new());
            assert_eq!(next.member(), first.member());
        }
        // Over HTTP/2 too, and over one connection with clients of other members.
        let http2 = site.http2()?;
        for _ in 0..4 {
            let next = http2.ask(Ask::get("/").with("cookie", &jar.field()))?;
            assert_eq!(next.values("set-cookie"), Vec::<&str>::new());
            assert_eq!(next.member(), first.member());
        }
        members.insert(first.member().to_owned());
    }
    assert_eq!(members.len(), 3, "others are held to others");
    Ok(())
}

#[test]
fn curl_is_held_by_its_cookie_jar_over_either_version() -> Result<()> {
    let site = any()?;
    let directory = tempfile::tempdir()?;
    for family in Family::BOTH {
        for option in ["--http1.1", "--http2-prior-knowledge"] {
            let jar = directory.path().join(format!("{family:?}{option}"));
            let curl = site.curl(family, Scheme::Http).with(&[option]).with_jar(&jar);
            let member =
                || -> Result<_> { Ok(curl.get(Scheme::Http, "shop.example.com", "/")?.echo()?.member) };
            let first = member()?;
            for _ in 0..4 {
                assert_eq!(member()?, first);
            }
        }
    }
    Ok(())
}

#[test]
fn members_do_not_see_it_while_other_cookies_arrive_unchanged() -> Result<()> {
    let site = any()?;
    let own = value(&client(&site)?.0)?;
    let cases = [
        (format!("{NAME}={own}"), None),
        (
            "a=1; b=\"two words\";c=3".to_owned(),
            Some("a=1; b=\"two words\";c=3"),
        ),
        (format!("a=1; {NAME}={own}; b=2"), Some("a=1; b=2")),
        (format!("{NAME}={own}; a=1; {NAME}=x"), Some("a=1")),
        (format!("X{NAME}=1; {NAME}2=2"), Some("XHOLDFAST=1; HOLDFAST2=2")),
    ];
    for (sent, seen) in cases {
        let seen: Vec<_> = seen.into_iter().collect();
        let echo = site.wire()?.ask("GET", "/", &[("Cookie", &sent)])?.echo()?;
        assert_eq!(echo.values("cookie"), seen, "{sent}");
        let echo = site.http2()?.ask(Ask::get("/").with("cookie", &sent))?.echo()?;
        assert_eq!(echo.values("cookie"), seen, "{sent}");
    }
    // HTTP/2 may send them one by one.
    let crumbs = Ask::get("/")
        .with("cookie", "a=1")
        .with("cookie", &format!("{NAME}={own}"))
        .with("cookie", "b=2");
    assert_eq!(site.http2()?.ask(crumbs)?.echo()?.values("cookie"), ["a=1; b=2"]);
    Ok(())
}

#[test]
fn a_cookie_that_is_none_is_as_good_as_not_there_and_is_counted() -> Result<()> {
    let mut site = Site::start(&plan())?;
    let (jar, member) = client(&site)?;
    let good = value(&jar)?;
    // In the middle of what is sealed.
    let (before, after) = good.split_at(40);
    let other = if after.starts_with('A') { 'B' } else { 'A' };
    let forged = format!("{before}{other}{}", &after[1..]);
    let cases = [
        ("forged", forged.as_str()),
        ("malformed", &good[..good.len() - 1]),
        ("malformed", ""),
        ("malformed", "!!!"),
        ("unknown_version", "AAAA"),
        ("too_long", &"A".repeat(8192)),
    ];
    for (why, bad) in cases {
        let before = refused(&site, why)?;
        let reply = show(&site, bad)?;
        assert_eq!(
            (reply.status, reply.values("set-cookie").len()),
            (200, 1),
            "{why}"
        );
        assert_eq!(refused(&site, why)?, before + 1, "{why}: {bad:.80}");
    }
    assert_eq!(
        show(&site, &good)?.member(),
        member,
        "and the good one is still good"
    );

    // The keys outlive the daemon, and the cookies with them.
    site.daemon_mut().restart()?;
    assert_eq!(show(&site, &good)?.member(), member);
    // With other keys they are those of a stranger.
    site.daemon_mut().terminate()?;
    fs::remove_dir_all(site.daemon().state_path())?;
    site.daemon_mut().launch()?;
    let reply = show(&site, &good)?;
    assert_eq!((reply.status, reply.values("set-cookie").len()), (200, 1));
    assert_eq!(refused(&site, "unknown_key")?, 1);
    Ok(())
}

#[test]
fn of_several_cookies_of_the_name_the_good_one_holds() -> Result<()> {
    let site = any()?;
    let (jar, member) = client(&site)?;
    let good = value(&jar)?;
    for cookies in [
        format!("{NAME}=planted; {NAME}={good}"),
        format!("{NAME}={good}; a=b; {NAME}=planted"),
    ] {
        for _ in 0..3 {
            let reply = site.wire()?.ask("GET", "/", &[("Cookie", &cookies)])?;
            assert_eq!(
                (reply.member(), reply.values("set-cookie").len()),
                (member.as_str(), 0),
                "{cookies}"
            );
            assert!(!reply.echo()?.values("cookie").concat().contains(NAME));
        }
    }
    Ok(())
}

#[test]
fn a_cookie_of_another_pool_is_worth_nothing() -> Result<()> {
    let other = (Family::V4.vip(), 8000).into();
    let pool = Pool::web("other")
        .section("session_persistence", "type = \"HTTP_COOKIE\"")
        .member("member1", ([10, 2, 1, 2], MEMBER_PORT).into(), 1);
    let config = Config::new()
        .web_listener(Scheme::Http, other, "other", "")
        .pool(pool);
    let site = Site::start(&plan().further(config))?;
    let mut jar = Jar::default();
    Wire::connect_in(site.lab().client_namespace(), None, other)?.browse("/", &mut jar)?;
    let reply = show(&site, &value(&jar)?)?;
    assert_eq!(
        (reply.status, reply.values("set-cookie").len()),
        (200, 1),
        "{POOL}"
    );
    assert_eq!(refused(&site, "other_pool")?, 1);
    Ok(())
}

#[test]
fn it_looks_as_it_is_configured() -> Result<()> {
    let further = "cookie_name = \"LB\"\ncookie_domain = \"example.com\"\ncookie_path = \"/shop\"\n\
                   cookie_secure = \"always\"\ncookie_http_only = false\ncookie_same_site = \"None\"\n\
                   cookie_cache_control = false";
    let site = Site::start(&Plan::new(&[1]).cookie(20, further))?;
    let mut jar = Jar::default();
    let reply = site.browse("/", &mut jar)?;
    let value = jar.value("LB").context("it got no cookie")?;
    let expected = format!("LB={value}; Path=/shop; Domain=example.com; Secure; SameSite=None");
    assert_eq!(reply.values("set-cookie"), [expected]);
    assert_eq!(reply.values("cache-control"), Vec::<&str>::new());
    Ok(())
}

#[test]
fn a_client_is_held_while_it_stays_within_the_duration_and_free_after_it() -> Result<()> {
    let site = Site::start(&Plan::new(&[1, 1]).cookie(1, "absolute_timeout_min = 4"))?;
    let (mut jar, member) = client(&site)?;
    // The proxy learns of it within a moment: then it renews the cookie, or sets a new one.
    let after = |seconds, jar: &mut Jar| -> Result<Reply> {
        site.daemon().pass_time(seconds)?;
        let old = value(jar)?;
        Ok(eventually("another cookie", WITHIN, || {
            let reply = show(&site, &old).map_err(|error| error.to_string())?;
            jar.take(&reply);
            (jar.value(NAME) != Some(&old))
                .then_some(reply)
                .ok_or_else(|| "none yet".to_owned())
        }))
    };
    for _ in 0..3 {
        assert_eq!(
            after(50, &mut jar)?.member(),
            member,
            "each time it starts afresh"
        );
    }
    assert_eq!(refused(&site, "expired")?, 0);
    after(70, &mut jar)?;
    assert_eq!(refused(&site, "expired")?, 1, "it was away for too long");
    // However busy a client is, its session ends one day.
    for _ in 0..4 {
        after(50, &mut jar)?;
    }
    assert_eq!(refused(&site, "expired")?, 1);
    after(50, &mut jar)?;
    assert_eq!(refused(&site, "expired")?, 2);

    // A changed duration holds at once, for the cookies that are out.
    let (jar, member) = client(&site)?;
    let old = value(&jar)?;
    site.turn_to(&Plan::new(&[1, 1]).cookie(20, ""))?;
    site.daemon().pass_time(300)?;
    let renewed = eventually("the cookie to be renewed", WITHIN, || {
        let reply = show(&site, &old).ok()?;
        (!reply.values("set-cookie").is_empty()).then_some(reply)
    });
    assert_eq!(renewed.member(), member);
    assert_eq!(refused(&site, "expired")?, 2);
    site.turn_to(&Plan::new(&[1, 1]).cookie(1, ""))?;
    show(&site, &old)?;
    assert_eq!(refused(&site, "expired")?, 3, "five minutes are too long now");
    Ok(())
}

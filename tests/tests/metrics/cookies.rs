//! Sessions by cookie: what became of them, and which cookies were not taken, and why.

use anyhow::{Context as _, Result};
use lb_tests::http::{Jar, Wire};
use lb_tests::{Plan, Site, eventually};

use crate::exposition::Exposition;
use crate::site;
use crate::watch::Watch;

const WITHIN: std::time::Duration = std::time::Duration::from_secs(20);

/// A count of what became of sessions.
fn events(site: &Site, event: &str) -> Result<i64> {
    let told = Exposition::of(site.daemon())?;
    Ok(told.count(
        "holdfast_session_events_total",
        &[("pool", "web"), ("event", event)],
    ))
}

/// The reasons for which cookies were not taken so far, with how many.
fn refused(site: &Site) -> Result<Vec<(String, i64)>> {
    let told = Exposition::of(site.daemon())?;
    let all = told.named("holdfast_session_cookies_refused_total", &[("pool", "web")]);
    let some = all.filter(|sample| sample.value > 0.0);
    Ok(some
        .map(|sample| (sample.labels["reason"].clone(), sample.value as i64))
        .collect())
}

fn show(site: &Site, cookie: &str) -> Result<()> {
    let reply = site.wire()?.ask("GET", "/", &[("Cookie", cookie)])?;
    anyhow::ensure!(reply.status == 200, "{reply:?}");
    Ok(())
}

#[test]
fn cookies_that_are_not_taken_are_counted_by_reason_from_zero_on() -> Result<()> {
    let site = Site::start(&Plan::new(&[1, 1]).cookie(20, ""))?;
    let told = Exposition::of(site.daemon())?;
    let reasons = told.named("holdfast_session_cookies_refused_total", &[("pool", "web")]);
    assert!(reasons.count() > 5, "what begins at one was never seen to grow");
    assert_eq!(refused(&site)?, []);

    let mut jar = Jar::default();
    site.browse("/", &mut jar)?;
    let good = jar.value("HOLDFAST").context("it got a cookie")?.to_owned();
    let letter = if &good[40..41] == "A" { 'B' } else { 'A' };
    let changed = format!("{}{letter}{}", &good[..40], &good[41..]);
    let mut counted = Vec::new();
    for (reason, cookie) in [
        ("malformed", "HOLDFAST=!".to_owned()),
        ("too_long", format!("HOLDFAST={}", "A".repeat(2000))),
        ("forged", format!("HOLDFAST={changed}")),
        ("unknown_version", format!("HOLDFAST=_{}", &good[1..])),
    ] {
        show(&site, &cookie)?;
        counted.push((reason.to_owned(), 1));
        counted.sort_unstable();
        let mut found = refused(&site)?;
        found.sort_unstable();
        assert_eq!(found, counted, "{reason}");
    }
    show(&site, &format!("HOLDFAST={good}"))?;
    assert_eq!(events(&site, "held")?, 1);

    // A cookie of whom came back too late; the proxy knows of the time a moment later.
    site.daemon().pass_time(21 * 60 + 60)?;
    eventually("it to be over", WITHIN, || {
        show(&site, &format!("HOLDFAST={good}"))?;
        let found = refused(&site)?;
        let expired = found.iter().find(|(reason, _)| reason == "expired");
        let (_, count) = expired.context("it is not")?;
        anyhow::ensure!(events(&site, "expired")? == *count, "it is both");
        Ok(())
    });
    Ok(())
}

#[test]
fn a_cookie_whose_key_was_dropped_is_not_taken_for_that_reason() -> Result<()> {
    let plan = Plan::new(&[1]).cookie(20, "");
    let site = site(&plan)?;
    let mut jar = Jar::default();
    site.browse("/", &mut jar)?;
    let config = site.daemon().config_path().display().to_string();
    for arguments in [&["rotate"][..], &["prune", "--older-than", "0"]] {
        let keys = [&["keys", "--config", &config], arguments].concat();
        let changed = site.daemon().cli(&keys)?;
        anyhow::ensure!(changed.status.success(), "{changed:?}");
        site.turn_to(&plan)?;
    }
    site.browse("/", &mut jar)?;
    assert_eq!(refused(&site)?, [("unknown_key".to_owned(), 1)]);
    Ok(())
}

#[test]
fn sessions_of_an_application_are_counted_until_it_ends_them_or_others_need_their_place() -> Result<()> {
    const ROOM: i64 = 1024;
    let plan = Plan::new(&[1, 1])
        .app_cookie("SESSION", "")
        .proxy(&format!("max_app_cookies = {ROOM}"));
    let site = site(&plan)?;
    let daemon = site.daemon();
    let watch = Watch::begin(daemon)?;
    let mut wire = site.wire()?;
    let begin = |wire: &mut Wire, from: usize, to: usize| -> Result<()> {
        for number in from..to {
            let reply = wire.get(&format!("/?set=SESSION=of-client-{number}"))?;
            anyhow::ensure!(reply.status == 200, "{reply:?}");
        }
        Ok(())
    };
    begin(&mut wire, 0, 800)?;
    let cookie = [("Cookie", "SESSION=of-client-7")];
    wire.ask("GET", "/", &cookie)?;
    watch.await_none(daemon);
    for (event, count) in [
        ("created", 800),
        ("held", 1),
        ("moved", 0),
        ("ended", 0),
        ("evicted", 0),
    ] {
        assert_eq!(events(&site, event)?, count, "{event}");
    }
    wire.ask("GET", "/?clear=SESSION", &cookie)?;
    assert_eq!(events(&site, "ended")?, 1);
    let entries = |told: &Exposition| told.count("holdfast_table_entries", &[("table", "app_cookies")]);
    let told = Exposition::of(daemon)?;
    assert_eq!(entries(&told), 799);
    for name in ["holdfast_sessions", "holdfast_member_sessions"] {
        told.assert(name, &[("pool", "web")], 799);
    }

    begin(&mut wire, 800, 1200)?;
    let told = Exposition::of(daemon)?;
    assert!((ROOM * 9 / 10..=ROOM).contains(&entries(&told)));
    told.assert("holdfast_table_capacity", &[("table", "app_cookies")], ROOM);
    let labels = |event| [("pool", "web"), ("event", event)];
    let count = |event| told.count("holdfast_session_events_total", &labels(event));
    assert_eq!(count("created"), 1200);
    // What was made is there, was ended, or had to go.
    let gone = count("created") - count("ended") - entries(&told);
    assert_eq!(count("evicted"), gone);
    let alerts = [
        ("HoldfastTableNearlyFull", "table", "app_cookies"),
        ("HoldfastSessionsEvicted", "pool", "web"),
    ];
    watch.await_just(daemon, &alerts);
    Ok(())
}

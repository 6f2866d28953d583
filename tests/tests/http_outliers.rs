//! Members that fail one request after another are ejected, and come back.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use lb_tests::http::Jar;
use lb_tests::{Health, Plan, Site, eventually};

const WITHIN: Duration = Duration::from_secs(10);
const FAILURES: u32 = 3;
const EJECTION_S: u32 = 600;
/// What a member is said to be that nobody looks after but its requests.
const UP: &str = "NO_MONITOR";
/// What is answered with 503 by a member that is told to fail: see [`lb_tests::Member::set_health`].
const TARGET: &str = "/?well";

fn plan(retries: u32) -> Plan {
    Plan::new(&[1, 1]).pool(&format!(
        "retries = {retries}\noutlier = {{ failures = {FAILURES}, ejection_s = {EJECTION_S} }}"
    ))
}

/// Asserts that member 1 is given nothing.
fn is_away(site: &Site) -> Result<()> {
    let before = site.member(1).seen().requests;
    for _ in 0..10 {
        let reply = site.get(TARGET)?;
        assert_eq!((reply.status, reply.member()), (200, "member2"));
    }
    assert_eq!(site.member(1).seen().requests, before);
    Ok(())
}

/// Lets time pass, and returns when member 1 is served again.
fn await_return(site: &Site) -> Result<()> {
    site.daemon().pass_time(EJECTION_S)?;
    site.await_member(1, UP)?;
    eventually("it to serve", WITHIN, || {
        let reply = site.get(TARGET)?;
        ensure!(reply.member() == "member1", "{}", reply.member());
        Ok(())
    });
    Ok(())
}

#[test]
fn a_member_that_fails_one_request_after_another_is_ejected_and_comes_back() -> Result<()> {
    let site = Site::start(&plan(0).cookie(20, ""))?;
    let mut jar = Jar::default();
    eventually("a session at member 1", WITHIN, || {
        jar = Jar::default();
        let reply = site.browse(TARGET, &mut jar)?;
        ensure!(reply.member() == "member1", "{}", reply.member());
        Ok(())
    });
    site.member(1).set_health(Health::Failing);
    let mut failed = 0;
    for _ in 0..2 * FAILURES {
        failed += u32::from(site.get(TARGET)?.status == 503);
    }
    assert_eq!(failed, FAILURES, "those of its turns, and none after that");
    site.await_member(1, "ERROR")?;
    is_away(&site)?;
    let why = format!(
        "ejected for 600 s, since it failed {FAILURES} requests in a row, the last one so: it responded with 503"
    );
    let pool = site.pool()?;
    assert!(pool["members"][0].to_string().contains(&why), "{pool}");
    let log = site.daemon().log();
    assert!(
        log.contains("member \"member1\" is ejected for 600 s") && log.contains("it responded with 503"),
        "{log}"
    );
    // Its sessions move, and stay where they went.
    assert_eq!(site.browse(TARGET, &mut jar)?.member(), "member2");
    assert_eq!(site.sessions("moved")?, 1);

    site.member(1).set_health(Health::Passing);
    is_away(&site)?;
    await_return(&site)?;
    assert_eq!(site.browse(TARGET, &mut jar)?.member(), "member2");
    Ok(())
}

#[test]
fn clients_notice_nothing_of_a_member_that_cannot_be_reached_and_soon_nobody_tries_it() -> Result<()> {
    let site = Site::start(&plan(1))?;
    site.member(1).stop();
    for _ in 0..20 {
        assert_eq!(site.get(TARGET)?.member(), "member2");
    }
    assert_eq!(site.requests("failures")?, u64::from(FAILURES));
    site.await_member(1, "ERROR")?;
    site.member(1).restart()?;
    is_away(&site)?;
    await_return(&site)
}

#[test]
fn errors_that_one_request_may_be_the_cause_of_eject_nobody() -> Result<()> {
    let site = Site::start(&plan(0))?;
    for status in [500, 404, 501] {
        for _ in 0..4 * FAILURES {
            assert_eq!(site.get(&format!("/?status={status}"))?.status, status);
        }
    }
    // Nor do failures between which there are successes.
    for _ in 0..4 * FAILURES {
        for target in ["/?status=503", "/?status=503", "/", "/"] {
            site.get(target)?;
        }
    }
    let pool = site.pool()?;
    let members = pool["members"].as_array().context("there are none")?;
    assert!(members.iter().all(|member| member["status"] == UP), "{pool}");
    Ok(())
}

#[test]
fn the_last_member_that_is_there_is_never_ejected() -> Result<()> {
    let site = Site::start(&plan(0))?;
    for number in [1, 2] {
        site.member(number).set_health(Health::Failing);
    }
    for _ in 0..10 * FAILURES {
        assert_eq!(site.get(TARGET)?.status, 503);
    }
    let pool = site.pool()?;
    let members = pool["members"].as_array().context("there are none")?;
    let online = members.iter().filter(|member| member["status"] == UP);
    assert_eq!(online.count(), 1, "{pool}");
    // It is the member's own answer, not the balancer's.
    assert!(site.get(TARGET)?.member().starts_with("member"));
    Ok(())
}

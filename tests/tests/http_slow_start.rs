//! Members that have just come up, and get less than their share at first.

use std::time::Duration;

use anyhow::{Result, ensure};
use lb_tests::{Health, Plan, Site, eventually};

const WITHIN: Duration = Duration::from_secs(20);
const REQUESTS: u32 = 200;
/// So long that the time that a slow machine takes is nothing beside it.
const SLOW_START_S: u32 = 3000;
const MONITOR: &str =
    "type = \"HTTP\"\nurl_path = \"/health\"\ndelay_s = 1\ntimeout_s = 1\nrise = 1\nfall = 1";

/// How many of [`REQUESTS`] member 1 gets, whose share is half of them.
fn share(site: &Site) -> Result<u32> {
    let mut wire = site.wire()?;
    let mut count = 0;
    for _ in 0..REQUESTS {
        let reply = wire.get("/")?;
        assert_eq!(reply.status, 200);
        count += u32::from(reply.member() == "member1");
    }
    Ok(count)
}

/// Returns when member 1 gets about so many: the balancer knows of the time a moment later.
fn await_share(site: &Site, expected: u32) {
    eventually(&format!("a share of {expected}"), WITHIN, || {
        let share = share(site)?;
        ensure!(share.abs_diff(expected) <= 10, "it is {share}");
        Ok(())
    });
}

#[test]
fn a_member_that_comes_up_gets_a_tenth_of_its_share_at_first_and_more_and_more() -> Result<()> {
    let plan = Plan::new(&[1, 1])
        .monitor(MONITOR)
        .pool(&format!("slow_start_s = {SLOW_START_S}"));
    let site = Site::start(&plan)?;
    let all = REQUESTS / 2;
    assert!(
        share(&site)?.abs_diff(all) <= 2,
        "it was up when the balancer came"
    );

    site.member(1).set_health(Health::Failing);
    site.await_member(1, "ERROR")?;
    assert_eq!(share(&site)?, 0);
    site.member(1).set_health(Health::Passing);
    site.await_member(1, "ONLINE")?;
    let at_first = share(&site)?;
    assert!((1..=all / 4).contains(&at_first), "{at_first} of {all}");

    site.daemon().pass_time(SLOW_START_S / 2)?;
    await_share(&site, all * 55 / 100);
    site.daemon().pass_time(SLOW_START_S / 2)?;
    await_share(&site, all);
    Ok(())
}

#[test]
fn an_added_member_starts_slowly_too_and_one_alone_has_all() -> Result<()> {
    let plan = |weights: &[u32]| Plan::new(weights).pool(&format!("slow_start_s = {SLOW_START_S}"));
    let site = Site::start(&plan(&[1, 1]).without(1))?;
    assert_eq!(share(&site)?, 0);
    site.turn_to(&plan(&[1, 1]))?;
    let at_first = share(&site)?;
    assert!((1..=REQUESTS / 8).contains(&at_first), "{at_first}");
    // Whoever has nobody else is not made to wait for it.
    site.turn_to(&plan(&[1, 1]).without(2))?;
    assert_eq!(share(&site)?, REQUESTS);
    Ok(())
}

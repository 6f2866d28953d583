//! A member that its monitor finds unwell gets nothing new; its clients move, and stay moved.

use std::time::Duration;

use anyhow::Result;
use lb_tests::{Family, Health, Laboratory, Member, Persistence, Pool, Protocol, Scene, Tally, eventually};

const PORT: u16 = 80;
const CLIENTS: usize = 60;
const AT_ONCE: usize = 16;
const PATIENCE: Duration = Duration::from_secs(20);

fn held(pool: Pool, monitor: &str) -> Pool {
    pool.persistence(Persistence { idle_timeout_min: 20 })
        .monitor(&format!(
            "{monitor}\ndelay_s = 1\ntimeout_s = 1\nrise = 2\nfall = 2"
        ))
}

fn by_connection(pool: Pool) -> Pool {
    held(pool, "type = \"TCP\"")
}

fn by_page(pool: Pool) -> Pool {
    held(
        pool,
        "type = \"HTTP\"\nport = 8081\nurl_path = \"/health\"\nexpected_codes = \"200-299\"",
    )
}

fn by_datagram(pool: Pool) -> Pool {
    held(pool, "type = \"UDP\"\nudp_send = \"ping\"")
}

fn by_answer(pool: Pool) -> Pool {
    held(
        pool,
        "type = \"UDP\"\nudp_send = \"ping\"\nudp_expect = \"member\"",
    )
}

/// Each of so many clients asks once; the first is `source(from)`.
fn ask_all(scene: &Scene, protocol: Protocol, family: Family, from: usize) -> Tally {
    let sources = |index| family.source(from + index);
    let tally = scene
        .client()
        .sweep(protocol, CLIENTS, sources, scene.vip(family), AT_ONCE);
    tally.assert_no_failures();
    tally
}

/// Returns when the log says so of the member, in the pools of both families.
fn await_news(scene: &Scene, member: &str, news: &str) {
    let quoted = format!("member=\"{member}\"");
    eventually(&format!("{member}: {news}"), PATIENCE, || {
        let log = scene.daemon().log();
        let lines = log
            .lines()
            .filter(|line| line.contains(news) && line.contains(&quoted));
        match lines.count() {
            count if count == Family::BOTH.len() => Ok(()),
            _ => Err(log),
        }
    });
}

/// What cannot fail, for where it could.
fn surely(change: impl Fn(&Member)) -> impl Fn(&Member) -> Result<()> {
    move |member| {
        change(member);
        Ok(())
    }
}

fn moves_and_stays(
    monitor: fn(Pool) -> Pool,
    protocol: Protocol,
    fail: impl Fn(&Member) -> Result<()>,
    recover: impl Fn(&Member) -> Result<()>,
    reason: &str,
) -> Result<()> {
    let scene = Scene::start(Laboratory::routed(), PORT, &[1, 1, 1], monitor)?;
    let unwell = &scene.members()[0];
    let ask = |from| Family::BOTH.map(|family| ask_all(&scene, protocol, family, from));
    for before in ask(0) {
        assert!(before.served_by(unwell.name()) > 0);
    }

    fail(unwell)?;
    await_news(&scene, unwell.name(), &format!("the member is down: {reason}"));
    for pool in 0..Family::BOTH.len() {
        let status = scene.daemon().status()?;
        let why = &status["pools"][pool]["members"][0]["why_down"];
        assert_eq!(*why, reason, "{status}");
    }
    let moved = ask(0);
    for tally in moved.iter().chain(&ask(1000)) {
        assert_eq!(tally.served_by(unwell.name()), 0);
    }

    recover(unwell)?;
    await_news(&scene, unwell.name(), "the member is up");
    for (moved, after) in moved.into_iter().zip(ask(0)) {
        moved.merge(after).assert_nobody_moved();
    }
    for newcomers in ask(2000) {
        assert!(newcomers.served_by(unwell.name()) > 0);
    }
    Ok(())
}

#[test]
fn the_clients_of_a_member_that_died_move_and_stay_moved() -> Result<()> {
    moves_and_stays(
        by_connection,
        Protocol::Tcp,
        surely(Member::stop),
        Member::restart,
        "connection refused",
    )
}

#[test]
fn a_member_that_is_down_gets_nothing_from_the_next_daemon_either() -> Result<()> {
    let mut scene = Scene::start(Laboratory::routed(), PORT, &[1, 1, 1], by_connection)?;
    let name = scene.members()[0].name().to_owned();
    scene.members()[0].stop();
    await_news(&scene, &name, "the member is down");
    scene.daemon_mut().kill9()?;
    scene.daemon_mut().launch()?;
    for family in Family::BOTH {
        let tally = ask_all(&scene, Protocol::Tcp, family, 0);
        assert_eq!(tally.served_by(&name), 0, "{tally:?}");
    }
    scene.members()[0].restart()?;
    await_news(&scene, &name, "the member is up");
    for family in Family::BOTH {
        assert!(ask_all(&scene, Protocol::Tcp, family, 1000).served_by(&name) > 0);
    }
    Ok(())
}

#[test]
fn the_clients_of_a_member_whose_health_page_fails_move_and_stay_moved() -> Result<()> {
    moves_and_stays(
        by_page,
        Protocol::Tcp,
        surely(|member| member.set_health(Health::Failing)),
        surely(|member| member.set_health(Health::Passing)),
        "status 503, expected 200-299",
    )
}

#[test]
fn the_clients_of_a_member_whose_udp_port_closes_move_and_stay_moved() -> Result<()> {
    moves_and_stays(
        by_datagram,
        Protocol::Udp,
        surely(Member::stop),
        Member::restart,
        "connection refused",
    )
}

#[test]
fn the_clients_of_a_member_that_hangs_move_where_an_answer_is_expected() -> Result<()> {
    moves_and_stays(
        by_answer,
        Protocol::Udp,
        Member::freeze,
        Member::thaw,
        "timed out after 1 s",
    )
}

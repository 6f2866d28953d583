//! One daemon takes over from another: nobody is refused, nothing under way is broken off, and sessions stay.

use std::fs;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use lb_tests::http::{Ask, Connections, Jar, Load};
use lb_tests::{Config, Daemon, Family, Plan, Pool, Scheme, Site, eventually};

const WITHIN: Duration = Duration::from_secs(10);

fn plan() -> Plan {
    Plan::new(&[1, 1]).cookie(20, "").patient()
}

/// Where the daemon listens: lines of `ss` without the processes.
fn listening(site: &Site) -> Result<Vec<String>> {
    let output = site.lab().balancer().command("ss").args(["-Htln"]).output()?;
    let said = String::from_utf8(output.stdout)?;
    let mut addresses: Vec<_> = said
        .lines()
        .filter_map(|line| line.split_whitespace().nth(3).map(str::to_owned))
        .collect();
    addresses.sort();
    Ok(addresses)
}

#[test]
fn no_request_is_lost_while_daemon_after_daemon_takes_over() -> Result<()> {
    let mut site = Site::start(&plan().proxy("drain_s = 60"))?;
    let before = listening(&site)?;
    let load = Load::on(&site, Connections::MayEnd);
    load.run_while(|load| {
        for _ in 0..3 {
            let before = site.daemon_mut().take_over()?;
            // Its connections go, since they ask.
            load.await_more()?;
            ensure!(before.await_end()?.success());
        }
        Ok(())
    })?;
    assert_eq!(listening(&site)?, before, "the same sockets as ever");
    assert!(
        site.daemon()
            .log()
            .contains("the daemon that this one took over from has ended"),
        "the next one knows"
    );
    Ok(())
}

#[test]
fn an_upgrade_starts_the_binary_that_is_installed_and_has_it_take_over() -> Result<()> {
    let mut site = Site::start(&plan())?;
    let load = Load::on(&site, Connections::MayEnd);
    let pid = site.daemon().pid();
    load.run_while(|load| {
        let before = site.daemon_mut().upgrade()?;
        load.await_more()?;
        ensure!(before.await_end()?.success());
        Ok(())
    })?;
    assert_ne!(site.daemon().pid(), pid);
    assert_eq!(site.get("/")?.status, 200);
    Ok(())
}

#[test]
fn what_is_under_way_ends_with_the_daemon_that_has_it() -> Result<()> {
    let mut site = Site::start(&plan())?;
    let mut slow = site.wire()?;
    slow.send("GET /?size=50000&drip_ms=400 HTTP/1.1\r\nHost: a\r\n\r\n")?;
    let mut upgraded = site.wire()?;
    upgraded.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n")?;
    assert_eq!(upgraded.reply("GET")?.status, 101);
    let mut idle = site.wire()?;
    assert_eq!(idle.get("/")?.status, 200);
    let mut before = site.daemon_mut().take_over()?;
    // The idle one is told with its next response.
    let reply = idle.get("/")?;
    assert_eq!((reply.status, reply.values("connection")), (200, vec!["close"]));
    idle.ends()?;
    upgraded.send("still there")?;
    assert_eq!(upgraded.take(11)?, b"still there");
    assert!(before.runs()?);
    let reply = slow.reply("GET")?;
    assert_eq!((reply.status, reply.body.len()), (200, 50_000));
    drop((slow, upgraded));
    assert!(before.await_end()?.success());
    Ok(())
}

#[test]
fn sessions_by_both_cookies_are_held_by_the_next_daemon() -> Result<()> {
    let app = Plan::new(&[1, 1, 1]).app_cookie("JSESSIONID", "");
    for plan in [Plan::new(&[1, 1, 1]).cookie(20, ""), app] {
        let mut site = Site::start(&plan)?;
        let mut jars = vec![Jar::default(); 12];
        let login = |site: &Site, number: usize, jar: &mut Jar| -> Result<String> {
            let target = format!("/?set=JSESSIONID%3Dvalue{number}").replace("%3D", "=");
            Ok(site.browse(&target, jar)?.member().to_owned())
        };
        let (early, late) = jars.split_at_mut(6);
        let mut held: Vec<String> = Vec::new();
        for (number, jar) in early.iter_mut().enumerate() {
            held.push(login(&site, number, jar)?);
        }
        // One whose response begins before, and ends long after.
        let mut slow = site.wire()?;
        slow.send("GET /?delay_ms=1500&set=JSESSIONID=slow HTTP/1.1\r\nHost: a\r\n\r\n")?;
        eventually("the request to be under way", WITHIN, || {
            site.requests("active").is_ok_and(|active| active == 1)
        });
        let before = site.daemon_mut().take_over()?;
        for (number, jar) in late.iter_mut().enumerate() {
            held.push(login(&site, 6 + number, jar)?);
        }
        let reply = slow.reply("GET")?;
        let mut slow_jar = Jar::default();
        slow_jar.take(&reply);
        drop(slow);
        held.push(reply.member().to_owned());
        assert!(before.await_end()?.success());
        eventually("the next one to know the last of them", WITHIN, || {
            site.daemon().log().contains("took over from has ended")
        });
        jars.push(slow_jar);
        for _ in 0..3 {
            for (jar, member) in jars.iter_mut().zip(&held) {
                assert_eq!(site.browse("/", jar)?.member(), member);
            }
        }
    }
    Ok(())
}

#[test]
fn what_daemons_learn_of_sessions_while_they_end_those_that_took_over_know_at_once() -> Result<()> {
    let mut site = Site::start(&Plan::new(&[1, 1, 1]).app_cookie("JSESSIONID", ""))?;
    // It keeps the first daemon from ending.
    let mut upgraded = site.wire()?;
    upgraded.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n")?;
    assert_eq!(upgraded.reply("GET")?.status, 101);
    let mut idle: Vec<_> = (0..3).map(|_| site.wire()).collect::<Result<_>>()?;
    for wire in &mut idle {
        assert_eq!(wire.get("/")?.status, 200);
    }
    let is_held = |site: &Site, jar: &Jar, member: &str| {
        eventually("the session to be known", WITHIN, || {
            for _ in 0..4 {
                let reply = site.browse("/", &mut jar.clone())?;
                ensure!(reply.member() == member, "{reply:?}");
            }
            Ok(())
        });
    };
    let first = site.daemon_mut().take_over()?;
    let mut jars = Vec::new();
    for (number, mut wire) in idle.drain(..2).enumerate() {
        let mut jar = Jar::default();
        let reply = wire.browse(&format!("/?set=JSESSIONID=late{number}"), &mut jar)?;
        is_held(&site, &jar, reply.member());
        jars.push((jar, reply.member().to_owned()));
    }
    // The application ends one with the next daemon: nothing that the first one knows brings it back.
    let (mut ended, _) = jars.pop().context("there are two")?;
    site.browse("/?clear=JSESSIONID", &mut ended)?;
    let second = site.daemon_mut().take_over()?;
    let mut jar = Jar::default();
    let reply = idle[0].browse("/?set=JSESSIONID=later", &mut jar)?;
    is_held(&site, &jar, reply.member());
    drop((upgraded, idle));
    for ending in [first, second] {
        assert!(ending.await_end()?.success());
    }
    eventually("the last one to know that", WITHIN, || {
        site.daemon().log().contains("took over from has ended")
    });
    for (jar, member) in &jars {
        is_held(&site, jar, member);
    }
    let listed = site.daemon().cli(&["sessions", "--json"])?;
    let listed: Vec<serde_json::Value> = serde_json::from_slice(&listed.stdout)?;
    assert_eq!(listed.len(), 2, "{listed:?}");
    Ok(())
}

#[test]
fn sessions_by_application_cookie_outlive_a_daemon_that_is_killed() -> Result<()> {
    let plan = Plan::new(&[1, 1, 1]).app_cookie("JSESSIONID", "");
    let mut site = Site::start(&plan.proxy("app_cookie_save_s = 1"))?;
    let mut jar = Jar::default();
    let reply = site.browse("/?set=JSESSIONID=value", &mut jar)?;
    let file = site.daemon().state_path().join("app-cookies");
    // One entry beyond what an empty table takes.
    eventually("the session to be written down", WITHIN, || {
        fs::metadata(&file).is_ok_and(|file| file.len() > 100)
    });
    site.daemon_mut().kill9()?;
    site.daemon_mut().launch()?;
    for _ in 0..6 {
        assert_eq!(site.browse("/", &mut jar)?.member(), reply.member());
    }
    Ok(())
}

#[test]
fn members_that_are_down_are_down_for_the_next_daemon_from_its_first_request() -> Result<()> {
    // Whoever finds it out anew needs some seconds for that.
    let monitor = "type = \"TCP\"\ndelay_s = 1\ntimeout_s = 1\nfall = 4\nrise = 1";
    let mut site = Site::start(&Plan::new(&[1, 1]).monitor(monitor))?;
    site.member(1).stop();
    site.await_member(1, "ERROR")?;
    let before = site.daemon_mut().take_over()?;
    let pool = site.pool()?;
    assert_eq!(pool["members"][0]["status"], "ERROR", "{pool}");
    for _ in 0..10 {
        assert_eq!(site.get("/")?.member(), "member2");
    }
    assert_eq!(site.requests("failures")?, 0, "nobody is tried in vain");
    assert!(before.await_end()?.success());
    Ok(())
}

#[test]
fn a_daemon_that_cannot_take_over_changes_nothing() -> Result<()> {
    let mut site = Site::start(&plan())?;
    let pid = site.daemon().pid();
    let good = fs::read_to_string(site.daemon().config_path())?;
    let mut idle = site.wire()?;
    let load = Load::on(&site, Connections::Stay);
    load.run_while(|load| {
        // What is found before it asks, and after: a file that is not there is missed only when all else is ready.
        let missing = good.replace("[proxy]", "[proxy]\naccess_log = { path = \"/nowhere/log\" }");
        for (bad, says) in [
            (format!("{good}\nnonsense = 1"), "exit status: 1"),
            (missing, "exit status: 1"),
        ] {
            fs::write(site.daemon().config_path(), bad)?;
            let refused = site.daemon_mut().upgrade().map(drop);
            let refused = format!("{:#}", refused.err().context("it took over")?);
            ensure!(refused.contains(says), "{refused}");
            load.await_more()?;
        }
        fs::write(site.daemon().config_path(), &good)?;
        Ok(())
    })?;
    assert_eq!(idle.get("/")?.status, 200, "also what it had open");
    drop(idle);
    assert_eq!(
        site.daemon().status()?["daemon"]["pid"].as_u64(),
        pid.map(u64::from)
    );
    let log = site.daemon().log();
    assert!(
        log.contains("/nowhere/log") && log.contains("this one goes on"),
        "{log}"
    );
    // It has its pins back: it takes a new configuration, and hands over to the next.
    site.turn_to(&plan().weights(&[1, 0]))?;
    site.daemon_mut().upgrade()?.await_end()?;
    assert_eq!(site.get("/")?.status, 200);
    Ok(())
}

#[test]
fn listeners_come_and_go_with_a_hand_over() -> Result<()> {
    let other = SocketAddr::new(Family::V4.vip(), 8000);
    let further = |pool: &str| {
        Config::new()
            .web_listener(Scheme::Http, other, pool, "")
            .pool(Pool::web(pool).member("member1", ([10, 2, 1, 2], 8080).into(), 1))
    };
    let mut site = Site::start(&plan().proxy("workers = 3"))?;
    site.rewrite(&plan().proxy("workers = 1").further(further("other")))?;
    site.daemon_mut().take_over()?.await_end()?;
    let ask = |site: &Site| {
        lb_tests::Wire::connect_in(site.lab().client_namespace(), None, other)?
            .get("/")
            .map_err(Into::into)
    };
    assert_eq!(ask(&site)?.status, 200);
    for _ in 0..30 {
        assert_eq!(site.get("/")?.status, 200, "whichever of its sockets");
    }
    site.rewrite(&plan().proxy("workers = 2"))?;
    site.daemon_mut().take_over()?.await_end()?;
    let refused: Result<lb_tests::Reply> = ask(&site);
    assert!(refused.is_err(), "nobody listens");
    for _ in 0..30 {
        assert_eq!(site.get("/")?.status, 200);
    }
    Ok(())
}

#[test]
fn a_daemon_that_nobody_runs_beside_starts_as_ever() -> Result<()> {
    let mut site = Site::start(&plan())?;
    site.daemon_mut().kill9()?;
    site.daemon_mut().launch_taking_over()?;
    assert_eq!(site.http2()?.ask(Ask::get("/"))?.status, 200);
    Ok(())
}

#[test]
fn a_daemon_with_other_pins_is_refused() -> Result<()> {
    let site = Site::start(&plan())?;
    let daemon: &Daemon = site.daemon();
    let text = fs::read_to_string(daemon.config_path())?;
    let other = daemon.config_path().with_file_name("other.toml");
    let pins = daemon.pin_path().display().to_string();
    fs::write(&other, text.replace(&pins, &format!("{pins}-other")))?;
    let output = site
        .lab()
        .balancer()
        .command(lb_tests::daemon::binary())
        .args(["run", "--take-over", "--config"])
        .arg(&other)
        .output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success(), "{said}");
    assert!(
        said.contains("does not hand over") && said.contains("has the `pin_path` of the one that runs"),
        "{said}"
    );
    assert_eq!(site.get("/")?.status, 200);
    Ok(())
}

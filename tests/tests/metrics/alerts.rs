//! Alerts fire when it happens that they are for, of what it happened to, and not before or after.

use std::net::SocketAddr;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use lb_tests::desk::{Desk, FILE, SMALL};
use lb_tests::http::Jar;
use lb_tests::{Daemon, Family, Health, Laboratory, Plan, Services, Wire};
use serde_json::json;

use crate::exposition::Exposition;
use crate::site;
use crate::watch::Watch;

/// A daemon that has nothing to serve yet.
fn without_a_datapath(lab: &Laboratory) -> Result<Daemon> {
    let mut daemon = Daemon::prepare(lab, "")?;
    daemon.set_interfaces(&[]);
    daemon.write_config("")?;
    daemon.launch()?;
    Ok(daemon)
}

#[test]
fn members_that_fail_raise_an_alert_each_and_the_last_one_for_its_pool_alone() -> Result<()> {
    let monitor = "type = \"HTTP\"\nurl_path = \"/health\"\ndelay_s = 1\ntimeout_s = 1\nrise = 1\nfall = 1";
    let site = site(&Plan::new(&[1, 1]).cookie(20, "").monitor(monitor))?;
    let daemon = site.daemon();
    let mut jars = vec![Jar::default(); 4];
    let browse = |jars: &mut Vec<Jar>| -> Result<Vec<u16>> {
        let statuses = jars.iter_mut().map(|jar| Ok(site.browse("/", jar)?.status));
        statuses.collect()
    };
    browse(&mut jars)?;
    let watch = Watch::begin(daemon)?;
    watch.await_none(daemon);

    site.member(1).set_health(Health::Failing);
    site.await_member(1, "ERROR")?;
    let one_fails = ("HoldfastMemberFails", "member", "member1");
    watch.await_just(daemon, &[one_fails]);

    // Half of the clients were there.
    browse(&mut jars)?;
    let move_away = ("HoldfastSessionsMove", "pool", "web");
    let firing = watch.await_just(daemon, &[one_fails, move_away]);
    let moved = firing.last().map(|alert| alert.value);
    assert!(moved.is_some_and(|part| (part - 0.5).abs() < 0.01), "{firing:#?}");

    site.member(2).set_health(Health::Failing);
    site.await_member(2, "ERROR")?;
    assert_eq!(browse(&mut jars)?, [503; 4]);
    // Of its listeners nothing is said beside it.
    let all = [
        ("HoldfastPoolFails", "pool", "web"),
        one_fails,
        ("HoldfastMemberFails", "member", "member2"),
        ("HoldfastManyResponsesFail", "listener", "listener-1"),
        move_away,
    ];
    watch.await_just(daemon, &all);

    for number in [1, 2] {
        site.member(number).set_health(Health::Passing);
        site.await_member(number, "ONLINE")?;
    }
    let later = Watch::begin(daemon)?;
    assert_eq!(browse(&mut jars)?, [200; 4]);
    later.await_none(daemon);
    Ok(())
}

#[test]
fn a_listener_that_fails_raises_an_alert_though_one_of_the_same_name_does_well() -> Result<()> {
    let lab = Laboratory::routed().members(1).build()?;
    let member = lab.serve(1, &Services::new().web([8080]))?;
    let daemon = without_a_datapath(&lab)?;
    for family in Family::BOTH {
        let members = [json!({"address": member.address(family), "protocol_port": 8080})];
        let tree = json!({
            "name": "shop", "vip_address": family.vip(), "listeners": [{
                "name": "site", "protocol": "HTTP", "protocol_port": 80,
                "default_pool": {
                    "name": "web", "protocol": "HTTP", "lb_algorithm": "ROUND_ROBIN", "members": members,
                },
            }],
        });
        daemon.make("/loadbalancers", "loadbalancer", &tree)?;
    }
    let watch = Watch::begin(&daemon)?;
    let mut wires = Vec::new();
    for family in Family::BOTH {
        let vip = SocketAddr::new(family.vip(), 80);
        wires.push(Wire::connect_in(lab.client_namespace(), None, vip)?);
    }
    for _ in 0..100 {
        assert_eq!(wires[0].get("/")?.status, 200);
    }
    assert_eq!(wires[1].get("/?status=503")?.status, 503);
    let firing = watch.await_just(&daemon, &[("HoldfastManyResponsesFail", "listener", "site")]);
    let told = Exposition::of(&daemon)?;
    let failed = [("code", "5xx"), ("listener_id", firing[0].label("listener_id"))];
    told.assert("holdfast_http_responses_total", &failed, 1);
    assert_ne!(firing[0].label("load_balancer_id"), "shop");
    Ok(())
}

#[test]
fn a_listener_whose_pool_or_members_are_all_switched_off_raises_an_alert_and_one_without_members_yet_does_not()
-> Result<()> {
    let lab = Laboratory::routed().members(1).build()?;
    let desk = Desk::of(without_a_datapath(&lab)?, lab);
    let daemon = &desk.daemon;
    let watch = Watch::begin(daemon)?;
    desk.all(&[
        "lb create shop --vip 192.0.2.77",
        "listener create site --lb shop --protocol HTTP --port 80",
        "pool create web --listener site --protocol HTTP",
    ])?;
    let shown = |kind: &str, name: &str| desk.answer(&format!("{kind} show {name}"));
    assert_eq!(shown("pool", "web")?["operating_status"], "OFFLINE");
    assert_eq!(shown("listener", "site")?["operating_status"], "OFFLINE");
    assert_eq!(shown("lb", "shop")?["operating_status"], "ONLINE");
    let told = Exposition::of(daemon)?;
    told.assert(
        "holdfast_listener_status",
        &[("listener", "site"), ("status", "OFFLINE")],
        1,
    );
    watch.await_none(daemon);

    desk.said("member create --pool web 10.0.0.1:8080 --name one")?;
    assert_eq!(shown("listener", "site")?["operating_status"], "ONLINE");
    desk.said("member set --pool web one --disable")?;
    assert_eq!(shown("listener", "site")?["operating_status"], "ERROR");
    watch.await_just(daemon, &[("HoldfastListenerFails", "listener", "site")]);

    desk.said("member set --pool web one --enable")?;
    assert_eq!(shown("listener", "site")?["operating_status"], "ONLINE");
    watch.await_none(daemon);
    desk.said("pool set web --disable")?;
    assert_eq!(shown("listener", "site")?["operating_status"], "ERROR");
    watch.await_just(daemon, &[("HoldfastListenerFails", "listener", "site")]);
    Ok(())
}

#[test]
fn a_pool_that_is_drained_as_a_whole_raises_an_alert_and_one_that_still_takes_clients_does_not() -> Result<()>
{
    let site = site(&Plan::new(&[1, 1]))?;
    let daemon = site.daemon();
    let watch = Watch::begin(daemon)?;
    site.turn_to(&Plan::new(&[0, 1]))?;
    watch.await_none(daemon);
    site.turn_to(&Plan::new(&[0, 0]))?;
    watch.await_just(daemon, &[("HoldfastPoolTakesNobodyNew", "pool", "web")]);
    Ok(())
}

#[test]
fn a_member_that_takes_too_long_raises_an_alert_of_its_pool() -> Result<()> {
    let site = site(&Plan::new(&[1]))?;
    let watch = Watch::begin(site.daemon())?;
    for _ in 0..50 {
        site.get("/")?;
    }
    watch.await_none(site.daemon());
    site.get("/?delay_ms=2600")?;
    let slow = [("HoldfastMembersRespondSlowly", "pool", "web")];
    let firing = watch.await_just(site.daemon(), &slow);
    assert!((2.5..5.0).contains(&firing[0].value), "{firing:#?}");
    Ok(())
}

#[test]
fn lines_of_the_access_log_that_cannot_be_written_raise_an_alert() -> Result<()> {
    let log = "[proxy.access_log]\npath = \"/dev/full\"\n";
    let site = site(&Plan::new(&[1]).proxy(log))?;
    let watch = Watch::begin(site.daemon())?;
    watch.await_none(site.daemon());
    assert_eq!(site.get("/")?.status, 200, "it is served all the same");
    let lost = [("HoldfastAccessLogLosesLines", "", "")];
    watch.await_just(site.daemon(), &lost);
    Exposition::of(site.daemon())?.assert("holdfast_access_log_lost_lines_total", &[], 1);
    assert!(
        site.daemon()
            .log()
            .contains("requests are not noted in /dev/full")
    );
    Ok(())
}

#[test]
fn a_prometheus_that_is_told_of_no_daemon_raises_an_alert() -> Result<()> {
    let desk = Desk::open()?;
    let firing = Watch::begin(&desk.daemon)?.firing_by(&Exposition::default())?;
    let names: Vec<&str> = firing.iter().map(|alert| alert.name.as_str()).collect();
    assert_eq!(names, ["HoldfastAbsent"]);
    Ok(())
}

#[test]
fn a_daemon_that_is_started_again_and_again_raises_an_alert_and_one_upgrade_does_not() -> Result<()> {
    let mut desk = Desk::open()?;
    let mut watch = Watch::begin(&desk.daemon)?;
    for _ in 0..2 {
        desk.daemon.restart()?;
        watch.await_none(&desk.daemon);
        watch.look_again(&desk.daemon);
    }
    desk.daemon.restart()?;
    let firing = watch.await_just(&desk.daemon, &[("HoldfastRestarts", "job", "holdfast")]);
    assert!((firing[0].value - 3.0).abs() < 1e-9, "{firing:#?}");
    Ok(())
}

#[test]
fn a_daemon_that_has_nearly_as_many_files_open_as_it_may_raises_an_alert() -> Result<()> {
    let lab = Laboratory::routed().members(1).build()?;
    let desk = Desk::of(without_a_datapath(&lab)?, lab);
    let watch = Watch::begin(&desk.daemon)?;
    watch.await_none(&desk.daemon);
    let open = Exposition::of(&desk.daemon)?.count("process_open_fds", &[]);
    may_open(&desk.daemon, open + open / 8 + 2)?;
    watch.await_just(&desk.daemon, &[("HoldfastFilesNearlyUsedUp", "job", "holdfast")]);
    may_open(&desk.daemon, open * 2)?;
    watch.await_none(&desk.daemon);
    Ok(())
}

/// Has a daemon go on with this limit for its open files.
fn may_open(daemon: &Daemon, files: i64) -> Result<()> {
    let pid = daemon.pid().context("it runs")?.to_string();
    let limit = format!("--nofile={files}:");
    let status = Command::new("prlimit").args(["--pid", &pid, &limit]).status()?;
    ensure!(status.success(), "prlimit {limit}: {status}");
    Ok(())
}

#[test]
fn a_daemon_that_is_away_and_what_it_refuses_afterwards_raise_alerts() -> Result<()> {
    let mut desk = Desk::open()?;
    desk.said("lb create shop --vip 192.0.2.77")?;
    let watch = Watch::begin(&desk.daemon)?;
    watch.await_none(&desk.daemon);
    desk.daemon.terminate()?;
    let down = [("HoldfastDown", "job", "holdfast")];
    watch.await_just(&desk.daemon, &down);

    // The file takes the address while nobody is there to refuse that, and fills a table.
    let other = "[[load_balancer]]\nname = \"other\"\nvip = \"192.0.2.77\"\n";
    desk.daemon
        .write_config(format!("{SMALL}\nmax_pools = 1\n{FILE}\n{other}"))?;
    desk.daemon.launch()?;
    let refused = ("HoldfastLoadBalancerRefused", "", "");
    let full = ("HoldfastTableNearlyFull", "table", "pools");
    let firing = watch.await_just(&desk.daemon, &[refused, full]);
    assert!(
        firing.iter().all(|alert| (alert.value - 1.0).abs() < 1e-9),
        "{firing:#?}"
    );

    desk.daemon.reconfigure(format!("{SMALL}\n{FILE}"))?;
    watch.await_none(&desk.daemon);

    // What is refused while it is there, leaves the one of before.
    desk.daemon
        .write_config(format!("{SMALL}\n{FILE}\nmax_nothing = 1\n"))?;
    desk.daemon.reload()?;
    watch.await_just(&desk.daemon, &[("HoldfastReloadRefused", "", "")]);
    desk.daemon.reconfigure(format!("{SMALL}\n{FILE}"))?;
    watch.await_none(&desk.daemon);
    Ok(())
}

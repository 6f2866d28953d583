//! What `holdfast status` counts is what the clients saw.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Result, ensure};
use lb_tests::{
    Config, Conversation, Daemon, Family, Laboratory, Persistence, Pool, Protocol, Scene, Services, Tally,
    eventually, scene::MEMBER_PORT,
};
use serde_json::Value;

const PORT: u16 = 80;
const AT_ONCE: usize = 16;
const WITHIN: Duration = Duration::from_secs(10);
/// The sweep of the sessions that were removed, and two more, which begin every ten seconds.
const UNTIL_AN_ID_IS_FREE: Duration = Duration::from_mins(1);

fn held(pool: Pool) -> Pool {
    pool.persistence(Persistence { idle_timeout_min: 20 })
}

/// The thing of that name in a list of the status.
fn named<'v>(list: &'v Value, name: &str) -> &'v Value {
    let mut things = list.as_array().into_iter().flatten();
    things.find(|thing| thing["name"] == name).unwrap_or(&Value::Null)
}

/// The listener of a family and protocol.
fn listener<'v>(status: &'v Value, scene: &Scene, family: Family, protocol: Protocol) -> &'v Value {
    let vip = scene.vip(family).ip().to_string();
    let balancers = status["load_balancers"].as_array().into_iter().flatten();
    let balancer = balancers.clone().find(|balancer| balancer["vip"] == vip.as_str());
    let listeners = balancer.and_then(|balancer| balancer["listeners"].as_array());
    let mut listeners = listeners.into_iter().flatten();
    listeners
        .find(|listener| listener["protocol"] == protocol.to_string().as_str())
        .unwrap_or(&Value::Null)
}

#[test]
fn flows_and_sessions_are_counted_as_the_clients_saw_them() -> Result<()> {
    const CLIENTS: usize = 61;
    const ROUNDS: usize = 3;
    let scene = Scene::start(Laboratory::routed(), PORT, &[3, 2, 1], held)?;
    for family in Family::BOTH {
        let mut all = Tally::default();
        for protocol in Protocol::BOTH {
            let sources = |index| family.source(index % CLIENTS);
            let vip = scene.vip(family);
            let tally = scene
                .client()
                .sweep(protocol, CLIENTS * ROUNDS, sources, vip, AT_ONCE);
            tally.assert_no_failures();
            all = all.merge(tally);
        }
        let status = scene.daemon().status()?;
        for protocol in Protocol::BOTH {
            let listener = listener(&status, &scene, family, protocol);
            assert_eq!(listener["new_flows"], CLIENTS * ROUNDS, "{listener}");
        }
        let udp = listener(&status, &scene, family, Protocol::Udp);
        assert_eq!(udp["packets_in"], CLIENTS * ROUNDS, "a datagram there");
        assert_eq!(udp["packets_out"], CLIENTS * ROUNDS, "and one back");

        let pool = named(&status["pools"], &format!("{family:?}"));
        assert_eq!(pool["status"], "ONLINE");
        for number in 1..=3 {
            let name = scene.lab().member_name(number);
            let member = named(&pool["members"], name);
            assert_eq!(member["new_flows"], all.served_by(name), "{member}");
            assert_eq!(member["status"], "NO_MONITOR");
        }
        let sessions = &pool["sessions"];
        assert_eq!(sessions["created"], CLIENTS);
        assert_eq!(sessions["now"], CLIENTS);
        assert_eq!(sessions["held"], (2 * ROUNDS - 1) * CLIENTS);
        assert_eq!((&sessions["moved"], &sessions["expired"]), (&0.into(), &0.into()));
    }
    Ok(())
}

#[test]
fn packets_and_bytes_are_the_same_by_listener_and_by_member() -> Result<()> {
    let scene = Scene::start(Laboratory::routed(), PORT, &[1, 1], |pool| pool)?;
    let sources = |index| Family::V4.source(index);
    for protocol in Protocol::BOTH {
        let tally = scene
            .client()
            .sweep(protocol, 50, sources, scene.vip(Family::V4), AT_ONCE);
        tally.assert_no_failures();
    }
    // The last packets of connections that are being closed may be under way.
    eventually("the counts to agree", WITHIN, || {
        let status = scene.daemon().status()?;
        let pool = named(&status["pools"], "V4");
        for count in ["packets_in", "bytes_in", "packets_out", "bytes_out", "new_flows"] {
            let of_listeners = Protocol::BOTH
                .iter()
                .filter_map(|protocol| listener(&status, &scene, Family::V4, *protocol)[count].as_u64());
            let of_listeners: u64 = of_listeners.sum();
            ensure!(
                of_listeners > 0 && pool[count] == of_listeners,
                "{count}: {status}"
            );
        }
        let packets = status["packets"].as_array().into_iter().flatten();
        let reason = |wanted: &str| {
            let mut packets = packets.clone();
            let found = packets.find(|packets| packets["reason"] == wanted);
            found.map_or(Value::Null, |packets| packets["count"].clone())
        };
        ensure!(reason("forwarded") == pool["packets_in"], "{status}");
        ensure!(reason("returned") == pool["packets_out"], "{status}");
        Ok(())
    });
    Ok(())
}

#[test]
fn open_flows_are_counted_until_they_are_closed() -> Result<()> {
    let scene = Scene::start(Laboratory::routed(), PORT, &[1], |pool| pool)?;
    let flows = (0..5)
        .map(|_| scene.client().connect(None, scene.vip(Family::V6)))
        .collect::<std::io::Result<Vec<Conversation>>>()?;
    for flow in &flows {
        flow.ask()?;
    }
    let active = || -> Result<[Value; 2]> {
        let status = scene.daemon().status()?;
        let listener = listener(&status, &scene, Family::V6, Protocol::Tcp)["active_flows"].clone();
        Ok([listener, named(&status["pools"], "V6")["active_flows"].clone()])
    };
    assert_eq!(active()?, [5, 5]);
    drop(flows);
    eventually("no flow to be open", WITHIN, || {
        let active = active()?;
        ensure!(active == [0, 0], "{active:?}");
        Ok(())
    });
    Ok(())
}

#[test]
fn counters_outlive_the_daemon() -> Result<()> {
    let mut scene = Scene::start(Laboratory::routed(), PORT, &[1, 1], held)?;
    let sources = |index| Family::V4.source(index);
    let vip = scene.vip(Family::V4);
    let tally = scene.client().sweep(Protocol::Udp, 40, sources, vip, AT_ONCE);
    tally.assert_no_failures();
    let before = scene.daemon().status()?;
    assert_eq!(named(&before["pools"], "V4")["new_flows"], 40);
    scene.daemon_mut().kill9()?;
    scene.daemon_mut().launch()?;
    let after = scene.daemon().status()?;
    assert_eq!(after["load_balancers"], before["load_balancers"]);
    assert_eq!(after["pools"], before["pools"]);
    let modes = after["interfaces"].as_array().into_iter().flatten();
    assert!(modes.clone().count() > 0);
    assert!(modes.clone().all(|interface| interface["mode"] == "native"));
    let modes = before["interfaces"].as_array().into_iter().flatten();
    assert!(modes.clone().all(|interface| interface["mode"] == "native"));
    Ok(())
}

#[test]
fn a_pool_does_not_begin_with_the_counts_and_sessions_of_one_that_is_gone() -> Result<()> {
    let lab = Laboratory::routed().members(1).build()?;
    let _members = lab.serve_all(&Services::new().udp([MEMBER_PORT]))?;
    let vip = SocketAddr::new(lab.vip(Family::V4), PORT);
    let member = SocketAddr::new(lab.member_address(1, Family::V4), MEMBER_PORT);
    let config = |name: &str| {
        let config = Config::new().listener(Protocol::Udp, vip, name);
        let config = config.pool(held(Pool::new(name)).member("one", member, 1));
        // There are two ids.
        format!("max_pools = 1\nmax_members = 1\n\n{config}")
    };
    let daemon = Daemon::start(&lab, config("first"))?;
    for name in ["first", "second", "third"] {
        eventually("the pool to be there", UNTIL_AN_ID_IS_FREE, || {
            daemon.reconfigure(config(name))?;
            let status = daemon.status()?;
            ensure!(status["pools"][0]["name"] == name, "{status}");
            Ok(())
        });
        for index in 0..3 {
            lab.client().ask_udp(Some(Family::V4.source(index)), vip)?;
        }
        let status = daemon.status()?;
        assert_eq!(status["pools"][0]["sessions"]["created"], 3, "{name}: {status}");
        assert_eq!(
            status["pools"][0]["members"][0]["new_flows"], 3,
            "{name}: {status}"
        );
    }
    Ok(())
}

#[test]
fn the_memory_of_the_maps_is_stated_before_and_at_the_start() -> Result<()> {
    let scene = Scene::start(Laboratory::routed(), PORT, &[1], held)?;
    let log = scene.daemon().log();
    let config = scene.daemon().config_path();
    let check = scene.daemon().cli(&["check", &config.display().to_string()])?;
    let check = String::from_utf8(check.stdout)?;
    for (said, by) in [("the maps take", &log), ("its maps will take", &check)] {
        let line = by.lines().find(|line| line.contains(said)).unwrap_or_default();
        for part in ["MiB (flows ", ", return index ", ", sessions "] {
            assert!(line.contains(part), "{by}");
        }
    }
    Ok(())
}

#[test]
fn ports_that_run_out_are_counted_and_logged() -> Result<()> {
    const PORTS: usize = 8;
    let lab = Laboratory::routed().members(1).build()?;
    let _members = lab.serve_all(&Services::new().tcp([MEMBER_PORT]))?;
    let vip = SocketAddr::new(lab.vip(Family::V4), PORT);
    let address = (lab.member_address(1, Family::V4), MEMBER_PORT).into();
    let config = Config::new()
        .listener(Protocol::Tcp, vip, "narrow")
        .pool(Pool::new("narrow").member("member1", address, 1));
    let narrow = "name = \"narrow\"\nsnat_ports = [2000, 2007]\nalgorithm";
    let config = config.to_string().replace("name = \"narrow\"\nalgorithm", narrow);
    let daemon = Daemon::start(&lab, config)?;
    let client = lab.client().clone().with_timeout(Duration::from_millis(500));
    let open: Vec<_> = (0..PORTS * 2).map(|_| client.connect(None, vip)).collect();
    assert!(open.iter().filter(|flow| flow.is_ok()).count() <= PORTS);
    eventually("the log to tell of it", WITHIN, || {
        let log = daemon.log();
        let mut lines = log.lines();
        ensure!(
            lines.any(|line| line.contains("ports_exhausted") && line.contains("pools=\"narrow\"")),
            "{log}"
        );
        Ok(())
    });
    let status = daemon.status()?;
    let packets = status["packets"].as_array().into_iter().flatten();
    let mut exhausted = packets.filter(|packets| packets["reason"] == "ports_exhausted");
    assert!(
        exhausted.any(|packets| packets["count"].as_u64() > Some(0)),
        "{status}"
    );
    Ok(())
}

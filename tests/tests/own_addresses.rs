//! The balancer's own addresses towards its members, and what follows when they change.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use anyhow::{Result, ensure};
use lb_tests::scene::MEMBER_PORT;
use lb_tests::{Config, Daemon, Family, Laboratory, Pool, Protocol, Scene, Services, eventually};

const PORT: u16 = 80;
const WITHIN: Duration = Duration::from_secs(20);

/// The line of `ip` that gives the balancer an address on the network of a member, or takes one away.
fn change(action: &str, number: usize, address: IpAddr) -> String {
    let (length, options) = match (address, action) {
        (IpAddr::V4(_), _) => (24, ""),
        (IpAddr::V6(_), "add") => (64, "nodad"),
        (IpAddr::V6(_), _) => (64, ""),
    };
    format!("address {action} {address}/{length} dev member{number} {options}")
}

#[test]
fn a_member_without_route_gets_clients_as_soon_as_there_is_one() -> Result<()> {
    let lab = Laboratory::routed().members(2).build()?;
    let _members = lab.serve_all(&Services::new().tcp([MEMBER_PORT]))?;
    let own = lab.balancer_address(2, Family::V4);
    lab.balancer().ip(&[change("del", 2, own)])?;
    let vip = (Family::V4.vip(), PORT).into();
    let pool = (1..=2).fold(Pool::new("web"), |pool, number| {
        let address = (lab.member_address(number, Family::V4), MEMBER_PORT).into();
        pool.member(lab.member_name(number), address, 1)
    });
    let daemon = Daemon::start(&lab, Config::new().listener(Protocol::Tcp, vip, "web").pool(pool))?;
    let status =
        || -> Result<String> { Ok(daemon.status()?["pools"][0]["members"][1]["status"].to_string()) };
    assert_eq!(status()?, "\"ERROR\"");
    lab.balancer().ip(&[change("add", 2, own)])?;
    eventually("the member to be there", WITHIN, || {
        let status = status()?;
        ensure!(status == "\"NO_MONITOR\"", "{status}");
        Ok(())
    });
    let sources = |index| Family::V4.source(index);
    let tally = lab.client().sweep_connections(40, sources, vip, 4);
    tally.assert_proportions(&[("member1".to_owned(), 1), ("member2".to_owned(), 1)], 1.0);
    assert!(
        daemon.log().contains("there is a route to members now"),
        "{}",
        daemon.log()
    );
    Ok(())
}

#[test]
fn another_own_address_is_taken_without_a_reload() -> Result<()> {
    let scene = Scene::start(Laboratory::routed(), PORT, &[1], |pool| pool)?;
    for (family, new) in Family::BOTH.into_iter().zip(["10.2.1.9", "fd00:2:1::9"]) {
        let (old, new) = (scene.lab().balancer_address(1, family), new.parse()?);
        let ask = || scene.client().ask_tcp(None, scene.vip(family));
        assert_eq!(ask()?.peer.ip(), old);
        scene
            .lab()
            .balancer()
            .ip(&[change("del", 1, old), change("add", 1, new)])?;
        eventually("packets to come from the other address", WITHIN, || {
            let peer = ask()?.peer.ip();
            ensure!(peer == new, "{peer}");
            Ok(())
        });
        let said = format!("is {new} now, and was {old}");
        assert!(scene.daemon().log().contains(&said), "{}", scene.daemon().log());
    }
    Ok(())
}

#[test]
fn a_daemon_that_is_short_of_files_goes_on_with_the_addresses_that_it_has() -> Result<()> {
    let scene = Scene::start(Laboratory::routed(), PORT, &[1, 1], |pool| pool)?;
    eventually("the daemon to follow the kernel's routes", WITHIN, || {
        let hop = &scene.daemon().status()?["pools"][0]["members"][0]["next_hop"];
        ensure!(!hop.is_null(), "the way is not known");
        Ok(())
    });
    scene.daemon().limit_files(Some(0))?;
    // What changes with one member has the daemon look at all of them.
    let old = scene.lab().balancer_address(1, Family::V4);
    scene
        .lab()
        .balancer()
        .ip(&[change("add", 1, "10.2.1.9".parse()?), change("del", 1, old)])?;
    let keeps = "towards 10.2.2.2: Too many open files (os error 24); it stays as it is";
    eventually("the daemon to say that it cannot ask", WITHIN, || {
        scene.daemon().log().contains(keeps)
    });
    // It answers nobody now, but of the clients none is lost.
    for family in Family::BOTH {
        let sources = |index| family.source(index);
        let tally = scene
            .client()
            .sweep_connections(10, sources, scene.vip(family), 2);
        assert_eq!(tally.served_by("member2"), 5, "{tally:?}");
    }
    Ok(())
}

#[test]
fn a_vip_that_nobody_answers_for_is_warned_of() -> Result<()> {
    let lab = Laboratory::routed().members(1).build()?;
    let config = |vip: &str| {
        let vip = SocketAddr::new(vip.parse().expect("an address"), PORT);
        let member = (lab.member_address(1, Family::V4), MEMBER_PORT).into();
        Config::new()
            .listener(Protocol::Tcp, vip, "web")
            .pool(Pool::new("web").member("member1", member, 1))
    };
    let mut daemon = Daemon::start(&lab, config("10.1.0.77"))?;
    let command = "ip address add 10.1.0.77/32 dev client";
    assert!(daemon.log().contains(command), "{}", daemon.log());
    daemon.terminate()?;
    drop(daemon);
    let daemon = Daemon::start(&lab, config("10.1.0.100"))?;
    assert!(!daemon.log().contains("nobody answers"), "{}", daemon.log());
    Ok(())
}

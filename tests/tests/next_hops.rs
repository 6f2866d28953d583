//! The ways to the members that the daemon finds, and keeps.

use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use lb_tests::scene::MEMBER_PORT;
use lb_tests::{
    Answer, Config, Conversation, Daemon, Family, Laboratory, Namespace, Pool, Protocol, Scene, eventually,
};
use serde_json::Value;

const PORT: u16 = 80;
const WITHIN: Duration = Duration::from_secs(20);
const OTHER_ADDRESS: &str = "02:00:00:00:be:ef";

/// What the daemon says of the way to a member.
fn hop(daemon: &Daemon, pool: usize, number: usize) -> Result<Value> {
    Ok(daemon.status()?["pools"][pool]["members"][number - 1]["next_hop"].clone())
}

/// Waits until the daemon knows the way to a member of a scene by its hardware address.
fn await_hops(scene: &Scene, number: usize, hardware_address: &str) {
    for (pool, family) in Family::BOTH.into_iter().enumerate() {
        let what = format!("the way to member {number} over {family:?} to be {hardware_address}");
        eventually(&what, WITHIN, || {
            let hop = hop(scene.daemon(), pool, number)?;
            ensure!(hop["hardware_address"] == hardware_address, "{hop}");
            Ok(())
        });
    }
}

/// Waits until the datapath asks the kernel for the way to a member.
fn await_no_hops(scene: &Scene, number: usize) {
    for pool in 0..Family::BOTH.len() {
        eventually("the way to be unknown", WITHIN, || {
            let hop = hop(scene.daemon(), pool, number)?;
            ensure!(hop.is_null(), "{hop}");
            Ok(())
        });
    }
}

/// A link as `ip` tells of it.
fn link(namespace: &Namespace, device: &str) -> Result<Value> {
    let output = namespace
        .command("ip")
        .args(["-json", "link", "show", "dev", device])
        .output()?;
    ensure!(output.status.success(), "{output:?}");
    let links: Value = serde_json::from_slice(&output.stdout)?;
    Ok(links[0].clone())
}

fn hardware_address(namespace: &Namespace, device: &str) -> Result<String> {
    let link = link(namespace, device)?;
    let address = link["address"].as_str();
    address.map(str::to_owned).context("no hardware address")
}

/// Gives a member another hardware address; like most hosts, it says so aloud.
fn change_address(scene: &Scene, number: usize) -> Result<()> {
    let member = scene.lab().member_namespace(number);
    member.sysctl(&[
        ("ipv4/conf/all/arp_notify", "1"),
        ("ipv6/conf/all/ndisc_notify", "1"),
        ("ipv6/conf/eth0/ndisc_notify", "1"),
    ])?;
    member.ip(&[format!("link set dev eth0 address {OTHER_ADDRESS}")])
}

/// A conversation over each protocol and family, with what it was told.
fn converse(scene: &Scene) -> Result<Vec<(Conversation, Answer)>> {
    let mut flows = Vec::new();
    for family in Family::BOTH {
        for protocol in Protocol::BOTH {
            let flow = scene.client().open(protocol, None, scene.vip(family))?;
            let answer = flow.ask()?;
            flows.push((flow, answer));
        }
    }
    Ok(flows)
}

/// The conversations are taken up again, each with the same member.
fn assert_they_go_on(flows: &[(Conversation, Answer)]) {
    for (flow, first) in flows {
        let answer = eventually("the conversation to go on", WITHIN, || flow.ask());
        assert_eq!(answer, *first);
    }
}

#[test]
fn the_ways_to_all_members_are_known_soon_after_the_start() -> Result<()> {
    let scene = Scene::start(Laboratory::routed(), PORT, &[1, 1], |pool| pool)?;
    for number in 1..=2 {
        let member = hardware_address(scene.lab().member_namespace(number), "eth0")?;
        await_hops(&scene, number, &member);
        let device = link(scene.lab().balancer(), scene.lab().member_name(number))?;
        for pool in 0..Family::BOTH.len() {
            let hop = hop(scene.daemon(), pool, number)?;
            assert_eq!(hop["interface_index"], device["ifindex"], "{hop}");
            assert_eq!(hop["mtu_bytes"], device["mtu"], "{hop}");
        }
    }
    Ok(())
}

#[test]
fn a_member_is_reached_at_another_hardware_address() -> Result<()> {
    let scene = Scene::start(Laboratory::routed(), PORT, &[1], |pool| pool)?;
    let flows = converse(&scene)?;
    await_hops(
        &scene,
        1,
        &hardware_address(scene.lab().member_namespace(1), "eth0")?,
    );
    change_address(&scene, 1)?;
    await_hops(&scene, 1, OTHER_ADDRESS);
    assert_they_go_on(&flows);
    Ok(())
}

#[test]
fn a_member_is_reached_again_when_its_link_is_back() -> Result<()> {
    let scene = Scene::start(Laboratory::routed(), PORT, &[1], |pool| pool)?;
    let flows = converse(&scene)?;
    let member = hardware_address(scene.lab().member_namespace(1), "eth0")?;
    await_hops(&scene, 1, &member);
    scene.members()[0].unplug()?;
    await_no_hops(&scene, 1);
    scene.members()[0].plug()?;
    await_hops(&scene, 1, &member);
    assert_they_go_on(&flows);
    Ok(())
}

#[test]
fn a_way_follows_its_route_to_another_interface() -> Result<()> {
    let lab = Laboratory::routed().members(2).build()?;
    let far: IpAddr = [10, 3, 0, 1].into();
    let lead_by = |number| {
        let gateway = lab.member_address(number, Family::V4);
        lab.balancer()
            .ip(&[format!("route replace {far} via {gateway} mtu 1400")])
    };
    lead_by(1)?;
    let pool = Pool::new("far").member("far", SocketAddr::new(far, MEMBER_PORT), 1);
    let vip = SocketAddr::new(lab.vip(Family::V4), PORT);
    let config = Config::new().listener(Protocol::Tcp, vip, "far").pool(pool);
    let daemon = Daemon::start(&lab, config)?;
    for number in [1, 2, 1] {
        lead_by(number)?;
        let gateway = hardware_address(lab.member_namespace(number), "eth0")?;
        let device = link(lab.balancer(), lab.member_name(number))?;
        eventually("the way to follow the route", WITHIN, || {
            let hop = hop(&daemon, 0, 1)?;
            ensure!(hop["hardware_address"] == gateway.as_str(), "{hop}");
            ensure!(hop["interface_index"] == device["ifindex"], "{hop}");
            ensure!(hop["mtu_bytes"] == 1400, "{hop}");
            Ok(())
        });
    }
    Ok(())
}

#[test]
fn without_the_daemon_a_member_is_reached_at_another_hardware_address() -> Result<()> {
    let mut scene = Scene::start(Laboratory::routed(), PORT, &[1], |pool| pool)?;
    let flows = converse(&scene)?;
    await_hops(
        &scene,
        1,
        &hardware_address(scene.lab().member_namespace(1), "eth0")?,
    );
    scene.daemon_mut().terminate()?;
    change_address(&scene, 1)?;
    assert_they_go_on(&flows);
    Ok(())
}

#[test]
fn the_next_daemon_finds_what_changed_after_a_kill() -> Result<()> {
    let mut scene = Scene::start(Laboratory::routed(), PORT, &[1], |pool| pool)?;
    let flows = converse(&scene)?;
    await_hops(
        &scene,
        1,
        &hardware_address(scene.lab().member_namespace(1), "eth0")?,
    );
    scene.daemon_mut().kill9()?;
    change_address(&scene, 1)?;
    scene.daemon_mut().launch()?;
    await_hops(&scene, 1, OTHER_ADDRESS);
    assert_they_go_on(&flows);
    Ok(())
}

#[test]
fn a_packet_too_big_for_the_tunnel_to_a_member_is_answered() -> Result<()> {
    let flat = Laboratory::flat().vips_on_members();
    let scene = Scene::start(flat, MEMBER_PORT, &[1], |pool| pool.forwarding("ipip"))?;
    await_hops(
        &scene,
        1,
        &hardware_address(scene.lab().member_namespace(1), "eth0")?,
    );
    // Full size on the client's link, with "don't fragment": the outer header has no room beside it.
    let vip = scene.vip(Family::V4);
    let client = scene.lab().client_namespace();
    client.enter(|| {
        let socket = UdpSocket::bind("0.0.0.0:0")?;
        socket.send_to(&[0; 1500 - 20 - 8], vip)
    })??;
    eventually("the packet to be answered", WITHIN, || {
        let status = scene.daemon().status()?;
        let packets = status["packets"].as_array().into_iter().flatten();
        let mut too_big = packets.filter(|packets| packets["reason"] == "too_big");
        ensure!(
            too_big.any(|packets| packets["fate"] == "answered"),
            "{}",
            status["packets"]
        );
        Ok(())
    });
    // The client's kernel has taken the answer.
    let output = client
        .command("ip")
        .args(["route", "get", &vip.ip().to_string()])
        .output()?;
    let route = String::from_utf8_lossy(&output.stdout);
    assert!(route.contains("mtu 1480"), "{route}");
    Ok(())
}

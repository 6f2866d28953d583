//! Alerts of what the datapath lacks: interfaces, source ports, ways, room.

use std::io::IoSlice;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::os::fd::AsRawFd as _;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use lb_tests::scene::MEMBER_PORT;
use lb_tests::{
    Config, Daemon, Family, Laboratory, Persistence, Pool, Protocol, Scene, Services, eventually,
};
use nix::libc::{in_addr, in_pktinfo, in6_addr, in6_pktinfo};
use nix::sys::socket::{ControlMessage, MsgFlags, SockaddrStorage, sendmsg};

use crate::exposition::Exposition;
use crate::watch::{Alert, Watch};

const PORT: u16 = 80;
const WITHIN: Duration = Duration::from_secs(20);

#[test]
fn an_interface_that_is_gone_raises_an_alert_until_it_is_back() -> Result<()> {
    let lab = Laboratory::routed().members(1).build()?;
    let add = ["link add spare type veth peer name other", "link set spare up"];
    lab.balancer().ip(&add)?;
    let mut daemon = Daemon::prepare(&lab, "")?;
    daemon.set_interfaces(&["client", "member1", "spare"]);
    daemon.write_config("")?;
    daemon.launch()?;
    let watch = Watch::begin(&daemon)?;
    watch.await_none(&daemon);
    lab.balancer().ip(&["link del spare"])?;
    watch.await_just(&daemon, &[("HoldfastInterfaceDetached", "interface", "spare")]);
    lab.balancer().ip(&add)?;
    watch.await_none(&daemon);
    Exposition::of(&daemon)?.assert("holdfast_interface_attached", &[], 3);
    Ok(())
}

#[test]
fn packets_that_are_lost_for_want_of_a_port_or_a_way_raise_an_alert_by_that_reason() -> Result<()> {
    const PORTS: u16 = 4;
    let lab = Laboratory::routed().members(1).build()?;
    let _members = lab.serve_all(&Services::new().tcp([MEMBER_PORT]))?;
    let (narrow, astray) = (Family::V4.vip(), Family::V6.vip());
    let member = (lab.member_address(1, Family::V4), MEMBER_PORT).into();
    // In the member's network, but nobody.
    let nobody: IpAddr = "fd00:2:1::dead".parse()?;
    let config = Config::new()
        .listener(Protocol::Tcp, (narrow, PORT).into(), "narrow")
        .listener(Protocol::Tcp, (astray, PORT).into(), "astray")
        .pool(
            Pool::new("narrow")
                .snat_ports([2000, 2000 + PORTS - 1])
                .member("one", member, 1),
        )
        .pool(Pool::new("astray").member("nobody", (nobody, MEMBER_PORT).into(), 1));
    let daemon = Daemon::start(&lab, config)?;
    let watch = Watch::begin(&daemon)?;
    let open = (0..PORTS).map(|_| lab.client().connect(None, (narrow, PORT).into()));
    let open = open.collect::<Result<Vec<_>, _>>()?;
    watch.await_none(&daemon);

    let hasty = lab.client().clone().with_timeout(Duration::from_millis(200));
    hasty
        .connect(None, (narrow, PORT).into())
        .expect_err("all ports are taken");
    let ports = ("HoldfastPacketsLost", "reason", "ports_exhausted");
    watch.await_just(&daemon, &[ports]);
    hasty
        .connect(None, (astray, PORT).into())
        .expect_err("nobody is there");
    let way = ("HoldfastPacketsLost", "reason", "next_hop_unresolved");
    watch.await_just(&daemon, &[ports, way]);
    let told = Exposition::of(&daemon)?;
    for reason in ["ports_exhausted", "next_hop_unresolved"] {
        assert!(
            told.sum(
                "holdfast_packets_total",
                &[("fate", "dropped"), ("reason", reason)]
            ) >= 1.0
        );
        eventually("the log to say it too", WITHIN, || daemon.log().contains(reason));
    }
    drop(open);
    Ok(())
}

/// Sends a datagram from each of the first so many addresses of the client, each time from the same port.
fn knock(socket: &UdpSocket, clients: usize, vip: SocketAddr) -> Result<()> {
    let to = SockaddrStorage::from(vip);
    for index in 0..clients {
        let data = [IoSlice::new(b"hello")];
        let knock_from = |from| sendmsg(socket.as_raw_fd(), &data, &[from], MsgFlags::empty(), Some(&to));
        let outcome = match Family::of(vip.ip()).source(index) {
            IpAddr::V4(source) => knock_from(ControlMessage::Ipv4PacketInfo(&in_pktinfo {
                ipi_ifindex: 0,
                ipi_spec_dst: in_addr {
                    s_addr: u32::from_ne_bytes(source.octets()),
                },
                ipi_addr: in_addr { s_addr: 0 },
            })),
            IpAddr::V6(source) => knock_from(ControlMessage::Ipv6PacketInfo(&in6_pktinfo {
                ipi6_addr: in6_addr {
                    s6_addr: source.octets(),
                },
                ipi6_ifindex: 0,
            })),
        };
        outcome?;
    }
    Ok(())
}

/// Clients are held, and their flows take no source ports, of which there are fewer.
fn held(pool: Pool) -> Pool {
    pool.persistence(Persistence { idle_timeout_min: 20 })
        .forwarding("nat")
}

#[test]
fn tables_that_are_nearly_full_raise_alerts_and_what_has_to_go_when_they_are_full_is_counted() -> Result<()> {
    // As few as there may be.
    const ROOM: usize = 65_536;
    let room = format!("max_flows = {ROOM}\nmax_sessions = {ROOM}\n");
    let scene = Scene::start_with(&room, Laboratory::routed(), PORT, &[1], held)?;
    let (daemon, vip) = (scene.daemon(), scene.vip(Family::V4));
    // What they would answer nobody listens to.
    scene.members()[0].freeze()?;
    let socket = scene
        .lab()
        .client_namespace()
        .enter(|| UdpSocket::bind("0.0.0.0:0"))??;
    let watch = Watch::begin(daemon)?;
    let fill = |percent: usize| -> Result<Exposition> {
        let clients = ROOM * percent / 100;
        eventually(&format!("{clients} sessions"), WITHIN, || {
            // A datagram is lost now and then on a busy machine.
            knock(&socket, clients, vip)?;
            let told = Exposition::of(daemon)?;
            let entries = told.count("holdfast_table_entries", &[("table", "sessions")]);
            ensure!(entries == clients as i64, "there are {entries}");
            Ok(told)
        });
        Exposition::of(daemon)
    };
    let told = fill(85)?;
    for table in ["flows", "sessions"] {
        told.assert("holdfast_table_capacity", &[("table", table)], ROOM as i64);
    }
    told.assert("holdfast_sessions", &[("pool", "V4")], (ROOM * 85 / 100) as i64);
    watch.await_none(daemon);
    assert!(!daemon.log().contains("nearly full"), "{}", daemon.log());
    fill(92)?;
    let alerts = ["flows", "sessions"].map(|table| ("HoldfastTableNearlyFull", "table", table));
    let firing = watch.await_just(daemon, &alerts);
    assert!(
        firing.iter().all(|alert| (0.9..=1.0).contains(&alert.value)),
        "{firing:#?}"
    );
    for (table, setting) in [("flows", "max_flows"), ("sessions", "max_sessions")] {
        eventually("the log to say it too", WITHIN, || {
            let log = daemon.log();
            let mut lines = log
                .lines()
                .filter(|line| line.contains("the table is nearly full"));
            let said = lines.find(|line| line.contains(&format!("table=\"{table}\"")));
            let said = said.with_context(|| log.clone())?;
            ensure!(said.contains(&format!("raise `datapath.{setting}`")), "{said}");
            ensure!(said.contains("WARN"), "{said}");
            Ok(())
        });
    }

    // The kernel lets the oldest go, and does not say so: the next sweep finds out.
    let events = |told: &Exposition, event| told.count("holdfast_session_events_total", &[("event", event)]);
    let gone = |told: &Exposition| {
        let left = told.count("holdfast_table_entries", &[("table", "sessions")]);
        events(told, "created") - events(told, "expired") - left
    };
    assert_eq!(events(&Exposition::of(daemon)?, "evicted"), 0);
    let socket = scene
        .lab()
        .client_namespace()
        .enter(|| UdpSocket::bind("[::]:0"))??;
    Exposition::once(daemon, "some to have to go", |told| {
        knock(&socket, ROOM / 10, scene.vip(Family::V6)).is_ok() && gone(told) > 0
    })?;
    let told = Exposition::once(daemon, "them to be counted", |told| {
        events(told, "evicted") == gone(told)
    })?;
    assert!(events(&told, "evicted") > 0);
    let firing = watch.firing(daemon)?;
    let evicted = |alert: &Alert| alert.name == "HoldfastSessionsEvicted";
    assert!(firing.iter().any(evicted), "{firing:#?}");
    Ok(())
}

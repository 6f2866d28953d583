//! Packets by what became of them, and how long the work of the daemon takes.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use anyhow::{Result, bail};
use lb_tests::{Closing, Family, Laboratory, Persistence, Pool, Protocol, Scene};
use socket2::{Domain, Socket, Type};

use crate::exposition::Exposition;

const PORT: u16 = 80;
const CLIENTS: usize = 20;
const SCTP: u8 = 132;
const UDP: u8 = 17;

fn held(pool: Pool) -> Pool {
    pool.persistence(Persistence { idle_timeout_min: 20 })
}

#[test]
fn connections_and_packets_of_the_datapath_are_counted() -> Result<()> {
    let scene = Scene::start(Laboratory::routed(), PORT, &[1, 1], |pool| pool)?;
    let sources = |index| Family::V4.source(index);
    let tally = scene
        .client()
        .sweep_connections(10, sources, scene.vip(Family::V4), 4);
    tally.assert_no_failures();
    let told = Exposition::of(scene.daemon())?;
    for name in [
        "holdfast_listener_connections_total",
        "holdfast_member_connections_total",
    ] {
        told.assert(name, &[], 10);
    }
    assert!(told.count("holdfast_packets_total", &[("fate", "forwarded")]) >= 40);
    assert!(told.count("holdfast_table_capacity", &[("table", "flows")]) >= 1024);
    told.assert("holdfast_table_entries", &[("table", "members")], 4);
    // Nobody watches them.
    told.assert("holdfast_member_status", &[("status", "NO_MONITOR")], 4);
    assert_eq!(told.named("holdfast_health_probes_total", &[]).count(), 0);
    told.assert("holdfast_interface_attached", &[("mode", "native")], 3);
    Ok(())
}

/// Sends the VIP of IPv4 a packet of this protocol.
fn send(lab: &Laboratory, protocol: u8, payload: &[u8]) -> Result<()> {
    let IpAddr::V4(vip) = Family::V4.vip() else {
        bail!("it is of IPv4");
    };
    lab.client_namespace().enter(|| {
        let socket = Socket::new(Domain::IPV4, Type::RAW, Some(i32::from(protocol).into()))?;
        let to = SocketAddr::from((vip, 0));
        socket.send_to(payload, &to.into())?;
        anyhow::Ok(())
    })?
}

#[test]
fn a_packet_that_is_dropped_is_counted_by_its_reason_and_by_no_other() -> Result<()> {
    let scene = Scene::start(Laboratory::routed(), PORT, &[1], held)?;
    let before = Exposition::of(scene.daemon())?;
    let dropped = [("fate", "dropped")];
    before.assert("holdfast_packets_total", &dropped, 0);
    let kinds = before.named("holdfast_packets_total", &dropped).count();
    assert!(kinds > 10, "each is there from the beginning");

    // The ports from 9 and to 80, the length, and no checksum.
    let mut expected = 0;
    for (reason, protocol, payload) in [
        ("unsupported_protocol", SCTP, &[0; 12][..]),
        ("truncated", UDP, &[0, 9, 0, 80]),
        ("bad_length", UDP, &[0, 9, 0, 80, 0, 99, 0, 0]),
        ("port_zero", UDP, &[0, 9, 0, 0, 0, 8, 0, 0]),
        ("port_zero", UDP, &[0, 0, 0, 80, 0, 8, 0, 0]),
    ] {
        let of_reason = [("fate", "dropped"), ("reason", reason)];
        let count = Exposition::of(scene.daemon())?.count("holdfast_packets_total", &of_reason);
        send(scene.lab(), protocol, payload)?;
        expected += 1;
        let told = Exposition::once(scene.daemon(), reason, |told| {
            told.count("holdfast_packets_total", &of_reason) > count
        })?;
        told.assert("holdfast_packets_total", &of_reason, count + 1);
        told.assert("holdfast_packets_total", &dropped, expected);
    }
    Ok(())
}

#[test]
fn nothing_that_clients_do_adds_to_what_is_told() -> Result<()> {
    let scene = Scene::start(Laboratory::routed(), PORT, &[1, 1], held)?;
    let before = Exposition::of(scene.daemon())?;
    let client = scene.client().clone().with_closing(Closing::Reset);
    for family in Family::BOTH {
        for protocol in Protocol::BOTH {
            let sources = |index| family.source(index);
            let tally = client.sweep(protocol, 200, sources, scene.vip(family), 16);
            tally.assert_no_failures();
            // And where nobody listens.
            let closed = SocketAddr::new(family.vip(), PORT + 1);
            client.ask(protocol, None, closed).expect_err("it is closed");
        }
    }
    let after = Exposition::of(scene.daemon())?;
    assert!(after.count("holdfast_sessions", &[]) >= 400);
    assert_eq!(after.series(), before.series());
    Ok(())
}

#[test]
fn what_the_daemon_does_is_counted_with_how_long_it_took() -> Result<()> {
    let scene = Scene::start(Laboratory::routed(), PORT, &[1, 1], held)?;
    let daemon = scene.daemon();
    let (change, sweep) = (
        "holdfast_apply_duration_seconds",
        "holdfast_sweep_duration_seconds",
    );
    let count = |told: &Exposition, name: &str, labels: &[(&str, &str)]| {
        let (count, sum) = (format!("{name}_count"), format!("{name}_sum"));
        let count = told.count(&count, labels);
        assert_eq!(told.sum(&sum, labels) > 0.0, count > 0, "{name}");
        // Each bucket counts those before it.
        let bucket = format!("{name}_bucket");
        let buckets: Vec<i64> = told
            .named(&bucket, labels)
            .map(|sample| sample.value as i64)
            .collect();
        assert!(buckets.len() > 10 && buckets.is_sorted(), "{buckets:?}");
        assert_eq!(buckets.last(), Some(&count));
        count
    };
    let before = Exposition::of(daemon)?;
    assert_eq!(count(&before, change, &[]), 0, "a start is none");
    scene.reweigh(&[1, 3])?;
    daemon.make(
        "/loadbalancers",
        "loadbalancer",
        &serde_json::json!({"vip_address": "10.1.0.77"}),
    )?;
    let told = Exposition::of(daemon)?;
    let changes = count(&told, change, &[]);
    assert_eq!(changes, 2, "a reload, and one by the API");

    // What is refused has changed nothing.
    daemon.write_config("[[pool]]\nname = \"V4\"\nalgorithm = \"NONE\"\n")?;
    assert!(!daemon.cli(&["reload"])?.status.success());
    let told = Exposition::of(daemon)?;
    assert_eq!(count(&told, change, &[]), changes);

    // Sweeps go on by themselves: of flows each second, of sessions each ten.
    let flows = count(&told, sweep, &[("of", "flows")]);
    let sources = |index| Family::V4.source(index);
    let tally = scene
        .client()
        .sweep(Protocol::Udp, CLIENTS, sources, scene.vip(Family::V4), 4);
    tally.assert_no_failures();
    daemon.pass_time(21 * 60)?;
    let told = Exposition::once(daemon, "the sessions to be swept", |told| {
        told.count("holdfast_table_entries", &[("table", "sessions")]) == 0
    })?;
    assert!(count(&told, sweep, &[("of", "flows")]) > flows);
    assert!(count(&told, sweep, &[("of", "sessions")]) > 0);
    for event in ["created", "expired"] {
        let labels = [("pool", "V4"), ("event", event)];
        told.assert("holdfast_session_events_total", &labels, CLIENTS as i64);
    }
    Ok(())
}

#[test]
fn what_comes_to_a_closed_port_counts_as_dropped_where_that_is_silent() -> Result<()> {
    for (settings, fate) in [("", "answered"), ("closed_port = \"DROP\"\n", "dropped")] {
        let scene = Scene::start_with(settings, Laboratory::routed(), PORT, &[1], |pool| pool)?;
        let closed = SocketAddr::new(Family::V4.vip(), PORT + 1);
        let client = scene.client().clone().with_timeout(Duration::from_millis(400));
        client
            .ask(Protocol::Udp, None, closed)
            .expect_err("nobody listens there");
        let told = Exposition::of(scene.daemon())?;
        let of_reason = [("reason", "closed_port")];
        let packets = told.named("holdfast_packets_total", &of_reason);
        let packets: Vec<_> = packets
            .map(|sample| (sample.labels["fate"].as_str(), sample.value as i64))
            .collect();
        assert_eq!(packets, [(fate, 1)]);
    }
    Ok(())
}

//! `holdfast trace` prints what becomes of the packets of chosen clients, as long as it runs.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{IpAddr, SocketAddr};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use lb_tests::scene::MEMBER_PORT;
use lb_tests::trace::Trace;
use lb_tests::{Answer, Family, Laboratory, Protocol, Scene, eventually};
use nix::sys::signal::Signal;
use serde_json::{Value, json};

const PORT: u16 = 80;
const WITHIN: Duration = Duration::from_secs(20);
/// The client that is traced, and another.
const TRACED: usize = 1;
const OTHER: usize = 2;

/// The traced client of a family.
fn traced(family: Family) -> IpAddr {
    family.source(TRACED)
}

fn both() -> [String; 2] {
    Family::BOTH.map(|family| traced(family).to_string())
}

fn switched_off(scene: &Scene) {
    eventually("the trace to be off", WITHIN, || {
        ensure!(!scene.daemon().is_tracing()?, "it is on");
        Ok(())
    });
}

/// The packets that are of this client's: told with its address, or with that under which its member knows it.
fn is_from(packet: &Value, client: IpAddr) -> bool {
    let source = packet["source"].as_str().and_then(|text| text.parse().ok());
    source.is_some_and(|source: SocketAddr| source.ip() == client)
}

/// Has both clients ask in both families and over both protocols, and gives what the traced one was answered.
fn ask(scene: &Scene) -> Result<Vec<(Family, Protocol, Answer)>> {
    let mut answers = Vec::new();
    for family in Family::BOTH {
        for protocol in Protocol::BOTH {
            let vip = scene.vip(family);
            scene.client().ask(protocol, Some(family.source(OTHER)), vip)?;
            let answer = scene.client().ask(protocol, Some(traced(family)), vip)?;
            answers.push((family, protocol, answer));
        }
    }
    Ok(answers)
}

/// The packet that began a client's flow.
fn opening(packets: &[Value], family: Family, protocol: Protocol) -> Option<&Value> {
    let mut packets = packets
        .iter()
        .filter(|packet| packet["protocol"] == protocol.to_string() && is_from(packet, traced(family)));
    packets.next()
}

#[test]
fn with_full_nat_the_packets_of_a_flow_are_told_both_ways_and_those_of_others_not_at_all() -> Result<()> {
    let scene = Scene::start(Laboratory::routed(), PORT, &[1, 1], |pool| pool)?;
    let clients = both();
    let trace = Trace::start(scene.daemon(), &[&clients[0], &clients[1], "--json"])?;
    let answers = ask(&scene)?;
    for (family, protocol, answer) in answers {
        let packets = eventually("the packets of a flow", WITHIN, || {
            let packets = trace.packets();
            let is_answer = |packet: &&Value| {
                packet["direction"] == "to_client"
                    && packet["protocol"] == protocol.to_string()
                    && packet["destination"] == answer.peer.to_string()
            };
            let has_answer = packets.iter().any(|packet| is_answer(&packet));
            (has_answer && opening(&packets, family, protocol).is_some()).then_some(packets)
        });
        let first = opening(&packets, family, protocol).context("it is there")?;
        assert_eq!(first["direction"], "from_client");
        assert_eq!(first["source"], answer.local.to_string());
        assert_eq!(first["destination"], scene.vip(family).to_string());
        assert_eq!(first["reason"], "forwarded");
        assert_eq!(first["pool"], format!("{family:?}"));
        assert_eq!(first["member"], answer.member.as_str());
        assert_eq!(first["why"], "algorithm");
        let opening_flags = match protocol {
            Protocol::Tcp => vec!["SYN"],
            Protocol::Udp => Vec::new(),
        };
        assert_eq!(first["flags"], Value::from(opening_flags));
        let back = packets
            .iter()
            .find(|packet| packet["destination"] == answer.peer.to_string())
            .context("it is there")?;
        assert_eq!(
            (&back["reason"], &back["why"]),
            (&"returned".into(), &Value::Null)
        );
        assert_eq!(back["member"], answer.member.as_str());
        let member = back["source"].as_str().context("a source")?;
        assert!(member.ends_with(&format!(":{MEMBER_PORT}")), "{back}");
    }
    for packet in trace.packets() {
        let others = Family::BOTH.map(|family| family.source(OTHER));
        assert!(!others.iter().any(|other| is_from(&packet, *other)), "{packet}");
    }
    Ok(())
}

#[test]
fn with_dsr_what_the_client_sends_is_told() -> Result<()> {
    let flat = Laboratory::flat().vips_on_members();
    let scene = Scene::start(flat, MEMBER_PORT, &[1, 1], |pool| pool.forwarding("dsr"))?;
    let clients = both();
    let trace = Trace::start(scene.daemon(), &[&clients[0], &clients[1], "--json"])?;
    for (family, protocol, answer) in ask(&scene)? {
        let first = eventually("the first packet of a flow", WITHIN, || {
            opening(&trace.packets(), family, protocol).cloned()
        });
        assert_eq!(first["source"], answer.local.to_string());
        assert_eq!(
            (&first["reason"], &first["why"]),
            (&"forwarded".into(), &"algorithm".into())
        );
        assert_eq!(first["member"], answer.member.as_str());
    }
    let mut ways = trace.packets().into_iter();
    assert!(ways.all(|packet| packet["direction"] == "from_client"));
    Ok(())
}

#[test]
fn for_people_a_line_is_a_sentence() -> Result<()> {
    let scene = Scene::start(Laboratory::routed(), PORT, &[1], |pool| pool)?;
    let client = traced(Family::V4);
    let trace = Trace::start(scene.daemon(), &["10.0.0.0/8", "2001:db8::/32"])?;
    let asked = scene.client().ask_udp(Some(client), scene.vip(Family::V4))?;
    let expected = format!(
        "from client UDP {} > {}: forwarded, member member1 of pool V4 (chosen by the algorithm)\n",
        asked.local,
        scene.vip(Family::V4)
    );
    eventually("the line of the datagram", WITHIN, || {
        let output = trace.output();
        ensure!(output.contains(&expected), "{output}");
        Ok(())
    });
    Ok(())
}

#[test]
fn lines_beyond_the_rate_are_said_to_be_lost_and_the_client_notices_nothing() -> Result<()> {
    let scene = Scene::start(Laboratory::routed(), PORT, &[1], |pool| pool)?;
    let client = traced(Family::V6);
    let trace = Trace::start(scene.daemon(), &[&client.to_string(), "--json"])?;
    let vip = scene.vip(Family::V6);
    let flow = scene.client().open(Protocol::Udp, Some(client), vip)?;
    eventually("lines to be lost", WITHIN, || {
        for _ in 0..1000 {
            flow.ask()?;
        }
        ensure!(trace.errors().contains("more of the lines"), "{}", trace.errors());
        Ok(())
    });
    assert!(trace.packets().len() >= 1000);
    Ok(())
}

#[test]
fn a_trace_is_off_when_its_command_ends_in_whichever_way() -> Result<()> {
    let scene = Scene::start(Laboratory::routed(), PORT, &[1], |pool| pool)?;
    let clients = both();
    for signal in [Signal::SIGINT, Signal::SIGKILL] {
        let mut trace = Trace::start(scene.daemon(), &[&clients[0], "--json"])?;
        assert!(scene.daemon().is_tracing()?);
        trace.signal(signal)?;
        switched_off(&scene);
        ask(&scene)?;
    }
    // Another one begins as the first did.
    let trace = Trace::start(scene.daemon(), &[&clients[0], "--json"])?;
    ask(&scene)?;
    eventually("packets", WITHIN, || !trace.packets().is_empty());
    Ok(())
}

#[test]
fn after_a_restart_of_the_daemon_nothing_is_traced_and_what_was_is_told_so() -> Result<()> {
    let mut scene = Scene::start(Laboratory::routed(), PORT, &[1], |pool| pool)?;
    let clients = both();
    for kill9 in [true, false] {
        let mut trace = Trace::start(scene.daemon(), &[&clients[0], "--json"])?;
        if kill9 {
            scene.daemon_mut().kill9()?;
        } else {
            scene.daemon_mut().terminate()?;
        }
        let status = trace.await_end()?;
        assert_eq!(status.code(), Some(1));
        assert!(
            trace.errors().contains("the daemon has ended"),
            "{}",
            trace.errors()
        );
        // The datapath goes on, with or without.
        ask(&scene)?;
        scene.daemon_mut().launch()?;
        assert!(!scene.daemon().is_tracing()?);
        ask(&scene)?;
    }
    let trace = Trace::start(scene.daemon(), &[&clients[0], "--json"])?;
    ask(&scene)?;
    eventually("packets", WITHIN, || !trace.packets().is_empty());
    Ok(())
}

#[test]
fn what_cannot_be_traced_is_refused_and_says_what_would_be_right() -> Result<()> {
    let scene = Scene::start(Laboratory::routed(), PORT, &[1], |pool| pool)?;
    let wrong = scene.daemon().cli(&["trace", "nobody"])?;
    assert_eq!(wrong.status.code(), Some(2));
    let complaint = String::from_utf8(wrong.stderr)?;
    assert!(
        complaint.contains("'nobody'") && complaint.contains("as in `10.0.0.0/8`, or one address"),
        "{complaint}"
    );
    let wrong = scene.daemon().cli(&["trace", "192.0.2.7/24"])?;
    let complaint = String::from_utf8(wrong.stderr)?;
    assert!(
        complaint.contains("all bits are zero: `192.0.2.0/24`"),
        "{complaint}"
    );

    let many: Vec<String> = (1..=17).map(|host| format!("192.0.2.{host}")).collect();
    let many: Vec<&str> = ["trace"]
        .into_iter()
        .chain(many.iter().map(String::as_str))
        .collect();
    let refused = scene.daemon().cli(&many)?;
    assert_eq!(refused.status.code(), Some(1));
    let complaint = String::from_utf8(refused.stderr)?;
    assert!(complaint.contains("name 1 to 16"), "{complaint}");

    let _trace = Trace::start(scene.daemon(), &["192.0.2.1"])?;
    let second = scene.daemon().cli(&["trace", "192.0.2.2"])?;
    assert_eq!(second.status.code(), Some(1));
    let complaint = String::from_utf8(second.stderr)?;
    assert!(complaint.contains("there is one at a time"), "{complaint}");
    Ok(())
}

#[test]
fn the_daemon_goes_on_while_the_first_trace_is_prepared_and_refuses_a_second_one() -> Result<()> {
    let scene = Scene::start(Laboratory::routed(), PORT, &[1], |pool| pool)?;
    let mut first = UnixStream::connect(scene.daemon().socket_path())?;
    first.set_nonblocking(true)?;
    writeln!(first, "{}", json!({"trace": {"clients": ["192.0.2.1"]}}))?;
    let mut answered = 0;
    let begun = loop {
        scene.daemon().ask(&json!("status"))?;
        let mut answer = [0; 16];
        match first.read(&mut answer) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => answered += 1,
            read => break String::from_utf8(answer[..read?].to_vec())?,
        }
        if answered == 1 {
            let second = scene.daemon().cli(&["trace", "192.0.2.2"])?;
            let complaint = String::from_utf8(second.stderr)?;
            assert!(complaint.contains("there is one at a time"), "{complaint}");
        }
    };
    assert_eq!(begun, "\"done\"\n");
    assert!(answered > 0, "it was prepared before anything else was answered");
    Ok(())
}

#[test]
fn a_trace_that_failed_half_way_begins_when_it_is_tried_again() -> Result<()> {
    let scene = Scene::start(Laboratory::routed(), PORT, &[1], |pool| pool)?;
    // One is for the connection, and each of the eight stages needs one.
    scene.daemon().limit_files(Some(5))?;
    let failed = scene.daemon().cli(&["trace", "192.0.2.1"])?;
    let complaint = String::from_utf8(failed.stderr)?;
    assert!(complaint.contains("Too many open files"), "{complaint}");
    assert!(!scene.daemon().is_tracing()?);
    // What else wants files goes on with what it knows.
    let log = scene.daemon().log();
    assert!(!log.contains("the interface is gone"), "{log}");

    scene.daemon().limit_files(None)?;
    let clients = both();
    let trace = Trace::start(scene.daemon(), &[&clients[0], "--json"])?;
    ask(&scene)?;
    eventually("packets", WITHIN, || !trace.packets().is_empty());
    Ok(())
}

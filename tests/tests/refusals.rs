//! What is refused: connections that nobody waits for, and configurations that cannot be meant.

use std::fs;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::Result;
use lb_tests::{Client, Family, Laboratory, Protocol, Scene, daemon, eventually};

const PORT: u16 = 80;
const CLOSED_PORT: u16 = 81;
const WITHIN: Duration = Duration::from_secs(5);

fn scene(datapath: &str) -> Result<Scene> {
    Scene::start_with(datapath, Laboratory::routed(), PORT, &[1, 1], |pool| pool)
}

/// What asking a port without listener comes to, and how long it takes.
fn knock(client: &Client, protocol: Protocol, family: Family) -> (ErrorKind, Duration) {
    let start = Instant::now();
    let closed = SocketAddr::new(family.vip(), CLOSED_PORT);
    let error = client
        .ask(protocol, Some(family.source(1)), closed)
        .expect_err("nobody listens there");
    (error.kind(), start.elapsed())
}

#[test]
fn a_port_without_listener_refuses_at_once() -> Result<()> {
    let scene = scene("")?;
    for family in Family::BOTH {
        for protocol in Protocol::BOTH {
            let (kind, took) = knock(scene.client(), protocol, family);
            assert_eq!(kind, ErrorKind::ConnectionRefused, "{protocol} {family:?}");
            // Before a second SYN would be sent.
            assert!(
                took < Duration::from_millis(900),
                "{protocol} {family:?}: {took:?}"
            );
        }
    }
    Ok(())
}

#[test]
fn a_port_without_listener_is_silent_where_that_is_wanted() -> Result<()> {
    let scene = scene("closed_port = \"DROP\"\n")?;
    let client = scene.client().clone().with_timeout(Duration::from_millis(400));
    for family in Family::BOTH {
        for protocol in Protocol::BOTH {
            let (kind, _) = knock(&client, protocol, family);
            assert_eq!(kind, ErrorKind::TimedOut, "{protocol} {family:?}");
            client.ask(protocol, None, scene.vip(family))?;
        }
    }
    Ok(())
}

#[test]
fn what_is_not_for_a_vip_passes_untouched() -> Result<()> {
    let scene = scene("closed_port = \"DROP\"\n")?;
    for family in Family::BOTH {
        for protocol in Protocol::BOTH {
            let (member, own) = (&scene.members()[1], family.balancer());
            let target = member.socket(family, lb_tests::scene::MEMBER_PORT);
            let answer = scene.client().ask(protocol, Some(family.source(7)), target)?;
            assert_eq!((answer.member.as_str(), answer.peer), ("member2", answer.local));
            let refused = scene
                .client()
                .ask(protocol, None, SocketAddr::new(own, PORT))
                .expect_err("the balancer itself has no such port");
            assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
        }
    }
    Ok(())
}

#[test]
fn an_invalid_file_at_reload_changes_nothing() -> Result<()> {
    const BROKEN: &str = "[[pool]]\nname = \"V4\"\nalgorithm = \"ROUND_ROBBING\"\n";
    let scene = scene("")?;
    let flow = scene.client().connect(None, scene.vip(Family::V4))?;
    let before = flow.ask()?;
    scene.daemon().reconfigure(BROKEN)?;
    eventually("the log to tell what is wrong", WITHIN, || {
        scene.daemon().log().contains("ROUND_ROBBING")
    });
    assert_eq!(flow.ask()?, before);
    for family in Family::BOTH {
        for protocol in Protocol::BOTH {
            let sources = |index| family.source(index);
            let tally = scene.client().sweep(protocol, 100, sources, scene.vip(family), 8);
            tally.assert_proportions(&scene.named(&[1, 1]), 1.0);
        }
    }
    // And the next file that is valid is taken.
    scene.reweigh(&[0, 1])?;
    assert_eq!(
        scene.client().ask_tcp(None, scene.vip(Family::V6))?.member,
        "member2"
    );
    Ok(())
}

/// The members of both pools get these weights in turn, and the section `datapath` other text; the reload is refused, and
/// new clients are dealt as before.
fn assert_refused_as_a_whole(
    scene: &Scene,
    weights: [u32; 3],
    datapath: [&str; 2],
    complaint: &str,
) -> Result<()> {
    let file = scene.daemon().config_path();
    let mut weights = weights.into_iter().cycle();
    let text = fs::read_to_string(&file)?.replace(datapath[0], datapath[1]);
    let lines = text.lines().map(|line| match line {
        "weight = 1" => format!("weight = {}\n", weights.next().expect("it goes round")),
        other => format!("{other}\n"),
    });
    fs::write(&file, lines.collect::<String>())?;
    let output = scene.daemon().cli(&["reload"])?;
    let said = String::from_utf8(output.stderr)?;
    assert!(!output.status.success() && said.contains(complaint), "{said}");
    for family in Family::BOTH {
        let sources = |index| family.source(index);
        let tally = scene
            .client()
            .sweep_connections(300, sources, scene.vip(family), 8);
        tally.assert_proportions(&scene.named(&[1, 1, 1]), 1.0);
    }
    Ok(())
}

#[test]
fn a_configuration_that_does_not_fit_changes_nothing() -> Result<()> {
    let few = "schedule_slots = 1024\n";
    let scene = Scene::start_with(few, Laboratory::routed(), PORT, &[1, 1, 1], |pool| pool)?;
    // 513 turns for each of the two pools.
    assert_refused_as_a_whole(&scene, [256, 255, 2], ["", ""], "schedule_slots = 1026")
}

#[test]
fn a_reload_that_would_need_a_start_changes_nothing() -> Result<()> {
    let room = "max_members = 100\n";
    let scene = Scene::start_with(room, Laboratory::routed(), PORT, &[1, 1, 1], |pool| pool)?;
    let more = ["max_members = 100", "max_members = 200"];
    assert_refused_as_a_whole(&scene, [1, 0, 0], more, "holdfast stop --detach")
}

#[test]
fn check_names_the_line_that_is_wrong() -> Result<()> {
    let minimal = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/minimal.toml");
    let directory = tempfile::tempdir()?;
    let broken = directory.path().join("broken.toml");
    let text = fs::read_to_string(minimal)?;
    let line = 1 + text
        .lines()
        .position(|line| line == "port = 80")
        .expect("a listener");
    fs::write(&broken, text.replace("port = 80\n", "port = 80000\n"))?;
    let check = |file: &str| Command::new(daemon::binary()).args(["check", file]).output();

    let valid = check(minimal)?;
    assert!(valid.status.success(), "{valid:?}");
    let broken = broken.to_str().expect("a plain path");
    let invalid = check(broken)?;
    assert!(!invalid.status.success());
    let said = String::from_utf8(invalid.stderr)?;
    assert!(said.contains(&format!("{broken}:{line}:")), "{said}");
    assert!(said.contains("80000"), "{said}");
    Ok(())
}

#[test]
fn who_reads_no_further_is_no_error() -> Result<()> {
    let minimal = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/minimal.toml");
    let (reader, writer) = std::io::pipe()?;
    drop(reader);
    let output = Command::new(daemon::binary())
        .args(["check", minimal])
        .stdout(writer)
        .stderr(std::process::Stdio::piped())
        .output()?;
    let said = String::from_utf8(output.stderr)?;
    assert!(output.status.success() && said.is_empty(), "{said}");
    Ok(())
}

#[test]
fn a_check_says_which_certificate_a_daemon_could_not_use() -> Result<()> {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/web.toml");
    let directory = tempfile::tempdir()?;
    let file = directory.path().join("web.toml");
    let missing = directory.path().join("site.pem").display().to_string();
    fs::write(
        &file,
        fs::read_to_string(examples)?.replace("/etc/holdfast/site.pem", &missing),
    )?;
    let output = Command::new(daemon::binary()).arg("check").arg(&file).output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    // The file is right all the same.
    assert!(output.status.success(), "{said}");
    assert!(
        said.contains("a daemon would not start now: listener \"site-https\"") && said.contains(&missing),
        "{said}"
    );
    Ok(())
}

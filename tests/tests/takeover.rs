//! The datapath serves everybody all the while that one daemon ends and the next one takes it over, or fails to.

use std::fs;
use std::io;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use lb_tests::daemon::binary;
use lb_tests::{Closing, Conversation, Daemon, Family, Laboratory, Protocol, Scene, Tally, eventually};

const PORT: u16 = 80;
/// A SYN that was lost is sent again after a second: who waits for less notices.
const PATIENCE: Duration = Duration::from_millis(900);
const TIME_TO_BEGIN: Duration = Duration::from_secs(10);
/// Fewer, and it was not tried all the while.
const LEAST_ASKED: u32 = 100;

/// Asks again and again, over new flows of both protocols and families and over some that were there before, while
/// something happens to the daemon. Nobody goes unanswered.
fn everybody_is_served_while(
    scene: &mut Scene,
    happens: impl FnOnce(&mut Daemon) -> Result<()>,
) -> Result<()> {
    let client = scene
        .client()
        .clone()
        .with_closing(Closing::Reset)
        .with_timeout(PATIENCE);
    let ways = Family::BOTH.map(|family| Protocol::BOTH.map(|protocol| (protocol, family)));
    let ways: Vec<_> = ways
        .as_flattened()
        .iter()
        .map(|&(protocol, family)| (protocol, family, scene.vip(family)))
        .collect();
    let flows = ways
        .iter()
        .map(|&(protocol, _, vip)| client.open(protocol, None, vip));
    let flows: Vec<Conversation> = flows.collect::<io::Result<_>>()?;
    let (is_over, asked_over_flows) = (AtomicBool::new(false), AtomicU32::new(0));
    thread::scope(|scope| {
        let (client, is_over, asked) = (&client, &is_over, &asked_over_flows);
        let newcomers = ways.iter().map(|&(protocol, family, vip)| {
            scope.spawn(move || {
                let mut tally = Tally::default();
                while !is_over.load(Ordering::Relaxed) {
                    let first = tally.total() as usize;
                    let sources = |index| family.source((first + index) % 1000);
                    tally = tally.merge(client.sweep(protocol, 10, sources, vip, 1));
                }
                tally
            })
        });
        let newcomers: Vec<_> = newcomers.collect();
        let regulars = scope.spawn(move || -> io::Result<()> {
            while !is_over.load(Ordering::Relaxed) {
                for flow in &flows {
                    flow.ask()?;
                }
                asked.fetch_add(1, Ordering::Relaxed);
            }
            Ok(())
        });
        eventually("the first to be answered", TIME_TO_BEGIN, || {
            asked.load(Ordering::Relaxed) > 0 || regulars.is_finished()
        });
        let happened = happens(scene.daemon_mut());
        is_over.store(true, Ordering::Relaxed);
        let tallies: Vec<Tally> = newcomers
            .into_iter()
            .map(|newcomer| newcomer.join().expect("it does not panic"))
            .collect();
        happened?;
        regulars
            .join()
            .expect("it does not panic")
            .context("over a flow that was there before")?;
        for tally in tallies {
            tally.assert_no_failures();
            assert!(tally.total() >= LEAST_ASKED, "{tally:?}");
        }
        assert!(asked.load(Ordering::Relaxed) >= LEAST_ASKED);
        Ok(())
    })
}

fn scene() -> Result<Scene> {
    Scene::start(Laboratory::routed(), PORT, &[1, 1], |pool| pool)
}

#[test]
fn nobody_waits_while_the_daemon_is_killed_and_the_next_one_starts() -> Result<()> {
    everybody_is_served_while(&mut scene()?, |daemon| {
        daemon.kill9()?;
        daemon.launch()
    })
}

#[test]
fn nobody_waits_while_the_daemon_is_stopped_and_the_next_one_starts() -> Result<()> {
    everybody_is_served_while(&mut scene()?, Daemon::restart)
}

#[test]
fn nobody_waits_while_one_daemon_takes_over_from_another() -> Result<()> {
    everybody_is_served_while(&mut scene()?, |daemon| {
        let before = daemon.take_over()?;
        ensure!(before.await_end()?.success());
        Ok(())
    })
}

/// Runs another process of this daemon's configuration file, or of another one, until it ends by itself or the time is up.
fn run_beside(scene: &Scene, config: &Path, limit: [&str; 2]) -> Result<Output> {
    let mut command = scene.lab().balancer().command("timeout");
    command
        .args(limit)
        .arg(binary())
        .arg("run")
        .arg("--config")
        .arg(config);
    Ok(command.env("NO_COLOR", "1").output()?)
}

/// The generations of programs that are pinned.
fn generations(daemon: &Daemon) -> Result<Vec<String>> {
    let mut found = names(daemon.pin_path())?;
    found.retain(|name| name.starts_with("generation-"));
    Ok(found)
}

fn names(directory: &Path) -> Result<Vec<String>> {
    let entries = fs::read_dir(directory)?;
    let names = entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()));
    let mut names = names.collect::<io::Result<Vec<String>>>()?;
    names.sort();
    Ok(names)
}

#[test]
fn programs_that_were_replaced_are_gone() -> Result<()> {
    let mut scene = scene()?;
    let first = generations(scene.daemon())?;
    scene.daemon_mut().kill9()?;
    scene.daemon_mut().launch()?;
    let second = generations(scene.daemon())?;
    assert_eq!([first.len(), second.len()], [1, 1]);
    assert_ne!(first, second);
    Ok(())
}

#[test]
fn daemons_that_are_killed_while_they_start_harm_nobody() -> Result<()> {
    let mut scene = scene()?;
    let config = scene.daemon().config_path();
    let balancer = Arc::clone(scene.lab().balancer());
    everybody_is_served_while(&mut scene, |daemon| {
        daemon.kill9()?;
        // The whole start takes about a second.
        for moment_s in ["0.2", "0.4", "0.6", "0.8", "1.0", "1.2", "1.4"] {
            let mut command = balancer.command("timeout");
            command.args(["--signal=KILL", moment_s]).arg(binary());
            command.arg("run").arg("--config").arg(&config).output()?;
        }
        daemon.launch()
    })?;
    assert_eq!(generations(scene.daemon())?.len(), 1);
    Ok(())
}

/// Changes a daemon's configuration file.
fn edit(daemon: &Daemon, from: &str, to: &str) -> Result<()> {
    let file = daemon.config_path();
    let text = fs::read_to_string(&file)?;
    assert!(text.contains(from), "{from} in {text}");
    Ok(fs::write(&file, text.replace(from, to))?)
}

/// An interface of the balancer that leads nowhere.
fn add_interface(lab: &Laboratory, name: &str) -> Result<()> {
    lab.balancer()
        .ip(&[format!("link add {name} type veth peer name other")])
}

/// Another daemon, with an interface to itself.
fn stranger_on(lab: &Laboratory, interface: &str) -> Result<Daemon> {
    add_interface(lab, interface)?;
    let mut stranger = Daemon::prepare(lab, "")?;
    let own = format!("{:?}", lab.balancer_interfaces());
    edit(&stranger, &own, &format!("[{interface:?}]"))?;
    stranger.launch()?;
    Ok(stranger)
}

/// What `ip link` says of each interface of a laboratory: `xdp`, `xdpgeneric`, or nothing.
fn attached(lab: &Laboratory) -> Result<Vec<Option<&'static str>>> {
    let interfaces = lab.balancer_interfaces().into_iter();
    let attached = interfaces.map(|interface| {
        let mut command = lab.balancer().command("ip");
        let output = command.args(["link", "show", &interface]).output()?;
        let said = String::from_utf8(output.stdout)?;
        let mut words = said.split_whitespace();
        Ok(words.find_map(|word| ["xdp", "xdpgeneric"].into_iter().find(|known| *known == word)))
    });
    attached.collect()
}

fn failure(daemon: &mut Daemon) -> String {
    let error = daemon.launch().expect_err("it is not to start");
    let said = format!("{error:#}");
    assert!(said.contains("exit status: 1"), "{said}");
    said
}

#[test]
fn a_start_that_fails_changes_nothing_of_the_datapath_that_runs() -> Result<()> {
    let mut scene = scene()?;
    let _stranger = stranger_on(scene.lab(), "spare")?;
    let before = names(scene.daemon().pin_path())?;
    everybody_is_served_while(&mut scene, |daemon| {
        daemon.terminate()?;
        // At the end: the others come first.
        edit(daemon, "\"]", "\", \"spare\"]")?;
        let said = failure(daemon);
        assert!(said.contains("another XDP program is there"), "{said}");
        Ok(())
    })?;
    assert_eq!(names(scene.daemon().pin_path())?, before);
    everybody_is_served_while(&mut scene, |daemon| {
        edit(daemon, ", \"spare\"]", "]")?;
        daemon.launch()
    })
}

#[test]
fn a_start_that_fails_leaves_nothing() -> Result<()> {
    let lab = Laboratory::routed().members(1).build()?;
    let _stranger = stranger_on(&lab, "spare")?;
    let mut daemon = Daemon::prepare(&lab, "")?;
    // At the end: the others come first.
    edit(&daemon, "\"]", "\", \"spare\"]")?;
    assert!(failure(&mut daemon).contains("another XDP program is there"));
    assert!(attached(&lab)?.iter().all(Option::is_none));
    assert!(!daemon.pin_path().exists(), "{:?}", names(daemon.pin_path()));
    Ok(())
}

#[test]
fn a_second_daemon_on_the_same_pins_is_told_whose_they_are_and_changes_nothing() -> Result<()> {
    let scene = scene()?;
    let daemon = scene.daemon();
    let second = daemon.config_path().with_file_name("second.toml");
    let text = fs::read_to_string(daemon.config_path())?;
    let text = text.replace("control.sock", "second.sock");
    fs::write(&second, text.replace("weight = 1", "weight = 0"))?;
    let output = run_beside(&scene, &second, ["--signal=INT", "20"])?;
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    let holder = format!("process {} (`", daemon.pid().context("it runs")?);
    assert!(
        said.contains("another daemon works on the datapath") && said.contains(&holder),
        "{said}"
    );
    let output = Command::new(binary()).arg("check").arg(&second).output()?;
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains(&holder), "{said}");
    scene.assert_dealt(&[1, 1]);
    Ok(())
}

/// Each interface is attached in this way, says the kernel, and so does the daemon.
fn assert_mode(scene: &Scene, shown: &str, mode: &str) -> Result<()> {
    assert!(attached(scene.lab())?.iter().all(|found| *found == Some(shown)));
    let status = scene.daemon().status()?;
    let interfaces = status["interfaces"].as_array().context("a list")?;
    assert!(
        !interfaces.is_empty() && interfaces.iter().all(|interface| interface["mode"] == mode),
        "{status}"
    );
    Ok(())
}

#[test]
fn a_daemon_that_takes_over_attaches_in_the_mode_that_is_configured_now() -> Result<()> {
    let generic = "xdp_mode = \"generic\"";
    let mut scene = Scene::start_with(generic, Laboratory::routed(), PORT, &[1, 1], |pool| pool)?;
    assert_mode(&scene, "xdpgeneric", "generic")?;
    scene.daemon_mut().restart()?;
    assert_mode(&scene, "xdpgeneric", "generic")?;
    assert!(!scene.daemon().log().contains("attached anew"));

    edit(scene.daemon(), generic, "xdp_mode = \"native\"")?;
    scene.daemon_mut().restart()?;
    assert_mode(&scene, "xdp", "native")?;
    assert!(scene.daemon().log().contains("attached anew"));
    everybody_is_served_while(&mut scene, Daemon::restart)
}

#[test]
fn a_mode_that_an_interface_does_not_take_changes_nothing() -> Result<()> {
    let generic = "xdp_mode = \"generic\"";
    let mut scene = Scene::start_with(generic, Laboratory::routed(), PORT, &[1, 1], |pool| pool)?;
    edit(scene.daemon(), "\"]", "\", \"lo\"]")?;
    scene.daemon_mut().restart()?;
    let before = names(scene.daemon().pin_path())?;
    scene.daemon_mut().terminate()?;
    edit(scene.daemon(), generic, "xdp_mode = \"native\"")?;
    let said = failure(scene.daemon_mut());
    assert!(said.contains("`lo`: its driver has no XDP"), "{said}");
    assert!(
        attached(scene.lab())?
            .iter()
            .all(|found| *found == Some("xdpgeneric"))
    );
    assert_eq!(names(scene.daemon().pin_path())?, before);
    everybody_is_served_while(&mut scene, |daemon| {
        edit(daemon, "xdp_mode = \"native\"", generic)?;
        daemon.launch()
    })
}

#[test]
fn an_interface_with_a_dot_in_its_name_is_taken_over_like_any_other() -> Result<()> {
    let mut scene = scene()?;
    add_interface(scene.lab(), "spare.100")?;
    edit(scene.daemon(), "\"]", "\", \"spare.100\"]")?;
    scene.daemon_mut().restart()?;
    scene.daemon_mut().restart()?;
    assert_mode(&scene, "xdp", "native")
}

#[test]
fn what_a_daemon_left_is_ended_without_it() -> Result<()> {
    let mut scene = scene()?;
    let vip = scene.vip(Family::V4);
    let end = |scene: &Scene| {
        let config = scene.daemon().config_path();
        let config = config.to_str().context("the path is text")?;
        scene.daemon().cli(&["stop", "--detach", "--config", config])
    };
    // With the daemon, or after it went, however it did.
    for goes in [Goes::Not, Goes::InOrder, Goes::Killed] {
        match goes {
            Goes::Not => {}
            Goes::InOrder => drop(scene.daemon_mut().terminate()?),
            Goes::Killed => scene.daemon_mut().kill9()?,
        }
        scene.client().ask(Protocol::Tcp, None, vip)?;
        let ended = end(&scene)?;
        assert!(ended.status.success(), "{ended:?}");
        assert!(!scene.daemon().pin_path().exists());
        assert!(attached(scene.lab())?.iter().all(Option::is_none));
        if goes == Goes::Not {
            scene.daemon_mut().await_end()?;
        }
        let again = end(&scene)?;
        let said = String::from_utf8_lossy(&again.stderr);
        assert!(
            !again.status.success() && said.contains("there is no datapath"),
            "{said}"
        );
        scene.daemon_mut().launch()?;
    }
    Ok(())
}

/// How a daemon ends.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Goes {
    Not,
    InOrder,
    Killed,
}

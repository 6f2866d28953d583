//! The interfaces that the datapath is attached to follow the configuration, and the machine.

use std::fs;
use std::path::Path;
use std::process::Output;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use lb_tests::{Family, Laboratory, Scene, eventually};

const PORT: u16 = 80;
const WITHIN: Duration = Duration::from_secs(10);

/// Two members, of which clients are sent to the first alone.
fn scene(datapath: &str) -> Result<Scene> {
    Scene::start_with(datapath, Laboratory::routed(), PORT, &[1, 0], |pool| pool)
}

/// Writes other interfaces into the daemon's file.
fn write_interfaces(scene: &Scene, interfaces: &[&str]) -> Result<()> {
    let file = scene.daemon().config_path();
    let text = fs::read_to_string(&file)?;
    let old = text.lines().find(|line| line.starts_with("interfaces = "));
    let old = old.context("there are no interfaces")?;
    fs::write(&file, text.replace(old, &format!("interfaces = {interfaces:?}")))?;
    Ok(())
}

fn reload(scene: &Scene, interfaces: &[&str]) -> Result<Output> {
    write_interfaces(scene, interfaces)?;
    scene.daemon().cli(&["reload"])
}

/// The interfaces with an XDP program.
fn attached(scene: &Scene) -> Result<Vec<String>> {
    let links = scene
        .lab()
        .balancer()
        .command("ip")
        .args(["-o", "link"])
        .output()?;
    let links = String::from_utf8(links.stdout)?;
    let attached = links.lines().filter(|line| line.contains("xdp"));
    let names = attached.filter_map(|line| line.split([':', '@']).nth(1));
    let mut names: Vec<String> = names.map(|name| name.trim().to_owned()).collect();
    names.sort_unstable();
    Ok(names)
}

/// How many links are pinned.
fn pinned(scene: &Scene) -> Result<usize> {
    pins(scene, "link-")
}

/// How many pins have a name that begins so.
fn pins(scene: &Scene, kind: &str) -> Result<usize> {
    let text = fs::read_to_string(scene.daemon().config_path())?;
    let pins = text.lines().find_map(|line| line.strip_prefix("pin_path = "));
    let pins = pins.context("there is no pin_path")?.trim_matches('"');
    let names = fs::read_dir(Path::new(pins))?.collect::<Result<Vec<_>, _>>()?;
    let found = names
        .iter()
        .filter(|entry| entry.file_name().to_string_lossy().starts_with(kind));
    Ok(found.count())
}

fn mode_of(scene: &Scene, interface: &str) -> Result<String> {
    let status = scene.daemon().status()?;
    let interfaces = status["interfaces"].as_array().context("no interfaces")?;
    let mut found = interfaces.iter().filter(|one| one["name"] == interface);
    let found = found.next().context("it is not in the status")?;
    Ok(found["mode"].as_str().unwrap_or_default().to_owned())
}

#[test]
fn interfaces_come_and_go_in_a_reload_while_the_others_keep_their_packets() -> Result<()> {
    let scene = scene("")?;
    let flow = scene.client().connect(None, scene.vip(Family::V4))?;
    let answer = flow.ask()?;
    for _ in 0..2 {
        let reloaded = reload(&scene, &["client", "member1"])?;
        assert!(reloaded.status.success(), "{reloaded:?}");
        assert_eq!(attached(&scene)?, ["client", "member1"]);
        assert_eq!(pinned(&scene)?, 2);
        assert_eq!(flow.ask()?, answer);

        let reloaded = reload(&scene, &["client", "member1", "member2"])?;
        assert!(reloaded.status.success(), "{reloaded:?}");
        assert_eq!(attached(&scene)?, ["client", "member1", "member2"]);
        assert_eq!(pinned(&scene)?, 3);
        assert_eq!(flow.ask()?, answer);
    }
    // Answers of the second member come in by the interface that was attached to last.
    let text = fs::read_to_string(scene.daemon().config_path())?;
    fs::write(
        scene.daemon().config_path(),
        text.replace("weight = 1", "weight = 2")
            .replace("weight = 0", "weight = 1"),
    )?;
    let reloaded = scene.daemon().cli(&["reload"])?;
    assert!(reloaded.status.success(), "{reloaded:?}");
    for family in Family::BOTH {
        let sources = |index| family.source(index);
        let tally = scene
            .client()
            .sweep_connections(90, sources, scene.vip(family), 8);
        tally.assert_proportions(&scene.named(&[2, 1]), 1.0);
    }
    Ok(())
}

#[test]
fn an_interface_that_cannot_be_attached_to_refuses_the_reload_as_a_whole() -> Result<()> {
    let scene = scene("xdp_mode = \"native\"\n")?;
    let spare = "link add spare type veth peer name other";
    scene.lab().balancer().ip(&[spare])?;
    let flow = scene.client().connect(None, scene.vip(Family::V4))?;
    let answer = flow.ask()?;
    for (last, complaint) in [
        ("lo", "its driver has no XDP"),
        ("membr2", "did you mean \"member2\"?"),
    ] {
        let refused = reload(&scene, &["client", "spare", last])?;
        let said = String::from_utf8(refused.stderr)?;
        assert!(!refused.status.success() && said.contains(complaint), "{said}");
        assert_eq!(attached(&scene)?, ["client", "member1", "member2"]);
        assert_eq!(pinned(&scene)?, 3);
        assert_eq!(mode_of(&scene, "member2")?, "native");
        assert_eq!(flow.ask()?, answer);
    }
    Ok(())
}

#[test]
fn a_daemon_that_is_started_with_fewer_interfaces_leaves_the_others() -> Result<()> {
    let mut scene = scene("")?;
    let flow = scene.client().connect(None, scene.vip(Family::V6))?;
    let answer = flow.ask()?;
    scene.daemon_mut().terminate()?;
    write_interfaces(&scene, &["client", "member1"])?;
    assert_eq!(attached(&scene)?.len(), 3);
    scene.daemon_mut().launch()?;
    assert_eq!(attached(&scene)?, ["client", "member1"]);
    assert_eq!(pinned(&scene)?, 2);
    assert_eq!(pins(&scene, "generation-")?, 1);
    assert_eq!(flow.ask()?, answer);
    Ok(())
}

#[test]
fn an_interface_that_goes_and_comes_back_is_attached_to_again() -> Result<()> {
    let scene = scene("")?;
    let add = [
        "link add spare type veth peer name other",
        "link set spare up",
        "link set other up",
    ];
    scene.lab().balancer().ip(&add)?;
    let reloaded = reload(&scene, &["client", "member1", "spare"])?;
    assert!(reloaded.status.success(), "{reloaded:?}");
    for _ in 0..2 {
        scene.lab().balancer().ip(&["link del spare"])?;
        eventually("the status to say that it is gone", WITHIN, || {
            let mode = mode_of(&scene, "spare")?;
            ensure!(mode == "detached", "{mode}");
            anyhow::Ok(())
        });
        assert!(scene.daemon().log().contains("the interface is gone"));
        assert_eq!(pinned(&scene)?, 2);
        scene.lab().balancer().ip(&add)?;
        eventually("it to be attached to again", WITHIN, || {
            let mode = mode_of(&scene, "spare")?;
            ensure!(mode == "native", "{mode}");
            anyhow::Ok(())
        });
        assert_eq!(attached(&scene)?, ["client", "member1", "spare"]);
        assert_eq!(pinned(&scene)?, 3);
    }
    Ok(())
}

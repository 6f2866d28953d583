//! A daemon without interfaces: the proxy serves, and there is no datapath.

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::{Context as _, Result, ensure};
use lb_tests::{Config, Daemon, Family, Laboratory, Member, Pool, Protocol, Scheme, Services, Wire};
use serde_json::Value;

const WEB_PORT: u16 = 8080;
const LINES_PORT: u16 = 8090;

/// Small maps, which are made quickly.
const SMALL: &str = "max_flows = 4096\nmax_sessions = 65536\nmax_listeners = 64\nmax_pools = 64\nmax_members = 256\n\
                     schedule_slots = 16384\n";

fn laboratory() -> Result<(Laboratory, Member)> {
    let lab = Laboratory::routed().members(1).build()?;
    let member = lab.serve(1, &Services::new().web([WEB_PORT]).tcp([LINES_PORT]))?;
    Ok((lab, member))
}

fn vip(port: u16) -> SocketAddr {
    (Family::V4.vip(), port).into()
}

/// Connections wait for as long as a reload may take on a busy machine.
const PATIENT: &str = "[load_balancer.listener.http.timeouts]\nheader_s = 86400\nidle_s = 86400\n";

/// The member behind an HTTP listener at this port.
fn web(lab: &Laboratory, port: u16) -> Config {
    let member = (lab.member_address(1, Family::V4), WEB_PORT).into();
    Config::new()
        .web_listener(Scheme::Http, vip(port), "web", PATIENT)
        .pool(Pool::web("web").member("member1", member, 1))
}

/// The same with a listener of TCP beside it.
fn with_lines(lab: &Laboratory) -> String {
    let member = (lab.member_address(1, Family::V4), LINES_PORT).into();
    let config = web(lab, WEB_PORT)
        .listener(Protocol::Tcp, vip(LINES_PORT), "lines")
        .pool(Pool::new("lines").member("member1", member, 1));
    format!("{SMALL}{config}")
}

/// A daemon of root without interfaces.
fn alone(lab: &Laboratory) -> Result<Daemon> {
    let mut daemon = Daemon::prepare(lab, "")?;
    daemon.set_interfaces(&[]);
    daemon.write_config(web(lab, WEB_PORT))?;
    daemon.launch()?;
    Ok(daemon)
}

/// The interfaces of the laboratory.
const INTERFACES: [&str; 2] = ["client", "member1"];

fn wire(lab: &Laboratory, port: u16) -> Result<Wire> {
    Wire::connect_in(lab.client_namespace(), None, vip(port))
}

fn assert_web(lab: &Laboratory) -> Result<()> {
    assert_eq!(wire(lab, WEB_PORT)?.get("/")?.member(), "member1");
    Ok(())
}

fn lines(lab: &Laboratory) -> Result<String> {
    Ok(lab.client().ask_tcp(None, vip(LINES_PORT))?.member)
}

/// What a process has of the kernel's maps and programs.
fn objects(daemon: &Daemon) -> Result<Vec<PathBuf>> {
    let pid = daemon.pid().context("it runs")?;
    let files = fs::read_dir(format!("/proc/{pid}/fd"))?.flatten();
    let mut files: Vec<PathBuf> = files.filter_map(|file| fs::read_link(file.path()).ok()).collect();
    files.retain(|file| file.to_string_lossy().contains("bpf"));
    Ok(files)
}

/// Has a configuration taken, or gives why it is not.
fn reload(daemon: &Daemon, config: &str) -> Result<()> {
    daemon.write_config(config)?;
    let reloaded = daemon.cli(&["reload"])?;
    ensure!(
        reloaded.status.success(),
        "{}",
        String::from_utf8_lossy(&reloaded.stderr)
    );
    Ok(())
}

fn said(daemon: &Daemon, arguments: &[&str]) -> Result<String> {
    let output = daemon.cli(arguments)?;
    let said = [output.stdout, output.stderr].concat();
    Ok(String::from_utf8(said)?)
}

#[test]
fn an_ordinary_user_serves_http_without_capabilities_maps_or_pins() -> Result<()> {
    let (lab, _member) = laboratory()?;
    let mut daemon = Daemon::prepare_unprivileged(&lab, "", &[])?;
    daemon.set_interfaces(&[]);
    daemon.write_config(web(&lab, WEB_PORT))?;
    let config = daemon.config_path();
    // Where no BPF file system is.
    let pins = daemon.pin_path().display().to_string();
    fs::write(
        &config,
        fs::read_to_string(&config)?.replace(&pins, "/nowhere/pins"),
    )?;
    daemon.launch()?;
    let pid = daemon.pid().context("it runs")?;
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    assert!(status.contains("\nCapEff:\t0000000000000000\n"), "{status}");
    assert_web(&lab)?;
    assert_eq!(objects(&daemon)?, Vec::<PathBuf>::new());
    let status = daemon.status()?;
    assert_eq!(status["interfaces"], Value::Array(Vec::new()));
    assert_eq!(status["pools"][0]["status"], "ONLINE", "{status}");
    assert_eq!(status["daemon"]["dataplane"], "kernel");
    for (arguments, says) in [
        (&["check", &config.display().to_string()][..], "it has no maps"),
        (&["status"], "ONLINE"),
        (&["sessions"], "POOL"),
        (
            &["explain", "192.0.2.7", "listener-1"],
            "ROUND_ROBIN gives it to member1",
        ),
        (&["drop-session", "web", "192.0.2.7"], "holds no session"),
    ] {
        let said = said(&daemon, arguments)?;
        assert!(said.contains(says), "{arguments:?}: {said}");
    }
    assert!(daemon.cli(&["reload"])?.status.success());
    assert_web(&lab)?;
    assert!(daemon.terminate()?.success());
    Ok(())
}

#[test]
fn a_right_that_is_missing_is_told_of_and_no_other() -> Result<()> {
    let (lab, _member) = laboratory()?;
    let mut daemon = Daemon::prepare_unprivileged(&lab, "", &[])?;
    daemon.set_interfaces(&[]);
    daemon.write_config(web(&lab, 80))?;
    let refusal = format!("{:#}", daemon.launch().expect_err("the port is a low one"));
    assert!(
        refusal.contains("- missing: CAP_NET_BIND_SERVICE (to listen on ports below 1024")
            && !refusal.contains("CAP_BPF"),
        "{refusal}"
    );
    let mut daemon = Daemon::prepare_unprivileged(&lab, "", &["net_bind_service"])?;
    daemon.set_interfaces(&[]);
    daemon.write_config(web(&lab, 80))?;
    daemon.launch()?;
    assert_eq!(wire(&lab, 80)?.get("/")?.member(), "member1");
    // The first interface takes more.
    daemon.set_interfaces(&INTERFACES);
    let refusal = reload(&daemon, &web(&lab, 80).to_string()).expect_err("it has no right to a datapath");
    for capability in ["CAP_BPF", "CAP_NET_ADMIN", "CAP_PERFMON"] {
        assert!(refusal.to_string().contains(capability), "{refusal}");
    }
    assert_eq!(wire(&lab, 80)?.get("/")?.member(), "member1");
    assert_eq!(objects(&daemon)?, Vec::<PathBuf>::new());
    Ok(())
}

#[test]
fn layer_4_comes_with_the_first_interface_and_goes_with_the_last_while_http_goes_on() -> Result<()> {
    let (lab, _member) = laboratory()?;
    let mut daemon = alone(&lab)?;
    let mut idle = wire(&lab, WEB_PORT)?;
    for _ in 0..2 {
        assert!(!daemon.pin_path().exists());
        assert!(lines(&lab).is_err(), "nobody listens");
        daemon.set_interfaces(&INTERFACES);
        reload(&daemon, &with_lines(&lab))?;
        assert!(daemon.pin_path().exists());
        assert_ne!(objects(&daemon)?, Vec::<PathBuf>::new());
        assert_eq!(lines(&lab)?, "member1");
        assert_eq!(idle.get("/")?.status, 200);

        daemon.set_interfaces(&[]);
        reload(&daemon, &web(&lab, WEB_PORT).to_string())?;
        assert_eq!(objects(&daemon)?, Vec::<PathBuf>::new());
        assert_eq!(idle.get("/")?.status, 200);
    }
    assert_web(&lab)
}

#[test]
fn a_first_interface_that_is_not_there_changes_nothing() -> Result<()> {
    let (lab, _member) = laboratory()?;
    let mut daemon = alone(&lab)?;
    // `lo` has no XDP in its driver: it is refused only when all else is ready.
    for (interfaces, mode, says) in [
        (["client", "nowhere"], "", "there is no interface \"nowhere\""),
        (
            ["client", "lo"],
            "xdp_mode = \"native\"\n",
            "its driver has no XDP",
        ),
    ] {
        daemon.set_interfaces(&interfaces);
        let refusal = reload(&daemon, &format!("{mode}{}", with_lines(&lab)));
        let refusal = refusal.expect_err("it is not to be taken").to_string();
        assert!(refusal.contains(says), "{refusal}");
        assert!(!daemon.pin_path().exists());
        assert_eq!(objects(&daemon)?, Vec::<PathBuf>::new());
        assert_web(&lab)?;
    }
    Ok(())
}

#[test]
fn a_start_without_interfaces_ends_the_datapath_that_an_earlier_daemon_left() -> Result<()> {
    let (lab, _member) = laboratory()?;
    let mut daemon = Daemon::start(&lab, with_lines(&lab))?;
    assert_eq!(lines(&lab)?, "member1");
    daemon.terminate()?;
    assert!(daemon.pin_path().exists());
    daemon.set_interfaces(&[]);
    daemon.write_config(web(&lab, WEB_PORT))?;
    daemon.launch()?;
    assert!(!daemon.pin_path().exists());
    assert_web(&lab)
}

#[test]
fn layer_4_comes_and_goes_with_a_hand_over_while_http_goes_on() -> Result<()> {
    let (lab, _member) = laboratory()?;
    let mut daemon = alone(&lab)?;
    for _ in 0..2 {
        daemon.set_interfaces(&INTERFACES);
        daemon.write_config(with_lines(&lab))?;
        assert!(daemon.upgrade()?.await_end()?.success());
        assert_eq!(lines(&lab)?, "member1");
        assert_web(&lab)?;

        daemon.set_interfaces(&[]);
        daemon.write_config(web(&lab, WEB_PORT))?;
        assert!(daemon.upgrade()?.await_end()?.success());
        assert!(!daemon.pin_path().exists());
        assert_web(&lab)?;
    }
    Ok(())
}

#[test]
fn there_is_one_daemon_at_a_control_socket_and_it_is_ended_by_its_file() -> Result<()> {
    let (lab, _member) = laboratory()?;
    let mut daemon = alone(&lab)?;
    let config = daemon.config_path();
    let mut second = lab.balancer().command(lb_tests::daemon::binary());
    let second = second.args(["run", "--config"]).arg(&config).output()?;
    let refusal = String::from_utf8_lossy(&second.stderr);
    assert!(
        !second.status.success() && refusal.contains("another daemon answers at "),
        "{refusal}"
    );
    assert_web(&lab)?;
    let config = config.to_str().context("the path is text")?;
    let ended = daemon.cli(&["stop", "--detach", "--config", config])?;
    assert!(ended.status.success(), "{ended:?}");
    assert!(daemon.await_end()?.success());
    Ok(())
}

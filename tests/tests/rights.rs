//! What the daemon needs of the machine, and that it says what is missing.

use std::fs;
use std::path::Path;

use anyhow::Result;
use lb_tests::daemon::binary;
use lb_tests::scene::MEMBER_PORT;
use lb_tests::{Config, Daemon, Family, Laboratory, Pool, Protocol, Services};

const NEEDED: [&str; 3] = ["bpf", "net_admin", "perfmon"];

fn laboratory() -> Result<Laboratory> {
    Laboratory::routed().members(1).build()
}

/// Member 1 behind the VIPs.
fn config(lab: &Laboratory) -> Config {
    Family::BOTH.into_iter().fold(Config::new(), |config, family| {
        let name = format!("{family:?}");
        let member = (lab.member_address(1, family), MEMBER_PORT).into();
        config
            .listener(Protocol::Tcp, (family.vip(), 80).into(), &name)
            .pool(Pool::new(&name).member("member1", member, 1))
    })
}

/// A daemon whose whole configuration, the sections of the daemon and the datapath included, is changed.
fn prepare(lab: &Laboratory, change: impl Fn(&Daemon, &str) -> String) -> Result<Daemon> {
    let daemon = Daemon::prepare(lab, config(lab))?;
    let file = daemon.config_path();
    fs::write(&file, change(&daemon, &fs::read_to_string(&file)?))?;
    Ok(daemon)
}

/// What a daemon says that does not start.
fn refusal(mut daemon: Daemon) -> String {
    let said = format!("{:#}", daemon.launch().expect_err("it is not to start"));
    assert!(said.contains("exit status: 1"), "{said}");
    said
}

#[test]
fn three_capabilities_are_enough_to_serve_with_all_files_that_may_be_open() -> Result<()> {
    let lab = laboratory()?;
    let _member = lab.serve(1, &Services::new().tcp([MEMBER_PORT]))?;
    let mut daemon = Daemon::prepare_unprivileged(&lab, config(&lab), &NEEDED)?;
    daemon.launch()?;
    let pid = daemon.pid().expect("it runs");
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    for line in ["CapEff:\t000000c000001000", "CapBnd:\t000000c000001000"] {
        assert!(status.lines().any(|found| found == line), "{line} in {status}");
    }
    assert!(
        status.contains("\nUid:\t65534\t65534\t65534\t65534\n"),
        "{status}"
    );
    let limits = fs::read_to_string(format!("/proc/{pid}/limits"))?;
    let files: Vec<&str> = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max open files"))
        .map(|limits| limits.split_whitespace().collect())
        .unwrap_or_default();
    assert!(files.len() > 1 && files[0] == files[1], "{limits}");
    let ask = || -> Result<()> {
        for family in Family::BOTH {
            let answer = lab.client().ask_tcp(None, (family.vip(), 80).into())?;
            assert_eq!(answer.member, "member1");
        }
        Ok(())
    };
    ask()?;
    assert!(daemon.cli(&["reload"])?.status.success());
    ask()
}

#[test]
fn a_capability_that_is_missing_is_named() -> Result<()> {
    let lab = laboratory()?;
    for missing in NEEDED {
        let others: Vec<&str> = NEEDED.into_iter().filter(|one| *one != missing).collect();
        let said = refusal(Daemon::prepare_unprivileged(&lab, config(&lab), &others)?);
        let line = said.lines().find(|line| line.starts_with("- missing: "));
        let (missing_ones, _) = line
            .and_then(|line| line.split_once(';'))
            .unwrap_or_else(|| panic!("{said}"));
        for capability in NEEDED {
            let name = format!("CAP_{}", capability.to_uppercase());
            assert_eq!(missing_ones.contains(&name), capability == missing, "{said}");
        }
    }
    Ok(())
}

#[test]
fn an_interface_that_is_not_there_is_named_with_those_that_are() -> Result<()> {
    let lab = laboratory()?;
    let said = refusal(prepare(&lab, |_, config| {
        config.replace("interfaces = [", "interfaces = [\"lo0\", ")
    })?);
    assert!(
        said.contains("there is no interface \"lo0\" (did you mean \"lo\"?); there are: "),
        "{said}"
    );
    for there in lab.balancer_interfaces() {
        assert!(said.contains(&there), "{there} in {said}");
    }
    Ok(())
}

#[test]
fn all_that_is_missing_is_said_at_once() -> Result<()> {
    let lab = laboratory()?;
    let said = refusal(prepare(&lab, |daemon, config| {
        let elsewhere = daemon.config_path().with_file_name("pins");
        config
            .replace(&path(daemon.pin_path()), &path(&elsewhere))
            .replace("interfaces = [", "interfaces = [\"nowhere\", ")
    })?);
    assert!(said.contains("mount -t bpf bpf /"), "{said}");
    assert!(said.contains("there is no interface \"nowhere\""), "{said}");
    Ok(())
}

fn path(path: &Path) -> String {
    path.display().to_string()
}

#[test]
fn a_driver_without_xdp_is_said_to_be_one() -> Result<()> {
    let lab = laboratory()?;
    let said = refusal(prepare(&lab, |_, config| {
        config.replace("interfaces = [", "xdp_mode = \"native\"\ninterfaces = [\"lo\", ")
    })?);
    assert!(
        said.contains("cannot attach to the interface `lo`: its driver has no XDP"),
        "{said}"
    );
    Ok(())
}

#[test]
fn an_interface_that_has_another_program_is_not_taken() -> Result<()> {
    let lab = laboratory()?;
    let _member = lab.serve(1, &Services::new().tcp([MEMBER_PORT]))?;
    let daemon = Daemon::start(&lab, config(&lab))?;
    let said = refusal(Daemon::prepare(&lab, config(&lab))?);
    assert!(said.contains("another XDP program is there"), "{said}");
    assert!(daemon.cli(&["status"])?.status.success());
    for family in Family::BOTH {
        lab.client().ask_tcp(None, (family.vip(), 80).into())?;
    }
    Ok(())
}

#[test]
fn a_second_daemon_leaves_the_first_alone() -> Result<()> {
    let lab = laboratory()?;
    let daemon = Daemon::start(&lab, config(&lab))?;
    let mut second = lab.balancer().command(binary());
    let second = second
        .args(["run", "--config"])
        .arg(daemon.config_path())
        .output()?;
    assert!(!second.status.success());
    let said = String::from_utf8_lossy(&second.stderr).into_owned();
    assert!(said.contains("another daemon answers at "), "{said}");
    assert!(daemon.cli(&["status"])?.status.success());
    Ok(())
}

#[test]
fn a_kernel_that_does_not_forward_is_warned_of() -> Result<()> {
    let lab = laboratory()?;
    let off = [("ipv4/ip_forward", "0"), ("ipv6/conf/all/forwarding", "0")];
    lab.balancer().sysctl(&off)?;
    let daemon = Daemon::start(&lab, config(&lab))?;
    let log = daemon.log();
    for command in [
        "sysctl -w net.ipv4.ip_forward=1",
        "sysctl -w net.ipv6.conf.all.forwarding=1",
    ] {
        assert!(log.contains(command), "{log}");
    }
    drop(daemon);
    let on = off.map(|(setting, _)| (setting, "1"));
    lab.balancer().sysctl(&on)?;
    let daemon = Daemon::start(&lab, config(&lab))?;
    assert!(!daemon.log().contains("sysctl -w"), "{}", daemon.log());
    Ok(())
}

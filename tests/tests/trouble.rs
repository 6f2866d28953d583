//! What goes wrong around the daemon changes nothing for those who are served, and leaves nothing behind.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use anyhow::{Context as _, Result};
use lb_tests::{Family, Laboratory, Scene, daemon};
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use tempfile::TempDir;

const PORT: u16 = 80;

/// Runs a daemon that should end by itself. Its configuration has no load balancer.
fn run(lab: &Laboratory, config: &Path) -> Result<Output> {
    let mut command = lab.balancer().command("timeout");
    command.args(["--signal=INT", "20"]).arg(daemon::binary());
    command.arg("run").arg("--config").arg(config);
    command
        .env("NO_COLOR", "1")
        .output()
        .context("cannot run `timeout`")
}

/// A configuration with these paths, for the client's interface.
fn config(directory: &Path, socket: &Path, pins: &Path) -> Result<PathBuf> {
    let path = directory.join("holdfast.toml");
    let text = format!(
        "[daemon]\ncontrol_socket = \"{}\"\npin_path = \"{}\"\nstate_path = \"{}\"\n\n[datapath]\n\
         interfaces = [\"client\"]\n",
        socket.display(),
        pins.display(),
        directory.join("state").display()
    );
    fs::write(&path, text)?;
    Ok(path)
}

/// A daemon ends by itself, says what is wrong, and leaves the interface as it was.
fn assert_ends_without_a_trace(lab: &Laboratory, config: &Path, complaint: &str) -> Result<()> {
    let output = run(lab, config)?;
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains(complaint), "{said}");
    let links = lab
        .balancer()
        .command("ip")
        .args(["link", "show", "client"])
        .output()?;
    let links = String::from_utf8(links.stdout)?;
    assert!(links.contains("client") && !links.contains("xdp"), "{links}");
    Ok(())
}

/// Where it is pinned, if it is.
fn own_pins(directory: &TempDir) -> PathBuf {
    let name = directory.path().file_name().expect("a directory has a name");
    Path::new("/sys/fs/bpf").join(name)
}

/// A file system without room, for as long as this lives.
struct Full(PathBuf);

impl Full {
    fn mount(path: PathBuf) -> Result<Self> {
        fs::create_dir(&path)?;
        // The one inode is that of its root.
        mount(
            Some("tmpfs"),
            &path,
            Some("tmpfs"),
            MsFlags::empty(),
            Some("nr_inodes=1"),
        )?;
        Ok(Self(path))
    }
}

impl Drop for Full {
    fn drop(&mut self) {
        let _ = umount2(&self.0, MntFlags::MNT_DETACH);
    }
}

fn laboratory_directory() -> Result<TempDir> {
    let prefix = format!("hf-{}-trouble-", std::process::id());
    Ok(tempfile::Builder::new().prefix(&prefix).tempdir()?)
}

#[test]
fn a_full_disk_where_the_control_socket_should_be_leaves_nothing() -> Result<()> {
    let lab = Laboratory::routed().members(1).build()?;
    let directory = laboratory_directory()?;
    let full = Full::mount(directory.path().join("full"))?;
    let pins = own_pins(&directory);
    let config = config(directory.path(), &full.0.join("control.sock"), &pins)?;
    assert_ends_without_a_trace(&lab, &config, "control.sock")?;
    assert!(!pins.exists(), "{} is left", pins.display());
    Ok(())
}

#[test]
fn a_file_where_the_control_socket_should_be_is_refused_and_stays() -> Result<()> {
    let lab = Laboratory::routed().members(1).build()?;
    let directory = laboratory_directory()?;
    let precious = directory.path().join("precious");
    fs::write(&precious, "precious")?;
    let config = config(directory.path(), &precious, &own_pins(&directory))?;
    let complaint = format!("{} is a regular file; choose another", precious.display());
    assert_ends_without_a_trace(&lab, &config, &complaint)?;
    let check = Command::new(daemon::binary())
        .arg("check")
        .arg(&config)
        .output()?;
    let said = String::from_utf8_lossy(&check.stderr);
    assert!(!check.status.success() && said.contains(&complaint), "{said}");
    assert_eq!(fs::read_to_string(&precious)?, "precious");
    Ok(())
}

#[test]
fn a_pin_path_that_cannot_be_written_leaves_nothing() -> Result<()> {
    let lab = Laboratory::routed().members(1).build()?;
    let directory = laboratory_directory()?;
    let socket = directory.path().join("control.sock");
    // A directory cannot be made in one of these, and nothing be pinned in the other.
    for pins in [Path::new("/proc/holdfast"), &directory.path().join("pins")] {
        let config = config(directory.path(), &socket, pins)?;
        assert_ends_without_a_trace(&lab, &config, pins.to_str().expect("plain"))?;
        assert!(!socket.exists() && !pins.exists());
    }
    Ok(())
}

#[test]
fn an_interface_that_cannot_be_attached_to_leaves_nothing() -> Result<()> {
    let lab = Laboratory::routed().members(1).build()?;
    let directory = laboratory_directory()?;
    let pins = own_pins(&directory);
    let config = config(directory.path(), &directory.path().join("control.sock"), &pins)?;
    let text = fs::read_to_string(&config)?;
    let both = "interfaces = [\"client\", \"lo\"]\nxdp_mode = \"native\"";
    fs::write(&config, text.replace("interfaces = [\"client\"]", both))?;
    assert_ends_without_a_trace(&lab, &config, "its driver has no XDP")?;
    assert!(!pins.exists(), "{} is left", pins.display());
    Ok(())
}

#[test]
fn a_second_daemon_is_refused_and_changes_nothing() -> Result<()> {
    let scene = Scene::start(Laboratory::routed(), PORT, &[1, 1], |pool| pool)?;
    let directory = laboratory_directory()?;
    let second = directory.path().join("second.toml");
    let text = fs::read_to_string(scene.daemon().config_path())?;
    fs::write(&second, text.replace("weight = 1", "weight = 0"))?;
    let output = run(scene.lab(), &second)?;
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("another daemon answers"), "{said}");
    scene.assert_dealt(&[1, 1]);
    Ok(())
}

#[test]
fn a_file_that_is_gone_at_reload_changes_nothing() -> Result<()> {
    let scene = Scene::start(Laboratory::routed(), PORT, &[1, 1], |pool| pool)?;
    let file = scene.daemon().config_path();
    fs::remove_file(&file)?;
    let output = scene.daemon().cli(&["reload"])?;
    let said = String::from_utf8(output.stderr)?;
    assert!(!output.status.success());
    assert!(said.contains(file.to_str().expect("plain")), "{said}");
    for family in Family::BOTH {
        scene.client().ask_tcp(None, scene.vip(family))?;
    }
    Ok(())
}

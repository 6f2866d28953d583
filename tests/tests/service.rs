//! The daemon as a service: what it tells the service manager.

use std::io;
use std::os::unix::net::UnixDatagram;
use std::time::Duration;

use anyhow::Result;
use lb_tests::{Config, Daemon, Family, Laboratory, Pool, Protocol};

const PATIENCE: Duration = Duration::from_secs(20);

fn config(lab: &Laboratory) -> Config {
    let member = (lab.member_address(1, Family::V4), 8080).into();
    Config::new()
        .listener(Protocol::Tcp, (Family::V4.vip(), 80).into(), "web")
        .pool(Pool::new("web").member("member1", member, 1))
}

/// The next message, in lines.
fn heard(manager: &UnixDatagram) -> io::Result<Vec<String>> {
    let mut message = [0; 1024];
    let length = manager.recv(&mut message)?;
    let message = String::from_utf8_lossy(&message[..length]);
    Ok(message.lines().map(str::to_owned).collect())
}

#[test]
fn the_service_manager_hears_of_start_reload_and_end() -> Result<()> {
    let lab = Laboratory::routed().members(1).build()?;
    let directory = tempfile::tempdir()?;
    let socket = directory.path().join("notify");
    let manager = UnixDatagram::bind(&socket)?;
    manager.set_read_timeout(Some(PATIENCE))?;
    let mut daemon = Daemon::prepare(&lab, config(&lab))?;
    daemon.set_variable("NOTIFY_SOCKET", &socket);

    daemon.launch()?;
    let serving = ["READY=1", "STATUS=serving: listeners 1, pools 1, members 1"];
    assert_eq!(heard(&manager)?, serving);

    daemon.reload()?;
    let reloading = heard(&manager)?;
    assert_eq!(reloading[0], "RELOADING=1");
    let since_boot_us = reloading[1].strip_prefix("MONOTONIC_USEC=");
    assert!(
        since_boot_us.is_some_and(|time| time.parse::<u64>().is_ok_and(|time| time > 0)),
        "{reloading:?}"
    );
    assert_eq!(heard(&manager)?, serving);

    daemon.reconfigure("nonsense")?;
    assert_eq!(heard(&manager)?[0], "RELOADING=1");
    let refused = heard(&manager)?;
    assert_eq!(refused[0], "READY=1");
    assert!(refused[1].contains("refused"), "{refused:?}");

    assert!(daemon.terminate()?.success());
    assert_eq!(heard(&manager)?[0], "STOPPING=1");
    Ok(())
}

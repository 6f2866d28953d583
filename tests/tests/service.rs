//! The daemon as a service: what it tells the service manager, and what that keeps for it.

use std::io::{self, IoSliceMut};
use std::mem::MaybeUninit;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::net::UnixDatagram;
use std::time::Duration;

use anyhow::{Context as _, Result};
use lb_tests::{Config, Daemon, Family, Laboratory, Plan, Pool, Protocol, Scheme, Site, Wire};
use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};
use tempfile::TempDir;

const PATIENCE: Duration = Duration::from_secs(20);
const SERVING: [&str; 2] = ["READY=1", "STATUS=serving: listeners 1, pools 1, members 1"];

/// Who hears what a daemon says.
struct Manager {
    socket: UnixDatagram,
    _directory: TempDir,
}

/// A message: its lines, and the sockets that came with it.
#[derive(Debug)]
struct Heard {
    lines: Vec<String>,
    sockets: Vec<TcpListener>,
}

impl Manager {
    /// One to whom the next processes of a daemon speak.
    fn of(daemon: &mut Daemon) -> Result<Self> {
        let directory = tempfile::tempdir()?;
        let path = directory.path().join("notify");
        let socket = UnixDatagram::bind(&path)?;
        socket.set_read_timeout(Some(PATIENCE))?;
        daemon.set_variable("NOTIFY_SOCKET", &path);
        Ok(Self {
            socket,
            _directory: directory,
        })
    }

    fn hear(&self) -> io::Result<Heard> {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(16))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let mut message = [0; 1024];
        let received = recvmsg(
            &self.socket,
            &mut [IoSliceMut::new(&mut message)],
            &mut control,
            RecvFlags::CMSG_CLOEXEC,
        )?;
        let mut sockets = Vec::new();
        for part in control.drain() {
            if let RecvAncillaryMessage::ScmRights(files) = part {
                sockets.extend(files.map(TcpListener::from));
            }
        }
        let message = String::from_utf8_lossy(&message[..received.bytes]);
        let lines = message.lines().map(str::to_owned).collect();
        Ok(Heard { lines, sockets })
    }

    fn lines(&self) -> io::Result<Vec<String>> {
        Ok(self.hear()?.lines)
    }

    /// What comes, until it is this.
    fn hear_until(&self, line: &str) -> Result<Vec<Heard>> {
        let mut all = Vec::new();
        loop {
            let heard = self.hear().with_context(|| format!("no {line}, but {all:?}"))?;
            let is_it = heard.lines.iter().any(|said| said == line);
            all.push(heard);
            if is_it {
                return Ok(all);
            }
        }
    }
}

/// What the sockets of a listener are called: a name has no colons.
fn name(address: SocketAddr) -> String {
    format!("FDNAME={}-{}", address.ip(), address.port()).replace(':', "_")
}

fn config(lab: &Laboratory) -> Config {
    let member = (lab.member_address(1, Family::V4), 8080).into();
    Config::new()
        .listener(Protocol::Tcp, (Family::V4.vip(), 80).into(), "web")
        .pool(Pool::new("web").member("member1", member, 1))
}

#[test]
fn the_service_manager_hears_of_start_reload_and_end() -> Result<()> {
    let lab = Laboratory::routed().members(1).build()?;
    let mut daemon = Daemon::prepare(&lab, config(&lab))?;
    let manager = Manager::of(&mut daemon)?;

    daemon.launch()?;
    assert_eq!(manager.lines()?, SERVING);

    daemon.reload()?;
    let reloading = manager.lines()?;
    assert_eq!(reloading[0], "RELOADING=1");
    let since_boot_us = reloading[1].strip_prefix("MONOTONIC_USEC=");
    assert!(
        since_boot_us.is_some_and(|time| time.parse::<u64>().is_ok_and(|time| time > 0)),
        "{reloading:?}"
    );
    assert_eq!(manager.lines()?, SERVING);

    daemon.reconfigure("nonsense")?;
    assert_eq!(manager.lines()?[0], "RELOADING=1");
    let refused = manager.lines()?;
    assert_eq!(refused[0], "READY=1");
    assert!(refused[1].contains("refused"), "{refused:?}");

    assert!(daemon.terminate()?.success());
    assert_eq!(manager.lines()?[0], "STOPPING=1");
    Ok(())
}

#[test]
fn the_daemon_that_takes_over_is_the_process_of_the_service() -> Result<()> {
    let lab = Laboratory::routed().members(1).build()?;
    let mut daemon = Daemon::prepare(&lab, config(&lab))?;
    let manager = Manager::of(&mut daemon)?;
    daemon.launch()?;
    assert_eq!(manager.lines()?, SERVING);
    let before = daemon.upgrade()?;
    let pid = daemon.pid().context("it runs")?;
    assert_eq!(manager.lines()?, [format!("MAINPID={pid}")]);
    assert_eq!(manager.lines()?, SERVING);
    assert!(before.await_end()?.success());
    daemon.terminate()?;
    // Of the one before nothing was heard.
    assert_eq!(manager.lines()?[0], "STOPPING=1");
    Ok(())
}

#[test]
fn nobody_is_refused_while_the_service_manager_restarts_the_daemon() -> Result<()> {
    let plan = Plan::new(&[1]).proxy("workers = 2");
    let other = SocketAddr::new(Family::V4.vip(), 8000);
    let further = Config::new().web_listener(Scheme::Http, other, "web", "");
    let mut site = Site::prepare(&plan.clone().further(further))?;
    let manager = Manager::of(site.daemon_mut())?;
    site.daemon_mut().launch()?;
    let heard = manager.hear_until("READY=1")?;
    let stored = heard.into_iter().filter(|heard| heard.lines[0] == "FDSTORE=1");
    let mut names = Vec::new();
    let mut sockets = Vec::new();
    for heard in stored {
        assert_eq!(heard.sockets.len(), 2, "one a worker: {heard:?}");
        assert_eq!(heard.lines[2], "FDPOLL=0");
        names.push(heard.lines[1].clone());
        sockets.extend(heard.sockets);
    }
    names.sort();
    let vips = Family::BOTH.map(|family| site.vip(family, Scheme::Http));
    let mut expected = [name(other), name(vips[0]), name(vips[1])];
    expected.sort();
    assert_eq!(names, expected);

    assert!(site.daemon_mut().terminate()?.success());
    // Meanwhile they come in.
    let mut waiting: Vec<Wire> = (0..8).map(|_| site.wire()).collect::<Result<_>>()?;
    for wire in &mut waiting {
        wire.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")?;
    }
    site.daemon_mut().pass_sockets(sockets);
    site.daemon_mut().launch()?;
    for wire in &mut waiting {
        assert_eq!(wire.reply("GET")?.status, 200);
    }

    // Those of a listener that goes are not kept.
    site.turn_to(&plan)?;
    let heard = manager.hear_until("FDSTOREREMOVE=1")?;
    let last = heard.last().context("nothing")?;
    assert_eq!(last.lines[1], name(other));
    Ok(())
}

#[test]
fn the_sockets_of_a_socket_unit_are_those_of_the_listener() -> Result<()> {
    let mut site = Site::prepare(&Plan::new(&[1]).proxy("workers = 2"))?;
    let vip = site.vip(Family::V4, Scheme::Http);
    let other = SocketAddr::new(vip.ip(), 8888);
    // Without SO_REUSEPORT, so that nobody else could listen there.
    let bind = || Ok([TcpListener::bind(vip)?, TcpListener::bind(other)?]);
    let sockets: io::Result<[TcpListener; 2]> = site.lab().balancer().enter(bind)?;
    let sockets = sockets?;
    let manager = Manager::of(site.daemon_mut())?;
    site.daemon_mut().pass_sockets(sockets.into());
    site.daemon_mut().launch()?;
    // One that it may have kept over a restart, of a listener that went with that.
    let heard = manager.hear_until("FDSTOREREMOVE=1")?;
    assert_eq!(heard.last().context("nothing")?.lines[1], name(other));
    for _ in 0..8 {
        assert_eq!(site.get("/")?.status, 200);
    }
    let log = site.daemon().log();
    assert!(
        log.contains(&format!("the socket of {other} that was passed on is closed")),
        "{log}"
    );
    Ok(())
}

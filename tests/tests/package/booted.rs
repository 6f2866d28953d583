//! The package on a host that systemd runs: the unit and the scripts, by systemd itself.

use std::fs;
use std::process::Child;
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context as _, Result, bail, ensure};
use lb_tests::eventually;
use lb_tests::throwaway::Root;

use crate::host::{
    DATAPATH, FILE, LISTENER, PATIENCE, SOCKET, assert_it_serves, configure, host, install, installed, traces,
};

const PINS: &str = "/sys/fs/bpf/holdfast";

/// Makes a control group, `$1`, for a first process, `$2`, with namespaces of its own. Whoever waits for that process is in none of
/// them, so that it is waited for until all of them have ended.
const ROOM: &str = r#"
set -e
mount -t cgroup2 cgroup2 /sys/fs/cgroup
mkdir "$1"
exec unshare --mount --pid --fork -- sh -ec 'echo 0 >"$1/cgroup.procs"; exec unshare --cgroup sh -c "$2"' sh "$@"
"#;

/// What systemd wants of a container (its "container interface"). What it could set of the kernel, which is everybody's, it may
/// only read: then it leaves all that alone. The devices are everybody's too.
const BOOT: &str = r#"
set -e
mount -t proc proc /proc
umount /sys/fs/cgroup
mount -t cgroup2 cgroup2 /sys/fs/cgroup
mount --bind /proc/sys /proc/sys
for shared in /proc/sys /sys; do mount -o remount,bind,ro "$shared"; done
mount -t tmpfs -o mode=755 devices /dev
mkdir /dev/pts /dev/shm
mount -t devpts -o newinstance,ptmxmode=666 devpts /dev/pts
ln -s pts/ptmx /dev/ptmx
while read -r name major minor; do mknod -m 666 "/dev/$name" c "$major" "$minor"; done <<END
null 1 3
zero 1 5
full 1 7
random 1 8
urandom 1 9
tty 5 0
END
# What this host starts is not wanted there.
find /etc/systemd/system -path '*.wants/*' ! -name holdfast.service -delete
exec env container=holdfast /lib/systemd/systemd --unit=multi-user.target
"#;

static NUMBER: AtomicU32 = AtomicU32::new(0);

/// A throw-away host after its start.
struct Booted {
    root: Root,
    /// What waits for its first process.
    waiting: Child,
    /// A process beside them.
    outside: u32,
    /// Their control group.
    group: String,
}

impl Booted {
    fn boot(mut root: Root) -> Result<Self> {
        let log = fs::File::create(root.path("/opt/log"))?;
        // As whatever else tests make, by the number of who made it.
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let group = format!("/sys/fs/cgroup/hf-{}-{number}", std::process::id());
        let mut waiting = root.command("sh");
        let waiting = waiting
            .args(["-c", ROOM, "sh", &group, BOOT])
            .stderr(log)
            .spawn()?;
        let first = eventually("the first process", PATIENCE, || {
            // `nsenter` runs the shell, which becomes `unshare` in the end, which runs it.
            let (first, status) = child_of(child_of(waiting.id())?.0)?;
            let mut numbers = status.lines().filter_map(|line| line.strip_prefix("NSpid:"));
            ensure!(numbers.any(|numbers| numbers.ends_with("\t1")), "{status}");
            Ok(first)
        });
        let outside = root.enter(first);
        let booted = Self {
            root,
            waiting,
            outside,
            group,
        };
        eventually("the host to have started", PATIENCE, || {
            let state = booted.root.try_run(&["systemctl", "is-system-running"])?;
            let state = String::from_utf8_lossy(&state.stdout).into_owned();
            let log = || booted.root.read("/opt/log").unwrap_or_default();
            ensure!(
                ["running\n", "degraded\n"].contains(&state.as_str()),
                "{state}{}",
                log()
            );
            Ok(())
        });
        Ok(booted)
    }

    /// What systemd does to the service, or why not.
    fn systemctl(&self, verb: &str) -> Result<String> {
        let done = self.root.run(&["systemctl", verb, "holdfast.service"]);
        done.with_context(|| {
            self.root
                .run(&["journalctl", "--no-pager", "-u", "holdfast"])
                .unwrap_or_default()
        })
    }

    /// What systemd knows of the service.
    fn shown(&self, property: &str) -> Result<String> {
        let shown = self
            .root
            .run(&["systemctl", "show", "--value", "-p", property, "holdfast.service"])?;
        Ok(shown.trim().to_owned())
    }
}

impl Drop for Booted {
    fn drop(&mut self) {
        self.root.enter(self.outside);
        let group = &self.group;
        let _ = self
            .root
            .run(&["sh", "-c", &format!("echo 1 >{group}/cgroup.kill")]);
        let _ = self.waiting.wait();
        // Nothing of it outlasts its namespaces but these directories.
        let _ = self
            .root
            .run(&["find", group, "-depth", "-type", "d", "-exec", "rmdir", "{}", "+"]);
    }
}

/// Its number, and what the kernel says of it.
fn child_of(parent: u32) -> Result<(u32, String)> {
    let line = format!("\nPPid:\t{parent}\n");
    for entry in fs::read_dir("/proc")? {
        let process = entry?.path();
        // Others end meanwhile.
        let status = fs::read_to_string(process.join("status")).unwrap_or_default();
        if status.contains(&line) {
            let number = process.file_name().unwrap_or_default().to_string_lossy();
            return Ok((number.parse()?, status));
        }
    }
    bail!("{parent} has no child")
}

/// A host on which the service is enabled and runs, with a listener of HTTP.
fn serving() -> Result<Booted> {
    let booted = Booted::boot(installed()?)?;
    configure(&booted.root, LISTENER)?;
    booted.root.run(&["systemctl", "enable", "holdfast.service"])?;
    booted.systemctl("start")?;
    Ok(booted)
}

#[test]
fn an_installation_on_a_running_host_starts_nothing() -> Result<()> {
    let booted = Booted::boot(installed()?)?;
    assert_eq!(booted.shown("ActiveState")?, "inactive");
    assert_eq!(booted.shown("UnitFileState")?, "disabled");
    Ok(())
}

#[test]
fn the_limits_that_its_unit_sets_do_not_hinder_the_service_from_having_a_datapath() -> Result<()> {
    let booted = Booted::boot(installed()?)?;
    configure(&booted.root, DATAPATH)?;
    booted.systemctl("start")?;
    // It has said by itself that it serves: nothing has to be waited for.
    assert_eq!(booted.shown("ActiveState")?, "active");
    assert!(booted.root.path(PINS).exists());
    assert!(booted.root.run(&["holdfast", "status"])?.contains("generic"));
    Ok(())
}

#[test]
fn an_enabled_service_serves_once_its_host_has_started() -> Result<()> {
    let root = installed()?;
    configure(&root, LISTENER)?;
    root.run(&["systemctl", "enable", "holdfast.service"])?;
    let booted = Booted::boot(root)?;
    eventually("the service", PATIENCE, || {
        booted.shown("ActiveState").is_ok_and(|state| state == "active")
    });
    assert_it_serves(&booted.root)
}

#[test]
fn a_reload_takes_the_file_and_one_that_is_refused_is_an_error_of_which_nobody_is_the_worse() -> Result<()> {
    let booted = serving()?;
    let daemon = booted.shown("MainPID")?;
    let more = LISTENER.replace("web", "more").replace("127.0.0.1", "127.0.0.2");
    configure(&booted.root, &more)?;
    booted.systemctl("reload")?;
    assert!(booted.root.run(&["holdfast", "status"])?.contains("more-http"));
    configure(&booted.root, "nonsense\n")?;
    assert!(booted.systemctl("reload").is_err());
    assert_eq!(booted.shown("MainPID")?, daemon);
    assert_eq!(booted.shown("ActiveState")?, "active");
    assert_it_serves(&booted.root)
}

#[test]
fn an_upgrade_gives_the_service_another_daemon_and_never_stops_it() -> Result<()> {
    let booted = serving()?;
    let since = booted.shown("InvocationID")?;
    let daemon = booted.shown("MainPID")?;
    install(&booted.root)?;
    assert_ne!(booted.shown("MainPID")?, daemon);
    assert_eq!(booted.shown("InvocationID")?, since);
    assert_eq!(booted.shown("ActiveState")?, "active");
    assert_it_serves(&booted.root)?;
    // And that one is the service's from then on.
    booted.systemctl("stop")?;
    assert!(!booted.root.try_run(&["holdfast", "status"])?.status.success());
    Ok(())
}

#[test]
fn a_control_socket_of_ones_own_is_where_reloads_and_upgrades_ask() -> Result<()> {
    let booted = Booted::boot(installed()?)?;
    configure(&booted.root, &format!("{SOCKET}{LISTENER}"))?;
    booted.systemctl("start")?;
    booted.systemctl("reload")?;
    let daemon = booted.shown("MainPID")?;
    install(&booted.root)?;
    assert_ne!(booted.shown("MainPID")?, daemon);
    assert_it_serves(&booted.root)
}

#[test]
fn an_upgrade_says_so_where_it_does_not_find_the_daemon_that_runs() -> Result<()> {
    let booted = serving()?;
    let daemon = booted.shown("MainPID")?;
    configure(&booted.root, SOCKET)?;
    let said = install(&booted.root)?;
    assert!(said.contains("the daemon of before goes on"), "{said}");
    assert_eq!(booted.shown("MainPID")?, daemon);
    assert_it_serves(&booted.root)
}

#[test]
fn a_service_whose_interface_comes_late_serves_once_it_is_there() -> Result<()> {
    let booted = Booted::boot(installed()?)?;
    configure(&booted.root, &DATAPATH.replace("\"lo\"", "\"late0\""))?;
    assert!(booted.systemctl("start").is_err());
    // After five times systemd would give up by itself.
    eventually("many tries", PATIENCE, || {
        let tries: u32 = booted.shown("NRestarts")?.parse()?;
        ensure!(tries > 5, "{tries}");
        Ok(())
    });
    booted.root.run(&[
        "ip", "link", "add", "late0", "type", "veth", "peer", "name", "far",
    ])?;
    eventually("the service", PATIENCE, || {
        let state = booted.shown("ActiveState")?;
        ensure!(state == "active", "{state}");
        Ok(())
    });
    Ok(())
}

#[test]
fn who_comes_during_a_restart_waits_and_is_served() -> Result<()> {
    let booted = serving()?;
    let mut restart = booted.root.command("systemctl");
    let mut restart = restart.args(["restart", "holdfast.service"]).spawn()?;
    let ended = loop {
        assert_it_serves(&booted.root)?;
        if let Some(ended) = restart.try_wait()? {
            break ended;
        }
    };
    assert!(ended.success());
    assert_it_serves(&booted.root)
}

#[test]
fn a_daemon_that_is_killed_is_followed_by_another() -> Result<()> {
    let booted = serving()?;
    let daemon = booted.shown("MainPID")?;
    booted
        .root
        .run(&["systemctl", "kill", "--signal=KILL", "holdfast.service"])?;
    eventually("the next daemon", PATIENCE, || {
        let state = booted.shown("ActiveState")?;
        ensure!(state == "active" && booted.shown("MainPID")? != daemon, "{state}");
        Ok(())
    });
    assert_it_serves(&booted.root)
}

#[test]
fn without_roots_rights_the_service_has_http() -> Result<()> {
    let booted = Booted::boot(installed()?)?;
    configure(&booted.root, LISTENER)?;
    let example = "/usr/share/doc/holdfast/examples/http-only.conf";
    let place = "/etc/systemd/system/holdfast.service.d/http-only.conf";
    booted.root.run(&["install", "-D", "-m", "644", example, place])?;
    booted.root.run(&["systemctl", "daemon-reload"])?;
    booted.systemctl("start")?;
    assert_it_serves(&booted.root)?;
    let user = booted.root.run(&["ps", "-C", "holdfast", "-o", "user="])?;
    assert_eq!(user.trim(), "holdfast");
    Ok(())
}

#[test]
fn a_removal_stops_the_service_and_the_datapath_and_a_purge_leaves_no_trace() -> Result<()> {
    let booted = Booted::boot(host()?)?;
    let before = traces(&booted.root)?;
    install(&booted.root)?;
    configure(&booted.root, DATAPATH)?;
    booted.root.run(&["systemctl", "enable", "holdfast.service"])?;
    booted.systemctl("start")?;
    assert!(booted.root.path(PINS).exists());

    booted.root.run(&["dpkg", "--remove", "holdfast"])?;
    assert_eq!(booted.shown("ActiveState")?, "inactive");
    assert!(!booted.root.path(PINS).exists());
    assert!(booted.root.path(FILE).exists());

    booted.root.run(&["dpkg", "--purge", "holdfast"])?;
    assert_eq!(booted.shown("LoadState")?, "not-found");
    assert_eq!(traces(&booted.root)?, before);
    Ok(())
}

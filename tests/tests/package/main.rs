//! The Debian package, installed with its own scripts into a throw-away copy of this host; and the image of a container.

mod booted;
mod host;
mod image;

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::process::{Command, Output};

use anyhow::{Context as _, Result};
use host::{
    DATAPATH, FILE, LISTENER, PATIENCE, SOCKET, Service, UNIT, assert_it_serves, configure, host, install,
    installed, owned, traces,
};
use lb_tests::daemon::binary;
use lb_tests::eventually;

#[test]
fn all_files_are_where_debian_looks_for_them() -> Result<()> {
    let root = installed()?;
    for (path, what) in [
        ("/usr/bin/holdfast", "root:root 755"),
        (UNIT, "root:root 644"),
        ("/usr/lib/sysusers.d/holdfast.conf", "root:root 644"),
        ("/etc/holdfast", "root:holdfast 750"),
        (FILE, "root:holdfast 640"),
        ("/etc/logrotate.d/holdfast", "root:root 644"),
        ("/usr/share/man/man1/holdfast.1.gz", "root:root 644"),
        ("/usr/share/man/man1/holdfast-run.1.gz", "root:root 644"),
        ("/usr/share/man/man5/holdfast.toml.5.gz", "root:root 644"),
        ("/usr/share/bash-completion/completions/holdfast", "root:root 644"),
        ("/usr/share/zsh/vendor-completions/_holdfast", "root:root 644"),
        (
            "/usr/share/fish/vendor_completions.d/holdfast.fish",
            "root:root 644",
        ),
        ("/usr/share/doc/holdfast/copyright", "root:root 644"),
        ("/usr/share/doc/holdfast/changelog.gz", "root:root 644"),
        ("/usr/share/doc/holdfast/notices.gz", "root:root 644"),
        ("/usr/share/doc/holdfast/examples/minimal.toml", "root:root 644"),
        ("/usr/share/doc/holdfast/examples/http-only.conf", "root:root 644"),
        (
            "/usr/share/doc/holdfast/examples/monitoring/grafana-dashboard.json",
            "root:root 644",
        ),
        (
            "/usr/share/doc/holdfast/examples/monitoring/prometheus-rules.yml",
            "root:root 644",
        ),
    ] {
        assert_eq!(owned(&root, path)?, what, "{path}");
    }
    let version = root.run(&["holdfast", "--version"])?;
    let of_the_build = Command::new(binary()).arg("--version").output()?;
    assert_eq!(version.as_bytes(), of_the_build.stdout);
    let page = root.run(&["gzip", "-dc", "/usr/share/man/man1/holdfast-explain.1.gz"])?;
    assert!(page.contains(".TH"), "{page}");
    Ok(())
}

#[test]
fn whoever_wrote_what_is_linked_into_the_program_is_named_with_their_terms() -> Result<()> {
    let root = installed()?;
    let notices = root.run(&["gzip", "-dc", "/usr/share/doc/holdfast/notices.gz"])?;
    let named: BTreeSet<_> = notices
        .lines()
        .filter_map(|line| Some(line.split_once(": ")?.0.replace(' ', "-")))
        .collect();
    // Where a crate may panic, the program has the name of the file in it.
    let program = fs::read(root.path("/usr/bin/holdfast"))?;
    let program = String::from_utf8_lossy(&program);
    let mut linked: BTreeSet<_> = program
        .split("/registry/src/")
        .skip(1)
        .filter_map(|path| path.split(['/', '\0']).nth(1))
        .collect();
    assert!(linked.len() > 50, "{linked:?}");
    linked.retain(|&linked| !named.contains(linked));
    assert!(linked.is_empty(), "{linked:?}");
    // What has no such names in it, and what came from elsewhere.
    for (what, whose) in [
        ("\nlibmimalloc-sys ", "Microsoft"),
        ("\naya-ebpf ", "Apache License"),
        ("\npreact ", "Jason Miller"),
        ("\nRust's standard library ", "Apache License"),
    ] {
        assert!(notices.contains(what) && notices.contains(whose), "{what}");
    }
    // Nothing of it is in the program.
    for other in ["\nproptest ", "\nserde_derive "] {
        assert!(!notices.contains(other), "{other}");
    }
    Ok(())
}

#[test]
fn what_an_administrator_may_change_is_known_to_dpkg() -> Result<()> {
    let root = installed()?;
    let query = |field: &str| root.run(&["dpkg-query", "-W", "-f", &format!("${{{field}}}"), "holdfast"]);
    let files = query("Conffiles")?;
    let files: Vec<_> = files
        .split_whitespace()
        .filter(|word| word.starts_with('/'))
        .collect();
    assert_eq!(files, [FILE, "/etc/logrotate.d/holdfast"]);
    assert!(query("Depends")?.contains("libc6 (>= "), "{}", query("Depends")?);
    assert_eq!(query("Section")?, "net");
    // Nothing that dpkg put there differs from what it knows of it.
    assert_eq!(root.run(&["dpkg", "--verify", "holdfast"])?, "");
    Ok(())
}

#[test]
fn the_configuration_serves_nothing_and_is_valid_before_and_after_its_marks_are_taken_off() -> Result<()> {
    let root = installed()?;
    let check = ["holdfast", "check", FILE];
    assert!(root.run(&check)?.contains("it names no interfaces"));
    let text = root.read(FILE)?;
    // Marks stand at once before what is configured; before comments there is a space more.
    let lines = text.lines().map(|line| match line.strip_prefix('#') {
        Some(rest) if !rest.starts_with(' ') => rest,
        _ => line,
    });
    let without: Vec<_> = lines.collect();
    fs::write(root.path(FILE), without.join("\n"))?;
    let said = root.run(&check)?;
    assert!(
        said.contains("valid") && said.contains("its maps will take"),
        "{said}"
    );
    Ok(())
}

#[test]
fn an_installation_neither_enables_nor_starts_the_service() -> Result<()> {
    let root = installed()?;
    let enabled = root.try_run(&["systemctl", "is-enabled", "holdfast.service"])?;
    assert_eq!(String::from_utf8_lossy(&enabled.stdout).trim(), "disabled");
    let status = root.try_run(&["holdfast", "status"])?;
    assert_eq!(status.status.code(), Some(69), "{status:?}");
    Ok(())
}

#[test]
fn the_unit_has_no_fault_that_systemd_would_find() -> Result<()> {
    let root = installed()?;
    // That its pages are there is said above; whether somebody can show them is the host's.
    assert_eq!(root.run(&["systemd-analyze", "--man=no", "verify", UNIT])?, "");
    Ok(())
}

#[test]
fn what_logrotate_runs_has_the_daemon_open_its_access_log_again() -> Result<()> {
    let root = installed()?;
    let rotation = root.read("/etc/logrotate.d/holdfast")?;
    let (_, script) = rotation.split_once("postrotate\n").context("no script")?;
    let (script, _) = script.split_once("endscript").context("no end")?;
    // Where no daemon runs there is nothing to do.
    root.run(&["sh", "-ec", script])?;

    let log = "/var/log/holdfast/access.log";
    configure(
        &root,
        // The daemon is found wherever it is asked.
        &format!("{SOCKET}\n[proxy.access_log]\npath = \"{log}\"\n{LISTENER}"),
    )?;
    let _service = Service::start(&root)?;
    let written = || {
        eventually("a line of the log", PATIENCE, || {
            root.read(log).is_ok_and(|log| log.contains("503"))
        });
    };
    assert_it_serves(&root)?;
    written();
    fs::rename(root.path(log), root.path("/var/log/holdfast/access.log.1"))?;
    root.run(&["sh", "-ec", script])?;
    assert_it_serves(&root)?;
    written();
    Ok(())
}

#[test]
fn members_of_the_group_may_use_the_control_socket_and_others_may_not() -> Result<()> {
    let root = installed()?;
    let _service = Service::start(&root)?;
    let ask = |groups: &str| -> Result<Output> {
        root.try_run(&[
            "setpriv",
            "--reuid=nobody",
            "--regid=nogroup",
            groups,
            "holdfast",
            "status",
        ])
    };
    let member = ask("--groups=holdfast")?;
    assert!(member.status.success(), "{member:?}");
    assert!(!ask("--clear-groups")?.status.success());
    Ok(())
}

#[test]
fn an_upgrade_has_the_next_daemon_take_over_and_keeps_the_configuration() -> Result<()> {
    let root = installed()?;
    configure(&root, LISTENER)?;
    root.run(&["chmod", "600", FILE])?;
    let mut service = Service::start(&root)?;
    assert_it_serves(&root)?;
    let (before, file) = (service.pid()?, root.read(FILE)?);
    install(&root)?;
    assert_ne!(service.pid()?, before);
    assert_it_serves(&root)?;
    assert_eq!(root.read(FILE)?, file);
    assert_eq!(owned(&root, FILE)?, "root:holdfast 600");
    eventually("the one before to end", PATIENCE, || {
        service.process.try_wait().ok().flatten()
    });
    Ok(())
}

#[test]
fn where_the_next_daemon_cannot_take_over_the_one_before_goes_on() -> Result<()> {
    let root = installed()?;
    configure(&root, LISTENER)?;
    let service = Service::start(&root)?;
    let before = service.pid()?;
    configure(&root, "nonsense\n")?;
    let said = install(&root)?;
    assert!(said.contains("the daemon of before goes on"), "{said}");
    assert_eq!(service.pid()?, before);
    assert_it_serves(&root)
}

#[test]
fn a_removal_ends_the_daemon_and_leaves_its_state_and_a_purge_leaves_nothing() -> Result<()> {
    let root = host()?;
    let [before, users, groups] = [
        traces(&root)?,
        root.read("/etc/passwd")?,
        root.read("/etc/group")?,
    ];
    install(&root)?;
    root.run(&["systemctl", "enable", "holdfast.service"])?;
    configure(&root, LISTENER)?;
    let mut service = Service::start(&root)?;
    root.run(&["touch", "/etc/holdfast/site.key", "/var/log/holdfast/access.log"])?;

    root.run(&["dpkg", "--remove", "holdfast"])?;
    eventually("the daemon to end", PATIENCE, || {
        service.process.try_wait().ok().flatten()
    });
    for kept in [
        FILE,
        "/etc/holdfast/site.key",
        "/var/lib/holdfast",
        "/var/log/holdfast/access.log",
    ] {
        assert!(root.path(kept).exists(), "{kept}");
    }
    assert!(!root.path("/usr/bin/holdfast").exists());
    assert!(root.read("/etc/passwd")?.contains("holdfast"));

    // What comes back is what was there.
    install(&root)?;
    assert!(root.read(FILE)?.ends_with(LISTENER));
    let enabled = root.run(&["systemctl", "is-enabled", "holdfast.service"])?;
    assert_eq!(enabled.trim(), "enabled");

    root.run(&["dpkg", "--purge", "holdfast"])?;
    // Of the service systemd would take it away.
    root.run(&["rmdir", "/run/holdfast"])?;
    assert_eq!(traces(&root)?, before);
    assert_eq!(root.read("/etc/passwd")?, users);
    assert_eq!(root.read("/etc/group")?, groups);
    Ok(())
}

#[test]
fn a_purge_does_not_fail_because_a_process_of_the_user_is_left() -> Result<()> {
    let root = installed()?;
    let mut process = root
        .command("setpriv")
        .args([
            "--reuid=holdfast",
            "--regid=holdfast",
            "--clear-groups",
            "sleep",
            "600",
        ])
        .spawn()?;
    eventually("its process", PATIENCE, || {
        root.run(&["ps", "-u", "holdfast", "-o", "pid="])
    });
    let said = root.run(&["dpkg", "--purge", "holdfast"])?;
    root.run(&["pkill", "-u", "holdfast"])?;
    process.wait()?;
    assert!(said.contains("the user stays"), "{said}");
    assert!(!root.path("/etc/holdfast").exists());
    let known = root.try_run(&["dpkg-query", "-W", "holdfast"])?;
    assert!(!known.status.success(), "{known:?}");
    // What it names is what is left to do.
    root.run(&["userdel", "holdfast"])?;
    Ok(())
}

#[test]
fn the_rights_of_the_unit_are_enough_for_the_datapath_which_a_removal_ends_too() -> Result<()> {
    let pins = "/sys/fs/bpf/holdfast";
    let root = installed()?;
    configure(&root, DATAPATH)?;
    let service = Service::start(&root)?;
    assert!(root.path(pins).exists());
    let before = service.pid()?;
    install(&root)?;
    assert_ne!(service.pid()?, before);
    root.run(&["dpkg", "--remove", "holdfast"])?;
    assert!(!root.path(pins).exists());

    // Also where the daemon had ended before, and the datapath went on.
    install(&root)?;
    let service = Service::start(&root)?;
    root.run(&["holdfast", "stop"])?;
    drop(service);
    assert!(root.path(pins).exists());
    root.run(&["dpkg", "--remove", "holdfast"])?;
    assert!(!root.path(pins).exists());
    Ok(())
}

#[test]
fn what_is_done_in_a_throw_away_root_does_not_reach_the_host() -> Result<()> {
    let root = installed()?;
    let mounts = fs::read_to_string("/proc/mounts")?;
    assert!(!mounts.contains("throwaway"), "{mounts}");
    let first = root.path("");
    assert!(first.exists());
    let inside = fs::metadata(root.path("/etc/holdfast"))?.dev();
    assert_ne!(inside, fs::metadata("/etc")?.dev());
    drop(root);
    assert!(!first.exists());
    Ok(())
}

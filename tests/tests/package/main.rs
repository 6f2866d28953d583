//! The Debian package, installed with its own scripts into a throw-away copy of this host; and the container file.

mod host;

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use anyhow::{Context as _, Result};
use host::{
    DATAPATH, FILE, LISTENER, PATIENCE, Service, UNIT, assert_it_serves, configure, host, install, installed,
    owned, said, traces,
};
use lb_tests::daemon::binary;
use lb_tests::eventually;

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

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
        ("/usr/share/bash-completion/completions/holdfast", "root:root 644"),
        ("/usr/share/zsh/vendor-completions/_holdfast", "root:root 644"),
        (
            "/usr/share/fish/vendor_completions.d/holdfast.fish",
            "root:root 644",
        ),
        ("/usr/share/doc/holdfast/copyright", "root:root 644"),
        ("/usr/share/doc/holdfast/changelog.gz", "root:root 644"),
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
    assert_eq!(root.run(&["systemd-analyze", "verify", UNIT])?, "");
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
        &format!("\n[proxy.access_log]\npath = \"{log}\"\n{LISTENER}"),
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
fn the_user_serves_http_with_no_more_rights_than_the_example_says() -> Result<()> {
    let root = installed()?;
    let example = root.read("/usr/share/doc/holdfast/examples/http-only.conf")?;
    assert_eq!(said(&example, "AmbientCapabilities")?, "CAP_NET_BIND_SERVICE");
    configure(&root, LISTENER)?;
    let _service = Service::start_as(&root, &said(&example, "User")?, ",+net_bind_service")?;
    assert_it_serves(&root)
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
fn systemd_is_told_of_the_unit_and_never_to_restart_it() -> Result<()> {
    let root = host()?;
    // As if it ran.
    fs::create_dir_all(root.path("/run/systemd/system"))?;
    fs::write(
        root.path("/usr/local/sbin/systemctl"),
        "#!/bin/sh\necho \"$*\" >>/tmp/asked\n",
    )?;
    root.run(&["chmod", "755", "/usr/local/sbin/systemctl"])?;
    let asked = || -> Result<String> {
        let asked = root.read("/tmp/asked")?;
        fs::remove_file(root.path("/tmp/asked"))?;
        Ok(asked)
    };
    install(&root)?;
    assert_eq!(asked()?, "--system daemon-reload\n");
    install(&root)?;
    assert_eq!(asked()?, "--system daemon-reload\n");
    let said = root.run(&["dpkg", "--purge", "holdfast"])?;
    let asked = asked()?;
    assert!(asked.contains("stop holdfast.service\n"), "{asked}; {said}");
    assert!(!asked.contains("start"), "{asked}");
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

#[test]
fn the_container_file_copies_what_is_there() -> Result<()> {
    let text = fs::read_to_string(workspace().join("packaging/Containerfile"))?;
    let copies = text.lines().filter_map(|line| line.strip_prefix("COPY "));
    let mut count = 0;
    for copy in copies {
        let (sources, _to) = copy.rsplit_once(' ').context("from and to")?;
        for source in sources.split(' ') {
            // The binary that is tested may be another one.
            let path = match source {
                "target/release/holdfast" => binary(),
                other => workspace().join(other),
            };
            assert!(path.is_file(), "{}", path.display());
            count += 1;
        }
    }
    assert_eq!(count, 5);
    Ok(())
}

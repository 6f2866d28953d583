//! What the command line does with all that runs: the terminal, files, backups, and what an installation wants.

use std::fs;
use std::process::Command;

use anyhow::{Context as _, Result};
use lb_tests::desk::{Desk, FILE, NOOP};
use lb_tests::{Daemon, Laboratory};
use tempfile::TempDir;

#[test]
fn top_leaves_the_terminal_as_it_was() -> Result<()> {
    let desk = Desk::open()?;
    let directory = tempfile::tempdir()?;
    let (keys, binary) = (directory.path().join("keys"), lb_tests::daemon::binary());
    let socket = desk.daemon.socket_path();
    for key in ["q", "\u{3}"] {
        fs::write(&keys, key)?;
        // A terminal whose settings are compared, and whose keys come when the picture is there.
        let inside = format!(
            "stty rows 24 cols 120; before=$(stty -g); '{}' --socket '{}' top; echo ended $?; [ \"$before\" = \"$(stty -g)\" ] && echo as before",
            binary.display(),
            socket.display()
        );
        let outside = format!(
            "(sleep 1; cat '{}'; sleep 1) | script -qec \"$INSIDE\" /dev/null",
            keys.display()
        );
        let output = Command::new("sh")
            .args(["-c", &outside])
            .env("INSIDE", &inside)
            .env("TERM", "xterm")
            .output()?;
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(said.contains("front") && said.contains("OFFLINE"), "{said}");
        assert!(said.contains("\u{1b}[?1049l"), "{said}");
        assert!(said.contains("ended 0") && said.contains("as before"), "{said}");
    }
    Ok(())
}

/// A configuration file in a directory of its own, with its own places.
fn written(directory: &TempDir, name: &str, text: &str) -> Result<String> {
    let path = directory.path().join(name);
    fs::write(&path, text)?;
    Ok(path.to_str().context("a plain path")?.to_owned())
}

#[test]
fn what_runs_is_exported_as_a_file_that_makes_no_difference_and_is_served_alike() -> Result<()> {
    let desk = Desk::open()?;
    let directory = tempfile::tempdir()?;
    desk.make_all()?;
    desk.said("lb create web --vip 192.0.2.11")?;
    let exported = desk.said("export")?;
    for name in [
        "file",
        "front",
        "web",
        "web-2",
        "lines",
        "site",
        "api",
        "bare",
        "one",
        "192.0.2.31:8080",
    ] {
        assert!(
            exported.contains(&format!("name = \"{name}\"\n")),
            "{name}: {exported}"
        );
    }
    let file = written(&directory, "exported.toml", &exported)?;
    let checked = desk.said(&format!("check {file}"))?;
    assert!(checked.contains("valid"), "{checked}");
    let output = desk.run(&format!("diff {file}"))?;
    assert!(output.stdout.is_empty(), "{output:?}");
    // The API of this daemon has made it already.
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    let complaint = String::from_utf8(output.stderr)?;
    assert!(
        complaint.contains("a reload would be refused: VIP 192.0.2.10 of load balancer \"web\"")
            && complaint.contains("a daemon whose store has not made it"),
        "{complaint}"
    );
    // Of the daemon's own file, only what it says would be loaded again.
    let own = desk.daemon.config_path();
    let output = desk.run(&format!("diff {}", own.display()))?;
    assert!(output.status.success() && output.stdout.is_empty(), "{output:?}");
    let complaint = String::from_utf8(output.stderr)?;
    assert!(
        complaint.contains("stay as they are") && !complaint.contains("would be refused"),
        "{complaint}"
    );

    let changed = exported
        .replace("weight = 2", "weight = 3")
        .replace("name = \"one\"", "name = \"uno\"");
    let changed = changed
        .replace("port = 81\n", "port = 82\n")
        .replace("state_path = \"/", "state_path = \"/x/");
    let other = written(&directory, "changed.toml", &changed)?;
    let output = desk.run(&format!("diff {other}"))?;
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    let said = String::from_utf8(output.stdout)?;
    for line in [
        "~ listener \"bare\" of load balancer \"web\"",
        "    port: 81 -> 82",
        "- member \"one\" of pool \"lines\": port 8080, address 192.0.2.30, weight 2",
        "+ member \"uno\" of pool \"lines\": port 8080, address 192.0.2.30, weight 3",
    ] {
        assert!(said.lines().any(|found| found == line), "{line}: {said}");
    }
    let complaint = String::from_utf8(output.stderr)?;
    assert!(
        complaint.contains("a reload would be refused: ") && complaint.contains("state_path"),
        "{complaint}"
    );

    // A daemon that has nothing but this file.
    let lab = Laboratory::routed().members(1).build()?;
    let mut second = Daemon::prepare(&lab, "")?;
    let places = |text: &str| {
        let lines = text.lines().take_while(|line| !line.starts_with("[datapath]"));
        lines.collect::<Vec<_>>().join("\n")
    };
    let own = fs::read_to_string(second.config_path())?;
    fs::write(
        second.config_path(),
        exported.replace(&places(&exported), &places(&own)),
    )?;
    second.set_arguments(NOOP);
    second.launch()?;
    let tree = second.cli(&["status", "--tree"])?;
    let tree = String::from_utf8(tree.stdout)?;
    // But for the second load balancer of that name.
    let before = desk.said("status --tree")?;
    for line in before.lines().filter(|line| !line.starts_with("load balancer")) {
        assert!(tree.lines().any(|found| found == line), "{line}: {tree}");
    }
    assert_eq!(tree.lines().count(), before.lines().count(), "{tree}");
    Ok(())
}

#[test]
fn what_an_exported_file_still_wants_is_said() -> Result<()> {
    let lab = Laboratory::routed().members(1).build()?;
    let mut daemon = Daemon::prepare(&lab, "")?;
    daemon.set_interfaces(&[]);
    daemon.write_config("")?;
    daemon.set_arguments(NOOP);
    daemon.launch()?;
    let desk = Desk::of(daemon, lab);
    desk.said("lb create web --vip 192.0.2.10")?;
    assert_eq!(desk.run("export")?.stderr, b"");
    desk.said("listener create bare --lb web --protocol TCP --port 81")?;
    let output = desk.run("export")?;
    let complaint = String::from_utf8(output.stderr)?;
    assert!(
        output.status.success() && complaint.contains("interfaces = [\"eth0\"]"),
        "{complaint}"
    );
    Ok(())
}

#[test]
fn a_backup_is_restored_where_no_daemon_works() -> Result<()> {
    let lab = Laboratory::routed().members(1).build()?;
    let mut daemon = Daemon::prepare(&lab, FILE)?;
    daemon.set_arguments(NOOP);
    daemon.launch()?;
    let mut desk = Desk::of(daemon, lab);
    desk.make_all()?;
    let directory = tempfile::tempdir()?;
    let backup = directory.path().join("backup");
    let backup = backup.to_str().context("a plain path")?;
    let said = desk.said(&format!("store backup {backup}"))?;
    assert!(said.contains("written, 12 records of revision 12"), "{said}");
    desk.said("lb delete web --cascade")?;

    let config = desk.daemon.config_path().display().to_string();
    let restore = format!("store restore {backup} --config {config}");
    let (ended, complaint) = desk.complaint(&restore)?;
    assert_eq!(ended, Some(1), "{complaint}");
    desk.daemon.terminate()?;
    let (_, complaint) = desk.complaint(&restore)?;
    assert!(
        complaint.contains("there is a store already") && complaint.contains("--replace"),
        "{complaint}"
    );
    let output = desk.run(&format!("{restore} --replace"))?;
    assert!(String::from_utf8(output.stdout)?.contains("restored, 12 records"));
    let kept = String::from_utf8(output.stderr)?;
    assert!(kept.contains("store.redb.before-restore-1"), "{kept}");
    desk.daemon.launch()?;
    assert_eq!(desk.answer("member show one")?["weight"], 2);
    assert_eq!(
        desk.answer("pool list --lb web")?.as_array().map(Vec::len),
        Some(3)
    );
    Ok(())
}

#[test]
fn shells_complete_the_commands_and_each_has_a_manual_page() -> Result<()> {
    let run = |arguments: &[&str]| Command::new(lb_tests::daemon::binary()).args(arguments).output();
    for (shell, says) in [
        ("bash", "complete -F _holdfast"),
        ("zsh", "#compdef holdfast"),
        ("fish", "complete -c holdfast"),
    ] {
        let output = run(&["completions", shell])?;
        let text = String::from_utf8(output.stdout)?;
        assert!(
            text.contains(says) && text.contains("session-persistence"),
            "{shell}: {text}"
        );
    }
    let page = String::from_utf8(run(&["man"])?.stdout)?;
    assert!(
        page.contains(".TH HOLDFAST 1") && page.contains("no daemon can be reached"),
        "{page}"
    );
    let directory = tempfile::tempdir()?;
    let pages = directory.path().join("man1");
    let output = run(&["man", pages.to_str().context("a plain path")?])?;
    assert!(output.status.success(), "{output:?}");
    for name in [
        "holdfast",
        "holdfast-pool-set",
        "holdfast-store-restore",
        "holdfast-top",
    ] {
        let page = fs::read_to_string(pages.join(format!("{name}.1")))?;
        assert!(page.contains(".SH NAME"), "{name}: {page}");
    }
    Ok(())
}

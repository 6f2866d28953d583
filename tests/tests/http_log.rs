//! The access log.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Result, ensure};
use lb_tests::http::Jar;
use lb_tests::{Plan, Site, eventually, temporary_directory, try_eventually};
use nix::sys::signal::Signal;
use serde_json::Value;

const WITHIN: Duration = Duration::from_secs(10);

fn plan(path: &Path, further: &str) -> Plan {
    let log = format!("[proxy.access_log]\npath = \"{}\"\n{further}", path.display());
    Plan::new(&[1]).cookie(20, "").proxy(&log)
}

/// The lines of a log, once there are so many.
fn lines(path: &Path, count: usize) -> Vec<String> {
    eventually("the lines of the log", WITHIN, || {
        let lines: Vec<String> = fs::read_to_string(path)?.lines().map(str::to_owned).collect();
        ensure!(lines.len() >= count, "{lines:#?}");
        Ok(lines)
    })
}

/// Waits until a log says something of this request.
fn noted(path: &Path, target: &str) {
    eventually("the request to be noted", WITHIN, || {
        let log = fs::read_to_string(path)?;
        ensure!(log.contains(target), "{log}");
        Ok(())
    });
}

#[test]
fn each_request_is_a_line_that_says_what_became_of_it() -> Result<()> {
    let directory = temporary_directory()?;
    let path = directory.path().join("access.log");
    let site = Site::start(&plan(&path, ""))?;
    let mut jar = Jar::default();
    let first = site.browse("/a?size=10", &mut jar)?;
    site.browse("/b", &mut jar)?;
    let mut wire = site.wire()?;
    let echo = wire.ask("GET", "/c", &[("X-Request-Id", "mine-1")])?.echo()?;
    assert_eq!(echo.values("x-request-id"), ["mine-1"]);
    // The member gets the id that the log has.
    let made = wire.get("/d")?.echo()?.values("x-request-id").concat();
    wire.send("GET / HTTP/1.1\r\n\r\n")?;
    assert_eq!(wire.reply("GET")?.status, 400);

    let lines = lines(&path, 5);
    let parsed: Vec<Value> = lines
        .iter()
        .map(|line| serde_json::from_str(line))
        .collect::<Result<_, _>>()?;
    let of = |target: &str| {
        parsed
            .iter()
            .find(|line| line["target"] == target)
            .cloned()
            .unwrap_or_default()
    };
    let a = of("/a?size=10");
    assert_eq!(
        (&a["method"], &a["status"], &a["sent_bytes"]),
        (&"GET".into(), &200.into(), &10.into())
    );
    assert_eq!(
        (&a["member"], &a["session"]),
        (&first.member().into(), &"new".into())
    );
    assert_eq!(of("/b")["session"], "held");
    assert_eq!(of("/c")["request_id"], "mine-1");
    assert_eq!(of("/d")["request_id"], made.as_str());
    let refused = of("/");
    assert_eq!(refused["status"], 400);
    assert!(
        refused["fault"].as_str().is_some_and(|why| why.contains("Host")),
        "{refused}"
    );
    Ok(())
}

#[test]
fn the_daemon_s_log_names_a_request_that_failed_as_the_access_log_does() -> Result<()> {
    let directory = temporary_directory()?;
    let path = directory.path().join("access.log");
    let site = Site::start(&plan(&path, ""))?;
    site.member(1).stop();
    assert_eq!(site.get("/")?.status, 502);
    let line: Value = serde_json::from_str(&lines(&path, 1)[0])?;
    let id = line["request_id"].as_str().unwrap_or_default().to_owned();
    assert_eq!(id.len(), 32, "{line}");
    let log = site.daemon().log();
    let said = log.lines().find(|line| line.contains("a request failed"));
    assert!(said.is_some_and(|line| line.contains(&id)), "{log}");
    assert_eq!(site.daemon().status()?["access_log"]["lost_lines"], 0);
    Ok(())
}

#[test]
fn of_many_requests_some_are_noted_and_failures_always() -> Result<()> {
    let directory = temporary_directory()?;
    let path = directory.path().join("access.log");
    let site = Site::start(&plan(&path, "sample = 10\nformat = \"common\""))?;
    let mut wire = site.wire()?;
    for _ in 0..20 {
        assert_eq!(wire.get("/fine")?.status, 200);
    }
    assert_eq!(wire.get("/broken?status=503")?.status, 503);
    let noted = lines(&path, 3);
    let fine = noted
        .iter()
        .filter(|line| line.contains("GET /fine HTTP/1.1\" 200"));
    assert_eq!(fine.count(), 2, "{noted:#?}");
    assert!(
        noted.iter().all(|line| line.contains(" web member1 new - ")),
        "{noted:#?}"
    );
    assert!(
        noted
            .iter()
            .any(|line| line.contains("GET /broken?status=503 HTTP/1.1\" 503")),
        "{noted:#?}"
    );
    Ok(())
}

#[test]
fn what_was_refused_and_how_much_has_passed_is_said_in_every_case() -> Result<()> {
    let directory = temporary_directory()?;
    let path = directory.path().join("access.log");
    let site = Site::start(&plan(&path, ""))?;
    let mut long = site.wire()?;
    long.send(format!("GET /{} HTTP/1.1\r\n", "a".repeat(20_000)))?;
    let told = long.reply("GET")?;
    assert_eq!(told.status, 414);
    let mut malformed = site.wire()?;
    malformed.send("POST /bad HTTP/1.1\r\nHost : a\r\n\r\n")?;
    assert_eq!(malformed.reply("POST")?.status, 400);
    let mut unanswered = site.wire()?;
    unanswered.send("POST /?gone HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n12345")?;
    assert_eq!(unanswered.reply("POST")?.status, 502);
    let mut upgraded = site.wire()?;
    let fields = [("Connection", "upgrade"), ("Upgrade", "once")];
    assert_eq!(upgraded.ask("GET", "/talk", &fields)?.status, 101);
    upgraded.send("hello")?;
    assert_eq!(upgraded.take(5)?, b"hello");
    upgraded.ends()?;
    drop(upgraded);
    let cookie = [("Cookie", "HOLDFAST=mangled")];
    assert_eq!(site.wire()?.ask("GET", "/shown", &cookie)?.status, 200);
    let parsed: Vec<Value> = lines(&path, 5)
        .iter()
        .map(|line| serde_json::from_str(line))
        .collect::<Result<_, _>>()?;
    let of = |target: &str| {
        let mut found = parsed.iter().filter(|line| {
            let said = line["target"].as_str().unwrap_or_default();
            said.starts_with(target)
        });
        found.next().cloned().unwrap_or_default()
    };
    let (long, bad) = (of("/aaaa"), of("/bad"));
    assert_eq!(
        (&long["status"], &long["sent_bytes"]),
        (&414.into(), &told.body.len().into())
    );
    assert_eq!((&bad["status"], &bad["method"]), (&400.into(), &"POST".into()));
    assert_eq!(of("/?gone")["received_bytes"], 5);
    let talk = of("/talk");
    assert_eq!(
        (&talk["received_bytes"], &talk["sent_bytes"]),
        (&5.into(), &5.into())
    );
    let shown = of("/shown");
    assert_eq!(
        (&shown["session"], &shown["cookie_refused"]),
        (&"new".into(), &"malformed".into())
    );
    let pool = site.pool()?;
    for count in ["bytes_in", "bytes_out"] {
        assert!(
            pool["proxied"][count].as_u64().is_some_and(|bytes| bytes > 100),
            "{pool}"
        );
    }
    Ok(())
}

#[test]
fn a_log_that_was_moved_away_is_begun_anew_when_that_is_asked_for_and_at_a_reload() -> Result<()> {
    let directory = temporary_directory()?;
    let path = directory.path().join("access.log");
    let plan = plan(&path, "");
    let site = Site::start(&plan)?;
    let asked = || -> Result<()> {
        let output = site.daemon().cli(&["reopen-log"])?;
        ensure!(output.status.success() && output.stdout.is_empty(), "{output:?}");
        Ok(())
    };
    let signalled = || {
        site.daemon().signal(Signal::SIGUSR1)?;
        try_eventually("the log to be there", WITHIN, || path.exists())
    };
    let reloaded = || site.turn_to(&plan);
    let ways: [(&str, &dyn Fn() -> Result<()>); 3] = [
        ("asked", &asked),
        ("signalled", &signalled),
        ("reloaded", &reloaded),
    ];
    for (way, begin_anew) in ways {
        let moved = directory.path().join(way);
        let (before, after) = (format!("/{way}/before"), format!("/{way}/after"));
        site.get(&before)?;
        noted(&path, &before);
        fs::rename(&path, &moved)?;
        begin_anew()?;
        site.get(&after)?;
        noted(&path, &after);
        assert!(!fs::read_to_string(&moved)?.contains(&after), "{way}");
    }
    Ok(())
}

#[test]
fn the_log_is_opened_anew_beside_a_file_with_mistakes_and_of_those_who_are_there_already() -> Result<()> {
    let directory = temporary_directory()?;
    let [path, moved, again] = ["access.log", "moved", "again"].map(|name| directory.path().join(name));
    let site = Site::start(&plan(&path, ""))?;
    // A connection that goes on notes its requests in the new file too.
    let mut wire = site.wire()?;
    wire.get("/before")?;
    noted(&path, "/before");
    fs::rename(&path, &moved)?;
    site.daemon().write_config("mistake")?;
    let output = site.daemon().cli(&["reopen-log"])?;
    ensure!(output.status.success(), "{output:?}");
    wire.get("/after")?;
    noted(&path, "/after");
    assert_eq!(lines(&moved, 1).len(), 1);
    // Where it cannot be opened, who asked hears why, and nothing is lost.
    fs::rename(&path, &again)?;
    fs::create_dir(&path)?;
    let output = site.daemon().cli(&["reopen-log"])?;
    let complaint = String::from_utf8(output.stderr)?;
    ensure!(
        !output.status.success() && complaint.contains("cannot open the access log"),
        "{complaint}"
    );
    wire.get("/kept")?;
    noted(&again, "/kept");
    Ok(())
}

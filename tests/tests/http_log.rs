//! The access log.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Result, ensure};
use lb_tests::http::Jar;
use lb_tests::{Plan, Site, eventually, temporary_directory};
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
        noted
            .iter()
            .any(|line| line.contains("GET /broken?status=503 HTTP/1.1\" 503")),
        "{noted:#?}"
    );
    Ok(())
}

#[test]
fn a_log_that_was_moved_away_is_begun_anew_at_the_next_reload() -> Result<()> {
    let directory = temporary_directory()?;
    let (path, moved) = (
        directory.path().join("access.log"),
        directory.path().join("access.log.1"),
    );
    let plan = plan(&path, "");
    let site = Site::start(&plan)?;
    site.get("/before")?;
    lines(&path, 1);
    fs::rename(&path, &moved)?;
    site.turn_to(&plan)?;
    site.get("/after")?;
    assert!(lines(&path, 1)[0].contains("/after"));
    assert!(lines(&moved, 1)[0].contains("/before"));
    Ok(())
}

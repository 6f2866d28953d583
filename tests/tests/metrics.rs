//! What Prometheus is told is what has happened.

use std::collections::BTreeMap;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use lb_tests::http::Authority;
use lb_tests::{Daemon, Family, Jar, Laboratory, Plan, Scene, Site, eventually};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

const WITHIN: Duration = Duration::from_secs(10);

/// What is answered at the control socket.
fn asked(daemon: &Daemon, path: &str) -> Result<String> {
    let output = Command::new("curl")
        .args(["--silent", "--show-error", "--unix-socket"])
        .arg(daemon.socket_path())
        .arg(format!("http://localhost{path}"))
        .output()?;
    ensure!(output.status.success(), "{output:?}");
    Ok(String::from_utf8(output.stdout)?)
}

/// The values, by name and labels.
struct Metrics(BTreeMap<String, f64>);

impl Metrics {
    fn of(daemon: &Daemon) -> Result<Self> {
        let text = asked(daemon, "/metrics")?;
        ensure!(text.ends_with("# EOF\n"), "it breaks off: {text}");
        let mut values = BTreeMap::new();
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let (name, value) = line.rsplit_once(' ').context("a value")?;
            ensure!(
                values.insert(name.to_owned(), value.parse()?).is_none(),
                "{name} is there twice"
            );
        }
        Ok(Self(values))
    }

    /// The sum of all values of a name whose labels have these parts.
    #[track_caller]
    fn sum(&self, name: &str, labels: &[&str]) -> f64 {
        let named = self.0.iter().filter(|(full, _)| {
            let (found, has) = full.split_once('{').unwrap_or((full, ""));
            found == name && labels.iter().all(|label| has.contains(label))
        });
        let mut named = named.peekable();
        assert!(named.peek().is_some(), "there is no {name} with {labels:?}");
        named.map(|(_, value)| value).sum()
    }
}

#[test]
fn requests_and_the_sessions_of_cookies_are_counted() -> Result<()> {
    let site = Site::start(&Plan::new(&[1, 1]).cookie(20, ""))?;
    let mut jar = Jar::default();
    for _ in 0..5 {
        site.browse("/", &mut jar)?;
    }
    // A worker counts a request once its last byte is written.
    let requests = |metrics: &Metrics| metrics.sum("holdfast_http_request_duration_seconds_count", &[]);
    eventually("all requests to be counted", WITHIN, || {
        Metrics::of(site.daemon()).is_ok_and(|metrics| requests(&metrics) >= 5.0)
    });
    let metrics = Metrics::of(site.daemon())?;
    for (name, labels, value) in [
        ("holdfast_http_requests_total", &[][..], 5.0),
        ("holdfast_http_responses_total", &["code=\"2xx\""], 5.0),
        ("holdfast_http_responses_total", &["code=\"5xx\""], 0.0),
        ("holdfast_http_request_duration_seconds_count", &[], 5.0),
        (
            "holdfast_http_request_duration_seconds_bucket",
            &["le=\"+Inf\""],
            5.0,
        ),
        ("holdfast_pool_response_duration_seconds_count", &[], 5.0),
        ("holdfast_member_requests_total", &[], 5.0),
        ("holdfast_session_events_total", &["event=\"created\""], 1.0),
        ("holdfast_session_events_total", &["event=\"held\""], 4.0),
        ("holdfast_pool_members", &["status=\"NO_MONITOR\""], 2.0),
        ("holdfast_pool_status", &["status=\"ONLINE\""], 1.0),
    ] {
        let found = metrics.sum(name, labels);
        assert!(
            (found - value).abs() < 1e-9,
            "{name} {labels:?} is {found}, not {value}"
        );
    }
    assert!(metrics.sum("holdfast_http_request_duration_seconds_sum", &[]) > 0.0);
    assert!(metrics.sum("holdfast_listener_received_bytes_total", &[]) > 100.0);
    Ok(())
}

#[test]
fn connections_and_packets_of_the_datapath_are_counted() -> Result<()> {
    let scene = Scene::start(Laboratory::routed(), 8080, &[1, 1], |pool| pool)?;
    let tally =
        scene
            .client()
            .sweep_connections(10, |index| Family::V4.source(index), scene.vip(Family::V4), 4);
    tally.assert_no_failures();
    let metrics = Metrics::of(scene.daemon())?;
    for (name, labels) in [
        ("holdfast_listener_connections_total", &[][..]),
        ("holdfast_member_connections_total", &[]),
    ] {
        let found = metrics.sum(name, labels);
        assert!((found - 10.0).abs() < 1e-9, "{name} is {found}");
    }
    scene.reweigh(&[1, 3])?;
    let changed = Metrics::of(scene.daemon())?;
    let applied = |metrics: &Metrics| metrics.sum("holdfast_apply_duration_seconds_count", &[]);
    assert!(applied(&changed) > applied(&metrics), "a reload is an apply");
    assert!(metrics.sum("holdfast_packets_total", &["fate=\"forwarded\""]) >= 40.0);
    assert!(metrics.sum("holdfast_table_capacity", &["table=\"flows\""]) >= 1024.0);
    assert!(metrics.sum("holdfast_table_entries", &["table=\"members\""]) >= 2.0);
    assert!(metrics.sum("holdfast_interface_attached", &["mode=\"native\""]) >= 1.0);
    Ok(())
}

#[test]
fn who_asks_a_daemon_that_ends_is_answered_at_once() -> Result<()> {
    let site = Site::start(&Plan::new(&[1]).patient())?;
    assert_eq!(asked(site.daemon(), "/readyz")?, "ready\n");
    assert_eq!(asked(site.daemon(), "/healthz")?, "ok\n");
    let mut slow = site.wire()?;
    slow.send("GET /?delay_ms=3000 HTTP/1.1\r\nHost: a\r\n\r\n")?;
    eventually("the request to be under way", WITHIN, || {
        Metrics::of(site.daemon())
            .is_ok_and(|metrics| metrics.sum("holdfast_member_active_requests", &[]) >= 1.0)
    });
    let pid = site.daemon().pid().context("it runs")?;
    kill(Pid::from_raw(pid.try_into()?), Signal::SIGTERM)?;
    // While the request goes on.
    eventually("the daemon to say that it ends", WITHIN, || {
        asked(site.daemon(), "/readyz").is_ok_and(|said| said == "the daemon is ending\n")
    });
    let refused = asked(site.daemon(), "/metrics")?;
    assert!(
        refused.contains("The daemon is ending; ask the next one."),
        "{refused}"
    );
    assert_eq!(slow.reply("GET")?.status, 200);
    Ok(())
}

#[test]
fn probes_are_counted_and_it_is_told_until_when_certificates_are_good() -> Result<()> {
    let authority = Authority::new()?;
    let certificate = authority.certify("shop", &["shop.example"])?;
    let plan = Plan::new(&[1, 1])
        .tls(&[&certificate], "")
        .monitor("type = \"HTTP\"\nurl_path = \"/\"\ndelay_s = 1\ntimeout_s = 1\nrise = 1\nfall = 1\n");
    let site = Site::start(&plan)?;
    let sum =
        |name: &str, labels: &[&str]| Metrics::of(site.daemon()).map(|metrics| metrics.sum(name, labels));
    eventually("probes to be counted", WITHIN, || {
        sum("holdfast_health_probes_total", &["result=\"passed\""]).is_ok_and(|passed| passed >= 2.0)
    });
    site.member(1).stop();
    eventually("a change to be counted", WITHIN, || {
        sum("holdfast_health_changes_total", &[]).is_ok_and(|changes| changes >= 1.0)
    });
    assert!(sum("holdfast_health_probes_total", &["result=\"failed\""])? >= 1.0);
    let until = sum("holdfast_tls_certificate_expiry_timestamp_seconds", &["shop"])?;
    let now = std::time::SystemTime::now().duration_since(std::time::SystemTime::UNIX_EPOCH)?;
    assert!(until > now.as_secs_f64(), "{until}");
    Ok(())
}

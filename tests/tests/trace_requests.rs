//! `holdfast trace` of requests: what became of each, with a datapath beside the proxy and without.

use std::fs::File;
use std::net::IpAddr;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use lb_tests::daemon::binary;
use lb_tests::{Jar, Plan, Site, eventually, try_eventually};
use serde_json::Value;
use tempfile::TempDir;

const WITHIN: Duration = Duration::from_secs(20);

/// The command, which prints into a file until this is dropped.
struct Trace {
    child: Child,
    directory: TempDir,
}

impl Trace {
    /// Returns when it has begun.
    fn start(site: &Site, arguments: &[&str]) -> Result<Self> {
        let directory = tempfile::tempdir()?;
        let child = Command::new(binary())
            .arg("--socket")
            .arg(site.daemon().socket_path())
            .arg("trace")
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(File::create(directory.path().join("output"))?)
            .stderr(File::create(directory.path().join("errors"))?)
            .spawn()?;
        let mut trace = Self { child, directory };
        let has_begun = |trace: &Self| trace.read("errors").contains("tracing until Ctrl-C");
        try_eventually("the trace to begin, or to be refused", WITHIN, || {
            has_begun(&trace) || trace.child.try_wait().is_ok_and(|ended| ended.is_some())
        })?;
        ensure!(has_begun(&trace), "{}", trace.read("errors"));
        Ok(trace)
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.directory.path().join(name)).unwrap_or_default()
    }

    /// The requests that were told, as soon as there are so many.
    fn requests(&self, count: usize) -> Vec<Value> {
        let mut requests = Vec::new();
        eventually("the requests to be told", WITHIN, || {
            let output = self.read("output");
            // The last line may be half written.
            let whole = output.rsplit_once('\n').map_or("", |(whole, _)| whole);
            let lines: Vec<Value> = whole
                .lines()
                .map(serde_json::from_str)
                .collect::<Result<_, _>>()?;
            requests = lines
                .into_iter()
                .filter(|line| line.get("method").is_some())
                .collect();
            ensure!(requests.len() >= count, "{output}");
            Ok(())
        });
        requests
    }
}

impl Drop for Trace {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The address that a site's clients ask from.
fn client(site: &Site) -> Result<IpAddr> {
    let echo = site.get("/")?.echo()?;
    let fields = echo.fields.iter();
    let mut forwarded = fields.filter(|(name, _)| name.eq_ignore_ascii_case("x-forwarded-for"));
    let (_, address) = forwarded.next().context("it is told to members")?;
    Ok(address.parse()?)
}

#[test]
fn a_request_is_told_with_its_member_and_whether_it_was_held_there() -> Result<()> {
    let site = Site::start(&Plan::new(&[1, 1]).cookie(20, ""))?;
    let client = client(&site)?.to_string();
    let trace = Trace::start(&site, &["--client", &client, "--json"])?;
    let mut jar = Jar::default();
    let first = site.browse("/first", &mut jar)?.member().to_owned();
    site.browse("/second?a=1", &mut jar)?;
    let requests = trace.requests(2);
    let told: Vec<_> = requests
        .iter()
        .map(|request| ["target", "member", "session"].map(|key| request[key].as_str().unwrap_or_default()))
        .collect();
    assert_eq!(
        told,
        [["/first", &first, "new"], ["/second?a=1", &first, "held"]],
        "{requests:?}"
    );
    assert!(
        requests
            .iter()
            .all(|request| request["client"] == client.as_str())
    );
    Ok(())
}

#[test]
fn where_there_is_no_datapath_requests_are_told_all_the_same_and_one_trace_at_a_time() -> Result<()> {
    let plan = Plan::new(&[1]);
    let mut site = Site::prepare(&plan)?;
    site.daemon_mut().set_interfaces(&[]);
    site.rewrite(&plan)?;
    site.daemon_mut().launch()?;
    let client = client(&site)?.to_string();
    let trace = Trace::start(&site, &[&client, "--json"])?;
    let second = site.daemon().cli(&["trace", &client])?;
    let complaint = String::from_utf8(second.stderr)?;
    ensure!(complaint.contains("there is one at a time"), "{complaint}");
    site.get("/alone")?;
    let requests = trace.requests(1);
    assert_eq!(requests[0]["target"], "/alone");
    drop(trace);
    drop(eventually_starts(&site, &client)?);
    Ok(())
}

#[test]
fn requests_of_other_clients_are_not_told_and_for_people_a_line_is_a_sentence() -> Result<()> {
    let site = Site::start(&Plan::new(&[1]).cookie(20, ""))?;
    let client = client(&site)?.to_string();
    let other = Trace::start(&site, &["192.0.2.99", "--json"])?;
    site.get("/unseen")?;
    let refused = site.daemon().cli(&["trace", &client])?;
    let complaint = String::from_utf8(refused.stderr)?;
    ensure!(complaint.contains("there is one at a time"), "{complaint}");
    ensure!(other.read("output").is_empty(), "{}", other.read("output"));
    drop(other);
    // As soon as it is noticed that the one before has gone.
    let trace = eventually_starts(&site, &client)?;
    site.get("/seen")?;
    eventually("the request to be told", WITHIN, || {
        let output = trace.read("output");
        let line = output.lines().find(|line| line.contains(" request "));
        let line = line.with_context(|| output.clone())?;
        ensure!(line.contains(&format!("HTTP/1.1 {client} GET ")), "{line}");
        ensure!(line.contains("/seen: 200, member "), "{line}");
        ensure!(line.contains("(chosen by the algorithm)"), "{line}");
        Ok(())
    });
    Ok(())
}

fn eventually_starts(site: &Site, client: &str) -> Result<Trace> {
    try_eventually("another trace", WITHIN, || Trace::start(site, &[client]))
}

//! `holdfast trace` of requests: what became of each, with a datapath beside the proxy and without.

use std::net::IpAddr;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use lb_tests::trace::Trace;
use lb_tests::{Jar, Plan, Site, eventually, try_eventually};

const WITHIN: Duration = Duration::from_secs(20);

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
    let trace = Trace::start(site.daemon(), &["--client", &client, "--json"])?;
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
    let trace = Trace::start(site.daemon(), &[&client, "--json"])?;
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
    let other = Trace::start(site.daemon(), &["192.0.2.99", "--json"])?;
    site.get("/unseen")?;
    let refused = site.daemon().cli(&["trace", &client])?;
    let complaint = String::from_utf8(refused.stderr)?;
    ensure!(complaint.contains("there is one at a time"), "{complaint}");
    ensure!(other.output().is_empty(), "{}", other.output());
    drop(other);
    // As soon as it is noticed that the one before has gone.
    let trace = eventually_starts(&site, &client)?;
    site.get("/seen")?;
    eventually("the request to be told", WITHIN, || {
        let output = trace.output();
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
    try_eventually("another trace", WITHIN, || Trace::start(site.daemon(), &[client]))
}

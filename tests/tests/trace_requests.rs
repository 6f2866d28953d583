//! `holdfast trace` of requests: what became of each, with a datapath beside the proxy and without.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use lb_tests::trace::Trace;
use lb_tests::{
    Curl, Daemon, Family, Jar, Laboratory, Plan, Scheme, Services, Site, eventually, try_eventually,
};
use serde_json::json;

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

#[test]
fn what_the_api_has_made_is_told_by_the_names_that_people_gave_it() -> Result<()> {
    let lab = Laboratory::routed().members(1).build()?;
    let _members = lab.serve_all(&Services::new().web([8080]))?;
    let daemon = Daemon::start(&lab, "max_flows = 4096\nmax_sessions = 65536")?;
    let vip = SocketAddr::new(lab.vip(Family::V4), 80);
    let member = json!({"name": "anna", "address": lab.member_address(1, Family::V4), "protocol_port": 8080});
    let pool =
        json!({"name": "shop", "protocol": "HTTP", "lb_algorithm": "ROUND_ROBIN", "members": [member]});
    let listener =
        json!({"name": "front", "protocol": "HTTP", "protocol_port": vip.port(), "default_pool": pool});
    let balancer = json!({"name": "web", "vip_address": vip.ip(), "listeners": [listener]});
    let made = daemon.api(
        "POST",
        "/loadbalancers",
        Some(&json!({ "loadbalancer": balancer })),
    )?;
    let pool_id = made.object("loadbalancer")?["pools"][0]["id"].clone();
    let ask = || Curl::new(lab.client_namespace(), vip).get(Scheme::Http, "shop.example", "/");

    let everybody = "0.0.0.0/0";
    let trace = Trace::start(&daemon, &[everybody, "--json"])?;
    ask()?;
    let told = trace.requests(1);
    assert_eq!(told[0]["pool"], pool_id);
    let names = &told[0]["display_names"];
    let called = ["listener", "pool", "member"].map(|kind| told[0][kind].as_str().unwrap_or_default());
    assert_eq!(
        called.map(|key| &names[key]),
        ["front", "shop", "anna"],
        "{told:?}"
    );
    drop(trace);

    let trace = try_eventually("another trace", WITHIN, || Trace::start(&daemon, &[everybody]))?;
    ask()?;
    eventually("the request to be told", WITHIN, || {
        let output = trace.output();
        let mut requests = output.lines().filter(|line| line.contains(" request "));
        ensure!(
            requests.any(|line| line.contains(": 200, member anna of pool shop, ")),
            "{output}"
        );
        Ok(())
    });
    Ok(())
}

fn eventually_starts(site: &Site, client: &str) -> Result<Trace> {
    try_eventually("another trace", WITHIN, || Trace::start(site.daemon(), &[client]))
}

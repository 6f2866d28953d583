//! All that is told, of a daemon that has everything, is as it is documented, and in a form that every reader takes.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use lb_tests::desk::{Desk, SMALL};
use lb_tests::http::{Authority, Jar};
use lb_tests::{
    Config, Family, Persistence, Plan, Pool, Protocol, Scheme, Site, eventually, temporary_directory,
};
use serde_json::json;

use crate::exposition::{Exposition, Form, asked};
use crate::monitoring::{documented, expressions, values_asked_for};

const WITHIN: Duration = Duration::from_secs(20);
/// What Prometheus 3 sends with each request.
const PROMETHEUS: &str = "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,\
    application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,\
    text/plain;version=0.0.4;q=0.3,*/*;q=0.2";

/// Listeners of each kind, with policies; pools of each kind, with members that are watched, and sessions.
fn everything(log: &std::path::Path, authority: &Authority) -> Result<Site> {
    let vip = |port| SocketAddr::new(Family::V4.vip(), port);
    let member = "10.2.1.2:8090".parse()?;
    let monitor = "type = \"TCP\"\ndelay_s = 1\ntimeout_s = 1";
    let policy = "[[load_balancer.listener.policy]]\nname = \"none\"\naction = \"REJECT\"\n\
        [[load_balancer.listener.policy.rule]]\ntype = \"PATH\"\ncompare_type = \"EQUAL_TO\"\nvalue = \"/none\"";
    let behind =
        "[load_balancer.listener.http]\naccept_proxy_protocol = true\ntrusted_proxies = [\"10.1.0.0/24\"]";
    let lines = Pool::new("lines")
        .persistence(Persistence { idle_timeout_min: 20 })
        .monitor(monitor)
        .member("one", member, 1);
    let further = Config::new()
        .listener(Protocol::Tcp, vip(90), "lines")
        .web_listener(Scheme::Http, vip(91), "web", policy)
        .web_listener(Scheme::Http, vip(92), "web", behind)
        .pool(lines);
    let certificate = authority.certify("shop", &["shop.example.com"])?;
    let plan = Plan::new(&[1])
        .cookie(20, "")
        .monitor(monitor)
        .tls(&[&certificate], "")
        .pool("max_connections = 100")
        .proxy(&format!("[proxy.access_log]\npath = \"{}\"", log.display()))
        .further(further);
    let site = Site::start(&plan)?;
    site.browse("/", &mut Jar::default())?;
    Ok(site)
}

#[test]
fn each_metric_is_told_with_just_the_kind_help_and_labels_that_are_documented() -> Result<()> {
    let (directory, authority) = (temporary_directory()?, Authority::new()?);
    let site = everything(&directory.path().join("access.log"), &authority)?;
    let told = Exposition::of(site.daemon())?;
    let documented = documented()?;
    let mut names = BTreeSet::new();
    for (family, said) in &told.families {
        let end = if said.kind == "counter" { "_total" } else { "" };
        let name = format!("{family}{end}");
        let documented = documented
            .get(&name)
            .with_context(|| format!("{name} is not documented"))?;
        assert_eq!(
            (&said.kind, &said.help),
            (&documented.kind, &documented.help),
            "{name}"
        );
        let starts = told.samples.iter().filter(|sample| {
            let end = sample.name.strip_prefix(family.as_str());
            end.is_some_and(|end| ["", "_total", "_bucket", "_sum", "_count"].contains(&end))
        });
        let mut count = 0;
        for sample in starts {
            let labels = sample.labels.keys().filter(|label| *label != "le").cloned();
            assert_eq!(labels.collect::<BTreeSet<_>>(), documented.labels, "{sample:?}");
            assert!(sample.value >= 0.0, "{sample:?}");
            count += 1;
        }
        assert!(count > 0, "of {name} there is nothing, though it has everything");
        names.insert(name);
    }
    assert_eq!(names, documented.keys().cloned().collect());

    // What alerts and dashboard ask of labels is what these can be.
    let mut values: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (label, value) in told.samples.iter().flat_map(|sample| &sample.labels) {
        values.entry(label).or_default().insert(value);
    }
    for (who, expression) in expressions()? {
        for (label, value) in values_asked_for(&expression) {
            let known = values
                .get(label.as_str())
                .is_some_and(|known| known.contains(value.as_str()));
            assert!(known, "{who}: no {label} is ever {value}");
        }
    }
    Ok(())
}

#[test]
fn names_of_any_letters_arrive_as_they_are_and_things_are_told_apart_by_id() -> Result<()> {
    let desk = Desk::open()?;
    let names = ["a \"b\" \\c", "Grüße, 世界 {le=\"1\"}", "", ""];
    let mut ids = BTreeSet::new();
    for (name, number) in names.iter().zip(1..) {
        let vip = format!("192.0.2.{}", 100 + number);
        let listener = json!({"name": name, "protocol": "TCP", "protocol_port": 80});
        let tree = json!({"name": name, "vip_address": vip, "listeners": [listener]});
        ids.insert(desk.daemon.make("/loadbalancers", "loadbalancer", &tree)?);
    }
    let told = Exposition::of(&desk.daemon)?;
    for metric in [
        "holdfast_load_balancer_status",
        "holdfast_listener_connections_total",
    ] {
        let ours = told.named(metric, &[]);
        let ours = ours.filter(|sample| ids.contains(&sample.labels["load_balancer_id"]));
        let mut found: Vec<&str> = ours
            .map(|sample| sample.labels["load_balancer"].as_str())
            .collect();
        // What nobody has named is called by its id.
        found.retain(|name| !ids.contains(*name));
        found.sort_unstable();
        assert_eq!(found, [names[1], names[0]], "{metric}");
    }
    Ok(())
}

#[test]
fn it_is_told_in_the_form_that_is_asked_for_and_says_so() -> Result<()> {
    let desk = Desk::open()?;
    for (accept, form) in [
        (PROMETHEUS, Form::OpenMetrics),
        ("application/openmetrics-text; version=1.0.0", Form::OpenMetrics),
        (
            "application/openmetrics-text; q=0.2, */*; q=0.1",
            Form::OpenMetrics,
        ),
        (
            "application/openmetrics-text; q=0.1, text/*; q=0.2",
            Form::Prometheus,
        ),
        ("text/plain; version=0.0.4", Form::Prometheus),
        ("text/html, application/xhtml+xml, */*; q=0.8", Form::Prometheus),
        // As curl does by itself.
        ("*/*", Form::Prometheus),
    ] {
        let field = format!("Accept: {accept}");
        let answer = asked(&desk.daemon, "/metrics", &["--header", &field])?;
        assert_eq!(
            (answer.status, &*answer.content_type),
            (200, form.content_type()),
            "{accept}"
        );
        Exposition::read(form, &answer.body)?;
    }
    Ok(())
}

#[test]
fn both_forms_tell_the_same() -> Result<()> {
    let (directory, authority) = (temporary_directory()?, Authority::new()?);
    let site = everything(&directory.path().join("access.log"), &authority)?;
    // Only one of them says units, though both have them in names.
    let told = |form| -> Result<_> {
        let mut told = Exposition::told(site.daemon(), form)?;
        for family in told.families.values_mut() {
            family.unit.clear();
        }
        // To tell takes processor time, and a file: the process is never the same twice.
        for sample in &mut told.samples {
            if sample.name.starts_with("process_") {
                sample.value = 0.0;
            }
        }
        told.samples
            .sort_by(|one, other| (&one.name, &one.labels).cmp(&(&other.name, &other.labels)));
        Ok(told)
    };
    let (text, open) = eventually("nothing to happen in between", WITHIN, || {
        let [text, open] = Form::BOTH.map(told);
        let (text, open) = (text?, open?);
        ensure!(text.samples == open.samples, "something has happened");
        anyhow::Ok((text, open))
    });
    assert_eq!(text.families, open.families);
    assert!(text.samples.len() > 100);
    Ok(())
}

#[test]
fn it_is_compressed_for_those_who_take_that() -> Result<()> {
    let desk = Desk::open()?;
    for form in Form::BOTH {
        let accept = form.accept();
        let ask = |fields: &[&str]| {
            asked(
                &desk.daemon,
                "/metrics",
                &[&["--compressed", "--header", &accept], fields].concat(),
            )
        };
        // curl undoes it.
        let compressed = ask(&["--header", "Accept-Encoding: gzip"])?;
        assert_eq!((compressed.status, &*compressed.coding), (200, "gzip"));
        assert!(
            compressed.size_bytes < compressed.body.len() / 2,
            "{compressed:?}"
        );
        Exposition::read(form, &compressed.body)?;
        let plain = ask(&["--header", "Accept-Encoding: gzip;q=0"])?;
        assert_eq!((plain.status, &*plain.coding), (200, ""));
        assert_eq!(plain.size_bytes, plain.body.len());
    }
    Ok(())
}

/// How many lines and bytes are told with so many members.
fn weight(desk: &Desk, members: usize) -> Result<[usize; 2]> {
    let members: Vec<_> = (0..members)
        .map(|number| {
            format!(
                "{{ address = \"10.0.{}.{}\", port = 80 }}",
                number / 250,
                number % 250
            )
        })
        .collect();
    let members = members.join(", ");
    let pool = format!("[[pool]]\nname = \"wide\"\nmember = [{members}]\n");
    desk.daemon.reconfigure(format!("{SMALL}\n{pool}"))?;
    let told = Exposition::once(&desk.daemon, "the members to be there", |told| {
        told.named("holdfast_pool_status", &[("pool", "wide")]).count() == 1
    })?;
    let text = asked(&desk.daemon, "/metrics", &[])?.body;
    ensure!(told.named("holdfast_member_status", &[("pool", "wide")]).count() > 0);
    Ok([text.lines().count(), text.len()])
}

#[test]
fn what_a_member_adds_is_the_same_for_each_of_a_thousand() -> Result<()> {
    let desk = Desk::open()?;
    let [one, many] = [weight(&desk, 1)?, weight(&desk, 1001)?];
    let [lines, bytes] = [0, 1].map(|of| (many[of] - one[of]).div_ceil(1000));
    assert!(
        lines <= 7 && bytes <= 7 * 150,
        "{lines} lines of {bytes} bytes in all"
    );
    Ok(())
}

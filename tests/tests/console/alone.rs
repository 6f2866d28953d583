//! People at the console of a daemon that serves nobody: what the pages do by themselves.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use lb_tests::api;
use lb_tests::console::Visitor;
use lb_tests::http::Authority;
use lb_tests::{noop, try_eventually};
use serde_json::{Value, json};

/// The most bytes that are sent for the first view.
const LARGEST_BUNDLE: u64 = 100 * 1024;

pub(crate) const VIP: &str = "192.0.2.10";
pub(crate) const WHOEVER: &str = "auth = \"none\"\n";

/// A daemon that serves nobody, and where its console is.
pub(crate) fn nobody_served(api: &str) -> Result<(noop::Daemon, String)> {
    nobody_served_with(|_| Ok(api.to_owned()))
}

/// The same, with what is prepared for it in its directory: returns further lines of its file, those of `[api]` first.
fn nobody_served_with(
    prepare: impl FnOnce(&noop::Daemon) -> Result<String>,
) -> Result<(noop::Daemon, String)> {
    let mut daemon = noop::Daemon::prepare()?;
    let further = prepare(&daemon)?;
    let listen = format!("[api]\nlisten = [\"127.0.0.1:{}\"]\n", daemon.port);
    daemon.configure(&format!("{listen}{further}"))?;
    daemon.launch()?;
    let url = format!("http://127.0.0.1:{}/console/", daemon.port);
    Ok((daemon, url))
}

pub(crate) fn at_home(url: String) -> Visitor<'static> {
    Visitor::new(url, |program| Command::new(program))
}

/// Has the command line do all this.
pub(crate) fn tell(daemon: &noop::Daemon, lines: &[&str]) -> Result<()> {
    for line in lines {
        let output = daemon.cli(&line.split(' ').collect::<Vec<_>>())?;
        ensure!(output.status.success(), "{line}: {output:?}");
    }
    Ok(())
}

/// A group, as the API has it.
pub(crate) fn shown(daemon: &noop::Daemon, pool: &str) -> Result<Value> {
    let shown = daemon.cli(&["pool", "show", pool, "--output", "json"])?;
    ensure!(shown.status.success(), "{shown:?}");
    Ok(serde_json::from_slice(&shown.stdout)?)
}

/// A certificate that the daemon finds by this name.
fn certified(daemon: &noop::Daemon, name: &str) -> Result<String> {
    let directory = daemon.path("certificates");
    fs::create_dir(&directory)?;
    let authority = Authority::new()?;
    let made = authority.certify(name, &["shop.example"])?;
    for (file, ending) in [(made.file, "pem"), (made.key, "key")] {
        fs::copy(file, directory.join(format!("{name}.{ending}")))?;
    }
    Ok(format!("certificates_path = \"{}\"\n", directory.display()))
}

#[test]
fn what_a_field_does_not_take_is_said_at_that_field_and_nothing_is_sent() -> Result<()> {
    let (_daemon, url) = nobody_served_with(|daemon| Ok(certified(daemon, "shop")? + WHOEVER))?;
    at_home(url).does("fields", json!({"vip": VIP, "certificate": "shop"}))?;
    Ok(())
}

#[test]
fn what_only_the_daemon_can_refuse_is_said_at_its_field_too() -> Result<()> {
    let (_daemon, url) = nobody_served(WHOEVER)?;
    at_home(url).does("refusals", json!({"vip": VIP}))?;
    Ok(())
}

#[test]
fn what_the_console_does_not_offer_it_leaves_as_others_have_set_it() -> Result<()> {
    let (daemon, url) = nobody_served(WHOEVER)?;
    tell(
        &daemon,
        &[
            "lb create web --vip 192.0.2.10",
            "pool create tls --lb web --protocol HTTPS --session-persistence type=SOURCE_IP,timeout=10m",
        ],
    )?;
    at_home(url).does("rename", json!({"group": "tls", "name": "renamed"}))?;
    let shown = shown(&daemon, "renamed")?;
    assert_eq!(
        shown["session_persistence"]["persistence_timeout"], 600,
        "{shown}"
    );
    Ok(())
}

#[test]
fn the_language_is_switched_and_stays_what_it_was_switched_to() -> Result<()> {
    let (_daemon, url) = nobody_served(WHOEVER)?;
    at_home(url).does("switchLanguage", json!({}))?;
    Ok(())
}

#[test]
fn both_wizards_are_gone_through_by_keyboard_alone() -> Result<()> {
    let (_daemon, url) = nobody_served(WHOEVER)?;
    at_home(url).does("wizardsByKeyboard", json!({"vip": VIP}))?;
    Ok(())
}

#[test]
fn a_dedicated_load_balancer_says_what_it_is_and_offers_no_application_cookie() -> Result<()> {
    let (daemon, url) = nobody_served(WHOEVER)?;
    for kind in ["shared", "dedicated"] {
        let data = format!("{{\"kind\":\"{kind}\"}}");
        tell(
            &daemon,
            &[
                &format!("flavorprofile create {kind} --data {data}"),
                &format!("flavor create by-{kind} --profile {kind}"),
            ],
        )?;
    }
    let both = json!(["HTTP_COOKIE", "APP_COOKIE"]);
    let balancers = json!([
        {"name": "many", "vip": "192.0.2.10", "flavor": "by-shared", "says": "shared", "types": both},
        {"name": "one", "vip": "192.0.2.11", "flavor": "by-dedicated", "says": "dedicated", "types": ["HTTP_COOKIE"]},
    ]);
    at_home(url).does("kinds", json!({"balancers": balancers}))?;
    Ok(())
}

#[test]
fn load_balancers_are_found_by_a_part_of_their_name_or_address() -> Result<()> {
    let (daemon, url) = nobody_served(WHOEVER)?;
    tell(
        &daemon,
        &[
            "lb create shop-one --vip 192.0.2.10",
            "lb create shop-two --vip 192.0.2.11",
            "lb create mail --vip 192.0.2.25",
        ],
    )?;
    let sought = json!({"shop": ["shop-one", "shop-two"], ".25": ["mail"], "nobody": []});
    let all = ["mail", "shop-one", "shop-two"];
    at_home(url).does("findBalancers", json!({"all": all, "sought": sought}))?;
    Ok(())
}

#[test]
fn of_the_events_those_of_one_kind_are_shown_where_it_is_chosen() -> Result<()> {
    let (daemon, url) = nobody_served(WHOEVER)?;
    tell(
        &daemon,
        &[
            "lb create web --vip 192.0.2.10",
            "pool create pages --lb web --protocol HTTP",
            "listener create http --lb web --protocol HTTP --port 80 --default-pool pages",
            "member create 10.0.0.1:80 --pool pages",
            "healthmonitor create check --pool pages --type HTTP --delay 5 --timeout 3 --max-retries 3",
        ],
    )?;
    at_home(url).does("eventsOfOneKind", json!({}))?;
    Ok(())
}

#[test]
fn a_thousand_servers_are_shown_page_by_page_and_those_that_are_looked_for() -> Result<()> {
    let (daemon, url) = nobody_served(WHOEVER)?;
    let members: Vec<Value> = (0..1000)
        .map(|number| {
            let address = format!("10.1.{}.{}", number / 250, number % 250 + 1);
            json!({"name": format!("server-{number:04}"), "address": address, "protocol_port": 80})
        })
        .collect();
    let pool = json!({"name": "many", "protocol": "HTTP", "lb_algorithm": "ROUND_ROBIN", "members": members});
    let listener = json!({"name": "http", "protocol": "HTTP", "protocol_port": 80, "default_pool": pool});
    let balancer = json!({"name": "web", "vip_address": "192.0.2.10", "listeners": [listener]});
    let made = api::request(
        &daemon.path("socket"),
        "POST",
        "/loadbalancers",
        Some(&json!({"loadbalancer": balancer})),
    )?;
    made.object("loadbalancer")?;
    let sought = json!({"group": "many", "sought": ["10.1.2.7:80", "server-09", "server-0042"]});
    let seen = at_home(url).does("manyMembers", sought)?;
    assert_eq!(
        seen,
        json!({"all": 1000, "10.1.2.7:80": 1, "server-09": 100, "server-0042": 1})
    );
    Ok(())
}

/// A daemon with a load balancer and a group, served to nobody.
fn one_group() -> Result<(noop::Daemon, String)> {
    let (daemon, url) = nobody_served(WHOEVER)?;
    tell(
        &daemon,
        &[
            "lb create web --vip 192.0.2.10",
            "pool create pages --lb web --protocol HTTP",
        ],
    )?;
    Ok((daemon, url))
}

#[test]
fn what_was_entered_is_thrown_away_only_by_those_who_say_so() -> Result<()> {
    let (_daemon, url) = one_group()?;
    at_home(url).does("unsaved", json!({}))?;
    Ok(())
}

#[test]
fn whoever_leaves_a_form_while_it_is_sent_is_where_the_address_says() -> Result<()> {
    let (_daemon, url) = one_group()?;
    at_home(url).does("leftWhileAsked", json!({}))?;
    Ok(())
}

#[test]
fn that_the_daemon_is_away_is_said_once_until_it_is_back() -> Result<()> {
    let (daemon, url) = nobody_served(WHOEVER)?;
    tell(
        &daemon,
        &[
            "lb create web --vip 192.0.2.10",
            "pool create pages --lb web --protocol HTTP --session-persistence type=HTTP_COOKIE",
        ],
    )?;
    let seen = daemon.path("seen");
    let mut daemon = daemon;
    at_home(url).sees("away", json!({"seen": seen}), || {
        let stopped = daemon.cli(&["stop"])?;
        ensure!(stopped.status.success(), "{stopped:?}");
        try_eventually("its absence to be seen", Duration::from_mins(1), || seen.exists())?;
        daemon.launch()
    })?;
    Ok(())
}

#[test]
fn the_first_view_takes_no_more_than_a_hundred_kilobytes() -> Result<()> {
    let (daemon, url) = nobody_served(WHOEVER)?;
    tell(&daemon, &["lb create web --vip 192.0.2.10"])?;
    let seen = at_home(url).does("firstView", json!({}))?;
    println!("the first view: {seen}");
    let sent = seen["bytes"].as_u64().context("whole bytes")?;
    ensure!(sent > 1024 && sent <= LARGEST_BUNDLE, "{seen}");
    Ok(())
}

/// What is below a directory, by its path.
fn files(directory: &Path) -> Result<Vec<(String, Vec<u8>)>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if path.is_dir() {
            files.extend(self::files(&path)?);
        } else {
            let name = path.file_name().context("a name")?.to_string_lossy().into_owned();
            files.push((name, fs::read(&path)?));
        }
    }
    files.sort();
    Ok(files)
}

#[test]
fn what_is_in_the_repository_is_what_is_built_of_it() -> Result<()> {
    let console = Path::new(env!("CARGO_MANIFEST_DIR")).join("../lb-user/console");
    let built = tempfile::tempdir()?;
    let output = Command::new("npm")
        .args(["run", "--silent", "build", "--", "--emptyOutDir", "--outDir"])
        .arg(built.path())
        .current_dir(&console)
        .output()
        .context("there is no npm")?;
    ensure!(output.status.success(), "{output:?}");
    let (fresh, there) = (files(built.path())?, files(&console.join("dist"))?);
    let names = |files: &[(String, Vec<u8>)]| files.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
    assert_eq!(names(&fresh), names(&there));
    ensure!(
        fresh == there,
        "the bundle is an old one: run `cargo xtask build`, and commit lb-user/console/dist"
    );
    Ok(())
}

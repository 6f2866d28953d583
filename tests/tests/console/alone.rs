//! People at the console of a daemon that serves nobody: what the pages do by themselves.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::LazyLock;

use anyhow::{Context as _, Result, ensure};
use lb_tests::api;
use lb_tests::console::Visitor;
use lb_tests::noop::{self, hashed};
use serde_json::{Value, json};

/// The most bytes that are sent for the first view.
const LARGEST_BUNDLE: u64 = 100 * 1024;

/// A daemon that serves nobody, and people at its console.
fn nobody_served(api: &str) -> Result<(noop::Daemon, String)> {
    let mut daemon = noop::Daemon::prepare()?;
    let listen = format!("[api]\nlisten = [\"127.0.0.1:{}\"]\n", daemon.port);
    daemon.configure(&format!("{listen}{api}"))?;
    daemon.launch()?;
    let url = format!("http://127.0.0.1:{}/console/", daemon.port);
    Ok((daemon, url))
}

fn at_home(url: String) -> Visitor<'static> {
    Visitor::new(url, |program| Command::new(program))
}

#[test]
fn each_field_says_what_would_be_right_and_refusals_of_the_daemon_stand_at_theirs() -> Result<()> {
    for scenario in ["fields", "refusals"] {
        let (_daemon, url) = nobody_served("auth = \"none\"\n")?;
        at_home(url).does(scenario, json!({"vip": "192.0.2.10"}))?;
    }
    Ok(())
}

#[test]
fn nothing_that_somebody_else_has_changed_meanwhile_is_lost() -> Result<()> {
    let (daemon, url) = nobody_served("auth = \"none\"\n")?;
    for line in [
        "lb create web --vip 192.0.2.10",
        "pool create pages --lb web --protocol HTTP",
    ] {
        daemon.cli(&line.split(' ').collect::<Vec<_>>())?;
    }
    at_home(url).does("lostUpdate", json!({}))?;
    let shown = shown(&daemon, "pages")?;
    assert_eq!(shown["description"], "theirs", "{shown}");
    assert_eq!(shown["session_persistence"], Value::Null, "{shown}");
    Ok(())
}

fn shown(daemon: &noop::Daemon, pool: &str) -> Result<Value> {
    let shown = daemon.cli(&["pool", "show", pool, "--output", "json"])?;
    Ok(serde_json::from_slice(&shown.stdout)?)
}

#[test]
fn what_the_console_does_not_offer_it_leaves_as_others_have_set_it() -> Result<()> {
    let (daemon, url) = nobody_served("auth = \"none\"\n")?;
    for line in [
        "lb create web --vip 192.0.2.10",
        "pool create tls --lb web --protocol HTTPS --session-persistence type=SOURCE_IP,timeout=10m",
    ] {
        daemon.cli(&line.split(' ').collect::<Vec<_>>())?;
    }
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
    let (_daemon, url) = nobody_served("auth = \"none\"\n")?;
    at_home(url).does("switchLanguage", json!({}))?;
    Ok(())
}

const PASSWORD: &str = "open-sesame-4711";
static HASH: LazyLock<String> = LazyLock::new(|| hashed(PASSWORD).expect("a hash"));

fn people() -> String {
    let hash = &*HASH;
    format!(
        "[[api.user]]\nname = \"alice\"\npassword = \"{hash}\"\nrole = \"admin\"\n[[api.user]]\nname = \"olga\"\n\
         password = \"{hash}\"\nrole = \"observer\"\n[[api.token]]\nname = \"robot\"\ntoken = \"{hash}\"\nrole = \"admin\"\n"
    )
}

#[test]
fn only_those_who_may_get_in_and_see_what_they_may_change() -> Result<()> {
    let (_daemon, url) = nobody_served(&people())?;
    let visitor = at_home(url);
    visitor.does("observer", json!({"name": "olga", "password": PASSWORD}))?;
    visitor.does("token", json!({"token": PASSWORD, "place": "#/events"}))?;
    // Last: whoever fails too often has to wait.
    visitor.does("failures", json!({"name": "alice", "password": PASSWORD}))?;
    Ok(())
}

#[test]
fn however_many_tabs_there_are_the_one_that_is_looked_at_works() -> Result<()> {
    let (daemon, url) = nobody_served("auth = \"none\"\n")?;
    daemon.cli(&["lb", "create", "web", "--vip", "192.0.2.10"])?;
    at_home(url).does("tabs", json!({}))?;
    Ok(())
}

#[test]
fn a_thousand_servers_are_shown_page_by_page() -> Result<()> {
    let (daemon, url) = nobody_served("auth = \"none\"\n")?;
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
    let seen = at_home(url).does("manyMembers", json!({"group": "many"}))?;
    assert_eq!(seen, 1000);
    Ok(())
}

#[test]
fn the_first_view_takes_no_more_than_a_hundred_kilobytes() -> Result<()> {
    let (daemon, url) = nobody_served("auth = \"none\"\n")?;
    daemon.cli(&["lb", "create", "web", "--vip", "192.0.2.10"])?;
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

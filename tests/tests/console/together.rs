//! More than one person at the console, or one in more than one tab; and what each may change.

use std::sync::LazyLock;

use anyhow::Result;
use lb_tests::noop::hashed;
use serde_json::json;

use crate::alone::{WHOEVER, at_home, nobody_served, shown, tell};

/// A load balancer with a group.
const PAGES: [&str; 2] = [
    "lb create web --vip 192.0.2.10",
    "pool create pages --lb web --protocol HTTP --algorithm ROUND_ROBIN",
];
/// The same in the configuration file, with all that it can have.
const FIXED: &str = "\
[[load_balancer]]
name = \"fixed\"
vip = \"192.0.2.77\"
[[load_balancer.listener]]
name = \"lines\"
protocol = \"TCP\"
port = 80
pool = \"fixed\"
[[pool]]
name = \"fixed\"
[pool.health_monitor]
type = \"TCP\"
[[pool.member]]
name = \"one\"
address = \"10.0.0.1\"
port = 80
";

#[test]
fn nothing_is_lost_of_what_somebody_else_has_changed_meanwhile_nor_of_what_was_typed() -> Result<()> {
    let (daemon, url) = nobody_served(WHOEVER)?;
    tell(&daemon, &PAGES)?;
    at_home(url).does("lostUpdate", json!({}))?;
    let shown = shown(&daemon, "typed here")?;
    assert_eq!(shown["lb_algorithm"], "LEAST_CONNECTIONS", "{shown}");
    assert_eq!(
        shown["session_persistence"]["persistence_timeout"],
        33 * 60,
        "{shown}"
    );
    Ok(())
}

#[test]
fn what_somebody_else_has_deleted_meanwhile_is_said_to_be_gone() -> Result<()> {
    let (daemon, url) = nobody_served(WHOEVER)?;
    tell(&daemon, &PAGES)?;
    at_home(url).does("gone", json!({}))?;
    Ok(())
}

#[test]
fn what_the_configuration_file_declares_is_greyed_out_and_says_why() -> Result<()> {
    let (daemon, url) = nobody_served(&format!("{WHOEVER}{FIXED}"))?;
    tell(&daemon, &PAGES)?;
    at_home(url).does("declared", json!({}))?;
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
fn who_signs_out_in_one_tab_is_out_of_all_of_them() -> Result<()> {
    let (daemon, url) = nobody_served(&people())?;
    tell(&daemon, &PAGES)?;
    at_home(url).does(
        "signedOutElsewhere",
        json!({"name": "alice", "password": PASSWORD}),
    )?;
    Ok(())
}

#[test]
fn whose_session_has_ended_has_to_sign_in_and_goes_on_where_they_were() -> Result<()> {
    let (daemon, url) = nobody_served(&people())?;
    tell(&daemon, &PAGES)?;
    at_home(url).does("sessionEnds", json!({"name": "alice", "password": PASSWORD}))?;
    shown(&daemon, "typed before").map(drop)
}

#[test]
fn however_many_tabs_there_are_the_one_that_is_looked_at_works() -> Result<()> {
    let (daemon, url) = nobody_served(WHOEVER)?;
    tell(&daemon, &["lb create web --vip 192.0.2.10"])?;
    at_home(url).does("tabs", json!({}))?;
    Ok(())
}

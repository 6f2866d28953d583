//! The keys that seal the balancer's cookies: changed while clients are held, and shared between nodes.

use std::fs;

use anyhow::{Context as _, Result, ensure};
use lb_tests::http::Jar;
use lb_tests::{Plan, Reply, Site};

const NAME: &str = "HOLDFAST";

fn plan() -> Plan {
    Plan::new(&[1, 1, 1]).cookie(20, "")
}

fn keys(site: &Site, arguments: &[&str]) -> Result<String> {
    let config = site.daemon().config_path();
    let config = config.to_str().context("a path is text here")?;
    let output = site
        .daemon()
        .cli(&[&["keys", "--config", config], arguments].concat())?;
    ensure!(output.status.success(), "{output:?}");
    Ok(String::from_utf8(output.stdout)?)
}

/// A client with a cookie, and the member that it is held to.
fn client(site: &Site) -> Result<(Jar, String)> {
    let mut jar = Jar::default();
    let reply = site.browse("/", &mut jar)?;
    Ok((jar, reply.member().to_owned()))
}

fn is_held(reply: &Reply, member: &str) -> bool {
    reply.member() == member && reply.values("set-cookie").is_empty()
}

#[test]
fn clients_are_held_while_keys_are_added_and_until_theirs_is_dropped() -> Result<()> {
    let site = Site::start(&plan())?;
    let (mut old, member) = client(&site)?;
    keys(&site, &["rotate"])?;
    site.turn_to(&plan())?;
    for _ in 0..4 {
        assert!(is_held(&site.browse("/", &mut old)?, &member));
    }
    let (mut new, other) = client(&site)?;
    let key = |jar: &Jar| jar.value(NAME).map(|value| value[..6].to_owned());
    assert_ne!(key(&new), key(&old), "it is sealed by the new key");
    keys(&site, &["prune", "--older-than", "0"])?;
    site.turn_to(&plan())?;
    assert!(is_held(&site.browse("/", &mut new)?, &other));
    let mut stranger = old.clone();
    let reply = site.browse("/", &mut stranger)?;
    assert_eq!(reply.values("set-cookie").len(), 1, "it is balanced anew");
    assert_eq!(site.pool()?["proxied_sessions"]["refused"]["unknown_key"], 1);
    Ok(())
}

#[test]
fn a_node_with_the_keys_of_another_holds_the_clients_of_that() -> Result<()> {
    let first = Site::start(&plan())?;
    let clients: Vec<_> = (0..6).map(|_| client(&first)).collect::<Result<_>>()?;
    let second = Site::start(&plan())?;
    fs::copy(
        first.daemon().state_path().join("cookie-keys"),
        second.daemon().state_path().join("cookie-keys"),
    )?;
    second.turn_to(&plan())?;
    for (mut jar, member) in clients {
        assert!(is_held(&second.browse("/", &mut jar)?, &member));
    }
    Ok(())
}

#[test]
fn keys_whose_file_is_gone_are_written_down_again_by_a_reload() -> Result<()> {
    let mut site = Site::start(&plan())?;
    let (mut jar, member) = client(&site)?;
    let file = site.daemon().state_path().join("cookie-keys");
    let before = fs::read(&file)?;
    fs::remove_file(&file)?;
    site.turn_to(&plan())?;
    assert!(
        site.daemon()
            .log()
            .contains("is written anew with the keys that are in use")
    );
    assert!(fs::read(&file)? == before);
    site.daemon_mut().terminate()?;
    site.daemon_mut().launch()?;
    assert!(is_held(&site.browse("/", &mut jar)?, &member));
    Ok(())
}

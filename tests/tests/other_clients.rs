//! Clients that `cargo xtask setup` does not install, since they are large: see `CONTRIBUTING.md`.

use std::process::{Command, Output};

use anyhow::{Context as _, Result};
use lb_tests::noop::Daemon;
use lb_tests::openstack::script;

fn started() -> Result<Daemon> {
    let mut daemon = Daemon::prepare()?;
    daemon.configure(&format!(
        "[api]\nlisten = [\"127.0.0.1:{}\"]\nauth = \"none\"\n[[api.subnet]]\nname = \"public\"\ncidr = \"192.0.2.0/24\"\n",
        daemon.port
    ))?;
    daemon.launch()?;
    Ok(daemon)
}

fn endpoint(daemon: &Daemon) -> String {
    format!("http://127.0.0.1:{}", daemon.port)
}

fn said(output: &Output) -> String {
    [&output.stdout, &output.stderr]
        .map(|text| String::from_utf8_lossy(text))
        .concat()
}

#[test]
#[ignore = "needs ansible-playbook with the collection openstack.cloud"]
fn a_playbook_makes_a_load_balancer_leaves_it_as_it_is_and_takes_it_away() -> Result<()> {
    let daemon = started()?;
    for (tags, changed) in [("all", 5), ("all", 0), ("away", 5)] {
        let output = Command::new("ansible-playbook")
            .arg(format!("--tags={tags}"))
            .arg(format!("--extra-vars=endpoint={}", endpoint(&daemon)))
            .arg(script("playbook.yml"))
            .output()
            .context("ansible-playbook")?;
        let said = said(&output);
        assert!(output.status.success(), "{said}");
        assert!(said.contains(&format!("ok=5    changed={changed} ")), "{said}");
    }
    Ok(())
}

#[test]
#[ignore = "needs go and gophercloud"]
fn gophercloud_makes_changes_looks_at_and_deletes_a_load_balancer() -> Result<()> {
    let daemon = started()?;
    let path = std::env::var_os("GOPATH").unwrap_or_else(|| "/usr/share/gocode".into());
    let output = Command::new("go")
        .env("GO111MODULE", "off")
        .env("GOPATH", path)
        .arg("run")
        .arg(script("gophercloud.go"))
        .arg(endpoint(&daemon))
        .output()
        .context("go")?;
    assert!(output.status.success(), "{}", said(&output));
    Ok(())
}

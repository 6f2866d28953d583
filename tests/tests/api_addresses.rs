//! Where the management API is reached by network, and that nobody else is reached there.

use std::net::TcpListener;

use anyhow::Result;
use lb_tests::desk::{Desk, SMALL};
use lb_tests::http::Authority;
use lb_tests::noop::Daemon;
use lb_tests::{Family, Laboratory};

/// A daemon that is to listen at a port, and does not run yet.
fn listening_at(port: u16) -> Result<Daemon> {
    let daemon = Daemon::prepare()?;
    daemon.configure(&format!(
        "[api]\nlisten = [\"127.0.0.1:{port}\"]\nauth = \"none\"\n"
    ))?;
    Ok(daemon)
}

fn refusal(daemon: &Daemon, port: u16) -> Result<()> {
    let log = daemon.refusal()?;
    let says = format!("cannot listen at 127.0.0.1:{port} for the API");
    assert!(
        log.contains(&says) && log.contains("another process listens there"),
        "{log}"
    );
    Ok(())
}

#[test]
fn an_address_that_somebody_has_is_named() -> Result<()> {
    let daemon = Daemon::prepare()?;
    let port = daemon.port;
    let _somebody = TcpListener::bind(("127.0.0.1", port))?;
    refusal(&listening_at(port)?, port)
}

#[test]
fn two_daemons_do_not_share_an_address_though_each_would_share_it_with_the_one_before() -> Result<()> {
    let mut first = Daemon::prepare()?;
    let port = first.port;
    first.configure(&format!(
        "[api]\nlisten = [\"127.0.0.1:{port}\"]\nauth = \"none\"\n"
    ))?;
    first.launch()?;
    refusal(&listening_at(port)?, port)?;
    assert_eq!(first.status_of("/", &[])?, 200);
    Ok(())
}

#[test]
fn no_load_balancer_takes_the_address_of_the_api_by_a_request_or_by_a_reload() -> Result<()> {
    let lab = Laboratory::routed().members(1).build()?;
    let (here, vip) = (lab.balancer_address(1, Family::V4), lab.vip(Family::V4));
    let authority = Authority::new()?;
    let certificate = authority.certify("api", &["api"])?;
    let listening = |address| {
        format!(
            "{SMALL}\n[api]\nlisten = [\"{address}:9876\"]\ncertificate = \"{}\"\nkey = \"{}\"\n",
            certificate.file.display(),
            certificate.key.display()
        )
    };
    let daemon = lb_tests::Daemon::start(&lab, listening(here))?;
    let mut desk = Desk::of(daemon, lab);
    let (_, said) = desk.complaint(&format!("lb create shop --vip {here}"))?;
    let says = format!("VIP {here} is an address at which this API listens (api.listen)");
    assert!(said.contains(&says), "{said}");

    desk.said(&format!("lb create shop --vip {vip}"))?;
    desk.daemon.write_config(listening(vip))?;
    let (_, said) = desk.complaint("reload")?;
    let says = format!(
        "VIP {vip} of load balancer \"shop\" would take {vip}:9876, where the management API listens"
    );
    assert!(said.contains(&says), "{said}");
    let shop = desk.answer("lb show shop")?;
    assert_eq!(
        (&shop["provisioning_status"], &shop["operating_status"]),
        (&"ACTIVE".into(), &"ONLINE".into())
    );
    // One of them has to go.
    desk.said("lb set shop --disable")?;
    desk.said("reload")?;
    let (_, said) = desk.complaint("lb set shop --enable")?;
    assert!(said.contains(&says), "{said}");

    // A start has the file's word only, and serves all else.
    desk.daemon.reconfigure(listening(here))?;
    desk.said("lb set shop --enable")?;
    desk.daemon.terminate()?;
    desk.daemon.write_config(listening(vip))?;
    desk.daemon.launch()?;
    let shop = desk.answer("lb show shop")?;
    assert_eq!(shop["provisioning_status"], "ERROR", "{shop}");
    let why = shop["status_reason"].as_str().unwrap_or_default();
    assert!(why.contains(&says), "{shop}");
    Ok(())
}

//! Where the management API is reached by network, and that nobody else is reached there.

use std::net::TcpListener;

use anyhow::Result;
use lb_tests::noop::Daemon;

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

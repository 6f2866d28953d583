//! A configuration as large as is promised.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Result;
use lb_tests::{
    Client, Closing, Config, Conversation, Daemon, Family, Laboratory, Pool, Protocol, Services, Tally,
    eventually,
};

const LISTENERS: u16 = 4096;
const FIRST_PORT: u16 = 10_000;
/// Over three hosts, a port each.
const MEMBERS: usize = 1024;
const HOSTS: usize = 3;
const FIRST_MEMBER_PORT: u16 = 20_000;
const WITHIN: Duration = Duration::from_mins(1);

/// All listeners before one pool, of so many members.
fn config(lab: &Laboratory, members: usize) -> Config {
    let pool = (0..members).fold(Pool::new("wide"), |pool, index| {
        let (host, port) = (1 + index % HOSTS, FIRST_MEMBER_PORT + (index / HOSTS) as u16);
        let address = SocketAddr::new(lab.member_address(host, Family::V4), port);
        pool.member(&format!("{host}-{port}"), address, 1)
    });
    let vip = lab.vip(Family::V4);
    let listen = |config: Config, index| {
        config.listener(Protocol::Tcp, SocketAddr::new(vip, FIRST_PORT + index), "wide")
    };
    (0..LISTENERS).fold(Config::new().pool(pool), listen)
}

/// One connection to each listener.
fn ask_all(client: &Client, lab: &Laboratory) -> Result<Tally> {
    let mut tally = Tally::default();
    for index in 0..LISTENERS {
        let listener = SocketAddr::new(lab.vip(Family::V4), FIRST_PORT + index);
        let answer = client.ask_tcp(None, listener)?;
        tally.record(answer.local.ip(), &answer.member);
    }
    Ok(tally)
}

#[test]
fn four_thousand_listeners_before_a_thousand_members_serve_and_are_reloaded() -> Result<()> {
    let lab = Laboratory::routed().members(HOSTS).build()?;
    let ports = FIRST_MEMBER_PORT..=FIRST_MEMBER_PORT + (MEMBERS / HOSTS) as u16;
    let _members = lab.serve_all(&Services::new().tcp(ports))?;
    let daemon = Daemon::start(&lab, config(&lab, MEMBERS))?;
    let client = lab.client().clone().with_closing(Closing::Reset);

    // Each listener is asked once, so each member four times: they take turns whatever the listener.
    let tally = ask_all(&client, &lab)?;
    for (host, members) in (1..=HOSTS).zip([342, 341, 341]) {
        assert_eq!(tally.served_by(lab.member_name(host)), 4 * members);
    }

    let open = |index: u16| client.connect(None, SocketAddr::new(lab.vip(Family::V4), FIRST_PORT + index));
    let flows = (0..LISTENERS)
        .step_by(64)
        .map(open)
        .collect::<Result<Vec<_>, _>>()?;
    let ask = || flows.iter().map(Conversation::ask).collect::<Result<Vec<_>, _>>();
    let before = ask()?;
    // A hundred members less, none of them one that a flow is on: members take turns.
    daemon.reconfigure(config(&lab, MEMBERS - 100))?;
    eventually("the daemon to have reloaded", WITHIN, || {
        daemon.log().contains("reloaded")
    });
    assert_eq!(ask()?, before);
    let tally = ask_all(&client, &lab)?;
    assert_eq!(tally.total(), u32::from(LISTENERS));
    Ok(())
}

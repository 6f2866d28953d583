//! The datapath goes on without the daemon, and the next daemon takes it over.

use anyhow::Result;
use lb_tests::{Closing, Daemon, Family, Laboratory, Persistence, Protocol, Scene, Tally};

const PORT: u16 = 80;
// No multiple of what the weights add up to: then taking turns would look like holding.
const CLIENTS: usize = 31;

fn ask_all(scene: &Scene) -> Tally {
    let client = scene.client().clone().with_closing(Closing::Reset);
    let mut tally = Tally::default();
    for family in Family::BOTH {
        for protocol in Protocol::BOTH {
            let sources = |index| family.source(index);
            tally = tally.merge(client.sweep(protocol, CLIENTS, sources, scene.vip(family), 8));
        }
    }
    tally.assert_no_failures();
    tally
}

/// Flows and sessions are what they were after the daemon has gone away and come back in some way.
fn nothing_is_lost(away: fn(&mut Daemon) -> Result<()>) -> Result<()> {
    let held = |pool: lb_tests::Pool| pool.persistence(Persistence { idle_timeout_min: 20 });
    let mut scene = Scene::start(Laboratory::routed(), PORT, &[3, 2, 1], held)?;
    let flow = scene.client().connect(None, scene.vip(Family::V4))?;
    let (answer, before) = (flow.ask()?, ask_all(&scene));
    away(scene.daemon_mut())?;
    let without = ask_all(&scene);
    assert_eq!(flow.ask()?, answer);
    scene.daemon_mut().launch()?;
    let after = ask_all(&scene);
    assert_eq!(flow.ask()?, answer);
    before.merge(without).merge(after).assert_nobody_moved();
    // The new daemon has taken over, rather than that it stands beside.
    scene.reweigh(&[0, 0, 1])?;
    let newcomer = scene
        .client()
        .ask_tcp(Some(Family::V4.source(5000)), scene.vip(Family::V4))?;
    assert_eq!(newcomer.member, "member3");
    Ok(())
}

#[test]
fn nothing_is_lost_when_the_daemon_is_killed() -> Result<()> {
    nothing_is_lost(Daemon::kill9)
}

#[test]
fn nothing_is_lost_when_the_daemon_is_ended_and_started_again() -> Result<()> {
    nothing_is_lost(|daemon| daemon.terminate().map(drop))
}

//! What outlives a member.

use std::time::Duration;

use anyhow::Result;
use lb_tests::{Family, Laboratory, Persistence, Pool, Scene, Tally, eventually};

const PORT: u16 = 80;
const CLIENTS: usize = 60;
const AT_ONCE: usize = 16;

fn held(pool: Pool) -> Pool {
    pool.persistence(Persistence { idle_timeout_min: 20 })
}

fn watched(pool: Pool) -> Pool {
    held(pool).monitor("type = \"TCP\"\ndelay_s = 1\ntimeout_s = 1\nrise = 1\nfall = 1")
}

fn ask_all(scene: &Scene, family: Family) -> Tally {
    let client = scene.client().clone().with_timeout(Duration::from_secs(2));
    client.sweep_connections(CLIENTS, |index| family.source(index), scene.vip(family), AT_ONCE)
}

#[test]
fn the_clients_of_a_member_that_died_move_at_once_and_stay_moved() -> Result<()> {
    let scene = Scene::start(Laboratory::routed(), PORT, &[1, 1, 1], watched)?;
    let before = ask_all(&scene, Family::V4);
    before.assert_no_failures();
    let dead = scene.members()[0].name().to_owned();
    assert!(before.served_by(&dead) > 0);

    scene.members()[0].stop();
    let someone_is_down = || {
        let status = scene.daemon().cli(&["status"]);
        status.map(|status| String::from_utf8_lossy(&status.stdout).contains("ERROR"))
    };
    let patience = Duration::from_secs(15);
    eventually("the monitor finds the member dead", patience, || {
        someone_is_down().unwrap_or(false)
    });
    let moved = ask_all(&scene, Family::V4);
    moved.assert_no_failures();
    assert_eq!(moved.served_by(&dead), 0);

    scene.members()[0].restart()?;
    eventually("the monitor finds the member alive", patience, || {
        someone_is_down().is_ok_and(|down| !down)
    });
    let after = ask_all(&scene, Family::V4);
    after.assert_no_failures();
    moved.merge(after).assert_nobody_moved();
    Ok(())
}

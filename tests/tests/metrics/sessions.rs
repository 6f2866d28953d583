//! Sessions of layer 4: how many there are, and what became of them.

use anyhow::Result;
use lb_tests::{Closing, Family, Laboratory, Persistence, Pool, Protocol, Scene, Tally};

use crate::exposition::Exposition;

const PORT: u16 = 80;
/// No multiple of the members: taking turns would look like holding.
const CLIENTS: usize = 31;

fn a_minute(pool: Pool) -> Pool {
    pool.persistence(Persistence { idle_timeout_min: 1 })
        .monitor("type = \"TCP\"\ndelay_s = 1\ntimeout_s = 1\nrise = 1\nfall = 1")
}

/// Each client asks once.
fn ask_all(scene: &Scene, family: Family) -> Tally {
    let client = scene.client().clone().with_closing(Closing::Reset);
    let sources = |index| family.source(index);
    let tally = client.sweep(Protocol::Udp, CLIENTS, sources, scene.vip(family), 8);
    tally.assert_no_failures();
    tally
}

#[track_caller]
fn assert_events(told: &Exposition, pool: &str, events: [(&str, usize); 4]) {
    for (event, count) in events {
        let labels = [("pool", pool), ("event", event)];
        told.assert("holdfast_session_events_total", &labels, count as i64);
    }
    let evicted = [("pool", pool), ("event", "evicted")];
    told.assert("holdfast_session_events_total", &evicted, 0);
}

#[test]
fn sessions_are_counted_as_they_are_made_held_moved_and_over() -> Result<()> {
    let scene = Scene::start(Laboratory::routed(), PORT, &[1, 1], a_minute)?;
    let daemon = scene.daemon();
    let first = ask_all(&scene, Family::V4);
    ask_all(&scene, Family::V4);
    let with_one = first.served_by("member1");
    let told = Exposition::of(daemon)?;
    assert_events(
        &told,
        "V4",
        [
            ("created", CLIENTS),
            ("held", CLIENTS),
            ("moved", 0),
            ("expired", 0),
        ],
    );
    assert_events(
        &told,
        "V6",
        [("created", 0), ("held", 0), ("moved", 0), ("expired", 0)],
    );
    told.assert("holdfast_sessions", &[("pool", "V4")], CLIENTS as i64);
    told.assert("holdfast_sessions", &[("pool", "V6")], 0);
    told.assert("holdfast_table_entries", &[("table", "sessions")], CLIENTS as i64);
    for member in ["member1", "member2"] {
        let labels = [("pool", "V4"), ("member", member)];
        told.assert(
            "holdfast_member_sessions",
            &labels,
            first.served_by(member).into(),
        );
    }

    // Who was with the one that fails goes to the other one, and is held there.
    scene.members()[0].stop();
    Exposition::once(daemon, "the member to fail", |told| {
        let failed = [("pool", "V4"), ("status", "ERROR")];
        told.count("holdfast_pool_members", &failed) > 0
    })?;
    ask_all(&scene, Family::V4);
    let told = Exposition::of(daemon)?;
    let (moved, stayed) = (with_one as usize, CLIENTS - with_one as usize);
    assert!(moved > 0 && stayed > 0);
    assert_events(
        &told,
        "V4",
        [
            ("created", CLIENTS),
            ("held", CLIENTS + stayed),
            ("moved", moved),
            ("expired", 0),
        ],
    );
    told.assert("holdfast_sessions", &[("pool", "V4")], CLIENTS as i64);
    let to_the_other = [("pool", "V4"), ("member", "member2")];
    told.assert("holdfast_member_sessions", &to_the_other, CLIENTS as i64);

    // All of them stay away for too long: none is held any more, and who comes back then begins another one.
    daemon.pass_time(63)?;
    Exposition::of(daemon)?.assert("holdfast_sessions", &[("pool", "V4")], 0);
    ask_all(&scene, Family::V4);
    // Whether the client finds out or the sweep does.
    let told = Exposition::once(daemon, "all of them to be counted", |told| {
        let expired = [("pool", "V4"), ("event", "expired")];
        told.count("holdfast_session_events_total", &expired) >= CLIENTS as i64
    })?;
    assert_events(
        &told,
        "V4",
        [
            ("created", 2 * CLIENTS),
            ("held", CLIENTS + stayed),
            ("moved", moved),
            ("expired", CLIENTS),
        ],
    );
    told.assert("holdfast_sessions", &[("pool", "V4")], CLIENTS as i64);
    Ok(())
}

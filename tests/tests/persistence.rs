//! Sessions by source address: what keeps a client on its member, and what does not take it away.

use std::net::IpAddr;

use anyhow::Result;
use lb_tests::{Answer, Conversation, Family, Laboratory, Persistence, Pool, Protocol, Scene, Tally};

const PORT: u16 = 80;
const AT_ONCE: usize = 32;

fn held(pool: Pool) -> Pool {
    pool.persistence(Persistence { idle_timeout_min: 20 })
}

fn scene(weights: &[u32], settings: fn(Pool) -> Pool) -> Result<Scene> {
    Scene::start(Laboratory::routed(), PORT, weights, settings)
}

/// Each of so many clients asks once over TCP and once over UDP; the first is `source(from)`.
///
/// Where the number is a multiple of what the weights add up to, taking turns looks like holding.
fn ask_all(scene: &Scene, family: Family, from: usize, clients: usize) -> Tally {
    let sources = |index| family.source(from + index);
    let vip = scene.vip(family);
    let sweep = |protocol| scene.client().sweep(protocol, clients, sources, vip, AT_ONCE);
    let tally = Protocol::BOTH
        .map(sweep)
        .into_iter()
        .fold(Tally::default(), Tally::merge);
    tally.assert_no_failures();
    tally
}

/// Those whom a member serves, and nobody else does.
fn clients_of(tally: &Tally, member: &str) -> Vec<IpAddr> {
    let clients = tally.by_client().keys().copied();
    clients
        .filter(|client| tally.member_of(*client) == Some(member))
        .collect()
}

#[test]
fn all_connections_of_a_client_reach_one_member_over_either_protocol() -> Result<()> {
    let scene = scene(&[3, 2, 1], held)?;
    for family in Family::BOTH {
        let rounds = (0..5).map(|_| ask_all(&scene, family, 0, 61));
        let tally = rounds.fold(Tally::default(), Tally::merge);
        assert_eq!((tally.total(), tally.by_client().len()), (610, 61));
        tally.assert_nobody_moved();
    }
    Ok(())
}

#[test]
fn many_clients_are_spread_as_the_weights_say() -> Result<()> {
    const WEIGHTS: [u32; 3] = [5, 3, 2];
    let scene = scene(&WEIGHTS, held)?;
    for family in Family::BOTH {
        let tally = ask_all(&scene, family, 0, 2003);
        tally.assert_nobody_moved();
        tally.assert_proportions(&scene.named(&WEIGHTS), 1.0);
    }
    Ok(())
}

#[test]
fn sessions_outlive_a_change_of_weights() -> Result<()> {
    let scene = scene(&[1, 1, 1], held)?;
    let ask = || Family::BOTH.map(|family| ask_all(&scene, family, 0, 61));
    let before = ask();
    scene.reweigh(&[1, 1, 8])?;
    for (before, after) in before.into_iter().zip(ask()) {
        let all = before.merge(after);
        all.assert_nobody_moved();
        all.assert_proportions(&scene.named(&[1, 1, 1]), 2.0);
    }
    for family in Family::BOTH {
        let new = ask_all(&scene, family, 1000, 100);
        new.assert_proportions(&scene.named(&[1, 1, 8]), 2.0);
    }
    Ok(())
}

#[test]
fn a_draining_member_keeps_its_sessions_and_gets_no_new_ones() -> Result<()> {
    let scene = scene(&[1, 1, 1], held)?;
    let before = Family::BOTH.map(|family| ask_all(&scene, family, 0, 61));
    scene.reweigh(&[0, 1, 1])?;
    for (before, family) in before.into_iter().zip(Family::BOTH) {
        let all = before.merge(ask_all(&scene, family, 0, 61));
        all.assert_nobody_moved();
        assert!(!clients_of(&all, "member1").is_empty());
        let new = ask_all(&scene, family, 1000, 60);
        new.assert_proportions(&scene.named(&[0, 1, 1]), 2.0);
    }
    Ok(())
}

#[test]
fn a_live_flow_stays_where_it_is_while_weights_change() -> Result<()> {
    let scene = scene(&[1, 1, 1], |pool| pool)?;
    let mut flows = Vec::new();
    for family in Family::BOTH {
        for protocol in Protocol::BOTH {
            for _ in 0..6 {
                flows.push(scene.client().open(protocol, None, scene.vip(family))?);
            }
        }
    }
    let ask = || {
        flows
            .iter()
            .map(Conversation::ask)
            .collect::<std::io::Result<Vec<Answer>>>()
    };
    let before = ask()?;
    for number in 1..=3 {
        let on_it = before
            .iter()
            .filter(|answer| answer.member == scene.lab().member_name(number));
        assert_eq!(on_it.count(), 8);
    }
    for weights in [[0, 1, 200], [1, 0, 0], [9, 9, 1]] {
        scene.reweigh(&weights)?;
        // From the same port of the balancer as well.
        assert_eq!(ask()?, before);
    }
    Ok(())
}

#[test]
fn persistence_that_is_switched_on_holds_clients_from_then_on() -> Result<()> {
    let scene = scene(&[1, 1, 1], |pool| pool)?;
    let ask = || {
        let rounds = (0..4).map(|_| ask_all(&scene, Family::V4, 0, 31));
        rounds.fold(Tally::default(), Tally::merge)
    };
    assert!(ask().moved_clients().count() > 0);
    scene.reconfigure(&[1, 1, 1], held)?;
    ask().assert_nobody_moved();
    scene.reconfigure(&[1, 1, 1], |pool| pool)?;
    assert!(ask().moved_clients().count() > 0);
    Ok(())
}

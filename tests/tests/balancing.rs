//! New connections go to the members as the algorithm and the weights say.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Result;
use lb_tests::{Conversation, Family, Laboratory, Pool, Protocol, Scene, Tally, eventually};

const PORT: u16 = 80;
const AT_ONCE: usize = 64;
const WITHIN: Duration = Duration::from_secs(10);

fn scene(weights: &[u32], settings: fn(Pool) -> Pool) -> Result<Scene> {
    Scene::start(Laboratory::routed(), PORT, weights, settings)
}

/// So many flows, from 500 clients in turn.
fn sweep(scene: &Scene, protocol: Protocol, family: Family, count: usize) -> Tally {
    let sources = |index| family.source(index % 500);
    scene
        .client()
        .sweep(protocol, count, sources, scene.vip(family), AT_ONCE)
}

/// Opens so many connections and keeps them.
fn hold(scene: &Scene, family: Family, count: usize) -> Result<Vec<(String, Conversation)>> {
    (0..count)
        .map(|_| {
            let held = scene.client().connect(None, scene.vip(family))?;
            Ok((held.ask()?.member, held))
        })
        .collect()
}

/// How many connections each member has.
fn load(held: &[(String, Conversation)]) -> BTreeMap<&str, usize> {
    held.iter().fold(BTreeMap::new(), |mut load, (member, _)| {
        *load.entry(member.as_str()).or_default() += 1;
        load
    })
}

#[test]
fn ten_thousand_connections_are_spread_as_the_weights_say() -> Result<()> {
    const WEIGHTS: [u32; 3] = [5, 3, 2];
    let scene = scene(&WEIGHTS, |pool| pool)?;
    let tally = sweep(&scene, Protocol::Tcp, Family::V4, 10_000);
    assert_eq!(tally.total(), 10_000);
    tally.assert_proportions(&scene.named(&WEIGHTS), 1.0);
    Ok(())
}

#[test]
fn either_protocol_and_family_is_spread_as_the_weights_say() -> Result<()> {
    const WEIGHTS: [u32; 3] = [7, 2, 1];
    let scene = scene(&WEIGHTS, |pool| pool)?;
    for family in Family::BOTH {
        for protocol in Protocol::BOTH {
            let tally = sweep(&scene, protocol, family, 1500);
            tally.assert_proportions(&scene.named(&WEIGHTS), 1.0);
        }
    }
    Ok(())
}

#[test]
fn a_member_of_weight_zero_gets_nothing_new() -> Result<()> {
    const WEIGHTS: [u32; 3] = [1, 0, 256];
    for settings in [
        |pool: Pool| pool,
        |pool: Pool| pool.algorithm("LEAST_CONNECTIONS"),
        |pool: Pool| pool.algorithm("SOURCE_IP"),
    ] {
        let scene = scene(&WEIGHTS, settings)?;
        for protocol in Protocol::BOTH {
            let tally = sweep(&scene, protocol, Family::V4, 500);
            tally.assert_no_failures();
            assert_eq!((tally.total(), tally.served_by("member2")), (500, 0));
        }
    }
    Ok(())
}

#[test]
fn without_persistence_a_client_is_served_by_all_members_in_turn() -> Result<()> {
    let scene = scene(&[1, 1, 1], |pool| pool)?;
    for family in Family::BOTH {
        for protocol in Protocol::BOTH {
            let client = |_| family.source(1);
            let tally = scene.client().sweep(protocol, 30, client, scene.vip(family), 1);
            // A datagram from a port that was used before belongs to the flow of then.
            tally.assert_proportions(&scene.named(&[1, 1, 1]), 7.0);
        }
    }
    Ok(())
}

#[test]
fn least_connections_spreads_open_connections_as_the_weights_say() -> Result<()> {
    let scene = scene(&[5, 3, 2], |pool| pool.algorithm("LEAST_CONNECTIONS"))?;
    for family in Family::BOTH {
        let held = hold(&scene, family, 100)?;
        let expected = BTreeMap::from([("member1", 50), ("member2", 30), ("member3", 20)]);
        assert_eq!(load(&held), expected);
    }
    Ok(())
}

#[test]
fn least_connections_spreads_connections_of_which_hardly_any_is_open_as_the_weights_say() -> Result<()> {
    const WEIGHTS: [u32; 3] = [5, 3, 2];
    let scene = scene(&WEIGHTS, |pool| pool.algorithm("LEAST_CONNECTIONS"))?;
    let client = |_| Family::V4.source(1);
    let one_at_a_time = scene
        .client()
        .sweep(Protocol::Tcp, 200, client, scene.vip(Family::V4), 1);
    one_at_a_time.assert_no_failures();
    one_at_a_time.assert_proportions(&scene.named(&WEIGHTS), 5.0);
    Ok(())
}

#[test]
fn least_connections_fills_up_the_member_whose_connections_have_ended() -> Result<()> {
    let scene = scene(&[1, 1, 1], |pool| pool.algorithm("LEAST_CONNECTIONS"))?;
    let (family, on_the_second) = (Family::V4, |(member, _): &(String, Conversation)| {
        member == "member2"
    });
    let mut held = hold(&scene, family, 60)?;
    held.retain(|one| !on_the_second(one));
    assert_eq!(held.len(), 40);
    eventually("the ended connections to be forgotten", WITHIN, || {
        let next = hold(&scene, family, 3).map_err(|error| error.to_string())?;
        let all_there = next.iter().all(on_the_second);
        all_there.then_some(()).ok_or(format!("{:?}", load(&next)))
    });
    let more = hold(&scene, family, 10)?;
    assert_eq!(load(&more), BTreeMap::from([("member2", 10)]));
    Ok(())
}

#[test]
fn the_source_ip_algorithm_keeps_each_client_on_a_member_and_the_weights_in_proportion() -> Result<()> {
    const WEIGHTS: [u32; 3] = [5, 3, 2];
    const CLIENTS: usize = 5000;
    let scene = scene(&WEIGHTS, |pool| pool.algorithm("SOURCE_IP"))?;
    for family in Family::BOTH {
        let ask_all = |protocol, count| {
            let sources = |index| family.source(index % CLIENTS);
            scene
                .client()
                .sweep(protocol, count, sources, scene.vip(family), AT_ONCE)
        };
        let everybody = ask_all(Protocol::Udp, CLIENTS);
        everybody.assert_proportions(&scene.named(&WEIGHTS), 2.0);
        // Over either protocol, since both listeners share a pool.
        let all = everybody
            .merge(ask_all(Protocol::Udp, 500))
            .merge(ask_all(Protocol::Tcp, 500));
        all.assert_no_failures();
        all.assert_nobody_moved();
    }
    Ok(())
}

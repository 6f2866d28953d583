//! Sessions and flows end in time: a test lets it pass.

use std::io::ErrorKind;
use std::time::Duration;

use anyhow::{Result, ensure};
use lb_tests::{Closing, Conversation, Family, Laboratory, Persistence, Pool, Protocol, Scene, eventually};

const PORT: u16 = 80;
/// For some sweeps of sessions.
const WITHIN: Duration = Duration::from_secs(40);

fn held_for(pool: Pool, minutes: u32) -> Pool {
    pool.persistence(Persistence {
        idle_timeout_min: minutes,
    })
}

fn a_minute(pool: Pool) -> Pool {
    held_for(pool, 1)
}

fn twenty_minutes(pool: Pool) -> Pool {
    held_for(pool, 20)
}

fn scene(settings: fn(Pool) -> Pool) -> Result<Scene> {
    Scene::start(Laboratory::routed(), PORT, &[1, 1], settings)
}

/// The member that a new connection of one client reaches, over either protocol. Members take turns: a client that is free
/// gets the other one.
fn member(scene: &Scene, protocol: Protocol, family: Family) -> Result<String> {
    // With nothing of the connection still under way when time passes: it would renew the session.
    let client = scene.client().clone().with_closing(Closing::Reset);
    Ok(client
        .ask(protocol, Some(family.source(0)), scene.vip(family))?
        .member)
}

/// The same, once the connection is over: its reset is on its way for a moment.
fn settled_member(scene: &Scene, protocol: Protocol, family: Family) -> Result<String> {
    let member = member(scene, protocol, family)?;
    if protocol == Protocol::Tcp {
        eventually("the connection to be over", WITHIN, || is_idle(scene, family));
    }
    Ok(member)
}

/// Whether no connection is open to the members that serve a family.
fn is_idle(scene: &Scene, family: Family) -> Result<()> {
    let status = scene.daemon().status()?;
    let mut pools = status["pools"].as_array().into_iter().flatten();
    let pool = pools.find(|pool| pool["name"] == format!("{family:?}"));
    let active = pool.map_or(1, |pool| pool["active_flows"].as_u64().unwrap_or(1));
    ensure!(active == 0, "{active} are open");
    Ok(())
}

#[test]
fn a_client_is_held_while_it_stays_within_the_duration_and_free_after_it() -> Result<()> {
    let scene = scene(a_minute)?;
    for family in Family::BOTH {
        for protocol in Protocol::BOTH {
            let first = settled_member(&scene, protocol, family)?;
            for _ in 0..4 {
                scene.daemon().pass_time(50)?;
                assert_eq!(
                    settled_member(&scene, protocol, family)?,
                    first,
                    "each time it starts afresh"
                );
            }
            scene.daemon().pass_time(62)?;
            let second = settled_member(&scene, protocol, family)?;
            assert_ne!(second, first, "it is free");
            assert_eq!(
                settled_member(&scene, protocol, family)?,
                second,
                "and held again"
            );
            scene.daemon().pass_time(62)?;
        }
    }
    Ok(())
}

#[test]
fn packets_of_an_open_connection_keep_its_session() -> Result<()> {
    let scene = scene(a_minute)?;
    for family in Family::BOTH {
        for protocol in Protocol::BOTH {
            let source = Some(family.source(0));
            let flow = scene.client().open(protocol, source, scene.vip(family))?;
            let first = flow.ask()?.member;
            for _ in 0..4 {
                scene.daemon().pass_time(50)?;
                flow.ask()?;
            }
            assert_eq!(member(&scene, protocol, family)?, first);
        }
    }
    Ok(())
}

#[test]
fn a_changed_duration_holds_at_once_for_the_sessions_that_are_there() -> Result<()> {
    let scene = scene(twenty_minutes)?;
    for family in Family::BOTH {
        let first = settled_member(&scene, Protocol::Tcp, family)?;
        scene.daemon().pass_time(90)?;
        scene.reconfigure(&[1, 1], a_minute)?;
        let second = settled_member(&scene, Protocol::Tcp, family)?;
        assert_ne!(second, first, "ninety seconds are too long now");
        scene.reconfigure(&[1, 1], twenty_minutes)?;
        scene.daemon().pass_time(90)?;
        assert_eq!(
            settled_member(&scene, Protocol::Tcp, family)?,
            second,
            "and now they are not"
        );
    }
    Ok(())
}

#[test]
fn an_absolute_timeout_ends_a_session_that_is_in_use() -> Result<()> {
    let scene = scene(|pool| a_minute(pool).absolute_timeout_min(3))?;
    for family in Family::BOTH {
        let first = member(&scene, Protocol::Tcp, family)?;
        for _ in 0..3 {
            scene.daemon().pass_time(50)?;
            assert_eq!(member(&scene, Protocol::Tcp, family)?, first);
        }
        scene.daemon().pass_time(30)?;
        assert_ne!(member(&scene, Protocol::Tcp, family)?, first);
    }
    Ok(())
}

#[test]
fn what_is_over_is_swept_and_the_counts_are_right_afterwards() -> Result<()> {
    const CLIENTS: usize = 20;
    let scene = scene(a_minute)?;
    let mut flows = Vec::new();
    for family in Family::BOTH {
        for protocol in Protocol::BOTH {
            for source in (0..CLIENTS).map(|index| family.source(index)) {
                let flow = scene.client().open(protocol, Some(source), scene.vip(family))?;
                flow.ask()?;
                flows.push(flow);
            }
        }
    }
    let daemon = scene.daemon();
    assert_eq!(daemon.active_flows()?, flows.len() as u64);
    assert_eq!(
        daemon.session_count()?,
        2 * CLIENTS,
        "both protocols share a session"
    );

    // Longer than a session may be idle, not so long as a flow may.
    daemon.pass_time(62)?;
    eventually("the sessions to be swept", WITHIN, || {
        match daemon.session_count() {
            Ok(0) => Ok(()),
            other => Err(format!("{other:?}")),
        }
    });
    assert_eq!(daemon.active_flows()?, flows.len() as u64);

    // Longer than a UDP flow may be idle, not so long as a TCP flow may.
    daemon.pass_time(310)?;
    await_flows(&scene, 2 * CLIENTS);
    daemon.pass_time(600)?;
    await_flows(&scene, 0);

    for (flow, number) in flows.iter().zip(0..) {
        match number / CLIENTS % 2 {
            // In the middle of a connection that nobody knows any more.
            0 => assert_eq!(ended(flow), ErrorKind::ConnectionReset),
            // A datagram begins a flow at any time.
            _ => drop(flow.ask()?),
        }
    }
    assert_eq!(daemon.active_flows()?, 2 * CLIENTS as u64);
    Ok(())
}

fn ended(flow: &Conversation) -> ErrorKind {
    flow.ask().expect_err("the flow is over").kind()
}

fn await_flows(scene: &Scene, count: usize) {
    eventually("the flows to be swept", WITHIN, || {
        match scene.daemon().active_flows() {
            Ok(flows) if flows == count as u64 => Ok(()),
            other => Err(format!("{other:?}, not {count}")),
        }
    });
}

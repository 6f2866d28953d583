//! Reloads under traffic.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Result, ensure};
use lb_tests::scene::MEMBER_PORT;
use lb_tests::{
    Answer, Config, Conversation, Daemon, Family, Laboratory, Pool, Protocol, Services, try_eventually,
};

const PORT: u16 = 80;
const OTHER_PORT: u16 = 81;
const RELOADS: usize = 20;
/// Flows of each family and protocol.
const FLOWS: usize = 8;
const WITHIN: Duration = Duration::from_secs(20);

/// One pool stays as it is. Another comes and goes, or changes its weights and its algorithm, from turn to turn.
fn config(lab: &Laboratory, turn: usize) -> Config {
    let mut config = Config::new();
    for family in Family::BOTH {
        let pool = |name: &str, weights: [u32; 2]| {
            let members = (1..).zip(weights);
            members.fold(
                Pool::new(&format!("{name}-{family:?}")),
                |pool, (number, weight)| {
                    let address = (lab.member_address(number, family), MEMBER_PORT).into();
                    pool.member(lab.member_name(number), address, weight)
                },
            )
        };
        for protocol in Protocol::BOTH {
            let steady = (lab.vip(family), PORT).into();
            config = config.listener(protocol, steady, &format!("steady-{family:?}"));
            if !turn.is_multiple_of(4) {
                let other = (lab.vip(family), OTHER_PORT).into();
                config = config.listener(protocol, other, &format!("other-{family:?}"));
            }
        }
        config = config.pool(pool("steady", [1, 1]));
        if !turn.is_multiple_of(4) {
            let algorithm = ["ROUND_ROBIN", "LEAST_CONNECTIONS", "SOURCE_IP"][turn % 3];
            let weight = turn as u32 % 5;
            config = config.pool(pool("other", [weight, 5]).algorithm(algorithm));
        }
    }
    config
}

/// Asks again and again until told to end: a datagram that is lost, and data that comes late, are errors.
fn talk(flow: &Conversation, first: &Answer, asked: &AtomicUsize, is_over: &AtomicBool) -> Result<()> {
    while !is_over.load(Ordering::Relaxed) {
        let answer = flow.ask()?;
        ensure!(answer == *first, "{answer:?} rather than {first:?}");
        asked.fetch_add(1, Ordering::Relaxed);
    }
    Ok(())
}

/// How many packets were not forwarded that were for a VIP. What TCP would make good again shows here.
fn not_forwarded(daemon: &Daemon) -> Result<u64> {
    let status = daemon.status()?;
    let packets = status["packets"].as_array().into_iter().flatten();
    let lost = packets.filter(|packets| packets["fate"] == "dropped" || packets["fate"] == "answered");
    Ok(lost.filter_map(|packets| packets["count"].as_u64()).sum())
}

#[test]
fn no_packet_of_an_unchanged_flow_is_lost_by_reloads() -> Result<()> {
    let lab = Laboratory::routed().members(2).build()?;
    let _members = lab.serve_all(&Services::new().tcp([MEMBER_PORT]).udp([MEMBER_PORT]))?;
    let daemon = Daemon::start(&lab, config(&lab, 1))?;
    let mut flows = Vec::new();
    for family in Family::BOTH {
        for protocol in Protocol::BOTH {
            for index in 0..FLOWS {
                let vip = (lab.vip(family), PORT).into();
                let flow = lab.client().open(protocol, Some(family.source(index)), vip)?;
                let first = flow.ask()?;
                flows.push((protocol, flow, first));
            }
        }
    }
    let lost = not_forwarded(&daemon)?;
    let (asked, is_over) = (AtomicUsize::new(0), AtomicBool::new(false));
    thread::scope(|scope| -> Result<()> {
        let talking: Vec<_> = flows
            .iter()
            .map(|(protocol, flow, first)| (protocol, scope.spawn(|| talk(flow, first, &asked, &is_over))))
            .collect();
        let reload = |turn| -> Result<()> {
            let before = asked.load(Ordering::Relaxed);
            daemon.write_config(config(&lab, turn))?;
            let output = daemon.cli(&["reload"])?;
            ensure!(output.status.success(), "{output:?}");
            // Some packets of each flow come between two reloads.
            try_eventually("packets to flow", WITHIN, || {
                asked.load(Ordering::Relaxed) >= before + 2 * flows.len()
            })
        };
        let reloaded = (2..2 + RELOADS).try_for_each(reload);
        is_over.store(true, Ordering::Relaxed);
        for (protocol, talking) in talking {
            let talked = talking.join().expect("no panic");
            assert!(talked.is_ok(), "{protocol}: {talked:?}");
        }
        reloaded
    })?;
    assert_eq!(not_forwarded(&daemon)?, lost);
    assert_eq!(daemon.log().matches("reloaded").count(), RELOADS);
    Ok(())
}

//! Many clients, and reloads under load.

use std::net::{SocketAddr, TcpListener};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::Result;
use lb_tests::http::{Connections, Jar, Load, Wire};
use lb_tests::site::MEMBER_PORT;
use lb_tests::{Config, Family, Plan, Pool, Scheme, Site, Tally, eventually};

const WITHIN: Duration = Duration::from_secs(10);

#[test]
fn ten_thousand_clients_are_dealt_by_weight_and_held_for_all_their_requests() -> Result<()> {
    const CLIENTS: usize = 10_000;
    const THREADS: usize = 4;
    const WEIGHTS: [u32; 3] = [5, 3, 2];
    let site = Site::start(&Plan::new(&WEIGHTS).cookie(20, ""))?;
    let vip = site.vip(Family::V4, Scheme::Http);
    let next = AtomicUsize::new(0);
    let (first, all) = (Mutex::<Tally>::default(), Mutex::<Tally>::default());
    // Two connections with two requests each.
    let visit = |index: usize, first: &mut Tally, all: &mut Tally| -> std::io::Result<()> {
        let source = Family::V4.source(index);
        let mut jar = Jar::default();
        for connection in 0..2 {
            let mut wire = Wire::connect(Some(source), vip)?;
            for request in 0..2 {
                let reply = wire.browse("/?size=10", &mut jar)?;
                if (connection, request) == (0, 0) {
                    first.record(source, reply.member());
                }
                all.record(source, reply.member());
            }
        }
        Ok(())
    };
    let clients = || {
        let (mut own_first, mut own_all) = (Tally::default(), Tally::default());
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            if index >= CLIENTS {
                break;
            }
            if let Err(error) = visit(index, &mut own_first, &mut own_all) {
                own_all.fail(Family::V4.source(index), &error);
            }
        }
        for (sum, own) in [(&first, own_first), (&all, own_all)] {
            let mut sum = sum.lock().expect("no panic");
            *sum = std::mem::take(&mut *sum).merge(own);
        }
    };
    site.lab().client_namespace().enter(|| {
        thread::scope(|scope| {
            for _ in 0..THREADS {
                scope.spawn(clients);
            }
        });
    })?;
    let (first, all) = (first.into_inner()?, all.into_inner()?);
    all.assert_no_failures();
    all.assert_nobody_moved();
    assert_eq!(all.total() as usize, 4 * CLIENTS);
    first.assert_proportions(&site.named(&WEIGHTS), 1.0);
    assert_eq!(site.sessions("created")?, CLIENTS as u64);
    assert_eq!(site.sessions("held")?, 3 * CLIENTS as u64);
    Ok(())
}

/// What there is in the n-th turn: weights change, a member comes and goes, and so do a listener and its pool.
fn turn(number: usize) -> Plan {
    let weights = [[1, 1, 1], [5, 1, 1], [1, 0, 3], [256, 1, 128]][number % 4];
    let mut plan = Plan::new(&weights).cookie(20, "");
    if number.is_multiple_of(3) {
        plan = plan.without(3);
    }
    if number.is_multiple_of(2) {
        let vip = SocketAddr::new(Family::V4.vip(), 8000);
        let pool = Pool::web("other").member("member1", ([10, 2, 1, 2], MEMBER_PORT).into(), 1);
        plan = plan.further(
            Config::new()
                .web_listener(Scheme::Http, vip, "other", "")
                .pool(pool),
        );
    }
    if number % 4 == 1 {
        plan = plan.listener("timeouts = { idle_s = 30 }").pool("retries = 1");
    }
    plan
}

#[test]
fn reloads_under_load_lose_no_request_and_cut_no_connection() -> Result<()> {
    const RELOADS: usize = 12;
    let site = Site::start(&turn(1))?;
    Load::on(&site, Connections::Stay).run_while(|load| {
        (2..2 + RELOADS).try_for_each(|number| {
            site.turn_to(&turn(number))?;
            load.await_more()
        })
    })?;
    assert_eq!(site.requests("failures")?, 0);
    Ok(())
}

#[test]
fn a_listener_goes_with_its_idle_connections_and_comes_back() -> Result<()> {
    let site = Site::start(&turn(2))?;
    let other = SocketAddr::new(Family::V4.vip(), 8000);
    let connect = || Wire::connect_in(site.lab().client_namespace(), None, other);
    let mut idle = connect()?;
    assert_eq!(idle.get("/")?.status, 200);
    site.turn_to(&turn(1))?;
    idle.ends()?;
    assert!(connect().is_err(), "nobody listens");
    site.turn_to(&turn(2))?;
    assert_eq!(connect()?.get("/")?.status, 200);
    Ok(())
}

#[test]
fn a_reload_that_is_refused_changes_nothing_of_the_members() -> Result<()> {
    let plan = Plan::new(&[1, 1]);
    let site = Site::start(&plan)?;
    let occupied = SocketAddr::new(Family::V4.vip(), 8000);
    let balancer = site.lab().balancer();
    let _occupier = balancer.enter(|| TcpListener::bind(occupied))??;
    let further = Config::new().web_listener(Scheme::Http, occupied, "web", "");
    site.rewrite(&plan.clone().weights(&[0, 1]).further(further))?;
    site.daemon().reload()?;
    eventually("the reload to be refused", WITHIN, || {
        site.daemon().log().contains("cannot listen at")
    });
    let mut members: Vec<String> = (0..2)
        .map(|_| Ok(site.get("/")?.member().to_owned()))
        .collect::<Result<_>>()?;
    members.sort();
    assert_eq!(members, ["member1", "member2"]);
    Ok(())
}

//! What only a core of the host's can say: what it alone counted, and whom a schedule would choose.

use std::{sync::Barrier, thread};

use lb_common::{
    schedule,
    session::client_network,
    tables::{Algorithm, MemberState, SessionCounts},
    verdict::Verdict,
};

use crate::cases::{
    build::{Builder, SYN},
    core::{CLIENTS, Core},
    sessions::held,
    world::Plan,
};

#[test]
fn of_flows_that_a_client_opens_on_several_cores_at_once_one_makes_or_moves_the_session() {
    let plan = Plan {
        flow_buckets: 1024,
        ..held()
    };
    let world = plan.build();
    for client in 1..=300 {
        // The session is made, or it moves, by one of the three flows; a session that stays holds all three.
        let mut to_do = 1;
        if client % 3 == 0 {
            // One third of the rounds is about sessions that have to move.
            to_do = u64::from(world.chosen(&world.first(client, 1)) == 1);
            world.member(0).set_state(MemberState::Down);
            world.core.lay_out(world.pool);
        }
        let barrier = Barrier::new(3);
        let (address, vip, pool) = (world.client(client, 0).0, world.vip(), world.pool);
        let counts: Vec<SessionCounts> = thread::scope(|scope| {
            let cores: Vec<_> = (10..13)
                .map(|port| {
                    let (barrier, core) = (&barrier, world.core.another());
                    scope.spawn(move || {
                        let frame = Builder::tcp((address, port), vip, SYN).frame();
                        barrier.wait();
                        assert_eq!(core.run(CLIENTS, &frame).0, Verdict::Redirect);
                        core.session_counts(pool)
                    })
                })
                .collect();
            cores.into_iter().map(|core| core.join().unwrap()).collect()
        });
        let sum = |count: fn(&SessionCounts) -> u64| counts.iter().map(count).sum();
        let made: u64 = sum(|counts| counts.created + counts.moved);
        let held: u64 = sum(|counts| counts.held);
        assert_eq!((made, held), (to_do, 3 - to_do), "client {client}");
        world.member(0).set_state(MemberState::Up);
        world.core.lay_out(world.pool);
    }
}

#[test]
fn whoever_asks_which_member_is_next_takes_no_turn() {
    for algorithm in [
        Algorithm::RoundRobin,
        Algorithm::LeastConnections,
        Algorithm::SourceIp,
    ] {
        let plan = Plan {
            algorithm,
            weights: &[3, 1, 2],
            ..Plan::default()
        };
        let world = plan.build();
        for client in 1..=30 {
            let pool = world.core.pool(world.pool);
            let network = client_network(pool, &world.client(client, 0).0.into());
            let peek = || schedule::peek(&world.core.0, pool, &network);
            assert_eq!(peek(), peek());
            assert_eq!(peek(), Some(world.chosen(&world.first(client, 4000))));
        }
    }
}

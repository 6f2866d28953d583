//! The flow table, its index and the members' counts say the same, whatever was sent.

use lb_common::{
    buckets::BUSY,
    flow::{Bucket, State},
    tables::{Forwarding, MemberState},
};
use proptest::prelude::*;

use super::{
    build::{ACK, Builder, FIN, RST, SYN},
    core::{CLIENTS, Core as _, MEMBERS},
    read::Seen,
    world::{Plan, World},
};

pub(crate) fn count_states(world: &World, state: State) -> usize {
    let buckets = world.core.buckets().iter();
    let ways = buckets.flat_map(|bucket| bucket.tags.iter().zip(&bucket.flows));
    ways.filter(|(tag, flow)| tag.get() != 0 && flow.state_word().state() == state)
        .count()
}

pub(crate) fn active(world: &World) -> u32 {
    (0..world.members.len())
        .map(|index| world.member(index).active_flows.get())
        .sum()
}

/// The table, its index and the members' counts say the same.
pub(crate) fn assert_consistent(world: &World) {
    let open = count_states(world, State::TcpSyn)
        + count_states(world, State::TcpAnswered)
        + count_states(world, State::TcpEstablished)
        + count_states(world, State::Udp);
    assert_eq!(active(world) as usize, open, "active flows");
    let sees_replies = Forwarding(world.pool().forwarding.get()).sees_replies();
    let entries = if sees_replies { world.flows() } else { 0 };
    assert_eq!(
        world.returns(),
        entries,
        "an entry of the return index for each flow"
    );
    let tags = world.core.buckets().iter().flat_map(|bucket| &bucket.tags);
    assert!(
        tags.into_iter().all(|tag| tag.get() & BUSY == 0),
        "no way stays busy"
    );
    let displaced: u32 = world
        .core
        .buckets()
        .iter()
        .map(|bucket| bucket.displaced.get())
        .sum();
    let flows = world.core.buckets().iter().flat_map(Bucket::records);
    let ranks: u32 = flows.map(|(_, _, flow)| flow.state_word().rank()).sum();
    assert_eq!(displaced, ranks, "buckets that flows passed over");
}

/// One thing that happens.
#[derive(Clone, Debug)]
enum Event {
    Client { host: u16, port: u16, flags: u8 },
    Member { which: prop::sample::Index, flags: u8 },
    State { member: usize, state: MemberState },
    Time(u32),
}

fn event() -> impl Strategy<Value = Event> {
    use MemberState::{Down, Draining, Up};
    let flags = || prop::sample::select(vec![SYN, ACK, ACK, FIN | ACK, RST]);
    prop_oneof![
        8 => (1..4_u16, 1..12_u16, flags()).prop_map(|(host, port, flags)| Event::Client { host, port, flags }),
        4 => (any::<prop::sample::Index>(), flags()).prop_map(|(which, flags)| Event::Member { which, flags }),
        1 => (0..3_usize, prop::sample::select(vec![Up, Up, Draining, Down]))
            .prop_map(|(member, state)| Event::State { member, state }),
        1 => (1..80_u32).prop_map(Event::Time),
    ]
}

fn play(world: &World, events: &[Event]) {
    let mut forwarded: Vec<Seen> = Vec::new();
    for event in events {
        match event {
            Event::Client { host, port, flags } => {
                let packet = Builder::tcp(world.client(*host, *port), world.vip(), *flags);
                let (verdict, bytes) = world.run(CLIENTS, &packet.frame());
                if verdict == lb_common::verdict::Verdict::Redirect {
                    let seen = Seen::frame(&bytes);
                    let member = world.core.member(seen.macs[5].into());
                    assert!(member.keeps_sessions(), "a packet to a member that takes none");
                    forwarded.push(seen);
                }
            }
            Event::Member { which, flags } if !forwarded.is_empty() => {
                world.run(MEMBERS, &which.get(&forwarded).answer(*flags).frame());
            }
            Event::Member { .. } => {}
            Event::State { member, state } => {
                world.member(*member).set_state(*state);
                world.core.lay_out(world.pool);
            }
            Event::Time(seconds) => world.pass_time(*seconds),
        }
        assert_consistent(world);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn tables_agree_whatever_happens(
        forwarding in 1..=3_u32,
        flow_buckets in prop::sample::select(vec![4_u32, 8, 64]),
        session_idle_s in prop::sample::select(vec![0_u32, 50]),
        events in prop::collection::vec(event(), 1..120),
    ) {
        let plan = Plan {
            forwarding: Forwarding(forwarding),
            flow_buckets,
            session_idle_s,
            weights: &[1, 1, 2],
            ..Plan::default()
        };
        play(&plan.build(), &events);
    }
}

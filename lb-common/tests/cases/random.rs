//! Packets that nobody would send.

use lb_common::verdict::Verdict;
use proptest::prelude::*;

use super::{
    build::{ACK, Builder, FIN, SYN},
    core::{CLIENTS, Core as _, MEMBERS},
    read::internet_sum,
    world::{ALL, Plan, World},
};
use crate::Here;

/// The checksum of an IPv4 header.
fn header_sum(frame: &[u8]) -> Option<u16> {
    let mut at = 12;
    while matches!(frame.get(at..at + 2)?, [0x81, 0] | [0x88, 0xa8]) {
        at += 4;
    }
    if frame.get(at..at + 2)? != [8, 0] {
        return None;
    }
    let length = usize::from(frame.get(at + 2)? & 15) * 4;
    Some(internet_sum(0, frame.get(at + 2..at + 2 + length)?))
}

/// Runs a frame: what leaves has a valid IP checksum, what passes is untouched.
fn run(world: &World, frame: &[u8]) -> Result<(), TestCaseError> {
    for ingress in [CLIENTS, MEMBERS] {
        let (verdict, bytes) = world.run(ingress, frame);
        match verdict {
            Verdict::Pass => prop_assert_eq!(&bytes, frame),
            Verdict::Transmit | Verdict::Redirect => {
                prop_assert!(matches!(header_sum(&bytes), None | Some(0xffff)));
            }
            Verdict::Drop => {}
        }
    }
    Ok(())
}

fn world_of(kind: usize) -> World {
    let (family, protocol) = ALL[kind % 4];
    let forwarding = lb_common::tables::Forwarding(1 + (kind / 4 % 4) as u32);
    Plan {
        forwarding,
        session_idle_s: 60,
        ..Plan::of(family, protocol)
    }
    .build()
}

fn valid(world: &World, shape: usize) -> Vec<Vec<u8>> {
    let data = vec![9; 100];
    let first = world.first(1, 4000).data(&data);
    let sent = world.forward(&first);
    let is_v4 = first.source.0.is_ipv4();
    let quote = Builder::of(world.protocol, world.vip(), world.client(1, 4000)).packet();
    let error = Builder::icmp(
        world.client(7, 0).0,
        world.vip().0,
        if is_v4 { 11 } else { 3 },
        0,
        &quote,
    );
    let echo = Builder::icmp(
        world.client(7, 0).0,
        world.vip().0,
        if is_v4 { 8 } else { 128 },
        0,
        b"ping",
    );
    let with_headers = first.clone().with(|packet| {
        packet.options = vec![1; 8];
        packet.extensions = vec![(0, vec![0; 8]), (60, vec![0; 8])];
        packet.tags = vec![(0x8100, 4)];
    });
    match shape % 8 {
        0 => vec![first.frame()],
        1 => first.fragments(64).to_vec(),
        2 => vec![error.frame(), echo.frame()],
        3 => vec![with_headers.frame()],
        4 => with_headers.fragments(32).to_vec(),
        5 => vec![Builder::of(sent.protocol, (sent.destination, 8080), (sent.source, 4000)).frame()],
        6 => vec![first.with(|packet| packet.destination.1 = 81).frame()],
        _ => [SYN, ACK, FIN]
            .map(|flags| world.later(1, 4000, flags).frame())
            .to_vec(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_bytes_are_survived(
        kind in 0_usize..16,
        version: bool,
        bytes in prop::collection::vec(any::<u8>(), Here::shortest_frame()..200),
    ) {
        let world = world_of(kind);
        run(&world, &bytes)?;
        let ethertype: [u8; 2] = if version { [8, 0] } else { [0x86, 0xdd] };
        run(&world, &[&[0; 12], &ethertype[..], &bytes].concat())?;
    }

    #[test]
    fn mutated_packets_are_survived(
        kind in 0_usize..16,
        shape in 0_usize..8,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        cut in prop::option::weighted(0.2, any::<prop::sample::Index>()),
    ) {
        let world = world_of(kind);
        for mut frame in valid(&world, shape) {
            for (place, value) in &changes {
                let at = place.index(frame.len());
                frame[at] = *value;
            }
            if let Some(cut) = &cut {
                frame.truncate(cut.index(frame.len()).max(Here::shortest_frame()));
            }
            run(&world, &frame)?;
        }
    }
}

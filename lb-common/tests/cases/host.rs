//! Listeners that the host itself serves: their packets are let through, and nothing else is.

use lb_common::verdict::Reason;

use super::{
    build::{ACK, Builder, Layer, RST, TCP},
    core::Core as _,
    world::{Family, Plan, World},
};

const HOST_PORT: u16 = 8443;

fn worlds() -> impl Iterator<Item = World> {
    [Family::V4, Family::V6].into_iter().map(|family| {
        let host_port = Some(HOST_PORT);
        Plan {
            host_port,
            ..Plan::of(family, TCP)
        }
        .build()
    })
}

fn at_host(packet: Builder) -> Builder {
    packet.with(|packet| packet.destination.1 = HOST_PORT)
}

#[test]
fn packets_to_a_listener_of_the_host_are_let_through() {
    for world in worlds() {
        let packets = [
            world.first(1, 4000),
            world.later(1, 4000, ACK).data(b"GET / HTTP/1.1"),
            world.later(1, 4000, RST),
        ];
        for packet in packets.map(at_host) {
            world.untouched(&packet.frame());
        }
        assert_eq!(world.core.reason(Reason::ServedByHost), 3);
        assert_eq!((world.flows(), world.returns()), (0, 0));
    }
}

#[test]
fn beside_a_listener_of_the_host_those_of_the_datapath_go_on() {
    for world in worlds() {
        world.establish(1, 4000);
        let closed = world.first(1, 4001).with(|packet| packet.destination.1 = 81);
        world.answered(&closed.frame(), Reason::ClosedPort);
        let datagram = at_host(world.first(1, 4002)).with(|packet| {
            packet.layer = Layer::Udp {
                data: Vec::new(),
                with_checksum: true,
            };
        });
        world.answered(&datagram.frame(), Reason::ClosedPort);
    }
}

#[test]
fn connections_of_a_listener_that_is_gone_go_on_at_the_host() {
    for world in worlds() {
        let at_gone = |packet: Builder| packet.with(|packet| packet.destination.1 = 9443);
        world.untouched(&at_gone(world.later(1, 4000, ACK)).frame());
        world.untouched(&at_gone(world.later(1, 4000, RST)).frame());
        // A new one is refused.
        world.answered(&at_gone(world.first(1, 4000)).frame(), Reason::ClosedPort);
    }
}

#[test]
fn all_fragments_of_a_segment_to_the_host_are_let_through() {
    for world in worlds() {
        let packet = at_host(world.later(1, 4000, ACK)).data(&[7; 600]);
        for frame in packet.fragments(64) {
            world.untouched(&frame);
        }
        assert_eq!(world.core.reason(Reason::ServedByHost), 2);
    }
}

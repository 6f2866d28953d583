//! The ways to the members, and whom the members see.

use anyhow::Result;
use lb_tests::scene::MEMBER_PORT;
use lb_tests::{Answer, Family, Laboratory, Protocol, Scene, UdpRetry};

const PORT: u16 = 80;
const QUESTIONS: usize = 12;

/// What clients of further addresses are told, for each protocol and family.
fn answers(scene: &Scene) -> Result<Vec<(Family, Answer)>> {
    let mut answers = Vec::new();
    for family in Family::BOTH {
        for protocol in Protocol::BOTH {
            for source in (0..QUESTIONS).map(|index| family.source(index)) {
                let answer = scene.client().ask(protocol, Some(source), scene.vip(family))?;
                answers.push((family, answer));
            }
        }
    }
    // All members take part.
    for member in scene.members() {
        assert!(answers.iter().any(|(_, answer)| answer.member == member.name()));
    }
    Ok(answers)
}

/// A conversation over each protocol and family goes on for a while.
fn converse(scene: &Scene) -> Result<()> {
    for family in Family::BOTH {
        for protocol in Protocol::BOTH {
            let flow = scene
                .client()
                .open(protocol, Some(family.source(99)), scene.vip(family))?;
            let first = flow.ask()?;
            for _ in 0..20 {
                assert_eq!(flow.ask()?, first);
            }
        }
    }
    Ok(())
}

#[test]
fn with_full_nat_a_member_sees_the_balancer() -> Result<()> {
    let scene = Scene::start(Laboratory::routed(), PORT, &[1, 1, 1], |pool| pool)?;
    for (family, answer) in answers(&scene)? {
        let of_member = |number: &usize| scene.lab().member_name(*number) == answer.member;
        let number = (1..=3).find(of_member).expect("a member");
        assert_eq!(answer.peer.ip(), scene.lab().balancer_address(number, family));
    }
    converse(&scene)
}

#[test]
fn full_nat_serves_any_number_of_short_connections_one_after_another() -> Result<()> {
    const PORTS: [u16; 2] = [20_000, 20_127];
    let scene = Scene::start(Laboratory::routed(), PORT, &[1], |pool| pool.snat_ports(PORTS))?;
    // All ports are used again within a second: so a datagram may be answered when its port is another's.
    let client = scene.client().clone().with_udp_retry(UdpRetry::Once);
    for (family, protocol) in Family::BOTH.into_iter().zip(Protocol::BOTH) {
        let sources = |index| family.source(index);
        let tally = client.sweep(protocol, 1000, sources, scene.vip(family), 8);
        tally.assert_no_failures();
    }
    Ok(())
}

#[test]
fn with_nat_a_member_sees_the_client() -> Result<()> {
    let scene = Scene::start(Laboratory::routed(), PORT, &[1, 1, 1], |pool| {
        pool.forwarding("nat")
    })?;
    for (_, answer) in answers(&scene)? {
        assert_eq!(answer.peer, answer.local);
    }
    converse(&scene)
}

#[test]
fn with_dsr_a_member_sees_the_client_and_answers_it_straight() -> Result<()> {
    let flat = Laboratory::flat().vips_on_members();
    let scene = Scene::start(flat, MEMBER_PORT, &[1, 1, 1], |pool| pool.forwarding("dsr"))?;
    for (_, answer) in answers(&scene)? {
        assert_eq!(answer.peer, answer.local);
    }
    converse(&scene)
}

#[test]
fn with_one_interface_the_balancer_sends_everything_back_where_it_came_from() -> Result<()> {
    let scene = Scene::start(Laboratory::flat(), PORT, &[1, 1], |pool| pool)?;
    for (family, answer) in answers(&scene)? {
        // The kernel may give out the VIP as the balancer's address towards the members.
        let own = [family.balancer(), scene.vip(family).ip()];
        assert!(
            own.contains(&answer.peer.ip()),
            "{} is not the balancer's",
            answer.peer
        );
    }
    converse(&scene)
}

//! The laboratory itself, with nothing but the kernel's forwarding in it.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use anyhow::Result;
use lb_tests::{
    Closing, Family, Health, Laboratory, Member, Protocol, Services, Topology, UdpRetry, eventually,
};

const PORT: u16 = 8080;
const HTTP_PORT: u16 = 8081;
const WITHIN: Duration = Duration::from_secs(5);
const SHORT: Duration = Duration::from_millis(200);

fn services() -> Services {
    Services::new().tcp([PORT]).udp([PORT]).http([HTTP_PORT])
}

#[test]
fn a_laboratory_is_gone_after_a_panic() {
    let mut paths = Vec::new();
    let panic = catch_unwind(AssertUnwindSafe(|| {
        let lab = Laboratory::flat().members(1).build().expect("a laboratory");
        let namespaces = [lab.client_namespace(), lab.balancer(), lab.member_namespace(1)];
        paths.extend(namespaces.map(|namespace| namespace.path().to_owned()));
        let _member = lab.serve(1, &services()).expect("a member");
        // Unwinding without the noise of a panic's message.
        std::panic::resume_unwind(Box::new("as it must"));
    }));
    assert!(panic.is_err() && paths.len() == 3);
    assert!(paths.iter().all(|path| !path.exists()));
}

#[test]
fn the_client_reaches_every_member_over_either_protocol_and_family() -> Result<()> {
    for lab in [
        Laboratory::routed().build()?,
        Laboratory::flat().vips_on_members().build()?,
    ] {
        let members = lab.serve_all(&services())?;
        for (member, protocol, family) in rows(&members) {
            let target = member.socket(family, PORT);
            let source = family.source(300);
            for (source, seen) in [(None, family.client()), (Some(source), source)] {
                let answer = lab.client().ask(protocol, source, target)?;
                assert_eq!(answer.member, member.name());
                assert_eq!((answer.local, answer.peer.ip()), (answer.peer, seen));
            }
        }
    }
    Ok(())
}

fn rows(members: &[Member]) -> impl Iterator<Item = (&Member, Protocol, Family)> {
    members.iter().flat_map(|member| {
        let families = move |protocol| Family::BOTH.map(|family| (member, protocol, family));
        Protocol::BOTH.into_iter().flat_map(families)
    })
}

#[test]
fn a_member_with_the_vip_answers_straight_to_the_client() -> Result<()> {
    let lab = Laboratory::flat().members(2).vips_on_members().build()?;
    let _members = lab.serve_all(&services())?;
    for family in Family::BOTH {
        let vip = SocketAddr::new(lab.vip(family), PORT);
        // The members are silent about the VIP: it is the balancer that is asked, and nobody listens there.
        let refused = lab
            .client()
            .ask_tcp(None, vip)
            .expect_err("the balancer has no such port");
        assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
        // With a route to the VIP by way of member 2, as the datapath would deliver it.
        let (member, length) = (
            lab.member_address(2, family),
            if family == Family::V4 { 32 } else { 128 },
        );
        lab.client_namespace()
            .ip(&[format!("route replace {}/{length} via {member}", vip.ip())])?;
        for protocol in Protocol::BOTH {
            let answer = lab.client().ask(protocol, Some(family.source(7)), vip)?;
            assert_eq!(answer.member, "member2");
        }
    }
    Ok(())
}

#[test]
fn thousands_of_connections_from_many_sources_are_counted() -> Result<()> {
    let lab = Laboratory::routed().members(1).build()?;
    let member = lab.serve(1, &services())?;
    for (family, closing, expected) in [
        (Family::V4, Closing::Graceful, 2000),
        (Family::V6, Closing::Reset, 4000),
    ] {
        let client = lab.client().clone().with_closing(closing);
        let sources = |index: usize| family.source(index % 1000);
        let tally = client.sweep_connections(2000, sources, member.socket(family, PORT), 64);
        tally.assert_proportions(&[("member1", 1)], 0.0);
        tally.assert_nobody_moved();
        assert_eq!((tally.total(), tally.by_client().len()), (2000, 1000));
        assert_eq!(member.seen().connections, expected);
    }
    let udp = lab.client().sweep(
        Protocol::Udp,
        1000,
        |n| Family::V6.source(n),
        member.socket(Family::V6, PORT),
        64,
    );
    assert_eq!((udp.total(), member.seen().datagrams), (1000, 1000));
    Ok(())
}

#[test]
fn a_conversation_stays_the_same_flow() -> Result<()> {
    let lab = Laboratory::routed().members(1).build()?;
    let member = lab.serve(1, &services())?;
    for (member, protocol, family) in rows(std::slice::from_ref(&member)) {
        let conversation = lab.client().open(protocol, None, member.socket(family, PORT))?;
        for _ in 0..3 {
            assert_eq!(conversation.ask()?.peer, conversation.local());
        }
    }
    assert_eq!(member.seen().connections, 2);
    Ok(())
}

#[test]
fn a_stopped_member_refuses_and_ends_its_connections() -> Result<()> {
    let lab = Laboratory::routed().members(1).build()?;
    let member = lab.serve(1, &services())?;
    for (member, protocol, family) in rows(std::slice::from_ref(&member)) {
        let target = member.socket(family, PORT);
        let open = lab.client().connect(None, target)?;
        open.ask()?;
        member.stop();
        let refused = lab
            .client()
            .ask(protocol, None, target)
            .expect_err("it has stopped");
        assert_eq!(
            refused.kind(),
            ErrorKind::ConnectionRefused,
            "{protocol} {family:?}"
        );
        let ended = open.ask().expect_err("its connections end with it").kind();
        assert!(
            matches!(ended, ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset),
            "{ended}"
        );
        member.restart()?;
        lab.client().ask(protocol, None, target)?;
    }
    Ok(())
}

#[test]
fn a_frozen_or_unplugged_member_is_silent_and_comes_back() -> Result<()> {
    type Step = fn(&Member) -> Result<()>;
    let lab = Laboratory::routed().members(1).build()?;
    let member = lab.serve(1, &services())?;
    let client = lab.client().clone().with_timeout(SHORT);
    let asks = || {
        let one = std::slice::from_ref(&member);
        rows(one).map(|(member, protocol, family)| client.ask(protocol, None, member.socket(family, PORT)))
    };
    let kept = client.connect(None, member.socket(Family::V6, PORT))?;
    let everything_answers = || asks().collect::<Result<Vec<_>, _>>().map(drop);
    let outages: [(Step, Step); 2] = [(Member::freeze, Member::thaw), (Member::unplug, Member::plug)];
    for (begin, end) in outages {
        begin(&member)?;
        for outcome in asks() {
            let error = outcome.expect_err("nothing comes through");
            assert_ne!(error.kind(), ErrorKind::ConnectionRefused);
        }
        end(&member)?;
        eventually("the member to be back", WITHIN, everything_answers);
        // No connection is lost: it is the network that was away.
        assert_eq!(kept.ask()?.member, "member1");
    }
    Ok(())
}

#[test]
fn a_lost_datagram_is_noticed_unless_it_may_be_repeated() -> Result<()> {
    let lab = Laboratory::routed().members(1).build()?;
    let member = lab.serve(1, &services())?;
    let patient = lab
        .client()
        .clone()
        .with_timeout(2 * SHORT)
        .with_udp_retry(UdpRetry::Once);
    let hasty = lab.client().clone().with_timeout(SHORT);
    let target = member.socket(Family::V4, PORT);
    member.freeze()?;
    for (client, datagrams) in [(&hasty, 1), (&patient, 3)] {
        let error = client.ask_udp(None, target).expect_err("no answer comes");
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        assert_eq!(member.seen().datagrams, datagrams);
    }
    Ok(())
}

#[test]
fn the_health_of_a_member_can_be_chosen() -> Result<()> {
    let lab = Laboratory::routed().members(1).build()?;
    let member = lab.serve(1, &services())?;
    let target = member.socket(Family::V4, HTTP_PORT);
    let status = || -> Result<String> {
        use std::io::{Read as _, Write as _};
        let mut stream = lab.balancer().enter(|| std::net::TcpStream::connect(target))??;
        stream.write_all(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")?;
        let mut status = [0; 12];
        stream.read_exact(&mut status)?;
        Ok(String::from_utf8(status.to_vec())?)
    };
    assert_eq!(status()?, "HTTP/1.1 200");
    member.set_health(Health::Failing);
    assert_eq!(status()?, "HTTP/1.1 503");
    assert_eq!(member.seen().health_requests, 2);
    Ok(())
}

#[test]
fn laboratories_do_not_disturb_each_other() -> Result<()> {
    // The same addresses and ports in both, at the same time.
    std::thread::scope(|scope| {
        let build = |topology: Topology, members| {
            let builder = match topology {
                Topology::Routed => Laboratory::routed(),
                Topology::Flat => Laboratory::flat(),
            };
            let lab = builder.members(members).build()?;
            let member = lab.serve(1, &services())?;
            let target = SocketAddr::new(lab.member_address(1, Family::V4), PORT);
            let tally = lab
                .client()
                .sweep_connections(500, |n| Family::V4.source(n), target, 16);
            assert_eq!((tally.total(), member.seen().connections), (500, 500));
            Ok(())
        };
        let all = [Topology::Routed, Topology::Routed, Topology::Flat]
            .map(|topology| scope.spawn(move || build(topology, 2)));
        all.into_iter().try_for_each(|one| one.join().expect("no panic"))
    })
}

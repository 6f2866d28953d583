//! From what the kernel says to the hops, and from those to the maps.

use std::net::{IpAddr, Ipv4Addr};

use lb_common::{
    address::Address,
    tables::{Member, MemberState},
};
use rtnetlink::packet_route::{
    RouteNetlinkMessage,
    link::{
        InfoData, InfoKind, InfoVlan, LinkAttribute, LinkFlags, LinkInfo, LinkLayerType, LinkMessage,
        VlanProtocol,
    },
    neighbour::{NeighbourAddress, NeighbourAttribute, NeighbourMessage, NeighbourState},
    route::{RouteAttribute, RouteMessage, RouteMetric, RouteType},
};

use super::{
    Hop, Hops,
    picture::{Need, Picture, Route},
    write,
};

const CARD: u32 = 2;
const VLAN: u32 = 3;
const MEMBER: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1));
const GATEWAY: Ipv4Addr = Ipv4Addr::new(10, 9, 9, 9);
const OWN: [u8; 6] = [2, 0, 0, 0, 0, 1];
const THEIRS: [u8; 6] = [2, 0, 0, 0, 0, 2];

fn link(index: u32, further: Vec<LinkAttribute>) -> LinkMessage {
    let mut link = LinkMessage::default();
    link.header.index = index;
    link.header.link_layer_type = LinkLayerType::Ether;
    link.header.flags = LinkFlags::Up;
    link.attributes = vec![LinkAttribute::Address(OWN.to_vec()), LinkAttribute::Mtu(1500)];
    link.attributes.extend(further);
    link
}

fn of_kind(kind: InfoKind) -> Vec<LinkAttribute> {
    vec![LinkAttribute::LinkInfo(vec![LinkInfo::Kind(kind)])]
}

fn vlan(protocol: VlanProtocol) -> LinkMessage {
    let data = InfoData::Vlan(vec![InfoVlan::Protocol(protocol), InfoVlan::Id(42)]);
    let info = vec![LinkInfo::Kind(InfoKind::Vlan), LinkInfo::Data(data)];
    link(
        VLAN,
        vec![LinkAttribute::Link(CARD), LinkAttribute::LinkInfo(info)],
    )
}

fn neighbour(ifindex: u32, address: IpAddr, state: NeighbourState) -> NeighbourMessage {
    let mut neighbour = NeighbourMessage::default();
    neighbour.header.ifindex = ifindex;
    neighbour.header.state = state;
    let destination = match address {
        IpAddr::V4(v4) => NeighbourAddress::Inet(v4),
        IpAddr::V6(v6) => NeighbourAddress::Inet6(v6),
    };
    neighbour.attributes = vec![
        NeighbourAttribute::Destination(destination),
        NeighbourAttribute::LinkLayerAddress(THEIRS.to_vec()),
    ];
    neighbour
}

fn route(ifindex: u32, further: Vec<RouteAttribute>) -> RouteMessage {
    let mut route = RouteMessage::default();
    route.header.kind = RouteType::Unicast;
    route.attributes = vec![RouteAttribute::Oif(ifindex)];
    route.attributes.extend(further);
    route
}

fn picture(links: &[LinkMessage], neighbours: &[NeighbourMessage], route: &RouteMessage) -> Picture {
    let routes = Route::read(MEMBER, route).map(|route| (MEMBER, route));
    Picture::new(links, neighbours, routes.into_iter().collect())
}

/// The way to the member over these links, where it is a neighbour on each.
fn hop(links: &[LinkMessage], route: &RouteMessage) -> Option<Hop> {
    let neighbours = [CARD, VLAN].map(|ifindex| neighbour(ifindex, MEMBER, NeighbourState::Reachable));
    picture(links, &neighbours, route).hops(&[MEMBER]).remove(&MEMBER)
}

fn straight() -> Hop {
    Hop {
        to: THEIRS,
        from: OWN,
        ifindex: CARD,
        mtu_bytes: 1500,
        tag: 0,
    }
}

#[test]
fn a_neighbour_is_reached_straight() {
    for further in [vec![], of_kind(InfoKind::Veth)] {
        assert_eq!(
            hop(&[link(CARD, further)], &route(CARD, vec![])),
            Some(straight())
        );
    }
}

#[test]
fn another_is_reached_by_its_gateway() {
    let route = route(CARD, vec![RouteAttribute::Gateway(GATEWAY.into())]);
    let gateway = neighbour(CARD, GATEWAY.into(), NeighbourState::Reachable);
    let known = picture(&[link(CARD, vec![])], &[gateway], &route);
    assert_eq!(known.hops(&[MEMBER]), Hops::from([(MEMBER, straight())]));
    assert_eq!(hop(&[link(CARD, vec![])], &route), None);
}

#[test]
fn the_smaller_of_two_mtus_holds() {
    for (of_route, mtu_bytes) in [(1400, 1400), (9000, 1500), (0, 1500)] {
        let metrics = RouteAttribute::Metrics(vec![RouteMetric::Mtu(of_route)]);
        let hop = hop(&[link(CARD, vec![])], &route(CARD, vec![metrics]));
        assert_eq!(
            hop,
            Some(Hop {
                mtu_bytes,
                ..straight()
            })
        );
    }
}

#[test]
fn a_vlan_leads_to_its_parent_with_a_tag() {
    let tagged = Hop {
        tag: 0x1_0000 + 42,
        ..straight()
    };
    let links = |protocol| [link(CARD, vec![]), vlan(protocol)];
    let route = route(VLAN, vec![]);
    assert_eq!(hop(&links(VlanProtocol::Ieee8021Q), &route), Some(tagged));
    assert_eq!(hop(&links(VlanProtocol::Ieee8021Ad), &route), None);
}

#[test]
fn a_vlan_whose_parent_xdp_cannot_use_is_left_to_the_kernel() {
    let route = route(VLAN, vec![]);
    let vlan = || vlan(VlanProtocol::Ieee8021Q);
    assert_eq!(hop(&[vlan()], &route), None);
    assert_eq!(hop(&[link(CARD, of_kind(InfoKind::Bond)), vlan()], &route), None);
    let mut elsewhere = vlan();
    elsewhere.attributes.push(LinkAttribute::LinkNetNsId(0));
    assert_eq!(hop(&[link(CARD, vec![]), elsewhere], &route), None);
}

#[test]
fn what_is_not_plain_ethernet_is_left_to_the_kernel() {
    let mut down = link(CARD, vec![]);
    down.header.flags = LinkFlags::empty();
    let mut tunnel = link(CARD, vec![]);
    tunnel.header.link_layer_type = LinkLayerType::Tunnel;
    for link in [down, tunnel, link(CARD, of_kind(InfoKind::Bridge))] {
        assert_eq!(hop(&[link], &route(CARD, vec![])), None);
    }
}

#[test]
fn a_route_that_leads_nowhere_gives_no_hop() {
    for kind in [RouteType::Local, RouteType::BlackHole, RouteType::Unreachable] {
        let mut route = route(CARD, vec![]);
        route.header.kind = kind;
        assert_eq!(hop(&[link(CARD, vec![])], &route), None, "{kind:?}");
    }
}

#[test]
fn the_kernel_is_asked_for_neighbours_that_it_does_not_know_for_sure() {
    use NeighbourState::{Delay, Failed, Incomplete, Permanent, Probe, Reachable, Stale};
    let (known, unknown) = (Some(straight()), None);
    let rows = [
        (Reachable, known, false),
        (Permanent, known, false),
        (Delay, known, false),
        (Probe, known, false),
        (Stale, known, true),
        (Incomplete, unknown, false),
        (Failed, unknown, true),
    ];
    let mut picture = picture(&[link(CARD, vec![])], &[], &route(CARD, vec![]));
    let asked = |picture: &Picture| picture.unsure(&[MEMBER, MEMBER]).collect::<Vec<_>>();
    assert_eq!(asked(&picture), [(CARD, MEMBER)]);
    for (state, expected, is_asked) in rows {
        let event = RouteNetlinkMessage::NewNeighbour(neighbour(CARD, MEMBER, state));
        assert_eq!(picture.note(&event), Need::Hops);
        assert_eq!(picture.hops(&[MEMBER]).remove(&MEMBER), expected, "{state}");
        assert_eq!(asked(&picture).len(), usize::from(is_asked), "{state}");
    }
    let event = RouteNetlinkMessage::DelNeighbour(neighbour(CARD, MEMBER, Stale));
    picture.note(&event);
    assert_eq!(picture.hops(&[MEMBER]), Hops::new());
    assert_eq!(asked(&picture), [(CARD, MEMBER)]);
}

#[test]
fn whatever_else_changes_has_everything_looked_at_again() {
    let mut picture = Picture::default();
    let events = [
        RouteNetlinkMessage::NewLink(link(CARD, vec![])),
        RouteNetlinkMessage::DelRoute(route(CARD, vec![])),
    ];
    for event in events {
        assert_eq!(picture.note(&event), Need::Look);
    }
}

#[test]
fn members_get_the_hops_of_their_addresses_and_lose_them_again() {
    let [member, other, unused] = [
        (MEMBER, MemberState::Up),
        (GATEWAY.into(), MemberState::Up),
        (MEMBER, MemberState::Unused),
    ]
    .map(|(address, state)| {
        let member = Member::default();
        member.address.store(&Address::from(address));
        member.set_state(state);
        // As a daemon left it that was killed long ago.
        Hop {
            ifindex: 9,
            ..straight()
        }
        .write(&member.next_hop);
        member
    });
    let members = [member, other, unused];
    let hops = || members.each_ref().map(|member| Hop::read(&member.next_hop));
    let tagged = Hop {
        tag: 0x1_0001,
        ..straight()
    };
    for hop in [straight(), tagged] {
        write(&members, &Hops::from([(MEMBER, hop)]));
        assert_eq!(hops(), [Some(hop), None, None]);
    }
    write(&members, &Hops::new());
    assert_eq!(hops(), [None; 3]);
}

#[test]
fn the_words_are_those_of_a_frame() {
    let member = Member::default();
    straight().write(&member.next_hop);
    let words = member
        .next_hop
        .macs
        .each_ref()
        .map(|word| word.get().to_ne_bytes());
    assert_eq!(words.concat(), [THEIRS, OWN].concat());
}

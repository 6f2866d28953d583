//! What the kernel has said, and the hops that follow from it.

use std::{
    collections::{HashMap, HashSet},
    net::IpAddr,
};

use rtnetlink::packet_route::{
    RouteNetlinkMessage,
    link::{
        InfoData, InfoKind, InfoVlan, LinkAttribute, LinkFlags, LinkInfo, LinkLayerType, LinkMessage,
        VlanProtocol,
    },
    neighbour::{NeighbourAddress, NeighbourAttribute, NeighbourMessage, NeighbourState},
    route::{RouteAddress, RouteAttribute, RouteMessage, RouteMetric, RouteType, RouteVia},
};

use super::{Hop, Hops};

/// What an event asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Need {
    /// The hops are to be found again in the picture.
    Hops,
    /// The picture is to be taken again.
    Look,
}

/// An interface over which XDP can send.
#[derive(Debug)]
struct Link {
    hardware_address: [u8; 6],
    mtu_bytes: u32,
    device: Device,
}

#[derive(Clone, Copy, Debug)]
enum Device {
    Ethernet,
    /// Its frames leave by another interface, with a tag: see [`Hop::tag`].
    Vlan {
        parent: u32,
        tag: u32,
    },
}

/// Where packets to an address go next.
#[derive(Debug)]
pub(super) struct Route {
    ifindex: u32,
    /// The gateway, or the address itself.
    via: IpAddr,
    /// None: as the interface's.
    mtu_bytes: Option<u32>,
}

/// Routes by destination.
pub(super) type Routes = HashMap<IpAddr, Route>;

#[derive(Debug)]
struct Neighbour {
    state: NeighbourState,
    hardware_address: Option<[u8; 6]>,
}

/// What the kernel has said.
#[derive(Debug, Default)]
pub(super) struct Picture {
    links: HashMap<u32, Link>,
    /// By interface and address.
    neighbours: HashMap<(u32, IpAddr), Neighbour>,
    routes: Routes,
}

impl Picture {
    pub(super) fn new(links: &[LinkMessage], neighbours: &[NeighbourMessage], routes: Routes) -> Self {
        let links = links
            .iter()
            .filter_map(|link| Some((link.header.index, Link::read(link)?)));
        let mut picture = Self {
            links: links.collect(),
            neighbours: HashMap::new(),
            routes,
        };
        for neighbour in neighbours {
            picture.enter(neighbour);
        }
        picture
    }

    /// Takes in further routes.
    pub(super) fn learn(&mut self, routes: Routes) {
        self.routes.extend(routes);
    }

    /// Takes in an event. Of neighbours there are many, and each says all of itself; whatever else changes may change
    /// any route.
    pub(super) fn note(&mut self, event: &RouteNetlinkMessage) -> Need {
        match event {
            RouteNetlinkMessage::NewNeighbour(neighbour) => {
                self.enter(neighbour);
                Need::Hops
            }
            RouteNetlinkMessage::DelNeighbour(neighbour) => {
                if let Some(address) = address_of(neighbour) {
                    self.neighbours.remove(&(neighbour.header.ifindex, address));
                }
                Need::Hops
            }
            _ => Need::Look,
        }
    }

    fn enter(&mut self, message: &NeighbourMessage) {
        let Some(address) = address_of(message) else {
            return;
        };
        let hardware_address = message.attributes.iter().find_map(|attribute| match attribute {
            NeighbourAttribute::LinkLayerAddress(bytes) => hardware_address(bytes),
            _ => None,
        });
        let neighbour = Neighbour {
            state: message.header.state,
            hardware_address,
        };
        self.neighbours
            .insert((message.header.ifindex, address), neighbour);
    }

    /// The hops to those of the addresses that have one.
    pub(super) fn hops(&self, addresses: &[IpAddr]) -> Hops {
        let known = addresses
            .iter()
            .filter_map(|address| Some((*address, self.hop(address)?)));
        known.collect()
    }

    fn hop(&self, address: &IpAddr) -> Option<Hop> {
        let route = self.routes.get(address)?;
        let link = self.links.get(&route.ifindex)?;
        let neighbour = self.neighbours.get(&(route.ifindex, route.via))?;
        let (ifindex, tag) = match link.device {
            Device::Ethernet => (route.ifindex, 0),
            Device::Vlan { parent, tag } => match self.links.get(&parent)?.device {
                Device::Ethernet => (parent, tag),
                Device::Vlan { .. } => return None,
            },
        };
        Some(Hop {
            to: neighbour.usable()?,
            from: link.hardware_address,
            ifindex,
            mtu_bytes: route.mtu_bytes.unwrap_or(u32::MAX).min(link.mtu_bytes),
            tag,
        })
    }

    /// The neighbours, by interface and address, on the way to the addresses that the kernel should find or confirm.
    /// It does neither by itself: it does not see what XDP sends.
    pub(super) fn unsure(&self, addresses: &[IpAddr]) -> impl Iterator<Item = (u32, IpAddr)> {
        let mut named = HashSet::new();
        let routes = addresses.iter().filter_map(|address| self.routes.get(address));
        let neighbours = routes
            .filter(|route| self.links.contains_key(&route.ifindex))
            .map(|route| (route.ifindex, route.via));
        neighbours.filter(move |place| {
            let neighbour = self.neighbours.get(place);
            neighbour.is_none_or(Neighbour::is_unsure) && named.insert(*place)
        })
    }
}

impl Neighbour {
    fn usable(&self) -> Option<[u8; 6]> {
        use NeighbourState::{Delay, Permanent, Probe, Reachable, Stale};
        let is_valid = matches!(self.state, Reachable | Permanent | Delay | Probe | Stale);
        self.hardware_address.filter(|_| is_valid)
    }

    fn is_unsure(&self) -> bool {
        use NeighbourState::{Failed, None, Stale};
        matches!(self.state, Failed | None | Stale)
    }
}

impl Link {
    fn read(message: &LinkMessage) -> Option<Self> {
        if message.header.link_layer_type != LinkLayerType::Ether
            || !message.header.flags.contains(LinkFlags::Up)
        {
            return None;
        }
        let (mut own, mut mtu_bytes, mut parent, mut info) = (None, None, None, &[][..]);
        for attribute in &message.attributes {
            match attribute {
                LinkAttribute::Address(bytes) => own = hardware_address(bytes),
                LinkAttribute::Mtu(bytes) => mtu_bytes = Some(*bytes),
                LinkAttribute::Link(ifindex) => parent = Some(*ifindex),
                // The other interface is in another namespace.
                LinkAttribute::LinkNetNsId(_) => parent = None,
                LinkAttribute::LinkInfo(entries) => info = entries,
                _ => {}
            }
        }
        let kind = info.iter().find_map(|entry| match entry {
            LinkInfo::Kind(kind) => Some(kind),
            _ => None,
        });
        let device = match kind {
            // Hardware has no kind.
            None | Some(InfoKind::Veth) => Device::Ethernet,
            Some(InfoKind::Vlan) => Device::Vlan {
                parent: parent?,
                tag: 0x1_0000 | u32::from(vlan_id(info)?),
            },
            Some(_) => return None,
        };
        Some(Self {
            hardware_address: own?,
            mtu_bytes: mtu_bytes?,
            device,
        })
    }
}

/// The id of an 802.1Q VLAN: frames with other tags the datapath does not make.
fn vlan_id(info: &[LinkInfo]) -> Option<u16> {
    let data = info.iter().find_map(|entry| match entry {
        LinkInfo::Data(InfoData::Vlan(data)) => Some(data),
        _ => None,
    })?;
    if data.contains(&InfoVlan::Protocol(VlanProtocol::Ieee8021Ad)) {
        return None;
    }
    data.iter().find_map(|entry| match entry {
        InfoVlan::Id(id) => Some(*id),
        _ => None,
    })
}

impl Route {
    /// The way to `destination`; none where it is this host's own or cannot be reached, or where the kernel would wrap
    /// the packets up.
    pub(super) fn read(destination: IpAddr, message: &RouteMessage) -> Option<Self> {
        let (mut ifindex, mut via, mut mtu_bytes) = (None, destination, None);
        for attribute in &message.attributes {
            match attribute {
                RouteAttribute::Oif(index) => ifindex = Some(*index),
                RouteAttribute::Gateway(RouteAddress::Inet(gateway))
                | RouteAttribute::Via(RouteVia::Inet(gateway)) => {
                    via = (*gateway).into();
                }
                RouteAttribute::Gateway(RouteAddress::Inet6(gateway))
                | RouteAttribute::Via(RouteVia::Inet6(gateway)) => via = (*gateway).into(),
                RouteAttribute::Metrics(metrics) => {
                    mtu_bytes = metrics.iter().find_map(|metric| match metric {
                        RouteMetric::Mtu(bytes) if *bytes > 0 => Some(*bytes),
                        _ => None,
                    });
                }
                RouteAttribute::Encap(_) | RouteAttribute::EncapType(_) => return None,
                _ => {}
            }
        }
        (message.header.kind == RouteType::Unicast).then_some(Self {
            ifindex: ifindex?,
            via,
            mtu_bytes,
        })
    }

    /// The address that packets come from which this host sends along a route.
    pub(super) fn source(message: &RouteMessage) -> Option<IpAddr> {
        message.attributes.iter().find_map(|attribute| match attribute {
            RouteAttribute::PrefSource(RouteAddress::Inet(source)) => Some((*source).into()),
            RouteAttribute::PrefSource(RouteAddress::Inet6(source)) => Some((*source).into()),
            _ => None,
        })
    }

    /// Whether the route is one along which nothing is sent.
    pub(super) fn says_no(message: &RouteMessage) -> bool {
        use RouteType::{BlackHole, Prohibit, Unreachable};
        matches!(message.header.kind, BlackHole | Prohibit | Unreachable)
    }
}

fn address_of(neighbour: &NeighbourMessage) -> Option<IpAddr> {
    neighbour.attributes.iter().find_map(|attribute| match attribute {
        NeighbourAttribute::Destination(NeighbourAddress::Inet(address)) => Some((*address).into()),
        NeighbourAttribute::Destination(NeighbourAddress::Inet6(address)) => Some((*address).into()),
        _ => None,
    })
}

fn hardware_address(bytes: &[u8]) -> Option<[u8; 6]> {
    bytes.try_into().ok().filter(|address| *address != [0; 6])
}

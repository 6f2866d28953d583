//! How a program is attached, which a link does not tell: the interface does, over netlink.

use std::{fmt, io};

use rtnetlink::{
    packet_core::{NLM_F_REQUEST, NetlinkMessage, NetlinkPayload},
    packet_route::{
        RouteNetlinkMessage,
        link::{InfoKind, LinkAttribute, LinkInfo, LinkMessage, LinkXdp, XdpAttached},
    },
    sys::{Socket, SocketAddr, protocols::NETLINK_ROUTE},
};

use crate::model::XdpMode;

/// How the program is attached.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AttachMode {
    /// In the driver.
    Native,
    /// In the kernel's generic path, slower: the driver has no XDP, or it was configured so.
    Generic,
}

impl AttachMode {
    /// How to attach, in the order in which it is tried.
    pub(super) fn ways(wanted: XdpMode) -> &'static [Self] {
        match wanted {
            XdpMode::Auto => &[Self::Native, Self::Generic],
            XdpMode::Native => &[Self::Native],
            XdpMode::Generic => &[Self::Generic],
        }
    }

    /// How the program of an interface is attached now.
    pub(super) fn of(ifindex: u32) -> io::Result<Self> {
        Self::read(&attributes(ifindex)?)
            .ok_or_else(|| io::Error::other("the kernel tells of no XDP program"))
    }

    fn read(attributes: &[LinkAttribute]) -> Option<Self> {
        let xdp = attributes.iter().find_map(|attribute| match attribute {
            LinkAttribute::Xdp(xdp) => Some(xdp),
            _ => None,
        })?;
        xdp.iter().find_map(|attribute| match attribute {
            LinkXdp::Attached(XdpAttached::Driver) => Some(Self::Native),
            LinkXdp::Attached(XdpAttached::SocketBuffer) => Some(Self::Generic),
            _ => None,
        })
    }
}

/// Whether an interface is an end of a veth pair.
pub(super) fn is_veth(ifindex: u32) -> io::Result<bool> {
    Ok(attributes(ifindex)?.iter().any(says_veth))
}

fn says_veth(attribute: &LinkAttribute) -> bool {
    match attribute {
        LinkAttribute::LinkInfo(infos) => infos.contains(&LinkInfo::Kind(InfoKind::Veth)),
        _ => false,
    }
}

/// What the kernel tells of an interface.
fn attributes(ifindex: u32) -> io::Result<Vec<LinkAttribute>> {
    let mut link = LinkMessage::default();
    link.header.index = ifindex;
    let mut question = NetlinkMessage::from(RouteNetlinkMessage::GetLink(link));
    question.header.flags = NLM_F_REQUEST;
    question.finalize();
    let mut bytes = vec![0; question.buffer_len()];
    question.serialize(&mut bytes);

    let socket = Socket::new(NETLINK_ROUTE)?;
    socket.connect(&SocketAddr::new(0, 0))?;
    socket.send(&bytes, 0)?;
    let (answer, _) = socket.recv_from_full()?;
    let answer = NetlinkMessage::<RouteNetlinkMessage>::deserialize(&answer).map_err(io::Error::other)?;
    match answer.payload {
        NetlinkPayload::InnerMessage(RouteNetlinkMessage::NewLink(link)) => Ok(link.attributes),
        NetlinkPayload::Error(error) => Err(error.to_io()),
        _ => Err(io::Error::other("the kernel's answer is not understood")),
    }
}

impl fmt::Display for AttachMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Native => "native",
            Self::Generic => "generic",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mode_is_read_from_what_the_kernel_tells_of_an_interface() {
        let told =
            |attached| AttachMode::read(&[LinkAttribute::Mtu(1500), LinkAttribute::Xdp(vec![attached])]);
        assert_eq!(
            told(LinkXdp::Attached(XdpAttached::Driver)),
            Some(AttachMode::Native)
        );
        assert_eq!(
            told(LinkXdp::Attached(XdpAttached::SocketBuffer)),
            Some(AttachMode::Generic)
        );
        assert_eq!(told(LinkXdp::Attached(XdpAttached::None)), None);
        assert_eq!(AttachMode::read(&[LinkAttribute::Mtu(1500)]), None);
    }
}

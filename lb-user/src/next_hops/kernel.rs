//! Asking the kernel, and hearing from it.

use std::{io, net::IpAddr, time::Duration};

use anyhow::{Context, anyhow};
use futures_util::{StreamExt, TryStreamExt, stream};
use nix::errno::Errno;
use rtnetlink::{
    Error, Handle, MulticastGroup, RouteMessageBuilder,
    packet_core::{NetlinkMessage, NetlinkPayload},
    packet_route::{
        RouteNetlinkMessage,
        neighbour::{NeighbourFlags, NeighbourState},
        route::RouteMessage,
    },
    sys::{AsyncSocket, AsyncSocketExt, SocketAddr, TokioSocket, protocols::NETLINK_ROUTE},
};
use tokio::time;

use super::picture::{Need, Picture, Route, Routes};
use crate::reconcile::Sources;

/// Questions for routes that are under way at a time: their answers fit into a socket's buffer.
const QUESTIONS: usize = 64;
/// How long the kernel may take to answer everything.
const PATIENCE: Duration = Duration::from_secs(30);

/// Whatever may change a way.
const GROUPS: [MulticastGroup; 9] = [
    MulticastGroup::Link,
    MulticastGroup::Neigh,
    MulticastGroup::Ipv4Ifaddr,
    MulticastGroup::Ipv6Ifaddr,
    MulticastGroup::Ipv4Route,
    MulticastGroup::Ipv6Route,
    MulticastGroup::Ipv4Rule,
    MulticastGroup::Ipv6Rule,
    MulticastGroup::Nexthop,
];

/// What the kernel tells by itself. Unread events wait in the kernel's buffer, so there is a bound to them.
pub(super) struct Events(TokioSocket);

impl Events {
    pub(super) fn subscribe() -> io::Result<Self> {
        let mut socket = TokioSocket::new(NETLINK_ROUTE)?;
        socket.socket_mut().bind(&SocketAddr::new(0, 0))?;
        for group in GROUPS {
            socket.socket_ref().add_membership(group as u32)?;
        }
        Ok(Self(socket))
    }

    /// Waits for some events and notes them in `picture`. May be dropped while it waits.
    pub(super) async fn note(&mut self, picture: &mut Picture) -> anyhow::Result<Need> {
        let datagram = match self.0.recv_from_full().await {
            Ok((datagram, _)) => datagram,
            // The buffer ran over: events are lost.
            Err(error) if error.raw_os_error() == Some(Errno::ENOBUFS as i32) => return Ok(Need::Look),
            Err(error) => return Err(error).context("cannot hear of changes"),
        };
        let (mut rest, mut need) = (&datagram[..], Need::Hops);
        while !rest.is_empty() {
            let Ok(message) = NetlinkMessage::<RouteNetlinkMessage>::deserialize(rest) else {
                return Ok(Need::Look);
            };
            need = need.max(match &message.payload {
                NetlinkPayload::InnerMessage(event) => picture.note(event),
                _ => Need::Look,
            });
            // A message is followed by padding to four bytes (netlink(7)).
            let length = (message.header.length as usize).next_multiple_of(4).max(4);
            rest = rest.get(length..).unwrap_or_default();
        }
        Ok(need)
    }
}

/// What the kernel says of the route to an address.
enum Answer {
    /// The way, where XDP can take it, and the address that packets come from.
    Route(Option<Route>, Option<IpAddr>),
    Unreachable,
    /// It was too short of something to say.
    Unknown,
}

async fn in_time<T>(answers: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    let answered = time::timeout(PATIENCE, answers).await;
    answered
        .context("the kernel does not answer")?
        .context("cannot ask for routes")
}

/// The kernel, to be asked.
pub(super) struct Kernel(Handle);

impl Kernel {
    pub(super) fn connect() -> io::Result<Self> {
        let (connection, handle, _) = rtnetlink::new_connection()?;
        // Ends with the handle.
        tokio::spawn(connection);
        Ok(Self(handle))
    }

    /// All that matters to the ways to the addresses, and where packets to these would come from.
    pub(super) async fn look(&self, addresses: &[IpAddr]) -> anyhow::Result<(Picture, Sources)> {
        let everything = async {
            let links: Vec<_> = self.0.link().get().execute().try_collect().await?;
            let neighbours: Vec<_> = self.0.neighbours().get().execute().try_collect().await?;
            let (routes, sources) = self.routes(addresses).await?;
            anyhow::Ok((Picture::new(&links, &neighbours, routes), sources))
        };
        in_time(everything).await
    }

    /// The routes to some addresses more, and where packets to these would come from.
    pub(super) async fn ask(&self, addresses: &[IpAddr]) -> anyhow::Result<(Routes, Sources)> {
        in_time(self.routes(addresses)).await
    }

    async fn routes(&self, addresses: &[IpAddr]) -> anyhow::Result<(Routes, Sources)> {
        let answers: Vec<_> = stream::iter(addresses.iter().copied())
            .map(|address| async move { anyhow::Ok((address, self.route(address).await?)) })
            .buffer_unordered(QUESTIONS)
            .try_collect()
            .await?;
        let (mut routes, mut sources) = (Routes::new(), Sources::new());
        for (address, answer) in answers {
            match answer {
                Answer::Route(route, source) => {
                    routes.extend(route.map(|route| (address, route)));
                    sources.extend(source.map(|source| (address, Some(source))));
                }
                Answer::Unreachable => drop(sources.insert(address, None)),
                Answer::Unknown => {}
            }
        }
        Ok((routes, sources))
    }

    /// As for packets of this host's own: rules that look at where a packet came from see none.
    async fn route(&self, address: IpAddr) -> anyhow::Result<Answer> {
        let length = if address.is_ipv4() { 32 } else { 128 };
        let question: RouteMessage = RouteMessageBuilder::<IpAddr>::new()
            .destination_prefix(address, length)?
            .build();
        let mut answers = self.0.route().get(question).execute();
        match answers.next().await {
            Some(Ok(answer)) if Route::says_no(&answer) => Ok(Answer::Unreachable),
            Some(Ok(answer)) => Ok(Answer::Route(
                Route::read(address, &answer),
                Route::source(&answer),
            )),
            Some(Err(Error::NetlinkError(refusal))) => {
                Ok(match Errno::from_raw(refusal.raw_code().wrapping_neg()) {
                    // There is none, or one that says no: unreachable, prohibit or blackhole.
                    Errno::ENETUNREACH | Errno::EHOSTUNREACH | Errno::EACCES | Errno::EINVAL => {
                        Answer::Unreachable
                    }
                    _ => Answer::Unknown,
                })
            }
            Some(Err(error)) => Err(error.into()),
            None => Err(anyhow!("the connection to the kernel ended")),
        }
    }

    /// Has the kernel find or confirm a neighbour, as it does for whoever sends to it.
    pub(super) async fn resolve(&self, (ifindex, address): (u32, IpAddr)) -> anyhow::Result<()> {
        let neighbour = self.0.neighbours().add(ifindex, address);
        let neighbour = neighbour.state(NeighbourState::None).flags(NeighbourFlags::Use);
        match neighbour.replace().execute().await {
            // An interface may have gone, or the table be full: it is tried again as long as it matters.
            Ok(()) | Err(Error::NetlinkError(_)) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

//! The far end of an IP tunnel: what a member of `ipip` unwraps.
//!
//! In sockets rather than by a tunnel device, which not every kernel is built with: a raw socket takes what the packets
//! carry, another gives it back to the kernel as packets for an address of the member's own, the VIP.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::UdpSocket;

/// What is inside: protocol number 4 (RFC 2003) is IPv4, 41 (RFC 2473, RFC 4213) is IPv6.
const INSIDE: [i32; 2] = [4, 41];

/// As protocol number: packets are written with their own IP header.
const RAW: i32 = 255;

/// One direction and kind of tunnel, open.
pub(super) struct Tunnel {
    /// Raw in truth. To receive from it is the same, and no other type of the runtime takes any socket.
    outer: UdpSocket,
    inner: [Socket; 2],
    /// A raw socket gives the outer header of IPv4 only.
    has_header: bool,
}

impl Tunnel {
    /// Opens both kinds of tunnel that end at an address.
    pub(super) fn open_all(address: IpAddr) -> io::Result<Vec<Self>> {
        INSIDE
            .map(|inside| Self::open(address, inside))
            .into_iter()
            .collect()
    }

    fn open(address: IpAddr, inside: i32) -> io::Result<Self> {
        let end = SocketAddr::new(address, 0);
        let outer = Socket::new(Domain::for_address(end), Type::RAW, Some(Protocol::from(inside)))?;
        outer.set_nonblocking(true)?;
        outer.bind(&end.into())?;
        let [v4, v6] =
            [Domain::IPV4, Domain::IPV6].map(|domain| Socket::new(domain, Type::RAW, Some(RAW.into())));
        let (v4, v6) = (v4?, v6?);
        v4.set_header_included_v4(true)?;
        v6.set_header_included_v6(true)?;
        Ok(Self {
            outer: UdpSocket::from_std(outer.into())?,
            inner: [v4, v6],
            has_header: address.is_ipv4(),
        })
    }

    /// Unwraps packets for ever.
    pub(super) async fn unwrap_all(self) {
        let mut packet = vec![0; 1 << 16];
        loop {
            // What cannot be unwrapped is lost, as it would be in any other tunnel.
            if let Ok(length) = self.outer.recv(&mut packet).await {
                let _ = self.unwrap(&packet[..length]);
            }
        }
    }

    fn unwrap(&self, packet: &[u8]) -> Option<()> {
        let start = if self.has_header {
            usize::from(packet.first()? & 15) * 4
        } else {
            0
        };
        let inner = packet.get(start..)?;
        let (socket, receiver): (_, IpAddr) = match inner.first()? >> 4 {
            4 => (
                &self.inner[0],
                Ipv4Addr::from(*inner.get(16..)?.first_chunk()?).into(),
            ),
            6 => (
                &self.inner[1],
                Ipv6Addr::from(*inner.get(24..)?.first_chunk()?).into(),
            ),
            _ => return None,
        };
        socket.send_to(inner, &SocketAddr::new(receiver, 0).into()).ok()?;
        Some(())
    }
}

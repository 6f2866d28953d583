//! Asking by a datagram.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use nix::sys::socket::{setsockopt, sockopt};
use tokio::net::UdpSocket;

use super::Failure;

/// What is read of an answer, in bytes: as long as an expected one can be.
const LONGEST_ANSWER: usize = 1024;

/// Sends a datagram and returns with the answer, or with the news that it was refused.
pub(super) async fn ask(
    address: SocketAddr,
    send: Option<&str>,
    expect: Option<&str>,
) -> Result<(), Failure> {
    let socket = open(address).await?;
    socket.send(send.unwrap_or_default().as_bytes()).await?;
    let mut answer = vec![0; LONGEST_ANSWER];
    let length = socket.recv(&mut answer).await?;
    answer.truncate(length);
    match expect {
        Some(expected) if !answer.starts_with(expected.as_bytes()) => Err(Failure::Answer {
            answer,
            expected: expected.to_owned(),
        }),
        _ => Ok(()),
    }
}

/// A connected socket: it takes datagrams from the member alone, and the kernel gives it the ICMP errors of its own.
async fn open(address: SocketAddr) -> Result<UdpSocket, Failure> {
    let any: SocketAddr = match address {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    };
    let socket = UdpSocket::bind(any).await?;
    // Without it only "port unreachable" is told: not that the host is gone, or that a filter refuses.
    let told = match address {
        SocketAddr::V4(_) => setsockopt(&socket, sockopt::Ipv4RecvErr, &true),
        SocketAddr::V6(_) => setsockopt(&socket, sockopt::Ipv6RecvErr, &true),
    };
    told.map_err(std::io::Error::from)?;
    socket.connect(address).await?;
    Ok(socket)
}

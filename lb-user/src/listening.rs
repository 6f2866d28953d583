//! What goes for all listening sockets.

use std::{
    io::{Error, ErrorKind},
    net::SocketAddr,
};

use socket2::Socket;

/// Whether the address can be had for ourselves, by a socket that is not to share it, and is not used otherwise. Another daemon
/// that shares its addresses too would get some of the connections otherwise, and nobody would know.
pub(crate) fn make_sure_of(address: SocketAddr, socket: &Socket) -> Result<(), Error> {
    // Whoever has such a socket beside ours refuses that.
    socket.bind(&address.into()).map_err(|error| match error.kind() {
        ErrorKind::AddrInUse => Error::new(error.kind(), "another process listens there"),
        _ => error,
    })
}

//! The listening sockets: some made here, some that an earlier daemon or the service manager kept open.

use std::{
    collections::HashMap,
    io::Error,
    net::{SocketAddr, TcpListener},
};

use anyhow::Context as _;
use socket2::{Domain, Protocol, SockRef, Socket, Type};
use tracing::warn;

use crate::listening::make_sure_of;

/// Connections that wait to be accepted, at each socket.
const BACKLOG: i32 = 4096;

/// The sockets of listeners, by address.
pub(super) type Sockets = HashMap<SocketAddr, Vec<TcpListener>>;

/// The same, as each worker gets them.
pub(super) type OfWorkers = Vec<Vec<(SocketAddr, TcpListener)>>;

/// Listening sockets by the addresses of listeners.
pub(super) fn by_address(sockets: Vec<TcpListener>) -> Sockets {
    let mut found = Sockets::new();
    for socket in sockets {
        match socket.local_addr() {
            Ok(address) => {
                // As it is configured: without the number of an interface.
                let address = SocketAddr::new(address.ip(), address.port());
                found.entry(address).or_default().push(socket);
            }
            Err(error) => warn!("a socket that was passed on is of no use: {error}"),
        }
    }
    found
}

/// Says of which inherited sockets nothing is made, which end here.
pub(super) fn warn_of_unused(inherited: &Sockets) {
    for address in inherited.keys() {
        warn!("the socket of {address} that was passed on is closed: no HTTP or HTTPS listener is there");
    }
}

/// The sockets of listeners that are new: inherited ones where there are any. Each worker is to have one of each.
pub(super) fn provide(
    new: impl Iterator<Item = SocketAddr>,
    inherited: &Sockets,
    workers: usize,
) -> anyhow::Result<Sockets> {
    let provided = new.map(|address| {
        // Others stay, for whom this comes to nothing.
        let inherited = inherited.get(&address).map_or(&[][..], Vec::as_slice);
        let inherited = inherited.iter().map(TcpListener::try_clone);
        let inherited = inherited.collect::<Result<_, _>>()?;
        let sockets = complete(address, inherited, workers);
        Ok((address, sockets.with_context(|| refusal(address))?))
    });
    provided.collect()
}

fn complete(
    address: SocketAddr,
    mut sockets: Vec<TcpListener>,
    workers: usize,
) -> Result<Vec<TcpListener>, Error> {
    if sockets.is_empty() {
        make_sure_of(address, &at(address)?)?;
    }
    let mut shares = true;
    for socket in &sockets {
        let socket = SockRef::from(socket);
        socket.set_nonblocking(true)?;
        socket.set_tcp_nodelay(true)?;
        shares &= socket.reuse_port()?;
    }
    // Where the socket of a service manager does not share its address, the workers share the socket.
    while sockets.is_empty() || (shares && sockets.len() < workers) {
        sockets.push(listen(address)?);
    }
    Ok(sockets)
}

/// Deals sockets to workers. Of an address that has more than there are workers, some get several, since none may go without
/// the connections that wait at it; of one that has fewer, they share them.
pub(super) fn deal(sockets: &Sockets, workers: usize) -> Result<OfWorkers, Error> {
    let mut dealt: OfWorkers = (0..workers).map(|_| Vec::new()).collect();
    if workers == 0 {
        return Ok(dealt);
    }
    for (address, sockets) in sockets {
        for turn in 0..workers.max(sockets.len()) {
            let socket = sockets[turn % sockets.len()].try_clone()?;
            dealt[turn % workers].push((*address, socket));
        }
    }
    Ok(dealt)
}

/// What it says where a socket is refused, and what may help.
fn refusal(address: SocketAddr) -> String {
    let hint = if address.port() < 1024 {
        " (ports below 1024 need CAP_NET_BIND_SERVICE)"
    } else {
        ""
    };
    format!("cannot listen at {address}{hint}")
}

fn listen(address: SocketAddr) -> Result<TcpListener, Error> {
    let socket = at(address)?;
    socket.set_reuse_port(true)?;
    // Connections have it from there.
    socket.set_tcp_nodelay(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// A socket for that address.
fn at(address: SocketAddr) -> Result<Socket, Error> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.set_reuse_address(true)?;
    // The VIP may come to this host only when another one fails.
    if address.is_ipv4() {
        socket.set_freebind_v4(true)?;
    } else {
        socket.set_freebind_v6(true)?;
    }
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn anywhere() -> (SocketAddr, TcpListener) {
        let socket = listen(([127, 0, 0, 1], 0).into()).unwrap();
        (socket.local_addr().unwrap(), socket)
    }

    fn dealt(sockets: &Sockets, workers: usize) -> Vec<usize> {
        deal(sockets, workers).unwrap().iter().map(Vec::len).collect()
    }

    #[test]
    fn each_worker_has_a_socket_of_each_address_and_no_socket_goes_without_one() {
        let (address, first) = anywhere();
        let passed_on = by_address(vec![first, listen(address).unwrap(), listen(address).unwrap()]);
        for (workers, expected) in [(2, vec![2, 1]), (3, vec![1, 1, 1]), (1, vec![3]), (0, vec![])] {
            assert_eq!(dealt(&passed_on, workers), expected);
        }
        let sockets = provide([address].into_iter(), &passed_on.clone_all(), 5).unwrap();
        assert_eq!(sockets[&address].len(), 5);
        assert_eq!(dealt(&sockets, 5), [1; 5]);
    }

    #[test]
    fn an_address_where_somebody_else_listens_is_refused_though_it_could_be_shared() {
        let (address, other) = anywhere();
        let new = || provide([address].into_iter(), &Sockets::new(), 2);
        let refusal = format!("{:#}", new().unwrap_err());
        assert!(refusal.ends_with("another process listens there"), "{refusal}");
        drop(other);
        assert_eq!(new().unwrap()[&address].len(), 2);
    }

    #[test]
    fn a_socket_that_does_not_share_its_address_is_shared_itself() {
        let alone = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = alone.local_addr().unwrap();
        let sockets = provide([address].into_iter(), &by_address(vec![alone]), 3).unwrap();
        assert_eq!(sockets[&address].len(), 1);
        assert_eq!(dealt(&sockets, 3), [1; 3]);
    }

    #[test]
    fn what_is_inherited_is_used_first_and_also_by_who_tries_again() {
        let (address, socket) = anywhere();
        let inherited = by_address(vec![socket]);
        for _ in 0..2 {
            let sockets = provide([address].into_iter(), &inherited, 1).unwrap();
            assert_eq!(sockets[&address].len(), 1);
        }
    }

    trait CloneAll {
        fn clone_all(&self) -> Self;
    }

    impl CloneAll for Sockets {
        fn clone_all(&self) -> Self {
            let cloned = self.iter().map(|(address, sockets)| {
                let sockets = sockets.iter().map(|socket| socket.try_clone().unwrap());
                (*address, sockets.collect())
            });
            cloned.collect()
        }
    }
}

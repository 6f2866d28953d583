//! Where the API is reached by network: listening sockets, with TLS or without, and the connections that come by them.
//!
//! The sockets have `SO_REUSEPORT`, so that the next daemon opens its own beside those of the one before, and nobody is refused
//! in between: that one serves who still waits at its own before it closes them.

use std::{
    collections::BTreeMap,
    io,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use anyhow::Context as _;
use arc_swap::ArcSwapOption;
use axum::Router;
use rustls::ServerConfig;
use socket2::{Domain, Socket, Type};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Semaphore, watch},
    task, time,
};
use tokio_rustls::TlsAcceptor;
use tracing::{debug, info, warn};

use super::{
    Api,
    auth::{Peer, source_of},
    serve::{Scheme, serve_from},
};
use crate::{
    admission::{Admission, Place, Shares},
    listening::make_sure_of,
    model::{ApiSettings, Http, ListenerTls, TlsVersion},
    tls::server,
};

/// Connections at a time over all addresses; more wait in the kernel until one of these ends.
const CONNECTIONS: usize = 256;
/// Connections of one source at a time: some places are always left for others.
const FROM_ONE_SOURCE: usize = CONNECTIONS / 2;
/// How many wait there.
const BACKLOG: i32 = 1024;
/// How long a handshake may take.
const TIME_TO_SHAKE_HANDS: Duration = Duration::from_secs(10);
/// How long somebody may take nothing of what he is sent: then his connection ends, and its place is another's.
const TIME_TO_TAKE: Duration = Duration::from_secs(30);
/// How long is waited for those that are answered at the end.
const TIME_TO_END: Duration = Duration::from_secs(5);

/// All places where the API is reached by network.
pub(crate) struct Doors {
    api: Arc<Api>,
    hall: Hall,
    /// Whoever is served has a receiver: when these are gone, so are they.
    open: BTreeMap<SocketAddr, watch::Sender<()>>,
    /// The same of those that are being closed.
    closing: BTreeMap<SocketAddr, watch::Sender<()>>,
}

/// What all doors lead to.
#[derive(Clone)]
struct Hall {
    router: Router,
    places: Arc<Semaphore>,
    guests: Shares<IpAddr>,
    tls: Arc<ArcSwapOption<ServerConfig>>,
}

/// Who may listen at an address already.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Sharing {
    /// Nobody.
    WithNobody,
    /// The daemon that this one takes over from, or this one itself, which is about to close it.
    WithOurselves,
}

/// What is to be opened, all of which can be.
pub(crate) struct Prepared {
    settings: ApiSettings,
    tls: Option<server::Server>,
    sockets: Vec<(SocketAddr, Socket)>,
}

impl Doors {
    /// None yet.
    pub(crate) fn new(api: Arc<Api>) -> Self {
        let hall = Hall {
            router: api.guarded(),
            places: Arc::new(Semaphore::new(CONNECTIONS)),
            guests: Shares::of(FROM_ONE_SOURCE),
            tls: Arc::default(),
        };
        Self {
            api,
            hall,
            open: BTreeMap::new(),
            closing: BTreeMap::new(),
        }
    }

    /// Does what can fail of being reached where these settings say, beside nobody but the daemon before. Nobody notices yet.
    pub(crate) fn prepare(&self, settings: &ApiSettings, sharing: Sharing) -> anyhow::Result<Prepared> {
        let new = settings
            .listen
            .iter()
            .filter(|address| !self.open.contains_key(address));
        let sockets = new.map(|address| {
            let sharing = if self.is_ours(*address) {
                Sharing::WithOurselves
            } else {
                sharing
            };
            let socket = bind(*address, sharing).with_context(|| {
                format!("cannot listen at {address} for the API; choose another address in api.listen")
            })?;
            Ok((*address, socket))
        });
        Ok(Prepared {
            settings: settings.clone(),
            tls: tls(settings)?,
            sockets: sockets.collect::<anyhow::Result<_>>()?,
        })
    }

    /// Whether we listen at an address, or at one that overlaps it: what is for all addresses is for each.
    fn is_ours(&self, address: SocketAddr) -> bool {
        let closing = self.closing.iter().filter(|(_, closing)| !closing.is_closed());
        let mut ours = self.open.keys().chain(closing.map(|(address, _)| address));
        ours.any(|own| overlap(*own, address))
    }

    /// Is reached there, lets those in that are named there, and closes what is not named any more.
    pub(crate) fn serve(&mut self, prepared: Prepared) {
        let Prepared {
            settings,
            tls,
            sockets,
        } = prepared;
        self.api.access.take(&settings);
        let (config, expiries) = tls.map(|tls| (tls.config, tls.expiries)).unzip();
        self.hall.tls.store(config);
        self.api.certificates.store(expiries.unwrap_or_default().into());
        self.closing.retain(|_, closing| !closing.is_closed());
        let is_to_close =
            |address: &SocketAddr, _: &mut watch::Sender<()>| !settings.listen.contains(address);
        for (address, ending) in self.open.extract_if(.., is_to_close) {
            ending.send_replace(());
            self.closing.insert(address, ending);
        }
        for (address, socket) in sockets {
            let listener = socket
                .listen(BACKLOG)
                .and_then(|()| TcpListener::from_std(socket.into()));
            match listener {
                Ok(listener) => {
                    let (ending, end) = watch::channel(());
                    self.open.insert(address, ending);
                    tokio::spawn(accept(listener, self.hall.clone(), end));
                    info!("the API listens at {address}");
                }
                // Somebody has come before since.
                Err(error) => warn!("cannot listen at {address} for the API: {error}"),
            }
        }
    }

    /// Lets nobody in any more; those who are inside are answered what they have asked.
    pub(crate) fn close(&self) {
        for ending in self.open.values() {
            ending.send_replace(());
        }
    }

    /// Ends when all are answered, or after a while.
    pub(crate) async fn end(&self) {
        self.close();
        let closed = async {
            for ending in self.open.values().chain(self.closing.values()) {
                ending.closed().await;
            }
        };
        let _ = time::timeout(TIME_TO_END, closed).await;
    }
}

/// Says whether the API's certificate could be used now.
pub(crate) fn check_files(settings: &ApiSettings) -> anyhow::Result<()> {
    tls(settings).map(drop)
}

fn tls(settings: &ApiSettings) -> anyhow::Result<Option<server::Server>> {
    let Some(files) = &settings.tls else {
        return Ok(None);
    };
    let tls = ListenerTls {
        certificates: vec![files.clone()],
        min_version: TlsVersion::Tls12,
        clients: None,
    };
    let http = Http {
        http2: false,
        ..Http::default()
    };
    let server = server::Server::new(&tls, &http, None).context("the API cannot speak TLS")?;
    Ok(Some(server))
}

/// Whether what comes to one address may come to the other.
fn overlap(one: SocketAddr, other: SocketAddr) -> bool {
    let is_for_all = one.ip().is_unspecified() || other.ip().is_unspecified();
    one.port() == other.port() && one.is_ipv4() == other.is_ipv4() && (is_for_all || one.ip() == other.ip())
}

/// Takes an address. Nobody can come to it before it listens.
fn bind(address: SocketAddr, sharing: Sharing) -> io::Result<Socket> {
    if sharing == Sharing::WithNobody {
        make_sure_of(address, &at(address)?)?;
    }
    let socket = at(address)?;
    socket.set_reuse_port(true)?;
    socket.bind(&address.into())?;
    Ok(socket)
}

fn at(address: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM.nonblocking().cloexec(),
        None,
    )?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.set_reuse_address(true)?;
    // Of what is accepted here too: also of who is there and does not read (tcp(7)).
    socket.set_tcp_user_timeout(Some(TIME_TO_TAKE))?;
    Ok(socket)
}

async fn accept(listener: TcpListener, hall: Hall, mut end: watch::Receiver<()>) {
    let mut admission = Admission::new("the API's address", Arc::clone(&hall.places));
    loop {
        let (place, (stream, peer)) = tokio::select! {
            next = admission.next(&listener) => next,
            _ = end.changed() => break,
        };
        hall.receive(stream, peer, end.clone(), place);
    }
    // Those who wait in the kernel would be refused. They are told that it ends once they are answered.
    while let Some((place, (stream, peer))) = admission.waiting(&listener) {
        hall.receive(stream, peer, end.clone(), Some(place));
    }
}

impl Hall {
    fn receive(&self, stream: TcpStream, peer: SocketAddr, end: watch::Receiver<()>, place: Option<Place>) {
        let (router, tls) = (self.router.clone(), self.tls.load_full());
        let peer = Peer(peer.ip().to_canonical());
        let Some(guest) = self.guests.admit(source_of(peer.0)) else {
            debug!("{} has {FROM_ONE_SOURCE} connections to the API already", peer.0);
            return;
        };
        // Answers are small, and written as a whole.
        let _ = stream.set_nodelay(true);
        task::spawn(async move {
            let _held = (place, guest);
            let Some(tls) = tls else {
                return serve_from(stream, router, end, peer, Scheme::Http).await;
            };
            match time::timeout(TIME_TO_SHAKE_HANDS, TlsAcceptor::from(tls).accept(stream)).await {
                Ok(Ok(stream)) => serve_from(stream, router, end, peer, Scheme::Https).await,
                Ok(Err(error)) => {
                    if let Some(refusal) = server::refusal(&error) {
                        debug!("a handshake with {} failed: {refusal}", peer.0);
                    }
                }
                Err(_) => debug!("a handshake with {} takes too long", peer.0),
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_where_another_daemon_listens_is_refused_but_that_of_the_one_before() {
        let first = bind(([127, 0, 0, 1], 0).into(), Sharing::WithNobody).unwrap();
        first.listen(1).unwrap();
        let address = first.local_addr().unwrap().as_socket().unwrap();
        let refusal = bind(address, Sharing::WithNobody).unwrap_err().to_string();
        assert!(refusal.ends_with("another process listens there"), "{refusal}");
        bind(address, Sharing::WithOurselves).unwrap();
    }

    /// Of the listening socket the accepted ones have it, and the kernel ends them: also those whose clients are there.
    #[tokio::test]
    async fn nobody_keeps_a_connection_who_takes_nothing_of_what_he_is_sent() {
        let socket = bind(([127, 0, 0, 1], 0).into(), Sharing::WithNobody).unwrap();
        socket.listen(1).unwrap();
        let listener = TcpListener::from_std(socket.into()).unwrap();
        let _client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (accepted, _) = listener.accept().await.unwrap();
        let limit = socket2::SockRef::from(&accepted).tcp_user_timeout().unwrap();
        assert_eq!(limit, Some(TIME_TO_TAKE));
    }

    #[test]
    fn an_address_for_all_overlaps_each_of_its_family_and_port() {
        for (one, other, is) in [
            ("127.0.0.1:80", "127.0.0.1:80", true),
            ("127.0.0.1:80", "127.0.0.2:80", false),
            ("127.0.0.1:80", "0.0.0.0:80", true),
            ("0.0.0.0:80", "127.0.0.1:81", false),
            ("[::]:80", "[::1]:80", true),
            ("[::]:80", "127.0.0.1:80", false),
        ] {
            let (one, other) = (one.parse().unwrap(), other.parse().unwrap());
            assert_eq!(
                (overlap(one, other), overlap(other, one)),
                (is, is),
                "{one} {other}"
            );
        }
    }
}

//! Letting connections in: as many at a time as there are places, the rest waits in the kernel.

use std::{
    io,
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use futures_util::FutureExt as _;
use tokio::{
    net::{TcpListener, TcpStream, UnixListener, UnixStream, unix},
    sync::{OwnedSemaphorePermit, Semaphore},
    time,
};
use tracing::warn;

use crate::seldom::Seldom;

/// How long accepting rests after it failed: most likely files are short, which others have to close.
const PAUSE: Duration = Duration::from_millis(100);
/// How often that is complained of at most.
const COMPLAIN: Duration = Duration::from_secs(30);

/// A place, which is free again when this is dropped.
pub(crate) type Place = OwnedSemaphorePermit;

/// What connections come by.
pub(crate) trait Listen {
    /// One of them, and who is at its other end.
    type Connection;

    /// The next of them.
    fn next(&self) -> impl Future<Output = io::Result<Self::Connection>> + Send;
}

impl Listen for TcpListener {
    type Connection = (TcpStream, SocketAddr);

    fn next(&self) -> impl Future<Output = io::Result<Self::Connection>> + Send {
        self.accept()
    }
}

impl Listen for UnixListener {
    type Connection = (UnixStream, unix::SocketAddr);

    fn next(&self) -> impl Future<Output = io::Result<Self::Connection>> + Send {
        self.accept()
    }
}

/// Who lets connections in.
pub(crate) struct Admission {
    /// What there is to come to, for the log.
    to: &'static str,
    places: Arc<Semaphore>,
    complaints: Seldom,
}

impl Admission {
    /// Lets them in to what is called so in the log.
    pub(crate) fn new(to: &'static str, places: Arc<Semaphore>) -> Self {
        Self {
            to,
            places,
            complaints: Seldom::every(COMPLAIN),
        }
    }

    /// The next connection, once there is a place for it. May be given up at any time: nobody is lost by that.
    pub(crate) async fn next<L: Listen>(&mut self, listener: &L) -> (Option<Place>, L::Connection) {
        loop {
            // Places are never closed: there is one.
            let place = Arc::clone(&self.places).acquire_owned().await.ok();
            match listener.next().await {
                Ok(connection) => return (place, connection),
                Err(error) => {
                    if self.complaints.is_due(Instant::now()) {
                        warn!("{} cannot take connections, and tries again: {error}", self.to);
                    }
                    time::sleep(PAUSE).await;
                }
            }
        }
    }

    /// A connection that waits already, if there is a place for it.
    pub(crate) fn waiting<L: Listen>(&self, listener: &L) -> Option<(Place, L::Connection)> {
        let place = Arc::clone(&self.places).try_acquire_owned().ok()?;
        let connection = listener.next().now_or_never()?.ok()?;
        Some((place, connection))
    }
}

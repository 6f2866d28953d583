//! Letting connections in: as many at a time as there are places, the rest waits in the kernel. And leaving places for others.

use std::{
    collections::HashMap,
    hash::Hash,
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
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

/// Has nobody take more than his share of the places.
#[derive(Clone)]
pub(crate) struct Shares<K> {
    most: usize,
    taken: Arc<Mutex<HashMap<K, usize>>>,
}

/// A place of somebody's share, which is free again when this is dropped.
pub(crate) struct Share<K: Hash + Eq + Clone> {
    shares: Shares<K>,
    whose: K,
}

impl<K: Hash + Eq + Clone> Shares<K> {
    /// So many places for each.
    pub(crate) fn of(most: usize) -> Self {
        Self {
            most,
            taken: Arc::default(),
        }
    }

    /// One more, unless somebody has all of his already.
    pub(crate) fn admit(&self, whose: K) -> Option<Share<K>> {
        let mut taken = self.taken();
        let count = taken.entry(whose.clone()).or_default();
        if *count >= self.most {
            return None;
        }
        *count += 1;
        let shares = self.clone();
        Some(Share { shares, whose })
    }

    fn taken(&self) -> MutexGuard<'_, HashMap<K, usize>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Hash + Eq + Clone> Drop for Share<K> {
    fn drop(&mut self) {
        let mut taken = self.shares.taken();
        if let Some(count) = taken.get_mut(&self.whose) {
            *count -= 1;
            if *count == 0 {
                taken.remove(&self.whose);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_who_has_all_of_his_share_leaves_places_for_others() {
        let shares = Shares::of(2);
        let mut held: Vec<_> = (0..2).map(|_| shares.admit("one").unwrap()).collect();
        assert!(shares.admit("one").is_none());
        assert!(shares.admit("other").is_some());
        held.pop();
        assert!(shares.admit("one").is_some());
        drop(held);
        assert!(shares.taken().is_empty());
    }
}

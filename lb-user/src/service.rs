//! What the service manager is told (`sd_notify(3)`); where there is none, nothing is.

use std::{
    collections::HashMap,
    io,
    net::{SocketAddr, TcpListener},
    os::fd::AsFd as _,
    process,
};

use listenfd::ListenFd;
use sd_notify::NotifyState;
use tracing::warn;

use crate::model::Config;

/// Sockets in one message: the kernel takes 253 at most (`SCM_MAX_FD`).
const MOST_AT_ONCE: usize = 128;

/// Listening sockets that the service manager passed on: those that it kept over a restart, and those of a socket unit
/// (`sd_listen_fds(3)`).
pub(crate) fn passed_sockets() -> Vec<TcpListener> {
    let mut passed = ListenFd::from_env();
    let sockets = (0..passed.len()).filter_map(|index| match passed.take_tcp_listener(index) {
        Ok(socket) => socket,
        Err(error) => {
            warn!("a socket that the service manager passed on is of no use: {error}");
            None
        }
    });
    sockets.collect()
}

/// The listening sockets that the service manager keeps open over a restart: how many were given to it at each address.
#[derive(Default)]
pub(crate) struct KeptSockets(HashMap<SocketAddr, usize>);

impl KeptSockets {
    /// Those that were passed on at the start: it has them, until it is told that they are of no use any more.
    pub(crate) fn passed(sockets: &[TcpListener]) -> Self {
        let addresses = sockets.iter().filter_map(|socket| socket.local_addr().ok());
        Self(addresses.map(|address| (address, 0)).collect())
    }

    /// Has it keep these, and no others.
    pub(crate) fn follow(&mut self, sockets: &HashMap<SocketAddr, Vec<TcpListener>>) {
        let gone = self.0.extract_if(|address, _| !sockets.contains_key(address));
        for (address, _) in gone {
            let name = name_of(address);
            said(sd_notify::notify(&[
                NotifyState::FdStoreRemove,
                NotifyState::FdName(&name),
            ]));
        }
        for (address, sockets) in sockets {
            if self.0.insert(*address, sockets.len()) != Some(sockets.len()) {
                let name = name_of(*address);
                // Otherwise it looks whether they hang up, which they never do.
                let state = [
                    NotifyState::FdStore,
                    NotifyState::FdName(&name),
                    NotifyState::Custom("FDPOLL=0"),
                ];
                for some in sockets.chunks(MOST_AT_ONCE) {
                    let some: Vec<_> = some.iter().map(|socket| socket.as_fd()).collect();
                    said(sd_notify::notify_with_fds(&state, &some));
                }
            }
        }
    }
}

/// A name as the service manager takes them: without colons.
fn name_of(address: SocketAddr) -> String {
    format!("{}-{}", address.ip(), address.port()).replace(':', "_")
}

/// What happened to the daemon.
pub(crate) enum News<'n> {
    /// It serves this configuration.
    Serving(&'n Config),
    /// It serves in place of an earlier daemon, and is the process of the service from now on.
    TookOver,
    /// It takes its configuration again.
    Reloading,
    /// It was given a configuration that it does not take, and serves the one it had.
    Refused,
    /// It ends, once what is under way has ended, or after so many seconds.
    Stopping {
        /// For which requests are waited.
        drain_s: u32,
    },
}

/// How long the daemon may take to end when all requests have, in seconds.
const TO_END_S: u32 = 30;

/// Tells the service manager.
pub(crate) fn tell(news: &News<'_>) {
    said(try_to_tell(news));
}

fn said(outcome: io::Result<()>) {
    if let Err(error) = outcome {
        warn!("the service manager cannot be told: {error}");
    }
}

fn try_to_tell(news: &News<'_>) -> io::Result<()> {
    match news {
        News::Serving(config) => {
            let status = what_is_served(config);
            sd_notify::notify(&[NotifyState::Ready, NotifyState::Status(&status)])
        }
        News::TookOver => sd_notify::notify(&[NotifyState::MainPid(process::id())]),
        // Which reload it is that has begun: sd_notify(3) wants the time with it.
        News::Reloading => sd_notify::notify(&[
            NotifyState::Reloading,
            NotifyState::monotonic_usec_now()?,
            NotifyState::Status("taking the configuration again"),
        ]),
        News::Refused => sd_notify::notify(&[
            NotifyState::Ready,
            NotifyState::Status("serving as before: the new configuration was refused, see the log"),
        ]),
        News::Stopping { drain_s } => sd_notify::notify(&[
            NotifyState::Stopping,
            NotifyState::Status("ending"),
            // Its patience may be shorter than what is configured here.
            NotifyState::ExtendTimeoutUsec((drain_s + TO_END_S) * 1_000_000),
        ]),
    }
}

fn what_is_served(config: &Config) -> String {
    let balancers = config.load_balancers.iter();
    let listeners: usize = balancers.map(|balancer| balancer.listeners.len()).sum();
    let members: usize = config.pools.iter().map(|pool| pool.members.len()).sum();
    format!(
        "serving: listeners {listeners}, pools {}, members {members}",
        config.pools.len()
    )
}

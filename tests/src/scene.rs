//! A laboratory at work: members that serve, and the daemon that balances between them.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context as _, Result};

use crate::client::{Client, Protocol};
use crate::config::{Config, Pool};
use crate::daemon::Daemon;
use crate::eventually::try_eventually;
use crate::member::{Member, Services};
use crate::topology::{Builder, Family, Laboratory};

/// Where the members serve, over TCP and UDP.
pub const MEMBER_PORT: u16 = 8080;
/// Where they have their health page: see [`Services`].
pub const HEALTH_PORT: u16 = 8081;

const TIME_TO_RELOAD: Duration = Duration::from_secs(10);

/// The members of a laboratory behind its VIPs: a listener for TCP and UDP, IPv4 and IPv6 alike, and for each family a
/// pool that both protocols share.
#[derive(Debug)]
pub struct Scene {
    // First, so that it ends before what it balances.
    daemon: Daemon,
    members: Vec<Member>,
    lab: Laboratory,
    port: u16,
    settings: fn(Pool) -> Pool,
}

impl Scene {
    /// Puts members of these weights, the first being member 1, behind a port of the VIPs. The settings are those of
    /// both pools.
    pub fn start(builder: Builder, port: u16, weights: &[u32], settings: fn(Pool) -> Pool) -> Result<Self> {
        Self::start_with("", builder, port, weights, settings)
    }

    /// [`Self::start`] with further lines for the section `datapath`.
    pub fn start_with(
        datapath: &str,
        builder: Builder,
        port: u16,
        weights: &[u32],
        settings: fn(Pool) -> Pool,
    ) -> Result<Self> {
        let lab = builder.members(weights.len()).build()?;
        let members = lab.serve_all(
            &Services::new()
                .tcp([MEMBER_PORT])
                .udp([MEMBER_PORT])
                .http([HEALTH_PORT]),
        )?;
        let config = config(&lab, port, weights, settings);
        let daemon = Daemon::start(&lab, format!("{datapath}\n{config}"))?;
        Ok(Self {
            daemon,
            members,
            lab,
            port,
            settings,
        })
    }

    /// Gives the members other weights, and returns when these hold.
    pub fn reweigh(&self, weights: &[u32]) -> Result<()> {
        self.reconfigure(weights, self.settings)
    }

    /// Gives the members other weights and the pools other settings, and returns when these hold.
    pub fn reconfigure(&self, weights: &[u32], settings: fn(Pool) -> Pool) -> Result<()> {
        let reloads = || self.daemon.log().matches("reloaded").count();
        let before = reloads();
        self.daemon
            .reconfigure(config(&self.lab, self.port, weights, settings))?;
        try_eventually("the daemon to have reloaded", TIME_TO_RELOAD, || {
            reloads() > before
        })
        .with_context(|| format!("its log:\n{}", self.daemon.log()))
    }

    /// The weights with the names of their members, as [`crate::Tally`] wants them.
    #[must_use]
    pub fn named(&self, weights: &[u32]) -> Vec<(String, u32)> {
        let numbered = weights.iter().zip(1..);
        numbered
            .map(|(weight, number)| (self.lab.member_name(number).to_owned(), *weight))
            .collect()
    }

    /// New connections of clients of both families are dealt as these weights say.
    #[track_caller]
    pub fn assert_dealt(&self, weights: &[u32]) {
        for family in Family::BOTH {
            let sources = |index| family.source(index);
            let tally = self.client().sweep_connections(100, sources, self.vip(family), 8);
            tally.assert_proportions(&self.named(weights), 1.0);
        }
    }

    /// What clients of a family ask.
    #[must_use]
    pub fn vip(&self, family: Family) -> SocketAddr {
        SocketAddr::new(self.lab.vip(family), self.port)
    }

    /// The client.
    #[must_use]
    pub fn client(&self) -> &Client {
        self.lab.client()
    }

    /// The daemon.
    #[must_use]
    pub fn daemon(&self) -> &Daemon {
        &self.daemon
    }

    /// The daemon, to be ended and started.
    pub fn daemon_mut(&mut self) -> &mut Daemon {
        &mut self.daemon
    }

    /// The members; the first of the list is member 1.
    #[must_use]
    pub fn members(&self) -> &[Member] {
        &self.members
    }

    /// The laboratory.
    #[must_use]
    pub fn lab(&self) -> &Laboratory {
        &self.lab
    }
}

/// All listeners and pools of a scene.
fn config(lab: &Laboratory, port: u16, weights: &[u32], settings: fn(Pool) -> Pool) -> Config {
    Family::BOTH.into_iter().fold(Config::new(), |config, family| {
        let name = format!("{family:?}");
        let vip = SocketAddr::new(lab.vip(family), port);
        let config = Protocol::BOTH
            .into_iter()
            .fold(config, |config, protocol| config.listener(protocol, vip, &name));
        let pool = weights
            .iter()
            .zip(1..)
            .fold(Pool::new(&name), |pool, (weight, number)| {
                let address = SocketAddr::new(lab.member_address(number, family), MEMBER_PORT);
                pool.member(lab.member_name(number), address, *weight)
            });
        config.pool(settings(pool))
    })
}

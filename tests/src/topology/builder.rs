//! Laying out a laboratory.

use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};

use super::addresses::{Family, MOST_MEMBERS, NOBODYS_PORT, Topology, member_name};
use super::wiring::Wiring;
use super::{Laboratory, Place};
use crate::client::Client;
use crate::eventually::try_eventually;
use crate::netns::Namespace;

/// The choices before a [`Laboratory`] is built.
#[derive(Clone, Debug)]
pub struct Builder {
    topology: Topology,
    members: usize,
    vips: Vec<IpAddr>,
    vips_on_members: bool,
}

impl Builder {
    pub(super) fn new(topology: Topology) -> Self {
        let vips = Family::BOTH.map(Family::vip).to_vec();
        Self {
            topology,
            members: 3,
            vips,
            vips_on_members: false,
        }
    }

    /// How many members (3 unless told).
    #[must_use]
    pub fn members(mut self, count: usize) -> Self {
        self.members = count;
        self
    }

    /// One more VIP, beside [`Family::vip`] of both families.
    #[must_use]
    pub fn vip(mut self, address: IpAddr) -> Self {
        self.vips.push(address);
        self
    }

    /// Gives the members the VIPs too, on `lo`, and keeps them silent about it: what `dsr` and `ipip` want of them.
    /// Only on the flat topology, where their answers can go straight to the client.
    #[must_use]
    pub fn vips_on_members(mut self) -> Self {
        self.vips_on_members = true;
        self
    }

    /// Builds it, and returns when the client reaches every member over IPv4 and IPv6.
    pub fn build(self) -> Result<Laboratory> {
        ensure!(self.members <= MOST_MEMBERS, "at most {MOST_MEMBERS} members");
        ensure!(
            !self.vips_on_members || self.topology == Topology::Flat,
            "direct return wants the flat topology"
        );
        raise_open_files()?;
        let client_side = Namespace::new("client")?;
        let balancer = Arc::new(Namespace::new("balancer")?);
        let members = (1..=self.members)
            .map(|number| Namespace::new(&member_name(number)))
            .collect::<Result<Vec<_>>>()?;
        let switch = match self.topology {
            Topology::Routed => None,
            Topology::Flat => Some(Namespace::new("switch")?),
        };
        Wiring {
            topology: self.topology,
            client: &client_side,
            balancer: &balancer,
            members: &members,
            switch: switch.as_ref(),
            vips: &self.vips,
            vips_on_members: self.vips_on_members,
        }
        .connect()?;

        let places = members.into_iter().zip(1..).map(|(namespace, number)| {
            Arc::new(Place {
                name: member_name(number),
                namespace,
                own: Family::BOTH.map(|family| self.topology.member(number, family)),
                vips: if self.vips_on_members {
                    self.vips.clone()
                } else {
                    Vec::new()
                },
                uplink: super::wiring::uplink(self.topology, number),
            })
        });
        let laboratory = Laboratory {
            client: Client::new(&client_side)?,
            topology: self.topology,
            places: places.collect(),
            client_side: Arc::new(client_side),
            balancer,
            _switch: switch,
        };
        laboratory.await_paths()?;
        Ok(laboratory)
    }
}

impl Laboratory {
    /// The kernel brings links up in its own time, and IPv6 only after them.
    fn await_paths(&self) -> Result<()> {
        for address in self.places.iter().flat_map(|place| place.own) {
            let probe = self.client.clone().with_timeout(Duration::from_secs(1));
            let target = SocketAddr::new(address, NOBODYS_PORT);
            let what = format!("the client to reach {address}");
            try_eventually(&what, Duration::from_secs(10), || {
                match probe.ask_tcp(None, target) {
                    Err(refused) if refused.kind() == ErrorKind::ConnectionRefused => Ok(()),
                    Err(other) => Err(other.to_string()),
                    Ok(answer) => Err(format!("{} listens there", answer.member)),
                }
            })?;
        }
        Ok(())
    }
}

/// Clients and members are all in this process: a connection takes two descriptors of it.
fn raise_open_files() -> Result<()> {
    use nix::sys::resource::{Resource, getrlimit, setrlimit};
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    if soft < hard {
        setrlimit(Resource::RLIMIT_NOFILE, hard, hard).context("cannot raise RLIMIT_NOFILE")?;
    }
    Ok(())
}

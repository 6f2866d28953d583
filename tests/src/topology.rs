//! The standard laboratory: who is connected to whom, and how.
//!
//! [`Topology::Routed`] puts the balancer between the client and the members, each on a network of its own:
//!
//! ```text
//!                   client           balancer          member i
//!                   eth0 ------------ client
//!                                     member<i> ------- eth0
//! 10.1.0.0/24       .2               .1 and the VIP .100
//! fd00:1::/64       ::2              ::1 and the VIP ::100
//! 10.2.<i>.0/24                      .1                .2
//! fd00:2:<i>::/64                    ::1               ::2
//! ```
//!
//! [`Topology::Flat`] puts them all on one segment, a bridge in a namespace of its own: there a member's answer can
//! reach the client without the balancer, which direct return wants (on the routed one it would come back to the
//! balancer with the VIP, an address of its own, as its source, and the kernel would drop it as a martian).
//!
//! ```text
//! 10.1.0.0/24       client eth0 .2   balancer lan .1 and the VIP .100   member eth0 .<10 + i>
//! fd00:1::/64       ::2              ::1 and the VIP ::100              ::1:<i>
//! ```
//!
//! In both, the client may also use any address of 10.9.0.0/16 and of `fd00:9::/64` ([`Family::source`]).

mod addresses;
mod builder;
mod wiring;

use std::net::IpAddr;
use std::sync::Arc;

use anyhow::Result;

pub(crate) use addresses::NOBODYS_PORT;
pub use addresses::{Family, Topology};
pub use builder::Builder;

use crate::client::Client;
use crate::member::{Member, Services};
use crate::netns::Namespace;

/// A client, a balancer and members, connected. Everything is removed on drop.
#[derive(Debug)]
pub struct Laboratory {
    // First, so that its thread has left the namespace when that goes.
    client: Client,
    topology: Topology,
    client_side: Arc<Namespace>,
    balancer: Arc<Namespace>,
    places: Vec<Arc<Place>>,
    _switch: Option<Namespace>,
}

/// Where a member stands.
#[derive(Debug)]
pub(crate) struct Place {
    pub(crate) name: String,
    pub(crate) namespace: Namespace,
    pub(crate) own: [IpAddr; 2],
    /// The VIPs, where the members accept packets for them.
    pub(crate) vips: Vec<IpAddr>,
    /// The `ip` lines that connect it, to be run again after its link was down.
    pub(crate) uplink: Vec<String>,
}

impl Laboratory {
    /// The balancer between the client's network and those of the members: for `full_nat` and `nat`.
    #[must_use]
    pub fn routed() -> Builder {
        Builder::new(Topology::Routed)
    }

    /// All on one segment: for `dsr` and `ipip` (see [`Builder::vips_on_members`]), and for one-armed balancing.
    #[must_use]
    pub fn flat() -> Builder {
        Builder::new(Topology::Flat)
    }

    /// How it is wired.
    #[must_use]
    pub fn topology(&self) -> Topology {
        self.topology
    }

    /// The client. Clone it to have one with other settings.
    #[must_use]
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// The namespace of the client.
    #[must_use]
    pub fn client_namespace(&self) -> &Arc<Namespace> {
        &self.client_side
    }

    /// The namespace in which the daemon runs.
    #[must_use]
    pub fn balancer(&self) -> &Arc<Namespace> {
        &self.balancer
    }

    /// The namespace of a member.
    #[must_use]
    pub fn member_namespace(&self, number: usize) -> &Namespace {
        &self.place(number).namespace
    }

    /// How many members have been laid out; they are numbered from 1.
    #[must_use]
    pub fn members(&self) -> usize {
        self.places.len()
    }

    /// The name with which a member answers: `member<number>`.
    #[must_use]
    pub fn member_name(&self, number: usize) -> &str {
        &self.place(number).name
    }

    /// The address of a member.
    #[must_use]
    pub fn member_address(&self, number: usize, family: Family) -> IpAddr {
        self.topology.member(number, family)
    }

    /// The balancer's address on the network of a member.
    #[must_use]
    pub fn balancer_address(&self, number: usize, family: Family) -> IpAddr {
        self.topology.gateway_of(number, family)
    }

    /// The first VIP of a family: 10.1.0.100 or `fd00:1::100`.
    #[must_use]
    pub fn vip(&self, family: Family) -> IpAddr {
        family.vip()
    }

    /// The interfaces of the balancer, for `datapath.interfaces`: the client's first.
    #[must_use]
    pub fn balancer_interfaces(&self) -> Vec<String> {
        self.topology.balancer_interfaces(self.members())
    }

    /// Starts the servers of a member.
    pub fn serve(&self, number: usize, services: &Services) -> Result<Member> {
        Member::start(Arc::clone(self.place(number)), services)
    }

    /// Starts the same servers at every member; the first of the list is member 1.
    pub fn serve_all(&self, services: &Services) -> Result<Vec<Member>> {
        (1..=self.members())
            .map(|number| self.serve(number, services))
            .collect()
    }

    fn place(&self, number: usize) -> &Arc<Place> {
        let place = number.checked_sub(1).and_then(|index| self.places.get(index));
        place.unwrap_or_else(|| panic!("no member {number}: there are 1 to {}", self.members()))
    }
}

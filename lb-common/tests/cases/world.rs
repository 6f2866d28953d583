//! A balancer with a VIP, its members, and a client.

use std::net::IpAddr;

use lb_common::{
    address::{Address, Endpoint},
    host::HostTables,
    tables::{Algorithm, Forwarding, Listener, Member, Pool},
    verdict::{Reason, Verdict},
};

use super::{
    build::{ACK, Builder, SYN},
    core::{CLIENTS, Core as _, MEMBERS},
    read::Seen,
};
use crate::Here;

pub(crate) const MEMBER_PORT: u16 = 8080;
pub(crate) const VIP_PORT: u16 = 80;
/// The balancer's hardware address towards the members.
pub(crate) const BALANCER_MAC: [u8; 6] = [2, 0x42, 0, 0, 0, 1];

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Family {
    V4,
    V6,
}

impl Family {
    pub(crate) fn address(self, network: u8, host: u16) -> IpAddr {
        let [high, low] = host.to_be_bytes();
        match self {
            Self::V4 => [10, network, high, low].into(),
            Self::V6 => [0x2001, 0xdb8, network.into(), 0, 0, 0, 0, host].into(),
        }
    }
}

/// Both families and both protocols.
pub(crate) const ALL: [(Family, u8); 4] = [
    (Family::V4, 6),
    (Family::V4, 17),
    (Family::V6, 6),
    (Family::V6, 17),
];

pub(crate) struct World {
    pub(crate) core: Here,
    pub(crate) family: Family,
    pub(crate) protocol: u8,
    pub(crate) pool: u32,
    pub(crate) listener: u32,
    pub(crate) members: Vec<u32>,
}

#[derive(Clone, Copy)]
pub(crate) struct Plan {
    pub(crate) family: Family,
    pub(crate) member_family: Family,
    pub(crate) protocol: u8,
    pub(crate) forwarding: Forwarding,
    pub(crate) algorithm: Algorithm,
    pub(crate) weights: &'static [u32],
    pub(crate) session_idle_s: u32,
    pub(crate) flow_buckets: u32,
    /// Of another listener at the same port, with the same pool.
    pub(crate) second_protocol: Option<u8>,
    /// A port of the VIP that the host serves, over TCP.
    pub(crate) host_port: Option<u16>,
    /// Of the hashes.
    pub(crate) seed: u64,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            family: Family::V4,
            member_family: Family::V4,
            protocol: 6,
            forwarding: Forwarding::FULL_NAT,
            algorithm: Algorithm::RoundRobin,
            weights: &[1, 1],
            session_idle_s: 0,
            flow_buckets: 64,
            second_protocol: None,
            host_port: None,
            seed: 7,
        }
    }
}

impl Plan {
    pub(crate) fn of(family: Family, protocol: u8) -> Self {
        Self {
            family,
            member_family: family,
            protocol,
            ..Self::default()
        }
    }

    pub(crate) fn build(self) -> World {
        let tables = HostTables::new(self.flow_buckets, 2 * self.flow_buckets);
        tables.settings.seed.set(self.seed);
        let pool = tables.add_pool(self.forwarding, self.algorithm);
        tables.pools[pool as usize]
            .session_idle_s
            .set(self.session_idle_s);
        let vip = Endpoint {
            address: self.family.address(0, 1).into(),
            port: VIP_PORT,
        };
        let listener = tables.add_listener(&vip, self.protocol, pool);
        if let Some(protocol) = self.second_protocol {
            tables.add_listener(&vip, protocol, pool);
        }
        if let Some(port) = self.host_port {
            tables.add_listener(&Endpoint { port, ..vip }, 6, Listener::HOST);
        }
        let mut members = Vec::new();
        for (&weight, host) in self.weights.iter().zip(1..) {
            let endpoint = Endpoint {
                address: self.member_family.address(1, host).into(),
                port: MEMBER_PORT,
            };
            let id = tables.add_member(pool, &endpoint);
            tables.members[id as usize].weight.set(weight);
            members.push(id);
        }
        let snat: [Address; 2] = [2, 3].map(|host| self.member_family.address(2, host).into());
        tables.set_snat(1..=members.len() as u32, &snat);
        tables.lay_out(pool);
        World {
            core: Here::first(tables),
            family: self.family,
            protocol: self.protocol,
            pool,
            listener,
            members,
        }
    }
}

impl World {
    pub(crate) fn vip(&self) -> (IpAddr, u16) {
        (self.family.address(0, 1), VIP_PORT)
    }

    /// A client's endpoint.
    pub(crate) fn client(&self, host: u16, port: u16) -> (IpAddr, u16) {
        (self.family.address(9, host), port)
    }

    /// The first packet of a flow.
    pub(crate) fn first(&self, host: u16, port: u16) -> Builder {
        Builder::of(self.protocol, self.client(host, port), self.vip())
    }

    /// A later TCP packet of a flow.
    pub(crate) fn later(&self, host: u16, port: u16, flags: u8) -> Builder {
        Builder::tcp(self.client(host, port), self.vip(), flags | ACK)
    }

    /// Opens a TCP connection, and gives what the member saw of its first packet.
    pub(crate) fn establish(&self, host: u16, port: u16) -> Seen {
        let seen = self.forward(&self.first(host, port));
        self.back(&seen.answer(SYN | ACK));
        self.forward(&self.later(host, port, 0));
        seen
    }

    pub(crate) fn member(&self, index: usize) -> &Member {
        self.core.member(self.members[index])
    }

    pub(crate) fn pool(&self) -> &Pool {
        self.core.pool(self.pool)
    }

    pub(crate) fn pass_time(&self, seconds: u32) {
        self.core.pass_time(seconds);
    }

    /// Sends a frame that comes in by this interface.
    pub(crate) fn run(&self, ingress: u32, frame: &[u8]) -> (Verdict, Vec<u8>) {
        self.core.run(ingress, frame)
    }

    /// What left after a run that must have redirected it to this interface.
    pub(crate) fn sent_by(&self, interface: u32, (verdict, bytes): (Verdict, Vec<u8>)) -> Seen {
        assert_eq!(verdict, Verdict::Redirect, "{:?}", self.reasons());
        if let Some(redirected) = self.core.redirected() {
            assert_eq!(redirected, interface);
        }
        Seen::frame(&bytes)
    }

    /// Sends a frame from the client's side that must leave towards a member.
    pub(crate) fn forward_frame(&self, frame: &[u8]) -> Seen {
        self.sent_by(MEMBERS, self.run(CLIENTS, frame))
    }

    pub(crate) fn forward(&self, packet: &Builder) -> Seen {
        self.forward_frame(&packet.frame())
    }

    /// The id of the member that a packet goes to, by its hardware address.
    pub(crate) fn chosen(&self, packet: &Builder) -> u32 {
        u32::from(self.forward(packet).macs[5])
    }

    /// Sends a frame from the members' side that must leave towards the client.
    pub(crate) fn back_frame(&self, frame: &[u8]) -> Seen {
        self.sent_by(CLIENTS, self.run(MEMBERS, frame))
    }

    pub(crate) fn back(&self, packet: &Builder) -> Seen {
        self.back_frame(&packet.frame())
    }

    /// Sends a frame that must not leave towards a member.
    pub(crate) fn refused(&self, frame: &[u8]) -> (Verdict, Vec<u8>) {
        let (verdict, bytes) = self.run(CLIENTS, frame);
        assert_ne!(verdict, Verdict::Redirect);
        (verdict, bytes)
    }

    /// Asserts that a frame is dropped for this reason.
    pub(crate) fn dropped(&self, frame: &[u8], reason: Reason) {
        let before = self.core.reason(reason);
        let (verdict, _) = self.refused(frame);
        assert_eq!(verdict, Verdict::Drop);
        assert_eq!(self.core.reason(reason), before + 1, "{:?}", self.reasons());
    }

    /// Asserts that a frame is passed on and not touched.
    pub(crate) fn untouched(&self, frame: &[u8]) {
        let (verdict, bytes) = self.refused(frame);
        assert_eq!(verdict, Verdict::Pass, "{:?}", self.reasons());
        assert_eq!(bytes, frame);
    }

    /// Sends a frame that must be answered to the client.
    pub(crate) fn answered(&self, frame: &[u8], reason: Reason) -> Seen {
        let before = self.core.reason(reason);
        let (verdict, bytes) = self.refused(frame);
        assert_eq!(verdict, Verdict::Transmit, "{:?}", self.reasons());
        assert_eq!(self.core.reason(reason), before + 1);
        let seen = Seen::frame(&bytes);
        assert_eq!(seen.macs, [&frame[6..12], &frame[..6]].concat(), "turned round");
        seen
    }

    pub(crate) fn reasons(&self) -> Vec<(&'static str, u64)> {
        let all = Reason::ALL.iter();
        all.map(|&reason| (reason.label(), self.core.reason(reason)))
            .filter(|&(_, count)| count > 0)
            .collect()
    }

    /// How many ways of the flow table are taken.
    pub(crate) fn flows(&self) -> usize {
        let ways = self.core.buckets().iter().flat_map(|bucket| &bucket.tags);
        ways.filter(|tag| tag.get() != 0).count()
    }

    /// How many entries the return index has.
    pub(crate) fn returns(&self) -> usize {
        let entries = self
            .core
            .return_buckets()
            .iter()
            .flat_map(|bucket| &bucket.entries);
        entries.filter(|entry| entry.get() != 0).count()
    }
}

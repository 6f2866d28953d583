//! `[[pool]]` and `[[pool.member]]`: what can be said about a pool without looking at its listeners.

use std::collections::HashSet;
use std::net::{IpAddr, SocketAddr};

use super::diagnostic::Reported;
use super::health_monitor::{RawHealthMonitor, health_monitor};
use super::http;
use super::persistence::{RawPersistence, session_persistence};
use super::reader::{At, Read, Scope, Table};
use super::rules::unique;
use super::values::{address, boolean, host_address, integer, list, name, port_range, word};
use crate::model::{
    Forwarding, ForwardingMode, LbAlgorithm, MAX_MEMBERS_PER_POOL, Member, MemberHttp, Pool, PortRange,
    SourceNat,
};

const MOST_SNAT_ADDRESSES: usize = 64;
const SNAT: [&str; 2] = ["snat_addresses", "snat_ports"];

pub(super) struct RawPool<'r> {
    pub(super) scope: Scope<'r>,
    pub(super) name: Read<String>,
    algorithm: Read<LbAlgorithm>,
    pub(super) forwarding: Read<ForwardingMode>,
    pub(super) snat_addresses: Read<Vec<At<IpAddr>>>,
    snat_ports: Read<PortRange>,
    pub(super) session_persistence: Result<Option<RawPersistence<'r>>, Reported>,
    pub(super) health_monitor: Result<Option<RawHealthMonitor<'r>>, Reported>,
    pub(super) http: Result<Option<At<MemberHttp>>, Reported>,
    pub(super) members: Vec<RawMember<'r>>,
}

pub(super) struct RawMember<'r> {
    pub(super) scope: Scope<'r>,
    name: Result<Option<At<String>>, Reported>,
    pub(super) address: Read<IpAddr>,
    pub(super) port: Result<Option<At<u16>>, Reported>,
    weight: Read<u16>,
    admin_state_up: Read<bool>,
    probe_address: Result<Option<At<IpAddr>>, Reported>,
    probe_port: Result<Option<At<u16>>, Reported>,
}

pub(super) fn pool<'r>(t: &mut Table<'_, 'r>) -> RawPool<'r> {
    let forwarding = t.or("forwarding", ForwardingMode::FullNat, word);
    if let Ok(mode) = &forwarding
        && mode.value != ForwardingMode::FullNat
    {
        t.misplaced(&SNAT, "forwarding = \"full_nat\"");
    }
    let raw = RawPool {
        name: t.required("name", name),
        algorithm: t.or("algorithm", LbAlgorithm::RoundRobin, word),
        forwarding,
        snat_addresses: t.or(SNAT[0], Vec::new(), list(MOST_SNAT_ADDRESSES, address)),
        snat_ports: t.or(SNAT[1], PortRange::default(), port_range),
        session_persistence: t.table("session_persistence", session_persistence),
        health_monitor: t.table("health_monitor", health_monitor),
        http: match t.table("http", |t| Ok((t.scope().span, http::member_http(t)?))) {
            Ok(read) => read
                .transpose()
                .map(|read| read.map(|(span, value)| At { value, span })),
            Err(reported) => Err(reported),
        },
        members: t.tables("member", &["name", "address"], member),
        scope: t.scope(),
    };
    raw.check();
    raw
}

fn member<'r>(t: &mut Table<'_, 'r>) -> RawMember<'r> {
    RawMember {
        name: t.optional("name", name),
        address: t.required("address", host_address),
        port: t.optional("port", integer(1..=u16::MAX)),
        weight: t.or("weight", 1, integer(0..=256)),
        admin_state_up: t.or("admin_state_up", true, boolean),
        probe_address: t.optional("probe_address", host_address),
        probe_port: t.optional("probe_port", integer(1..=u16::MAX)),
        scope: t.scope(),
    }
}

impl RawPool<'_> {
    fn check(&self) {
        self.check_algorithm_and_persistence();
        self.check_source_nat();
        self.check_member_count_and_weights();
        self.check_member_ports();
        self.check_members_are_different();
    }

    fn check_algorithm_and_persistence(&self) {
        if let (Ok(algorithm), Ok(Some(persistence))) = (&self.algorithm, &self.session_persistence)
            && algorithm.value == LbAlgorithm::SourceIp
        {
            self.scope.error(
                persistence.scope.span,
                "session persistence is not for algorithm SOURCE_IP, which already keeps a client on its server; \
                 leave out session_persistence, or write algorithm = \"ROUND_ROBIN\" or \"LEAST_CONNECTIONS\"",
            );
        }
    }

    fn check_source_nat(&self) {
        if let Ok(addresses) = &self.snat_addresses {
            let addresses = addresses.value.iter().map(|at| (at.value, at.span, &self.scope));
            unique(addresses, |address, line| {
                format!("snat_addresses has {address} already on line {line}; write it once")
            });
        }
        if let Ok(ports) = &self.snat_ports
            && ports.value.overlaps(PortRange::EPHEMERAL)
        {
            let (ports, span, ephemeral) = (ports.value, ports.span, PortRange::EPHEMERAL);
            let message = format!(
                "snat_ports {ports} overlap {ephemeral}, which Linux gives its own connections by default; \
                 end below {}, or move net.ipv4.ip_local_port_range",
                ephemeral.low
            );
            self.scope.warning(span, message);
        }
    }

    fn check_member_count_and_weights(&self) {
        let (span, count) = (self.scope.span, self.members.len());
        if count > MAX_MEMBERS_PER_POOL {
            let message = format!(
                "it has {count} members; a pool has at most {MAX_MEMBERS_PER_POOL}: use several pools"
            );
            self.scope.error(span, message);
        }
        if count == 0 {
            self.scope
                .warning(span, "it has no member, so that its clients are refused");
        } else if self
            .members
            .iter()
            .all(|member| member.weight.is_ok_and(|weight| weight.value == 0))
        {
            self.scope.warning(
                span,
                "every member has weight 0: all drain, and no new client gets in",
            );
        }
    }

    /// `full_nat` and `nat` send a packet to the port of the member, which must therefore be known.
    fn check_member_ports(&self) {
        let Ok(mode) = self.forwarding else { return };
        if !mode.value.changes_the_port() {
            return;
        }
        for member in self
            .members
            .iter()
            .filter(|member| matches!(member.port, Ok(None)))
        {
            let message = format!(
                "port is missing; {} forwarding needs the port the member listens on",
                mode.value
            );
            member.scope.error(member.scope.span, message);
        }
    }

    fn check_members_are_different(&self) {
        let Ok(mode) = self.forwarding else { return };
        let endpoint = |member: &RawMember<'_>| {
            let (address, port) = (member.address.ok()?, member.port.ok()?.map(|at| at.value));
            // Without a port of its own, a member is told from the others by its address alone.
            let port = if mode.value.changes_the_port() {
                Some(port?)
            } else {
                None
            };
            Some((address.value, port, address.span))
        };
        let endpoints = self.members.iter().filter_map(|member| {
            let (address, port, span) = endpoint(member)?;
            Some(((address, port), span, &member.scope))
        });
        unique(endpoints, |(address, port), line| {
            let endpoint = endpoint_name(*address, *port);
            format!("{endpoint} is already the member on line {line}; a server is a member of a pool once")
        });

        // That two have the same default name was just reported: they have the same address and port.
        let mut default_names = HashSet::new();
        let names = self.members.iter().filter_map(|member| {
            let (name, span) = match member.name.as_ref().ok()? {
                Some(at) => (at.value.clone(), at.span),
                None => (member.default_name()?, member.scope.span),
            };
            let given = matches!(member.name, Ok(Some(_)));
            (given || default_names.insert(name.clone())).then_some((name, span, &member.scope))
        });
        unique(names, |name, line| {
            format!("name {name:?} is already that of the member on line {line}; names are unique in a pool")
        });
    }

    /// The pool; `listener_port` is that of its listeners.
    pub(super) fn valid(&self, listener_port: Option<u16>) -> Result<Pool, Reported> {
        let mode = self.forwarding?.value;
        let forwarding = match mode {
            ForwardingMode::FullNat => Forwarding::FullNat(SourceNat {
                snat_addresses: self
                    .snat_addresses
                    .clone()?
                    .value
                    .iter()
                    .map(|at| at.value)
                    .collect(),
                snat_ports: self.snat_ports?.value,
            }),
            ForwardingMode::Nat => Forwarding::Nat,
            ForwardingMode::Dsr => Forwarding::Dsr,
            ForwardingMode::Ipip => Forwarding::Ipip,
        };
        let persistence = self
            .session_persistence
            .as_ref()?
            .as_ref()
            .map(|one| one.valid.clone());
        // Members that have a port are asked there.
        let is_missing = |member: &RawMember<'_>| matches!(member.port, Ok(None));
        let monitor_port =
            listener_port.filter(|_| !mode.changes_the_port() && self.members.iter().any(is_missing));
        let monitor = self
            .health_monitor
            .as_ref()?
            .as_ref()
            .map(|one| one.valid(monitor_port));
        Ok(Pool {
            name: self.name.clone()?.value,
            display_name: None,
            algorithm: self.algorithm?.value,
            forwarding,
            session_persistence: persistence.transpose()?,
            http: self.http.clone()?.map(|at| at.value),
            health_monitor: monitor.transpose()?,
            members: self
                .members
                .iter()
                .map(RawMember::valid)
                .collect::<Result<_, _>>()?,
        })
    }
}

impl RawMember<'_> {
    fn default_name(&self) -> Option<String> {
        Some(endpoint_name(
            self.address.ok()?.value,
            self.port.ok()?.map(|at| at.value),
        ))
    }

    fn valid(&self) -> Result<Member, Reported> {
        let (address, port) = (self.address?.value, self.port?.map(|at| at.value));
        Ok(Member {
            display_name: None,
            name: self
                .name
                .clone()?
                .map_or_else(|| endpoint_name(address, port), |at| at.value),
            address,
            port,
            probe_address: self.probe_address?.map(|at| at.value),
            probe_port: self.probe_port?.map(|at| at.value),
            weight: self.weight?.value,
            admin_state_up: self.admin_state_up?.value,
        })
    }
}

fn endpoint_name(address: IpAddr, port: Option<u16>) -> String {
    match port {
        Some(port) => SocketAddr::new(address, port).to_string(),
        None => address.to_string(),
    }
}

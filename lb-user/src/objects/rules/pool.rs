//! Pools.

use std::{net::IpAddr, ops::RangeInclusive};

use uuid::Uuid;

use super::{Fault, Inventory, Rules, changeable, check_protocols, found, not_offered};
use crate::{
    model::{self, LbKind, PersistenceType, token},
    objects::{Algorithm, Listener, LoadBalancer, Place, Pool, PoolProtocol, SessionPersistence, encryption},
};

/// The default of `persistence_timeout`, in seconds.
pub(crate) const PERSISTENCE_TIMEOUT_S: u32 = 1200;

const PERSISTENCE: &str = "session_persistence";

impl PoolProtocol {
    /// Whether the proxy serves it, if any of its listeners are the proxy's. A pool of this protocol has cookies then.
    pub(crate) fn is_layer_7(self) -> bool {
        matches!(self, Self::Http | Self::Proxy | Self::ProxyV2)
    }

    /// Refuses what nobody serves here.
    pub(crate) fn check_offered(self) -> Result<(), Fault> {
        if self == Self::Sctp {
            let instead = "use TCP, UDP, HTTP, HTTPS, PROXY or PROXYV2";
            return Err(not_offered("SCTP pools", instead).at("protocol"));
        }
        Ok(())
    }

    /// What the `persistence_timeout` of its pools may be, in seconds.
    pub(crate) fn persistence_timeouts_s(self) -> RangeInclusive<u32> {
        60..=if self.is_layer_7() { 86_400 } else { 3600 }
    }
}

impl Algorithm {
    /// Refuses what nobody chooses by here.
    pub(crate) fn check_offered(self) -> Result<(), Fault> {
        if self == Self::SourceIpPort {
            let instead = "use ROUND_ROBIN, LEAST_CONNECTIONS or SOURCE_IP";
            return Err(not_offered("lb_algorithm SOURCE_IP_PORT", instead).at("lb_algorithm"));
        }
        Ok(())
    }
}

impl Rules for Pool {
    fn load_balancer(&self, inventory: &Inventory) -> Result<Uuid, Fault> {
        let place = match self.place {
            Place {
                loadbalancer_id: Some(id),
                ..
            } => id,
            Place {
                listener_id: Some(id),
                ..
            } => found::<Listener>(inventory, id)?.load_balancer_id,
            Place { .. } => *self.load_balancers.first().ok_or_else(|| {
                Fault::invalid("Must provide at least one of: loadbalancer_id, listener_id")
            })?,
        };
        let balancer = found::<LoadBalancer>(inventory, place)?;
        changeable(balancer.as_ref())?;
        Ok(balancer.head.id)
    }

    fn admit(&mut self, before: Option<&Self>, tree: &mut Inventory) -> Result<(), Fault> {
        let balancer = self.load_balancer(tree)?;
        self.load_balancers = vec![balancer];
        let kind = found::<LoadBalancer>(tree, balancer)?.kind;
        let Place { listener_id, .. } = std::mem::take(&mut self.place);
        self.protocol.check_offered()?;
        self.lb_algorithm.check_offered()?;
        self.check_tls(before)?;
        if let Some(persistence) = &self.session_persistence {
            let checked = persistence.check(self.protocol, self.lb_algorithm, kind);
            checked.map_err(|fault| fault.within(PERSISTENCE).at(PERSISTENCE))?;
        }
        if let Some(listener) = listener_id.filter(|_| before.is_none()) {
            self.become_the_default_of(listener, tree)?;
        }
        Ok(())
    }

    fn leave(&self, tree: &mut Inventory) -> Result<(), Fault> {
        let id = self.head.id;
        if let Some(policy) = tree.policies_to(self).next() {
            let policy = policy.head.id;
            let text = format!("Pool {id} is in use by L7 policy {policy}");
            return Err(Fault::new(409, text));
        }
        let led: Vec<Listener> = tree
            .listeners_with(self)
            .map(|listener| (**listener).clone())
            .collect();
        for mut listener in led {
            listener.default_pool_id = None;
            tree.listeners.put(listener.into());
        }
        let members: Vec<Uuid> = tree.members.of(id).map(|member| member.head.id).collect();
        for member in members {
            tree.members.take(member);
        }
        if let Some(monitor) = tree.monitor_of(id).map(|monitor| monitor.head.id) {
            tree.health_monitors.take(monitor);
        }
        Ok(())
    }
}

impl Pool {
    fn become_the_default_of(&self, listener: Uuid, tree: &mut Inventory) -> Result<(), Fault> {
        // In the tree of its load balancer there are only listeners of that one.
        let mut listener = Listener::clone(found(tree, listener)?);
        if listener.default_pool_id.is_some() {
            return Err(Fault::new(409, "This listener already has a default pool").at("listener_id"));
        }
        listener.default_pool_id = Some(self.head.id);
        tree.pools.put(self.clone().into());
        check_protocols(&listener, self.head.id, tree).map_err(|fault| fault.at("protocol"))?;
        tree.listeners.put(listener.into());
        Ok(())
    }

    fn check_tls(&mut self, before: Option<&Self>) -> Result<(), Fault> {
        if self.crl_container_ref.is_some() && self.ca_tls_container_ref.is_none() {
            return Err(Fault::invalid(match before {
                None => "A CA certificate reference is required to specify a revocation list.",
                Some(before) if before.crl_container_ref.is_some() => {
                    "A CA reference cannot be removed when a certificate revocation list is present."
                }
                Some(_) => "A CA reference is required to specify a certificate revocation list.",
            })
            .at("ca_tls_container_ref"));
        }
        if self.crl_container_ref.is_some() {
            return Err(not_offered("crl_container_ref", "leave it out").at("crl_container_ref"));
        }
        if self.tls_container_ref.is_some() {
            return Err(not_offered("tls_container_ref", "leave it out").at("tls_container_ref"));
        }
        encryption::check(
            self.tls_ciphers.as_deref(),
            self.tls_versions.as_deref(),
            self.alpn_protocols.as_deref(),
        )?;
        encryption::check_ciphers(self.tls_ciphers.as_deref())?;
        if !self.tls_enabled {
            return Ok(());
        }
        if !self.protocol.is_layer_7() {
            let what = format!("tls_enabled with protocol {}", self.protocol);
            return Err(
                not_offered(&what, "use it with HTTP, which the balancer speaks itself").at("tls_enabled"),
            );
        }
        encryption::fill(&mut self.tls_ciphers, &mut self.tls_versions);
        // To switch it off is to leave the choice to members, which are asked for HTTP/1.1 then.
        if before.is_none_or(|before| !before.tls_enabled) {
            self.alpn_protocols.get_or_insert_with(encryption::all_protocols);
        }
        Ok(())
    }
}

impl SessionPersistence {
    /// Refuses what a pool of this protocol and this algorithm cannot have, on a load balancer of that kind.
    pub(crate) fn check(
        &self,
        protocol: PoolProtocol,
        algorithm: Algorithm,
        kind: LbKind,
    ) -> Result<(), Fault> {
        let refuse = |field: &str, detail: &str| Err(Fault::invalid(detail).at(field));
        if algorithm == Algorithm::SourceIp {
            return Err(Fault::invalid(
                "session_persistence is not for lb_algorithm SOURCE_IP, which already keeps a client on its server; leave \
                 it out, or use ROUND_ROBIN or LEAST_CONNECTIONS.",
            ));
        }
        let given = self.kind;
        if protocol == PoolProtocol::Udp {
            check_datagrams(self)?;
        }
        if given != PersistenceType::SourceIp && !protocol.is_layer_7() {
            let text = format!(
                "Session persistence of type {given} is not supported for {protocol} protocol pools."
            );
            return refuse("type", &text);
        }
        if given == PersistenceType::AppCookie && kind == LbKind::Dedicated {
            return refuse(
                "type",
                "Session persistence of type APP_COOKIE is not supported for dedicated load balancers.",
            );
        }
        match (&self.cookie_name, given) {
            (Some(name), PersistenceType::AppCookie) if token(name, "a cookie").is_err() => {
                return refuse("cookie_name", "Supplied \"cookie_name\" is invalid.");
            }
            (None, PersistenceType::AppCookie) => {
                return refuse(
                    "cookie_name",
                    "Field \"cookie_name\" must be specified when using the \"APP_COOKIE\" session persistence type.",
                );
            }
            (Some(_), PersistenceType::SourceIp | PersistenceType::HttpCookie) => {
                return refuse(
                    "cookie_name",
                    "Field \"cookie_name\" can only be specified with session persistence of type \"APP_COOKIE\".",
                );
            }
            _ => {}
        }
        let timeouts_s = protocol.persistence_timeouts_s();
        if let Some(timeout) = self.persistence_timeout
            && !timeouts_s.contains(&timeout)
        {
            let (least, most) = timeouts_s.into_inner();
            let range = format!("for {protocol} pools it is {least} to {most} seconds");
            let text = format!("persistence_timeout {timeout} is out of range; {range}.");
            return refuse("persistence_timeout", &text);
        }
        self.check_absolute()?;
        if let Some(mask) = self.persistence_granularity {
            if given != PersistenceType::SourceIp {
                return refuse(
                    "persistence_granularity",
                    "persistence_granularity is only for session persistence of type \"SOURCE_IP\".",
                );
            }
            if netmask_bits(mask).is_none() {
                let right = "write one as in 255.255.255.0 or ffff:ffff:ffff:ffff::";
                let text = format!("persistence_granularity {mask} is no netmask; {right}.");
                return refuse("persistence_granularity", &text);
            }
        }
        Ok(())
    }
}

impl SessionPersistence {
    /// Refuses to end sessions of which nobody knows yet whether their clients stay away.
    fn check_absolute(&self) -> Result<(), Fault> {
        let idle = self.persistence_timeout.unwrap_or(PERSISTENCE_TIMEOUT_S);
        let most = *model::SessionPersistence::ABSOLUTE_TIMEOUTS_S.end();
        match self.absolute_timeout {
            Some(absolute) if !(idle..=most).contains(&absolute) => Err(Fault::invalid(format!(
                "absolute_timeout {absolute} is out of range; with persistence_timeout {idle} it is {idle} to {most} seconds."
            ))
            .at("absolute_timeout")),
            _ => Ok(()),
        }
    }
}

/// Datagrams have no cookies.
fn check_datagrams(persistence: &SessionPersistence) -> Result<(), Fault> {
    match (persistence.kind, &persistence.cookie_name) {
        (PersistenceType::SourceIp, Some(_)) => Err(Fault::invalid(
            "session_persistence SOURCE_IP type for UDP and SCTP protocols only accepts: type, persistence_timeout, \
             persistence_granularity.",
        )
        .at("cookie_name")),
        (_, Some(_)) => Err(Fault::invalid("Cookie names are not supported for UDP/SCTP pools.").at("cookie_name")),
        (PersistenceType::SourceIp, None) => Ok(()),
        (other, None) => Err(Fault::invalid(format!(
            "Session persistence of type {other} is not supported for UDP/SCTP protocol pools."
        ))
        .at("type")),
    }
}

/// How many leading bits a netmask has; none: it is no netmask, or has none at all.
pub(crate) fn netmask_bits(mask: IpAddr) -> Option<u8> {
    let (bits, width) = match mask {
        IpAddr::V4(mask) => (u128::from(mask.to_bits()) << 96, 32),
        IpAddr::V6(mask) => (mask.to_bits(), 128),
    };
    let ones = bits.leading_ones();
    (ones > 0 && ones <= width && bits.count_ones() == ones).then_some(ones as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_netmask_is_ones_and_then_zeros() {
        for (mask, bits) in [
            ("255.255.255.255", Some(32)),
            ("255.255.254.0", Some(23)),
            ("255.0.255.0", None),
            ("0.0.0.0", None),
            ("ffff:ffff:ffff:ffff::", Some(64)),
            ("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", Some(128)),
            ("::1", None),
        ] {
            assert_eq!(netmask_bits(mask.parse().unwrap()), bits, "{mask}");
        }
    }
}

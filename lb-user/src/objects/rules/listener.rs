//! Listeners.

mod headers;
mod tls;

use uuid::Uuid;

use super::{Fault, Inventory, Rules, changeable, check_protocols, disabled, found, not_offered};
use crate::{
    model::Transport,
    objects::{Listener, ListenerProtocol, LoadBalancer, PoolProtocol, listener::UNLIMITED},
};

impl ListenerProtocol {
    /// What carries it.
    pub(crate) fn transport(self) -> Transport {
        match self {
            Self::Udp => Transport::Udp,
            _ => Transport::Tcp,
        }
    }

    /// Whether the proxy serves it.
    pub(crate) fn is_layer_7(self) -> bool {
        matches!(self, Self::Http | Self::TerminatedHttps)
    }

    /// Refuses what nobody serves here.
    pub(crate) fn check_offered(self) -> Result<(), Fault> {
        match self {
            Self::Prometheus => Err(disabled("protocol", "PROMETHEUS").at("protocol")),
            Self::Sctp => {
                let instead = "use TCP, UDP, HTTP, HTTPS or TERMINATED_HTTPS";
                Err(not_offered("SCTP listeners", instead).at("protocol"))
            }
            _ => Ok(()),
        }
    }

    /// Whether its clients can be led to such a pool.
    pub(crate) fn goes_with(self, pool: PoolProtocol) -> bool {
        use PoolProtocol::{Http, Https, Proxy, ProxyV2, Sctp, Tcp, Udp};
        match self {
            Self::Tcp => matches!(pool, Http | Https | Proxy | ProxyV2 | Tcp),
            Self::Http | Self::TerminatedHttps => matches!(pool, Http | Proxy | ProxyV2),
            Self::Https => matches!(pool, Https | Proxy | ProxyV2 | Tcp),
            Self::Udp => pool == Udp,
            Self::Sctp => pool == Sctp,
            Self::Prometheus => false,
        }
    }
}

impl Rules for Listener {
    fn load_balancer(&self, inventory: &Inventory) -> Result<Uuid, Fault> {
        let balancer = found::<LoadBalancer>(inventory, self.load_balancer_id)?;
        changeable(balancer.as_ref())?;
        Ok(balancer.head.id)
    }

    fn admit(&mut self, before: Option<&Self>, tree: &mut Inventory) -> Result<(), Fault> {
        self.protocol.check_offered()?;
        if let Some(pool) = self.default_pool_id {
            check_protocols(self, pool, tree).map_err(|fault| fault.at("default_pool_id"))?;
        }
        if !self.protocol.is_layer_7() && self.connection_limit != UNLIMITED {
            let what = format!("connection_limit of {} listeners", self.protocol);
            return Err(not_offered(&what, "leave it at -1").at("connection_limit"));
        }
        self.check_headers().map_err(|fault| fault.at("insert_headers"))?;
        self.check_tls(before)?;
        if before.is_none() {
            self.check_port(tree)?;
        }
        self.check_networks(tree)?;
        self.check_encryption()?;
        self.check_hsts(before)
    }

    fn leave(&self, tree: &mut Inventory) -> Result<(), Fault> {
        let policies: Vec<_> = tree.l7policies.of(self.head.id).cloned().collect();
        for policy in policies {
            policy.leave(tree)?;
            tree.l7policies.take(policy.head.id);
        }
        Ok(())
    }
}

impl Listener {
    fn check_port(&self, tree: &Inventory) -> Result<(), Fault> {
        let others = tree.listeners.of(self.load_balancer_id);
        let mut same = others.filter(|other| {
            other.head.id != self.head.id
                && other.protocol_port == self.protocol_port
                && other.protocol.transport() == self.protocol.transport()
        });
        match same.next() {
            None => Ok(()),
            Some(other) => Err(Fault::new(
                409,
                format!(
                    "Another Listener on this Load Balancer is already using protocol {} and protocol_port {}",
                    other.protocol, self.protocol_port
                ),
            )
            .at("protocol_port")),
        }
    }

    fn check_networks(&self, tree: &Inventory) -> Result<(), Fault> {
        if self.allowed_cidrs.is_empty() {
            return Ok(());
        }
        let vip = tree
            .load_balancers
            .get(self.load_balancer_id)
            .and_then(|balancer| balancer.vip_address);
        if let Some(vip) = vip
            && let Some(cidr) = self
                .allowed_cidrs
                .iter()
                .find(|cidr| cidr.contains(':') != vip.is_ipv6())
        {
            return Err(Fault::invalid(format!(
                "CIDR {cidr} IP version incompatible with all VIPs ['{vip}'] IP version."
            ))
            .at("allowed_cidrs"));
        }
        Err(
            not_offered("allowed_cidrs", "keep clients out with the host's packet filter")
                .at("allowed_cidrs"),
        )
    }
}

//! That the management API is reached where it listens: nobody takes its address or its port.

use std::net::SocketAddr;

use super::{Clash, Conflict};
use crate::model::{Config, LoadBalancer, Titled as _, Transport};

/// Who has made something.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Maker {
    Operator,
    Api,
}

impl Config {
    /// Refuses listeners that would get what is sent to the API, passwords among it. Those who have the file may have the
    /// datapath serve the API's own address all the same.
    pub(super) fn check_api(&self, balancer: &LoadBalancer, maker: Maker) -> Result<(), Conflict> {
        for listener in &balancer.listeners {
            let protocol = listener.protocol();
            let clashes = |address: &&SocketAddr| {
                let is_here = address.ip().to_canonical() == balancer.vip;
                let is_covered = address.ip().is_unspecified() && maker == Maker::Api;
                let takes_port = protocol.transport() == Transport::Tcp
                    && address.port() == listener.port
                    && (is_here || is_covered);
                takes_port || (is_here && protocol.is_layer_4() && maker == Maker::Api)
            };
            if let Some(address) = self.api.listen.iter().find(clashes) {
                let clash = Clash::Api {
                    address: *address,
                    listener: listener.title().to_owned(),
                    load_balancer: balancer.title().to_owned(),
                };
                return Err(clash.of(balancer));
            }
        }
        Ok(())
    }

    /// Refuses load balancers of the API that would take all ports of an address from it. What the file says of both is warned
    /// of when it is read.
    pub(super) fn check_api_at_vip(&self, balancer: &LoadBalancer) -> Result<(), Conflict> {
        if !self.has_layer_4() || !balancer.takes_all_ports() {
            return Ok(());
        }
        let vip = balancer.vip;
        let mut listen = self.api.listen.iter();
        match listen.find(|address| address.ip().to_canonical() == vip) {
            None => Ok(()),
            Some(address) => Err(Clash::ApiAtVip {
                vip,
                address: *address,
                load_balancer: balancer.title().to_owned(),
            }
            .of(balancer)),
        }
    }
}

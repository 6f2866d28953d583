//! What the datapath asks of a load balancer of the API and its pools.

use std::collections::HashSet;

use super::{Clash, Conflict, Managed};
use crate::model::{Listener, Member, Pool, Titled};

impl Managed {
    /// What the datapath serves comes by an interface.
    pub(super) fn check_attached(&self, interfaces: &[String]) -> Result<(), Conflict> {
        match self.listener_of_the_datapath() {
            Some(listener) if interfaces.is_empty() => Err(Clash::NoInterface {
                listener: listener.title().to_owned(),
                load_balancer: self.load_balancer.title().to_owned(),
            }
            .of(&self.load_balancer)),
            _ => Ok(()),
        }
    }

    fn listener_of_the_datapath(&self) -> Option<&Listener> {
        let mut listeners = self.load_balancer.listeners.iter();
        listeners.find(|listener| listener.protocol().is_layer_4())
    }

    /// And from other machines, to members that packets can get to.
    pub(super) fn check_datapath(&self) -> Result<(), Conflict> {
        let balancer = self.load_balancer.as_ref();
        if let Some(listener) = self.listener_of_the_datapath()
            && balancer.vip.is_loopback()
        {
            return Err(Clash::LoopbackVip {
                vip: balancer.vip,
                load_balancer: balancer.title().to_owned(),
                listener: listener.title().to_owned(),
            }
            .of(balancer));
        }
        self.of_the_datapath()
            .try_for_each(|pool| self.check_members(pool))
            .map_err(|clash| clash.of(balancer))
    }

    /// The pools that the proxy does not have.
    fn of_the_datapath(&self) -> impl Iterator<Item = &Pool> {
        let listeners = self.load_balancer.listeners.iter();
        let proxied: HashSet<&str> = listeners
            .filter(|listener| !listener.protocol().is_layer_4())
            .flat_map(Listener::pools)
            .collect();
        let pools = self.pools.iter().map(AsRef::as_ref);
        pools.filter(move |pool: &&Pool| !proxied.contains(pool.name.as_str()))
    }

    /// They are not inside the balancer, of the family of the VIP, and at the port of the listener where that cannot be changed.
    fn check_members(&self, pool: &Pool) -> Result<(), Clash> {
        let mut members = pool.members.iter();
        if let Some(member) = members.find(|member| member.address.is_loopback()) {
            return Err(Clash::LoopbackMember {
                address: member.address,
                member: member.title().to_owned(),
                pool: pool.title().to_owned(),
            });
        }
        let (vip, mode) = (self.load_balancer.vip, pool.forwarding.mode());
        let mut listeners = self
            .load_balancer
            .listeners
            .iter()
            .filter(|listener| listener.pools().any(|name| name == pool.name));
        let Some(listener) = listeners.next() else {
            return Ok(());
        };
        let called = |titled: &dyn Titled| titled.title().to_owned();
        let is_of_other_family = |member: &&Member| member.address.is_ipv4() != vip.is_ipv4();
        if mode.keeps_the_family()
            && let Some(member) = pool.members.iter().find(is_of_other_family)
        {
            return Err(Clash::Family {
                address: member.address,
                member: called(member),
                pool: called(pool),
                mode,
                listener: called(listener),
                vip,
            });
        }
        if mode.changes_the_port() {
            return Ok(());
        }
        if let Some(other) = listeners.find(|other| other.port != listener.port) {
            return Err(Clash::ListenerPorts {
                pool: called(pool),
                mode,
                one: called(listener),
                other: called(other),
            });
        }
        let other_port = |member: &Member| member.port.filter(|port| *port != listener.port);
        let elsewhere = pool
            .members
            .iter()
            .find_map(|member| Some((member, other_port(member)?)));
        match elsewhere {
            None => Ok(()),
            Some((member, port)) => Err(Clash::MemberPort {
                port,
                member: called(member),
                pool: called(pool),
                mode,
                listener: called(listener),
                expected: listener.port,
            }),
        }
    }
}

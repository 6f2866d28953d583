//! `[[load_balancer]]` and `[[load_balancer.listener]]`.

use std::net::IpAddr;

use super::diagnostic::Reported;
use super::reader::{Read, Scope, Table};
use super::values::{address, boolean, integer, name, word};
use crate::model::{LbKind, Listener, LoadBalancer, Protocol};

pub(super) struct RawLoadBalancer<'r> {
    pub(super) scope: Scope<'r>,
    pub(super) name: Read<String>,
    pub(super) vip: Read<IpAddr>,
    pub(super) kind: Read<LbKind>,
    admin_state_up: Read<bool>,
    pub(super) listeners: Vec<RawListener<'r>>,
}

pub(super) struct RawListener<'r> {
    pub(super) scope: Scope<'r>,
    pub(super) name: Read<String>,
    pub(super) protocol: Read<Protocol>,
    pub(super) port: Read<u16>,
    pub(super) pool: Read<String>,
    admin_state_up: Read<bool>,
}

pub(super) fn load_balancer<'r>(t: &mut Table<'_, 'r>) -> RawLoadBalancer<'r> {
    let raw = RawLoadBalancer {
        name: t.required("name", name),
        vip: t.required("vip", address),
        kind: t.or("kind", LbKind::Shared, word),
        admin_state_up: t.or("admin_state_up", true, boolean),
        listeners: t.tables("listener", &["name"], listener),
        scope: t.scope(),
    };
    if raw.listeners.is_empty() {
        raw.scope.warning(
            raw.scope.span,
            "it has no listener, so that no client can reach it",
        );
    }
    raw
}

fn listener<'r>(t: &mut Table<'_, 'r>) -> RawListener<'r> {
    let raw = RawListener {
        name: t.required("name", name),
        protocol: t.required("protocol", word),
        port: t.required("port", integer(1..=u16::MAX)),
        pool: t.required("pool", name),
        admin_state_up: t.or("admin_state_up", true, boolean),
        scope: t.scope(),
    };
    if let Ok(protocol) = &raw.protocol
        && !protocol.value.is_layer_4()
    {
        let message = format!(
            "protocol {} is not yet built: layer 7 comes with a later version; write TCP or UDP",
            protocol.value
        );
        raw.scope.error(protocol.span, message);
    }
    raw
}

impl RawLoadBalancer<'_> {
    pub(super) fn valid(&self) -> Result<LoadBalancer, Reported> {
        Ok(LoadBalancer {
            name: self.name.clone()?.value,
            vip: self.vip?.value,
            kind: self.kind?.value,
            admin_state_up: self.admin_state_up?.value,
            listeners: self
                .listeners
                .iter()
                .map(RawListener::valid)
                .collect::<Result<_, _>>()?,
        })
    }
}

impl RawListener<'_> {
    fn valid(&self) -> Result<Listener, Reported> {
        Ok(Listener {
            name: self.name.clone()?.value,
            protocol: self.protocol?.value,
            port: self.port?.value,
            pool: self.pool.clone()?.value,
            admin_state_up: self.admin_state_up?.value,
        })
    }
}

//! `[[load_balancer]]` and `[[load_balancer.listener]]`.

use std::net::IpAddr;

use super::diagnostic::Reported;
use super::http;
use super::policy::{RawPolicy, policy};
use super::reader::{At, Read, Scope, Table};
use super::values::{boolean, host_address, integer, name, word};
use crate::model::{LbKind, Listener, LoadBalancer, MAX_POLICIES_PER_LISTENER, Protocol, Service};

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
    service: Result<Service, Reported>,
    pub(super) port: Read<u16>,
    pub(super) pool: Result<Option<At<String>>, Reported>,
    admin_state_up: Read<bool>,
    pub(super) policies: Vec<RawPolicy<'r>>,
}

pub(super) fn load_balancer<'r>(t: &mut Table<'_, 'r>) -> RawLoadBalancer<'r> {
    let raw = RawLoadBalancer {
        name: t.required("name", name),
        vip: t.required("vip", host_address),
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
    let called = t.required("name", name);
    let protocol = t.required("protocol", word);
    let raw = RawListener {
        name: called,
        service: service(t, &protocol),
        policies: policies(t, &protocol),
        protocol,
        port: t.required("port", integer(1..=u16::MAX)),
        pool: t.optional("pool", name),
        admin_state_up: t.or("admin_state_up", true, boolean),
        scope: t.scope(),
    };
    raw.check();
    raw
}

fn policies<'r>(t: &mut Table<'_, 'r>, protocol: &Read<Protocol>) -> Vec<RawPolicy<'r>> {
    match protocol {
        Ok(at) if at.value.is_layer_4() => t.misplaced(&["policy"], "protocol = \"HTTP\" or \"HTTPS\""),
        Ok(_) => return t.tables("policy", &["name"], policy),
        Err(reported) => t.ignore(&["policy"], *reported),
    }
    Vec::new()
}

/// What belongs to the protocol, and nothing that belongs to another.
fn service(t: &mut Table<'_, '_>, protocol: &Read<Protocol>) -> Result<Service, Reported> {
    let protocol = match protocol {
        Ok(at) => at.value,
        Err(reported) => {
            t.ignore(&["http", "tls"], *reported);
            return Err(*reported);
        }
    };
    if protocol.is_layer_4() {
        t.misplaced(&["http"], "protocol = \"HTTP\" or \"HTTPS\"");
    }
    if protocol != Protocol::Https {
        t.misplaced(&["tls"], "protocol = \"HTTPS\"");
    }
    match protocol {
        Protocol::Tcp => Ok(Service::Tcp),
        Protocol::Udp => Ok(Service::Udp),
        Protocol::Http => Ok(Service::Http {
            http: t.section("http", |t| http::http(t, protocol)).flatten()?,
        }),
        Protocol::Https => {
            let http = t.section("http", |t| http::http(t, protocol)).flatten();
            let tls = t.section("tls", http::tls).flatten();
            Ok(Service::Https {
                http: http?,
                tls: tls?,
            })
        }
    }
}

impl RawLoadBalancer<'_> {
    pub(super) fn valid(&self) -> Result<LoadBalancer, Reported> {
        Ok(LoadBalancer {
            name: self.name.clone()?.value,
            display_name: None,
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
    fn check(&self) {
        let is_led_away = !self.policies.is_empty()
            || matches!(&self.service, Ok(Service::Http { http }) if http.redirect_to_https.is_some());
        if matches!(self.pool, Ok(None)) && !is_led_away {
            let message =
                "it has no pool, so that its clients are refused; write the name of a [[pool]] as pool";
            self.scope.warning(self.scope.span, message);
        }
        let count = self.policies.len();
        if count > MAX_POLICIES_PER_LISTENER {
            let message = format!(
                "it has {count} policies; a listener has at most {MAX_POLICIES_PER_LISTENER}: compare with compare_type = \
                 \"REGEX\" to have one do for several"
            );
            self.scope.error(self.scope.span, message);
        }
        if let (Ok(Service::Http { http }), Ok(port)) = (&self.service, &self.port)
            && http.redirect_to_https == Some(port.value)
        {
            let message = format!(
                "port {0} is where redirect_to_https sends clients to, but this listener speaks no TLS; write the port of \
                 an HTTPS listener there",
                port.value
            );
            self.scope.error(port.span, message);
        }
    }

    fn valid(&self) -> Result<Listener, Reported> {
        Ok(Listener {
            name: self.name.clone()?.value,
            display_name: None,
            service: self.service.clone()?,
            port: self.port?.value,
            pool: self.pool.clone()?.map(|at| at.value),
            admin_state_up: self.admin_state_up?.value,
            policies: self
                .policies
                .iter()
                .map(RawPolicy::valid)
                .collect::<Result<_, _>>()?,
        })
    }
}

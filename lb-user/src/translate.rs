//! From the objects of the API to the model that the data plane serves.
//!
//! The rules have been looked at before: what is refused here goes beyond what one object says.

mod certificates;
mod parts;

use std::{collections::BTreeSet, sync::Arc};

use uuid::Uuid;

pub(crate) use certificates::Certificates;

use crate::{
    http::forwarded::ForwardedPolicy,
    model::{
        self, Action, ActionType, ClientAuth, ClientCertificates, ClientIdentity, ClientTimeouts,
        ForwardedMode, Http, LbAlgorithm, ListenerTls, Managed, MemberHttp, MemberTimeouts, MemberTls,
        Policy, ProxyProtocol, Service, TlsVersion,
    },
    objects::{
        Algorithm, ClientAuthentication, Fault, Inventory, L7Policy, Listener, ListenerProtocol,
        LoadBalancer, Pool, PoolProtocol, without_final_slash,
    },
};

/// Connections of a listener of HTTP at a time, where it names no limit.
const MAX_CONNECTIONS: u32 = 65_536;

/// A load balancer of `tree` as it is served, with the pools that it uses; none, where there is none.
pub(crate) fn translate(
    tree: &Inventory,
    balancer: Uuid,
    certificates: &Certificates,
) -> Result<Option<Managed>, Fault> {
    let Some(balancer) = tree.load_balancers.get(balancer) else {
        return Ok(None);
    };
    let translator = Translator { tree, certificates };
    let listeners: Vec<&Arc<Listener>> = tree.listeners.of(balancer.head.id).collect();
    let used: BTreeSet<Uuid> = listeners
        .iter()
        .flat_map(|listener| translator.pools_of(listener))
        .collect();
    let pools = tree.pools.of(balancer.head.id);
    let pools = pools.filter(|pool| used.contains(&pool.head.id));
    Ok(Some(Managed {
        made: balancer.head.created_at.0,
        pools: pools
            .map(|pool| translator.pool(pool, &listeners).map(Arc::new))
            .collect::<Result<_, _>>()?,
        load_balancer: Arc::new(translator.load_balancer(balancer, &listeners)?),
    }))
}

struct Translator<'t> {
    tree: &'t Inventory,
    certificates: &'t Certificates,
}

/// What people call an object, where they call it anything.
fn called(name: &str) -> Option<String> {
    let name = name.trim();
    (!name.is_empty() && !name.contains(char::is_control)).then(|| name.to_owned())
}

/// Milliseconds, as the proxy counts them: in seconds, of which there is at least one.
fn seconds(milliseconds: u32) -> u32 {
    milliseconds.div_ceil(1000).clamp(1, 86_400)
}

/// What members are told of a request's way: what they are by default, but for what is said to be `false`.
fn forwarded(listener: &Listener) -> ForwardedPolicy {
    let mode = |header: &str, default| match listener.insert_headers.get(header) {
        Some(value) if value.eq_ignore_ascii_case("false") => ForwardedMode::Remove,
        _ => default,
    };
    let default = ForwardedPolicy::default();
    ForwardedPolicy {
        x_forwarded_for: mode("X-Forwarded-For", default.x_forwarded_for),
        x_forwarded_proto: mode("X-Forwarded-Proto", default.x_forwarded_proto),
        x_forwarded_port: mode("X-Forwarded-Port", default.x_forwarded_port),
        ..default
    }
}

impl Translator<'_> {
    fn load_balancer(
        &self,
        balancer: &LoadBalancer,
        listeners: &[&Arc<Listener>],
    ) -> Result<model::LoadBalancer, Fault> {
        let Some(vip) = balancer.vip_address else {
            return Err(Fault::invalid("a load balancer needs an address"));
        };
        Ok(model::LoadBalancer {
            name: balancer.head.id.to_string(),
            display_name: called(&balancer.head.name),
            vip: vip.to_canonical(),
            kind: balancer.kind,
            admin_state_up: balancer.head.admin_state_up,
            listeners: listeners
                .iter()
                .map(|listener| self.listener(listener))
                .collect::<Result<_, _>>()?,
        })
    }

    /// The pools that a listener uses: its own, and those of its policies.
    fn pools_of(&self, listener: &Listener) -> Vec<Uuid> {
        let policies = self.tree.l7policies.of(listener.head.id);
        let of_policies = policies.filter_map(|policy| policy.redirect_pool_id);
        listener.default_pool_id.into_iter().chain(of_policies).collect()
    }

    fn listener(&self, listener: &Listener) -> Result<model::Listener, Fault> {
        let policies = self.tree.policies_of(listener.head.id).into_iter();
        Ok(model::Listener {
            name: listener.head.id.to_string(),
            display_name: called(&listener.head.name),
            service: self.service(listener)?,
            port: listener.protocol_port,
            pool: listener.default_pool_id.map(|pool| pool.to_string()),
            admin_state_up: listener.head.admin_state_up,
            policies: policies.filter_map(|policy| self.policy(policy)).collect(),
        })
    }

    fn service(&self, listener: &Listener) -> Result<Service, Fault> {
        let protocols = listener.alpn_protocols.as_deref();
        let http = || Http {
            http2: protocols.is_none_or(|all| all.iter().any(|protocol| protocol == "h2")),
            max_connections: u32::try_from(listener.connection_limit)
                .map_or(MAX_CONNECTIONS, |limit| limit.clamp(1, 1 << 20)),
            timeouts: ClientTimeouts {
                idle_s: seconds(listener.timeout_client_data),
                body_s: seconds(listener.timeout_client_data),
                ..ClientTimeouts::default()
            },
            identity: ClientIdentity {
                forwarded: forwarded(listener),
                ..ClientIdentity::default()
            },
            ..Http::default()
        };
        Ok(match listener.protocol {
            ListenerProtocol::Udp => Service::Udp,
            ListenerProtocol::Http => Service::Http { http: http() },
            ListenerProtocol::TerminatedHttps => Service::Https {
                http: http(),
                tls: self.listener_tls(listener)?,
            },
            ListenerProtocol::Tcp
            | ListenerProtocol::Https
            | ListenerProtocol::Sctp
            | ListenerProtocol::Prometheus => Service::Tcp,
        })
    }

    fn listener_tls(&self, listener: &Listener) -> Result<ListenerTls, Fault> {
        let references = listener
            .default_tls_container_ref
            .iter()
            .chain(&listener.sni_container_refs);
        let auth = match listener.client_authentication {
            ClientAuthentication::None => None,
            ClientAuthentication::Optional => Some(ClientAuth::Optional),
            ClientAuthentication::Mandatory => Some(ClientAuth::Required),
        };
        let clients = match (auth, &listener.client_ca_tls_container_ref) {
            (Some(auth), Some(ca)) => Some(ClientCertificates {
                ca: self.certificates.alone(ca)?,
                auth,
            }),
            _ => None,
        };
        let mut versions = listener.tls_versions.iter().flatten();
        let speaks_1_2 = listener.tls_versions.is_none() || versions.any(|version| version != "TLSv1.3");
        Ok(ListenerTls {
            certificates: references
                .map(|reference| self.certificates.pair(reference))
                .collect::<Result<_, _>>()?,
            min_version: if speaks_1_2 {
                TlsVersion::Tls12
            } else {
                TlsVersion::Tls13
            },
            clients,
        })
    }

    /// One that has nothing to look at is as good as absent.
    fn policy(&self, policy: &L7Policy) -> Option<Policy> {
        let redirect_http_code = policy.redirect_http_code.unwrap_or_default();
        let action = match policy.action {
            ActionType::Reject => Action::Reject,
            ActionType::RedirectToUrl => Action::RedirectToUrl {
                redirect_url: policy.redirect_url.clone()?,
                redirect_http_code,
            },
            ActionType::RedirectPrefix => Action::RedirectPrefix {
                redirect_prefix: without_final_slash(policy.redirect_prefix.as_deref()?).to_owned(),
                redirect_http_code,
            },
            ActionType::RedirectToPool => Action::RedirectToPool {
                redirect_pool: policy.redirect_pool_id?.to_string(),
            },
        };
        let rules = self.tree.l7rules.of(policy.head.id);
        let rules = rules.filter(|rule| rule.head.admin_state_up);
        Some(Policy {
            name: policy.head.id.to_string(),
            display_name: called(&policy.head.name),
            action,
            admin_state_up: policy.head.admin_state_up,
            rules: rules.filter_map(|rule| parts::rule(rule)).collect(),
        })
    }

    fn pool(&self, pool: &Pool, listeners: &[&Arc<Listener>]) -> Result<model::Pool, Fault> {
        let id = pool.head.id;
        let users = || {
            let users = listeners
                .iter()
                .filter(|listener| self.pools_of(listener).contains(&id));
            users.copied()
        };
        let is_proxied = users().any(|listener| listener.protocol.is_layer_7());
        if is_proxied && users().any(|listener| !listener.protocol.is_layer_7()) {
            return Err(Fault::invalid(format!(
                "Pool {id} is used by listeners of layer 4 and of layer 7, and would be shared by both; give each a pool \
                 of its own."
            )));
        }
        let sends = match pool.protocol {
            PoolProtocol::Proxy => Some(ProxyProtocol::V1),
            PoolProtocol::ProxyV2 => Some(ProxyProtocol::V2),
            _ => None,
        };
        if !is_proxied && sends.is_some() {
            return Err(crate::objects::Fault::unsupported(format!(
                "pools of protocol {} behind listeners of layer 4, whose packets are passed on as they are",
                pool.protocol
            )));
        }
        if let Some(persistence) = pool.session_persistence.as_ref().filter(|_| !is_proxied) {
            parts::check_at_layer_4(pool, persistence)?;
        }
        let http = if is_proxied {
            Some(self.member_http(pool, users().next(), sends)?)
        } else {
            None
        };
        let members = self.tree.members.of(id);
        Ok(model::Pool {
            name: id.to_string(),
            display_name: called(&pool.head.name),
            algorithm: match pool.lb_algorithm {
                Algorithm::RoundRobin => LbAlgorithm::RoundRobin,
                Algorithm::LeastConnections => LbAlgorithm::LeastConnections,
                Algorithm::SourceIp | Algorithm::SourceIpPort => LbAlgorithm::SourceIp,
            },
            forwarding: parts::forwarding(&pool.head.tags, is_proxied)?,
            session_persistence: pool.session_persistence.as_ref().map(parts::session_persistence),
            health_monitor: self
                .tree
                .monitor_of(id)
                .filter(|monitor| monitor.head.admin_state_up)
                .map(|monitor| parts::health_monitor(monitor)),
            http,
            members: members
                .filter_map(|member| parts::member(member, pool.head.admin_state_up))
                .collect(),
        })
    }

    fn member_http(
        &self,
        pool: &Pool,
        listener: Option<&Arc<Listener>>,
        send_proxy_protocol: Option<ProxyProtocol>,
    ) -> Result<MemberHttp, Fault> {
        let timeouts = listener.map(|listener| MemberTimeouts {
            connect_s: seconds(listener.timeout_member_connect),
            response_s: seconds(listener.timeout_member_data),
            ..MemberTimeouts::default()
        });
        let ca = match &pool.ca_tls_container_ref {
            Some(reference) => Some(self.certificates.alone(reference)?),
            None => None,
        };
        Ok(MemberHttp {
            send_proxy_protocol,
            timeouts: timeouts.unwrap_or_default(),
            tls: pool.tls_enabled.then(|| MemberTls {
                verify: ca.is_some(),
                ca,
                server_name: None,
            }),
            ..MemberHttp::default()
        })
    }
}

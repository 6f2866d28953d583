//! What a configuration file declares, as the API shows it: with ids that follow from names, so that they are the same at
//! each start and on each host.

use std::{net::SocketAddr, path::Path, sync::Arc};

use uuid::Uuid;

use super::{
    Algorithm, Any, ClientAuthentication, Head, HealthMonitor, L7Policy, L7Rule, L7RuleType, Listener,
    ListenerProtocol, LoadBalancer, Member, MonitorMethod, MonitorType, Object as _, Origin, Pool,
    PoolProtocol, SessionPersistence, Stamp,
};
use crate::model::{
    self, Action, ClientAuth, Config, HttpMethod, LbAlgorithm, Persistence, Probe, RedirectCode, RuleType,
    Service,
};

/// The project that belongs to whoever has the machine.
pub const DEFAULT_PROJECT: &str = "default";

/// The namespace of what is declared.
const NAMESPACE: Uuid = Uuid::from_u128(0x5d51_5cdc_0b93_4f3c_8a0a_6f4c_7f3b_6a11);

fn id(path: &[&str]) -> Uuid {
    // No name has such a character.
    Uuid::new_v5(&NAMESPACE, path.join("\0").as_bytes())
}

/// The id under which the API knows a load balancer, which the model calls so.
#[must_use]
pub fn load_balancer_id(load_balancer: &str) -> Uuid {
    let of_the_api = load_balancer.parse();
    of_the_api.unwrap_or_else(|_| id(&["load_balancer", load_balancer]))
}

/// The id under which the API knows a listener, which the model calls so.
#[must_use]
pub fn listener_id(listener: &str) -> Uuid {
    listener.parse().unwrap_or_else(|_| id(&["listener", listener]))
}

/// The id under which the API knows a member, which the model calls so.
#[must_use]
pub fn member_id(pool: &str, member: &str) -> Uuid {
    let of_the_api = pool.parse::<Uuid>().and_then(|_| member.parse());
    of_the_api.unwrap_or_else(|_| id(&["member", pool, member]))
}

/// The id of a subnet that the file declares.
#[must_use]
pub fn subnet_id(name: &str) -> Uuid {
    id(&["subnet", name])
}

/// The id of the network that subnets name.
#[must_use]
pub fn network_id(name: &str) -> Uuid {
    id(&["network", name])
}

/// The id of the port that stands for the address of a load balancer.
#[must_use]
pub fn port_id(balancer: Uuid) -> Uuid {
    id(&["port", &balancer.to_string()])
}

/// The objects of a file, made now, in its order.
#[must_use]
pub fn declared(config: &Config, file: &Path) -> Vec<Any> {
    let declarer = Declarer {
        config,
        origin: Origin::File(Arc::new(file.to_owned())),
    };
    let balancers = config
        .load_balancers
        .iter()
        .flat_map(|balancer| declarer.load_balancer(balancer));
    let pools = config.pools.iter().flat_map(|pool| declarer.pool(pool));
    balancers.chain(pools).collect()
}

struct Declarer<'c> {
    config: &'c Config,
    origin: Origin,
}

impl Declarer<'_> {
    fn head(&self, id: Uuid, name: &str, admin_state_up: bool) -> Head {
        Head {
            project_id: DEFAULT_PROJECT.into(),
            name: name.into(),
            admin_state_up,
            origin: self.origin.clone(),
            ..Head::new(id, Stamp::now())
        }
    }

    fn load_balancer(&self, balancer: &model::LoadBalancer) -> Vec<Any> {
        let id = load_balancer_id(&balancer.name);
        let mut subnets = self.config.api.subnets.iter();
        let subnet = subnets.find(|subnet| subnet.cidr.contains(balancer.vip));
        let object = LoadBalancer {
            vip_address: Some(balancer.vip),
            vip_subnet_id: subnet.map(|subnet| subnet_id(&subnet.name)),
            vip_network_id: subnet.map(|subnet| network_id(&subnet.network)),
            vip_port_id: Some(port_id(id)),
            kind: balancer.kind,
            ..LoadBalancer::new(self.head(id, &balancer.name, balancer.admin_state_up))
        };
        let listeners = balancer
            .listeners
            .iter()
            .flat_map(|listener| self.listener(id, listener));
        std::iter::once(Any::LoadBalancer(object.into()))
            .chain(listeners)
            .collect()
    }

    fn listener(&self, load_balancer_id: Uuid, listener: &model::Listener) -> Vec<Any> {
        let id = listener_id(&listener.name);
        let blank = Listener::blank(self.head(id, &listener.name, listener.admin_state_up));
        let mut object = Listener {
            load_balancer_id,
            protocol: match listener.service {
                Service::Tcp => ListenerProtocol::Tcp,
                Service::Udp => ListenerProtocol::Udp,
                Service::Http { .. } => ListenerProtocol::Http,
                Service::Https { .. } => ListenerProtocol::TerminatedHttps,
            },
            protocol_port: listener.port,
            default_pool_id: listener.pool.as_deref().map(pool_id),
            ..blank
        };
        if let Service::Http { http } | Service::Https { http, .. } = &listener.service {
            object.connection_limit = http.max_connections.into();
            object.timeout_client_data = http.timeouts.idle_s.saturating_mul(1000);
        }
        if let Service::Https { tls, .. } = &listener.service {
            let mut certificates = tls
                .certificates
                .iter()
                .map(|files| files.certificate.display().to_string());
            object.default_tls_container_ref = certificates.next();
            object.sni_container_refs = certificates.collect();
            if let Some(clients) = &tls.clients {
                object.client_ca_tls_container_ref = Some(clients.ca.display().to_string());
                object.client_authentication = match clients.auth {
                    ClientAuth::Optional => ClientAuthentication::Optional,
                    ClientAuth::Required => ClientAuthentication::Mandatory,
                };
            }
        }
        let policies = listener.policies.iter().zip(1..);
        let policies =
            policies.flat_map(|(policy, position)| self.policy(&listener.name, id, policy, position));
        std::iter::once(Any::Listener(object.into()))
            .chain(policies)
            .collect()
    }

    fn policy(&self, listener: &str, listener_id: Uuid, policy: &model::Policy, position: u32) -> Vec<Any> {
        let policy_id = id(&["l7policy", listener, &policy.name]);
        let mut object = L7Policy {
            listener_id,
            action: policy.action.action_type(),
            position,
            ..L7Policy::blank(self.head(policy_id, &policy.name, policy.admin_state_up))
        };
        let mut code = |code: &RedirectCode| object.redirect_http_code = Some(*code);
        match &policy.action {
            Action::Reject => {}
            Action::RedirectToUrl {
                redirect_url,
                redirect_http_code,
            } => {
                code(redirect_http_code);
                object.redirect_url = Some(redirect_url.clone());
            }
            Action::RedirectPrefix {
                redirect_prefix,
                redirect_http_code,
            } => {
                code(redirect_http_code);
                object.redirect_prefix = Some(redirect_prefix.clone());
            }
            Action::RedirectToPool { redirect_pool } => {
                object.redirect_pool_id = Some(pool_id(redirect_pool));
            }
        }
        let rules = policy.rules.iter().enumerate().map(|(index, rule)| {
            let rule_id = id(&["l7rule", listener, &policy.name, &index.to_string()]);
            Any::L7Rule(self.rule(rule_id, policy_id, rule).into())
        });
        std::iter::once(Any::L7Policy(object.into()))
            .chain(rules)
            .collect()
    }

    fn rule(&self, rule_id: Uuid, l7policy_id: Uuid, rule: &model::Rule) -> L7Rule {
        let (kind, key) = match &rule.subject {
            model::Subject::Header { key } => (L7RuleType::Header, Some(key.clone())),
            model::Subject::Cookie { key } => (L7RuleType::Cookie, Some(key.clone())),
            other => match other.rule_type() {
                RuleType::HostName => (L7RuleType::HostName, None),
                RuleType::FileType => (L7RuleType::FileType, None),
                _ => (L7RuleType::Path, None),
            },
        };
        L7Rule {
            l7policy_id,
            kind,
            compare_type: rule.compare_type,
            key,
            value: rule.value.clone(),
            invert: rule.invert,
            ..L7Rule::blank(self.head(rule_id, "", true))
        }
    }

    fn pool(&self, pool: &model::Pool) -> Vec<Any> {
        let id = pool_id(&pool.name);
        let users = || {
            self.config
                .listeners()
                .filter(|(_, listener)| listener.pools().any(|used| used == pool.name))
        };
        let mut load_balancers: Vec<Uuid> = users()
            .map(|(balancer, _)| self::id(&["load_balancer", &balancer.name]))
            .collect();
        load_balancers.dedup();
        let object = Pool {
            load_balancers,
            protocol: users()
                .next()
                .map_or(PoolProtocol::Tcp, |(_, listener)| match listener.service {
                    Service::Tcp => PoolProtocol::Tcp,
                    Service::Udp => PoolProtocol::Udp,
                    Service::Http { .. } | Service::Https { .. } => PoolProtocol::Http,
                }),
            lb_algorithm: match pool.algorithm {
                LbAlgorithm::RoundRobin => Algorithm::RoundRobin,
                LbAlgorithm::LeastConnections => Algorithm::LeastConnections,
                LbAlgorithm::SourceIp => Algorithm::SourceIp,
            },
            session_persistence: pool.session_persistence.as_ref().map(session_persistence),
            tls_enabled: pool.http.as_ref().is_some_and(|http| http.tls.is_some()),
            ..Pool::blank(self.head(id, &pool.name, true))
        };
        let monitor = pool.health_monitor.as_ref().map(|monitor| {
            let monitor = self.health_monitor(&pool.name, monitor);
            Any::HealthMonitor(monitor.into())
        });
        let members = pool.members.iter().map(|member| {
            let head = self.head(
                member_id(&pool.name, &member.name),
                &member.name,
                member.admin_state_up,
            );
            let asked = pool.probe_target(member);
            Any::Member(
                Member {
                    pool_id: id,
                    address: Some(member.address),
                    protocol_port: member.port.or(asked.as_ref().map(SocketAddr::port)).unwrap_or(0),
                    weight: member.weight,
                    ..Member::blank(head)
                }
                .into(),
            )
        });
        std::iter::once(Any::Pool(object.into()))
            .chain(monitor)
            .chain(members)
            .collect()
    }

    fn health_monitor(&self, pool: &str, monitor: &model::HealthMonitor) -> HealthMonitor {
        let head = self.head(id(&["health_monitor", pool]), "", true);
        let mut object = HealthMonitor {
            pool_id: pool_id(pool),
            delay: monitor.delay_s,
            timeout: monitor.timeout_s,
            max_retries: monitor.rise,
            max_retries_down: monitor.fall,
            ..HealthMonitor::blank(head)
        };
        object.kind = match &monitor.probe {
            Probe::Tcp | Probe::Grpc { .. } => MonitorType::Tcp,
            Probe::Udp { .. } => MonitorType::UdpConnect,
            Probe::Http(_) => MonitorType::Http,
            Probe::Https { .. } => MonitorType::Https,
        };
        if let Probe::Http(http) | Probe::Https { http, .. } = &monitor.probe {
            object.http_method = Some(match http.http_method {
                HttpMethod::Get => MonitorMethod::Get,
                HttpMethod::Head => MonitorMethod::Head,
                HttpMethod::Options => MonitorMethod::Options,
                HttpMethod::Post => MonitorMethod::Post,
            });
            object.url_path = Some(http.url_path.clone());
            object.expected_codes = Some(http.expected_codes.to_string());
            object.domain_name.clone_from(&http.http_host);
        }
        object
    }
}

/// The id under which the API knows a pool, which the model calls so.
#[must_use]
pub fn pool_id(pool: &str) -> Uuid {
    pool.parse().unwrap_or_else(|_| id(&["pool", pool]))
}

fn session_persistence(persistence: &model::SessionPersistence) -> SessionPersistence {
    SessionPersistence {
        kind: persistence.persistence.persistence_type(),
        cookie_name: match &persistence.persistence {
            Persistence::AppCookie { cookie_name, .. } => Some(cookie_name.clone()),
            Persistence::SourceIp(_) | Persistence::HttpCookie(_) => None,
        },
        persistence_timeout: Some(persistence.idle_timeout_s),
        absolute_timeout: persistence.absolute_timeout_s,
        persistence_granularity: None,
    }
}

//! The parts of a pool and of a listener, each by itself.

use std::net::SocketAddr;

use super::called;
use crate::{
    model::{
        self, CookieSettings, Forwarding, Granularity, HealthMonitor, HttpMethod, HttpProbe, Persistence,
        PersistenceType, Probe, Rule, SourceNat, Subject, Word as _,
    },
    objects::{
        Fault, L7Rule, L7RuleType, Member, MonitorMethod, MonitorType, PERSISTENCE_TIMEOUT_S, Pool,
        SessionPersistence, netmask_bits,
    },
};

/// The longest session at layer 4.
const LONGEST_AT_LAYER_4_S: u32 = 3600;

/// The field that forwarding is told by.
const TAGS: &str = "tags";

/// How packets get to the members: what a tag says, since the API has no field for it.
pub(super) fn forwarding(tags: &[String], is_proxied: bool) -> Result<Forwarding, Fault> {
    let mut modes = tags.iter().filter_map(|tag| tag.strip_prefix("forwarding="));
    let Some(mode) = modes.next_back() else {
        return Ok(Forwarding::FullNat(SourceNat::default()));
    };
    let Some(mode) = model::ForwardingMode::from_word(mode) else {
        let words: Vec<_> = model::ForwardingMode::ALL
            .iter()
            .map(|mode| mode.word())
            .collect();
        return Err(Fault::invalid(format!(
            "the tag forwarding={mode} names no mode of forwarding; write one of {}",
            words.join(", ")
        ))
        .at(TAGS));
    };
    match mode {
        model::ForwardingMode::FullNat => Ok(Forwarding::FullNat(SourceNat::default())),
        _ if is_proxied => Err(Fault::invalid(format!(
            "the tag forwarding={mode} is for pools of layer 4; leave it out"
        ))
        .at(TAGS)),
        model::ForwardingMode::Nat => Ok(Forwarding::Nat),
        model::ForwardingMode::Dsr => Ok(Forwarding::Dsr),
        model::ForwardingMode::Ipip => Ok(Forwarding::Ipip),
    }
}

/// A pool that could be the proxy's may be behind a listener of layer 4, where there are neither requests nor as long sessions.
pub(super) fn check_at_layer_4(pool: &Pool, persistence: &SessionPersistence) -> Result<(), Fault> {
    let id = pool.head.id;
    if persistence.kind != PersistenceType::SourceIp {
        return Err(Fault::invalid(format!(
            "Pool {id} has session persistence of type {}, which its listeners of layer 4 cannot see; use SOURCE_IP, or \
             HTTP listeners.",
            persistence.kind
        )));
    }
    match persistence.persistence_timeout {
        Some(timeout) if timeout > LONGEST_AT_LAYER_4_S => Err(Fault::invalid(format!(
            "persistence_timeout {timeout} is out of range; behind listeners of layer 4 it is 60 to \
             {LONGEST_AT_LAYER_4_S} seconds."
        ))),
        _ => Ok(()),
    }
}

pub(super) fn session_persistence(given: &SessionPersistence) -> model::SessionPersistence {
    let persistence = match given.kind {
        PersistenceType::SourceIp => {
            let mut granularity = Granularity::default();
            match given.persistence_granularity {
                Some(mask) if mask.is_ipv4() => granularity.v4 = netmask_bits(mask).unwrap_or(32),
                Some(mask) => granularity.v6 = netmask_bits(mask).unwrap_or(128),
                None => {}
            }
            Persistence::SourceIp(granularity)
        }
        PersistenceType::HttpCookie => Persistence::HttpCookie(CookieSettings::default()),
        PersistenceType::AppCookie => Persistence::AppCookie {
            cookie_name: given.cookie_name.clone().unwrap_or_default(),
            cookie_in_url: false,
        },
    };
    model::SessionPersistence {
        persistence,
        idle_timeout_s: given.persistence_timeout.unwrap_or(PERSISTENCE_TIMEOUT_S),
        absolute_timeout_s: given.absolute_timeout,
    }
}

pub(super) fn health_monitor(monitor: &crate::objects::HealthMonitor) -> HealthMonitor {
    let request = || HttpProbe {
        http_method: match monitor.http_method {
            Some(MonitorMethod::Head) => HttpMethod::Head,
            Some(MonitorMethod::Options) => HttpMethod::Options,
            Some(MonitorMethod::Post) => HttpMethod::Post,
            _ => HttpMethod::Get,
        },
        url_path: monitor.url_path.clone().unwrap_or_else(|| "/".into()),
        expected_codes: monitor
            .expected_codes
            .as_deref()
            .and_then(|codes| codes.parse().ok())
            .unwrap_or_default(),
        http_host: monitor.domain_name.clone(),
    };
    let probe = match monitor.kind {
        MonitorType::Http => Probe::Http(request()),
        MonitorType::Https => Probe::Https {
            http: request(),
            tls_verify: false,
        },
        MonitorType::UdpConnect => Probe::Udp {
            udp_send: None,
            udp_expect: None,
        },
        MonitorType::Tcp | MonitorType::Ping | MonitorType::Sctp | MonitorType::TlsHello => Probe::Tcp,
    };
    HealthMonitor {
        probe,
        delay_s: monitor.delay,
        timeout_s: monitor.timeout.min(monitor.delay),
        rise: monitor.max_retries,
        fall: monitor.max_retries_down,
        address: None,
        port: None,
    }
}

pub(super) fn member(member: &Member, pool_is_up: bool) -> Option<model::Member> {
    Some(model::Member {
        name: member.head.id.to_string(),
        // An id would tell nobody which one it is.
        display_name: called(&member.head.name)
            .or_else(|| Some(SocketAddr::new(member.address?, member.protocol_port).to_string())),
        address: member.address?,
        port: Some(member.protocol_port),
        weight: member.weight,
        admin_state_up: member.head.admin_state_up && pool_is_up,
        probe_address: member.monitor_address,
        probe_port: member.monitor_port,
    })
}

pub(super) fn rule(rule: &L7Rule) -> Option<Rule> {
    let key = || rule.key.clone();
    Some(Rule {
        subject: match rule.kind {
            L7RuleType::HostName => Subject::HostName,
            L7RuleType::Path => Subject::Path,
            L7RuleType::FileType => Subject::FileType,
            L7RuleType::Header => Subject::Header { key: key()? },
            L7RuleType::Cookie => Subject::Cookie { key: key()? },
            L7RuleType::SslConnHasCert | L7RuleType::SslVerifyResult | L7RuleType::SslDnField => return None,
        },
        compare_type: rule.compare_type,
        value: rule.value.clone(),
        invert: rule.invert,
    })
}

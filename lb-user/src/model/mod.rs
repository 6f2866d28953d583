//! The objects of the load balancer as plain data.
//!
//! What [`config`](crate::config) hands out is valid: every rule that the fields state holds. The serde names are those
//! of the configuration language, so that the same object reads the same in a file, in the API and in a dump. Reading
//! one with `Deserialize` does not check the rules: it is for what a daemon wrote, not for what a person did.

mod cookie_names;
mod health;
mod http;
mod identity;
mod lasting;
mod load_balancer;
mod persistence;
mod policy;
mod pool;
mod settings;
mod words;

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

pub use health::{ExpectedCodes, HealthMonitor, HttpProbe, NotStatusCodes, Probe};
pub use http::{
    CertificateFiles, ClientCertificates, ClientTimeouts, Http, ListenerTls, MemberHttp, MemberTimeouts,
    MemberTls, Outlier, RequestLimits,
};
pub use identity::ClientIdentity;
pub use load_balancer::{Listener, LoadBalancer, Service};
pub use persistence::{CookieSettings, Granularity, Persistence, SessionPersistence};
pub use policy::{
    Action, MAX_POLICIES_PER_LISTENER, MAX_RULES_PER_POLICY, NotARedirectCode, Policy, RedirectCode, Rule,
    Subject,
};
pub use pool::{Forwarding, MAX_MEMBERS_PER_POOL, MAX_SNAT_ADDRESSES, Member, Pool, PortRange, SourceNat};
pub use settings::{AccessLog, DaemonSettings, DatapathSettings, FlowIdleTimeout, ProxySettings};
pub use words::{
    ActionType, ClientAuth, ClientHeader, ClosedPort, CompareType, ForwardedMode, ForwardingMode, HttpMethod,
    LbAlgorithm, LbKind, LogFormat, MemberProtocol, OperatingStatus, PersistenceType, ProbeType, Protocol,
    ProxyProtocol, RuleType, SameSite, SecureCookie, TlsVersion, Transport, Word, XdpMode,
};

/// All that a daemon is configured with.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Config {
    /// The daemon itself.
    pub daemon: DaemonSettings,
    /// The XDP program and its maps.
    pub datapath: DatapathSettings,
    /// The proxy of HTTP and HTTPS.
    #[serde(default)]
    pub proxy: ProxySettings,
    /// What clients reach, in the order of the file.
    #[serde(rename = "load_balancer", default, skip_serializing_if = "Vec::is_empty")]
    pub load_balancers: Vec<LoadBalancer>,
    /// What clients are spread over, in the order of the file.
    #[serde(rename = "pool", default, skip_serializing_if = "Vec::is_empty")]
    pub pools: Vec<Pool>,
}

impl Config {
    /// The pool of that name.
    #[must_use]
    pub fn pool(&self, name: &str) -> Option<&Pool> {
        self.pools.iter().find(|pool| pool.name == name)
    }

    /// All listeners, each with its load balancer.
    pub fn listeners(&self) -> impl Iterator<Item = (&LoadBalancer, &Listener)> {
        let balancers = self.load_balancers.iter();
        balancers.flat_map(|balancer| {
            balancer
                .listeners
                .iter()
                .map(move |listener| (balancer, listener))
        })
    }

    /// The pools that the proxy serves: those of HTTP and HTTPS listeners and of their policies. All others are the
    /// datapath's.
    #[must_use]
    pub fn proxied_pools(&self) -> HashSet<&str> {
        let listeners = self.listeners().map(|(_, listener)| listener);
        let proxied = listeners.filter(|listener| !listener.protocol().is_layer_4());
        proxied.flat_map(Listener::pools).collect()
    }

    /// The pools that the datapath serves, in the order of the file.
    pub fn datapath_pools(&self) -> impl Iterator<Item = &Pool> {
        let proxied = self.proxied_pools();
        self.pools
            .iter()
            .filter(move |pool| !proxied.contains(pool.name.as_str()))
    }
}

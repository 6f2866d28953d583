//! The objects of the load balancer as plain data.
//!
//! What [`config`](crate::config) hands out is valid: every rule that the fields state holds. The serde names are those
//! of the configuration language, so that the same object reads the same in a file, in the API and in a dump. Reading
//! one with `Deserialize` does not check the rules: it is for what a daemon wrote, not for what a person did.

mod api;
mod changed;
mod cookie_names;
mod health;
mod http;
mod identity;
mod lasting;
mod load_balancer;
mod merge;
mod persistence;
mod policy;
mod policy_text;
mod pool;
mod settings;
mod text;
mod title;
mod unicast;
mod word;
mod words;

use std::{borrow::Cow, collections::HashSet, sync::Arc};

use serde::{Deserialize, Serialize};

pub use api::{ApiSettings, ApiToken, ApiUser, MAX_API_TOKENS, MAX_API_USERS, PasswordHash, Subnet};
pub use changed::{Changed, Difference};
pub use health::{ExpectedCodes, HealthMonitor, HttpProbe, NotStatusCodes, Probe};
pub use http::{
    CertificateFiles, ClientCertificates, ClientTimeouts, Http, ListenerTls, MemberHttp, MemberTimeouts,
    MemberTls, Outlier, RequestLimits,
};
pub use identity::ClientIdentity;
pub use load_balancer::{Listener, LoadBalancer, Service};
pub use merge::{Clash, Conflict, Managed, Room};
pub use persistence::{CookieSettings, Granularity, Persistence, SessionPersistence};
pub use policy::{
    Action, MAX_POLICIES_PER_LISTENER, MAX_RULES_PER_POLICY, NotARedirectCode, Policy, RedirectCode, Rule,
    Subject,
};
pub(crate) use policy_text::{check_compared, check_redirect_prefix, check_redirect_url};
pub use pool::{Forwarding, MAX_MEMBERS_PER_POOL, MAX_SNAT_ADDRESSES, Member, Pool, PortRange, SourceNat};
pub use settings::{AccessLog, DaemonSettings, DatapathSettings, FlowIdleTimeout, ProxySettings};
pub(crate) use text::{LONGEST_NAME, bounded, token, url_path, visible_ascii};
pub(crate) use title::titled;
pub use title::{Titled, meant};
pub use unicast::why_not_unicast;
pub use word::Word;
pub(crate) use word::words;
pub use words::{
    ActionType, ApiAuth, ApiRole, ClientAuth, ClientHeader, ClosedPort, CompareType, DataPlane,
    ForwardedMode, ForwardingMode, HttpMethod, LbAlgorithm, LbKind, LogFormat, MemberProtocol,
    OperatingStatus, PersistenceType, ProbeType, Protocol, ProxyProtocol, RuleType, SameSite, SecureCookie,
    TlsVersion, Transport, XdpMode,
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
    /// The management API.
    #[serde(default)]
    pub api: ApiSettings,
    /// What clients reach, in the order of the file. Of two configurations, what is the same one has not changed.
    #[serde(rename = "load_balancer", default, skip_serializing_if = "Vec::is_empty")]
    pub load_balancers: Vec<Arc<LoadBalancer>>,
    /// What clients are spread over, in the order of the file; the same holds.
    #[serde(rename = "pool", default, skip_serializing_if = "Vec::is_empty")]
    pub pools: Vec<Arc<Pool>>,
}

impl Config {
    /// The pool of that name.
    #[must_use]
    pub fn pool(&self, name: &str) -> Option<&Arc<Pool>> {
        self.pools.iter().find(|pool| pool.name == name)
    }

    /// What of it is served: with no data plane, nothing. The daemon itself is the same.
    #[must_use]
    pub fn served_by(&self, plane: DataPlane) -> Cow<'_, Self> {
        match plane {
            DataPlane::Kernel => Cow::Borrowed(self),
            DataPlane::Noop => Cow::Owned(Self {
                daemon: self.daemon.clone(),
                api: self.api.clone(),
                ..Self::default()
            }),
        }
    }

    /// Whether there is a layer 4: a datapath on interfaces. Listeners of TCP and UDP want one.
    #[must_use]
    pub fn has_layer_4(&self) -> bool {
        !self.datapath.interfaces.is_empty()
    }

    /// All listeners, each with its load balancer.
    pub fn listeners(&self) -> impl Iterator<Item = (&LoadBalancer, &Listener)> + Clone {
        let balancers = self.load_balancers.iter().map(Arc::as_ref);
        balancers.flat_map(|balancer| {
            let listeners = balancer.listeners.iter();
            listeners.map(move |listener| (balancer, listener))
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
    pub fn datapath_pools(&self) -> impl Iterator<Item = &Arc<Pool>> {
        let proxied = self.proxied_pools();
        self.pools
            .iter()
            .filter(move |pool| !proxied.contains(pool.name.as_str()))
    }
}

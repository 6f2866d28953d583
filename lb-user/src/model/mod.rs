//! The objects of the load balancer as plain data.
//!
//! What [`config`](crate::config) hands out is valid: every rule that the fields state holds. The serde names are those
//! of the configuration language, so that the same object reads the same in a file, in the API and in a dump. Reading
//! one with `Deserialize` does not check the rules: it is for what a daemon wrote, not for what a person did.

mod health;
mod lasting;
mod load_balancer;
mod persistence;
mod pool;
mod settings;
mod words;

use serde::{Deserialize, Serialize};

pub use health::{ExpectedCodes, HealthMonitor, HttpProbe, NotStatusCodes, Probe};
pub use load_balancer::{Listener, LoadBalancer};
pub use persistence::{Granularity, Persistence, SessionPersistence};
pub use pool::{Forwarding, MAX_MEMBERS_PER_POOL, MAX_SNAT_ADDRESSES, Member, Pool, PortRange, SourceNat};
pub use settings::{DaemonSettings, DatapathSettings, FlowIdleTimeout};
pub use words::{
    ClosedPort, ForwardingMode, HttpMethod, LbAlgorithm, LbKind, OperatingStatus, PersistenceType, ProbeType,
    Protocol, Transport, Word, XdpMode,
};

/// All that a daemon is configured with.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Config {
    /// The daemon itself.
    pub daemon: DaemonSettings,
    /// The XDP program and its maps.
    pub datapath: DatapathSettings,
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
}

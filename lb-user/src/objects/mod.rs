//! The objects of the management API: what is known of each kind, and all of them together.
//!
//! They speak the language of the `OpenStack` load balancing API (Octavia, v2): each field is named once, in its object's
//! [`form`](Object::form), and shown by its [`value`](Object::value).

mod administration;
mod any;
mod declared;
mod encryption;
mod fault;
mod form;
mod head;
mod health_monitor;
mod inventory;
mod kind;
mod l7policy;
mod listener;
mod load_balancer;
mod member;
mod noted;
mod pool;
mod read;
mod rules;
mod standing;
mod words;

pub use administration::{
    AvailabilityZone, AvailabilityZoneProfile, Flavor, FlavorProfile, Quota, UNLIMITED,
};
pub use any::{Any, Difference};
pub use declared::{
    DEFAULT_PROJECT, declared, listener_id, load_balancer_id, member_id, network_id, pool_id, port_id,
    subnet_id,
};
pub use fault::{Fault, Shape};
pub use form::{Create, Form, Kind, Update, When};
pub use head::{Described, Head, Origin, Stamp};
pub use health_monitor::HealthMonitor;
pub(crate) use health_monitor::RETRIES;
pub use inventory::{Asker, Inventory, Object, Table, Tabled, Unsettled};
pub(crate) use kind::{LONGEST_NAME, written};
pub use l7policy::{L7Policy, L7Rule, LAST};
pub use listener::Listener;
pub use load_balancer::{LoadBalancer, PROVIDER};
pub use member::Member;
pub(crate) use member::{PORT, WEIGHT};
pub use pool::{Place, Pool, SessionPersistence};
pub use read::{Purpose, Reader};
pub(crate) use rules::{MONITOR_TIMES_S, PERSISTENCE_TIMEOUT_S, POLICY, netmask_bits, without_final_slash};
pub use rules::{Offered, Rules, changeable};
pub use words::{
    Algorithm, ClientAuthentication, L7RuleType, ListenerProtocol, MonitorMethod, MonitorType, PoolProtocol,
    ProvisioningStatus,
};

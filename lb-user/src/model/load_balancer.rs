//! What clients reach: load balancers and their listeners.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::{Action, Http, LbKind, ListenerTls, Policy, Protocol};

/// One virtual IP address and what listens on it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoadBalancer {
    /// Unique among load balancers.
    pub name: String,
    /// What people call it, where `name` is an id. Of what a file configures, nothing: its names are for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    /// The address clients reach; unicast, and of this load balancer only.
    pub vip: IpAddr,
    /// Which types of session persistence its pools may have.
    pub kind: LbKind,
    /// `false` switches it off with all its listeners.
    pub admin_state_up: bool,
    /// No two share a port of one transport.
    #[serde(rename = "listener", default, skip_serializing_if = "Vec::is_empty")]
    pub listeners: Vec<Listener>,
}

/// A port of a VIP, and the pool its clients are spread over, if it has one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listener {
    /// Unique among all listeners, those of other load balancers included.
    pub name: String,
    /// What people call it, where `name` is an id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    /// What it speaks with its clients, and how.
    #[serde(flatten)]
    pub service: Service,
    /// 1 to 65,535.
    pub port: u16,
    /// The name of a [`Pool`](super::Pool) that exists. Listeners that share a pool share its sessions. `None`, which a file
    /// cannot say: its clients get what a pool without members gives them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pool: Option<String>,
    /// `false` switches it off: its port is then a closed one.
    pub admin_state_up: bool,
    /// Where requests go that its own pool is not to have; only of HTTP and HTTPS, at most
    /// [`MAX_POLICIES_PER_LISTENER`](super::MAX_POLICIES_PER_LISTENER).
    #[serde(rename = "policy", default, skip_serializing_if = "Vec::is_empty")]
    pub policies: Vec<Policy>,
}

/// What a listener speaks with its clients, with what belongs to each protocol.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "protocol", rename_all = "UPPERCASE")]
pub enum Service {
    /// Connections, by the datapath.
    Tcp,
    /// Datagrams, by the datapath.
    Udp,
    /// Requests, by the proxy.
    Http {
        /// How they are served.
        http: Http,
    },
    /// Requests over TLS, by the proxy.
    Https {
        /// How they are served.
        http: Http,
        /// The TLS that ends here.
        tls: ListenerTls,
    },
}

impl Service {
    /// Which of the protocols it is.
    #[must_use]
    pub fn protocol(&self) -> Protocol {
        match self {
            Self::Tcp => Protocol::Tcp,
            Self::Udp => Protocol::Udp,
            Self::Http { .. } => Protocol::Http,
            Self::Https { .. } => Protocol::Https,
        }
    }
}

impl LoadBalancer {
    /// Whether a port of its VIP is the host's, which has the others then too.
    #[must_use]
    pub fn has_a_port_of_the_host(&self) -> bool {
        let mut on = self.listeners.iter().filter(|listener| listener.admin_state_up);
        on.any(|listener| !listener.protocol().is_layer_4())
    }

    /// Whether the datapath, where there is one, takes all ports of its VIP from the host. What is inside the host or off it
    /// does not see.
    #[must_use]
    pub fn takes_all_ports(&self) -> bool {
        self.admin_state_up && !self.vip.is_loopback() && !self.has_a_port_of_the_host()
    }
}

impl Listener {
    /// What it speaks with its clients.
    #[must_use]
    pub fn protocol(&self) -> Protocol {
        self.service.protocol()
    }

    /// The pools that it uses: its own, and those of its policies.
    pub fn pools(&self) -> impl Iterator<Item = &str> {
        let of_policies = self.policies.iter().filter_map(|policy| match &policy.action {
            Action::RedirectToPool { redirect_pool } => Some(redirect_pool.as_str()),
            Action::Reject | Action::RedirectToUrl { .. } | Action::RedirectPrefix { .. } => None,
        });
        self.pool.as_deref().into_iter().chain(of_policies)
    }
}

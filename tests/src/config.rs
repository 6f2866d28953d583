//! The configuration of the daemon, written out as TOML.

use std::fmt::{self, Display, Formatter, Write as _};
use std::net::{IpAddr, SocketAddr};

use crate::client::Protocol;
use crate::http::Scheme;
use crate::member::Member;
use crate::topology::Family;

/// Load balancers and pools. Displayed, it is the TOML of all but the daemon's own sections, which [`crate::Daemon`]
/// adds; where this is not enough, give it text of your own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Config {
    listeners: Vec<Listener>,
    pools: Vec<Pool>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Listener {
    name: String,
    protocol: String,
    vip: SocketAddr,
    pool: String,
    /// The TOML of its sections.
    sections: String,
}

/// A pool and its members.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pool {
    name: String,
    algorithm: String,
    /// None: a pool of the proxy.
    forwarding: Option<String>,
    snat_ports: Option<[u16; 2]>,
    persistence: Option<Persistence>,
    absolute_timeout_min: Option<u32>,
    /// The TOML of further sections, in their order.
    sections: String,
    monitor: Option<String>,
    members: Vec<PoolMember>,
}

/// Source address persistence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Persistence {
    /// How many minutes a client may stay away.
    pub idle_timeout_min: u32,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct PoolMember {
    name: String,
    address: SocketAddr,
    weight: u32,
}

impl Config {
    /// An empty one.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a listener. Listeners of one address belong to one load balancer.
    #[must_use]
    pub fn listener(self, protocol: Protocol, vip: SocketAddr, pool: &str) -> Self {
        self.any_listener(&protocol.to_string(), vip, pool, "")
    }

    /// Adds a listener of HTTP or HTTPS; `sections` is the TOML of its own (`[load_balancer.listener.http.timeouts]`, ...).
    #[must_use]
    pub fn web_listener(self, scheme: Scheme, vip: SocketAddr, pool: &str, sections: &str) -> Self {
        self.any_listener(&scheme.to_string().to_uppercase(), vip, pool, sections)
    }

    fn any_listener(mut self, protocol: &str, vip: SocketAddr, pool: &str, sections: &str) -> Self {
        let name = format!("listener-{}", self.listeners.len() + 1);
        self.listeners.push(Listener {
            name,
            protocol: protocol.to_owned(),
            vip,
            pool: pool.to_owned(),
            sections: sections.to_owned(),
        });
        self
    }

    /// Adds a pool.
    #[must_use]
    pub fn pool(mut self, pool: Pool) -> Self {
        self.pools.push(pool);
        self
    }
}

impl Pool {
    /// A pool without members, `ROUND_ROBIN` and `full_nat`, without persistence or health monitor.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            algorithm: "ROUND_ROBIN".to_owned(),
            forwarding: Some("full_nat".to_owned()),
            snat_ports: None,
            persistence: None,
            absolute_timeout_min: None,
            sections: String::new(),
            monitor: None,
            members: Vec::new(),
        }
    }

    /// The same for listeners of HTTP and HTTPS: without `forwarding`, since requests go over connections of the balancer's.
    #[must_use]
    pub fn web(name: &str) -> Self {
        Self {
            forwarding: None,
            ..Self::new(name)
        }
    }

    /// How it chooses: `ROUND_ROBIN`, `LEAST_CONNECTIONS` or `SOURCE_IP`.
    #[must_use]
    pub fn algorithm(mut self, algorithm: &str) -> Self {
        algorithm.clone_into(&mut self.algorithm);
        self
    }

    /// How packets reach the members: `full_nat`, `nat`, `dsr` or `ipip`.
    #[must_use]
    pub fn forwarding(mut self, forwarding: &str) -> Self {
        self.forwarding = Some(forwarding.to_owned());
        self
    }

    /// Adds a section by its TOML: `session_persistence`, with `type = "HTTP_COOKIE"` for one; `http`, with `retries = 0`.
    #[must_use]
    pub fn section(mut self, name: &str, toml: &str) -> Self {
        // Writing to a string does not fail.
        let _ = writeln!(self.sections, "\n[pool.{name}]\n{}", toml.trim());
        self
    }

    /// The first and the last source port of `full_nat`.
    #[must_use]
    pub fn snat_ports(mut self, ports: [u16; 2]) -> Self {
        self.snat_ports = Some(ports);
        self
    }

    /// Holds clients by their source address.
    #[must_use]
    pub fn persistence(mut self, persistence: Persistence) -> Self {
        self.persistence = Some(persistence);
        self
    }

    /// Ends sessions after so many minutes, whoever is still there. Only with [`Self::persistence`].
    #[must_use]
    pub fn absolute_timeout_min(mut self, minutes: u32) -> Self {
        self.absolute_timeout_min = Some(minutes);
        self
    }

    /// Adds a health monitor: the TOML of its section (`type = "TCP"`, `delay_s = 1`, ...).
    #[must_use]
    pub fn monitor(mut self, toml: &str) -> Self {
        self.monitor = Some(toml.to_owned());
        self
    }

    /// Adds a member.
    #[must_use]
    pub fn member(mut self, name: &str, address: SocketAddr, weight: u32) -> Self {
        self.members.push(PoolMember {
            name: name.to_owned(),
            address,
            weight,
        });
        self
    }

    /// Adds all members of a laboratory with their addresses of one family, each with the weight 1.
    #[must_use]
    pub fn all(self, members: &[Member], family: Family, port: u16) -> Self {
        members.iter().fold(self, |pool, member| {
            pool.member(member.name(), member.socket(family, port), 1)
        })
    }
}

impl Display for Config {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        let mut vips: Vec<IpAddr> = self.listeners.iter().map(|listener| listener.vip.ip()).collect();
        vips.sort_unstable();
        vips.dedup();
        for (vip, number) in vips.iter().zip(1..) {
            writeln!(
                out,
                "[[load_balancer]]\nname = \"balancer-{number}\"\nvip = \"{vip}\"\n"
            )?;
            for listener in self.listeners.iter().filter(|listener| listener.vip.ip() == *vip) {
                writeln!(out, "[[load_balancer.listener]]\n{listener}")?;
            }
        }
        self.pools
            .iter()
            .try_for_each(|pool| writeln!(out, "[[pool]]\n{pool}"))
    }
}

impl Display for Listener {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        let Self {
            name,
            protocol,
            vip,
            pool,
            sections,
        } = self;
        writeln!(
            out,
            "name = {name:?}\nprotocol = \"{protocol}\"\nport = {}\npool = {pool:?}",
            vip.port()
        )?;
        if sections.is_empty() {
            return Ok(());
        }
        writeln!(out, "\n{}", sections.trim())
    }
}

impl Display for Pool {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        let Self {
            name,
            algorithm,
            forwarding,
            ..
        } = self;
        writeln!(out, "name = {name:?}\nalgorithm = {algorithm:?}")?;
        if let Some(forwarding) = forwarding {
            writeln!(out, "forwarding = {forwarding:?}")?;
        }
        if let Some(ports) = self.snat_ports {
            writeln!(out, "snat_ports = {ports:?}")?;
        }
        if let Some(Persistence { idle_timeout_min }) = self.persistence {
            writeln!(out, "\n[pool.session_persistence]\ntype = \"SOURCE_IP\"")?;
            writeln!(out, "idle_timeout_min = {idle_timeout_min}")?;
            if let Some(minutes) = self.absolute_timeout_min {
                writeln!(out, "absolute_timeout_min = {minutes}")?;
            }
        }
        if let Some(monitor) = &self.monitor {
            writeln!(out, "\n[pool.health_monitor]\n{}", monitor.trim())?;
        }
        out.write_str(&self.sections)?;
        for PoolMember {
            name,
            address,
            weight,
        } in &self.members
        {
            writeln!(
                out,
                "\n[[pool.member]]\nname = {name:?}\naddress = \"{}\"",
                address.ip()
            )?;
            writeln!(out, "port = {}\nweight = {weight}", address.port())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_written_in_the_language_of_the_daemon() {
        let vip = SocketAddr::new(Family::V4.vip(), 80);
        let pool = Pool::new("web")
            .persistence(Persistence { idle_timeout_min: 20 })
            .monitor("type = \"TCP\"\ndelay_s = 1")
            .member("member1", "10.2.1.2:8080".parse().expect("an address"), 3);
        let config = Config::new()
            .listener(Protocol::Tcp, vip, "web")
            .listener(Protocol::Udp, vip, "web")
            .pool(pool);
        let expected = r#"[[load_balancer]]
name = "balancer-1"
vip = "10.1.0.100"

[[load_balancer.listener]]
name = "listener-1"
protocol = "TCP"
port = 80
pool = "web"

[[load_balancer.listener]]
name = "listener-2"
protocol = "UDP"
port = 80
pool = "web"

[[pool]]
name = "web"
algorithm = "ROUND_ROBIN"
forwarding = "full_nat"

[pool.session_persistence]
type = "SOURCE_IP"
idle_timeout_min = 20

[pool.health_monitor]
type = "TCP"
delay_s = 1

[[pool.member]]
name = "member1"
address = "10.2.1.2"
port = 8080
weight = 3

"#;
        assert_eq!(config.to_string(), expected);
    }
}

//! The configuration of the daemon, written out as TOML.

use std::fmt::{self, Display, Formatter};
use std::net::{IpAddr, SocketAddr};

use crate::client::Protocol;
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
    protocol: Protocol,
    vip: SocketAddr,
    pool: String,
}

/// A pool and its members.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pool {
    name: String,
    algorithm: String,
    forwarding: String,
    snat_ports: Option<[u16; 2]>,
    persistence: Option<Persistence>,
    absolute_timeout_min: Option<u32>,
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
    pub fn listener(mut self, protocol: Protocol, vip: SocketAddr, pool: &str) -> Self {
        let name = format!("listener-{}", self.listeners.len() + 1);
        self.listeners.push(Listener {
            name,
            protocol,
            vip,
            pool: pool.to_owned(),
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
            forwarding: "full_nat".to_owned(),
            snat_ports: None,
            persistence: None,
            absolute_timeout_min: None,
            monitor: None,
            members: Vec::new(),
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
        forwarding.clone_into(&mut self.forwarding);
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
        } = self;
        writeln!(
            out,
            "name = {name:?}\nprotocol = \"{protocol}\"\nport = {}\npool = {pool:?}",
            vip.port()
        )
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
        writeln!(
            out,
            "name = {name:?}\nalgorithm = {algorithm:?}\nforwarding = {forwarding:?}"
        )?;
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

//! Members that serve, a daemon whose file says nothing of them, and people at its console.

use std::net::SocketAddr;
use std::ops::Range;
use std::time::Duration;

use anyhow::{Context as _, Result};
use lb_tests::console::Visitor;
use lb_tests::{Curl, Daemon, Family, Laboratory, Member, Scheme, Services, Tally};
use serde_json::{Value, json};

pub(crate) const WITHIN: Duration = Duration::from_secs(20);
pub(crate) const LINES_PORT: u16 = 8090;
pub(crate) const WEB_PORT: u16 = 8080;
pub(crate) const DATAGRAMS_PORT: u16 = 8091;
/// Of the balancer's own loopback address, which no other test has.
const URL: &str = "http://127.0.0.1:9876/console/";
const API: &str = "[api]\nlisten = [\"127.0.0.1:9876\"]\nauth = \"none\"\n";
const SMALL: &str = "max_flows = 4096\nmax_sessions = 65536\nmax_listeners = 64\nmax_pools = 64\nmax_members = 256\n\
                     schedule_slots = 16384\n";

pub(crate) struct World {
    // First, so that it ends before what it balances.
    pub(crate) daemon: Daemon,
    pub(crate) members: Vec<Member>,
    pub(crate) lab: Laboratory,
}

impl World {
    pub(crate) fn start() -> Result<Self> {
        Self::with(SMALL, "")
    }

    /// With further lines of `[api]`.
    pub(crate) fn with_api(further: &str) -> Result<Self> {
        Self::with(SMALL, further)
    }

    /// With these limits of `[datapath]`, and further lines of `[api]`.
    pub(crate) fn with(limits: &str, further: &str) -> Result<Self> {
        let lab = Laboratory::routed().members(3).build()?;
        let services = Services::new()
            .tcp([LINES_PORT])
            .web([WEB_PORT])
            .udp([DATAGRAMS_PORT]);
        Ok(Self {
            members: lab.serve_all(&services)?,
            daemon: Daemon::start(&lab, format!("{limits}{API}{further}\n"))?,
            lab,
        })
    }

    pub(crate) fn visitor(&self, language: &'static str) -> Visitor<'_> {
        Visitor::new(URL, |program| self.lab.balancer().command(program)).speaking(language)
    }

    pub(crate) fn vip(&self, port: u16) -> SocketAddr {
        SocketAddr::new(self.lab.vip(Family::V4), port)
    }

    /// The members as bodies of the API have them, by these names and with these weights.
    pub(crate) fn places(
        &self,
        family: Family,
        port: u16,
        name: impl Fn(&str) -> String,
        weights: [u32; 3],
    ) -> Value {
        let members = self.members.iter().zip(weights);
        let places = members.map(|(member, weight)| {
            json!({
                "name": name(member.name()), "address": member.address(family), "protocol_port": port,
                "weight": weight,
            })
        });
        places.collect()
    }

    /// Makes a load balancer with all that is below it.
    pub(crate) fn make(&self, balancer: &Value) -> Result<()> {
        let body = json!({"loadbalancer": balancer});
        let made = self.daemon.api("POST", "/loadbalancers", Some(&body))?;
        made.object("loadbalancer").map(drop)
    }

    /// A group that holds its clients by their addresses, and whose members are watched.
    pub(crate) fn hold_and_watch(&self) -> Result<()> {
        self.hold_and_watch_as(str::to_owned)
    }

    /// The same, in which everything is called so.
    pub(crate) fn hold_and_watch_as(&self, name: impl Fn(&str) -> String) -> Result<()> {
        let pool = json!({
            "name": name("lines"), "protocol": "TCP", "lb_algorithm": "ROUND_ROBIN",
            "members": self.places(Family::V4, LINES_PORT, &name, [1; 3]),
            "session_persistence": {"type": "SOURCE_IP"},
            "healthmonitor": {"type": "TCP", "delay": 1, "timeout": 1, "max_retries": 1, "max_retries_down": 1},
        });
        let listener =
            json!({"name": name("lines"), "protocol": "TCP", "protocol_port": 81, "default_pool": pool});
        self.make(&json!({
            "name": name("web"), "description": name("of the laboratory"), "vip_address": self.vip(0).ip(),
            "listeners": [listener],
        }))
    }

    /// Where so many clients are served at layer 4, each four times.
    pub(crate) fn lines(&self) -> Tally {
        self.lines_at(81)
    }

    pub(crate) fn lines_at(&self, port: u16) -> Tally {
        let rounds = (0..4).map(|_| self.clients(0..20, port));
        let rounds = rounds.fold(Tally::default(), Tally::merge);
        rounds.assert_no_failures();
        rounds
    }

    /// Where these clients are served at layer 4, each once.
    pub(crate) fn clients(&self, which: Range<usize>, port: u16) -> Tally {
        let sources = |index| Family::V4.source(which.start + index);
        self.lab
            .client()
            .sweep_connections(which.len(), sources, self.vip(port), 8)
    }

    /// Where a browser with cookies is served, again and again.
    pub(crate) fn pages(&self) -> Result<Vec<String>> {
        self.pages_beginning_at("/")
    }

    /// The same, where it begins with this page.
    pub(crate) fn pages_beginning_at(&self, first: &str) -> Result<Vec<String>> {
        let jar = tempfile::NamedTempFile::new()?;
        let curl = self.curl(80).with_jar(jar.path());
        [first, "/", "/", "/", "/", "/"]
            .map(|page| Ok(curl.get(Scheme::Http, "shop.example", page)?.echo()?.member))
            .into_iter()
            .collect()
    }

    /// curl at a port of the VIP.
    pub(crate) fn curl(&self, port: u16) -> Curl<'_> {
        Curl::new(self.lab.client_namespace(), self.vip(port))
    }

    /// The only object of that name.
    pub(crate) fn named(&self, kind: &str, name: &str) -> Result<Value> {
        let found = self.daemon.api("GET", &format!("/{kind}?name={name}"), None)?;
        let found = found.object(kind)?[0].clone();
        (!found.is_null())
            .then_some(found)
            .with_context(|| format!("there is no {name} in {kind}"))
    }
}

//! What the demonstration is made of.

use std::fmt::Write as _;
use std::net::SocketAddr;

use lb_tests::http::Certificate;
use lb_tests::{Family, Laboratory, Protocol};

use crate::web::{self, Site, WEB_PORT};

/// The weights of the members.
pub(crate) const WEIGHTS: [u32; 3] = [5, 3, 2];

/// Where the members serve.
pub(crate) const MEMBER_PORT: u16 = 8080;

/// The listeners whose pool has no persistence: all connections are spread.
const SPREAD: u16 = 80;
/// Those whose pool holds its clients.
const HELD: u16 = 443;

/// A listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Listener {
    pub(crate) protocol: Protocol,
    pub(crate) family: Family,
    port: u16,
}

impl Listener {
    /// Those that spread.
    pub(crate) fn spread() -> impl Iterator<Item = Self> {
        Self::all(SPREAD)
    }

    /// Those that hold.
    pub(crate) fn held() -> impl Iterator<Item = Self> {
        Self::all(HELD)
    }

    fn all(port: u16) -> impl Iterator<Item = Self> {
        Family::BOTH.into_iter().flat_map(move |family| {
            Protocol::BOTH.map(|protocol| Self {
                protocol,
                family,
                port,
            })
        })
    }

    /// Its VIP and port.
    pub(crate) fn socket(self) -> SocketAddr {
        SocketAddr::new(self.family.vip(), self.port)
    }

    fn pool(self) -> String {
        pool(self.family, self.port)
    }
}

fn pool(family: Family, port: u16) -> String {
    let kind = if port == HELD { "held" } else { "spread" };
    format!("{kind}-{family:?}").to_lowercase()
}

/// The namespaces and addresses, for people.
pub(crate) fn what_was_built(lab: &Laboratory) -> String {
    let mut text = "What was built, in network namespaces of its own:\n\n".to_owned();
    let mut line = |role: &str, namespace: &str, addresses: String| {
        // Writing to a string does not fail.
        let _ = writeln!(text, "    {role:<9} {namespace:<22} {addresses}");
    };
    let both = |address: fn(Family) -> std::net::IpAddr| {
        let [v4, v6] = Family::BOTH.map(address);
        format!("{v4}, {v6}")
    };
    line(
        "client",
        lab.client_namespace().name(),
        format!(
            "{}; and many more from {}",
            both(Family::client),
            both(first_source)
        ),
    );
    line(
        "balancer",
        lab.balancer().name(),
        format!("{}; VIPs {}", both(Family::balancer), both(Family::vip)),
    );
    for number in 1..=lab.members() {
        let [v4, v6] = Family::BOTH.map(|family| lab.member_address(number, family));
        line(
            lab.member_name(number),
            lab.member_namespace(number).name(),
            format!("{v4}, {v6}; ports {MEMBER_PORT}, {WEB_PORT} (HTTP)"),
        );
    }
    text + "\n"
}

fn first_source(family: Family) -> std::net::IpAddr {
    family.source(0)
}

/// The configuration of the daemon.
pub(crate) fn configuration(lab: &Laboratory, certificate: &Certificate) -> String {
    // The rounds come fast, and a port of the balancer is free again when a flow is forgotten.
    let mut text = "[datapath.flow_idle_timeout]\ntcp_fin_s = 10\nudp_s = 20\n\n".to_owned();
    for family in Family::BOTH {
        let listeners = Listener::spread().chain(Listener::held());
        let listeners: Vec<_> = listeners
            .filter(|listener| listener.family == family)
            .map(|listener| {
                let (protocol, port, pool) = (listener.protocol, listener.port, listener.pool());
                let name = format!("{pool}-{protocol}").to_lowercase();
                format!("  {{ name = {name:?}, protocol = \"{protocol}\", port = {port}, pool = {pool:?} }},")
            })
            .chain(
                Site::all()
                    .filter(|site| site.family == family)
                    .map(|site| site.toml(certificate)),
            )
            .collect();
        let _ = writeln!(
            text,
            "[[load_balancer]]\nname = \"{}\"\nvip = \"{}\"\nlistener = [\n{}\n]\n",
            format!("{family:?}").to_lowercase(),
            family.vip(),
            listeners.join("\n"),
        );
    }
    for (family, port) in Family::BOTH
        .into_iter()
        .flat_map(|family| [(family, SPREAD), (family, HELD)])
    {
        let members: Vec<_> = WEIGHTS
            .iter()
            .zip(1..)
            .map(|(weight, number)| {
                let (name, address) = (lab.member_name(number), lab.member_address(number, family));
                format!("  {{ name = {name:?}, address = \"{address}\", port = {MEMBER_PORT}, weight = {weight} }},")
            })
            .collect();
        let persistence = match port {
            HELD => "session_persistence = { type = \"SOURCE_IP\", idle_timeout_min = 20 }\n",
            _ => "",
        };
        let _ = writeln!(
            text,
            "[[pool]]\nname = {:?}\nalgorithm = \"ROUND_ROBIN\"\n{persistence}member = [\n{}\n]\n",
            pool(family, port),
            members.join("\n"),
        );
    }
    text += &web::pools(lab);
    text.trim_end().to_owned() + "\n"
}

//! Visitors over HTTP and HTTPS, who are held by a cookie: the balancer's, or the application's.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::{Result, ensure};
use lb_tests::http::{Authority, Certificate, Jar, Wire};
use lb_tests::{Family, Laboratory};
use rustls::ClientConfig;
use rustls::version::TLS13;

use crate::plan::WEIGHTS;

/// Where the members serve HTTP.
pub(crate) const WEB_PORT: u16 = 8081;
/// The name that the certificate is for.
const HOST: &str = "shop.example";
/// Visitors of a round at each listener: as many as take the members' turns twice.
const VISITORS: u32 = 20;
/// How often each comes back.
const RETURNS: u32 = 4;

/// A listener of layer 7.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Site {
    pub(crate) kind: Kind,
    pub(crate) family: Family,
}

/// What it speaks, and what its pool holds visitors by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Http,
    Https,
    Application,
}

impl Kind {
    const ALL: [Self; 3] = [Self::Http, Self::Https, Self::Application];

    fn port(self) -> u16 {
        match self {
            Self::Http => 8000,
            Self::Https => 8443,
            Self::Application => 8001,
        }
    }

    fn protocol(self) -> &'static str {
        match self {
            Self::Http | Self::Application => "HTTP",
            Self::Https => "HTTPS",
        }
    }

    /// The type of persistence, as it is configured.
    pub(crate) fn persistence(self) -> &'static str {
        match self {
            Self::Http | Self::Https => "HTTP_COOKIE",
            Self::Application => "APP_COOKIE",
        }
    }

    fn pool(self, family: Family) -> String {
        let kind = match self {
            Self::Http | Self::Https => "cookie",
            Self::Application => "app",
        };
        format!("{kind}-{family:?}").to_lowercase()
    }
}

impl Site {
    /// All of them.
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        let of = |family| Kind::ALL.map(move |kind| Self { kind, family });
        Family::BOTH.into_iter().flat_map(of)
    }

    fn socket(self) -> SocketAddr {
        SocketAddr::new(self.family.vip(), self.kind.port())
    }

    /// What it is called in tables.
    pub(crate) fn name(self) -> String {
        format!("{} {}", self.kind.protocol(), self.socket())
    }

    /// Its line in the configuration.
    pub(crate) fn toml(self, certificate: &Certificate) -> String {
        let (protocol, port, pool) = (
            self.kind.protocol(),
            self.kind.port(),
            self.kind.pool(self.family),
        );
        let name = format!("{pool}-{protocol}").to_lowercase();
        let tls = match self.kind {
            Kind::Https => format!(", tls = {{ certificates = [{}] }}", certificate.toml()),
            Kind::Http | Kind::Application => String::new(),
        };
        format!("  {{ name = {name:?}, protocol = {protocol:?}, port = {port}, pool = {pool:?}{tls} }},")
    }
}

/// The pools, as they are configured.
pub(crate) fn pools(lab: &Laboratory) -> String {
    let mut text = String::new();
    for family in Family::BOTH {
        for (kind, persistence) in [
            (Kind::Http, "type = \"HTTP_COOKIE\""),
            (
                Kind::Application,
                "type = \"APP_COOKIE\", cookie_name = \"JSESSIONID\"",
            ),
        ] {
            let members = (1..).zip(WEIGHTS).map(|(number, weight)| {
                let (name, address) = (lab.member_name(number), lab.member_address(number, family));
                format!(
                    "  {{ name = {name:?}, address = \"{address}\", port = {WEB_PORT}, weight = {weight} }},"
                )
            });
            // Writing to a string does not fail.
            let _ = writeln!(
                text,
                "[[pool]]\nname = {:?}\nsession_persistence = {{ {persistence} }}\nmember = [\n{}\n]\n",
                kind.pool(family),
                members.collect::<Vec<_>>().join("\n"),
            );
        }
    }
    text
}

/// Makes the certificate of the HTTPS listeners.
pub(crate) fn certify(authority: &Authority) -> Result<Certificate> {
    authority.certify("shop", &[HOST])
}

/// The visitors of a site, in one round or more.
#[derive(Clone, Debug, Default)]
pub(crate) struct Visits {
    /// By the member that they came to first.
    pub(crate) first: BTreeMap<String, u32>,
    /// Those who were served by that one whenever they came back.
    pub(crate) held: u32,
    /// What went wrong.
    pub(crate) failures: BTreeMap<String, u32>,
}

impl Visits {
    pub(crate) fn visitors(&self) -> u32 {
        self.first.values().sum()
    }

    pub(crate) fn merge(&mut self, other: Self) {
        self.held += other.held;
        for (sums, more) in [
            (&mut self.first, other.first),
            (&mut self.failures, other.failures),
        ] {
            for (key, count) in more {
                *sums.entry(key).or_default() += count;
            }
        }
    }
}

/// Who visits, and trusts the certificate.
pub(crate) struct Visitors<'l> {
    lab: &'l Laboratory,
    tls: Arc<ClientConfig>,
}

impl<'l> Visitors<'l> {
    pub(crate) fn new(lab: &'l Laboratory, authority: &Authority) -> Result<Self> {
        let tls = authority.client(&[&TLS13], &["http/1.1"])?;
        Ok(Self { lab, tls })
    }

    /// New visitors come, each with a browser of its own, and come back.
    pub(crate) fn visit(&self, site: Site) -> Visits {
        let mut visits = Visits::default();
        for number in 0..VISITORS {
            match self.visit_as(site, number) {
                Ok((first, is_held)) => {
                    *visits.first.entry(first).or_default() += 1;
                    visits.held += u32::from(is_held);
                }
                Err(error) => *visits.failures.entry(format!("{error:#}")).or_default() += 1,
            }
        }
        visits
    }

    /// The member that served a visitor first, and whether it always did.
    fn visit_as(&self, site: Site, number: u32) -> Result<(String, bool)> {
        let mut jar = Jar::default();
        let login = match site.kind {
            Kind::Application => format!("/login?set=JSESSIONID={}-{number}", unique_id()),
            Kind::Http | Kind::Https => "/login".to_owned(),
        };
        let first = self.ask(site, &login, &mut jar)?;
        let mut is_held = true;
        for _ in 0..RETURNS {
            is_held &= self.ask(site, "/basket", &mut jar)? == first;
        }
        Ok((first, is_held))
    }

    fn ask(&self, site: Site, target: &str, jar: &mut Jar) -> Result<String> {
        let wire = Wire::connect_in(self.lab.client_namespace(), None, site.socket())?;
        let mut wire = match site.kind {
            Kind::Https => wire.tls(&self.tls, HOST)?,
            Kind::Http | Kind::Application => wire,
        };
        let reply = wire.browse(target, jar)?;
        ensure!(reply.status == 200, "status {}", reply.status);
        Ok(reply.member().to_owned())
    }
}

/// What no other session of the application is called.
fn unique_id() -> u128 {
    use std::time::{SystemTime, UNIX_EPOCH};
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_nanos())
}

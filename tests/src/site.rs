//! A laboratory at work for HTTP: web servers as members, the daemon with an HTTP and, where it is wanted, an HTTPS listener, and
//! clients of all kinds.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use anyhow::{Context as _, Result};
use rustls::ClientConfig;
use serde_json::{Value, json};

use crate::config::{Config, Pool};
use crate::daemon::Daemon;
use crate::eventually::try_eventually;
use crate::http::{Certificate, Curl, Http2, Jar, Reply, Scheme, Wire};
use crate::member::{Member, Services};
use crate::topology::{Family, Laboratory};

/// Where the members serve.
pub const MEMBER_PORT: u16 = 8080;
/// Where they serve with TLS, if they do: see [`Plan::over_tls`].
pub const MEMBER_TLS_PORT: u16 = 8443;
/// Where they answer lines of TCP: see [`Services`].
pub const TCP_PORT: u16 = 8090;
/// Where the clients ask without TLS.
pub const HTTP_PORT: u16 = 80;
/// Where they ask with it.
pub const HTTPS_PORT: u16 = 443;
/// The name of the pool.
pub const POOL: &str = "web";

/// Small maps: those of the default size take the kernel a while to make, and there are many sites.
const SMALL: &str = "max_flows = 4096\nmax_sessions = 65536\nmax_listeners = 64\nmax_pools = 64\nmax_members = 256\n\
                     schedule_slots = 16384\n";
const TIME_TO_RELOAD: Duration = Duration::from_secs(10);

/// What is configured.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    weights: Vec<Option<u32>>,
    persistence: String,
    pool: String,
    monitor: Option<String>,
    listener: String,
    tls: Option<String>,
    algorithm: Option<String>,
    proxy: String,
    member_certificate: Option<Certificate>,
    further: Config,
}

impl Plan {
    /// Members of these weights, the first being member 1.
    #[must_use]
    pub fn new(weights: &[u32]) -> Self {
        Self {
            weights: weights.iter().copied().map(Some).collect(),
            ..Self::default()
        }
    }

    /// Other weights.
    #[must_use]
    pub fn weights(mut self, weights: &[u32]) -> Self {
        self.weights = Self::new(weights).weights;
        self
    }

    /// Takes a member out.
    #[must_use]
    pub fn without(mut self, number: usize) -> Self {
        self.weights[number - 1] = None;
        self
    }

    /// Holds clients by the balancer's cookie for so many minutes; further lines of the section.
    #[must_use]
    pub fn cookie(mut self, minutes: u32, further: &str) -> Self {
        self.persistence = format!("type = \"HTTP_COOKIE\"\nidle_timeout_min = {minutes}\n{further}");
        self
    }

    /// Holds clients by a cookie of the application's.
    #[must_use]
    pub fn app_cookie(mut self, name: &str, further: &str) -> Self {
        self.persistence = format!("type = \"APP_COOKIE\"\ncookie_name = {name:?}\n{further}");
        self
    }

    /// The TOML of `[pool.http]`.
    #[must_use]
    pub fn pool(mut self, toml: &str) -> Self {
        toml.clone_into(&mut self.pool);
        self
    }

    /// Has members serve with TLS, by this certificate. That they are asked so is for [`Self::pool`] to say.
    #[must_use]
    pub fn over_tls(mut self, certificate: &Certificate) -> Self {
        self.member_certificate = Some(certificate.clone());
        self
    }

    /// How members are chosen.
    #[must_use]
    pub fn algorithm(mut self, algorithm: &str) -> Self {
        self.algorithm = Some(algorithm.to_owned());
        self
    }

    /// The TOML of `[pool.health_monitor]`.
    #[must_use]
    pub fn monitor(mut self, toml: &str) -> Self {
        self.monitor = Some(toml.to_owned());
        self
    }

    /// The TOML of `[load_balancer.listener.http]`, for all listeners.
    #[must_use]
    pub fn listener(mut self, toml: &str) -> Self {
        toml.clone_into(&mut self.listener);
        self
    }

    /// Listeners that wait for a client for as long as a test may take on a busy machine.
    #[must_use]
    pub fn patient(self) -> Self {
        self.listener("timeouts = { header_s = 86400, idle_s = 86400 }")
    }

    /// An HTTPS listener with these certificates, and further lines of its section.
    #[must_use]
    pub fn tls(mut self, certificates: &[&Certificate], further: &str) -> Self {
        let certificates: Vec<_> = certificates.iter().map(|one| one.toml()).collect();
        self.tls = Some(format!("certificates = [{}]\n{further}", certificates.join(", ")));
        self
    }

    /// The TOML of `[proxy]`.
    #[must_use]
    pub fn proxy(mut self, toml: &str) -> Self {
        toml.clone_into(&mut self.proxy);
        self
    }

    /// Further listeners and pools.
    #[must_use]
    pub fn further(mut self, further: Config) -> Self {
        self.further = further;
        self
    }

    fn text(&self, lab: &Laboratory) -> String {
        format!("{SMALL}\n[proxy]\n{}\n{}", self.proxy, self.config(lab))
    }

    fn config(&self, lab: &Laboratory) -> Config {
        let http = match self.listener.as_str() {
            "" => String::new(),
            toml => format!("[load_balancer.listener.http]\n{toml}\n"),
        };
        let mut config = self.further.clone();
        for family in Family::BOTH {
            let vip = |port| SocketAddr::new(lab.vip(family), port);
            config = config.web_listener(Scheme::Http, vip(HTTP_PORT), POOL, &http);
            if let Some(tls) = &self.tls {
                let sections = format!("{http}[load_balancer.listener.tls]\n{tls}");
                config = config.web_listener(Scheme::Https, vip(HTTPS_PORT), POOL, &sections);
            }
        }
        let mut pool = Pool::web(POOL);
        if let Some(algorithm) = &self.algorithm {
            pool = pool.algorithm(algorithm);
        }
        if let Some(monitor) = &self.monitor {
            pool = pool.monitor(monitor);
        }
        for (section, toml) in [("session_persistence", &self.persistence), ("http", &self.pool)] {
            if !toml.is_empty() {
                pool = pool.section(section, toml);
            }
        }
        let port = match self.member_certificate {
            Some(_) => MEMBER_TLS_PORT,
            None => MEMBER_PORT,
        };
        let numbered = (1..).zip(&self.weights);
        let pool = numbered.fold(pool, |pool, (number, weight)| {
            let Some(weight) = weight else { return pool };
            let address = SocketAddr::new(lab.member_address(number, Family::V4), port);
            pool.member(lab.member_name(number), address, *weight)
        });
        config.pool(pool)
    }
}

/// Web servers behind the VIPs.
#[derive(Debug)]
pub struct Site {
    // First, so that it ends before what it balances.
    daemon: Daemon,
    members: Vec<Member>,
    lab: Laboratory,
}

/// What tests of a process share which leave it as it was, such as a site: to start one takes the kernel seconds, for the
/// programs. It goes with the last test that has it.
#[derive(Debug)]
pub struct Shared<T = Site>(Mutex<Weak<T>>);

impl<T> Default for Shared<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> Shared<T> {
    /// One that nobody has yet.
    #[must_use]
    pub const fn new() -> Self {
        Self(Mutex::new(Weak::new()))
    }

    /// What is shared, which is made if nobody has it.
    pub fn made_by(&self, begin: impl FnOnce() -> Result<T>) -> Result<Arc<T>> {
        let mut shared = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(made) = shared.upgrade() {
            return Ok(made);
        }
        let made = Arc::new(begin()?);
        *shared = Arc::downgrade(&made);
        Ok(made)
    }
}

impl Shared {
    /// The site, which is started if nobody has it.
    pub fn of(&self, plan: &Plan) -> Result<Arc<Site>> {
        self.made_by(|| Site::start(plan))
    }
}

impl Site {
    /// Starts it.
    pub fn start(plan: &Plan) -> Result<Self> {
        let mut site = Self::prepare(plan)?;
        site.daemon.launch()?;
        Ok(site)
    }

    /// Starts all but the daemon.
    pub fn prepare(plan: &Plan) -> Result<Self> {
        let lab = Laboratory::routed().members(plan.weights.len()).build()?;
        let mut services = Services::new().web([MEMBER_PORT]).tcp([TCP_PORT]);
        if let Some(certificate) = &plan.member_certificate {
            services = services.web_over_tls(MEMBER_TLS_PORT, certificate);
        }
        let members = lab.serve_all(&services)?;
        let daemon = Daemon::prepare(&lab, plan.text(&lab))?;
        Ok(Self { daemon, members, lab })
    }

    /// Configures something else, and returns when it holds.
    pub fn turn_to(&self, plan: &Plan) -> Result<()> {
        let reloads = || self.daemon.log().matches("reloaded").count();
        let before = reloads();
        self.daemon.reconfigure(plan.text(&self.lab))?;
        try_eventually("the daemon to have reloaded", TIME_TO_RELOAD, || {
            reloads() > before
        })
        .with_context(|| format!("its log:\n{}", self.daemon.log()))
    }

    /// Writes something else into the configuration file, for the next daemon.
    pub fn rewrite(&self, plan: &Plan) -> Result<()> {
        self.daemon.write_config(plan.text(&self.lab))
    }

    /// What clients ask.
    #[must_use]
    pub fn vip(&self, family: Family, scheme: Scheme) -> SocketAddr {
        let port = match scheme {
            Scheme::Http => HTTP_PORT,
            Scheme::Https => HTTPS_PORT,
        };
        SocketAddr::new(self.lab.vip(family), port)
    }

    /// A connection to the HTTP listener.
    pub fn wire(&self) -> Result<Wire> {
        self.wire_to(Scheme::Http)
    }

    /// A TCP connection to a listener.
    pub fn wire_to(&self, scheme: Scheme) -> Result<Wire> {
        Wire::connect_in(self.lab.client_namespace(), None, self.vip(Family::V4, scheme))
    }

    /// Gets a target over a connection of its own.
    pub fn get(&self, target: &str) -> Result<Reply> {
        Ok(self.wire()?.get(target)?)
    }

    /// The same with the cookies of a jar.
    pub fn browse(&self, target: &str, jar: &mut Jar) -> Result<Reply> {
        Ok(self.wire()?.browse(target, jar)?)
    }

    /// curl at a listener.
    #[must_use]
    pub fn curl(&self, family: Family, scheme: Scheme) -> Curl<'_> {
        Curl::new(self.lab.client_namespace(), self.vip(family, scheme))
    }

    /// A connection of HTTP/2 to the HTTP listener.
    pub fn http2(&self) -> Result<Http2> {
        self.lab.client().http2(self.vip(Family::V4, Scheme::Http))
    }

    /// A connection of HTTP/2 to the HTTPS listener.
    pub fn http2_over_tls(&self, config: &Arc<ClientConfig>, name: &str) -> Result<Http2> {
        let vip = self.vip(Family::V4, Scheme::Https);
        self.lab.client().http2_over_tls(vip, config, name)
    }

    /// What `holdfast status --json` says of the pool.
    pub fn pool(&self) -> Result<Value> {
        let status = self.daemon.ask(&json!("status"))?;
        let pools = status["status"]["pools"].as_array();
        let found = pools.and_then(|pools| pools.iter().find(|pool| pool["name"] == POOL));
        found.cloned().context("the pool is not in the status")
    }

    /// A count of the sessions by cookie.
    pub fn sessions(&self, count: &str) -> Result<u64> {
        let pool = self.pool()?;
        let value = pool["proxied_sessions"][count].as_u64();
        value.with_context(|| format!("no count {count} in {pool}"))
    }

    /// A count of the requests.
    pub fn requests(&self, count: &str) -> Result<u64> {
        let pool = self.pool()?;
        let value = pool["proxied"][count].as_u64();
        value.with_context(|| format!("no count {count} in {pool}"))
    }

    /// Returns when a member has this operating status.
    pub fn await_member(&self, number: usize, status: &str) -> Result<()> {
        let name = self.lab.member_name(number);
        try_eventually(&format!("{name} to be {status}"), TIME_TO_RELOAD, || {
            let pool = self.pool()?;
            let mut members = pool["members"].as_array().into_iter().flatten();
            let member = members.find(|member| member["name"] == name);
            let is = member.context("it is not there")?["status"].clone();
            anyhow::ensure!(is == status, "it is {is}");
            Ok::<_, anyhow::Error>(())
        })
    }

    /// The weights with the names of their members, as [`crate::Tally`] wants them.
    #[must_use]
    pub fn named(&self, weights: &[u32]) -> Vec<(String, u32)> {
        let numbered = (1..).zip(weights);
        numbered
            .map(|(number, weight)| (self.lab.member_name(number).to_owned(), *weight))
            .collect()
    }

    /// The daemon.
    #[must_use]
    pub fn daemon(&self) -> &Daemon {
        &self.daemon
    }

    /// The daemon, to be ended and started.
    pub fn daemon_mut(&mut self) -> &mut Daemon {
        &mut self.daemon
    }

    /// A member, from 1.
    #[must_use]
    pub fn member(&self, number: usize) -> &Member {
        &self.members[number - 1]
    }

    /// A member by its name.
    #[must_use]
    pub fn member_named(&self, name: &str) -> &Member {
        let found = self.members.iter().find(|member| member.name() == name);
        found.unwrap_or_else(|| panic!("no member {name:?}"))
    }

    /// The laboratory.
    #[must_use]
    pub fn lab(&self) -> &Laboratory {
        &self.lab
    }
}

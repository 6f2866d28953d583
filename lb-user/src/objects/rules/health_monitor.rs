//! Health monitors.

use std::ops::RangeInclusive;

use uuid::Uuid;

use super::{Fault, Inventory, Rules, disabled, found, held_with, not_offered, of_pool};
use crate::objects::{HealthMonitor, MonitorMethod, MonitorType, Object as _, Pool, PoolProtocol};

/// The least delay between datagrams to members, in seconds.
const LEAST_DELAY_OF_UDP_S: u32 = 3;

impl Rules for HealthMonitor {
    fn load_balancer(&self, inventory: &Inventory) -> Result<Uuid, Fault> {
        of_pool(inventory, self.pool_id)
    }

    fn admit(&mut self, before: Option<&Self>, tree: &mut Inventory) -> Result<(), Fault> {
        let pool = found::<Pool>(tree, self.pool_id)?;
        self.check_kind(pool.protocol).map_err(|fault| fault.at("type"))?;
        self.check_request()?;
        if before.is_none() && tree.monitor_of(self.pool_id).is_some() {
            return Err(Fault::new(409, "This pool already has a health monitor").at("pool_id"));
        }
        if !MONITOR_TIMES_S.contains(&self.delay) {
            return Err(out_of_range("delay", self.delay, "1 to 3600 seconds"));
        }
        if !MONITOR_TIMES_S.contains(&self.timeout) {
            return Err(out_of_range("timeout", self.timeout, "1 to 3600 seconds"));
        }
        Ok(())
    }

    fn leave(&self, _: &mut Inventory) -> Result<(), Fault> {
        Ok(())
    }

    fn held(&self, balancer: Uuid, inventory: &Inventory) -> Fault {
        held_with(self.pool_id, Pool::TITLE, balancer, inventory)
    }
}

fn out_of_range(field: &str, value: u32, range: &str) -> Fault {
    Fault::invalid(format!("{field} {value} is out of range; it is {range}.")).at(field)
}

/// What all times of monitors may be, in seconds.
pub(crate) const MONITOR_TIMES_S: RangeInclusive<u32> = 1..=3600;

impl PoolProtocol {
    /// By what members that speak this are asked, where nobody says: what they understand. Those who expect another header first
    /// may take a request without it for none.
    pub(crate) fn usual_monitor(self) -> MonitorType {
        match self {
            Self::Udp => MonitorType::UdpConnect,
            Self::Http => MonitorType::Http,
            Self::Https => MonitorType::Https,
            Self::Tcp | Self::Proxy | Self::ProxyV2 | Self::Sctp => MonitorType::Tcp,
        }
    }
}

impl MonitorType {
    /// Whether it asks for something by HTTP.
    pub(crate) fn makes_requests(self) -> bool {
        matches!(self, Self::Http | Self::Https)
    }

    /// The least delay between its probes, in seconds.
    pub(crate) fn least_delay_s(self) -> u32 {
        match self {
            Self::UdpConnect => LEAST_DELAY_OF_UDP_S,
            _ => *MONITOR_TIMES_S.start(),
        }
    }

    /// Refuses what nobody asks the members of such pools here.
    pub(crate) fn check_offered(self, pool: PoolProtocol) -> Result<(), Fault> {
        match (self, pool) {
            (Self::Ping, _) => Err(disabled("type", "PING")),
            (Self::UdpConnect | Self::Sctp, other) if other != PoolProtocol::Udp => Err(Fault::invalid(
                format!("The {self} type is only supported for pools of type UDP/SCTP."),
            )),
            (Self::Https | Self::TlsHello, PoolProtocol::Udp) => Err(Fault::invalid(
                "The associated pool protocol is UDP, so only a UDP-CONNECT/SCTP/TCP/HTTP health monitor is supported.",
            )),
            (Self::Sctp | Self::TlsHello, _) => Err(not_offered(
                &format!("{self} health monitors"),
                "use TCP, UDP-CONNECT, HTTP or HTTPS",
            )),
            _ => Ok(()),
        }
    }
}

impl MonitorMethod {
    /// Refuses what nobody asks by here.
    pub(crate) fn check_offered(self) -> Result<(), Fault> {
        match self {
            Self::Get | Self::Head | Self::Options | Self::Post => Ok(()),
            _ => Err(not_offered(
                &format!("http_method {self}"),
                "use GET, HEAD, OPTIONS or POST",
            )),
        }
    }
}

impl HealthMonitor {
    fn check_kind(&self, pool: PoolProtocol) -> Result<(), Fault> {
        self.kind.check_offered(pool)?;
        let least_s = self.kind.least_delay_s();
        if self.kind == MonitorType::UdpConnect && self.delay < least_s {
            return Err(Fault::invalid(format!(
                "The request delay value {} should be larger than {least_s} for {} health monitor type.",
                self.delay, self.kind
            ))
            .at("delay"));
        }
        Ok(())
    }

    fn check_request(&mut self) -> Result<(), Fault> {
        let option = format!("health monitors of type {}", self.kind);
        if !self.kind.makes_requests() {
            let given = [
                ("http_method", self.http_method.is_some()),
                ("url_path", self.url_path.is_some()),
                ("expected_codes", self.expected_codes.is_some()),
            ];
            if let Some((field, _)) = given.iter().find(|(_, is_given)| *is_given) {
                return Err(Fault::invalid_option(field, &option).at(field));
            }
            return self.check_domain();
        }
        self.http_method.get_or_insert(MonitorMethod::Get);
        self.url_path.get_or_insert_with(|| "/".into());
        self.expected_codes.get_or_insert_with(|| "200".into());
        if let Some(method) = self.http_method {
            method.check_offered().map_err(|fault| fault.at("http_method"))?;
        }
        self.check_domain()
    }

    fn check_domain(&self) -> Result<(), Fault> {
        match (&self.domain_name, self.http_version) {
            (Some(_), None) => Err(Fault::invalid(
                "'http_version' must be specified when 'domain_name' is provided.",
            )
            .at("http_version")),
            (Some(_), Some(10)) => Err(Fault::invalid_option(
                "http_version 1.0",
                "health monitors HTTP 1.1 domain name health check",
            )
            .at("http_version")),
            _ => Ok(()),
        }
    }
}

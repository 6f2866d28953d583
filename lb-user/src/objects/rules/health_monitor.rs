//! Health monitors.

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
        self.check_kind(pool.protocol)?;
        self.check_request()?;
        if before.is_none() && tree.monitor_of(self.pool_id).is_some() {
            return Err(Fault::new(409, "This pool already has a health monitor"));
        }
        if self.delay == 0 || self.delay > 3600 {
            return Err(out_of_range("delay", self.delay, "1 to 3600 seconds"));
        }
        if self.timeout == 0 || self.timeout > 3600 {
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
    Fault::invalid(format!("{field} {value} is out of range; it is {range}."))
}

impl HealthMonitor {
    fn check_kind(&self, pool: PoolProtocol) -> Result<(), Fault> {
        let kind = self.kind;
        match (kind, pool) {
            (MonitorType::Ping, _) => Err(disabled("type", "PING")),
            (MonitorType::UdpConnect | MonitorType::Sctp, other) if other != PoolProtocol::Udp => {
                Err(Fault::invalid(format!(
                    "The {kind} type is only supported for pools of type UDP/SCTP."
                )))
            }
            (MonitorType::Https | MonitorType::TlsHello, PoolProtocol::Udp) => Err(Fault::invalid(
                "The associated pool protocol is UDP, so only a UDP-CONNECT/SCTP/TCP/HTTP health monitor is supported.",
            )),
            (MonitorType::UdpConnect, _) if self.delay < LEAST_DELAY_OF_UDP_S => {
                Err(Fault::invalid(format!(
                    "The request delay value {} should be larger than {LEAST_DELAY_OF_UDP_S} for {kind} health monitor type.",
                    self.delay
                )))
            }
            (MonitorType::Sctp | MonitorType::TlsHello, _) => Err(not_offered(
                &format!("{kind} health monitors"),
                "use TCP, UDP-CONNECT, HTTP or HTTPS",
            )),
            _ => Ok(()),
        }
    }

    fn check_request(&mut self) -> Result<(), Fault> {
        let option = format!("health monitors of type {}", self.kind);
        if !matches!(self.kind, MonitorType::Http | MonitorType::Https) {
            let given = [
                ("http_method", self.http_method.is_some()),
                ("url_path", self.url_path.is_some()),
                ("expected_codes", self.expected_codes.is_some()),
            ];
            if let Some((field, _)) = given.iter().find(|(_, is_given)| *is_given) {
                return Err(Fault::invalid_option(field, &option));
            }
            return self.check_domain();
        }
        self.http_method.get_or_insert(MonitorMethod::Get);
        self.url_path.get_or_insert_with(|| "/".into());
        self.expected_codes.get_or_insert_with(|| "200".into());
        if let Some(method) = self.http_method
            && !matches!(
                method,
                MonitorMethod::Get | MonitorMethod::Head | MonitorMethod::Options | MonitorMethod::Post
            )
        {
            return Err(not_offered(
                &format!("http_method {method}"),
                "use GET, HEAD, OPTIONS or POST",
            ));
        }
        self.check_domain()
    }

    fn check_domain(&self) -> Result<(), Fault> {
        match (&self.domain_name, self.http_version) {
            (Some(_), None) => Err(Fault::invalid(
                "'http_version' must be specified when 'domain_name' is provided.",
            )),
            (Some(_), Some(10)) => Err(Fault::invalid_option(
                "http_version 1.0",
                "health monitors HTTP 1.1 domain name health check",
            )),
            _ => Ok(()),
        }
    }
}

//! The ports of HTTP and HTTPS.

use std::{
    fs,
    net::{SocketAddr, TcpListener},
};

use crate::{model::Config, proxy};

/// The first port that anybody may listen at, where the kernel does not say (`ip(7)`).
const FIRST_OF_ALL: u16 = 1024;

/// Whether it takes a right to listen where `config` wants it, but for where these sockets listen.
pub(super) fn are_privileged(config: &Config, passed: &[TcpListener]) -> bool {
    let setting = fs::read_to_string("/proc/sys/net/ipv4/ip_unprivileged_port_start");
    let first = setting.ok().and_then(|setting| setting.trim().parse().ok());
    let passed: Vec<SocketAddr> = passed
        .iter()
        .filter_map(|socket| socket.local_addr().ok())
        .collect();
    are_below(first.unwrap_or(FIRST_OF_ALL), config, &passed)
}

fn are_below(first: u16, config: &Config, passed: &[SocketAddr]) -> bool {
    let is_passed = |address: &SocketAddr| {
        let mut passed = passed.iter();
        passed.any(|passed| (passed.ip(), passed.port()) == (address.ip(), address.port()))
    };
    proxy::addresses(config).any(|address| address.port() < first && !is_passed(&address))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_low_ports_of_http_that_nobody_passed_on_need_a_right() {
        let text = r#"
            load_balancer = [{ name = "site", vip = "192.0.2.1", listener = [
                { name = "plain", protocol = "HTTP", port = 80, pool = "site" },
                { name = "off", protocol = "HTTP", port = 81, pool = "site", admin_state_up = false },
                { name = "high", protocol = "HTTP", port = 8080, pool = "site" },
            ] }]
            pool = [{ name = "site" }]
        "#;
        let config = crate::config::parse(text, "test.toml").unwrap().config;
        let passed = |text: &str| [text.parse().unwrap()];
        assert!(are_below(1024, &config, &[]));
        assert!(!are_below(80, &config, &[]));
        assert!(!are_below(1024, &config, &passed("192.0.2.1:80")));
        assert!(are_below(1024, &config, &passed("192.0.2.2:80")));
    }
}

//! `[pool.health_monitor]`.

use std::net::IpAddr;

use super::diagnostic::Reported;
use super::reader::{At, Entry, Read, Scope, Table};
use super::values::{address, boolean, integer, string, text, word, word_or};
use crate::model::{HealthMonitor, HttpProbe, Probe, ProbeType, url_path, visible_ascii};

const DEFAULT_DELAY_S: u32 = 5;
const DEFAULT_TIMEOUT_S: u32 = 3;
const DEFAULT_RISE_AND_FALL: u8 = 3;
const LONGEST_DELAY_S: u32 = 3600;
const LONGEST_UDP_TEXT: usize = 1024;
const LONGEST_GRPC_SERVICE: usize = 255;

/// The keys that not every type has, the types that have them, and how a message says that.
const TYPED_KEYS: [(&[&str], &[ProbeType], &str); 4] = [
    (
        &["http_method", "url_path", "expected_codes", "http_host"],
        &[ProbeType::Http, ProbeType::Https],
        "type = \"HTTP\" and \"HTTPS\"",
    ),
    (
        &["tls_verify"],
        &[ProbeType::Https, ProbeType::Grpc],
        "type = \"HTTPS\" and \"GRPC\"",
    ),
    (
        &["grpc_service", "grpc_tls"],
        &[ProbeType::Grpc],
        "type = \"GRPC\"",
    ),
    (&["udp_send", "udp_expect"], &[ProbeType::Udp], "type = \"UDP\""),
];

pub(super) struct RawHealthMonitor<'r> {
    pub(super) scope: Scope<'r>,
    probe: Result<Probe, Reported>,
    delay_s: Read<u32>,
    timeout_s: Read<u32>,
    rise: Read<u8>,
    fall: Read<u8>,
    address: Result<Option<At<IpAddr>>, Reported>,
    pub(super) port: Result<Option<At<u16>>, Reported>,
}

pub(super) fn health_monitor<'r>(t: &mut Table<'_, 'r>) -> RawHealthMonitor<'r> {
    let probe = probe(t);
    let delay_s = t.or("delay_s", DEFAULT_DELAY_S, integer(1..=LONGEST_DELAY_S));
    let longest = delay_s.as_ref().map_or(LONGEST_DELAY_S, |delay| delay.value);
    RawHealthMonitor {
        probe,
        delay_s,
        timeout_s: t.or("timeout_s", DEFAULT_TIMEOUT_S.min(longest), timeout(longest)),
        rise: t.or("rise", DEFAULT_RISE_AND_FALL, integer(1..=10)),
        fall: t.or("fall", DEFAULT_RISE_AND_FALL, integer(1..=10)),
        address: t.optional("address", address),
        port: t.optional("port", integer(1..=u16::MAX)),
        scope: t.scope(),
    }
}

fn timeout(longest: u32) -> impl Fn(&Entry<'_, '_>) -> Result<u32, Reported> {
    move |entry| {
        let timeout_s = integer(1..=LONGEST_DELAY_S)(entry)?;
        if timeout_s <= longest {
            return Ok(timeout_s);
        }
        let rule = "a probe ends before the next one begins";
        Err(entry.wrong(format!(
            "is longer than delay_s, {longest}; {rule}: write 1 to {longest}, or a longer delay_s"
        )))
    }
}

/// What belongs to the type, and nothing that belongs to another.
fn probe(t: &mut Table<'_, '_>) -> Result<Probe, Reported> {
    // The name that Octavia has for it.
    let probe_type = t.required("type", word_or(&[("UDP-CONNECT", ProbeType::Udp)]));
    for (keys, types, meaning) in TYPED_KEYS {
        match &probe_type {
            Ok(at) if types.contains(&at.value) => {}
            Ok(_) => t.misplaced(keys, meaning),
            Err(reported) => t.ignore(keys, *reported),
        }
    }
    match probe_type?.value {
        ProbeType::Tcp => Ok(Probe::Tcp),
        ProbeType::Udp => {
            let udp_send = t.optional("udp_send", text(LONGEST_UDP_TEXT));
            let udp_expect = t.optional("udp_expect", text(LONGEST_UDP_TEXT));
            Ok(Probe::Udp {
                udp_send: udp_send?.map(|at| at.value),
                udp_expect: udp_expect?.map(|at| at.value),
            })
        }
        ProbeType::Http => http(t).map(Probe::Http),
        ProbeType::Grpc => {
            let service = string(|service| visible_ascii(service, LONGEST_GRPC_SERVICE).map(Into::into));
            let grpc_service = t.or("grpc_service", String::new(), service);
            let grpc_tls = t.or("grpc_tls", false, boolean);
            let tls_verify = t.or("tls_verify", false, boolean);
            Ok(Probe::Grpc {
                grpc_service: grpc_service?.value,
                grpc_tls: grpc_tls?.value,
                tls_verify: tls_verify?.value,
            })
        }
        ProbeType::Https => {
            let http = http(t);
            let tls_verify = t.or("tls_verify", false, boolean);
            Ok(Probe::Https {
                http: http?,
                tls_verify: tls_verify?.value,
            })
        }
    }
}

fn http(t: &mut Table<'_, '_>) -> Result<HttpProbe, Reported> {
    let default = HttpProbe::default();
    let http_method = t.or("http_method", default.http_method, word);
    let url_path = t.or(
        "url_path",
        default.url_path,
        string(|path| url_path(path).map(Into::into)),
    );
    let expected_codes = t.or(
        "expected_codes",
        default.expected_codes,
        string(|codes| {
            codes
                .parse()
                .map_err(|error: crate::model::NotStatusCodes| error.to_string())
        }),
    );
    let http_host = t.optional(
        "http_host",
        string(|host| visible_ascii(host, 255).map(Into::into)),
    );
    Ok(HttpProbe {
        http_method: http_method?.value,
        url_path: url_path?.value,
        expected_codes: expected_codes?.value,
        http_host: http_host?.map(|at| at.value),
    })
}

impl RawHealthMonitor<'_> {
    /// The monitor; `port` is where it asks when it names no port itself.
    pub(super) fn valid(&self, port: Option<u16>) -> Result<HealthMonitor, Reported> {
        Ok(HealthMonitor {
            probe: self.probe.clone()?,
            delay_s: self.delay_s?.value,
            timeout_s: self.timeout_s?.value,
            rise: self.rise?.value,
            fall: self.fall?.value,
            address: self.address?.map(|at| at.value),
            port: self.port?.map(|at| at.value).or(port),
        })
    }
}

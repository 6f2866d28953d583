//! Health monitors: how a pool finds out which members are up.

use std::fmt;
use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{HttpMethod, ProbeType};

/// How, where and how often the members of a pool are asked whether they are up.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct HealthMonitor {
    /// What a member is asked.
    #[serde(flatten)]
    pub probe: Probe,
    /// From the start of one probe to the start of the next, in seconds, 1 to 3,600.
    pub delay_s: u32,
    /// How long a probe may take, in seconds, 1 to `delay_s`.
    pub timeout_s: u32,
    /// Probes in a row that must succeed until a member that was down is up, 1 to 10.
    pub rise: u8,
    /// Probes in a row that must fail until a member that was up is down, 1 to 10.
    pub fall: u8,
    /// Asked instead of the member's own address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<IpAddr>,
    /// Asked instead of the member's own port.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
}

/// What a member is asked, with what belongs to each type.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Probe {
    /// To accept a connection.
    Tcp,
    /// To take a datagram: the member is down when its host refuses it (ICMP port unreachable). Where no answer is
    /// expected, silence is success: nothing else tells a quiet service from one that is not there.
    Udp {
        /// What the datagram says; `None`: it is empty.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        udp_send: Option<String>,
        /// What the answer must begin with; `None`: no answer is needed, only no refusal.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        udp_expect: Option<String>,
    },
    /// To answer an HTTP request.
    Http(HttpProbe),
    /// To answer an HTTP request over TLS.
    Https {
        /// The request.
        #[serde(flatten)]
        http: HttpProbe,
        /// Whether the member's certificate must be valid: signed by an authority of the pool's [`MemberTls`](super::MemberTls), or that the
        /// system trusts, for the name there, or else for `http_host`, or else for the address that is asked.
        tls_verify: bool,
    },
    /// To say that it serves, by the gRPC health checking protocol (`grpc.health.v1.Health/Check`).
    Grpc {
        /// The service that is asked about; empty: the server as a whole.
        grpc_service: String,
        /// Whether it is asked over TLS.
        grpc_tls: bool,
        /// Whether the member's certificate must be valid, as with HTTPS; only with `grpc_tls`.
        tls_verify: bool,
    },
}

impl Probe {
    /// Which of the types it is.
    #[must_use]
    pub fn probe_type(&self) -> ProbeType {
        match self {
            Self::Tcp => ProbeType::Tcp,
            Self::Udp { .. } => ProbeType::Udp,
            Self::Http(_) => ProbeType::Http,
            Self::Https { .. } => ProbeType::Https,
            Self::Grpc { .. } => ProbeType::Grpc,
        }
    }
}

/// The request of an HTTP probe, and the answers that count as success.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct HttpProbe {
    /// The method.
    pub http_method: HttpMethod,
    /// Path and query, beginning with `/`.
    pub url_path: String,
    /// The status codes that count as success.
    pub expected_codes: ExpectedCodes,
    /// The `Host` header; `None`: the address that is asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http_host: Option<String>,
}

impl Default for HttpProbe {
    fn default() -> Self {
        Self {
            http_method: HttpMethod::Get,
            url_path: "/".into(),
            expected_codes: ExpectedCodes::default(),
            http_host: None,
        }
    }
}

/// HTTP status codes, written as in `200` or `200-204,301`; each is 100 to 599, and there is at least one.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ExpectedCodes(Vec<RangeInclusive<u16>>);

impl ExpectedCodes {
    /// Whether `code` is one of them.
    #[must_use]
    pub fn contains(&self, code: u16) -> bool {
        self.0.iter().any(|codes| codes.contains(&code))
    }
}

impl Default for ExpectedCodes {
    fn default() -> Self {
        Self(vec![200..=200])
    }
}

/// A text that is not a list of status codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotStatusCodes;

impl fmt::Display for NotStatusCodes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "is not a list of status codes from 100 to 599; write it as in \"200\" or \"200-204,301\"",
        )
    }
}

impl std::error::Error for NotStatusCodes {}

impl FromStr for ExpectedCodes {
    type Err = NotStatusCodes;

    fn from_str(text: &str) -> Result<Self, NotStatusCodes> {
        let ranges = text.split(',').map(|part| {
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            let codes = status_code(first)?..=status_code(last)?;
            if codes.is_empty() {
                Err(NotStatusCodes)
            } else {
                Ok(codes)
            }
        });
        ranges.collect::<Result<_, _>>().map(Self)
    }
}

fn status_code(text: &str) -> Result<u16, NotStatusCodes> {
    match text.trim().parse() {
        Ok(code @ 100..=599) if text.trim().len() == 3 => Ok(code),
        _ => Err(NotStatusCodes),
    }
}

impl fmt::Display for ExpectedCodes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, codes) in self.0.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            write!(f, "{comma}{}", codes.start())?;
            if codes.start() != codes.end() {
                write!(f, "-{}", codes.end())?;
            }
        }
        Ok(())
    }
}

impl TryFrom<String> for ExpectedCodes {
    type Error = NotStatusCodes;

    fn try_from(text: String) -> Result<Self, NotStatusCodes> {
        text.parse()
    }
}

impl From<ExpectedCodes> for String {
    fn from(codes: ExpectedCodes) -> Self {
        codes.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::super::Word as _;
    use super::*;

    #[test]
    fn probes_are_tagged_with_the_word_of_their_type() {
        let all = [
            Probe::Tcp,
            Probe::Udp {
                udp_send: Some("ping".into()),
                udp_expect: None,
            },
            Probe::Http(HttpProbe::default()),
            Probe::Https {
                http: HttpProbe::default(),
                tls_verify: true,
            },
            Probe::Grpc {
                grpc_service: "shop".into(),
                grpc_tls: false,
                tls_verify: false,
            },
        ];
        assert!(
            all.iter()
                .map(Probe::probe_type)
                .eq(ProbeType::ALL.iter().copied())
        );
        for probe in all {
            let json = serde_json::to_value(&probe).unwrap();
            assert_eq!(json["type"], probe.probe_type().word());
            assert_eq!(serde_json::from_value::<Probe>(json).unwrap(), probe);
        }
    }

    #[test]
    fn status_codes_are_single_ones_and_ranges() {
        let codes: ExpectedCodes = "200-204, 301".parse().unwrap();
        assert_eq!(
            [199, 200, 204, 205, 301].map(|code| codes.contains(code)),
            [false, true, true, false, true]
        );
        assert_eq!(codes.to_string(), "200-204,301");
    }

    #[test]
    fn what_is_no_status_code_is_refused() {
        for text in [
            "",
            ",",
            "200,",
            "20",
            "600",
            "204-200",
            "200-",
            "-200",
            "200-201-202",
            "two hundred",
            "2０0",
            "+200",
        ] {
            assert_eq!(text.parse::<ExpectedCodes>(), Err(NotStatusCodes), "{text:?}");
        }
    }
}

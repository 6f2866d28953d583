//! What belongs to HTTP: of a listener towards its clients, and of a pool towards its members.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{ClientAuth, ClientIdentity, MemberProtocol, ProxyProtocol, TlsVersion};

/// How an HTTP or HTTPS listener serves its clients.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Http {
    /// Whether HTTP/2 is spoken too: by ALPN under HTTPS, by prior knowledge without.
    pub http2: bool,
    /// Connections at a time, 1 to 1 Mi; further ones wait to be accepted.
    pub max_connections: u32,
    /// Who its clients are.
    #[serde(flatten)]
    pub identity: ClientIdentity,
    /// The port of HTTPS to which clients are sent whose requests no policy matches, in place of the pool; only of HTTP.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub redirect_to_https: Option<u16>,
    /// How long clients are waited for.
    pub timeouts: ClientTimeouts,
    /// How large requests may be.
    pub limits: RequestLimits,
}

impl Default for Http {
    fn default() -> Self {
        Self {
            http2: true,
            max_connections: 65_536,
            identity: ClientIdentity::default(),
            redirect_to_https: None,
            timeouts: ClientTimeouts::default(),
            limits: RequestLimits::default(),
        }
    }
}

/// How long clients are waited for, in seconds; each 1 to 86,400.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientTimeouts {
    /// From the connection, or the first byte of a later request, until its whole header is there; the TLS handshake is
    /// given as long.
    pub header_s: u32,
    /// Between two requests of a connection.
    pub idle_s: u32,
    /// While a client neither sends its body on nor takes its response.
    pub body_s: u32,
    /// While nothing passes in either direction of an upgraded connection, a WebSocket for one.
    pub upgrade_idle_s: u32,
}

impl Default for ClientTimeouts {
    fn default() -> Self {
        Self {
            header_s: 10,
            idle_s: 60,
            body_s: 60,
            upgrade_idle_s: 3600,
        }
    }
}

/// How large requests may be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestLimits {
    /// The whole header, request line included, 1,024 to 65,536 bytes; the same holds for responses.
    pub header_bytes: u32,
    /// Header fields, 8 to 256; the same holds for responses.
    pub headers: u32,
    /// The target of the request line, 64 to 65,536 bytes.
    pub uri_bytes: u32,
    /// The body. `None`: as large as it likes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body_bytes: Option<u64>,
}

impl Default for RequestLimits {
    fn default() -> Self {
        Self {
            header_bytes: 16_384,
            headers: 100,
            uri_bytes: 8192,
            body_bytes: None,
        }
    }
}

/// The TLS that ends at an HTTPS listener.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListenerTls {
    /// At least one; the first is for clients that ask for no name, or for one that none is for. Of several for the same
    /// names each client is shown one whose key it can do with: of ECDSA before others, and else the first.
    pub certificates: Vec<CertificateFiles>,
    /// The oldest version that is spoken.
    pub min_version: TlsVersion,
    /// What clients are to show; `None`: they are asked for no certificate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clients: Option<ClientCertificates>,
}

/// What an HTTPS listener wants of its clients' certificates.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientCertificates {
    /// PEM: the authorities that sign them.
    pub ca: PathBuf,
    /// Whether there has to be one.
    pub auth: ClientAuth,
}

/// A certificate and its key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CertificateFiles {
    /// PEM: the certificate first, then those that it was signed with.
    pub certificate: PathBuf,
    /// PEM: PKCS #8, PKCS #1 or SEC 1.
    pub key: PathBuf,
}

/// How the members of a pool are spoken to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemberHttp {
    /// What they speak.
    pub protocol: MemberProtocol,
    /// Other members that are tried where one fails a request that may be made again, 0 to 16.
    pub retries: u8,
    /// Requests that one member has under way at a time, over all workers, 1 to 1 Mi; `None`: as many as come.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_connections: Option<u32>,
    /// Requests that wait while each member that may have them has as many as it takes, over all workers, 0 to 65,536.
    pub queue: u32,
    /// How long one that came up, or was added, has less than its share of new requests, 0 to 3600 seconds.
    pub slow_start_s: u32,
    /// When one is given no requests because it fails those that it has; `None`: never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outlier: Option<Outlier>,
    /// Whether each connection to one begins with who the client is, by the PROXY protocol, and in which version. It is then
    /// for the requests of that client on one connection of its own. Probes of the health monitor do not begin so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub send_proxy_protocol: Option<ProxyProtocol>,
    /// How long they are waited for.
    pub timeouts: MemberTimeouts,
    /// TLS; `None`: none is spoken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<MemberTls>,
}

impl Default for MemberHttp {
    fn default() -> Self {
        Self {
            protocol: MemberProtocol::Http1,
            retries: 2,
            max_connections: None,
            queue: 1024,
            slow_start_s: 0,
            outlier: None,
            send_proxy_protocol: None,
            timeouts: MemberTimeouts::default(),
            tls: None,
        }
    }
}

impl MemberHttp {
    /// Whether connections to members are alike under both, so that those of one serve the other.
    #[must_use]
    pub fn connects_like(&self, other: &Self) -> bool {
        self.protocol == other.protocol
            && self.send_proxy_protocol == other.send_proxy_protocol
            && self.tls == other.tls
    }
}

/// When a member is given no requests for a while because it fails those that it has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outlier {
    /// So many in a row, 1 to 1000: it cannot be reached, gives no response or none that is HTTP, is too late, or responds
    /// with 502, 503 or 504.
    pub failures: u32,
    /// How long the first time, 1 to 3600 seconds; up to ten times as long when it happens again and again.
    pub ejection_s: u32,
    /// How much of the pool may be ejected at a time, 1 to 100; one may always be, while another one takes requests.
    pub max_ejected_percent: u8,
}

impl Default for Outlier {
    fn default() -> Self {
        Self {
            failures: 5,
            ejection_s: 30,
            max_ejected_percent: 50,
        }
    }
}

/// TLS towards the members of a pool. Its monitor goes by the authorities and the name too.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct MemberTls {
    /// Whether their certificates must be valid.
    pub verify: bool,
    /// PEM: the authorities that may have signed them; `None`: those that the system trusts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca: Option<PathBuf>,
    /// The name that their certificates are for, and that they are asked by; `None`: the address of each.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server_name: Option<String>,
}

/// How long members are waited for, in seconds; each 1 to 86,400.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemberTimeouts {
    /// Until a connection is there.
    pub connect_s: u32,
    /// From the end of the request until the header of the response, and between the parts of its body.
    pub response_s: u32,
    /// Until a connection is closed that no request uses.
    pub idle_s: u32,
    /// While a request waits for a member that takes it.
    pub queue_s: u32,
}

impl Default for MemberTimeouts {
    fn default() -> Self {
        Self {
            connect_s: 5,
            response_s: 60,
            idle_s: 30,
            queue_s: 10,
        }
    }
}

//! The words that only the API has.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::model::{Word, words};

words! {
    /// What a listener speaks with its clients.
    pub enum ListenerProtocol {
        /// Layer 4: connections.
        Tcp = "TCP",
        /// Layer 4: datagrams.
        Udp = "UDP",
        /// Layer 7: requests.
        Http = "HTTP",
        /// Layer 4: connections that carry TLS, which members end.
        Https = "HTTPS",
        /// Layer 7: requests over TLS that ends here.
        TerminatedHttps = "TERMINATED_HTTPS",
        /// Not served.
        Sctp = "SCTP",
        /// Not served: metrics have an address of their own.
        Prometheus = "PROMETHEUS",
    }
}

words! {
    /// What the members of a pool are spoken to in.
    pub enum PoolProtocol {
        /// Requests.
        Http = "HTTP",
        /// Connections that carry TLS.
        Https = "HTTPS",
        /// Requests or connections that begin with a header of the PROXY protocol.
        Proxy = "PROXY",
        /// The same in its second version.
        ProxyV2 = "PROXYV2",
        /// Connections.
        Tcp = "TCP",
        /// Datagrams.
        Udp = "UDP",
        /// Not served.
        Sctp = "SCTP",
    }
}

words! {
    /// How a pool chooses a member.
    pub enum Algorithm {
        /// The one with the fewest live flows for its weight.
        LeastConnections = "LEAST_CONNECTIONS",
        /// In turn.
        RoundRobin = "ROUND_ROBIN",
        /// By a hash of the client's address.
        SourceIp = "SOURCE_IP",
        /// By a hash of the client's address and port: not offered.
        SourceIpPort = "SOURCE_IP_PORT",
    }
}

words! {
    /// What a health monitor asks.
    pub enum MonitorType {
        /// A request.
        Http = "HTTP",
        /// A request over TLS.
        Https = "HTTPS",
        /// An echo: not offered.
        Ping = "PING",
        /// An association: not offered.
        Sctp = "SCTP",
        /// A connection.
        Tcp = "TCP",
        /// A TLS handshake.
        TlsHello = "TLS-HELLO",
        /// A datagram that is not refused.
        UdpConnect = "UDP-CONNECT",
    }
}

words! {
    /// The method of a monitor's request.
    pub enum MonitorMethod {
        /// CONNECT.
        Connect = "CONNECT",
        /// DELETE.
        Delete = "DELETE",
        /// GET.
        Get = "GET",
        /// HEAD.
        Head = "HEAD",
        /// OPTIONS.
        Options = "OPTIONS",
        /// PATCH.
        Patch = "PATCH",
        /// POST.
        Post = "POST",
        /// PUT.
        Put = "PUT",
        /// TRACE.
        Trace = "TRACE",
    }
}

words! {
    /// What of a request a rule looks at.
    pub enum L7RuleType {
        /// A cookie.
        Cookie = "COOKIE",
        /// What follows the last dot of the path.
        FileType = "FILE_TYPE",
        /// A header field.
        Header = "HEADER",
        /// The host.
        HostName = "HOST_NAME",
        /// The path.
        Path = "PATH",
        /// Not offered.
        SslConnHasCert = "SSL_CONN_HAS_CERT",
        /// Not offered.
        SslVerifyResult = "SSL_VERIFY_RESULT",
        /// Not offered.
        SslDnField = "SSL_DN_FIELD",
    }
}

words! {
    /// Whether clients of a listener have to show a certificate.
    pub enum ClientAuthentication {
        /// They are not asked for one.
        None = "NONE",
        /// They may.
        Optional = "OPTIONAL",
        /// They have to.
        Mandatory = "MANDATORY",
    }
}

words! {
    /// How far what was asked for has been applied.
    pub enum ProvisioningStatus {
        /// All of it.
        Active = "ACTIVE",
        /// The object is being made.
        PendingCreate = "PENDING_CREATE",
        /// It is being changed, or something below it is.
        PendingUpdate = "PENDING_UPDATE",
        /// It is being taken away.
        PendingDelete = "PENDING_DELETE",
        /// It was refused by the data plane.
        Error = "ERROR",
    }
}

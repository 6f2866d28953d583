//! The closed sets of words of the configuration, the API, the metrics and the console.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::word::{Word, words};

words! {
    /// What a daemon has its clients served by: it is started with that.
    #[derive(Default)]
    pub enum DataPlane {
        /// The datapath, in the kernel, and the proxy.
        #[default]
        Kernel = "kernel",
        /// Nothing: the daemon keeps its model and answers, and nobody is served.
        Noop = "noop",
    }
}

words! {
    /// Whether those who use the management API by network have to say who they are.
    pub enum ApiAuth {
        /// They have to.
        Required = "required",
        /// Whoever comes may do all.
        None = "none",
    }
}

words! {
    /// What somebody may do by the management API. Later ones may do what earlier ones may.
    pub enum ApiRole {
        /// Look at what is a project's own.
        Observer = "observer",
        /// Make and change what is a project's own.
        Member = "member",
        /// All, in all projects.
        Admin = "admin",
    }
}

words! {
    /// How the packets of the interfaces reach the XDP program.
    pub enum XdpMode {
        /// The driver's own hook where it has one, the generic hook otherwise.
        Auto = "auto",
        /// The driver's own hook; starting fails on a driver without one.
        Native = "native",
        /// The kernel's generic hook, which every interface has.
        Generic = "generic",
    }
}

words! {
    /// What a VIP answers on a port that has no listener.
    #[derive(Default)]
    pub enum ClosedPort {
        /// A TCP reset, or an ICMP port unreachable.
        #[default]
        Reject = "REJECT",
        /// Nothing.
        Drop = "DROP",
    }
}

words! {
    /// The two kinds of load balancer; they differ in the types of session persistence they offer.
    pub enum LbKind {
        /// Offers all types of session persistence.
        Shared = "shared",
        /// Offers `SOURCE_IP` and `HTTP_COOKIE`, not `APP_COOKIE`.
        Dedicated = "dedicated",
    }
}

words! {
    /// What a listener speaks with its clients.
    pub enum Protocol {
        /// Layer 4: TCP connections, passed on packet by packet.
        Tcp = "TCP",
        /// Layer 4: UDP datagrams, passed on packet by packet.
        Udp = "UDP",
        /// Layer 7: HTTP requests, each balanced by itself.
        Http = "HTTP",
        /// Layer 7: HTTP requests over TLS that ends at the balancer.
        Https = "HTTPS",
    }
}

words! {
    /// What carries a listener's protocol: with the VIP and the port, it is what a packet is recognised by.
    pub enum Transport {
        /// IP protocol 6.
        Tcp = "TCP",
        /// IP protocol 17.
        Udp = "UDP",
    }
}

words! {
    /// How a pool chooses the member for a client it holds no session of.
    pub enum LbAlgorithm {
        /// In turn, each member as often as its weight says.
        RoundRobin = "ROUND_ROBIN",
        /// The member with the fewest live flows for its weight.
        LeastConnections = "LEAST_CONNECTIONS",
        /// By a hash of the client's address, so that a client stays on its member.
        SourceIp = "SOURCE_IP",
    }
}

words! {
    /// How packets get to a member and back; see [`Forwarding`](super::Forwarding) for what each needs.
    pub enum ForwardingMode {
        /// Both addresses and ports are rewritten; works with any backend and any network.
        FullNat = "full_nat",
        /// The destination is rewritten, the client's address kept; members route back through the balancer.
        Nat = "nat",
        /// Only the MAC address is rewritten; members hold the VIP and answer the client themselves.
        Dsr = "dsr",
        /// The packet is wrapped in another IP packet; members hold the VIP and answer the client themselves.
        Ipip = "ipip",
    }
}

words! {
    /// What a session is recognised by; see [`Persistence`](super::Persistence) for what belongs to each.
    pub enum PersistenceType {
        /// The client's address.
        SourceIp = "SOURCE_IP",
        /// A cookie that the balancer makes.
        HttpCookie = "HTTP_COOKIE",
        /// A cookie that the backend application makes.
        AppCookie = "APP_COOKIE",
    }
}

words! {
    /// How a health monitor asks a member; see [`Probe`](super::Probe) for what belongs to each.
    pub enum ProbeType {
        /// A TCP connection is accepted.
        Tcp = "TCP",
        /// A datagram is answered, or at least not refused.
        Udp = "UDP",
        /// An HTTP request gets an expected status code.
        Http = "HTTP",
        /// The same over TLS.
        Https = "HTTPS",
        /// A gRPC service says that it serves.
        Grpc = "GRPC",
    }
}

words! {
    /// The method of an HTTP probe: the ones that ask without changing anything, and `POST` for the odd health page.
    pub enum HttpMethod {
        /// `GET`
        Get = "GET",
        /// `HEAD`
        Head = "HEAD",
        /// `OPTIONS`
        Options = "OPTIONS",
        /// `POST`
        Post = "POST",
    }
}

words! {
    /// What the members of a pool speak.
    pub enum MemberProtocol {
        /// HTTP/1.1, one request at a time on a connection.
        Http1 = "HTTP/1.1",
        /// HTTP/2 by prior knowledge, many requests at a time on a connection.
        Http2 = "HTTP/2",
    }
}

words! {
    /// How a request is written to the access log.
    pub enum LogFormat {
        /// A JSON object a line.
        Json = "json",
        /// The common log format of web servers, followed by what is the balancer's.
        Common = "common",
    }
}

words! {
    /// The header by which trusted proxies say who their client is. It is one, for the configuration to choose: a proxy
    /// that writes the one hands on the other as the client has sent it.
    pub enum ClientHeader {
        /// The addresses alone.
        XForwardedFor = "X-Forwarded-For",
        /// RFC 7239.
        Forwarded = "Forwarded",
    }
}

words! {
    /// What a member gets of a header that says something of the way of a request. What a peer says that is not trusted,
    /// it gets with none of these.
    pub enum ForwardedMode {
        /// Nothing.
        Remove = "remove",
        /// What a trusted proxy says, and nothing of ours.
        Preserve = "preserve",
        /// What we know ourselves, and nothing that others say.
        Replace = "replace",
        /// What a trusted proxy says, and then what we know. Of a header that has one value only, and not a list of them,
        /// what we know only where no trusted proxy says anything: it is nearer to the client.
        Append = "append",
    }
}

words! {
    /// A version of the PROXY protocol.
    pub enum ProxyProtocol {
        /// A line of text.
        V1 = "v1",
        /// Binary.
        V2 = "v2",
    }
}

words! {
    /// What an HTTPS listener wants of its clients' certificates.
    pub enum ClientAuth {
        /// One that is valid; without it there is no connection.
        Required = "required",
        /// One that is valid, where there is one.
        Optional = "optional",
    }
}

words! {
    /// A version of TLS.
    pub enum TlsVersion {
        /// RFC 5246.
        Tls12 = "1.2",
        /// RFC 8446.
        Tls13 = "1.3",
    }
}

words! {
    /// Whether a cookie goes over TLS only.
    pub enum SecureCookie {
        /// Where it was given over TLS.
        Auto = "auto",
        /// Always, also where TLS ends before the balancer.
        Always = "always",
        /// Never.
        Never = "never",
    }
}

words! {
    /// Whether a cookie goes along with requests from other sites (RFC 6265bis, section 5.6.7).
    pub enum SameSite {
        /// Never.
        Strict = "Strict",
        /// When a link is followed.
        Lax = "Lax",
        /// Always; browsers want such a cookie to go over TLS only.
        None = "None",
    }
}

words! {
    /// What a policy does with the requests that it matches; see [`Action`](super::Action) for what belongs to each. In
    /// the order in which they are asked.
    pub enum ActionType {
        /// Answers 403.
        Reject = "REJECT",
        /// Sends the client to a URL.
        RedirectToUrl = "REDIRECT_TO_URL",
        /// Sends the client to the same path of another site.
        RedirectPrefix = "REDIRECT_PREFIX",
        /// Gives them to another pool.
        RedirectToPool = "REDIRECT_TO_POOL",
    }
}

words! {
    /// What of a request a rule looks at; see [`Subject`](super::Subject) for what belongs to each.
    pub enum RuleType {
        /// The host that it is for.
        HostName = "HOST_NAME",
        /// The path.
        Path = "PATH",
        /// What follows the last dot of the path.
        FileType = "FILE_TYPE",
        /// A header field.
        Header = "HEADER",
        /// A cookie.
        Cookie = "COOKIE",
    }
}

words! {
    /// How a rule compares what it looks at with its value.
    pub enum CompareType {
        /// They are the same.
        EqualTo = "EQUAL_TO",
        /// It begins with the value.
        StartsWith = "STARTS_WITH",
        /// It ends with the value.
        EndsWith = "ENDS_WITH",
        /// The value stands in it.
        Contains = "CONTAINS",
        /// The value is a regular expression, which is found in it.
        Regex = "REGEX",
    }
}

words! {
    /// How a member, a pool, a listener or a load balancer is doing.
    pub enum OperatingStatus {
        /// Works, and all that it depends on does.
        Online = "ONLINE",
        /// Not in use: switched off by its `admin_state_up`, without members, or served by nobody.
        Offline = "OFFLINE",
        /// Works, though some of what it depends on does not.
        Degraded = "DEGRADED",
        /// Does not work.
        Error = "ERROR",
        /// A member of weight 0: keeps its sessions and gets no new ones.
        Draining = "DRAINING",
        /// A member of a pool without health monitor: taken to be up.
        NoMonitor = "NO_MONITOR",
    }
}

impl Protocol {
    /// Whether the listener is served by the kernel, packet by packet, rather than by the proxy.
    #[must_use]
    pub fn is_layer_4(self) -> bool {
        matches!(self, Self::Tcp | Self::Udp)
    }

    /// What carries this protocol.
    #[must_use]
    pub fn transport(self) -> Transport {
        match self {
            Self::Tcp | Self::Http | Self::Https => Transport::Tcp,
            Self::Udp => Transport::Udp,
        }
    }
}

impl Transport {
    /// Its number in the IP header.
    #[must_use]
    pub fn ip_protocol(self) -> u8 {
        match self {
            Self::Tcp => 6,
            Self::Udp => 17,
        }
    }
}

#[cfg(test)]
mod tests;

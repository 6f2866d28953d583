//! Header fields: where they stand, and which of them a proxy looks at.

/// Where something stands in the bytes of a head.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Span {
    /// The first byte.
    pub start: u32,
    /// The byte after the last.
    pub end: u32,
}

impl Span {
    /// What stands there in `bytes`; nothing where it lies outside.
    #[must_use]
    pub fn of(self, bytes: &[u8]) -> &[u8] {
        bytes
            .get(self.start as usize..self.end as usize)
            .unwrap_or_default()
    }
}

/// A header field: one line of a head.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Field {
    /// What it is to a proxy.
    pub name: Name,
    /// Its name as it was written.
    pub label: Span,
    /// Its value, without the white space around it.
    pub value: Span,
    /// The end of its line, CR LF included.
    pub end: u32,
}

macro_rules! names {
    ($($(#[$doc:meta])* $name:ident = $label:literal,)*) => {
        /// The header fields that the proxy looks at.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        pub enum Name {
            $($(#[$doc])* $name,)*
            /// Any other.
            Other,
        }

        impl Name {
            /// The name of a field, without regard to case (RFC 9110, section 5.1).
            #[must_use]
            pub fn of(label: &[u8]) -> Self {
                // Names are told apart by their length first: most fields are passed on without a second look.
                match label.len() {
                    $(length if length == $label.len() && label.eq_ignore_ascii_case($label.as_bytes()) => Self::$name,)*
                    _ => Self::Other,
                }
            }
        }
    };
}

names! {
    /// RFC 9110, section 7.2.
    Host = "host",
    /// RFC 6265, section 4.2.
    Cookie = "cookie",
    /// RFC 6265, section 4.1.
    SetCookie = "set-cookie",
    /// RFC 9110, section 7.6.1.
    Connection = "connection",
    /// RFC 9110, section 8.6.
    ContentLength = "content-length",
    /// RFC 9112, section 6.1.
    TransferEncoding = "transfer-encoding",
    /// RFC 9110, section 7.8.
    Upgrade = "upgrade",
    /// RFC 9110, section 6.6.1.
    Date = "date",
    /// RFC 9110, section 10.1.1.
    Expect = "expect",
    /// RFC 9110, section 10.1.4.
    Te = "te",
    /// RFC 9110, section 6.6.2.
    Trailer = "trailer",
    /// RFC 9112, appendix C.2.2.
    KeepAlive = "keep-alive",
    /// What some clients send to proxies in place of `Connection`.
    ProxyConnection = "proxy-connection",
    /// RFC 7540, section 3.2.1: for an upgrade that is not made here.
    Http2Settings = "http2-settings",
    /// RFC 9110, section 7.6.3.
    Via = "via",
    /// RFC 7239.
    Forwarded = "forwarded",
    /// Whom each proxy on the way saw.
    XForwardedFor = "x-forwarded-for",
    /// `http` or `https`, as the client spoke.
    XForwardedProto = "x-forwarded-proto",
    /// The port that the client asked.
    XForwardedPort = "x-forwarded-port",
    /// The host that the client asked for.
    XForwardedHost = "x-forwarded-host",
    /// What tells requests apart.
    XRequestId = "x-request-id",
    /// RFC 9111, section 5.2.
    CacheControl = "cache-control",
}

impl Name {
    /// Whether it is about one connection, and never passed on (RFC 9110, section 7.6.1).
    #[must_use]
    pub fn is_hop_by_hop(self) -> bool {
        matches!(
            self,
            Self::Connection
                | Self::KeepAlive
                | Self::ProxyConnection
                | Self::TransferEncoding
                | Self::Upgrade
                | Self::Te
                | Self::Http2Settings
        )
    }
}

/// The elements of a comma-separated list (RFC 9110, section 5.6.1), empty ones left out.
pub fn elements(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value
        .split(|byte| *byte == b',')
        .map(<[u8]>::trim_ascii)
        .filter(|element| !element.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_known_whatever_their_case() {
        assert_eq!(Name::of(b"HOST"), Name::Host);
        assert_eq!(Name::of(b"Content-length"), Name::ContentLength);
        assert_eq!(Name::of(b"Hosts"), Name::Other);
        assert_eq!(Name::of(b"port"), Name::Other);
        assert_eq!(Name::of(b""), Name::Other);
    }

    #[test]
    fn lists_may_have_empty_elements_and_white_space() {
        let list: Vec<&[u8]> = elements(b" close ,\t, keep-alive,").collect();
        assert_eq!(list, [b"close".as_slice(), b"keep-alive"]);
        assert_eq!(elements(b"").count(), 0);
    }
}

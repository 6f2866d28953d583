//! Our own cookie: everything but its value is written once, when the configuration is read.

use thiserror::Error;

use crate::{
    http::octets::is_token,
    model::{self, CookieSettings, SecureCookie},
};

const FIELD: &[u8] = b"Set-Cookie: ";
const END_OF_LINE: &[u8] = b"\r\n";

/// What a cookie of ours is to be like. It has no lifetime: clients keep it until they are closed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attributes {
    /// A token (RFC 6265 section 4.1.1).
    pub name: String,
    /// With it, the hosts below it get the cookie too; without it, only the one that was asked.
    pub domain: Option<String>,
    /// The part of the site that gets the cookie, from `/` on.
    pub path: String,
    /// Whether it goes over TLS only.
    pub secure: Secure,
    /// Whether it is kept from scripts.
    pub http_only: HttpOnly,
    /// Whether requests that other sites lead to bring it; the client's default where nothing is said.
    pub same_site: Option<SameSite>,
}

/// When a cookie says `Secure`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Secure {
    /// Where it is set over TLS.
    #[default]
    Auto,
    /// Always: for clients whose TLS ends before us.
    Always,
    /// Never.
    Never,
}

/// Whether a cookie is kept from scripts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HttpOnly {
    /// Only requests bring it.
    #[default]
    On,
    /// Scripts read it.
    Off,
}

/// Which requests bring a cookie (RFC 6265bis).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SameSite {
    /// Those from the site itself.
    Strict,
    /// Those too by which a user comes to the site.
    Lax,
    /// All; clients take it only with `Secure`.
    None,
}

impl From<&CookieSettings> for Attributes {
    fn from(settings: &CookieSettings) -> Self {
        Attributes {
            name: settings.cookie_name.clone(),
            domain: settings.cookie_domain.clone(),
            path: settings.cookie_path.clone(),
            secure: match settings.cookie_secure {
                SecureCookie::Auto => Secure::Auto,
                SecureCookie::Always => Secure::Always,
                SecureCookie::Never => Secure::Never,
            },
            http_only: if settings.cookie_http_only {
                HttpOnly::On
            } else {
                HttpOnly::Off
            },
            same_site: Some(match settings.cookie_same_site {
                model::SameSite::Strict => SameSite::Strict,
                model::SameSite::Lax => SameSite::Lax,
                model::SameSite::None => SameSite::None,
            }),
        }
    }
}

/// What a response goes to the client over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Channel {
    /// TCP alone.
    Plain,
    /// TLS.
    Tls,
}

/// What is to become of the client's cookie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change<'a> {
    /// It gets this value, which has to consist of what RFC 6265 section 4.1.1 calls cookie octets.
    Set(&'a [u8]),
    /// The client forgets it.
    Clear,
}

/// Why a cookie cannot be as it is to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Mistake {
    /// The name is no token.
    #[error("a cookie's name has letters, digits and !#$%&'*+-.^_`|~ only, and at least one of them")]
    Name,
    /// The domain is no host name.
    #[error("a cookie's domain has letters, digits, `-` and `.` only, as in `example.com`")]
    Domain,
    /// The path is not one.
    #[error("a cookie's path begins with `/` and has visible ASCII characters without `;` only")]
    Path,
    /// `SameSite=None` without `Secure`.
    #[error("clients take `SameSite=None` only with `Secure`: that has to be always or automatic")]
    SameSiteNone,
    /// `__Secure-` in the name without `Secure`.
    #[error("clients take a cookie called `__Secure-...` only with `Secure`: that has to be always")]
    SecurePrefix,
    /// `__Host-` in the name, with other attributes than that needs.
    #[error(
        "clients take a cookie called `__Host-...` only with `Secure` always, the path `/` and no domain"
    )]
    HostPrefix,
}

/// A cookie that only lacks its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetCookie {
    /// `Set-Cookie: NAME=`
    prefix: Vec<u8>,
    plain: Suffixes,
    tls: Suffixes,
}

/// From behind the value to the end of the line.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Suffixes {
    set: Vec<u8>,
    clear: Vec<u8>,
}

impl SetCookie {
    /// Writes all but the value.
    pub fn new(attributes: &Attributes) -> Result<Self, Mistake> {
        attributes.check()?;
        Ok(Self {
            prefix: [FIELD, attributes.name.as_bytes(), b"="].concat(),
            plain: Suffixes::new(attributes, Channel::Plain),
            tls: Suffixes::new(attributes, Channel::Tls),
        })
    }

    /// Appends a whole line of an HTTP/1 head, its end included.
    pub fn write_line(&self, change: Change<'_>, channel: Channel, out: &mut Vec<u8>) {
        let (value, suffix) = self.after_name(change, channel);
        append(out, [&self.prefix, value, suffix]);
    }

    /// Appends the value of the header alone, for HTTP/2.
    pub fn write_value(&self, change: Change<'_>, channel: Channel, out: &mut Vec<u8>) {
        let (value, suffix) = self.after_name(change, channel);
        let suffix = suffix.strip_suffix(END_OF_LINE).unwrap_or(suffix);
        append(out, [&self.prefix[FIELD.len()..], value, suffix]);
    }

    fn after_name<'a>(&'a self, change: Change<'a>, channel: Channel) -> (&'a [u8], &'a [u8]) {
        let suffixes = match channel {
            Channel::Plain => &self.plain,
            Channel::Tls => &self.tls,
        };
        match change {
            Change::Set(value) => (value, &suffixes.set),
            Change::Clear => (&[], &suffixes.clear),
        }
    }
}

fn append(out: &mut Vec<u8>, parts: [&[u8]; 3]) {
    out.reserve(parts.iter().map(|part| part.len()).sum());
    for part in parts {
        out.extend_from_slice(part);
    }
}

impl Suffixes {
    fn new(attributes: &Attributes, channel: Channel) -> Self {
        let attributes = attributes.written(channel);
        let with = |lifetime: &[u8]| [attributes.as_bytes(), lifetime, END_OF_LINE].concat();
        Self {
            set: with(b""),
            clear: with(b"; Max-Age=0"),
        }
    }
}

impl Attributes {
    fn check(&self) -> Result<(), Mistake> {
        let is_host = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.');
        let is_path = |byte: u8| byte.is_ascii_graphic() && byte != b';';
        let domain = self.domain.as_deref().unwrap_or("example.com");
        if self.name.is_empty() || !self.name.bytes().all(is_token) {
            Err(Mistake::Name)
        } else if domain.is_empty() || !domain.bytes().all(is_host) {
            Err(Mistake::Domain)
        } else if !self.path.starts_with('/') || !self.path.bytes().all(is_path) {
            Err(Mistake::Path)
        } else if self.same_site == Some(SameSite::None) && self.secure == Secure::Never {
            Err(Mistake::SameSiteNone)
        } else {
            self.check_prefix()
        }
    }

    /// RFC 6265bis: a client refuses a cookie that does not keep what its name promises, in any case.
    fn check_prefix(&self) -> Result<(), Mistake> {
        let is_called = |prefix: &str| {
            let start = self.name.as_bytes().get(..prefix.len());
            start.is_some_and(|start| start.eq_ignore_ascii_case(prefix.as_bytes()))
        };
        if is_called("__Secure-") && self.secure != Secure::Always {
            return Err(Mistake::SecurePrefix);
        }
        let is_host_only = self.secure == Secure::Always && self.domain.is_none() && self.path == "/";
        if is_called("__Host-") && !is_host_only {
            return Err(Mistake::HostPrefix);
        }
        Ok(())
    }

    fn written(&self, channel: Channel) -> String {
        let is_secure = match self.secure {
            Secure::Auto => channel == Channel::Tls,
            Secure::Always => true,
            Secure::Never => false,
        };
        let mut written = format!("; Path={}", self.path);
        if let Some(domain) = &self.domain {
            written.push_str("; Domain=");
            written.push_str(domain);
        }
        if is_secure {
            written.push_str("; Secure");
        }
        if self.http_only == HttpOnly::On {
            written.push_str("; HttpOnly");
        }
        written.push_str(match self.same_site {
            Some(SameSite::Strict) => "; SameSite=Strict",
            Some(SameSite::Lax) => "; SameSite=Lax",
            // Without `Secure`, clients would drop the cookie for it.
            Some(SameSite::None) if is_secure => "; SameSite=None",
            Some(SameSite::None) | None => "",
        });
        written
    }
}

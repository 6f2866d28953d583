//! `[api]`: where the management API is reached by network, and who may do what there.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use super::diagnostic::Reported;
use super::identity::network;
use super::reader::{At, Entry, Read, Scope, Table};
use super::rules::unique;
use super::values::{absolute_path, host_address, list, name, string, text, word};
use crate::http::forwarded::Prefix;
use crate::model::{
    ApiAuth, ApiRole, ApiSettings, ApiToken, ApiUser, CertificateFiles, MAX_API_TOKENS, MAX_API_USERS,
    PasswordHash, Subnet,
};
use crate::objects::DEFAULT_PROJECT;
use crate::password;

const MOST_ADDRESSES: usize = 64;
const MOST_SUBNETS: usize = 1024;
/// The kernel's `PATH_MAX` without the final NUL, less the names of certificates.
const LONGEST_PATH: usize = 3840;
/// What the API takes for a project.
const LONGEST_PROJECT: usize = 36;
/// What subnets belong to that name no network.
const NETWORK: &str = "holdfast";

pub(super) fn api(t: &mut Table<'_, '_>) -> Result<ApiSettings, Reported> {
    let default = ApiSettings::default();
    let listen = t.or("listen", Vec::new(), list(MOST_ADDRESSES, socket));
    let auth = t.or("auth", default.auth, word);
    let certificate = t.optional("certificate", absolute_path(LONGEST_PATH));
    let key = t.optional("key", absolute_path(LONGEST_PATH));
    let certificates_path = t.or(
        "certificates_path",
        default.certificates_path,
        absolute_path(LONGEST_PATH),
    );
    let users = t.tables("user", &["name"], user);
    let tokens = t.tables("token", &["name"], token);
    let subnets = t.tables("subnet", &["name"], RawSubnet::read);
    let scope = t.scope();
    check_count(users.len(), "users", MAX_API_USERS, &scope);
    check_count(tokens.len(), "tokens", MAX_API_TOKENS, &scope);
    check_count(subnets.len(), "subnets", MOST_SUBNETS, &scope);
    unique_names("user", users.iter().map(|one| (&one.name, &one.scope)));
    unique_names("token", tokens.iter().map(|one| (&one.name, &one.scope)));
    unique_names("subnet", subnets.iter().map(|one| (&one.name, &one.scope)));
    check_overlaps(&subnets);
    let tls = tls(certificate, key, &scope);
    if let (Ok(listen), Ok(auth), Ok(tls)) = (&listen, &auth, &tls) {
        check_exposure(&listen.value, *auth, tls.as_ref(), &scope);
        let nobody = auth.value == ApiAuth::Required && users.is_empty() && tokens.is_empty();
        if nobody && !listen.value.is_empty() {
            scope.warning(
                listen.span,
                "listen lets nobody in, since there are no users and no tokens; add an [[api.user]], whose password \
                 `holdfast hash-password` makes",
            );
        }
    }
    Ok(ApiSettings {
        listen: listen?.value.into_iter().map(|at| at.value).collect(),
        auth: auth?.value,
        tls: tls?,
        certificates_path: certificates_path?.value,
        users: users.into_iter().map(Person::user).collect::<Result<_, _>>()?,
        tokens: tokens.into_iter().map(Person::token).collect::<Result<_, _>>()?,
        subnets: subnets
            .into_iter()
            .map(RawSubnet::valid)
            .collect::<Result<_, _>>()?,
    })
}

fn check_count(count: usize, what: &str, most: usize, scope: &Scope<'_>) {
    if count > most {
        let message = format!("it has {count} {what}; at most {most} are allowed");
        scope.error(scope.span, message);
    }
}

fn unique_names<'c, 'r: 'c>(what: &str, items: impl Iterator<Item = (&'c Read<String>, &'c Scope<'r>)>) {
    let names =
        items.filter_map(|(name, scope)| name.as_ref().ok().map(|at| (at.value.as_str(), at.span, scope)));
    unique(names, |name, line| {
        format!(
            "name {name:?} is already that of the {what} on line {line}; give each {what} a name of its own"
        )
    });
}

fn tls(
    certificate: Result<Option<At<PathBuf>>, Reported>,
    key: Result<Option<At<PathBuf>>, Reported>,
    scope: &Scope<'_>,
) -> Result<Option<CertificateFiles>, Reported> {
    match (certificate?, key?) {
        (None, None) => Ok(None),
        (Some(certificate), Some(key)) => Ok(Some(CertificateFiles {
            certificate: certificate.value,
            key: key.value,
        })),
        (Some(alone), None) => {
            Err(scope.error(alone.span, "certificate has no key; name the file of it in key"))
        }
        (None, Some(alone)) => Err(scope.error(
            alone.span,
            "key has no certificate; name the file of it in certificate",
        )),
    }
}

/// What others can reach asks who they are, and tells nobody else.
fn check_exposure(
    listen: &[At<SocketAddr>],
    auth: At<ApiAuth>,
    tls: Option<&CertificateFiles>,
    scope: &Scope<'_>,
) {
    unique(
        listen.iter().map(|at| (at.value, at.span, scope)),
        |address, line| format!("listen has {address} already on line {line}; write it once"),
    );
    let exposed = |at: &&At<SocketAddr>| !at.value.ip().is_loopback();
    if let Some(At { value, .. }) = listen.iter().find(exposed)
        && auth.value == ApiAuth::None
    {
        let message = format!(
            "auth \"none\" is for loopback addresses only, and listen has {value}, where others could do all; write \
             auth = \"required\""
        );
        scope.error(auth.span, message);
    }
    if tls.is_none() {
        for at in listen.iter().filter(exposed) {
            let message = format!(
                "listen {} is no loopback address, so that passwords would cross the network in the clear; name a \
                 certificate and its key",
                at.value
            );
            scope.error(at.span, message);
        }
    }
}

fn socket(entry: &Entry<'_, '_>) -> Result<SocketAddr, Reported> {
    string(|text| {
        let Ok(address) = text.parse::<SocketAddr>() else {
            return Err(match text.parse::<IpAddr>() {
                Ok(address) => format!("has no port; write {:?}", SocketAddr::new(address, 9876).to_string()),
                Err(_) => "is no address with a port; write for example \"127.0.0.1:9876\" or \"[::1]:9876\", since \
                           names are not resolved"
                    .into(),
            });
        };
        match address {
            _ if address.port() == 0 => Err("has no port; write one of 1 to 65535".into()),
            _ if address.ip().is_multicast() => Err("is a multicast address; write one of this host".into()),
            _ if address.ip() != address.ip().to_canonical() => {
                Err("is an IPv4 address mapped into IPv6; write the IPv4 address".into())
            }
            _ => Ok(address),
        }
    })(entry)
}

/// Somebody who may come in.
struct Person<'r> {
    scope: Scope<'r>,
    name: Read<String>,
    hash: Read<PasswordHash>,
    project: Read<String>,
    role: Read<ApiRole>,
}

fn user<'r>(t: &mut Table<'_, 'r>) -> Person<'r> {
    Person::read(t, "password")
}

fn token<'r>(t: &mut Table<'_, 'r>) -> Person<'r> {
    Person::read(t, "token")
}

impl<'r> Person<'r> {
    fn read(t: &mut Table<'_, 'r>, secret: &'static str) -> Self {
        Self {
            name: t.required("name", who),
            hash: t.required(
                secret,
                string(|phc| password::understand(phc).map_err(Into::into)),
            ),
            project: t.or("project", DEFAULT_PROJECT.into(), text(LONGEST_PROJECT)),
            role: t.required("role", word),
            scope: t.scope(),
        }
    }

    fn user(self) -> Result<ApiUser, Reported> {
        Ok(ApiUser {
            name: self.name?.value,
            password: self.hash?.value,
            project: self.project?.value,
            role: self.role?.value,
        })
    }

    fn token(self) -> Result<ApiToken, Reported> {
        Ok(ApiToken {
            name: self.name?.value,
            token: self.hash?.value,
            project: self.project?.value,
            role: self.role?.value,
        })
    }
}

fn who(entry: &Entry<'_, '_>) -> Result<String, Reported> {
    let name = name(entry)?;
    if name.contains(':') {
        return Err(entry.wrong("has a colon, which ends a name where clients send it; leave it out"));
    }
    Ok(name)
}

/// A subnet as it stands.
struct RawSubnet<'r> {
    scope: Scope<'r>,
    name: Read<String>,
    cidr: Read<Prefix>,
    first: Result<Option<At<IpAddr>>, Reported>,
    last: Result<Option<At<IpAddr>>, Reported>,
    network: Read<String>,
}

impl<'r> RawSubnet<'r> {
    fn read(t: &mut Table<'_, 'r>) -> Self {
        Self {
            name: t.required("name", name),
            cidr: t.required("cidr", network),
            first: t.optional("first", host_address),
            last: t.optional("last", host_address),
            network: t.or("network", NETWORK.into(), name),
            scope: t.scope(),
        }
    }

    fn valid(self) -> Result<Subnet, Reported> {
        let cidr = self.cidr?.value;
        let (first, last) = hosts(cidr);
        let first = self.bound("first", self.first, first, cidr)?;
        let last = self.bound("last", self.last, last, cidr)?;
        if first.value > last.value {
            let message = format!(
                "first {} comes after last {}; write the lower one in first",
                first.value, last.value
            );
            return Err(self.scope.error(first.span, message));
        }
        Ok(Subnet {
            name: self.name?.value,
            cidr,
            first: first.value,
            last: last.value,
            network: self.network?.value,
        })
    }

    fn bound(
        &self,
        key: &str,
        given: Result<Option<At<IpAddr>>, Reported>,
        default: IpAddr,
        cidr: Prefix,
    ) -> Read<IpAddr> {
        match given? {
            None => Ok(At {
                value: default,
                span: self.scope.span,
            }),
            Some(at) if cidr.contains(at.value) => Ok(at),
            Some(at) => {
                let (low, high) = cidr.bounds();
                let message = format!(
                    "{key} {} is not in {cidr}; write one of {low} to {high}",
                    at.value
                );
                Err(self.scope.error(at.span, message))
            }
        }
    }
}

/// The first and the last address of a network that a host can have.
fn hosts(cidr: Prefix) -> (IpAddr, IpAddr) {
    match cidr.bounds() {
        // What is alone, or one of two, has no network or broadcast address beside it (RFC 3021).
        (IpAddr::V4(low), IpAddr::V4(high)) if high.to_bits() - low.to_bits() > 1 => {
            let inner = |bits: u32| IpAddr::V4(bits.into());
            (inner(low.to_bits() + 1), inner(high.to_bits() - 1))
        }
        // The lowest one is all routers' (RFC 4291, section 2.6.1).
        (IpAddr::V6(low), IpAddr::V6(high)) if high.to_bits() - low.to_bits() > 1 => {
            (IpAddr::V6((low.to_bits() + 1).into()), high.into())
        }
        bounds => bounds,
    }
}

fn check_overlaps(subnets: &[RawSubnet<'_>]) {
    let mut known: Vec<(At<Prefix>, usize)> = subnets
        .iter()
        .enumerate()
        .filter_map(|(index, subnet)| Some((subnet.cidr.ok()?, index)))
        .collect();
    known.sort_by_key(|(cidr, index)| (cidr.value.bounds(), *index));
    let mut widest: Option<At<Prefix>> = None;
    for (cidr, index) in known {
        let (low, high) = cidr.value.bounds();
        match widest {
            Some(before) if before.value.contains(low) => {
                let scope = &subnets[index].scope;
                let message = format!(
                    "cidr {} overlaps with {} on line {}; write networks that have no address in common",
                    cidr.value,
                    before.value,
                    scope.report.line(before.span)
                );
                scope.error(cidr.span, message);
            }
            _ => {}
        }
        if widest.is_none_or(|before| before.value.bounds().1 < high) {
            widest = Some(cidr);
        }
    }
}

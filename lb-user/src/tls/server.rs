//! TLS that ends at listeners.

use std::{collections::HashMap, fmt, path::Path, sync::Arc};

use anyhow::Context as _;
use rustls::{
    ServerConfig, SupportedProtocolVersion,
    crypto::{CryptoProvider, ring::Ticketer},
    pki_types::CertificateDer,
    server::{ClientHello, ResolvesServerCert, WebPkiClientVerifier, danger::ClientCertVerifier},
    sign::CertifiedKey,
    version::{TLS12, TLS13},
};
use webpki::EndEntityCert;

use super::{HTTP1, HTTP2, authorities, chain, private_key, provider};
use crate::model::{CertificateFiles, ClientAuth, ClientCertificates, Http, ListenerTls, TlsVersion};

/// The TLS of a listener.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) config: Arc<ServerConfig>,
    clients: Option<Clients>,
}

/// What is wanted of clients' certificates.
#[derive(Debug, PartialEq, Eq)]
struct Clients {
    wanted: ClientCertificates,
    /// What was in the file.
    known: Vec<CertificateDer<'static>>,
}

impl Server {
    /// What a listener's clients are served by. They go on with sessions of `before` where that let in the same ones: whoever
    /// goes on with a session is not asked for its certificate again, in no version of TLS.
    pub(crate) fn new(tls: &ListenerTls, http: &Http, before: Option<&Self>) -> anyhow::Result<Self> {
        let provider = provider();
        let certificates = Certificates::load(&tls.certificates, &provider)?;
        let clients = tls.clients.as_ref().map(Clients::load).transpose()?;
        let verifier = match &clients {
            Some(clients) => clients.verifier(Arc::clone(&provider))?,
            None => WebPkiClientVerifier::no_client_auth(),
        };
        let versions: &[&'static SupportedProtocolVersion] = match tls.min_version {
            TlsVersion::Tls12 => &[&TLS13, &TLS12],
            TlsVersion::Tls13 => &[&TLS13],
        };
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(versions)?
            .with_client_cert_verifier(verifier)
            .with_cert_resolver(Arc::new(certificates));
        config.ignore_client_order = true;
        config.ticketer = match before {
            Some(before) if before.clients == clients => Arc::clone(&before.config.ticketer),
            _ => Ticketer::new()?,
        };
        config.send_tls13_tickets = 1;
        config.alpn_protocols = if http.http2 {
            vec![HTTP2.into(), HTTP1.into()]
        } else {
            vec![HTTP1.into()]
        };
        Ok(Self {
            config: Arc::new(config),
            clients,
        })
    }
}

impl Clients {
    fn load(wanted: &ClientCertificates) -> anyhow::Result<Self> {
        Ok(Self {
            wanted: wanted.clone(),
            known: chain(&wanted.ca)?,
        })
    }

    fn verifier(&self, provider: Arc<CryptoProvider>) -> anyhow::Result<Arc<dyn ClientCertVerifier>> {
        let ClientCertificates { ca, auth } = &self.wanted;
        let authorities = Arc::new(authorities(ca, &self.known)?);
        let verifier = WebPkiClientVerifier::builder_with_provider(authorities, provider);
        let verifier = match auth {
            ClientAuth::Required => verifier,
            ClientAuth::Optional => verifier.allow_unauthenticated(),
        };
        verifier
            .build()
            .with_context(|| format!("{} has no authority for clients", ca.display()))
    }
}

/// Whether a client asked for HTTP/2.
pub(crate) fn is_http2(alpn: Option<&[u8]>) -> bool {
    alpn == Some(HTTP2)
}

/// The certificates of a listener, by the names that clients ask for.
struct Certificates {
    default: Arc<CertifiedKey>,
    exact: HashMap<String, Arc<CertifiedKey>>,
    /// By what comes after the `*.`.
    wildcards: HashMap<String, Arc<CertifiedKey>>,
}

impl Certificates {
    fn load(files: &[CertificateFiles], provider: &CryptoProvider) -> anyhow::Result<Self> {
        let (mut exact, mut wildcards) = (HashMap::new(), HashMap::new());
        let mut default = None;
        for CertificateFiles { certificate, key } in files {
            let certified = Arc::new(load(certificate, key, provider)?);
            for name in names(&certified) {
                // The first one that is for a name is the one.
                match name.strip_prefix("*.") {
                    Some(rest) => wildcards.entry(rest.to_owned()),
                    None => exact.entry(name),
                }
                .or_insert_with(|| Arc::clone(&certified));
            }
            default.get_or_insert(certified);
        }
        Ok(Self {
            default: default.context("there is no certificate")?,
            exact,
            wildcards,
        })
    }

    fn of(&self, name: &str) -> &Arc<CertifiedKey> {
        let name = name.to_ascii_lowercase();
        let of_wildcard = || self.wildcards.get(name.split_once('.')?.1);
        self.exact
            .get(&name)
            .or_else(of_wildcard)
            .unwrap_or(&self.default)
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let certified = hello.server_name().map_or(&self.default, |name| self.of(name));
        Some(Arc::clone(certified))
    }
}

impl fmt::Debug for Certificates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.exact.keys()).finish()
    }
}

fn load(certificate: &Path, key: &Path, provider: &CryptoProvider) -> anyhow::Result<CertifiedKey> {
    let certified = CertifiedKey::from_der(chain(certificate)?, private_key(key)?, provider);
    certified.with_context(|| format!("{} is not for {}", key.display(), certificate.display()))
}

/// The names that a certificate is for, in lower case.
fn names(certified: &CertifiedKey) -> Vec<String> {
    let parsed = certified
        .cert
        .first()
        .and_then(|first| EndEntityCert::try_from(first).ok());
    parsed.map_or_else(Vec::new, |parsed| {
        parsed.valid_dns_names().map(str::to_ascii_lowercase).collect()
    })
}

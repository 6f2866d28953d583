//! TLS that ends at listeners.

use std::{
    collections::{BTreeSet, HashMap},
    fmt, io,
    sync::Arc,
};

use anyhow::Context as _;
use rustls::{
    CipherSuite, ServerConfig, SignatureAlgorithm, SignatureScheme, SupportedProtocolVersion,
    crypto::{
        CryptoProvider,
        ring::{self, Ticketer},
    },
    pki_types::CertificateDer,
    server::{ClientHello, ResolvesServerCert, WebPkiClientVerifier, danger::ClientCertVerifier},
    sign::CertifiedKey,
    version::{TLS12, TLS13},
};
use serde::{Deserialize, Serialize};
use webpki::EndEntityCert;

use super::{HTTP1, HTTP2, authorities, chain, private_key, provider};
use crate::model::{CertificateFiles, ClientAuth, ClientCertificates, Http, ListenerTls, TlsVersion};

/// The TLS of a listener.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) config: Arc<ServerConfig>,
    /// Until when each certificate is good, by its file.
    pub(crate) expiries: Vec<Expiry>,
    clients: Option<Clients>,
}

/// Until when a certificate is good.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Expiry {
    /// The file that it is in.
    pub certificate: String,
    /// In seconds since 1970.
    pub not_after_unix_s: i64,
}

impl Expiry {
    /// None where it does not say so in a way that is known.
    fn of(files: &CertificateFiles, certified: &CertifiedKey) -> Option<Self> {
        let (_, parsed) = x509_parser::parse_x509_certificate(certified.cert.first()?).ok()?;
        Some(Self {
            certificate: files.certificate.display().to_string(),
            not_after_unix_s: parsed.validity().not_after.timestamp(),
        })
    }
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
        let (certificates, expiries) = Certificates::load(&tls.certificates, &provider)?;
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
            expiries,
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

/// Why either side refused the other; none where a client went away, or never spoke TLS, which is nothing to tell of.
pub(crate) fn refusal(error: &io::Error) -> Option<&rustls::Error> {
    let refusal = error.get_ref()?.downcast_ref()?;
    (!matches!(refusal, rustls::Error::InvalidMessage(_))).then_some(refusal)
}

/// The certificates of a listener, by the names that clients ask for. Of those for the same name each client is shown the
/// first whose key it can do with.
struct Certificates {
    default: Vec<Arc<CertifiedKey>>,
    exact: HashMap<String, Vec<Arc<CertifiedKey>>>,
    /// By what comes after the `*.`.
    wildcards: HashMap<String, Vec<Arc<CertifiedKey>>>,
}

impl Certificates {
    /// With when each of them ends.
    fn load(files: &[CertificateFiles], provider: &CryptoProvider) -> anyhow::Result<(Self, Vec<Expiry>)> {
        let all = files.iter().map(|files| load(files, provider));
        let mut all = all.collect::<anyhow::Result<Vec<_>>>()?;
        let expiries = files.iter().zip(&all);
        let mut expiries: Vec<_> = expiries
            .filter_map(|(files, certified)| Expiry::of(files, certified))
            .collect();
        // One may be named twice, as a default and for its names.
        expiries.sort_unstable();
        expiries.dedup();
        let first = names(all.first().context("there is no certificate")?);
        // A signature of theirs costs a fraction of one of RSA.
        all.sort_by_key(|certified| certified.key.algorithm() != SignatureAlgorithm::ECDSA);
        let mut sorted = Self {
            default: Vec::new(),
            exact: HashMap::new(),
            wildcards: HashMap::new(),
        };
        for certified in all {
            let names = names(&certified);
            if names == first {
                sorted.default.push(Arc::clone(&certified));
            }
            for name in names {
                match name.strip_prefix("*.") {
                    Some(rest) => sorted.wildcards.entry(rest.to_owned()),
                    None => sorted.exact.entry(name),
                }
                .or_default()
                .push(Arc::clone(&certified));
            }
        }
        Ok((sorted, expiries))
    }

    fn of(&self, name: &str) -> &[Arc<CertifiedKey>] {
        let name = name.to_ascii_lowercase();
        let of_wildcard = || self.wildcards.get(name.split_once('.')?.1);
        self.exact
            .get(&name)
            .or_else(of_wildcard)
            .unwrap_or(&self.default)
    }

    /// The one for a client that asks for this name, if for any, and takes these signatures and cipher suites.
    fn choose(
        &self,
        name: Option<&str>,
        schemes: &[SignatureScheme],
        suites: &[CipherSuite],
    ) -> Option<&Arc<CertifiedKey>> {
        let certified = name.map_or(&self.default[..], |name| self.of(name));
        let fits = |one: &&Arc<CertifiedKey>| {
            one.key.choose_scheme(schemes).is_some() && go_with(suites, one.key.algorithm())
        };
        certified.iter().find(fits).or(certified.first())
    }
}

/// Whether a client that offers these cipher suites can do with a key of this kind. Those of TLS 1.3 say nothing of it, and
/// clients of 1.2 alone may offer them too: where there are others, one of these has to be for such a key.
fn go_with(suites: &[CipherSuite], kind: SignatureAlgorithm) -> bool {
    let of_tls12 = ring::DEFAULT_CIPHER_SUITES
        .iter()
        .filter(|suite| suite.tls13().is_none() && suites.contains(&suite.suite()));
    let mut of_tls12 = of_tls12.peekable();
    of_tls12.peek().is_none() || of_tls12.any(|suite| suite.usable_for_signature_algorithm(kind))
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.choose(
            hello.server_name(),
            hello.signature_schemes(),
            hello.cipher_suites(),
        )
        .map(Arc::clone)
    }
}

impl fmt::Debug for Certificates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.exact.keys()).finish()
    }
}

fn load(files: &CertificateFiles, provider: &CryptoProvider) -> anyhow::Result<Arc<CertifiedKey>> {
    let CertificateFiles { certificate, key } = files;
    let certified = CertifiedKey::from_der(chain(certificate)?, private_key(key)?, provider);
    certified
        .map(Arc::new)
        .with_context(|| format!("{} is not for {}", key.display(), certificate.display()))
}

/// The names that a certificate is for, in lower case.
fn names(certified: &CertifiedKey) -> BTreeSet<String> {
    let parsed = certified
        .cert
        .first()
        .and_then(|first| EndEntityCert::try_from(first).ok());
    parsed.map_or_else(BTreeSet::new, |parsed| {
        parsed.valid_dns_names().map(str::to_ascii_lowercase).collect()
    })
}

#[cfg(test)]
mod tests {
    use lb_tests::http::{Authority, Certificate};
    use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ED25519};
    use rustls::CipherSuite::{
        TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
        TLS13_AES_128_GCM_SHA256,
    };
    use rustls::SignatureScheme::{ECDSA_NISTP256_SHA256, ED25519, RSA_PSS_SHA256};

    use super::*;

    #[test]
    fn of_several_certificates_for_a_name_a_client_is_shown_one_that_it_can_do_with() {
        let authority = Authority::new().unwrap();
        let certify = |file: &str, names: &[&str], kind: &'static rcgen::SignatureAlgorithm| {
            let key = KeyPair::generate_for(kind).unwrap();
            authority.certify_key(file, names, &key).unwrap()
        };
        let (ed, ec) = (&PKCS_ED25519, &PKCS_ECDSA_P256_SHA256);
        let all = [
            certify("first-ed", &["a.test", "b.test"], ed),
            certify("shop-ec", &["shop.test"], ec),
            certify("first-ec", &["B.test", "a.test"], ec),
            certify("other-ec", &["shop.test"], ec),
            certify("any-ec", &["*.else.test"], ec),
            certify("any-ed", &["*.else.test"], ed),
        ];
        let files = |Certificate { file, key, .. }: &Certificate| CertificateFiles {
            certificate: file.clone(),
            key: key.clone(),
        };
        let (certificates, expiries) = Certificates::load(&all.each_ref().map(files), &provider()).unwrap();
        assert_eq!(expiries.len(), all.len());
        for (name, schemes, expected) in [
            (Some("a.test"), &[ED25519][..], 0),
            (Some("a.test"), &[ECDSA_NISTP256_SHA256], 2),
            // The cheaper one, or the first of two that are alike.
            (Some("a.test"), &[ED25519, ECDSA_NISTP256_SHA256], 2),
            (Some("shop.test"), &[ED25519, ECDSA_NISTP256_SHA256], 1),
            (Some("any.else.test"), &[ED25519], 5),
            (Some("any.else.test"), &[ECDSA_NISTP256_SHA256], 4),
            // Those of the first are also for who asks for no name, or another one.
            (None, &[ED25519], 0),
            (None, &[ECDSA_NISTP256_SHA256], 2),
            (Some("elsewhere"), &[ED25519], 0),
            // What nobody can do with is the first one for the name, also where another would do.
            (Some("shop.test"), &[ED25519], 1),
            (Some("any.else.test"), &[RSA_PSS_SHA256], 4),
        ] {
            let shown = certificates.choose(name, schemes, &[]).unwrap();
            assert_eq!(shown.cert[0], all[expected].der, "{name:?} {schemes:?}");
        }
    }

    #[test]
    fn the_cipher_suites_of_tls_1_2_say_which_keys_a_client_can_do_with() {
        let (new, rsa) = (TLS13_AES_128_GCM_SHA256, TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256);
        let ecdsa = TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256;
        for (suites, expected) in [
            (&[new][..], [true, true]),
            (&[new, rsa], [true, false]),
            (&[new, ecdsa], [false, true]),
            (&[rsa, ecdsa], [true, true]),
        ] {
            let kinds = [SignatureAlgorithm::RSA, SignatureAlgorithm::ECDSA];
            assert_eq!(kinds.map(|kind| go_with(suites, kind)), expected, "{suites:?}");
        }
    }

    #[test]
    fn only_a_handshake_that_one_side_refused_is_told_of() {
        let refused = |error| refusal(&io::Error::new(io::ErrorKind::InvalidData, error)).cloned();
        let shows_none = rustls::Error::NoCertificatesPresented;
        assert_eq!(refused(shows_none.clone()), Some(shows_none));
        let is_no_tls = rustls::Error::InvalidMessage(rustls::InvalidMessage::InvalidContentType);
        assert_eq!(refused(is_no_tls), None);
        assert!(refusal(&io::ErrorKind::ConnectionReset.into()).is_none());
        assert!(refusal(&io::Error::new(io::ErrorKind::UnexpectedEof, "tls handshake eof")).is_none());
    }
}

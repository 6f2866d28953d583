//! TLS towards members.

use std::{
    collections::HashMap,
    fs,
    path::{Path, PathBuf},
    sync::{Arc, LazyLock, Mutex, PoisonError},
    time::SystemTime,
};

use anyhow::Context as _;
use rustls::{
    ClientConfig, ConfigBuilder, DigitallySignedStruct, Error, RootCertStore, SignatureScheme, WantsVerifier,
    client::{
        Resumption, WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
        verify_server_name,
    },
    crypto::CryptoProvider,
    pki_types::{CertificateDer, ServerName, UnixTime},
    server::ParsedCertificate,
};
use tracing::warn;

use super::{HTTP1, HTTP2, authorities, chain, provider};
use crate::model::{MemberProtocol, MemberTls};

/// Made once: the system's authorities are some hundred kilobytes.
static WITH_SYSTEM_AUTHORITIES: LazyLock<Arc<ClientConfig>> =
    LazyLock::new(|| of_probes(trusting(system_authorities())));
static WITH_ANY_CERTIFICATE: LazyLock<Arc<ClientConfig>> = LazyLock::new(|| of_probes(trusting_anyone()));
/// By their file, with when it was written.
static WITH_AUTHORITIES_OF: LazyLock<Mutex<HashMap<PathBuf, OfFile>>> = LazyLock::new(Mutex::default);
/// Files that are remembered: there are hardly more pools with one of their own.
const MOST_FILES: usize = 1024;

struct OfFile {
    written: SystemTime,
    client: Arc<ClientConfig>,
}

/// How a monitor speaks TLS, with members' certificates verified or not: by the authorities of their pool, where it has some.
pub(crate) fn of_monitor(tls_verify: bool, pool: Option<&MemberTls>) -> anyhow::Result<Arc<ClientConfig>> {
    Ok(match pool.and_then(|tls| tls.ca.as_deref()) {
        _ if !tls_verify => Arc::clone(&WITH_ANY_CERTIFICATE),
        None => Arc::clone(&WITH_SYSTEM_AUTHORITIES),
        Some(path) => with_authorities_of(path)?,
    })
}

/// It is asked for with each probe, and read again only where the file is another one since: monitors go on over a reload.
fn with_authorities_of(path: &Path) -> anyhow::Result<Arc<ClientConfig>> {
    let written = fs::metadata(path).and_then(|file| file.modified());
    let written = written.with_context(|| format!("cannot read {}", path.display()))?;
    let mut known = WITH_AUTHORITIES_OF.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(of_file) = known.get(path).filter(|of_file| of_file.written == written) {
        return Ok(Arc::clone(&of_file.client));
    }
    let client = of_probes(trusting_these(path)?);
    if known.len() >= MOST_FILES {
        known.clear();
    }
    let of_file = OfFile {
        written,
        client: Arc::clone(&client),
    };
    known.insert(path.to_owned(), of_file);
    Ok(client)
}

/// A probe goes on with no session: it is to see the certificate that there is now.
fn of_probes(mut client: ClientConfig) -> Arc<ClientConfig> {
    client.resumption = Resumption::disabled();
    Arc::new(client)
}

/// The same for one that speaks HTTP/2.
pub(crate) fn of_grpc_monitor(
    tls_verify: bool,
    pool: Option<&MemberTls>,
) -> anyhow::Result<Arc<ClientConfig>> {
    let mut config = ClientConfig::clone(&*of_monitor(tls_verify, pool)?);
    config.alpn_protocols = vec![HTTP2.into()];
    Ok(Arc::new(config))
}

/// How the members of a pool are spoken to.
pub(crate) fn of_members(tls: &MemberTls, protocol: MemberProtocol) -> anyhow::Result<ClientConfig> {
    let mut config = match (&tls.ca, tls.verify) {
        (_, false) => trusting_anyone(),
        (None, true) => trusting(system_authorities()),
        (Some(path), true) => trusting_these(path)?,
    };
    config.alpn_protocols = vec![match protocol {
        MemberProtocol::Http1 => HTTP1.into(),
        MemberProtocol::Http2 => HTTP2.into(),
    }];
    Ok(config)
}

/// Takes certificates that one in the file has signed, and those themselves: servers of a private network often sign their
/// own, which then is no authority's.
fn trusting_these(path: &Path) -> anyhow::Result<ClientConfig> {
    let known = chain(path)?;
    let roots = Arc::new(authorities(path, &known)?);
    let signed = WebPkiServerVerifier::builder_with_provider(roots, provider()).build()?;
    let verifier = Arc::new(Known { known, signed });
    Ok(builder()
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth())
}

fn builder() -> ConfigBuilder<ClientConfig, WantsVerifier> {
    ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .expect("the provider speaks TLS 1.2 and 1.3")
}

fn system_authorities() -> RootCertStore {
    let found = rustls_native_certs::load_native_certs();
    for error in &found.errors {
        warn!("a certificate authority of the system cannot be read: {error}");
    }
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(found.certs);
    if roots.is_empty() {
        warn!(
            "this system trusts no certificate authority, so that monitors with `tls_verify` fail: install its \
             package of CA certificates (`ca-certificates`), or point SSL_CERT_FILE at a file of them"
        );
    }
    roots
}

/// Takes certificates that one of `roots` signed.
fn trusting(roots: RootCertStore) -> ClientConfig {
    builder().with_root_certificates(roots).with_no_client_auth()
}

fn trusting_anyone() -> ClientConfig {
    let verifier = Arc::new(Anyone(provider()));
    builder()
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth()
}

/// Takes known certificates, for the names that they are for, and what they have signed.
#[derive(Debug)]
struct Known {
    known: Vec<CertificateDer<'static>>,
    signed: Arc<WebPkiServerVerifier>,
}

impl ServerCertVerifier for Known {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if self.known.iter().any(|known| known == certificate) {
            verify_server_name(&ParsedCertificate::try_from(certificate)?, name)?;
            return Ok(ServerCertVerified::assertion());
        }
        self.signed
            .verify_server_cert(certificate, intermediates, name, ocsp_response, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.signed
            .verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.signed
            .verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.signed.supported_verify_schemes()
    }
}

/// Takes every certificate, as a monitor may: it asks whether the member answers, tells it nothing, and the members of a
/// private network mostly have certificates of their own making.
#[derive(Debug)]
struct Anyone(Arc<CryptoProvider>);

impl ServerCertVerifier for Anyone {
    fn verify_server_cert(
        &self,
        _certificate: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

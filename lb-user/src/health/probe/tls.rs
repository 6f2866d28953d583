//! TLS towards members.

use std::{
    net::SocketAddr,
    sync::{Arc, LazyLock},
};

use hyper::http::uri::Authority;
use rustls::{
    ClientConfig, ConfigBuilder, DigitallySignedStruct, Error, RootCertStore, SignatureScheme, WantsVerifier,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::{CryptoProvider, ring},
    pki_types::{CertificateDer, ServerName, UnixTime},
};
use tokio::net::TcpStream;
use tokio_rustls::{TlsConnector, client::TlsStream};
use tracing::warn;

use super::Failure;
use crate::model::HttpProbe;

/// Made once: the system's authorities are some hundred kilobytes.
static WITH_SYSTEM_AUTHORITIES: LazyLock<Arc<ClientConfig>> =
    LazyLock::new(|| Arc::new(trusting(system_authorities())));
static WITH_ANY_CERTIFICATE: LazyLock<Arc<ClientConfig>> = LazyLock::new(|| Arc::new(trusting_anyone()));

/// How the monitors speak TLS, with members' certificates verified or not.
pub(super) fn client(tls_verify: bool) -> Arc<ClientConfig> {
    Arc::clone(if tls_verify {
        &WITH_SYSTEM_AUTHORITIES
    } else {
        &WITH_ANY_CERTIFICATE
    })
}

/// Whose certificate is asked for, and verified: that of the host the request names, else that of the address.
pub(super) fn server_name(probe: &HttpProbe, address: SocketAddr) -> ServerName<'static> {
    let host = probe.http_host.as_ref().and_then(|host| {
        let authority: Authority = host.parse().ok()?;
        let host = authority.host().trim_matches(['[', ']']);
        ServerName::try_from(host.to_owned()).ok()
    });
    host.unwrap_or_else(|| address.ip().into())
}

/// Speaks TLS over a connection.
pub(super) async fn connect(
    client: Arc<ClientConfig>,
    name: ServerName<'static>,
    stream: TcpStream,
) -> Result<TlsStream<TcpStream>, Failure> {
    TlsConnector::from(client)
        .connect(name, stream)
        .await
        .map_err(Failure::Tls)
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
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
pub(super) fn trusting(roots: RootCertStore) -> ClientConfig {
    builder().with_root_certificates(roots).with_no_client_auth()
}

fn trusting_anyone() -> ClientConfig {
    let verifier = Arc::new(Anyone(provider()));
    builder()
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth()
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

//! The certificates of the proxies, and a client that knows them.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context as _, Result, bail};
use rustls::client::Resumption;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls13_signature};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, Error, SignatureScheme};

use crate::page::HOST;

/// Of so many handshakes the client verifies one signature: that costs it more than signing costs the proxy, and a load
/// that is slower than the proxy measures itself.
const SIGNATURES_A_CHECK: u32 = 16;

/// A kind of key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Key {
    /// P-256.
    Ecdsa,
    /// 2048 bits.
    Rsa,
}

impl Key {
    const fn name(self) -> &'static str {
        match self {
            Self::Ecdsa => "ecdsa",
            Self::Rsa => "rsa",
        }
    }

    const fn openssl_options(self) -> &'static [&'static str] {
        match self {
            Self::Ecdsa => &["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"],
            Self::Rsa => &["-newkey", "rsa:2048"],
        }
    }
}

/// A certificate and its key, as files.
#[derive(Debug)]
pub(crate) struct Pair {
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
    /// Both in one, as HAProxy wants it.
    pub(crate) together: PathBuf,
}

/// One of each kind.
#[derive(Debug)]
pub(crate) struct Pairs {
    pub(crate) ecdsa: Pair,
    pub(crate) rsa: Pair,
}

impl Pairs {
    /// Makes them in a directory, by `openssl`: ring makes no RSA keys.
    pub(crate) fn make(directory: &Path) -> Result<Self> {
        Ok(Self {
            ecdsa: Pair::make(directory, Key::Ecdsa)?,
            rsa: Pair::make(directory, Key::Rsa)?,
        })
    }

    pub(crate) fn of(&self, key: Key) -> &Pair {
        match key {
            Key::Ecdsa => &self.ecdsa,
            Key::Rsa => &self.rsa,
        }
    }
}

impl Pair {
    fn make(directory: &Path, kind: Key) -> Result<Self> {
        let file = |end: &str| directory.join(format!("{}.{end}", kind.name()));
        let pair = Self {
            certificate: file("crt"),
            key: file("key"),
            together: file("pem"),
        };
        let output = Command::new("openssl")
            .args(["req", "-x509", "-nodes", "-sha256", "-days", "2"])
            .args(kind.openssl_options())
            .args(["-subj", &format!("/CN={HOST}")])
            .args(["-addext", &format!("subjectAltName=DNS:{HOST}")])
            .arg("-keyout")
            .arg(&pair.key)
            .arg("-out")
            .arg(&pair.certificate)
            .stdin(Stdio::null())
            .output()
            .context("cannot run `openssl`")?;
        if !output.status.success() {
            bail!("openssl: {}", String::from_utf8_lossy(&output.stderr).trim());
        }
        let [certificate, key] = [&pair.certificate, &pair.key].map(std::fs::read);
        std::fs::write(&pair.together, [certificate?, key?].concat())?;
        Ok(pair)
    }

    /// A client that takes this certificate and no other: TLS 1.3 with what browsers ask for first, and never resumed.
    pub(crate) fn client(&self, protocol: &str) -> Result<Arc<ClientConfig>> {
        let provider = CryptoProvider {
            cipher_suites: vec![ring::cipher_suite::TLS13_AES_128_GCM_SHA256],
            kx_groups: vec![ring::kx_group::X25519],
            ..ring::default_provider()
        };
        let known = Known {
            certificate: CertificateDer::from_pem_file(&self.certificate)?,
            handshakes: AtomicU32::new(0),
        };
        let mut config = ClientConfig::builder_with_provider(Arc::new(provider))
            .with_protocol_versions(&[&rustls::version::TLS13])?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(known))
            .with_no_client_auth();
        config.resumption = Resumption::disabled();
        config.alpn_protocols = vec![protocol.as_bytes().to_vec()];
        Ok(Arc::new(config))
    }
}

/// The certificate that is expected, byte by byte.
#[derive(Debug)]
struct Known {
    certificate: CertificateDer<'static>,
    handshakes: AtomicU32,
}

impl ServerCertVerifier for Known {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if *end_entity == self.certificate {
            Ok(ServerCertVerified::assertion())
        } else {
            Err(CertificateError::UnknownIssuer.into())
        }
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(Error::General("TLS 1.2 was not offered".to_owned()))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let number = self.handshakes.fetch_add(1, Ordering::Relaxed);
        if number.is_multiple_of(SIGNATURES_A_CHECK) {
            let algorithms = ring::default_provider().signature_verification_algorithms;
            verify_tls13_signature(message, certificate, signed, &algorithms)
        } else {
            Ok(HandshakeSignatureValid::assertion())
        }
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![
            SignatureScheme::ECDSA_NISTP256_SHA256,
            SignatureScheme::RSA_PSS_SHA256,
        ]
    }
}

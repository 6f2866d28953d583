//! Certificates for the listeners of a test, and clients that trust them.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::{fs, io};

use anyhow::Result;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rustls::client::Resumption;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{ClientConfig, RootCertStore, ServerConfig, SupportedProtocolVersion};

/// Who signs the certificates of a laboratory.
#[derive(Debug)]
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: CertificateDer<'static>,
    directory: tempfile::TempDir,
}

/// A certificate and its key, as files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// The certificate, as PEM.
    pub file: PathBuf,
    /// Its key, as PEM.
    pub key: PathBuf,
    /// The certificate itself.
    pub der: CertificateDer<'static>,
}

impl Authority {
    /// A new one, with files in a directory that goes with it.
    pub fn new() -> Result<Self> {
        let directory = crate::stale::temporary_directory()?;
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::new(Vec::new())?;
        // Another name than that of what it signs, which would count as signed by itself.
        params
            .distinguished_name
            .push(DnType::CommonName, "the laboratory");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let certificate = params.self_signed(&key)?;
        fs::write(
            directory.path().join("authority.pem"),
            pem("CERTIFICATE", certificate.der()),
        )?;
        Ok(Self {
            certificate: certificate.der().clone(),
            issuer: Issuer::new(params, key),
            directory,
        })
    }

    /// Its own certificate, as a file.
    #[must_use]
    pub fn file(&self) -> PathBuf {
        self.directory.path().join("authority.pem")
    }

    /// Makes a certificate for these names, in files of that name; what was in them is replaced.
    pub fn certify(&self, file: &str, names: &[&str]) -> Result<Certificate> {
        self.certify_key(file, names, &KeyPair::generate()?)
    }

    /// The same for this key.
    pub fn certify_key(&self, file: &str, names: &[&str], key: &KeyPair) -> Result<Certificate> {
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        let certificate = CertificateParams::new(names)?.signed_by(key, &self.issuer)?;
        let path = |end: &str| self.directory.path().join(format!("{file}.{end}"));
        let made = Certificate {
            file: path("pem"),
            key: path("key"),
            der: certificate.der().clone(),
        };
        replace(&made.file, &pem("CERTIFICATE", certificate.der()))?;
        replace(&made.key, &pem("PRIVATE KEY", &key.serialize_der()))?;
        Ok(made)
    }

    /// A client that trusts it, speaks these versions and offers these protocols.
    pub fn client(
        &self,
        versions: &[&'static SupportedProtocolVersion],
        protocols: &[&str],
    ) -> Result<Arc<ClientConfig>> {
        self.client_by(ring::default_provider(), versions, protocols)
    }

    /// One that can do no more than the provider.
    pub fn client_by(
        &self,
        provider: CryptoProvider,
        versions: &[&'static SupportedProtocolVersion],
        protocols: &[&str],
    ) -> Result<Arc<ClientConfig>> {
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate.clone())?;
        let mut config = ClientConfig::builder_with_provider(Arc::new(provider))
            .with_protocol_versions(versions)?
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
        Ok(Arc::new(config))
    }
}

impl Certificate {
    /// An element of `certificates` in `[load_balancer.listener.tls]`.
    #[must_use]
    pub fn toml(&self) -> String {
        format!(
            "{{ certificate = \"{}\", key = \"{}\" }}",
            self.file.display(),
            self.key.display()
        )
    }

    /// Such a client that also shows this certificate, and has no session yet.
    pub fn shown_by(&self, client: &ClientConfig) -> Result<Arc<ClientConfig>> {
        let key = PrivateKeyDer::from_pem_file(&self.key)?;
        let certified = CertifiedKey::from_der(vec![self.der.clone()], key, &ring::default_provider())?;
        let mut client = client.clone();
        client.client_auth_cert_resolver = Arc::new(SingleCertAndKey::from(certified));
        client.resumption = Resumption::default();
        Ok(Arc::new(client))
    }

    /// What a server shows it with that speaks HTTP/2 and HTTP/1.1.
    pub(crate) fn server(&self) -> Result<Arc<ServerConfig>> {
        let key = PrivateKeyDer::from_pem_file(&self.key)?;
        let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(vec![self.der.clone()], key)?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Arc::new(config))
    }
}

/// What is between the lines of a PEM file that begin and end it, and these.
pub fn pem(label: &str, der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let lines: Vec<_> = text.as_bytes().chunks(64).map(String::from_utf8_lossy).collect();
    format!(
        "-----BEGIN {label}-----\n{}\n-----END {label}-----\n",
        lines.join("\n")
    )
}

fn replace(path: &Path, text: &str) -> io::Result<()> {
    let new = path.with_extension("new");
    fs::write(&new, text)?;
    fs::rename(new, path)
}

//! TLS: where it ends at listeners, and where it begins towards members.

pub(crate) mod client;
pub(crate) mod server;

use std::{path::Path, sync::Arc};

use anyhow::{Context as _, bail};
use rustls::{
    RootCertStore,
    crypto::{CryptoProvider, ring},
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
};

/// What goes by ALPN (RFC 7301).
const HTTP2: &[u8] = b"h2";
const HTTP1: &[u8] = b"http/1.1";

/// The cipher suites in our order: of equal safety, the cheaper first.
fn provider() -> Arc<CryptoProvider> {
    let mut provider = ring::default_provider();
    provider.cipher_suites.sort_by_key(|suite| {
        let name = format!("{:?}", suite.suite());
        !name.contains("AES_128")
    });
    Arc::new(provider)
}

/// The certificates in a file.
fn chain(path: &Path) -> anyhow::Result<Vec<CertificateDer<'static>>> {
    let chain = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .with_context(|| format!("cannot read the certificate {}", path.display()))?;
    if chain.is_empty() {
        bail!(
            "there is no certificate in {}; it begins with -----BEGIN CERTIFICATE-----",
            path.display()
        );
    }
    Ok(chain)
}

/// The key in a file.
fn private_key(path: &Path) -> anyhow::Result<PrivateKeyDer<'static>> {
    PrivateKeyDer::from_pem_file(path).with_context(|| format!("cannot read the key {}", path.display()))
}

/// Certificates of a file as authorities.
fn authorities(path: &Path, known: &[CertificateDer<'static>]) -> anyhow::Result<RootCertStore> {
    let mut roots = RootCertStore::empty();
    for certificate in known.iter().cloned() {
        let added = roots.add(certificate);
        added.with_context(|| format!("{} has a certificate that is no authority", path.display()))?;
    }
    if roots.is_empty() {
        bail!("{} has no certificate", path.display());
    }
    Ok(roots)
}

//! Certificates, which objects refer to by names.

use std::path::PathBuf;

use crate::{
    model::CertificateFiles,
    objects::{Any, Difference, Fault, Inventory},
};

/// Where they lie.
#[derive(Clone, Debug)]
pub struct Certificates {
    /// `NAME.pem` and `NAME.key`.
    pub directory: PathBuf,
}

/// What a certificate alone ends in, and what one with its key does.
const ALONE: &[&str] = &["pem"];
const PAIR: &[&str] = &["pem", "key"];

impl Certificates {
    /// Refuses objects that refer to what is not there, and did not before. What was there once may be gone since: that keeps
    /// nobody from changing something else, and is found by who reads it.
    pub(crate) fn check_changed(&self, difference: &Difference, before: &Inventory) -> Result<(), Fault> {
        for object in &difference.put {
            let known = before.find(object.head().id);
            let known = known.as_ref().map(references).unwrap_or_default();
            for reference in references(object) {
                if !known.iter().any(|known| known.is_same(&reference)) {
                    self.check(&reference)
                        .map_err(|fault| fault.at(reference.field))?;
                }
            }
        }
        Ok(())
    }

    fn check(&self, Reference { name, endings, .. }: &Reference<'_>) -> Result<(), Fault> {
        for ending in *endings {
            if !self.file(name, ending)?.is_file() {
                return Err(self.missing(name));
            }
        }
        Ok(())
    }

    /// Where the certificate of a reference lies, by itself.
    pub(super) fn alone(&self, reference: &str) -> Result<PathBuf, Fault> {
        self.file(reference, "pem")
    }

    /// Where it lies with its key.
    pub(super) fn pair(&self, reference: &str) -> Result<CertificateFiles, Fault> {
        Ok(CertificateFiles {
            certificate: self.file(reference, "pem")?,
            key: self.file(reference, "key")?,
        })
    }

    fn file(&self, reference: &str, ending: &str) -> Result<PathBuf, Fault> {
        // Clients know certificates by URLs; what matters is how they end.
        let name = reference
            .trim_end_matches('/')
            .rsplit('/')
            .next()
            .unwrap_or_default();
        let is_fine = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        if name.is_empty() || name.starts_with('.') || !name.bytes().all(is_fine) {
            return Err(self.missing(reference));
        }
        Ok(self.directory.join(format!("{name}.{ending}")))
    }

    fn missing(&self, reference: &str) -> Fault {
        Fault::new(
            400,
            format!(
                "Could not retrieve certificate: ['{reference}']. It is to be in {} as NAME.pem and NAME.key, and is \
                 referred to by that name",
                self.directory.display()
            ),
        )
    }
}

/// What an object refers to.
struct Reference<'o> {
    field: &'static str,
    name: &'o String,
    /// What of it has to be there.
    endings: &'static [&'static str],
}

impl Reference<'_> {
    /// Whether the same is wanted, wherever it is referred to.
    fn is_same(&self, other: &Self) -> bool {
        (self.name, self.endings) == (other.name, other.endings)
    }
}

fn references(object: &Any) -> Vec<Reference<'_>> {
    let of = |field, endings| move |name| Reference { field, name, endings };
    match object {
        Any::Listener(listener) => {
            let default = listener.default_tls_container_ref.iter();
            let others = listener.sni_container_refs.iter();
            let clients = listener.client_ca_tls_container_ref.iter();
            default
                .map(of("default_tls_container_ref", PAIR))
                .chain(others.map(of("sni_container_refs", PAIR)))
                .chain(clients.map(of("client_ca_tls_container_ref", ALONE)))
                .collect()
        }
        Any::Pool(pool) => {
            let members = pool.ca_tls_container_ref.iter();
            members.map(of("ca_tls_container_ref", ALONE)).collect()
        }
        _ => Vec::new(),
    }
}

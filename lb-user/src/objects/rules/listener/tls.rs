//! The TLS of listeners.

use super::super::{Fault, not_offered};
use crate::objects::{ClientAuthentication, Listener, ListenerProtocol, encryption};

/// The fields that complaints are mostly about.
const CERTIFICATE: &str = "default_tls_container_ref";
const AUTHORITIES: &str = "client_ca_tls_container_ref";
const REVOKED: &str = "client_crl_container_ref";
const MAX_AGE: &str = "hsts_max_age";

impl Listener {
    fn has_certificate(&self) -> bool {
        self.default_tls_container_ref.is_some() || !self.sni_container_refs.is_empty()
    }

    /// What the certificates have to do with each other. The service lets a change take them all away, and then has a
    /// listener that cannot serve; here they stay.
    pub(super) fn check_tls(&self, before: Option<&Self>) -> Result<(), Fault> {
        if self.protocol == ListenerProtocol::Udp && self.has_certificate() {
            return Err(Fault::invalid(match before {
                None => "UDP protocol listener does not support TLS.",
                Some(_) => "UDP protocol listener does not support TLS or header insertion.",
            })
            .at(CERTIFICATE));
        }
        let is_terminated = self.protocol == ListenerProtocol::TerminatedHttps;
        if self.has_certificate() && !is_terminated {
            return Err(Fault::invalid(format!(
                "Certificate container references are not allowed on {} protocol listeners.",
                self.protocol
            ))
            .at(CERTIFICATE));
        }
        if self.client_ca_tls_container_ref.is_some() && !self.has_certificate() {
            return Err(Fault::invalid(
                "An SNI or default certificate container reference must be provided with a client CA container \
                 reference.",
            )
            .at(CERTIFICATE));
        }
        if is_terminated && !self.has_certificate() {
            return Err(Fault::invalid(
                "An SNI or default certificate container reference must be provided for TERMINATED_HTTPS protocol \
                 listeners.",
            )
            .at(CERTIFICATE));
        }
        let authentication = self.client_authentication;
        if authentication != ClientAuthentication::None && self.client_ca_tls_container_ref.is_none() {
            return Err(Fault::invalid(format!(
                "Client authentication setting {authentication} requires a client CA container reference."
            ))
            .at(AUTHORITIES));
        }
        if self.client_crl_container_ref.is_none() {
            return Ok(());
        }
        if self.client_ca_tls_container_ref.is_none() {
            return Err(Fault::invalid(
                "A client authentication CA reference is required to specify a client authentication revocation list.",
            )
            .at(AUTHORITIES));
        }
        Err(not_offered(REVOKED, "leave it out").at(REVOKED))
    }

    /// How TLS is spoken. A listener that speaks none says nothing of it, whatever it has been told.
    pub(super) fn check_encryption(&mut self) -> Result<(), Fault> {
        encryption::check(
            self.tls_ciphers.as_deref(),
            self.tls_versions.as_deref(),
            self.alpn_protocols.as_deref(),
        )?;
        if self.protocol != ListenerProtocol::TerminatedHttps {
            return Ok(());
        }
        encryption::check_ciphers(self.tls_ciphers.as_deref())?;
        encryption::fill(&mut self.tls_ciphers, &mut self.tls_versions);
        self.alpn_protocols.get_or_insert_with(encryption::all_protocols);
        let versions = self.tls_versions.iter().flatten();
        if versions.clone().any(|version| version == "TLSv1.3") {
            Ok(())
        } else {
            Err(not_offered("tls_versions without TLSv1.3", "add it, or leave them out").at("tls_versions"))
        }
    }

    pub(super) fn check_hsts(&self, before: Option<&Self>) -> Result<(), Fault> {
        if self.hsts_max_age.is_none() {
            if !self.hsts_include_subdomains && !self.hsts_preload {
                return Ok(());
            }
            return Err(Fault::invalid(match before {
                None => {
                    "HSTS configuration options hsts_include_subdomains and hsts_preload only make sense if hsts_max_age \
                     is set as well."
                }
                Some(_) => {
                    "Cannot enable hsts_include_subdomains or hsts_preload if hsts_max_age was not set as well."
                }
            })
            .at(MAX_AGE));
        }
        if self.protocol != ListenerProtocol::TerminatedHttps {
            return Err(Fault::invalid(
                "The HSTS feature can only be used for listeners using the TERMINATED_HTTPS protocol.",
            )
            .at(MAX_AGE));
        }
        Err(not_offered(MAX_AGE, "have members send the header Strict-Transport-Security").at(MAX_AGE))
    }
}

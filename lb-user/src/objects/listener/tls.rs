//! The TLS of listeners.

use super::Listener;
use crate::objects::{
    encryption,
    form::{Form, When},
    kind::{Boolean, Integer, List, Nullable, Text, one_of},
    words::ClientAuthentication,
};

impl Listener {
    /// The fields of the TLS that ends here.
    pub(super) fn form_of_tls(&mut self, form: &mut impl Form) {
        let reference = Nullable(Text::SHORT);
        form.field(
            "default_tls_container_ref",
            When::OPEN,
            &mut self.default_tls_container_ref,
            &None,
            &reference,
        );
        let references = List {
            of: Text::SHORT,
            most: 256,
        };
        form.field(
            "sni_container_refs",
            When::OPEN,
            &mut self.sni_container_refs,
            &Vec::new(),
            &references,
        );
        self.sni_container_refs.sort_unstable();
        self.sni_container_refs.dedup();
        form.field(
            "client_ca_tls_container_ref",
            When::OPEN,
            &mut self.client_ca_tls_container_ref,
            &None,
            &reference,
        );
        form.field(
            "client_authentication",
            When::OPEN,
            &mut self.client_authentication,
            &ClientAuthentication::None,
            &one_of(),
        );
        form.field(
            "client_crl_container_ref",
            When::OPEN,
            &mut self.client_crl_container_ref,
            &None,
            &reference,
        );
        encryption::form(
            form,
            &mut self.tls_ciphers,
            &mut self.tls_versions,
            &mut self.alpn_protocols,
        );
        let seconds = Nullable(Integer {
            low: 0,
            high: i32::MAX as u32,
        });
        form.field(
            "hsts_max_age",
            When::OPEN,
            &mut self.hsts_max_age,
            &None,
            &seconds,
        );
        form.field(
            "hsts_include_subdomains",
            When::OPEN,
            &mut self.hsts_include_subdomains,
            &false,
            &Boolean,
        );
        form.field(
            "hsts_preload",
            When::OPEN,
            &mut self.hsts_preload,
            &false,
            &Boolean,
        );
    }
}

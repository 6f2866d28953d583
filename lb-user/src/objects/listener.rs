//! Listeners.

mod tls;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};
use uuid::Uuid;

use super::{
    form::{Form, When},
    head::{Described, Head, NoTags},
    inventory::{Inventory, Object, id_of, ids},
    kind::{Dictionary, Id, Integer, List, Network, Nullable, Reference, one_of},
    member::PORT,
    words::{ClientAuthentication, ListenerProtocol},
};

/// No limit of connections.
pub(super) const UNLIMITED: i64 = -1;

/// Milliseconds. What is longer than a day is served as one.
const TIMEOUT: Integer<u32> = Integer {
    low: 0,
    high: 2_073_600_000,
};

/// A port of a load balancer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listener {
    /// What all objects have.
    pub head: Head,
    /// Whose it is.
    pub load_balancer_id: Uuid,
    /// What it speaks.
    pub protocol: ListenerProtocol,
    /// Where it listens.
    pub protocol_port: u16,
    /// Where its clients go, unless a policy says otherwise.
    pub default_pool_id: Option<Uuid>,
    /// How many connections at a time; [`UNLIMITED`].
    pub connection_limit: i64,
    /// Headers that members get.
    pub insert_headers: BTreeMap<String, String>,
    /// How long a silent client is waited for, in ms.
    pub timeout_client_data: u32,
    /// How long a connection to a member may take, in ms.
    pub timeout_member_connect: u32,
    /// How long a silent member is waited for, in ms.
    pub timeout_member_data: u32,
    /// Kept for clients, without meaning here.
    pub timeout_tcp_inspect: u32,
    /// The certificate.
    pub default_tls_container_ref: Option<String>,
    /// Certificates for other names.
    pub sni_container_refs: Vec<String>,
    /// The authorities that clients' certificates have to be of.
    pub client_ca_tls_container_ref: Option<String>,
    /// Whether clients have to show one.
    pub client_authentication: ClientAuthentication,
    /// Certificates of theirs that do not count any more.
    pub client_crl_container_ref: Option<String>,
    /// Who may come; all, where it is empty.
    pub allowed_cidrs: Vec<String>,
    /// How it is encrypted.
    pub tls_ciphers: Option<String>,
    /// The versions that are spoken.
    pub tls_versions: Option<Vec<String>>,
    /// The protocols that are offered.
    pub alpn_protocols: Option<Vec<String>>,
    /// How long browsers are to keep to TLS, in seconds.
    pub hsts_max_age: Option<u32>,
    /// Whether that holds for subdomains.
    pub hsts_include_subdomains: bool,
    /// Whether it may be built into browsers.
    pub hsts_preload: bool,
}

impl Object for Listener {
    const SINGULAR: &'static str = "listener";
    const PLURAL: &'static str = "listeners";
    const LINKS: &'static str = "listeners_links";
    const TITLE: &'static str = "Listener";
    const ARGUMENT: &'static str = "listener_.listener";
    const FIELDS: &'static [&'static str] = &[
        "id",
        "name",
        "description",
        "provisioning_status",
        "operating_status",
        "admin_state_up",
        "protocol",
        "protocol_port",
        "connection_limit",
        "default_tls_container_ref",
        "sni_container_refs",
        "project_id",
        "default_pool_id",
        "l7policies",
        "insert_headers",
        "created_at",
        "updated_at",
        "loadbalancers",
        "timeout_client_data",
        "timeout_member_connect",
        "timeout_member_data",
        "timeout_tcp_inspect",
        "tags",
        "client_ca_tls_container_ref",
        "client_authentication",
        "client_crl_container_ref",
        "allowed_cidrs",
        "tls_ciphers",
        "tls_versions",
        "alpn_protocols",
        "hsts_max_age",
        "hsts_include_subdomains",
        "hsts_preload",
        "tenant_id",
        "revision",
        "declared_in",
    ];
    const REFERENCES: &'static [&'static str] = &["loadbalancer_id"];

    fn blank(head: Head) -> Self {
        Self {
            head,
            load_balancer_id: Uuid::nil(),
            protocol: ListenerProtocol::Tcp,
            protocol_port: 0,
            default_pool_id: None,
            connection_limit: UNLIMITED,
            insert_headers: BTreeMap::new(),
            timeout_client_data: 50_000,
            timeout_member_connect: 5000,
            timeout_member_data: 50_000,
            timeout_tcp_inspect: 0,
            default_tls_container_ref: None,
            sni_container_refs: Vec::new(),
            client_ca_tls_container_ref: None,
            client_authentication: ClientAuthentication::None,
            client_crl_container_ref: None,
            allowed_cidrs: Vec::new(),
            tls_ciphers: None,
            tls_versions: None,
            alpn_protocols: None,
            hsts_max_age: None,
            hsts_include_subdomains: false,
            hsts_preload: false,
        }
    }

    fn form(&mut self, form: &mut impl Form) {
        let fresh = Self::blank(self.head.clone());
        self.head.form(form, Described::Yes, NoTags::ChangesNothing);
        form.field(
            "protocol",
            When::REQUIRED_FIXED,
            &mut self.protocol,
            &fresh.protocol,
            &one_of(),
        );
        form.field(
            "protocol_port",
            When::REQUIRED_FIXED,
            &mut self.protocol_port,
            &0,
            &PORT,
        );
        form.field(
            "loadbalancer_id",
            When::REQUIRED_FIXED,
            &mut self.load_balancer_id,
            &Uuid::nil(),
            &Reference("Load Balancer"),
        );
        form.field(
            "default_pool_id",
            When::OPEN,
            &mut self.default_pool_id,
            &None,
            &Nullable(Id),
        );
        let limit = Integer {
            low: UNLIMITED,
            high: i64::from(i32::MAX),
        };
        form.field(
            "connection_limit",
            When::OPEN,
            &mut self.connection_limit,
            &UNLIMITED,
            &limit,
        );
        form.field(
            "insert_headers",
            When::OPEN,
            &mut self.insert_headers,
            &fresh.insert_headers,
            &Dictionary,
        );
        for (name, value, fresh) in [
            (
                "timeout_client_data",
                &mut self.timeout_client_data,
                fresh.timeout_client_data,
            ),
            (
                "timeout_member_connect",
                &mut self.timeout_member_connect,
                fresh.timeout_member_connect,
            ),
            (
                "timeout_member_data",
                &mut self.timeout_member_data,
                fresh.timeout_member_data,
            ),
            (
                "timeout_tcp_inspect",
                &mut self.timeout_tcp_inspect,
                fresh.timeout_tcp_inspect,
            ),
        ] {
            form.field(name, When::OPEN, value, &fresh, &TIMEOUT);
        }
        self.form_of_tls(form);
        let networks = List {
            of: Network,
            most: 256,
        };
        form.field(
            "allowed_cidrs",
            When::OPEN,
            &mut self.allowed_cidrs,
            &Vec::new(),
            &networks,
        );
        self.allowed_cidrs.sort_unstable();
        self.allowed_cidrs.dedup();
    }

    fn value(&self, field: &str, inventory: &Inventory) -> Json {
        let id = self.head.id;
        match field {
            "protocol" => json!(self.protocol),
            "protocol_port" => json!(self.protocol_port),
            "connection_limit" => json!(self.connection_limit),
            "default_tls_container_ref" => json!(self.default_tls_container_ref),
            "sni_container_refs" => json!(self.sni_container_refs),
            "default_pool_id" => json!(self.default_pool_id),
            "l7policies" => ids(inventory.policies_of(id)),
            "insert_headers" => json!(self.insert_headers),
            "loadbalancers" => json!([id_of(self.load_balancer_id)]),
            "loadbalancer_id" => json!(self.load_balancer_id),
            "timeout_client_data" => json!(self.timeout_client_data),
            "timeout_member_connect" => json!(self.timeout_member_connect),
            "timeout_member_data" => json!(self.timeout_member_data),
            "timeout_tcp_inspect" => json!(self.timeout_tcp_inspect),
            "client_ca_tls_container_ref" => json!(self.client_ca_tls_container_ref),
            "client_authentication" => json!(self.client_authentication),
            "client_crl_container_ref" => json!(self.client_crl_container_ref),
            "allowed_cidrs" if self.allowed_cidrs.is_empty() => Json::Null,
            "allowed_cidrs" => json!(self.allowed_cidrs),
            "tls_ciphers" => json!(self.tls_ciphers),
            "tls_versions" => json!(self.tls_versions),
            "alpn_protocols" => json!(self.alpn_protocols),
            "hsts_max_age" => json!(self.hsts_max_age),
            "hsts_include_subdomains" => json!(self.hsts_include_subdomains),
            "hsts_preload" => json!(self.hsts_preload),
            "operating_status" => json!(inventory.operating_of_listener(self)),
            _ => Json::Null,
        }
    }

    fn parents(&self) -> Vec<Uuid> {
        vec![self.load_balancer_id]
    }
}

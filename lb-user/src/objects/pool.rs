//! Pools, and their session persistence.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json, json};
use uuid::Uuid;

use super::{
    encryption,
    fault::Fault,
    form::{Form, Kind, When},
    head::{Described, Head, NoTags},
    inventory::{Inventory, Object, id_of, ids},
    kind::{ADDRESS, Boolean, Id, Integer, Nullable, Ruled, Text, one_of, written},
    read::{Purpose, Reader},
    words::{Algorithm, PoolProtocol},
};
use crate::model::PersistenceType;

/// Members, and how clients are spread over them and kept there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pool {
    /// What all objects have.
    pub head: Head,
    /// The load balancers that it belongs to: one, of the API; of a file also none or several.
    pub load_balancers: Vec<Uuid>,
    /// What its members are spoken to in.
    pub protocol: PoolProtocol,
    /// How a member is chosen.
    pub lb_algorithm: Algorithm,
    /// Which clients stay where they are.
    pub session_persistence: Option<SessionPersistence>,
    /// Whether members are spoken to over TLS.
    pub tls_enabled: bool,
    /// The certificate that is shown to them.
    pub tls_container_ref: Option<String>,
    /// The authorities that theirs have to be of.
    pub ca_tls_container_ref: Option<String>,
    /// Certificates of theirs that do not count any more.
    pub crl_container_ref: Option<String>,
    /// How it is encrypted.
    pub tls_ciphers: Option<String>,
    /// The versions that are spoken.
    pub tls_versions: Option<Vec<String>>,
    /// The protocols that are offered.
    pub alpn_protocols: Option<Vec<String>>,
    /// Where a request that makes it says that it belongs.
    #[serde(skip)]
    pub place: Place,
}

/// Where a pool is to belong: one of both.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// To this load balancer.
    pub loadbalancer_id: Option<Uuid>,
    /// To that of this listener, whose own pool it becomes.
    pub listener_id: Option<Uuid>,
}

/// Which clients stay with their member, and for how long.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionPersistence {
    /// What a session is recognised by.
    #[serde(rename = "type")]
    pub kind: PersistenceType,
    /// The name of the application's cookie.
    pub cookie_name: Option<String>,
    /// In seconds, from the last request or packet.
    pub persistence_timeout: Option<u32>,
    /// In seconds, from its beginning; none: it may last for ever.
    pub absolute_timeout: Option<u32>,
    /// A netmask: all clients in one such network are one client.
    pub persistence_granularity: Option<IpAddr>,
}

impl SessionPersistence {
    /// The fields that people give.
    pub fn form(&mut self, form: &mut impl Form) {
        form.field(
            "type",
            When::REQUIRED,
            &mut self.kind,
            &PersistenceType::SourceIp,
            &one_of(),
        );
        let name = Nullable(Ruled(cookie_name));
        form.field("cookie_name", When::OPEN, &mut self.cookie_name, &None, &name);
        // What it may be depends on the pool.
        let seconds = Nullable(Integer {
            low: 0,
            high: i32::MAX as u32,
        });
        form.field(
            "persistence_timeout",
            When::OPEN,
            &mut self.persistence_timeout,
            &None,
            &seconds,
        );
        form.field(
            "absolute_timeout",
            When::OPEN,
            &mut self.absolute_timeout,
            &None,
            &seconds,
        );
        let mask = Nullable(ADDRESS);
        form.field(
            "persistence_granularity",
            When::OPEN,
            &mut self.persistence_granularity,
            &None,
            &mask,
        );
    }

    /// One of which nothing has been said.
    #[must_use]
    pub fn blank() -> Self {
        Self {
            kind: PersistenceType::SourceIp,
            cookie_name: None,
            persistence_timeout: None,
            absolute_timeout: None,
            persistence_granularity: None,
        }
    }

    fn to_json(&self) -> Json {
        json!({
            "type": self.kind,
            "cookie_name": self.cookie_name,
            "persistence_timeout": self.persistence_timeout,
            "persistence_granularity": self.persistence_granularity,
            // The service does not have it.
            "absolute_timeout": self.absolute_timeout,
        })
    }
}

fn cookie_name(name: &str) -> Result<(), String> {
    let is_fine = |c: char| !c.is_whitespace() && !",;\\".contains(c);
    if !name.is_empty() && name.chars().all(is_fine) {
        Ok(())
    } else {
        Err(r"Value should match the pattern ^[^\s,;\\]+$".into())
    }
}

/// What a request says of session persistence; where it says nothing of the type, that of before stays.
struct Persisted<'b> {
    purpose: Purpose,
    before: &'b Option<SessionPersistence>,
}

impl Persisted<'_> {
    fn parse(&self, body: &Map<String, Json>) -> Result<SessionPersistence, Fault> {
        // What is not said is not kept, but for the type.
        let mut persistence = SessionPersistence::blank();
        let purpose = match self.before {
            Some(SessionPersistence { kind, .. }) => {
                persistence.kind = *kind;
                Purpose::Update
            }
            None if self.purpose == Purpose::Update && !body.contains_key("type") => {
                return Err(Fault::invalid("Invalid session_persistence provided.").at("type"));
            }
            None => Purpose::Create,
        };
        let mut reader = Reader::new("pool_.pool.session_persistence", purpose, body);
        persistence.form(&mut reader);
        reader.finish()?;
        Ok(persistence)
    }
}

impl Kind<Option<SessionPersistence>> for Persisted<'_> {
    fn read(&self, given: &Json) -> Result<Option<SessionPersistence>, String> {
        let Json::Object(body) = given else {
            return Err("Value should be an object, such as {\"type\": \"SOURCE_IP\"}".into());
        };
        self.parse(body).map(Some).map_err(|Fault { text, .. }| text)
    }

    fn schema(&self) -> Json {
        json!({"$ref": "#/components/schemas/session_persistence_create"})
    }

    fn schema_of_update(&self) -> Json {
        json!({"$ref": "#/components/schemas/session_persistence_update"})
    }

    fn fault(&self, field: &str, given: &Json, complaint: String) -> Fault {
        // What is wrong inside names the field there.
        let inside = given.as_object().and_then(|body| self.parse(body).err());
        inside.map_or_else(
            || Fault::of_field(field, &written(given), &complaint),
            |fault| fault.within(field),
        )
    }
}

impl Object for Pool {
    const SINGULAR: &'static str = "pool";
    const PLURAL: &'static str = "pools";
    const LINKS: &'static str = "pools_links";
    const TITLE: &'static str = "Pool";
    const ARGUMENT: &'static str = "pool_.pool";
    const FIELDS: &'static [&'static str] = &[
        "id",
        "name",
        "description",
        "provisioning_status",
        "operating_status",
        "admin_state_up",
        "protocol",
        "lb_algorithm",
        "session_persistence",
        "project_id",
        "loadbalancers",
        "listeners",
        "created_at",
        "updated_at",
        "healthmonitor_id",
        "members",
        "tags",
        "tls_container_ref",
        "ca_tls_container_ref",
        "crl_container_ref",
        "tls_enabled",
        "tls_ciphers",
        "tls_versions",
        "alpn_protocols",
        "tenant_id",
        "revision",
        "declared_in",
    ];
    const REFERENCES: &'static [&'static str] = &["loadbalancer_id"];

    fn blank(head: Head) -> Self {
        Self {
            head,
            load_balancers: Vec::new(),
            protocol: PoolProtocol::Tcp,
            lb_algorithm: Algorithm::RoundRobin,
            session_persistence: None,
            tls_enabled: false,
            tls_container_ref: None,
            ca_tls_container_ref: None,
            crl_container_ref: None,
            tls_ciphers: None,
            tls_versions: None,
            alpn_protocols: None,
            place: Place::default(),
        }
    }

    fn form(&mut self, form: &mut impl Form) {
        self.head.form(form, Described::Yes, NoTags::ChangesNothing);
        form.field(
            "protocol",
            When::REQUIRED_FIXED,
            &mut self.protocol,
            &PoolProtocol::Tcp,
            &one_of(),
        );
        let algorithm = &one_of();
        form.field(
            "lb_algorithm",
            When::REQUIRED,
            &mut self.lb_algorithm,
            &Algorithm::RoundRobin,
            algorithm,
        );
        let Place {
            loadbalancer_id,
            listener_id,
        } = &mut self.place;
        form.field(
            "loadbalancer_id",
            When::FIXED,
            loadbalancer_id,
            &None,
            &Nullable(Id),
        );
        form.field("listener_id", When::FIXED, listener_id, &None, &Nullable(Id));
        let before = self.session_persistence.clone();
        let persisted = Persisted {
            // One that is being made has no place yet.
            purpose: if self.load_balancers.is_empty() {
                Purpose::Create
            } else {
                Purpose::Update
            },
            before: &before,
        };
        form.field(
            "session_persistence",
            When::OPEN,
            &mut self.session_persistence,
            &None,
            &persisted,
        );
        form.field("tls_enabled", When::OPEN, &mut self.tls_enabled, &false, &Boolean);
        let reference = Nullable(Text::SHORT);
        form.field(
            "tls_container_ref",
            When::OPEN,
            &mut self.tls_container_ref,
            &None,
            &reference,
        );
        form.field(
            "ca_tls_container_ref",
            When::OPEN,
            &mut self.ca_tls_container_ref,
            &None,
            &reference,
        );
        form.field(
            "crl_container_ref",
            When::OPEN,
            &mut self.crl_container_ref,
            &None,
            &reference,
        );
        encryption::form(
            form,
            &mut self.tls_ciphers,
            &mut self.tls_versions,
            &mut self.alpn_protocols,
        );
    }

    fn value(&self, field: &str, inventory: &Inventory) -> Json {
        let id = self.head.id;
        match field {
            "protocol" => json!(self.protocol),
            "lb_algorithm" => json!(self.lb_algorithm),
            "session_persistence" => self
                .session_persistence
                .as_ref()
                .map_or(Json::Null, SessionPersistence::to_json),
            "loadbalancers" => self.load_balancers.iter().map(|id| id_of(*id)).collect(),
            "loadbalancer_id" => json!(self.load_balancers.first()),
            "listeners" => ids(inventory.users_of(self)),
            "healthmonitor_id" => json!(inventory.monitor_of(id).map(|monitor| monitor.head.id)),
            "members" => ids(inventory.members.of(id)),
            "tls_enabled" => json!(self.tls_enabled),
            "tls_container_ref" => json!(self.tls_container_ref),
            "ca_tls_container_ref" => json!(self.ca_tls_container_ref),
            "crl_container_ref" => json!(self.crl_container_ref),
            "tls_ciphers" => json!(self.tls_ciphers),
            "tls_versions" => json!(self.tls_versions),
            "alpn_protocols" => json!(self.alpn_protocols),
            "operating_status" => json!(inventory.operating_of_pool(self)),
            _ => Json::Null,
        }
    }

    fn parents(&self) -> Vec<Uuid> {
        self.load_balancers.clone()
    }
}

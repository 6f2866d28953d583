//! Members.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};
use uuid::Uuid;

use super::{
    form::{Form, When},
    head::{Described, Head, NoTags},
    inventory::{Inventory, Object},
    kind::{ADDRESS, Boolean, Id, Integer, Nullable},
};

pub(crate) const PORT: Integer<u16> = Integer {
    low: 1,
    high: u16::MAX,
};

pub(crate) const WEIGHT: Integer<u16> = Integer { low: 0, high: 256 };

/// A backend server, as one pool sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// What all objects have.
    pub head: Head,
    /// Whose member it is.
    pub pool_id: Uuid,
    /// Where it is; none only while a request is read.
    pub address: Option<IpAddr>,
    /// Where it listens.
    pub protocol_port: u16,
    /// Its share of new clients; 0 drains it.
    pub weight: u16,
    /// Only for when all others are down: not offered.
    pub backup: bool,
    /// The subnet that it is reached through, for clients.
    pub subnet_id: Option<Uuid>,
    /// Where the monitor asks, if not at the member's own address.
    pub monitor_address: Option<IpAddr>,
    /// Where the monitor asks, if not at the member's own port.
    pub monitor_port: Option<u16>,
    /// Whether a request that makes it wants a virtual function of a network card for it.
    #[serde(skip)]
    pub wants_sriov: bool,
}

impl Object for Member {
    const SINGULAR: &'static str = "member";
    const PLURAL: &'static str = "members";
    const LINKS: &'static str = "members_links";
    const TITLE: &'static str = "Member";
    const ARGUMENT: &'static str = "member_.member";
    const FIELDS: &'static [&'static str] = &[
        "id",
        "name",
        "operating_status",
        "provisioning_status",
        "admin_state_up",
        "address",
        "protocol_port",
        "weight",
        "backup",
        "subnet_id",
        "project_id",
        "created_at",
        "updated_at",
        "monitor_address",
        "monitor_port",
        "tags",
        "vnic_type",
        "tenant_id",
        "revision",
        "declared_in",
    ];
    const REFERENCES: &'static [&'static str] = &["pool_id"];

    fn blank(head: Head) -> Self {
        Self {
            head,
            pool_id: Uuid::nil(),
            address: None,
            protocol_port: 0,
            weight: 1,
            backup: false,
            subnet_id: None,
            monitor_address: None,
            monitor_port: None,
            wants_sriov: false,
        }
    }

    fn form(&mut self, form: &mut impl Form) {
        self.head.form(form, Described::No, NoTags::ChangesNothing);
        form.field(
            "address",
            When::REQUIRED_FIXED,
            &mut self.address,
            &None,
            &Nullable(ADDRESS),
        );
        form.field(
            "protocol_port",
            When::REQUIRED_FIXED,
            &mut self.protocol_port,
            &0,
            &PORT,
        );
        form.field("weight", When::OPEN, &mut self.weight, &1, &WEIGHT);
        form.field("backup", When::OPEN, &mut self.backup, &false, &Boolean);
        form.field(
            "subnet_id",
            When::FIXED,
            &mut self.subnet_id,
            &None,
            &Nullable(Id),
        );
        let address = Nullable(ADDRESS);
        form.field(
            "monitor_address",
            When::OPEN,
            &mut self.monitor_address,
            &None,
            &address,
        );
        form.field(
            "monitor_port",
            When::OPEN,
            &mut self.monitor_port,
            &None,
            &Nullable(PORT),
        );
        form.field(
            "request_sriov",
            When::FIXED,
            &mut self.wants_sriov,
            &false,
            &Boolean,
        );
    }

    fn value(&self, field: &str, inventory: &Inventory) -> Json {
        match field {
            "address" => json!(self.address),
            "protocol_port" => json!(self.protocol_port),
            "weight" => json!(self.weight),
            "backup" => json!(self.backup),
            "subnet_id" => json!(self.subnet_id),
            "monitor_address" => json!(self.monitor_address),
            "monitor_port" => json!(self.monitor_port),
            "vnic_type" => json!("normal"),
            "pool_id" => json!(self.pool_id),
            "operating_status" => json!(inventory.operating_of_member(self)),
            _ => Json::Null,
        }
    }

    fn parents(&self) -> Vec<Uuid> {
        vec![self.pool_id]
    }
}

//! Load balancers.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};
use uuid::Uuid;

use super::{
    form::{Form, Kind, When},
    head::{Described, Head, NoTags},
    inventory::{Inventory, Object, ids},
    kind::{ADDRESS, Id, List, Nullable, Text},
};
use crate::model::LbKind;

/// The provider of all load balancers: this program.
pub const PROVIDER: &str = "holdfast";

/// A virtual address, and what stands on it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoadBalancer {
    /// What all objects have.
    pub head: Head,
    /// The virtual address; none only while a request is read.
    pub vip_address: Option<IpAddr>,
    /// The subnet that it is of.
    pub vip_subnet_id: Option<Uuid>,
    /// The network that this belongs to.
    pub vip_network_id: Option<Uuid>,
    /// The port that stands for it.
    pub vip_port_id: Option<Uuid>,
    /// Kept for clients, without meaning here.
    pub vip_qos_policy_id: Option<Uuid>,
    /// What it was made by.
    pub flavor_id: Option<Uuid>,
    /// The same.
    pub availability_zone: Option<String>,
    /// What its pools may have, as the flavor said.
    pub kind: LbKind,
    /// What a request wants that is not offered.
    #[serde(skip)]
    pub unoffered: Unoffered,
    /// Who a request that makes it wants to serve it.
    #[serde(skip)]
    pub provider: Option<String>,
}

impl LoadBalancer {
    /// One of which nothing has been said.
    #[must_use]
    pub fn new(head: Head) -> Self {
        Self {
            head,
            vip_address: None,
            vip_subnet_id: None,
            vip_network_id: None,
            vip_port_id: None,
            vip_qos_policy_id: None,
            flavor_id: None,
            availability_zone: None,
            kind: LbKind::Shared,
            unoffered: Unoffered::default(),
            provider: None,
        }
    }
}

/// What a request wants of the network that this host does not offer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Unoffered {
    /// Security groups of the virtual address.
    pub vip_sg_ids: Vec<Uuid>,
    /// Further virtual addresses.
    pub additional_vips: Vec<Json>,
}

/// Anything: whatever it says, it is not offered.
struct Anything;

impl Kind<Json> for Anything {
    fn read(&self, given: &Json) -> Result<Json, String> {
        Ok(given.clone())
    }

    fn schema(&self) -> Json {
        json!({})
    }
}

impl Object for LoadBalancer {
    const SINGULAR: &'static str = "loadbalancer";
    const PLURAL: &'static str = "loadbalancers";
    const LINKS: &'static str = "loadbalancers_links";
    const TITLE: &'static str = "Load Balancer";
    const ARGUMENT: &'static str = "load_balancer.loadbalancer";
    const FIELDS: &'static [&'static str] = &[
        "id",
        "name",
        "description",
        "provisioning_status",
        "operating_status",
        "admin_state_up",
        "project_id",
        "created_at",
        "updated_at",
        "vip_address",
        "vip_port_id",
        "vip_subnet_id",
        "vip_network_id",
        "vip_sg_ids",
        "additional_vips",
        "listeners",
        "pools",
        "provider",
        "flavor_id",
        "vip_qos_policy_id",
        "tags",
        "availability_zone",
        "vip_vnic_type",
        "tenant_id",
        "revision",
        "declared_in",
        "status_reason",
    ];

    fn blank(head: Head) -> Self {
        Self::new(head)
    }

    fn form(&mut self, form: &mut impl Form) {
        self.head.form(form, Described::Yes, NoTags::ChangesNothing);
        let id = Nullable(Id);
        form.field(
            "vip_address",
            When::FIXED,
            &mut self.vip_address,
            &None,
            &Nullable(ADDRESS),
        );
        form.field("vip_subnet_id", When::FIXED, &mut self.vip_subnet_id, &None, &id);
        form.field(
            "vip_network_id",
            When::FIXED,
            &mut self.vip_network_id,
            &None,
            &id,
        );
        form.field("vip_port_id", When::FIXED, &mut self.vip_port_id, &None, &id);
        form.field(
            "vip_qos_policy_id",
            When::OPEN,
            &mut self.vip_qos_policy_id,
            &None,
            &id,
        );
        form.field(
            "vip_sg_ids",
            When::OPEN,
            &mut self.unoffered.vip_sg_ids,
            &Vec::new(),
            &List { of: Id, most: 64 },
        );
        form.field(
            "additional_vips",
            When::FIXED,
            &mut self.unoffered.additional_vips,
            &Vec::new(),
            &List {
                of: Anything,
                most: 64,
            },
        );
        form.field("flavor_id", When::FIXED, &mut self.flavor_id, &None, &id);
        form.field(
            "provider",
            When::FIXED,
            &mut self.provider,
            &None,
            &Nullable(Text { least: 0, most: 64 }),
        );
        let zone = Nullable(Text::SHORT);
        form.field(
            "availability_zone",
            When::FIXED,
            &mut self.availability_zone,
            &None,
            &zone,
        );
    }

    fn value(&self, field: &str, inventory: &Inventory) -> Json {
        let id = self.head.id;
        match field {
            "vip_address" => json!(self.vip_address),
            "vip_port_id" => json!(self.vip_port_id),
            "vip_subnet_id" => json!(self.vip_subnet_id),
            "vip_network_id" => json!(self.vip_network_id),
            "vip_qos_policy_id" => json!(self.vip_qos_policy_id),
            "vip_vnic_type" => json!("normal"),
            "vip_sg_ids" | "additional_vips" => json!([]),
            "listeners" => ids(inventory.listeners.of(id)),
            "pools" => ids(inventory.pools.of(id)),
            "provider" => json!(PROVIDER),
            "flavor_id" => json!(self.flavor_id),
            "availability_zone" => json!(self.availability_zone),
            "operating_status" => json!(inventory.operating_of_load_balancer(self)),
            "status_reason" => json!(inventory.reason(id)),
            _ => Json::Null,
        }
    }

    fn parents(&self) -> Vec<Uuid> {
        Vec::new()
    }
}

//! What is told of changes to those who listen: programs, which hear of each step (people read the `log`).

use std::collections::BTreeMap;

use serde::Serialize;
use uuid::Uuid;

use crate::{
    model::OperatingStatus,
    objects::{Any, Inventory, ProvisioningStatus},
    store::Kind,
};

/// How an object is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Statuses {
    /// How far what was asked for has been applied.
    pub provisioning_status: ProvisioningStatus,
    /// How it is doing, where that is said of its kind.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operating_status: Option<OperatingStatus>,
}

impl Statuses {
    pub(super) fn of(object: &Any, inventory: &Inventory) -> Self {
        Self {
            provisioning_status: inventory.provisioning(object.head().id),
            operating_status: match object {
                Any::LoadBalancer(balancer) => Some(inventory.operating_of_load_balancer(balancer)),
                Any::Listener(listener) => Some(inventory.operating_of_listener(listener)),
                Any::Pool(pool) => Some(inventory.operating_of_pool(pool)),
                Any::Member(member) => Some(inventory.operating_of_member(member)),
                _ => None,
            },
        }
    }
}

/// How objects are doing, by their ids.
pub(super) type Standing = BTreeMap<Uuid, Event>;

/// How an object is doing now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// It is there.
    Changed {
        /// What kind of object it is.
        kind: Kind,
        /// Which.
        id: Uuid,
        /// What people call it.
        name: String,
        /// Whose: who may hear of it.
        project_id: String,
        /// How it is doing.
        #[serde(flatten)]
        statuses: Statuses,
    },
    /// It is gone.
    Gone {
        /// What kind of object it was.
        kind: Kind,
        /// Which.
        id: Uuid,
        /// What people called it.
        name: String,
        /// Whose: who may hear of it.
        project_id: String,
    },
}

impl Event {
    /// How the object of this id is doing, if it is there.
    #[must_use]
    pub fn of(inventory: &Inventory, id: Uuid) -> Option<Self> {
        let object = inventory.find(id)?;
        Some(Self::Changed {
            kind: object.key().kind,
            id,
            name: object.head().name.clone(),
            project_id: object.head().project_id.clone(),
            statuses: Statuses::of(&object, inventory),
        })
    }

    /// How a load balancer is doing, and all below it that is said to be doing somehow.
    pub(super) fn of_tree(inventory: &Inventory, balancer: Uuid) -> impl Iterator<Item = Self> {
        let listeners = inventory.listeners.of(balancer).map(|listener| listener.head.id);
        let pools = move || inventory.pools.of(balancer).map(|pool| pool.head.id);
        let members = pools().flat_map(|pool| inventory.members.of(pool));
        let members = members.map(|member| member.head.id);
        let all = std::iter::once(balancer)
            .chain(listeners)
            .chain(pools())
            .chain(members);
        all.filter_map(|id| Self::of(inventory, id))
    }

    /// That an object is gone.
    #[must_use]
    pub fn gone(object: &Any) -> Self {
        Self::Gone {
            kind: object.key().kind,
            id: object.head().id,
            name: object.head().name.clone(),
            project_id: object.head().project_id.clone(),
        }
    }

    /// Which object it is.
    #[must_use]
    pub fn id(&self) -> Uuid {
        match self {
            Self::Changed { id, .. } | Self::Gone { id, .. } => *id,
        }
    }

    /// How it is doing, if it is there.
    pub(super) fn statuses(&self) -> Option<Statuses> {
        match self {
            Self::Changed { statuses, .. } => Some(*statuses),
            Self::Gone { .. } => None,
        }
    }

    /// Whose the object is.
    #[must_use]
    pub fn project_id(&self) -> &str {
        match self {
            Self::Changed { project_id, .. } | Self::Gone { project_id, .. } => project_id,
        }
    }
}

//! All objects, as they are now: what requests are answered from.

use std::{
    collections::{HashMap, HashSet, hash_map},
    net::IpAddr,
    sync::Arc,
};

use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value as Json, json};
use uuid::Uuid;

use super::{
    Head, HealthMonitor, L7Policy, L7Rule, Listener, LoadBalancer, Member, Pool,
    administration::{AvailabilityZone, AvailabilityZoneProfile, Flavor, FlavorProfile, Quota},
    form::Form,
    words::ProvisioningStatus,
};
use crate::{
    model::{DataPlane, Subnet},
    store,
};

/// What is the same for all kinds of objects but for names: see `tables!`.
pub trait Tabled: Sized {
    /// What the store calls it.
    const KIND: store::Kind;

    /// What all objects have.
    fn head(&self) -> &Head;

    /// The same.
    fn head_mut(&mut self) -> &mut Head;

    /// Where such objects are.
    fn table(inventory: &Inventory) -> &Table<Self>;

    /// The same.
    fn table_mut(inventory: &mut Inventory) -> &mut Table<Self>;
}

/// A kind of objects.
pub trait Object: Tabled + Clone + PartialEq + Serialize + DeserializeOwned + Send + Sync + 'static {
    /// What one is called in a body.
    const SINGULAR: &'static str;
    /// What several are called in a path and in a body.
    const PLURAL: &'static str;
    /// What the links to further ones are called in a body.
    const LINKS: &'static str;
    /// What messages call one.
    const TITLE: &'static str;
    /// What messages call the body of one.
    const ARGUMENT: &'static str;
    /// What is shown of one, in this order.
    const FIELDS: &'static [&'static str];
    /// What lists can be filtered by beside what is shown.
    const REFERENCES: &'static [&'static str] = &[];
    /// What messages call the body that changes one.
    const ARGUMENT_OF_UPDATE: &'static str = Self::ARGUMENT;

    /// One of which nothing has been said.
    fn blank(head: Head) -> Self;

    /// Goes through the fields that people give.
    fn form(&mut self, form: &mut impl Form);

    /// What is shown of a field that is not one of the head's.
    fn value(&self, field: &str, inventory: &Inventory) -> Json;

    /// What it belongs to.
    fn parents(&self) -> Vec<Uuid>;

    /// What is shown of a field.
    fn shown(&self, field: &str, inventory: &Inventory) -> Json {
        match field {
            "provisioning_status" => json!(inventory.provisioning(self.head().id)),
            _ => self
                .head()
                .value(field)
                .unwrap_or_else(|| self.value(field, inventory)),
        }
    }
}

/// The objects of a kind.
#[derive(Clone, Debug)]
pub struct Table<T> {
    by_id: HashMap<Uuid, Arc<T>>,
    /// In the order in which they were made. Whoever sums up a tree goes through these without looking each up.
    by_parent: HashMap<Uuid, Vec<Arc<T>>>,
}

impl<T> Default for Table<T> {
    fn default() -> Self {
        Self {
            by_id: HashMap::new(),
            by_parent: HashMap::new(),
        }
    }
}

impl<T: Object> Table<T> {
    /// The one of this id.
    pub fn get(&self, id: Uuid) -> Option<&Arc<T>> {
        self.by_id.get(&id)
    }

    /// All of them, in no order.
    #[allow(clippy::iter_without_into_iter)] // A loop over a table reads better with it.
    pub fn iter(&self) -> hash_map::Values<'_, Uuid, Arc<T>> {
        self.by_id.values()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.by_id.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.by_id.is_empty()
    }

    /// Those that belong to an object, in the order in which they were made.
    pub fn of(&self, parent: Uuid) -> impl Iterator<Item = &Arc<T>> {
        self.by_parent.get(&parent).into_iter().flatten()
    }

    /// Puts one in, in place of that of the same id.
    pub fn put(&mut self, object: Arc<T>) {
        self.take(object.head().id);
        for parent in object.parents() {
            let children = self.by_parent.entry(parent).or_default();
            let place = place(children, object.head()).unwrap_or_else(|place| place);
            children.insert(place, Arc::clone(&object));
        }
        self.by_id.insert(object.head().id, object);
    }

    /// Takes one out.
    pub fn take(&mut self, id: Uuid) -> Option<Arc<T>> {
        let taken = self.by_id.remove(&id)?;
        for parent in taken.parents() {
            let Some(children) = self.by_parent.get_mut(&parent) else {
                continue;
            };
            if let Ok(place) = place(children, taken.head()) {
                children.remove(place);
            }
            if children.is_empty() {
                self.by_parent.remove(&parent);
            }
        }
        Some(taken)
    }
}

/// Where an object is among these, or has to be put.
fn place<T: Object>(children: &[Arc<T>], head: &Head) -> Result<usize, usize> {
    let order = |head: &Head| (head.created_at, head.id);
    children.binary_search_by_key(&order(head), |child| order(child.head()))
}

/// What has not come to its end, or not to a good one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unsettled {
    /// How far it is.
    pub status: ProvisioningStatus,
    /// Why the data plane refused it.
    pub reason: Option<String>,
}

/// Who asks for a change.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Asker {
    /// Who has the host too, or may do as if.
    Administrator,
    /// Anybody else: what is inside the host is none of theirs.
    #[default]
    Tenant,
}

/// All objects, and how they are doing.
#[derive(Clone, Debug, Default)]
pub struct Inventory {
    /// Load balancers.
    pub load_balancers: Table<LoadBalancer>,
    /// Listeners, by their load balancers.
    pub listeners: Table<Listener>,
    /// Pools, by their load balancers.
    pub pools: Table<Pool>,
    /// Members, by their pools.
    pub members: Table<Member>,
    /// Health monitors, by their pools.
    pub health_monitors: Table<HealthMonitor>,
    /// Policies, by their listeners.
    pub l7policies: Table<L7Policy>,
    /// Rules, by their policies.
    pub l7rules: Table<L7Rule>,
    /// Flavors.
    pub flavors: Table<Flavor>,
    /// What they offer.
    pub flavor_profiles: Table<FlavorProfile>,
    /// Availability zones.
    pub availability_zones: Table<AvailabilityZone>,
    /// What they offer.
    pub availability_zone_profiles: Table<AvailabilityZoneProfile>,
    /// How much projects may have.
    pub quotas: Table<Quota>,
    /// What virtual addresses are of.
    pub subnets: Arc<[Subnet]>,
    /// Where the API itself is reached.
    pub own_addresses: Arc<[IpAddr]>,
    /// Whether there is a datapath, which answers at all ports of virtual addresses.
    pub has_layer_4: bool,
    /// Who changes them.
    pub(super) asker: Asker,
    /// What is not [`ProvisioningStatus::Active`].
    pub(super) unsettled: HashMap<Uuid, Unsettled>,
    /// The members that their monitors found down, and why.
    pub(super) down: HashMap<Uuid, String>,
    /// The members that the data plane itself found out to fail, and why: there is no way to them, or they are ejected.
    pub(super) failed: HashMap<Uuid, String>,
    /// The listeners that are not served though they are to be; and load balancers of which none is.
    pub(super) unserved: HashSet<Uuid>,
    /// What serves them.
    pub(super) plane: DataPlane,
}

impl Inventory {
    /// An empty one, of what is served so.
    #[must_use]
    pub fn on(plane: DataPlane) -> Self {
        Self {
            plane,
            ..Self::default()
        }
    }

    /// Who changes them, as rules ask: of a tree that nobody is changing, the one who may do least.
    #[must_use]
    pub fn asker(&self) -> Asker {
        self.asker
    }

    /// Says who changes them.
    pub fn set_asker(&mut self, asker: Asker) {
        self.asker = asker;
    }

    /// What they are served by.
    #[must_use]
    pub fn plane(&self) -> DataPlane {
        self.plane
    }

    /// Whether nobody is served.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.plane == DataPlane::Noop
    }

    /// How far an object is.
    #[must_use]
    pub fn provisioning(&self, id: Uuid) -> ProvisioningStatus {
        self.unsettled
            .get(&id)
            .map_or(ProvisioningStatus::Active, |unsettled| unsettled.status)
    }

    /// Why the data plane refused it.
    #[must_use]
    pub fn reason(&self, id: Uuid) -> Option<&str> {
        self.unsettled.get(&id)?.reason.as_deref()
    }

    /// Notes how far objects are.
    pub fn unsettle(&mut self, ids: impl IntoIterator<Item = Uuid>, unsettled: &Unsettled) {
        self.unsettled
            .extend(ids.into_iter().map(|id| (id, unsettled.clone())));
    }

    /// Notes that these are as they were asked to be.
    pub fn settle<'a>(&mut self, ids: impl IntoIterator<Item = &'a Uuid>) {
        for id in ids {
            self.unsettled.remove(id);
        }
    }

    /// Whether a pool has a monitor that is on.
    #[must_use]
    pub fn is_watched(&self, pool: Uuid) -> bool {
        self.monitor_of(pool)
            .is_some_and(|monitor| monitor.head.admin_state_up)
    }

    /// What those of a project are told that a load balancer is called: of another one's, not what people call it.
    #[must_use]
    pub fn called(&self, balancer: Uuid, project_id: &str) -> String {
        let known = self.load_balancers.get(balancer).map(|balancer| &balancer.head);
        match known.filter(|head| head.project_id == project_id && !head.name.is_empty()) {
            Some(head) => format!("load balancer \"{}\"", head.name),
            None => format!("load balancer {balancer}"),
        }
    }

    /// The monitor of a pool.
    #[must_use]
    pub fn monitor_of(&self, pool: Uuid) -> Option<&Arc<HealthMonitor>> {
        self.health_monitors.of(pool).next()
    }

    /// The policies of a listener, in the order in which they stand.
    #[must_use]
    pub fn policies_of(&self, listener: Uuid) -> Vec<&Arc<L7Policy>> {
        let mut policies: Vec<_> = self.l7policies.of(listener).collect();
        policies.sort_by_key(|policy| policy.position);
        policies
    }

    /// The listeners whose own pool this is.
    pub fn listeners_with<'a>(&'a self, pool: &'a Pool) -> impl Iterator<Item = &'a Arc<Listener>> {
        let listeners = pool.load_balancers.iter().flat_map(|id| self.listeners.of(*id));
        listeners.filter(|listener| listener.default_pool_id == Some(pool.head.id))
    }

    /// All listeners whose clients a pool may have: those whose own it is, and then those of policies that are on and have
    /// something to look at.
    #[must_use]
    pub fn users_of<'a>(&'a self, pool: &'a Pool) -> Vec<&'a Arc<Listener>> {
        let mut users: Vec<_> = self.listeners_with(pool).collect();
        let policies = self.policies_to(pool).filter(|policy| self.is_effective(policy));
        for policy in policies {
            let listener = self.listeners.get(policy.listener_id);
            if let Some(listener) = listener.filter(|listener| !users.contains(listener)) {
                users.push(listener);
            }
        }
        users
    }

    /// Whether there are any.
    #[must_use]
    pub fn is_used(&self, pool: &Pool) -> bool {
        self.listeners_with(pool).next().is_some()
            || self.policies_to(pool).any(|policy| self.is_effective(policy))
    }

    /// Whether a policy is on and has something to look at.
    #[must_use]
    pub fn is_effective(&self, policy: &L7Policy) -> bool {
        policy.head.admin_state_up && self.l7rules.of(policy.head.id).next().is_some()
    }

    /// The policies that lead to a pool.
    pub fn policies_to<'a>(&'a self, pool: &'a Pool) -> impl Iterator<Item = &'a Arc<L7Policy>> {
        let listeners = pool.load_balancers.iter().flat_map(|id| self.listeners.of(*id));
        let policies = listeners.flat_map(|listener| self.l7policies.of(listener.head.id));
        policies.filter(|policy| policy.redirect_pool_id == Some(pool.head.id))
    }
}

/// An object as others refer to it.
pub(super) fn id_of(id: Uuid) -> Json {
    json!({ "id": id })
}

/// Objects as others refer to them.
pub(super) fn ids<'a, T: Object>(objects: impl IntoIterator<Item = &'a Arc<T>>) -> Json {
    objects
        .into_iter()
        .map(|object| id_of(object.head().id))
        .collect()
}

//! Objects of whatever kind: what the store keeps, what a change is made of.

use std::sync::Arc;

use serde::de::Error as _;
use uuid::Uuid;

use super::{
    AvailabilityZone, AvailabilityZoneProfile, Flavor, FlavorProfile, Head, HealthMonitor, Inventory,
    L7Policy, L7Rule, Listener, LoadBalancer, Member, Object as _, Origin, Pool, Quota, Stamp, Table, Tabled,
};
use crate::store::{Key, Kind};

/// Names each table of the inventory once.
macro_rules! tables {
    ($($table:ident: $object:ident,)+) => {
        $(
            impl Tabled for $object {
                const KIND: Kind = Kind::$object;

                fn head(&self) -> &Head {
                    &self.head
                }

                fn head_mut(&mut self) -> &mut Head {
                    &mut self.head
                }

                fn table(inventory: &Inventory) -> &Table<Self> {
                    &inventory.$table
                }

                fn table_mut(inventory: &mut Inventory) -> &mut Table<Self> {
                    &mut inventory.$table
                }
            }
        )+

        /// An object of some kind.
        #[derive(Clone, Debug, PartialEq)]
        pub enum Any {
            $(
                #[allow(missing_docs)]
                $object(Arc<$object>),
            )+
        }

        impl Any {
            /// What all objects have.
            #[must_use]
            pub fn head(&self) -> &Head {
                match self {
                    $(Self::$object(object) => object.head(),)+
                }
            }

            /// The same.
            pub fn head_mut(&mut self) -> &mut Head {
                match self {
                    $(Self::$object(object) => Arc::make_mut(object).head_mut(),)+
                }
            }

            /// What the store finds it by.
            #[must_use]
            pub fn key(&self) -> Key {
                let kind = match self {
                    $(Self::$object(_) => $object::KIND,)+
                };
                Key { kind, id: self.head().id }
            }

            /// What the objects are that it belongs to.
            #[must_use]
            pub fn parents(&self) -> Vec<Uuid> {
                match self {
                    $(Self::$object(object) => object.parents(),)+
                }
            }

            /// What the store keeps of it.
            pub fn to_json(&self) -> serde_json::Result<Vec<u8>> {
                match self {
                    $(Self::$object(object) => serde_json::to_vec(object.as_ref()),)+
                }
            }

            /// What the store has kept.
            pub fn from_json(kind: Kind, json: &[u8]) -> serde_json::Result<Self> {
                $(
                    if kind == $object::KIND {
                        return serde_json::from_slice(json).map(|object| Self::$object(Arc::new(object)));
                    }
                )+
                Err(serde_json::Error::custom(format_args!("there are no objects of the kind {kind}")))
            }
        }

        impl Inventory {
            /// Puts an object in, in place of that of the same id.
            pub fn put(&mut self, object: Any) {
                match object {
                    $(Any::$object(object) => self.$table.put(object),)+
                }
            }

            /// Takes an object out, and with it what was noted of it.
            pub fn take(&mut self, key: Key) {
                self.unsettled.remove(&key.id);
                self.down.remove(&key.id);
                self.failed.remove(&key.id);
                self.unserved.remove(&key.id);
                $(
                    if key.kind == $object::KIND {
                        self.$table.take(key.id);
                    }
                )+
            }

            /// What has to be put in and taken out for this to become `after`.
            #[must_use]
            pub fn difference(&self, after: &Self) -> Difference {
                let mut difference = Difference::default();
                $(
                    for object in after.$table.iter() {
                        let before = self.$table.get(object.head().id);
                        if before.is_none_or(|before| before != object) {
                            difference.put.push(Any::$object(Arc::clone(object)));
                        }
                    }
                    for object in self.$table.iter() {
                        if after.$table.get(object.head().id).is_none() {
                            difference.taken.push(Any::$object(Arc::clone(object)));
                        }
                    }
                )+
                difference
            }

            /// The object of this id, of whatever kind.
            #[must_use]
            pub fn find(&self, id: Uuid) -> Option<Any> {
                $(
                    if let Some(object) = self.$table.get(id) {
                        return Some(Any::$object(Arc::clone(object)));
                    }
                )+
                None
            }

            /// Takes out all objects that `goes` says of.
            pub fn take_all(&mut self, goes: impl Fn(&Head) -> bool) {
                $(
                    let ids: Vec<Uuid> = self
                        .$table
                        .iter()
                        .map(|object| object.head())
                        .filter(|head| goes(head))
                        .map(|head| head.id)
                        .collect();
                    for id in ids {
                        self.$table.take(id);
                    }
                )+
            }
        }
    };
}

tables! {
    load_balancers: LoadBalancer,
    listeners: Listener,
    pools: Pool,
    members: Member,
    health_monitors: HealthMonitor,
    l7policies: L7Policy,
    l7rules: L7Rule,
    flavors: Flavor,
    flavor_profiles: FlavorProfile,
    availability_zones: AvailabilityZone,
    availability_zone_profiles: AvailabilityZoneProfile,
    quotas: Quota,
}

/// What a change does.
#[derive(Clone, Debug, Default)]
pub struct Difference {
    /// Objects that are new, or other than before.
    pub put: Vec<Any>,
    /// Objects that are gone.
    pub taken: Vec<Any>,
}

impl Difference {
    /// Whether it does nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.put.is_empty() && self.taken.is_empty()
    }

    /// Does it.
    pub fn apply(&self, inventory: &mut Inventory) {
        for object in &self.taken {
            inventory.take(object.key());
        }
        for object in &self.put {
            inventory.put(object.clone());
        }
    }
}

impl Inventory {
    /// The tree of one load balancer, by itself; empty, where there is none.
    #[must_use]
    pub fn tree(&self, balancer: Uuid) -> Self {
        let mut tree = Self::on(self.plane);
        let Some(root) = self.load_balancers.get(balancer) else {
            return tree;
        };
        tree.load_balancers.put(Arc::clone(root));
        for listener in self.listeners.of(balancer) {
            tree.listeners.put(Arc::clone(listener));
            for policy in self.l7policies.of(listener.head.id) {
                tree.l7policies.put(Arc::clone(policy));
                for rule in self.l7rules.of(policy.head.id) {
                    tree.l7rules.put(Arc::clone(rule));
                }
            }
        }
        for pool in self.pools.of(balancer) {
            tree.pools.put(Arc::clone(pool));
            for member in self.members.of(pool.head.id) {
                tree.members.put(Arc::clone(member));
            }
            for monitor in self.health_monitors.of(pool.head.id) {
                tree.health_monitors.put(Arc::clone(monitor));
            }
        }
        tree
    }

    /// What has to be put in and taken out for these to be all that a file declares. What it has declared before was made
    /// then, and is of another revision only where it is another; those of a file are counted since the daemon began.
    #[must_use]
    pub fn declared_anew(&self, objects: Vec<Any>) -> Difference {
        let mut before = self.clone();
        before.take_all(|head| !matches!(head.origin, Origin::File(_)));
        let mut after = Self::on(self.plane);
        for mut object in objects {
            if let Some(known) = before.find(object.head().id) {
                let head = object.head_mut();
                head.created_at = known.head().created_at;
                head.updated_at = known.head().updated_at;
                head.revision = known.head().revision;
                if object != known {
                    let head = object.head_mut();
                    head.updated_at = Some(Stamp::now());
                    head.revision += 1;
                }
            }
            after.put(object);
        }
        before.difference(&after)
    }

    /// The objects that nothing is served by.
    #[must_use]
    pub fn others(&self) -> Self {
        Self {
            flavors: self.flavors.clone(),
            flavor_profiles: self.flavor_profiles.clone(),
            availability_zones: self.availability_zones.clone(),
            availability_zone_profiles: self.availability_zone_profiles.clone(),
            quotas: self.quotas.clone(),
            ..Self::on(self.plane)
        }
    }

    /// Whether there is an object of this id.
    #[must_use]
    pub fn has(&self, id: Uuid) -> bool {
        self.find(id).is_some()
    }

    /// What is to be said to be under way while a change is applied, beside the objects that it makes and changes: all that
    /// they belong to, and the listeners that lead to them.
    #[must_use]
    pub fn above(&self, difference: &Difference) -> Vec<Uuid> {
        let changed = || difference.put.iter().chain(&difference.taken);
        let mut above: Vec<Uuid> = changed().flat_map(Any::parents).collect();
        for object in changed() {
            if let Any::Pool(pool) = object {
                above.extend(self.users_of(pool).iter().map(|listener| listener.head.id));
            }
        }
        let mut next = 0;
        while let Some(id) = above.get(next).copied() {
            next += 1;
            let mut further: Vec<Uuid> = Vec::new();
            if let Some(policy) = self.l7policies.get(id) {
                further.extend(policy.parents());
            } else if let Some(listener) = self.listeners.get(id) {
                further.extend(listener.parents());
            } else if let Some(pool) = self.pools.get(id) {
                further.extend(self.users_of(pool).iter().map(|listener| listener.head.id));
                further.extend(pool.parents());
            }
            further.retain(|id| !above.contains(id));
            above.extend(further);
        }
        above
    }
}

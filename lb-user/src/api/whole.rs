//! Making objects, each with those below it that the same request asks for.
//!
//! First all of the request is read, then it grows: what others refer to comes before them.

use serde_json::{Map, Value as Json};
use uuid::Uuid;

use super::{
    network,
    objects::{find, short},
    offers::{check_zone, kind_of_flavor},
    populated::Populated,
    providers::check_provider,
    quotas::Count,
};
use crate::objects::{
    Asker, Fault, Head, HealthMonitor, Inventory, L7Policy, L7Rule, Listener, LoadBalancer, Member, Object,
    POLICY, Pool, Purpose, Reader, Rules, Stamp, written,
};

/// A kind of objects that can be made together with those below them.
pub(super) trait Grows: Rules {
    /// The keys under which a body has the objects below. (The service takes them of load balancers alone, and fails at
    /// others.)
    const BELOW: &'static [&'static str] = &[];

    /// Says what it belongs to, where the path does.
    fn place(&mut self, _parent: Uuid) {}

    /// The object of a path that such objects belong to.
    fn parent(id: &str, _: &Inventory) -> Result<Uuid, Fault> {
        Err(Fault::not_found(Self::TITLE, id))
    }

    /// Lets what is below it grow, in a body that messages call so.
    fn grow(&self, _below: &Map<String, Json>, _called: &str, _tree: &mut Inventory) -> Result<(), Fault> {
        Ok(())
    }

    /// What is to be known of all others before it can be.
    fn settle(&mut self, _asker: Asker, _all: &Inventory) -> Result<(), Fault> {
        Ok(())
    }
}

/// What a request wants made.
pub(super) struct Seed<T> {
    pub(super) object: T,
    /// What it says of objects below, by their keys.
    below: Map<String, Json>,
}

/// Reads an object and notes what is to be below it.
pub(super) fn read<T: Grows>(body: &Map<String, Json>, now: Stamp, called: &str) -> Result<Seed<T>, Fault> {
    let mut object = T::blank(Head::new(Uuid::new_v4(), now));
    let mut reader = Reader::new(called, Purpose::Create, body);
    object.form(&mut reader);
    let below = T::BELOW.iter().filter_map(|key| {
        let given = reader.extra(key)?;
        (!given.is_null()).then(|| ((*key).to_owned(), given.clone()))
    });
    let below = below.collect();
    reader.finish()?;
    Ok(Seed { object, below })
}

impl<T: Grows> Seed<T> {
    /// Makes it and all below it, and gives its id.
    pub(super) fn grow(mut self, tree: &mut Inventory, all: &Inventory) -> Result<Uuid, Fault> {
        self.object.settle(tree.asker(), all)?;
        let project_id = self.object.head().project_id.clone();
        let before = Count::of(tree);
        let id = self.plant(T::ARGUMENT, tree)?;
        before.check_growth(tree, &project_id, all)?;
        Ok(id)
    }

    /// The same, whatever else there is. Messages call its body so.
    pub(super) fn plant(mut self, called: &str, tree: &mut Inventory) -> Result<Uuid, Fault> {
        self.object.admit(None, tree)?;
        let id = self.object.head().id;
        T::table_mut(tree).put(self.object.clone().into());
        self.object.grow(&self.below, called, tree)?;
        Ok(id)
    }
}

/// What an object belongs to that a request makes below another one.
struct Above<'a> {
    /// By the fields that say so.
    fields: &'a [(&'a str, Uuid)],
    /// In place of what a path says.
    parent: Option<Uuid>,
    project_id: &'a str,
}

/// What says where an object belongs: not of one that is made below another one.
pub(super) const PLACES: [&str; 5] = [
    "loadbalancer_id",
    "listener_id",
    "pool_id",
    "project_id",
    "tenant_id",
];

/// Refuses what says where an object belongs.
fn refuse_place(given: &Map<String, Json>, called: &str, places: &[&str]) -> Result<(), Fault> {
    match places.iter().find(|place| given.contains_key(**place)) {
        None => Ok(()),
        Some(place) => Err(Fault::unknown_attribute(called, place)),
    }
}

/// Makes an object below another one, of which the body, which messages call so, says all but what it belongs to.
fn below<T: Grows>(
    given: &Json,
    called: &str,
    above: &Above<'_>,
    tree: &mut Inventory,
) -> Result<Uuid, Fault> {
    let Json::Object(given) = given else {
        return Err(Fault::of_field(
            T::SINGULAR,
            &written(given),
            "Value should be an object",
        ));
    };
    refuse_place(given, called, &PLACES)?;
    let mut body = given.clone();
    for (key, id) in above.fields {
        body.insert((*key).to_owned(), id.to_string().into());
    }
    let mut seed = read::<T>(&body, Stamp::now(), called)?;
    if let Some(parent) = above.parent {
        seed.object.place(parent);
    }
    above
        .project_id
        .clone_into(&mut seed.object.head_mut().project_id);
    seed.plant(called, tree)
}

/// Makes those of a list.
fn each<T: Grows>(
    list: &[Json],
    called: &str,
    key: &str,
    above: &Above<'_>,
    tree: &mut Inventory,
) -> Result<(), Fault> {
    let called = format!("{called}.{key}");
    for (index, given) in list.iter().enumerate() {
        let made = below::<T>(given, &called, above, tree);
        made.map_err(|fault| fault.within(&format!("{key}.{index}")))?;
    }
    Ok(())
}

/// The elements of a list of objects.
pub(super) fn all<'b>(below: &'b Map<String, Json>, key: &str) -> Result<&'b [Json], Fault> {
    match below.get(key) {
        None => Ok(&[]),
        Some(Json::Array(all)) => Ok(all),
        Some(other) => Err(Fault::of_field(
            key,
            &written(other),
            &format!("Value not a valid list: {}", written(other)),
        )),
    }
}

/// The pool that a listener or a policy is to lead to: one of the same load balancer by its name, or one that is made for it.
fn pool(given: &Json, called: &str, listener: &Listener, tree: &mut Inventory) -> Result<Uuid, Fault> {
    let balancer = listener.load_balancer_id;
    let name = given.get("name").and_then(Json::as_str);
    if let Some(name) = name
        && given.as_object().is_some_and(|given| given.len() == 1)
    {
        let mut pools = tree.pools.of(balancer);
        let found = pools.find(|pool| pool.head.name == name).map(|pool| pool.head.id);
        return found.ok_or_else(|| Fault::new(400, format!("Missing details for Pool object: {name}")));
    }
    let above = Above {
        fields: &[("loadbalancer_id", balancer)],
        parent: None,
        project_id: &listener.head.project_id,
    };
    below::<Pool>(given, called, &above, tree)
}

impl Grows for LoadBalancer {
    const BELOW: &'static [&'static str] = &["pools", "listeners"];

    fn settle(&mut self, asker: Asker, all: &Inventory) -> Result<(), Fault> {
        if let Some(flavor) = self.flavor_id {
            self.kind = kind_of_flavor(flavor, all)?;
        }
        if let Some(zone) = &self.availability_zone {
            check_zone(zone, all)?;
        }
        if let Some(provider) = self.provider.take() {
            check_provider(&provider)?;
        }
        network::place(self, asker, all)
    }

    fn grow(&self, below: &Map<String, Json>, called: &str, tree: &mut Inventory) -> Result<(), Fault> {
        let above = Above {
            fields: &[("loadbalancer_id", self.head.id)],
            parent: None,
            project_id: &self.head.project_id,
        };
        let Populated { pools, listeners } = Populated::of(below)?;
        let called_pools = format!("{called}.pools");
        for (field, given) in &pools {
            self::below::<Pool>(given, &called_pools, &above, tree).map_err(|fault| fault.within(field))?;
        }
        each::<Listener>(&listeners, called, "listeners", &above, tree)
    }
}

impl Grows for Listener {
    const BELOW: &'static [&'static str] = &["default_pool", "l7policies"];

    fn grow(&self, below: &Map<String, Json>, called: &str, tree: &mut Inventory) -> Result<(), Fault> {
        if let Some(given) = below.get("default_pool") {
            let pool = pool(given, &format!("{called}.default_pool"), self, tree);
            let pool = pool.map_err(|fault| fault.within("default_pool"))?;
            let mut listener = self.clone();
            listener.default_pool_id = Some(pool);
            listener.admit(None, tree)?;
            tree.listeners.put(listener.into());
        }
        let above = Above {
            fields: &[("listener_id", self.head.id)],
            parent: None,
            project_id: &self.head.project_id,
        };
        let called = format!("{called}.l7policies");
        for (index, given) in all(below, "l7policies")?.iter().enumerate() {
            let made = self.grow_policy(given.clone(), &called, &above, tree);
            made.map_err(|fault| fault.within(&format!("l7policies.{index}")))?;
        }
        Ok(())
    }
}

impl Listener {
    fn grow_policy(
        &self,
        mut given: Json,
        called: &str,
        above: &Above<'_>,
        tree: &mut Inventory,
    ) -> Result<Uuid, Fault> {
        if let Some(body) = given.as_object() {
            // By name alone: the pools have no ids yet.
            refuse_place(body, called, &["redirect_pool_id"])?;
        }
        if let Some(body) = given.as_object_mut()
            && let Some(redirect) = body.remove("redirect_pool")
            && !redirect.is_null()
        {
            let pool = pool(&redirect, &format!("{called}.redirect_pool"), self, tree);
            let pool = pool.map_err(|fault| fault.within("redirect_pool"))?;
            body.insert("redirect_pool_id".into(), pool.to_string().into());
        }
        below::<L7Policy>(&given, called, above, tree)
    }
}

impl Grows for Pool {
    const BELOW: &'static [&'static str] = &["members", "healthmonitor"];

    fn grow(&self, below: &Map<String, Json>, called: &str, tree: &mut Inventory) -> Result<(), Fault> {
        let above = Above {
            fields: &[],
            parent: Some(self.head.id),
            project_id: &self.head.project_id,
        };
        each::<Member>(all(below, "members")?, called, "members", &above, tree)?;
        let above = Above {
            fields: &[("pool_id", self.head.id)],
            parent: None,
            ..above
        };
        if let Some(given) = below.get("healthmonitor") {
            let made = self::below::<HealthMonitor>(given, &format!("{called}.healthmonitor"), &above, tree);
            made.map_err(|fault| fault.within("healthmonitor"))?;
        }
        Ok(())
    }
}

impl Grows for L7Policy {
    const BELOW: &'static [&'static str] = &["rules"];

    fn grow(&self, below: &Map<String, Json>, called: &str, tree: &mut Inventory) -> Result<(), Fault> {
        let above = Above {
            fields: &[],
            parent: Some(self.head.id),
            project_id: &self.head.project_id,
        };
        each::<L7Rule>(all(below, "rules")?, called, "rules", &above, tree)
    }
}

impl Grows for HealthMonitor {}

impl Grows for Member {
    fn place(&mut self, parent: Uuid) {
        self.pool_id = parent;
    }

    fn parent(id: &str, inventory: &Inventory) -> Result<Uuid, Fault> {
        named::<Pool>(id, Pool::TITLE, inventory)
    }
}

impl Grows for L7Rule {
    fn place(&mut self, parent: Uuid) {
        self.l7policy_id = parent;
    }

    fn parent(id: &str, inventory: &Inventory) -> Result<Uuid, Fault> {
        named::<L7Policy>(id, POLICY, inventory)
    }
}

/// What a path calls so, and messages `title`.
fn named<T: Object>(id: &str, title: &str, inventory: &Inventory) -> Result<Uuid, Fault> {
    let found = find::<T>(id, inventory);
    found
        .map(|found| found.head().id)
        .map_err(|_| Fault::no_parent(title, short(id)))
}

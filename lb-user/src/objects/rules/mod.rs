//! The rules: what an object may be beside those that it belongs with, and what goes along when it goes.
//!
//! They look at the tree of one load balancer, in which they may change what follows from a change.

mod health_monitor;
mod l7policy;
mod l7rule;
mod listener;
mod load_balancer;
mod member;
mod offered;
mod pool;

use std::sync::Arc;

pub(crate) use health_monitor::MONITOR_TIMES_S;
pub(crate) use l7policy::without_final_slash;
pub(crate) use l7rule::POLICY;
pub use offered::Offered;
pub(crate) use pool::{PERSISTENCE_TIMEOUT_S, netmask_bits};

use uuid::Uuid;

use super::{Fault, Inventory, Listener, LoadBalancer, Object, Origin, ProvisioningStatus};

/// A kind of objects that people make, change and take away.
pub trait Rules: Object {
    /// The load balancer whose tree it belongs to.
    fn load_balancer(&self, inventory: &Inventory) -> Result<Uuid, Fault>;

    /// Completes what is asked for, and refuses what cannot be; `before` is what it was.
    fn admit(&mut self, before: Option<&Self>, tree: &mut Inventory) -> Result<(), Fault>;

    /// Takes from the tree what goes along with it, or says why it has to stay.
    fn leave(&self, tree: &mut Inventory) -> Result<(), Fault>;

    /// Why nothing can be done with it while a change of its load balancer is being applied.
    fn held(&self, balancer: Uuid, _: &Inventory) -> Fault {
        Fault::immutable(LoadBalancer::TITLE, balancer)
    }
}

/// Why nothing can be done with what belongs to `parent`, as long as that is being changed: the service looks at it first.
fn held_with(parent: Uuid, called: &str, balancer: Uuid, inventory: &Inventory) -> Fault {
    match inventory.provisioning(parent) {
        ProvisioningStatus::Active => Fault::immutable(LoadBalancer::TITLE, balancer),
        _ => Fault::immutable(called, parent),
    }
}

/// Refuses to change what somebody else keeps.
pub fn changeable(object: &impl Object) -> Result<(), Fault> {
    fn refuse<T: Object>(object: &T) -> Result<(), Fault> {
        let head = object.head();
        match &head.origin {
            Origin::Api => Ok(()),
            Origin::File(file) => Err(Fault::new(
                409,
                format!(
                    "{} {} is immutable and cannot be updated. It stands in {}: change it there, and reload",
                    T::TITLE,
                    head.id,
                    file.display()
                ),
            )),
            Origin::BuiltIn => Err(Fault::new(
                409,
                format!("{} {} is built in and cannot be changed", T::TITLE, head.id),
            )),
        }
    }
    refuse(object)
}

/// The object that another one refers to.
pub(super) fn found<T: Object>(inventory: &Inventory, id: Uuid) -> Result<&Arc<T>, Fault> {
    T::table(inventory)
        .get(id)
        .ok_or_else(|| Fault::not_found(T::TITLE, id))
}

/// The load balancer of a pool; one of a file may have none, or several.
fn of_pool(inventory: &Inventory, pool: Uuid) -> Result<Uuid, Fault> {
    let pool = found::<super::Pool>(inventory, pool)?;
    changeable(pool.as_ref())?;
    let balancers = pool.load_balancers.first().copied();
    balancers.ok_or_else(|| Fault::not_found("Load Balancer of pool", pool.head.id))
}

/// Refuses what can be asked for of others, but not here.
pub(super) fn not_offered(what: &str, instead: &str) -> Fault {
    Fault::unsupported(format!("{what}; {instead}"))
}

/// Refuses what deployments of the service can be without, and this one is.
pub(super) fn disabled(option: &str, value: &str) -> Fault {
    let text = format!("The selected {option} is not allowed in this deployment: {value}");
    Fault::new(400, text)
}

/// A pool that a listener's clients are to be led to.
fn check_protocols(listener: &Listener, pool: Uuid, tree: &Inventory) -> Result<(), Fault> {
    let pool = found::<super::Pool>(tree, pool)?;
    if listener.protocol.goes_with(pool.protocol) {
        return Ok(());
    }
    Err(Fault::invalid(format!(
        "The pool protocol '{}' is invalid while the listener protocol is '{}'.",
        pool.protocol, listener.protocol
    )))
}

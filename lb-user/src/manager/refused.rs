//! What the data plane has refused, and is asked for once more.

use std::sync::Arc;

use super::{Applying, Before, Manager, mark, refuse_while_pending};
use crate::{
    objects::{Difference, Fault, LoadBalancer, Object as _, Origin, Pool},
    translate::translate,
    views::Refused,
};

impl Manager {
    /// The load balancers of which the data plane does not serve all that they are to be.
    pub fn refused(&self) -> Vec<Refused> {
        let inventory = self.read();
        let refused = inventory.refused().into_iter();
        let refused = refused.map(|(balancer, reason)| Refused {
            id: balancer.head.id.to_string(),
            name: balancer.head.name.clone(),
            reason: reason.to_owned(),
        });
        refused.collect()
    }

    /// What the pools of the API are called that nothing leads to.
    pub fn unused_pools(&self) -> Vec<String> {
        let inventory = self.read();
        let is_unused = |pool: &&Arc<Pool>| {
            pool.head.origin == Origin::Api
                && inventory.listeners_with(pool).next().is_none()
                && inventory.policies_to(pool).next().is_none()
        };
        let called = |pool: &Arc<Pool>| match pool.head.name.as_str() {
            "" => pool.head.id.to_string(),
            name => name.to_owned(),
        };
        inventory.pools.iter().filter(is_unused).map(called).collect()
    }

    /// Has the data plane serve a load balancer anew as it is to be.
    pub async fn apply_again(self: &Arc<Self>, balancer: &LoadBalancer) -> Result<(), Fault> {
        let _writing = self.writing.lock().await;
        let balancer = balancer.head.id;
        let (managed, change) = {
            let mut inventory = self.write();
            let known = inventory.load_balancers.get(balancer);
            let known = known.ok_or_else(|| Fault::not_found(LoadBalancer::TITLE, balancer))?;
            refuse_while_pending(&inventory, known.as_ref())?;
            let managed = translate(&inventory.tree(balancer), balancer, &self.certificates)?;
            let nothing = Difference::default();
            let before = Before::of(&inventory, [balancer], &nothing);
            let pending = mark(&mut inventory, balancer, &nothing);
            (
                managed,
                Applying {
                    balancer,
                    pending,
                    before,
                },
            )
        };
        self.tell(&change.pending);
        self.apply(managed, change).await;
        Ok(())
    }

    /// Has the data plane try again what it has refused, since something else has changed that may have been in the way.
    pub async fn apply_refused(self: &Arc<Self>) {
        let refused: Vec<Arc<LoadBalancer>> = {
            let inventory = self.read();
            let refused = inventory.refused().into_iter();
            refused.map(|(balancer, _)| Arc::clone(balancer)).collect()
        };
        for balancer in refused {
            // It may be under way, or gone: then somebody else has seen to it. What cannot be translated still says why.
            let _ = self.apply_again(&balancer).await;
        }
    }
}

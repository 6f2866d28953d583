//! Load balancers.

use uuid::Uuid;

use super::{Fault, Inventory, Rules, not_offered};
use crate::objects::LoadBalancer;

impl Rules for LoadBalancer {
    fn load_balancer(&self, _: &Inventory) -> Result<Uuid, Fault> {
        Ok(self.head.id)
    }

    fn admit(&mut self, _: Option<&Self>, _: &mut Inventory) -> Result<(), Fault> {
        let unoffered = std::mem::take(&mut self.unoffered);
        if let Some(group) = unoffered.vip_sg_ids.first() {
            return Err(Fault::new(400, format!("Security Group {group} not found.")).at("vip_sg_ids"));
        }
        if !unoffered.additional_vips.is_empty() {
            return Err(
                not_offered("additional_vips", "make a load balancer for each address").at("additional_vips"),
            );
        }
        Ok(())
    }

    fn leave(&self, tree: &mut Inventory) -> Result<(), Fault> {
        let id = self.head.id;
        if tree.listeners.of(id).next().is_none() && tree.pools.of(id).next().is_none() {
            Ok(())
        } else {
            Err(Fault::invalid(format!(
                "Cannot delete Load Balancer {id} - it has children"
            )))
        }
    }

    fn held(&self, balancer: Uuid, inventory: &Inventory) -> Fault {
        let state = inventory.provisioning(balancer);
        Fault::new(
            409,
            format!("Invalid state {state} of loadbalancer resource {balancer}"),
        )
    }
}

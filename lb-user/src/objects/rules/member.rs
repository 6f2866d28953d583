//! Members.

use std::net::{IpAddr, Ipv4Addr};

use uuid::Uuid;

use super::{Fault, Inventory, Rules, held_with, not_offered, of_pool};
use crate::{
    model::{MAX_MEMBERS_PER_POOL, why_not_unicast},
    objects::{Asker, Member, Object as _, Pool},
};

/// Where clouds tell their machines about themselves: nobody is to be led there.
const METADATA: IpAddr = IpAddr::V4(Ipv4Addr::new(169, 254, 169, 254));

/// Refuses to lead anybody to what listens for this host alone.
fn is_inside(field: &str, address: IpAddr) -> Fault {
    let text = format!(
        "{field} {address} is inside this host, where only administrators may lead; name another machine's"
    );
    Fault::invalid(text).at(field)
}

impl Rules for Member {
    fn load_balancer(&self, inventory: &Inventory) -> Result<Uuid, Fault> {
        of_pool(inventory, self.pool_id)
    }

    fn admit(&mut self, before: Option<&Self>, tree: &mut Inventory) -> Result<(), Fault> {
        let Some(address) = self.address.map(|address| address.to_canonical()) else {
            return Err(Fault::of_field("address", "None", "Mandatory field missing."));
        };
        self.address = Some(address);
        if why_not_unicast(address).is_some() || address == METADATA {
            return Err(Fault::invalid_option(&address.to_string(), "member address").at("address"));
        }
        let asked = self.monitor_address.map(|address| address.to_canonical());
        if let Some(asked) = asked.filter(|asked| why_not_unicast(*asked).is_some()) {
            return Err(Fault::invalid_option(&asked.to_string(), "monitor_address").at("monitor_address"));
        }
        let is_changed = |asked: &IpAddr| before.is_none_or(|before| before.monitor_address != Some(*asked));
        let inside = |address: Option<IpAddr>| address.filter(IpAddr::is_loopback);
        if tree.asker() == Asker::Tenant {
            if before.is_none() && inside(self.address).is_some() {
                return Err(is_inside("address", address));
            }
            if let Some(asked) = inside(asked).filter(is_changed) {
                return Err(is_inside("monitor_address", asked));
            }
        }
        if self.wants_sriov {
            return Err(Fault::new(
                400,
                "The load balancer flavor does not allow SR-IOV member ports.",
            )
            .at("vnic_type"));
        }
        if self.backup {
            return Err(not_offered("backup members", "give spare members weight 0").at("backup"));
        }
        if before.is_none() {
            let others = || {
                tree.members
                    .of(self.pool_id)
                    .filter(|other| other.head.id != self.head.id)
            };
            let is_same =
                |other: &Self| other.address == self.address && other.protocol_port == self.protocol_port;
            if others().any(|other| is_same(other)) {
                return Err(Fault::new(
                    409,
                    format!(
                        "Another member on this pool is already using ip {address} on protocol_port {}",
                        self.protocol_port
                    ),
                )
                .at("address"));
            }
            if others().count() >= MAX_MEMBERS_PER_POOL {
                return Err(Fault::invalid(format!(
                    "a pool has at most {MAX_MEMBERS_PER_POOL} members"
                )));
            }
        }
        Ok(())
    }

    fn leave(&self, _: &mut Inventory) -> Result<(), Fault> {
        Ok(())
    }

    fn held(&self, balancer: Uuid, inventory: &Inventory) -> Fault {
        held_with(self.pool_id, Pool::TITLE, balancer, inventory)
    }
}

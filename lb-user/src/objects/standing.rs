//! Operating status: how the objects are doing.

use uuid::Uuid;

use super::{Head, Inventory, Listener, LoadBalancer, Member, Pool, ProvisioningStatus};
use crate::{
    model::OperatingStatus,
    views::operating::{self, Behind},
};

impl Inventory {
    /// Whether nothing is served yet of an object, or of any.
    fn is_unserved(&self, id: Uuid) -> bool {
        self.is_idle() || self.provisioning(id) == ProvisioningStatus::PendingCreate
    }

    /// How a health monitor, a policy or a rule is doing: what is there, works.
    #[must_use]
    pub fn operating_of_setting(&self, head: &Head) -> OperatingStatus {
        if head.admin_state_up && !self.is_unserved(head.id) {
            OperatingStatus::Online
        } else {
            OperatingStatus::Offline
        }
    }

    /// How a member is doing: true to what the data plane does with it.
    #[must_use]
    pub fn operating_of_member(&self, member: &Member) -> OperatingStatus {
        self.operating_where(member, self.is_watched(member.pool_id))
    }

    fn operating_where(&self, member: &Member, is_watched: bool) -> OperatingStatus {
        let is_new = self.provisioning(member.head.id) == ProvisioningStatus::PendingCreate;
        if self.is_idle() {
            OperatingStatus::Offline
        } else if is_new && !is_watched {
            OperatingStatus::NoMonitor
        } else if is_new || !member.head.admin_state_up {
            OperatingStatus::Offline
        } else if self.failed.contains_key(&member.head.id)
            || (is_watched && self.down.contains_key(&member.head.id))
        {
            OperatingStatus::Error
        } else if member.weight == 0 {
            OperatingStatus::Draining
        } else if is_watched {
            OperatingStatus::Online
        } else {
            OperatingStatus::NoMonitor
        }
    }

    /// How a pool is doing, by its members.
    #[must_use]
    pub fn operating_of_pool(&self, pool: &Pool) -> OperatingStatus {
        if self.is_unserved(pool.head.id) || !pool.head.admin_state_up || !self.is_used(pool) {
            return OperatingStatus::Offline;
        }
        let is_watched = self.is_watched(pool.head.id);
        let members = self.members.of(pool.head.id);
        let members: Vec<_> = members
            .map(|member| self.operating_where(member, is_watched))
            .collect();
        operating::of_pool(&members)
    }

    /// How a listener is doing, by its own pool; one that has none serves as well as it can.
    #[must_use]
    pub fn operating_of_listener(&self, listener: &Listener) -> OperatingStatus {
        if self.is_unserved(listener.head.id) {
            return OperatingStatus::Offline;
        }
        if listener.head.admin_state_up && self.unserved.contains(&listener.head.id) {
            return OperatingStatus::Error;
        }
        let pool = listener.default_pool_id.and_then(|id| self.pools.get(id));
        let pool = pool.map(|pool| Behind {
            status: self.operating_of_pool(pool),
            members: self.members.of(pool.head.id).count(),
        });
        operating::of_listener(listener.head.admin_state_up, pool)
    }

    /// How a load balancer is doing, by its listeners.
    #[must_use]
    pub fn operating_of_load_balancer(&self, balancer: &LoadBalancer) -> OperatingStatus {
        if self.is_unserved(balancer.head.id) {
            return OperatingStatus::Offline;
        }
        let listeners = self.listeners.of(balancer.head.id);
        let listeners: Vec<_> = listeners
            .map(|listener| self.operating_of_listener(listener))
            .collect();
        if balancer.head.admin_state_up && self.unserved.contains(&balancer.head.id) {
            return OperatingStatus::Error;
        }
        operating::of_load_balancer(balancer.head.admin_state_up, &listeners)
    }
}
